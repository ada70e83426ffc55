"""Recurrent layers: the same cell at every step of a sequence (batch, steps, in)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .activations import elu, hard_sigmoid, relu, sigmoid, silu, softplus
from .params import Choice, Flag, Param
from .protocol import Array, Op, Shape, check_elements

# Functions inside of a cell, by name. Their order is that of the numbers in a file.
INNER: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "linear": lambda x: x,
    "relu": relu,
    "hard_sigmoid": hard_sigmoid,
    "elu": elu,
    "silu": silu,
    "softplus": softplus,
}
_TANH = Choice(tuple(INNER))
_SIGMOID = Choice(("sigmoid", "tanh", *(name for name in INNER if name not in ("sigmoid", "tanh"))))
_SEQUENCE: dict[str, Param] = {"sequences": Flag(), "backwards": Flag()}

Cell = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]  # (x of a step, state) -> state; state[0] is the output


def lstm(
    x: Array,
    *,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    sequences: bool = False,
    backwards: bool = False,
    activation: str = "tanh",
    gate: str = "sigmoid",
) -> Array:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order input, forget, cell, output.

    kernel (in, 4 units), recurrent_kernel (units, 4 units), bias (4 units,).
    """
    act, squash = INNER[activation], INNER[gate]

    def cell(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        hidden, carry = state
        i, f, c, o = np.split(projected + hidden @ recurrent_kernel, 4, axis=-1)
        carry = squash(f) * carry + squash(i) * act(c)
        return squash(o) * act(carry), carry

    return _run(x, kernel, bias, recurrent_kernel, cell, 2, sequences, backwards)


def gru(
    x: Array,
    *,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    sequences: bool = False,
    backwards: bool = False,
    activation: str = "tanh",
    gate: str = "sigmoid",
    reset_after: bool = True,
) -> Array:
    """Gated recurrent unit (Cho et al., 2014), gates in the order update, reset, candidate.

    kernel (in, 3 units), recurrent_kernel (units, 3 units), bias (3 units,); with `reset_after` (2, 3 units): that of
    the input and that of the state, to which the reset gate is applied after the product.
    """
    act, squash = INNER[activation], INNER[gate]
    units = recurrent_kernel.shape[0]
    inner = np.zeros((), np.float32) if bias is None or not reset_after else bias[1]

    def cell(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (hidden,) = state
        xz, xr, xh = np.split(projected, 3, axis=-1)
        if reset_after:
            hz, hr, hh = np.split(hidden @ recurrent_kernel + inner, 3, axis=-1)
            z = squash(xz + hz)
            candidate = act(xh + squash(xr + hr) * hh)
        else:
            hz, hr = np.split(hidden @ recurrent_kernel[:, : 2 * units], 2, axis=-1)
            z = squash(xz + hz)
            candidate = act(xh + (squash(xr + hr) * hidden) @ recurrent_kernel[:, 2 * units :])
        return (z * hidden + (1 - z) * candidate,)

    outer = bias[0] if bias is not None and reset_after else bias
    return _run(x, kernel, outer, recurrent_kernel, cell, 1, sequences, backwards)


def simple_rnn(
    x: Array,
    *,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    sequences: bool = False,
    backwards: bool = False,
    activation: str = "tanh",
) -> Array:
    """activation(x kernel + state recurrent_kernel + bias) (Elman, 1990)."""
    act = INNER[activation]

    def cell(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        return (act(projected + state[0] @ recurrent_kernel),)

    return _run(x, kernel, bias, recurrent_kernel, cell, 1, sequences, backwards)


def _run(
    x: Array,
    kernel: Array,
    bias: Array | None,
    recurrent_kernel: Array,
    cell: Cell,
    states: int,
    sequences: bool,
    backwards: bool,
) -> Array:
    """The cell over all steps: the last output (batch, units), or all (batch, steps, units) in order of computation."""
    batch, steps, _ = x.shape
    units = recurrent_kernel.shape[0]
    check_elements((batch, steps if sequences else 1, units))
    state = (np.zeros((batch, units), np.float32),) * states
    outputs = np.empty((batch, steps, units), np.float32) if sequences else None
    for number, step in enumerate(_order(steps, backwards)):
        projected = x[:, step] @ kernel
        state = cell(projected if bias is None else projected + bias, state)
        if outputs is not None:
            outputs[:, number] = state[0]
    return state[0] if outputs is None else outputs


def _order(steps: int, backwards: bool) -> Iterator[int]:
    return reversed(range(steps)) if backwards else iter(range(steps))


def _shape(gates: int) -> Callable[..., Shape]:
    def shape(x: Shape, *, kernel: Shape, recurrent_kernel: Shape, sequences: bool = False, **_: Any) -> Shape:
        units = recurrent_kernel[0]
        if len(x) != 3 or kernel != (x[2], gates * units) or recurrent_kernel != (units, gates * units):
            raise ValueError(f"kernels {kernel} and {recurrent_kernel} do not fit an input of shape {x}")
        return (x[0], x[1], units) if sequences else (x[0], units)

    return shape


def _scratch(x: Shape, *, kernel: Shape, **_: Any) -> int:
    return 4 * x[0] * kernel[-1]


_TENSORS = ("kernel", "recurrent_kernel", "bias")
_OPTIONAL = frozenset({"bias"})
LSTM = Op(
    number=22,
    run=lstm,
    params={**_SEQUENCE, "activation": _TANH, "gate": _SIGMOID},
    tensors=_TENSORS,
    optional=_OPTIONAL,
    shape=_shape(4),
    scratch=_scratch,
)
GRU = Op(
    number=23,
    run=gru,
    params={**_SEQUENCE, "activation": _TANH, "gate": _SIGMOID, "reset_after": Flag(True)},
    tensors=_TENSORS,
    optional=_OPTIONAL,
    shape=_shape(3),
    scratch=_scratch,
)
SIMPLE_RNN = Op(
    number=31,
    run=simple_rnn,
    params={**_SEQUENCE, "activation": _TANH},
    tensors=_TENSORS,
    optional=_OPTIONAL,
    shape=_shape(1),
    scratch=_scratch,
)
