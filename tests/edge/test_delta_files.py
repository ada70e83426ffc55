"""Delta files: the next version exactly, chains, and refusals."""

import contextlib
import io
import itertools
from concurrent.futures import Executor, Future

import numpy as np
import pytest

import wcodec
from wcodec import delta
from wcodec.container import Limits
from wcodec.errors import BaseMismatchError, BaseMissingError, DeltaError, OptionError, TruncatedError, WczError

RNG = np.random.default_rng(5)


def model(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "conv/kernel": rng.normal(0, 0.1, (3, 3, 8, 16)).astype(np.float32),
        "dense/kernel": rng.normal(0, 0.05, (128, 80)).astype(np.float32),
        "dense/bias": rng.normal(0, 0.01, 80).astype(np.float32),
        "half": rng.normal(0, 1, (9, 5)).astype(np.float16),
        "steps": np.array(3, np.int64),
        "flags": np.array([True, False, True]),
    }


def moved(tensors: dict[str, np.ndarray], share: float, seed: int) -> dict[str, np.ndarray]:
    """Some elements of each float tensor move a little; integers count up."""
    rng = np.random.default_rng(seed)
    new = {}
    for name, array in tensors.items():
        if array.dtype.kind == "f":
            change = 0.02 * rng.normal(size=array.shape) * (rng.random(array.shape) < share)
            new[name] = (array + change * array.std()).astype(array.dtype)
        else:
            new[name] = array if array.dtype == bool else array + 1
    return new


