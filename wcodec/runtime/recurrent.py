"""Recurrent layers: the same cell at every step of a sequence (batch, steps, in)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

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

Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]  # (projected x, state) -> state; state[0] is the output


class Cell(NamedTuple):
    """What a layer does at one step.

    Attributes:
        step: takes x @ kernel + bias of all gates (batch, gates * units), and the state before.
        states: arrays (batch, units) of a state; zeros at the beginning.
        bias: what is added to x @ kernel.
    """

    step: Step
    states: int
    bias: Array | None


def lstm_cell(recurrent_kernel: Array, bias: Array | None, *, activation: str = "tanh", gate: str = "sigmoid") -> Cell:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order input, forget, cell, output.

    kernel (in, 4 units), recurrent_kernel (units, 4 units), bias (4 units,).
    """
    act, squash = INNER[activation], INNER[gate]

    def step(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        hidden, carry = state
        i, f, c, o = np.split(projected + hidden @ recurrent_kernel, 4, axis=-1)
        carry = squash(f) * carry + squash(i) * act(c)
        return squash(o) * act(carry), carry

    return Cell(step, 2, bias)


def gru_cell(
    recurrent_kernel: Array,
    bias: Array | None,
    *,
    activation: str = "tanh",
    gate: str = "sigmoid",
    reset_after: bool = True,
) -> Cell:
    """Gated recurrent unit (Cho et al., 2014), gates in the order update, reset, candidate.

    kernel (in, 3 units), recurrent_kernel (units, 3 units), bias (3 units,); with `reset_after` (2, 3 units): that of
    the input and that of the state, to which the reset gate is applied after the product.
    """
    act, squash = INNER[activation], INNER[gate]
    units = recurrent_kernel.shape[0]
    inner = np.zeros((), np.float32) if bias is None or not reset_after else bias[1]

    def step(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
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

    return Cell(step, 1, bias[0] if bias is not None and reset_after else bias)


def simple_rnn_cell(recurrent_kernel: Array, bias: Array | None, *, activation: str = "tanh") -> Cell:
    """activation(x kernel + state recurrent_kernel + bias) (Elman, 1990)."""
    act = INNER[activation]

    def step(projected: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        return (act(projected + state[0] @ recurrent_kernel),)

    return Cell(step, 1, bias)


def _run(
    make_cell: Callable[..., Cell],
    x: Array,
    *,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    sequences: bool = False,
    backwards: bool = False,
    **options: Any,
) -> Array:
    """A cell over all steps: the last output (batch, units), or all (batch, steps, units) in order of computation."""
    cell = make_cell(recurrent_kernel, bias, **options)
    batch, steps, _ = x.shape
    units = recurrent_kernel.shape[0]
    check_elements((batch, steps if sequences else 1, units))
    state = (np.zeros((batch, units), np.float32),) * cell.states
    outputs = np.empty((batch, steps, units), np.float32) if sequences else None
    for number, step in enumerate(_order(steps, backwards)):
        projected = x[:, step] @ kernel
        state = cell.step(projected if cell.bias is None else projected + cell.bias, state)
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


def _op(number: int, make_cell: Callable[..., Cell], gates: int, **params: Param) -> Op:
    return Op(
        number=number,
        run=partial(_run, make_cell),
        params={"sequences": Flag(), "backwards": Flag(), **params},
        tensors=("kernel", "recurrent_kernel", "bias"),
        optional=frozenset({"bias"}),
        shape=_shape(gates),
        scratch=_scratch,
    )


LSTM = _op(22, lstm_cell, 4, activation=_TANH, gate=_SIGMOID)
GRU = _op(23, gru_cell, 3, activation=_TANH, gate=_SIGMOID, reset_after=Flag(True))
SIMPLE_RNN = _op(31, simple_rnn_cell, 1, activation=_TANH)
