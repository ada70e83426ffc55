import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.errors import (  # noqa: E402
    UnsupportedTypeError,
)
from wcodec.factorizations import (  # noqa: E402
    FACTORIZATIONS,
    Dense,
    FactoredWeight,
    KMeans,
    LowRank,
    Sparse,
    register_factorization,
)
from wcodec.quantize import from_symbols, to_symbols  # noqa: E402
from wcodec.train import compressible  # noqa: E402

layers = keras.layers


def convnet(dropout=0.2):
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.Flatten(),
            layers.Dropout(dropout, seed=1),
            layers.Dense(2, name="fc"),
        ]
    )


def one_dense(kernel, bias=0.0):
    """(n, 1) weights under the name "fc"."""
    model = keras.Sequential([keras.Input((len(kernel),)), layers.Dense(1, name="fc")])
    model.set_weights([np.array(kernel, "float32")[:, None], np.array([bias], "float32")])
    return model


def batch(n=16):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6, 6, 2)).astype("float32"), rng.integers(0, 2, n).astype("int32")


def compiled(model, optimizer=None, **options):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(1e-2), loss, **{"jit_compile": False, **options})
    return model


def array(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def total_loss(model):
    return sum(array(loss).item() for loss in model.losses)


def latents(wrapped):
    return {weight.name: weight for weight, _ in wrapped.latent_weights()}


# -- the forward pass --------------------------------------------------------------------------------------------------


def test_forward_pass_sees_rounded_weights():
    # log_step 0 is step 1: the weights become 1, -2, 0 and the bias 4.
    wrapped = compressible(one_dense([0.7, -1.6, 0.4], bias=3.9), initial_log_step=0.0)
    assert array(wrapped(np.array([[1.0, 10.0, 100.0]], "float32"))).tolist() == [[1.0 - 20.0 + 4.0]]


def test_steps_are_those_of_the_format():
    # e^-4 is nearest to step code 228, 2^(4/16 - 6) = 0.018581...; 0.1 / 0.01858 rounds to 5.
    wrapped = compressible(one_dense([0.1]))
    kernel = wrapped.factored_weights()["fc/kernel"]
    assert kernel.step_codes["weight"].tolist() == 228
    assert array(wrapped(np.ones((1, 1), "float32"))).item() == np.float32(5) * np.float32(0.018581361)


def test_two_inputs_and_the_training_flag():
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    mixed = layers.Dropout(0.5, seed=3)(layers.Dense(4)(layers.Concatenate()([left, right])))
    wrapped = compressible(keras.Model({"left": left, "right": right}, mixed))
    x = {"left": np.ones((8, 3), "float32"), "right": np.ones((8, 3), "float32")}
    assert (array(wrapped(x, training=False)) != 0).all()
    assert (array(wrapped(x, training=True)) == 0).any()


def test_masks_reach_the_inner_layers():
    model = keras.Sequential([keras.Input((4,)), layers.Embedding(5, 2, mask_zero=True), layers.LSTM(3)])
    wrapped = compressible(model)
    padded = array(wrapped(np.array([[1, 2, 0, 0]])))
    wrapped.finalize()
    np.testing.assert_allclose(padded, array(model(np.array([[1, 2, 0, 0]]))), rtol=1e-5)


# -- the penalty -------------------------------------------------------------------------------------------------------


def test_penalty_is_lambda_over_the_count_of_weights():
    # |u| = 1, 0, 2 and a bias of 0, four weights: 3 / 4 * (log(101) + log(201))
    wrapped = compressible(one_dense([1.0, 0.0, -2.0]), penalty_weight=3.0, initial_log_step=0.0)
    assert total_loss(wrapped) == pytest.approx(0.75 * 9.918425, rel=1e-6)


def test_penalty_is_counted_once_for_a_shared_layer():
    shared, inputs = layers.Dense(3, name="shared"), keras.Input((3,))
    wrapped = compressible(keras.Model(inputs, shared(shared(inputs))))
    wrapped(np.ones((1, 3), "float32"), training=True)
    assert len(wrapped.losses) == 2  # one for the kernel, one for the bias


def test_losses_of_the_inner_model_count_too():
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5), activity_regularizer="l1")]
    )
    model.set_weights([np.array([[2.0]]), np.array([0.0])])
    wrapped = compressible(model, penalty_weight=0.0, initial_log_step=0.0)
    wrapped(np.array([[3.0]], "float32"), training=True)
    # 0.5 * 2^2 on the kernel, 0.01 * |6| on the activity
    assert total_loss(wrapped) == pytest.approx(2.06, rel=1e-6)


# -- training ----------------------------------------------------------------------------------------------------------


def test_moving_statistics_and_seeds_advance_and_flags_are_kept():
    model = convnet()
    wrapped = compiled(compressible(model))
    mean, seed = model.get_layer("bn").moving_mean, model.layers[3].seed_generator.state
    before = array(mean).copy(), array(seed).copy()
    wrapped.train_on_batch(*batch())
    assert not np.array_equal(array(mean), before[0])
    assert not np.array_equal(array(seed), before[1])
    assert [v.trainable for v in model.weights] == [True] * 4 + [False] * 2 + [True] * 2


