"""URLs: forward and by ranges, from servers that behave and from servers that do not."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import StalledError, TransferError, WczError
from wcodec.sources import NoRangesWarning, Remote


def assert_same(found, expected) -> None:
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_decode_and_stream_read_a_url_once(server, model) -> None:
    assert_same(wcodec.decode(f"{server.url}/ranges/model.wcz"), wcodec.decode(model))
    assert server.sent() == len(model)
    server.log.clear()
    streamed = dict(wcodec.stream(f"{server.url}/ranges/model.wcz", prefetch=2))
    assert sorted(streamed) == sorted(wcodec.decode(model))
    assert server.sent() == len(model)


def test_one_tensor_costs_header_index_and_its_chunk(server, model) -> None:
    with wcodec.safe_open(model) as file:
        location = file._access.locate("layer7/kernel")
        header = file._access.locate("layer0/kernel").offset  # a group follows later
    with wcodec.safe_open(f"{server.url}/ranges/model.wcz") as file:
        assert len(file) == 24
        assert file.nbytes == len(model)
        opened = server.sent()
        kernel = file.get_tensor("layer7/kernel")
    assert np.array_equal(kernel, wcodec.decode(model)["layer7/kernel"])
    assert server.sent() - opened == location.nbytes  # exactly the chunk
    assert opened <= header + 512  # names, and the end of the file with its index
    # The size, the end, the header, the chunk: one request each.
    assert [answer.method for answer in server.log] == ["HEAD", "GET", "GET", "GET"]


def test_tensors_of_a_group_come_with_one_request(server, model) -> None:
    with wcodec.safe_open(f"{server.url}/ranges/model.wcz") as file:
        requests = len(server.log)
        for i in range(12):
            file.get_tensor(f"layer{i}/bias")
    assert len(server.log) == requests + 1


@pytest.mark.parametrize("kind", ["whole", "silent"])
def test_a_server_without_ranges_sends_all_of_it_and_that_is_said(server, model, kind) -> None:
    url = f"{server.url}/{kind}/model.wcz"
    with pytest.warns(NoRangesWarning, match="whole files only"), wcodec.safe_open(url) as file:
        assert np.array_equal(file.get_tensor("layer3/kernel"), wcodec.decode(model)["layer3/kernel"])
    assert_same(wcodec.decode(url), wcodec.decode(model))  # forward it needs no ranges, and says nothing


def test_what_is_not_there_is_a_transfer_error(server) -> None:
    for url in (f"{server.url}/ranges/none.wcz", "http://127.0.0.1:9/model.wcz", f"{server.url}/nowhere"):
        for read in (wcodec.decode, wcodec.safe_open, lambda u: list(wcodec.stream(u))):
            with pytest.raises(TransferError, match="cannot be read") as caught:
                read(url)
            assert caught.value.code == 11


def test_an_answer_that_ends_early_names_the_tensor(server, model) -> None:
    with wcodec.safe_open(model) as file:
        location = file._access.locate("layer5/kernel")
    url = f"{server.url}/cut.{location.offset + 100}/model.wcz"
    names: list[str] = []

    def read() -> None:
        for name, _ in wcodec.stream(url):
            names.append(name)
            if name == "layer4/kernel":
                server.taken.set()

    with pytest.raises(WczError, match="tensor 'layer5/kernel'") as caught:
        read()
    assert caught.value.code in (3, 11)
    assert "layer4/kernel" in names
    assert "layer5/kernel" not in names


def test_a_stalled_answer_is_given_up(server, model) -> None:
    with wcodec.safe_open(model) as file:
        location = file._access.locate("layer5/kernel")
    url = f"{server.url}/stall.{location.offset + 100}/model.wcz"
    with pytest.raises(StalledError, match="tensor 'layer5/kernel'"):
        list(wcodec.stream(Remote(url, timeout=0.4)))


def test_a_length_that_promises_more_is_noticed(server, model) -> None:
    with pytest.raises(WczError) as caught:
        wcodec.decode(f"{server.url}/long/model.wcz")
    assert caught.value.code in (3, 7, 11)


def test_other_file_systems_of_fsspec(model, server) -> None:
    import fsspec

    with fsspec.open("memory://model.wcz", "wb") as file:
        file.write(model)
    assert_same(wcodec.decode("memory://model.wcz"), wcodec.decode(model))
    with wcodec.safe_open("memory://model.wcz") as file:
        assert len(file) == 24
    with pytest.raises(TransferError, match="no such file"):
        wcodec.decode("memory://other.wcz")
    assert repr(Remote("memory://model.wcz")) == "Remote('memory://model.wcz')"
