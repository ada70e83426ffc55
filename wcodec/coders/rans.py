"""Interleaved rANS with static tables: the coder of the fast profile (format_spec/coders.md, rans).

J. Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
arithmetic coding", arXiv:1311.2540 (2013). F. Giesen, "Interleaved entropy coders", arXiv:1402.3392 (2014).
docs/notes/rans.md derives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from .. import backend
from ..errors import PayloadError
from .costs import shaped
from .protocol import ArraySpec
from .rans_control import Control, Geometry, Model, add_serial
from .rans_costs import planned_costs, serial_costs
from .rans_plan import LANES, LEAST_ELEMENTS, Plan, add_plan, bands, make_plan
from .symbols import accepts_integers, as_symbols, from_symbols

SERIAL_ELEMENTS = 16384  # below this many elements an array may be coded serially, if that is shorter
MAX_DIRECT = 127
STATE_BITS = 24  # a lane's share: 32 bits stored, of which the symbols use about 8


class Rans:
    """Static tables, 8 or 32 lanes: decodes several hundred million weights a second."""

    name: ClassVar[str] = "rans"
    number: ClassVar[int] = 5

    def accepts(self, dtype: np.dtype) -> bool:
        """Integers and booleans."""
        return accepts_integers(dtype)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """Length of the control string, the control string, the words of each array; nothing for no elements."""
        control = Control()
        words = [_encode_one(control, as_symbols(a), Geometry.of(a.shape)) for a in arrays if a.size]
        if not words:
            return b""
        head = control.tobytes()
        return b"".join([_leb128(len(head)), head, *words])

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back; PayloadError unless they take the whole payload."""
        return list(_decode(payload, specs, lambda decoder, _, spec: _read_symbols(decoder, spec)))

    def decode_scaled(
        self,
        payload: bytes | memoryview,
        specs: Sequence[ArraySpec],
        steps_of: Callable[[list[np.ndarray]], np.ndarray | None],
    ) -> list[np.ndarray]:
        """See `ScalingCoder`."""
        done: list[np.ndarray] = []

        def read(decoder: Any, _: int, spec: ArraySpec) -> np.ndarray:
            steps = steps_of(done)
            array = _read_symbols(decoder, spec) if steps is None else _read_scaled(decoder, spec, steps)
            done.append(array)
            return array

        return list(_decode(payload, specs, read))

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits of the payload."""
        return 8.0 * len(self.encode(arrays))

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits of each symbol under the tables of its array; tables, exponents and states are beside them."""
        bits = [_costs_of_one(as_symbols(array), Geometry.of(array.shape)) for array in arrays]
        return shaped(np.concatenate([np.empty(0, np.float32), *bits]), arrays)


def _decode(payload: bytes | memoryview, specs: Sequence[ArraySpec], read: Callable[..., np.ndarray]) -> Any:
    """Arrays one after another; the decoder is closed after the last one."""
    if not any(spec.size for spec in specs):
        if len(payload):
            raise PayloadError(f"{len(payload)} bytes for no elements")
        yield from (np.empty(spec.shape, spec.dtype) for spec in specs)
        return
    decoder = backend.kernel.RansDecoder(payload)
    for number, spec in enumerate(specs):
        yield read(decoder, number, spec)
    decoder.close()


def _read_symbols(decoder: Any, spec: ArraySpec) -> np.ndarray:
    symbols = np.empty(spec.size, np.int32)
    if spec.size:
        decoder.read_symbols(tuple(Geometry.of(spec.shape)), symbols)
    return from_symbols(symbols, spec)


def _read_scaled(decoder: Any, spec: ArraySpec, steps: np.ndarray) -> np.ndarray:
    values = np.empty(spec.size, np.float32)
    if spec.size:
        decoder.read_scaled(tuple(Geometry.of(spec.shape)), np.ascontiguousarray(steps, np.float32), values)
    return values.reshape(spec.shape)


def _encode_one(control: Control, symbols: np.ndarray, geometry: Geometry) -> bytes:
    """Adds an array's integers to the control string; its words."""
    if geometry.size < LEAST_ELEMENTS:
        _add_serially(control, symbols, geometry)
        return b""
    plan, packed = make_plan(symbols, geometry)
    if geometry.size < SERIAL_ELEMENTS and _serial_is_shorter(symbols, geometry, plan):
        _add_serially(control, symbols, geometry)
        return b""
    frequencies = add_plan(control, plan)
    control.add(Model.ESCAPE, _escapes(symbols, packed, plan))
    add_serial(control, symbols[plan.view.size :], geometry.rows)
    described = bands(plan.view, plan.layout, plan.near, plan.scales)
    return bytes(backend.kernel.rans_encode(packed, described, frequencies.ravel()))


def _costs_of_one(symbols: np.ndarray, geometry: Geometry) -> np.ndarray:
    if geometry.size < LEAST_ELEMENTS:
        return serial_costs(symbols, geometry.rows)
    plan, _ = make_plan(symbols, geometry)
    if geometry.size < SERIAL_ELEMENTS and _serial_is_shorter(symbols, geometry, plan):
        return serial_costs(symbols, geometry.rows)
    return planned_costs(symbols, geometry, plan, add_plan(Control(), plan))


def _serial_is_shorter(symbols: np.ndarray, geometry: Geometry, plan: Plan) -> bool:
    alone = Control()
    _add_serially(alone, symbols, geometry)
    return 8 * len(alone.tobytes()) <= plan.bits + STATE_BITS * LANES[plan.layout]


def _add_serially(control: Control, symbols: np.ndarray, geometry: Geometry) -> None:
    control.add(Model.LAYOUT, 0)
    add_serial(control, symbols, geometry.rows)


def _escapes(symbols: np.ndarray, packed: np.ndarray, plan: Plan) -> np.ndarray:
    """What stands for the symbols beyond +-127, in the order of decoding: the distance to +-127."""
    lanes = LANES[plan.layout]
    if not plan.counts[..., 0].any():
        return np.empty(0, np.int64)
    place, lane = np.divmod(np.flatnonzero(packed == -MAX_DIRECT - 1), lanes)
    step, column = np.divmod(place, plan.view.columns)
    row = plan.view.rows * lane // lanes + step
    values = symbols[row * plan.view.columns + column]
    return np.asarray(np.where(values > 0, values - MAX_DIRECT, values + MAX_DIRECT))


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