def assert_equal(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_delta_gives_bit_for_bit_what_the_file_gives(lossless: bool, share: float) -> None:
    first = wcodec.encode(model(), lossless=lossless).data
    second = wcodec.encode(moved(model(), share, 1), lossless=lossless).data
    written = delta.between(first, second)
    assert_equal(wcodec.decode(written.data, base=first), wcodec.decode(second))
    assert written.digest == delta.digest(second) == delta.digest(written.data, base=first)
    assert written.whole == ()
    if share < 1:
        assert written.nbytes < (0.2 if lossless or not share else 0.5) * len(second)


def test_encode_with_a_base_keeps_the_steps_of_the_base() -> None:
    first = wcodec.encode(model()).data
    tensors = moved(model(), 0.1, 2)
    report = wcodec.encode(tensors, base=first)
    assert report.data is not None
    assert report.nbytes == len(report.data) < len(first) / 4
    assert report.original_nbytes == sum(array.nbytes for array in tensors.values())
    assert [row.name for row in report.rows] == list(tensors)
    decoded = wcodec.decode(report.data, base=first)
    content = delta.read_content(first)
    for name in ("conv/kernel", "dense/kernel"):
        (factor,) = content.tensors[name].factors
        step = wcodec.delta.read_chain(first, report.data).tensors[name].factors[0].codes
        np.testing.assert_array_equal(step, factor.codes)
        assert np.abs(decoded[name] - tensors[name]).max() < 2**-6 * tensors[name].std()
    assert wcodec.encode(tensors, base=io.BytesIO(first)).data == report.data


def test_threads_decode_base_and_delta() -> None:
    first, second = wcodec.encode(model()).data, wcodec.encode(moved(model(), 0.1, 3)).data
    data = delta.between(first, second).data
    assert_equal(wcodec.decode(data, base=first, threads=3), wcodec.decode(second))
    with pytest.raises(OptionError, match=r"^threads=0 is not positive$"):
        wcodec.decode(data, base=first, threads=0)
    damaged = bytearray(first)
    damaged[len(first) // 2] ^= 1
    with pytest.raises(WczError, match="dense/kernel"):
        wcodec.decode(data, base=bytes(damaged), threads=2)


class Counting(Executor):
    """Counts what it is given, and runs it when its result is asked for."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        future: Future = Future()
        future.result = lambda timeout=None: fn(*args, **kwargs)
        return future


def test_encode_with_a_base_keeps_its_other_options() -> None:
    """An executor codes every stream, to the same bytes; progress is told and the digest written."""
    first, tensors = wcodec.encode(model()).data, moved(model(), 0.1, 2)
    workers, told = Counting(), []
    data = wcodec.encode(tensors, base=first, executor=workers, progress=lambda *row: told.append(row)).data
    assert data == wcodec.encode(tensors, base=first).data == wcodec.encode(tensors, base=first, threads=2).data
    assert workers.submitted == 2  # one kernel alone, the rest in a group
    assert told == [(5, 6, "flags"), (6, 6, "dense/kernel")]
    with_digest = wcodec.encode(tensors, base=first, digest=True).data
    assert len(with_digest) > len(data) + 32
    assert wcodec.delta.digest(with_digest, base=first) == wcodec.delta.digest(data, base=first)


def test_a_weight_that_outgrew_the_steps_gets_its_own() -> None:
    first = wcodec.encode({"w": np.full((4, 4), 1e-20, np.float32)}).data
    new = {"w": np.arange(16, dtype=np.float32).reshape(4, 4)}
    decoded = wcodec.decode(wcodec.encode(new, base=first).data, base=first)
    np.testing.assert_allclose(decoded["w"], new["w"], atol=0.1)


def test_a_chain_of_twenty_ends_at_the_last_version(tmp_path) -> None:
    versions = [model()]
    for seed in range(19):
        versions.append(moved(versions[-1], 0.05, seed))
    files = [wcodec.encode(v).data for v in versions]
    deltas = [delta.between(a, b).data for a, b in itertools.pairwise(files)]
    assert_equal(delta.read_chain(files[0], *deltas).weights(), wcodec.decode(files[-1]))
    path = tmp_path / "model.wcz"
    path.write_bytes(files[0])
    for data in deltas:  # a device that updates its file in place
        written = delta.update(path, data, dst=path)
    assert written.digest == delta.digest(files[-1])
    assert_equal(wcodec.decode(path), wcodec.decode(files[-1]))
    assert sum(map(len, deltas)) < 0.8 * sum(map(len, files[1:]))
    with pytest.raises(BaseMismatchError, match="the base has"):
        delta.update(path, deltas[3], dst=path)  # replayed
    with pytest.raises(BaseMismatchError, match=delta.digest(files[0])[:16].hex()):
        delta.read_chain(files[2], deltas[0])  # out of order
    assert_equal(wcodec.decode(path), wcodec.decode(files[-1]))


def test_a_delta_without_its_base_says_so() -> None:
    first, second = wcodec.encode(model()).data, wcodec.encode(moved(model(), 0.1, 3)).data
    data = delta.between(first, second).data
    digest = delta.digest(first)[:16].hex()
    for read in (wcodec.decode, wcodec.safe_open, wcodec.verify, lambda d: list(wcodec.stream(d))):
        with pytest.raises(BaseMissingError, match=f"decode it with its base, the model of digest {digest}"):
            read(data)
    with pytest.raises(BaseMissingError):
        wcodec.decode(second, base=data)


def test_metadata_and_graph_are_those_of_the_new_version() -> None:
    first = wcodec.encode(model(), metadata={"version": "1", "licence": "x"}).data
    second = wcodec.encode(moved(model(), 0.1, 3), metadata={"version": "2"}).data
    assert delta.read_chain(first, delta.between(first, second).data).metadata == {"version": "2"}
    report = wcodec.encode(model(), base=first)
    assert delta.read_chain(first, report.data).metadata == {"version": "1", "licence": "x"}


def test_the_digest_does_not_depend_on_coders() -> None:
    digests = {delta.digest(wcodec.encode(model(), coder=c).data) for c in ("context", "mixing", "rans", "raw")}
    assert len(digests) == 1
    assert delta.digest(wcodec.encode(moved(model(), 0.01, 1)).data) not in digests


def test_budgets_exclude_a_base() -> None:
    with pytest.raises(OptionError, match="between"):
        wcodec.encode(model(), base=wcodec.encode(model()).data, bits_per_weight=4.0)


def test_truncated_and_damaged_deltas_are_refused_or_right() -> None:
    first, second = wcodec.encode(model()).data, wcodec.encode(moved(model(), 0.1, 4)).data
    data = delta.between(first, second).data
    for end in (0, 7, 20, len(data) // 2, len(data) - 1):
        with pytest.raises(TruncatedError):
            wcodec.decode(data[:end], base=first)
    wanted = delta.digest(second)
    for position in RNG.integers(8, len(data), 200):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(RNG.integers(8))
        with contextlib.suppress(WczError):
            assert delta.digest(bytes(damaged), base=first) == wanted


def test_limits_hold_for_deltas() -> None:
    first = wcodec.encode(model()).data
    data = delta.between(first, first).data
    with pytest.raises(WczError, match="over the limit elements"):
        delta.read_content(data, delta.read_content(first), limits=Limits(elements=100))


def test_a_wrong_result_digest_is_noticed() -> None:
    first, second = wcodec.encode(model()).data, wcodec.encode(moved(model(), 0.1, 4)).data
    old, new = delta.read_content(first), delta.read_content(second)
    data = delta.write_delta(new, old).data
    other = delta.write_delta(old, old).data
    head = data.index(new.digest()[:16])
    forged = other[:8] + data[8 : head + 22] + other[head + 22 :]  # the delta head of one with the tensors of another
    with pytest.raises(DeltaError, match="do not give the model"):
        wcodec.decode(forged, base=first)