def test_stateless_call_returns_the_moved_statistics():
    # The way JAX trains: no layer's __call__ is around `call`, so that nothing is passed by context.
    wrapped = compressible(convnet())
    state = [v.value for v in wrapped.trainable_variables], [v.value for v in wrapped.non_trainable_variables]
    _, after = wrapped.stateless_call(*state, batch()[0], training=True)
    moved = [
        v.path.split("/")[-1]
        for v, old, new in zip(wrapped.non_trainable_variables, state[1], after, strict=True)
        if not np.array_equal(array(old), array(new))
    ]
    assert sorted(moved) == ["moving_mean", "moving_variance", "seed_generator_state"]


def test_an_inner_model_need_not_know_of_training():
    class Doubled(keras.Model):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

        def call(self, x):
            return 2.0 * x * self.scale

    model = Doubled()
    model.build((None, 1))
    assert array(compressible(model, initial_log_step=0.0)(np.ones((1, 1), "float32"), training=True)).item() == 2.0


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch's compiler cannot trace keras.StatelessScope")
def test_jit_compiled_training_agrees_with_plain():
    losses = []
    for jit in (False, True):
        keras.utils.set_random_seed(1)
        wrapped = compiled(compressible(convnet(dropout=0.0)), jit_compile=jit)
        losses.append(wrapped.fit(*batch(), epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_mixed_precision_keeps_latents_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        wrapped = compiled(compressible(convnet()))
    finally:
        keras.config.set_dtype_policy("float32")
    assert wrapped.dtype_policy.name == "mixed_bfloat16"
    wrapped.train_on_batch(*batch())
    assert {v.dtype for v in wrapped.trainable_variables} == {"float32"}
    assert keras.backend.standardize_dtype(wrapped(batch()[0]).dtype) == "bfloat16"


def test_weight_decay_spares_steps_and_what_the_user_excluded():
    wrapped = compressible(one_dense([1.0, 2.0], bias=3.0), penalty_weight=0.0)
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["fc-bias"])
    wrapped.compile(optimizer, loss=lambda _, y: 0.0 * keras.ops.sum(y, axis=-1), jit_compile=False)
    wrapped.train_on_batch(np.ones((1, 2), "float32"), np.ones((1, 1), "float32"))
    weights = latents(wrapped)
    np.testing.assert_allclose(array(weights["fc/kernel"].latents["weight"]).ravel(), [0.95, 1.9], rtol=1e-6)
    assert array(weights["fc/bias"].latents["weight"]).tolist() == [3.0]
    assert [float(array(weight.steps["weight"].variable)) for weight in weights.values()] == [-4.0, -4.0]


def test_step_rate_moves_the_steps_faster():
    moved = []
    for rate in (1.0, 4.0):
        wrapped = compressible(one_dense([1.0, 2.0]), step_rate=rate)
        codes = [weight.factored().step_codes["weight"] for weight in latents(wrapped).values()]
        assert codes == [228, 228]
        compiled(wrapped, keras.optimizers.Adam(0.1)).train_on_batch(np.ones((1, 2), "float32"), np.zeros(1, "int32"))
        moved.append(int(wrapped.factored_weights()["fc/kernel"].step_codes["weight"]) - 228)
    # The first step of Adam is the learning rate: 0.1 in log_step is 2.3 codes.
    assert moved == [2, 9]


def test_an_all_zero_weight_cannot_run_its_step_away():
    wrapped = compressible(one_dense([0.0]), penalty_weight=100.0, initial_log_step=2.5)
    latents(wrapped)["fc/kernel"].latents["weight"].assign([[1e-3]])
    compiled(wrapped, keras.optimizers.SGD(1e3))
    for _ in range(3):
        wrapped.train_on_batch(np.zeros((1, 1), "float32"), np.zeros((1,), "int32"))
    assert wrapped.factored_weights()["fc/kernel"].step_codes["weight"] <= 384


def test_epochs_log_the_estimate_for_other_callbacks():
    seen = []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["estimated_nbytes"]))
    wrapped = compiled(compressible(convnet()))
    history = wrapped.fit(*batch(), epochs=2, verbose=0, callbacks=spy).history
    assert history["estimated_nbytes"] == seen
    assert seen[-1] == wrapped.estimated_nbytes()


def test_estimate_literal():
    # Symbols 1 and -2: run 0, sign, gamma(1) + run 0, sign, gamma(2) = 8 bits; the bias 0 is one run of 1, 3 bits;
    # two step codes.
    assert compressible(one_dense([1.0, -2.0]), initial_log_step=0.0).estimated_nbytes() == 1 + 1 + 2


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_finalize_is_what_a_decoder_reconstructs():
    model = convnet()
    wrapped = compiled(compressible(model, initial_log_step=-2.0))
    wrapped.fit(*batch(), epochs=2, verbose=0)
    factored = wrapped.factored_weights()
    assert wrapped.finalize() is model
    assert list(factored) == [
        "conv/kernel", "conv/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance",
        "fc/kernel", "fc/bias",
    ]  # fmt: skip
    for (name, value), variable in zip(factored.items(), model.weights, strict=True):
        if isinstance(value, FactoredWeight):
            codes = value.step_codes
            factors = {k: from_symbols(to_symbols(f, codes[k]), codes[k]) for k, f in value.factors.items()}
            value = value.factorization.reconstruct(factors)
        else:
            assert name in ("bn/moving_mean", "bn/moving_variance")
        np.testing.assert_array_equal(array(variable), value, err_msg=name)
    assert factored["conv/kernel"].step_codes["latent"].shape == (3, 3, 1, 1)
    assert factored["fc/kernel"].step_codes["weight"].shape == ()


