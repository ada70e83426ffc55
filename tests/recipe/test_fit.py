"""One call from a model and data to a small file."""

from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import DataError, DivergedError, NameMismatchError, OptionError, TargetError  # noqa: E402
from wcodec.recipe import Target, checkpoint  # noqa: E402
from wcodec.recipe.distillation import taught  # noqa: E402
from wcodec.recipe.feed import Feed  # noqa: E402
from wcodec.recipe.search import End, next_factor  # noqa: E402
from wcodec.train import Recipe, fit_compressed  # noqa: E402

layers = keras.layers
QUICK = Recipe(epochs=12, batch_size=32, learning_rate=1e-2, penalty_weight=0.5)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(**dense):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(60, activation="relu", name="dense", **dense),
            layers.Dense(10, name="output"),
        ]
    )


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    return (x[:1400], labels[:1400]), (x[1400:], labels[1400:])


def fit(digits, model=None, **options):
    train, validation = digits
    options = {"loss": LOSS, "validation": validation, "jit_compile": False, "data": train, **options}
    return fit_compressed(model or network(), **options)


def test_a_run_gives_a_file_of_the_original_shapes(digits):
    told = []
    result = fit(digits, recipe=QUICK, start_widths={"dense": 30}, progress=told.append)
    assert result.curve == told
    assert [point.epoch for point in told] == list(range(1, 13))
    decoded = wcodec.decode(result.data)
    assert {name: value.shape for name, value in decoded.items()} == {
        "dense/kernel": (64, 60), "dense/bias": (60,), "output/kernel": (60, 10), "output/bias": (10,)
    }  # fmt: skip
    assert not decoded["dense/kernel"][:, 30:].any()
    plain = network()
    wcodec.load_into(plain, result.data)
    x, y = digits[1]
    accuracy = np.mean(plain.predict(x, verbose=0).argmax(axis=1) == y)
    assert accuracy == pytest.approx(result.accuracy, abs=0.003)
    assert accuracy > 0.8
    assert result.nbytes < 1200


def test_the_smaller_network_has_the_same_accuracy(digits):
    options = {"recipe": Recipe(epochs=6, penalty_weight=4.0), "start_widths": {"dense": 20}}
    result = fit(digits, shapes="smaller", **options)
    assert wcodec.decode(result.data)["dense/kernel"].shape[1] <= 20
    assert fit(digits, shapes="original", **options).accuracy == result.accuracy


def test_a_target_in_bytes_is_met(digits):
    recipe = Recipe(epochs=6, penalty_weight=1.0, cycles=4, cycle_epochs=3)
    result = fit(digits, target=1200, recipe=recipe)
    assert result.nbytes <= 1200
    assert len(result.curve) > 6
    assert {point.cycle for point in result.curve} >= {0, 1}


def test_a_network_that_is_to_grow_begins_anew(digits):
    recipe = Recipe(epochs=4, penalty_weight=40.0, cycles=1, cycle_epochs=1)
    result = fit(digits, target=2500, recipe=recipe)
    assert [point.cycle for point in result.curve] == [0] * 4 + [1] * 4
    assert result.curve[3].nbytes < result.curve[7].nbytes <= 2500


@pytest.mark.parametrize(
    ("nbytes", "factor"),
    [
        ([1000], 0.4),  # (2000 / 1000) ** -2, but no less than .4
        ([1250], 0.4),
        ([1500], 0.5625),  # met, but far from the end of the search
        ([1900], 0.9025),
        ([1000, 1700], 0.8),  # nearly there: no less than .8
        ([2200], 1.21),
        ([8000], 5.0),
    ],
)
def test_the_next_weight_of_the_penalty(nbytes, factor):
    ends = [End(10.0 - 5 * i, n, 0.9, {}, {}) for i, n in enumerate(nbytes)]
    assert next_factor(Target(nbytes=2000), ends) == pytest.approx(factor)


def test_a_target_that_cannot_be_met_tells_the_closest_point(digits):
    recipe = Recipe(epochs=2, penalty_weight=1.0, cycles=1, cycle_epochs=1)
    with pytest.raises(TargetError, match=r"closest: [\d,]+ bytes at an accuracy of 0\.") as raised:
        fit(digits, target=0.9999, recipe=recipe)
    assert raised.value.closest.nbytes == len(raised.value.closest.data)


