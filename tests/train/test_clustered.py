"""Weight clustering: TFMOT's cluster_weights on our wrapper."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import NonFiniteError, OptionError, UnsupportedTypeError  # noqa: E402
from wcodec.train import ConstantSparsity, cluster_weights, prune_low_magnitude, strip_clustering  # noqa: E402
from wcodec.train.clustered import CENTROIDS, ClusteredModel  # noqa: E402

layers = keras.layers


def array(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def dense(kernel):
    model = keras.Sequential([keras.Input((len(kernel),)), layers.Dense(len(kernel[0]), name="fc")])
    model.set_weights([np.array(kernel, "float32"), np.zeros(len(kernel[0]), "float32")])
    return model


def network():
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(6, 3, name="conv"), layers.Flatten(), layers.Dense(3, name="head")]
    )


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 8, 8, 1)).astype("float32"), rng.integers(0, 3, 64)


def fitted(model, epochs=2):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    x, y = data()
    return model.fit(x, y, batch_size=16, epochs=epochs, verbose=0).history["loss"]


@pytest.mark.parametrize("aggregation", ["SUM", "AVG"])
def test_centroids_get_the_gradients_of_their_weights_and_weights_move_straight_through(aggregation):
    # y = x w with x = (1, 2, 3) and one output: dL/dy = 1 for L = mean of y
    model = cluster_weights(dense([[0.1], [0.2], [0.9]]), 2, cluster_gradient_aggregation=aggregation)
    ((weight, variable),) = model.clustered_weights()
    np.testing.assert_allclose(array(weight.centroids), [0.15, 0.9], atol=1e-7)
    model.compile(keras.optimizers.SGD(0.01), lambda _, y: keras.ops.mean(y), jit_compile=False)
    model.train_on_batch(np.array([[1.0, 2.0, 3.0]], "float32"), np.zeros((1, 1), "float32"))
    of_first = 3.0 if aggregation == "SUM" else 1.5
    np.testing.assert_allclose(array(weight.centroids), [0.15 - 0.01 * of_first, 0.9 - 0.03], atol=1e-6)
    np.testing.assert_allclose(array(variable).ravel(), [0.09, 0.18, 0.87], atol=1e-6)


def test_a_weight_moves_to_the_nearest_centroid_of_now():
    model = cluster_weights(dense([[0.0, 1.0, 0.4]]), 2)
    ((weight, variable),) = model.clustered_weights()
    weight.centroids.assign([1.0, 0.0])  # in no order
    assert array(model.effective_weights()[0][1]).tolist() == [[0.0, 1.0, 0.0]]
    variable.assign([[0.6, 0.5, -3.0]])  # .5 lies between: the smaller
    assert array(model.effective_weights()[0][1]).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("init", CENTROIDS)
def test_it_trains_and_the_file_holds_the_shared_values(init, tmp_path):
    model = cluster_weights(network(), 8, init)
    losses = fitted(model)
    assert losses[-1] < losses[0]
    x, _ = data()
    before = model.predict(x, verbose=0)
    report = wcodec.encode(model, lossless=True)
    assert [row.kind for row in report.rows] == ["kmeans", "dense", "kmeans", "dense"]
    model.save(tmp_path / "clustered.keras")
    again = keras.models.load_model(tmp_path / "clustered.keras")
    assert isinstance(again, ClusteredModel)
    np.testing.assert_array_equal(again.predict(x, verbose=0), before)
    plain = strip_clustering(model)
    np.testing.assert_allclose(plain.predict(x, verbose=0), before, atol=1e-5)
    decoded = wcodec.decode(report.data)
    for name in ("conv/kernel", "head/kernel"):
        assert np.unique(decoded[name]).size <= 8
        np.testing.assert_array_equal(decoded[name], array(plain.get_layer(name.split("/")[0]).kernel))


def test_zeros_are_preserved_after_pruning():
    pruned = prune_low_magnitude(network(), ConstantSparsity(0.75, 0))
    pruned.start()
    plain = pruned.finalize()
    zeros = {layer.name: array(layer.kernel) == 0 for layer in plain.layers if hasattr(layer, "kernel")}
    model = cluster_weights(plain, 4, preserve_sparsity=True)
    fitted(model)
    report = wcodec.encode(model)
    assert [row.kind for row in report.rows if row.kind != "dense"] == ["sparse_kmeans"] * 2
    decoded = wcodec.decode(report.data)
    for name, zero in zeros.items():
        assert (decoded[f"{name}/kernel"][zero] == 0).all()
        assert np.unique(decoded[f"{name}/kernel"][~zero]).size <= 4


def test_by_pattern_and_what_cannot_be():
    model = cluster_weights(network(), 4, layers=("head/*",))
    assert [weight.name for weight, _ in model.clustered_weights()] == ["head/kernel"]
    for options, rule in (
        ({"number_of_clusters": 1}, "2 to 65536"),
        ({"cluster_centroids_init": "KMEANS"}, "'KMEANS' is not one of"),
        ({"cluster_gradient_aggregation": "MAX"}, "'MAX' is not one of SUM, AVG"),
        ({"layers": ("fc/*",)}, "'fc/\\*'"),
    ):
        with pytest.raises(OptionError, match=rule):
            cluster_weights(network(), **{"number_of_clusters": 4, **options})
    with pytest.raises(UnsupportedTypeError, match="not dict"):
        cluster_weights({}, 4)
    with pytest.raises(NonFiniteError) as caught:
        cluster_weights(dense([[float("nan"), 1.0]]), 2)
    assert caught.value.tensor == "fc/kernel"


def test_a_weight_of_zeros_keeps_them():
    model = cluster_weights(dense(np.zeros((3, 2))), 2, preserve_sparsity=True)
    assert (wcodec.decode(wcodec.encode(model).data)["fc/kernel"] == 0).all()
