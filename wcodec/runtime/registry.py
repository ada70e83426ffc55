"""OPS: every kind of layer that the runtime can run. One file a family, one line here (format_spec/graph.md)."""

from __future__ import annotations

from ..errors import GraphError, UnknownOpError
from . import activations, attention, conv, dense, embedding, merge, norm, pool, recurrent, shape
from .protocol import Op

OPS: dict[str, Op] = {
    "dense": dense.DENSE,
    "conv": conv.CONV,
    "depthwise_conv": conv.DEPTHWISE_CONV,
    "batch_norm": norm.BATCH_NORM,
    "max_pool": pool.MAX_POOL,
    "average_pool": pool.AVERAGE_POOL,
    "global_max_pool": pool.GLOBAL_MAX_POOL,
    "global_average_pool": pool.GLOBAL_AVERAGE_POOL,
    "flatten": shape.FLATTEN,
    "reshape": shape.RESHAPE,
    "permute": shape.PERMUTE,
    "zero_padding": shape.ZERO_PADDING,
    "rescale": norm.RESCALE,
    "add": merge.ADD,
    "subtract": merge.SUBTRACT,
    "multiply": merge.MULTIPLY,
    "average": merge.AVERAGE,
    "maximum": merge.MAXIMUM,
    "minimum": merge.MINIMUM,
    "concatenate": merge.CONCATENATE,
    "layer_norm": norm.LAYER_NORM,
    "embedding": embedding.EMBEDDING,
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "attention": attention.ATTENTION,
    "up_sampling": shape.UP_SAMPLING,
    "cropping": shape.CROPPING,
    "repeat_vector": shape.REPEAT_VECTOR,
    "reverse": shape.REVERSE,
    "rms_norm": norm.RMS_NORM,
    "group_norm": norm.GROUP_NORM,
    "simple_rnn": recurrent.SIMPLE_RNN,
    "relu": activations.RELU,
    "prelu": activations.PRELU,
    "elu": activations.ELU,
    "selu": activations.SELU,
    "sigmoid": activations.SIGMOID,
    "tanh": activations.TANH,
    "softmax": activations.SOFTMAX,
    "log_softmax": activations.LOG_SOFTMAX,
    "silu": activations.SILU,
    "gelu": activations.GELU,
    "softplus": activations.SOFTPLUS,
    "softsign": activations.SOFTSIGN,
    "hard_sigmoid": activations.HARD_SIGMOID,
    "hard_silu": activations.HARD_SILU,
    "mish": activations.MISH,
    "exponential": activations.EXPONENTIAL,
    "gelu_tanh": activations.GELU_TANH,
}
_NAMES = {op.number: name for name, op in OPS.items()}


def op_name(number: object) -> str:
    """The op of a registry number.

    Raises:
        UnknownOpError: there is none.
        GraphError: not a number.
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise GraphError(f"no op has number {number!r}")
    if number not in _NAMES:
        raise UnknownOpError(f"this runtime has no op of number {number}")
    return _NAMES[number]
