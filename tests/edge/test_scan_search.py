"""The encoder's choice of a scan: by cost, and never worse than the front end's by more than the block lets it know."""

import numpy as np
import pytest

import wcodec
from wcodec.chunks.encoder import ChunkItem, encode_chunk
from wcodec.chunks.scan_search import BLOCK_ELEMENTS, cheapest_scan
from wcodec.coders import CODERS
from wcodec.encoding.profiles import PROFILES
from wcodec.factorizations import Dense, FactoredWeight
from wcodec.scans import to_scan

MIXING = CODERS["mixing"]


def smooth_along(axis, shape):
    """Integers that swing slowly along one axis, with phases that nothing else foretells."""
    rng = np.random.default_rng(3)
    phases = rng.uniform(0, 2 * np.pi, [1 if i == axis else n for i, n in enumerate(shape)])
    place = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return np.rint(6 * np.sin(0.4 * place + phases)).astype(np.int32)


def bits(array, scan):
    return 8 * len(MIXING.encode([to_scan(array, scan)]))


def test_a_kernel_that_swings_along_its_first_axis_is_turned():
    array = smooth_along(0, (24, 16, 20))
    assert cheapest_scan(array, "as_is", MIXING) == "in_first"  # its axis 0 is the kernel
    assert bits(array, "in_first") < 0.97 * bits(array, "as_is")
    assert bits(array, "in_first") == min(
        bits(array, scan) for scan in ("as_is", "in_first", "last_first", "out_first")
    )


def test_the_natural_scan_is_kept_where_it_is_cheapest():
    array = smooth_along(2, (24, 16, 20))
    assert cheapest_scan(array, "as_is", MIXING) == "as_is"


@pytest.mark.parametrize(
    "array",
    [np.arange(50), np.zeros((9, 9), int), np.arange(50).reshape(1, 50), np.empty((0, 4), int), np.array(3)],
    ids=["vector", "zeros", "row", "empty", "scalar"],
)
def test_where_there_is_no_choice(array):
    assert cheapest_scan(array.astype(np.int32), "out_first", MIXING) == "out_first"


def test_few_bits_are_not_worth_a_longer_record():
    noise = np.random.default_rng(0).integers(-1, 2, (12, 12)).astype(np.int32)
    assert abs(bits(noise, "as_is") - bits(noise, "out_first")) <= 24
    for scan in ("as_is", "out_first"):
        assert cheapest_scan(noise, scan, MIXING) == scan


def test_a_large_array_is_judged_by_its_middle():
    array = np.zeros((900, 600), np.int32)
    assert array.size > 2 * BLOCK_ELEMENTS
    array[:100] = np.random.default_rng(1).integers(-3, 4, (100, 600))  # not in the block
    assert cheapest_scan(array, "as_is", MIXING) == "as_is"
    turned = smooth_along(0, (900, 600))
    assert cheapest_scan(turned, "as_is", MIXING) == "out_first"


def test_small_tries_scans_and_others_keep_them():
    array = smooth_along(0, (24, 16, 20))
    item = ChunkItem("w", FactoredWeight(Dense(array.shape), {"weight": array}, {}), array.dtype, "as_is")
    scans = {name: encode_chunk([item], PROFILES[name])[0][0].factors[0].scan for name in PROFILES if name != "raw"}
    assert scans.pop("small") == "in_first"
    assert set(scans.values()) == {"as_is"}
    report = wcodec.encode({"w": array})
    assert (wcodec.decode(report.data)["w"] == array).all()
    assert report.nbytes < wcodec.encode({"w": array}, coder="mixing").nbytes - 60


def test_silero_gains(data):
    with np.load(data / "ints" / "silero_z60.npz") as archive:
        arrays = [np.ascontiguousarray(archive[key]) for key in archive.files]
    natural = sum(bits(array, "as_is") for array in arrays)
    chosen = sum(bits(array, cheapest_scan(array, "as_is", MIXING)) for array in arrays)
    assert chosen < 0.999 * natural
