"""Weight clustering in training: every weight of a tensor is one of a few shared values, which are trained.

Names as in the TensorFlow Model Optimization toolkit (TFMOT): `cluster_weights`, `strip_clustering`. The model runs on
centroids[index], where the index of a weight is that of the nearest centroid, taken anew in every step. A centroid gets
the gradients of its weights, added up or averaged; a weight gets the gradient of the value that stands in for it
(straight-through), so that it can move to another centroid. The file holds a codebook and an index (kmeans), or with
`preserve_sparsity` a mask besides (sparse_kmeans).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np

from ..errors import NonFiniteError, OptionError, UnsupportedTypeError
from ..factorizations import FactoredWeight, KMeans, SparseKMeans
from .masked_weight import as_array
from .plan import OwnedWeight, why_not
from .variables import variable_names
from .wrapper import Wrapper, trainable_weights_of

AGGREGATIONS = ("SUM", "AVG")


def _linear(values: np.ndarray, count: int) -> np.ndarray:
    return np.linspace(values.min(), values.max(), count)


def _random(values: np.ndarray, count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(values.min(), values.max(), count)


def _density(values: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(np.quantile(values, (np.arange(count) + 0.5) / count))


def _kmeans(values: np.ndarray, count: int) -> np.ndarray:
    from ..fitting.clustering import cluster_values

    return cluster_values(values, count)[0]


# cluster_centroids_init= -> (values, count) -> centroids. k-means++ seeds a search for the best centroids; of scalars
# the best ones are found directly.
CENTROIDS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "KMEANS_PLUS_PLUS": _kmeans,
    "LINEAR": _linear,
    "RANDOM": _random,
    "DENSITY_BASED": _density,
}


def cluster_weights(
    model: keras.Model,
    number_of_clusters: int,
    cluster_centroids_init: str = "KMEANS_PLUS_PLUS",
    *,
    preserve_sparsity: bool = False,
    cluster_gradient_aggregation: str = "SUM",
    layers: Sequence[str] = ("*",),
) -> ClusteredModel:
    """Wrap a built, trained model so that `fit` trains it on shared values; then encode it, or `strip_clustering`.

    Args:
        model: on any backend; it is taken over. Its trainable weights of two and more axes that are no biases can be
            clustered.
        number_of_clusters: distinct values of a weight, 2 to 65,536; zeros that are preserved are not counted.
        cluster_centroids_init: where the values start, a name of `CENTROIDS`.
        preserve_sparsity: weights that are zero now stay zero.
        cluster_gradient_aggregation: of the gradients of a centroid, "SUM" or "AVG".
        layers: name patterns ("dense*/kernel", as fnmatch) of the weights to cluster.

    Raises:
        UnsupportedTypeError: not a Keras model, or not built.
        OptionError: an option without meaning, or a pattern that matches no weight.
        NonFiniteError: NaN or infinity in a weight; names it.
    """
    if not 2 <= number_of_clusters <= 65536:
        raise OptionError(f"number_of_clusters is 2 to 65536, not {number_of_clusters}")
    if cluster_centroids_init not in CENTROIDS:
        raise OptionError(f"cluster_centroids_init {cluster_centroids_init!r} is not one of {', '.join(CENTROIDS)}")
    weights = [w for w in trainable_weights_of(model, "cluster_weights") if _can_be_clustered(w)]
    for pattern in layers:
        if not any(fnmatchcase(weight.name, pattern) for weight in weights):
            raise OptionError(f"layers: no weight that can be clustered has a name like {pattern!r}")
    names = [w.name for w in weights if any(fnmatchcase(w.name, pattern) for pattern in layers)]
    clustered = ClusteredModel(model, names, number_of_clusters, preserve_sparsity, cluster_gradient_aggregation)
    for weight, variable in clustered.clustered_weights():
        weight.start(as_array(keras.ops.cast(variable, "float32")), CENTROIDS[cluster_centroids_init])
    return clustered


def strip_clustering(model: ClusteredModel) -> keras.Model:
    """The plain model, each clustered weight with at most `number_of_clusters` distinct values, and preserved zeros.

    Raises:
        UnsupportedTypeError: not what `cluster_weights` made.
    """
    if not isinstance(model, ClusteredModel):
        raise UnsupportedTypeError(f"strip_clustering takes what cluster_weights made, not a {type(model).__name__}")
    return model.finalize()


def _can_be_clustered(weight: OwnedWeight) -> bool:
    is_bias = weight.name.rsplit("/")[-1] == "bias"
    return len(weight.variable.shape) >= 2 and not is_bias and why_not(weight.variable) is None


class ClusteredWeight:
    """Variables beside one weight: its centroids and, where zeros are preserved, their mask.

    Attributes:
        name: of the weight in the model.
        centroids: float32 (count,), in no order.
        mask: bool, True where the weight is not kept at zero; None where zeros are not preserved.
    """

    def __init__(self, name: str, shape: tuple[int, ...], count: int, preserve: bool, wrapper: Wrapper) -> None:
        prefix = name.replace("/", "-").replace(".", "_")  # Keras forbids the one in names, torch the other
        add = wrapper.add_float_or_index
        self.name = name
        self.centroids = add(shape=(count,), initializer="zeros", name=f"{prefix}-centroids")
        self.mask = (
            add(shape=shape, dtype="bool", initializer="ones", trainable=False, name=f"{prefix}-mask")
            if preserve
            else None
        )

    def start(self, weight: np.ndarray, init: Callable[[np.ndarray, int], np.ndarray]) -> None:
        """Centroids, and the mask, of a weight of float32."""
        if not np.isfinite(weight).all():
            raise NonFiniteError("NaN or infinity cannot be clustered", tensor=self.name)
        values = weight.ravel().astype(np.float64)
        if self.mask is not None:
            self.mask.assign(weight != 0)
            values = values[values != 0]
        if values.size:
            self.centroids.assign(init(values, self.centroids.shape[0]))

    def parts(self, weight: Any) -> tuple[Any, Any]:
        """Ascending centroids, and the index of the nearest one of each weight, int32; of two, the smaller."""
        ordered = keras.ops.sort(keras.ops.convert_to_tensor(self.centroids))
        fixed = keras.ops.stop_gradient(ordered)
        middles = (fixed[1:] + fixed[:-1]) / 2
        flat = keras.ops.reshape(keras.ops.stop_gradient(weight), (-1,))
        index = keras.ops.cast(keras.ops.searchsorted(middles, flat), "int32")
        return ordered, keras.ops.reshape(index, keras.ops.shape(weight))

    def effective(self, weight: Any, aggregation: str) -> Any:
        """What stands in for a weight, with gradients for it and the centroids."""
        ops = keras.ops
        centroids, index = self.parts(weight)
        if aggregation == "AVG":
            flat = ops.reshape(index, (-1,))
            counts = ops.segment_sum(ops.ones_like(flat, "float32"), flat, num_segments=centroids.shape[0])
            share = 1.0 / ops.maximum(counts, 1.0)
            centroids = centroids * share + ops.stop_gradient(centroids * (1.0 - share))
        value = ops.take(centroids, index, axis=0) + (weight - ops.stop_gradient(weight))
        return value if self.mask is None else value * ops.cast(self.mask, value.dtype)

    def factored(self, weight: np.ndarray) -> FactoredWeight:
        """Codebook and index, what the encoder takes."""
        centroids, index = (as_array(part) for part in self.parts(keras.ops.convert_to_tensor(weight)))
        if self.mask is None:
            factors = {"codebook": centroids, "index": index}
            return FactoredWeight(KMeans(weight.shape, centroids.size), factors, steps_are_open=True)
        mask = as_array(self.mask)
        factors = {"codebook": centroids, "mask": mask.astype(np.int32), "index": index[mask]}
        kind = SparseKMeans(weight.shape, int(mask.sum()), centroids.size)
        return FactoredWeight(kind, factors, steps_are_open=True)


@keras.saving.register_keras_serializable("wcodec")
class ClusteredModel(Wrapper):
    """A model some of whose weights have few distinct values; made by `cluster_weights`."""

    def __init__(
        self,
        inner: keras.Model,
        clustered: Sequence[str],
        number_of_clusters: int,
        preserve_sparsity: bool = False,
        aggregation: str = "SUM",
        *,
        name: str | None = None,
    ) -> None:
        if aggregation not in AGGREGATIONS:
            raise OptionError(f"cluster_gradient_aggregation {aggregation!r} is not one of {', '.join(AGGREGATIONS)}")
        super().__init__(inner, name or f"clustered_{inner.name}")
        self._options = {
            "number_of_clusters": number_of_clusters,
            "preserve_sparsity": preserve_sparsity,
            "aggregation": aggregation,
        }
        variables = dict(variable_names(inner))
        self._clustered = {
            weight: ClusteredWeight(weight, tuple(variables[weight].shape), number_of_clusters, preserve_sparsity, self)
            for weight in clustered
        }
        self._aggregation = aggregation

    def clustered_weights(self) -> list[tuple[ClusteredWeight, keras.Variable]]:
        """Centroids and variable of each clustered weight, in model order."""
        variables = dict(variable_names(self.inner))
        return [(weight, variables[name]) for name, weight in self._clustered.items()]

    def effective_weights(self) -> list[tuple[keras.Variable, Any]]:
        """The nearest centroid of every weight."""
        return [
            (v, weight.effective(keras.ops.convert_to_tensor(v), self._aggregation))
            for weight, v in self.clustered_weights()
        ]

    def replaced(self) -> set[int]:
        """None: the weights themselves are trained."""
        return set()

    def factored_weights(self) -> dict[str, FactoredWeight | np.ndarray]:
        """Name -> what the encoder takes, in the order of the inner model."""
        arrays = {name: as_array(variable) for name, variable in variable_names(self.inner)}
        return {
            name: self._clustered[name].factored(array) if name in self._clustered else array
            for name, array in arrays.items()
        }

    def finalize(self) -> keras.Model:
        """The plain model, the very one that was wrapped, with the shared values."""
        for weight, v in self.clustered_weights():
            factored = weight.factored(as_array(v))
            v.assign(factored.factorization.reconstruct(factored.factors))
        return self.inner

    def get_config(self) -> dict[str, Any]:
        """The inner model, the names of what is clustered, and the options."""
        return {
            "name": self.name,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "clustered": list(self._clustered),
            **self._options,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> ClusteredModel:
        """The model as `get_config` described it; loading a file fills the centroids in."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        return cls(inner, **config)