def test_a_run_goes_on_from_its_checkpoint(digits, tmp_path):
    """Stopped after the third of six epochs by an error in `progress`."""
    recipe = Recipe(epochs=6, penalty_weight=2.0)

    def stop(point):
        if point.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(digits, recipe=recipe, checkpoint=tmp_path / "run.npz", progress=stop)
    result = fit(digits, recipe=recipe, checkpoint=tmp_path / "run.npz")
    assert [point.epoch for point in result.curve] == [1, 2, 3, 4, 5, 6]
    other = keras.Sequential([keras.Input((64,)), layers.Dense(10, name="dense")])
    with pytest.raises(NameMismatchError, match="another model"):
        fit(digits, other, recipe=recipe, checkpoint=tmp_path / "run.npz")


def test_a_run_stopped_in_a_later_cycle_remembers_the_best_end(digits, tmp_path):
    """Cycles of 6, 2 and 2 epochs at the weights 2, 10 and 50, stopped in the third.

    "Accuracy" is the size here, so that the best end of at most the second's bytes is the second, whatever a few epochs
    come to.
    """
    recipe = Recipe(epochs=6, penalty_weight=2.0, cycles=2, cycle_epochs=2)
    path, size = tmp_path / "run.npz", lambda model: wcodec.encode(model).nbytes / 1e5
    options = {"recipe": recipe, "checkpoint": path, "evaluate": size}

    def stop(point):
        if point.epoch == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(digits, target=1, progress=stop, **options)
    first, second = checkpoint.peek(path).ends
    assert (first.penalty_weight, second.penalty_weight) == (2.0, 10.0)
    assert first.nbytes > second.nbytes
    result = fit(digits, target=second.nbytes, **options)
    assert (result.nbytes, result.accuracy) == (second.nbytes, second.accuracy)
    assert [point.cycle for point in result.curve] == [0] * 6 + [1] * 2 + [2] * 2
    assert result.curve[-1].nbytes < second.nbytes


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"text", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_checkpoint(digits, tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"run\.npz is not a checkpoint that this version goes on from"):
        fit(digits, recipe=QUICK, checkpoint=path)
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_version(digits, tmp_path):
    path = tmp_path / "run.npz"
    np.savez(path, progressed=np.frombuffer(b'{"epoch": 3}', np.uint8))
    with pytest.raises(DataError, match="remove it to begin anew"):
        fit(digits, recipe=QUICK, checkpoint=path)


def test_a_function_of_the_epoch_gives_the_data(digits):
    asked = []

    def data(epoch):
        asked.append(epoch)
        return digits[0]

    fit(digits, data=data, recipe=Recipe(epochs=2))
    assert asked == [0, 0, 1]  # once before, for the number of batches


@pytest.fixture(scope="module")
def teacher(digits):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(100, activation="relu", name="wide"), layers.Dense(10, name="output")]
    )
    model.compile(keras.optimizers.Adam(5e-3), LOSS)
    model.fit(*digits[0], batch_size=64, epochs=15, verbose=0)
    return model


@pytest.mark.parametrize("in_epochs", [False, True])
def test_a_teacher_takes_the_place_of_labels(digits, teacher, in_epochs):
    """The labels given are wrong; what is learned comes from the teacher alone."""
    x, y = digits[0]
    wrong = (y + 1) % 10
    data = (lambda epoch: (x, wrong)) if in_epochs else (x, wrong)
    result = fit(digits, data=data, teacher=teacher, recipe=QUICK)
    assert result.accuracy > 0.8


def test_labels_of_a_teacher_and_of_the_data_are_mixed(digits, teacher):
    x, y = digits[0]
    (_, labels), loss = taught((x, y), LOSS, teacher, 0.75)
    logits = np.asarray(teacher.predict(x[:5], verbose=0), np.float64)
    expected = 0.75 * np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) + 0.25 * np.eye(10)[y[:5]]
    np.testing.assert_allclose(labels[:5], expected, atol=1e-6)
    assert loss.get_config()["from_logits"] is True
    probabilities = keras.Sequential([teacher, layers.Softmax()])
    (_, same), loss = taught((x, y), "sparse_categorical_crossentropy", probabilities, 0.75)
    np.testing.assert_allclose(same, labels, atol=1e-5)
    assert loss.get_config()["from_logits"] is False


