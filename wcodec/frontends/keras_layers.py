"""LAYERS: what each Keras layer is in ops of the layer graph. One line a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras

from ..errors import UnsupportedTypeError
from ..runtime.recurrent import INNER

if TYPE_CHECKING:
    from .keras_graph import GraphBuilder

Export = Callable[..., int]  # (builder, layer, values, options of the call) -> value

# Class -> argument of its call that an op has a place for -> option of its export.
CALL_OPTIONS: dict[str, dict[str, str]] = {"MultiHeadAttention": {"use_causal_mask": "causal"}}

# Class -> its tensor arguments in the order of the op; other layers take theirs in the order of the call.
CALL_TENSORS: dict[str, tuple[str, ...]] = {"MultiHeadAttention": ("query", "value", "key")}

# Function of keras.activations -> op and parameters; None computes nothing.
ACTIVATIONS: dict[str, tuple[str, dict[str, float]] | None] = {
    "linear": None,
    "relu": ("relu", {}),
    "relu6": ("relu", {"max_value": 6.0}),
    "leaky_relu": ("relu", {"negative_slope": 0.2}),
    "elu": ("elu", {}),
    "selu": ("selu", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "softmax": ("softmax", {}),
    "log_softmax": ("log_softmax", {}),
    "silu": ("silu", {}),
    "gelu": ("gelu", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_silu": ("hard_silu", {}),
    "mish": ("mish", {}),
    "exponential": ("exponential", {}),
}

# Operation of keras.ops between tensors of a model -> op.
OPERATIONS: dict[str, str] = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
}

# Operation of keras.ops between a tensor and a number -> parameter of the op "rescale".
OPERATIONS_WITH_NUMBER: dict[str, str] = {"Add": "offset", "Multiply": "scale"}


def _identity(_build: GraphBuilder, _layer: Any, inputs: Sequence[int]) -> int:
    return inputs[0]


def _activated(build: GraphBuilder, function: Any, value: int) -> int:
    if isinstance(function, keras.Layer):
        return build.apply(function, [value])[0]
    name = getattr(function, "__name__", str(function))
    if name not in ACTIVATIONS or getattr(keras.activations, name) is not function:
        raise UnsupportedTypeError(f"the activation {name!r} has no op in the layer graph")
    known = ACTIVATIONS[name]
    return value if known is None else build.add(known[0], [value], known[1])


def _activation(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return _activated(build, layer.activation, inputs[0])


def _dense(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return _activated(build, layer.activation, build.add("dense", inputs, tensors=_kernel_and_bias(layer)))


def _conv(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    params = {**_window(layer), "groups": layer.groups}
    return _activated(build, layer.activation, build.add("conv", inputs, params, _kernel_and_bias(layer)))


def _depthwise_conv(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    value = build.add("depthwise_conv", inputs, _window(layer), _kernel_and_bias(layer))
    return _activated(build, layer.activation, value)


def _separable_conv(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    value = build.add("depthwise_conv", inputs, _window(layer), {"kernel": layer.depthwise_kernel})
    value = build.add("conv", [value], tensors={"kernel": layer.pointwise_kernel, "bias": layer.bias})
    return _activated(build, layer.activation, value)


def _kernel_and_bias(layer: Any) -> dict[str, Any]:
    return {"kernel": layer.kernel, "bias": layer.bias}


def _window(layer: Any) -> dict[str, Any]:
    return {"strides": tuple(layer.strides), "padding": layer.padding, "dilation": tuple(layer.dilation_rate)}


def _batch_norm(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    last = layer.axis in (-1, layer.input_spec.ndim - 1)
    params = {"epsilon": layer.epsilon, "axis": -1 if last else layer.axis}
    tensors = {"gamma": layer.gamma, "beta": layer.beta, "mean": layer.moving_mean, "variance": layer.moving_variance}
    return build.add("batch_norm", inputs, params, tensors)


def _pool(op: str, build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    size, strides = tuple(layer.pool_size), tuple(layer.strides)
    return build.add(op, inputs, {"size": size, "strides": 0 if strides == size else strides, "padding": layer.padding})


def _global_pool(op: str, build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add(op, inputs, {"keepdims": bool(layer.keepdims)})


def _plain(op: str, build: GraphBuilder, _layer: Any, inputs: Sequence[int]) -> int:
    return build.add(op, inputs)


def _reshape(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("reshape", inputs, {"shape": tuple(layer.target_shape)})


def _permute(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("permute", inputs, {"axes": tuple(layer.dims)})


def _zero_padding(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("zero_padding", inputs, {"amounts": tuple(keras.tree.flatten(layer.padding))})


def _rescaling(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("rescale", inputs, {"scale": _numbers(layer.scale), "offset": _numbers(layer.offset)})


def _numbers(value: Any) -> Any:
    """A float or a tuple of them."""
    array = keras.ops.convert_to_numpy(value)
    if array.ndim > 1:
        raise UnsupportedTypeError(f"a scale of shape {array.shape} is neither a number nor one a channel")
    return tuple(array.tolist()) if array.ndim else float(value)


def _concatenate(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("concatenate", inputs, {"axis": layer.axis})


def _relu(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    params = {"negative_slope": float(layer.negative_slope), "threshold": float(layer.threshold)}
    if layer.max_value is not None:
        params["max_value"] = float(layer.max_value)
    return build.add("relu", inputs, params)


def _leaky_relu(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("relu", inputs, {"negative_slope": float(layer.negative_slope)})


def _prelu(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("prelu", inputs, tensors={"alpha": layer.alpha})


def _elu(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("elu", inputs, {"alpha": float(layer.alpha)})


def _softmax(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if not isinstance(layer.axis, int):
        raise UnsupportedTypeError(f"softmax over the axes {layer.axis} has no op in the layer graph")
    return build.add("softmax", inputs, {"axis": layer.axis})


def _only_last(layer: Any, what: str) -> None:
    if layer.axis not in (-1, layer.input_spec.ndim - 1 if layer.input_spec else -1):
        raise UnsupportedTypeError(f"{what} along axis {layer.axis} has no op in the layer graph")


def _axes(layer: Any) -> tuple[int, ...]:
    return tuple(layer.axis) if isinstance(layer.axis, list | tuple) else (layer.axis,)


def _layer_norm(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if getattr(layer, "rms_scaling", False):
        raise UnsupportedTypeError("rms_scaling has no op in the layer graph: use RMSNormalization")
    tensors = {"gamma": layer.gamma, "beta": layer.beta}
    return build.add("layer_norm", inputs, {"epsilon": layer.epsilon, "axes": _axes(layer)}, tensors)


def _rms_norm(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("rms_norm", inputs, {"epsilon": layer.epsilon, "axes": _axes(layer)}, {"gamma": layer.scale})


def _group_norm(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    _only_last(layer, "group normalization")
    params = {"groups": layer.groups, "epsilon": layer.epsilon}
    return build.add("group_norm", inputs, params, {"gamma": layer.gamma, "beta": layer.beta})


def _embedding(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if layer.mask_zero:
        raise UnsupportedTypeError("a mask (mask_zero) has no place in the layer graph")
    return build.add("embedding", inputs, tensors={"table": layer.embeddings})


def _recurrent(op: str, build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if len(inputs) > 1 or layer.return_state or layer.stateful:
        raise UnsupportedTypeError("states that come in, go out or stay have no place in the layer graph")
    cell = layer.cell
    params = {
        "sequences": bool(layer.return_sequences),
        "backwards": bool(layer.go_backwards),
        "activation": _inner(cell.activation),
    }
    if op != "simple_rnn":
        params["gate"] = _inner(cell.recurrent_activation)
    if op == "gru":
        params["reset_after"] = bool(cell.reset_after)
    tensors = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    return build.add(op, inputs, params, tensors)


def _inner(function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    if name not in INNER or getattr(keras.activations, name) is not function:
        raise UnsupportedTypeError(f"the activation {name!r} has no place in a recurrent op")
    return name


MERGES = {"concat": "concatenate", "sum": "add", "mul": "multiply", "ave": "average"}


def _bidirectional(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if layer.merge_mode not in MERGES:
        raise UnsupportedTypeError(f"merge_mode={layer.merge_mode!r} has no op in the layer graph")
    (forward,) = build.apply(layer.forward_layer, inputs)
    (backward,) = build.apply(layer.backward_layer, inputs)
    if layer.return_sequences:
        backward = build.add("reverse", [backward])
    return build.add(MERGES[layer.merge_mode], [forward, backward])


def _attention(build: GraphBuilder, layer: Any, inputs: Sequence[int], causal: bool = False) -> int:
    if tuple(layer.attention_axes or (1,)) != (1,) or len(layer.query_dense.kernel.shape) != 3:
        raise UnsupportedTypeError("attention over other axes than the steps has no op in the layer graph")
    parts = {
        "query": layer.query_dense,
        "key": layer.key_dense,
        "value": layer.value_dense,
        "output": layer.output_dense,
    }
    if len(parts["output"].kernel.shape) != 3:
        raise UnsupportedTypeError("an output_shape of several axes has no op in the layer graph")
    tensors = {f"{name}_kernel": dense.kernel for name, dense in parts.items()}
    tensors |= {f"{name}_bias": dense.bias for name, dense in parts.items()}
    return build.add("attention", inputs, {"causal": causal}, tensors)


def _up_sampling(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise UnsupportedTypeError(f"interpolation {layer.interpolation!r} has no op in the layer graph")
    size = layer.size if isinstance(layer.size, int) else tuple(layer.size)
    return build.add("up_sampling", inputs, {"size": size})


def _cropping(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("cropping", inputs, {"amounts": tuple(keras.tree.flatten(layer.cropping))})


def _repeat_vector(build: GraphBuilder, layer: Any, inputs: Sequence[int]) -> int:
    return build.add("repeat_vector", inputs, {"count": layer.n})


LAYERS: dict[str, Export] = {
    "Dense": _dense,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "DepthwiseConv1D": _depthwise_conv,
    "DepthwiseConv2D": _depthwise_conv,
    "SeparableConv1D": _separable_conv,
    "SeparableConv2D": _separable_conv,
    "BatchNormalization": _batch_norm,
    "MaxPooling1D": partial(_pool, "max_pool"),
    "MaxPooling2D": partial(_pool, "max_pool"),
    "MaxPooling3D": partial(_pool, "max_pool"),
    "AveragePooling1D": partial(_pool, "average_pool"),
    "AveragePooling2D": partial(_pool, "average_pool"),
    "AveragePooling3D": partial(_pool, "average_pool"),
    "GlobalMaxPooling1D": partial(_global_pool, "global_max_pool"),
    "GlobalMaxPooling2D": partial(_global_pool, "global_max_pool"),
    "GlobalMaxPooling3D": partial(_global_pool, "global_max_pool"),
    "GlobalAveragePooling1D": partial(_global_pool, "global_average_pool"),
    "GlobalAveragePooling2D": partial(_global_pool, "global_average_pool"),
    "GlobalAveragePooling3D": partial(_global_pool, "global_average_pool"),
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "GroupNormalization": _group_norm,
    "Embedding": _embedding,
    "LSTM": partial(_recurrent, "lstm"),
    "GRU": partial(_recurrent, "gru"),
    "SimpleRNN": partial(_recurrent, "simple_rnn"),
    "Bidirectional": _bidirectional,
    "MultiHeadAttention": _attention,
    "UpSampling1D": _up_sampling,
    "UpSampling2D": _up_sampling,
    "UpSampling3D": _up_sampling,
    "Cropping1D": _cropping,
    "Cropping2D": _cropping,
    "Cropping3D": _cropping,
    "RepeatVector": _repeat_vector,
    "Flatten": partial(_plain, "flatten"),
    "Reshape": _reshape,
    "Permute": _permute,
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
    "ZeroPadding3D": _zero_padding,
    "Rescaling": _rescaling,
    "Add": partial(_plain, "add"),
    "Subtract": partial(_plain, "subtract"),
    "Multiply": partial(_plain, "multiply"),
    "Average": partial(_plain, "average"),
    "Maximum": partial(_plain, "maximum"),
    "Minimum": partial(_plain, "minimum"),
    "Concatenate": _concatenate,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ELU": _elu,
    "Softmax": _softmax,
    # These act in training only.
    "Dropout": _identity,
    "SpatialDropout1D": _identity,
    "SpatialDropout2D": _identity,
    "SpatialDropout3D": _identity,
    "AlphaDropout": _identity,
    "GaussianDropout": _identity,
    "GaussianNoise": _identity,
    "ActivityRegularization": _identity,
    "Identity": _identity,
}
