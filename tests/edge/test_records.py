"""Records on the wire, and how they are joined with their kinds."""

import ml_dtypes
import msgpack
import numpy as np
import pytest

from wcodec.errors import RecordError, UnknownDtypeError
from wcodec.records import FactorRecord, Form, TensorRecord

F32, I32, BF16 = np.dtype("f4"), np.dtype("i4"), np.dtype(ml_dtypes.bfloat16)
Q, INT, V = Form.QUANTIZED, Form.INTEGERS, Form.VERBATIM

LITERALS = [
    (TensorRecord(F32, (), 0, (), (FactorRecord(F32, Q),)), [0], "91 00"),
    (TensorRecord(F32, (5, 3), 0, (), (FactorRecord(F32, Q),)), [0, 5, 3], "93 00 05 03"),
    (TensorRecord(BF16, (2,), 0, (), (FactorRecord(BF16, V, "last_first"),)), [226, 2], "92 cc e2 02"),
    (TensorRecord(I32, (0,), 0, (), (FactorRecord(I32, INT),)), [22, 0], "92 16 00"),
    (
        TensorRecord(F32, (3, 1, 2), 1, (), (FactorRecord(F32, Q, "out_first"),)),
        [64, 3, 1, 2, {0: 1}],
        "95 40 03 01 02 81 00 01",
    ),
    (
        TensorRecord(BF16, (3, 1, 2), 1, ((0,),), (FactorRecord(F32, Q),)),
        [2, 3, 1, 2, {0: 1, 1: [[0]]}],
        "95 02 03 01 02 82 00 01 01 91 91 00",
    ),
    (
        TensorRecord(F32, (4,), 3, (2,), (FactorRecord(F32, V), FactorRecord(I32, INT, stream=1))),
        [32, 4, {0: 3, 1: [2], 2: [32, 22], 4: [0, 1]}],
        "93 20 04 84 00 03 01 91 02 02 92 20 16 04 92 00 01",
    ),
    (
        TensorRecord(F32, (4, 2), 0, (), (FactorRecord(F32, Q, step_axes=(0, 1)),)),
        [0, 4, 2, {3: [3]}],
        "94 00 04 02 81 03 91 03",
    ),
    (
        TensorRecord(F32, (1,), "mine", ("x", 7), (FactorRecord(F32, Q, step_axes=()), FactorRecord(F32, Q))),
        [0, 1, {0: "mine", 1: ["x", 7], 2: [0, 0], 3: [0, None]}],
        "93 00 01 84 00 a4 6d 69 6e 65 01 92 a1 78 07 02 92 00 00 03 92 00 c0",
    ),
]


@pytest.mark.parametrize(("record", "wire", "code"), LITERALS)
def test_literal_records(record, wire, code):
    assert record.to_wire() == wire
    assert msgpack.packb(wire) == bytes.fromhex(code)
    assert TensorRecord.from_wire(wire) == record


def test_options_may_say_their_defaults():
    plain = TensorRecord.from_wire([0, 2])
    assert TensorRecord.from_wire([0, 2, {0: 0, 1: [], 2: [0], 3: [None], 4: [0]}]) == plain
    assert TensorRecord.from_wire([0, 2, {}]) == plain


@pytest.mark.parametrize(
    "wire",
    [
        None, 5, [], {}, "x", [{}], [None], [True], [-1], [0.0], ["0"], [[0]], [48], [256], [0, None], [0, True],
        [0, -1],
        [0, 1.0], [0, {}, 1], [0, {5: 0}], [0, {"0": 0}], [0, {0: None}], [0, {0: True}], [0, {0: [0]}], [0, {1: 0}],
        [0, {1: [None]}], [0, {1: [True]}], [0, {1: [0.5]}], [0, {1: [[[0]]]}], [0, {1: [["x"]]}], [0, {1: [0] * 65}],
        [0, {1: [[0] * 65]}], [0, {2: []}], [0, {2: [16]}], [0, {2: [64]}], [0, {2: 0}], [0, {2: [0] * 65}],
        [0, {3: []}], [0, {3: [0, 0]}], [0, {3: [-1]}], [0, {3: [1 << 32]}], [0, {3: ["0"]}], [0, {4: [-1]}],
        [0, {4: [None]}], [0, {4: [0, 0]}],
    ],
)  # fmt: skip
def test_malformed_records(wire):
    with pytest.raises(RecordError):
        TensorRecord.from_wire(wire)


@pytest.mark.parametrize("wire", [[15], [15 + 16], [0, {0: 3, 2: [0, 15]}]])
def test_unknown_dtypes(wire):
    with pytest.raises(UnknownDtypeError, match="no dtype has number 15"):
        TensorRecord.from_wire(wire)