def test_refinements_at_the_end_make_the_file_smaller(digits):
    recipe = Recipe(epochs=4, penalty_weight=0.2, learning_rate=1e-2)
    rough = fit(digits, recipe=recipe)
    fine = fit(digits, recipe=replace(recipe, refinements=30))
    assert fine.nbytes < rough.nbytes
    plain = network()
    wcodec.load_into(plain, fine.data)
    assert np.mean(plain.predict(digits[1][0], verbose=0).argmax(axis=1) == digits[1][1]) == fine.accuracy
    with pytest.raises(DataError, match="refinements need data as arrays"):
        fit(digits, data=[digits[0]], recipe=replace(recipe, epochs=1, refinements=1))


def test_what_a_teacher_cannot_label(digits, teacher):
    with pytest.raises(OptionError, match="in no other loss"):
        fit(digits, teacher=teacher, loss="mse")
    with pytest.raises(OptionError, match="teacher_share"):
        fit(digits, teacher=teacher, recipe=Recipe(teacher_share=0.0))
    with pytest.raises(DataError, match="a teacher labels arrays"):
        fit(digits, teacher=teacher, data=[digits[0]])


def test_the_accuracy_of_a_network_with_normalization_is_that_of_its_file(digits):
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(30, use_bias=False, name="dense"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Dense(10, name="output"),
        ]
    )
    result = fit(digits, model, recipe=Recipe(epochs=4, penalty_weight=2.0, statistics_batches=5))
    loaded = keras.models.clone_model(model)
    wcodec.load_into(loaded, result.data)
    x, y = digits[1]
    assert np.mean(loaded.predict(x, verbose=0).argmax(axis=1) == y) == result.accuracy
    symbols, _ = wcodec.decode_quantized(result.data)["norm/moving_mean"]
    assert np.abs(symbols).max() < 1000  # on the grid of `settle_statistics`


@pytest.mark.parametrize(
    "data",
    [
        (np.arange(10.0), np.zeros(10)),
        lambda epoch: (np.arange(10.0) + 100 * epoch, np.zeros(10)),
        [(np.arange(4.0), np.zeros(4)), (np.arange(4.0, 8), np.zeros(4)), (np.arange(8.0, 10), np.zeros(2))],
    ],
    ids=["arrays", "function", "batches"],
)
def test_inputs_of_the_first_batches(data):
    feed = Feed(data, 4)
    assert [batch.tolist() for batch in feed.inputs(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [len(batch) for batch in feed.inputs(9)] == [4, 4, 2]


def test_a_weight_with_a_constraint_is_trained_as_it_is_and_reported(digits):
    model = network(kernel_constraint=keras.constraints.MaxNorm(3.0))
    result = fit(digits, model, recipe=Recipe(epochs=1))
    assert result.warnings == ["dense/kernel is trained as it is: its constraint cannot act on latents"]


def test_a_loss_that_diverges(digits):
    x, y = digits[0]
    with pytest.raises(DivergedError, match="epoch 1 is nan"):
        fit(digits, data=(np.full_like(x, np.nan), y), recipe=Recipe(epochs=2))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ((np.empty((0, 64), np.float32), np.empty(0, np.int64)), "yields no batch"),
        ((np.ones((4, 64), np.float32), np.ones(3, np.int64)), "as many inputs as labels"),
        (iter([]), "needs a length"),
        ((np.ones((4, 8, 8), np.float32), np.ones(4, np.int64)), r"are \(8, 8\), and the model takes \(64,\)"),
        (lambda epoch: (np.ones((4, 63), np.float32), np.ones(4)), r"are \(63,\), and the model takes \(64,\)"),
    ],
)
def test_data_that_a_training_cannot_use(digits, data, rule):
    with pytest.raises(DataError, match=rule):
        fit(digits, data=data)


@pytest.mark.parametrize("target", [0, -5, 1.5, 0.0, True, "10KB"])
def test_targets_that_mean_nothing(target):
    with pytest.raises(OptionError, match="target is a number of bytes"):
        Target.of(target)


def test_options_that_mean_nothing(digits):
    with pytest.raises(OptionError, match="epochs"):
        Recipe(epochs=0)
    with pytest.raises(OptionError, match="penalty_weight is a finite number >= 0, not -1"):
        Recipe(penalty_weight=-1.0)
    with pytest.raises(OptionError, match="statistics_batches and refinements"):
        Recipe(statistics_batches=-1)
    with pytest.raises(OptionError, match="shapes"):
        fit(digits, shapes="tiny")
    with pytest.raises(OptionError, match="needs validation"):
        fit(digits, target=0.9, validation=None)


def test_a_plot(digits, tmp_path):
    pytest.importorskip("matplotlib")
    fit(digits, recipe=Recipe(epochs=2)).plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