def test_frozen_layers_stay_as_they_are():
    model = convnet()
    model.get_layer("conv").trainable = False
    factored = compressible(model).factored_weights()
    assert isinstance(factored["conv/kernel"], np.ndarray)
    assert isinstance(factored["fc/kernel"], FactoredWeight)


def test_training_goes_on_after_a_reload(tmp_path):
    wrapped = compiled(compressible(convnet(dropout=0.0), penalty_weight=7.0, alpha=0.5, step_rate=3.0))
    wrapped.fit(*batch(), verbose=0)
    wrapped.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    options = {"penalty_weight": 7.0, "alpha": 0.5, "initial_log_step": -4.0, "step_rate": 3.0}
    unset = {"weight_count": None, "one_step": False, "rate": "power_law", "statistic_codes": {}}
    assert reloaded.options == {**options, **unset}
    assert total_loss(reloaded) == pytest.approx(total_loss(wrapped), rel=1e-6)
    wrapped.reset_metrics()
    np.testing.assert_allclose(reloaded.train_on_batch(*batch()), wrapped.train_on_batch(*batch()), rtol=1e-5)
    for ours, theirs in zip(wrapped.finalize().weights, reloaded.finalize().weights, strict=True):
        np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-5, atol=1e-6)


# -- factorizations ----------------------------------------------------------------------------------------------------


def test_patterns_choose_factorizations():
    overrides = {"conv/kernel": Dense, "*/kernel": lambda shape: LowRank(shape, 1), "*/bias": None}
    wrapped = compiled(compressible(convnet(), factorizations=overrides))
    kinds = {name: weight.factorization.kind for name, weight in latents(wrapped).items()}
    assert kinds == {"conv/kernel": "dense", "bn/gamma": "dense", "bn/beta": "dense", "fc/kernel": "low_rank"}
    bias = wrapped.inner.get_layer("fc").bias
    wrapped.train_on_batch(*batch())
    assert (array(bias) != 0).all()  # a weight without latents is trained as it is
    assert np.linalg.matrix_rank(array(wrapped.finalize().get_layer("fc").kernel)) == 1


@pytest.mark.parametrize("factory", [lambda shape: KMeans(shape, 4), lambda shape: Sparse(shape, 9)])
def test_integer_factors_are_held_fixed(factory):
    wrapped = compiled(compressible(convnet(), factorizations={"fc/kernel": factory}))
    weight = latents(wrapped)["fc/kernel"]
    before = {factor: array(latent).copy() for factor, latent in weight.latents.items()}
    wrapped.train_on_batch(*batch())
    moved = {factor for factor, latent in weight.latents.items() if not np.array_equal(array(latent), before[factor])}
    assert moved == set(before) - weight.factorization.integer_factors
    assert set(weight.factored().step_codes) == moved


@pytest.fixture
def mirrored():
    @register_factorization
    @dataclasses.dataclass(frozen=True)
    class Mirrored:
        """W = half and its mirror image along the first axis."""

        kind: ClassVar[str] = "wcodec_tests_mirrored"
        number: ClassVar[int | None] = None
        integer_factors: ClassVar[frozenset[str]] = frozenset()
        step_axes: ClassVar[dict[str, tuple[int, ...]]] = {}
        shape: tuple[int, ...]

        @property
        def factor_shapes(self) -> dict[str, tuple[int, ...]]:
            return {"half": (self.shape[0] // 2, *self.shape[1:])}

        def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
            return {"half": weight[: self.shape[0] // 2]}

        def check(self, factors: Any) -> None:
            pass

        def reconstruct(self, factors: Any, xp: Any = np) -> Any:
            return xp.concatenate([factors["half"], xp.flip(factors["half"], axis=0)], axis=0)

    yield Mirrored
    FACTORIZATIONS.pop(Mirrored.kind, None)


def test_a_users_factorization_is_trained_through_and_reloads(mirrored, tmp_path):
    wrapped = compiled(compressible(convnet(), factorizations={"fc/kernel": mirrored}))
    wrapped.train_on_batch(*batch())
    kernel = array(wrapped.finalize().get_layer("fc").kernel)
    np.testing.assert_array_equal(kernel, kernel[::-1])
    wrapped.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")
    del FACTORIZATIONS[mirrored.kind]
    with pytest.raises((UnsupportedTypeError, TypeError), match="not registered"):
        keras.models.load_model(tmp_path / "model.keras")
