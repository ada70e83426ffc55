"""Invalid files, errors 1 to 9: the file as a whole."""

from __future__ import annotations

from vectors.build import END, graph, sha256, wcz
from vectors.invalid.broken import F32, INT32, ONE, Row, chunks, factored, index, record, sound, sound_chunks, spoiled
from wcodec.container.layout import MAGIC, PREAMBLE, frame, leb128
from wcodec.container.writer import end_chunk

FILES: dict[str, Row] = {
    "magic_other": (1, "the magic is another", lambda: b"\x89PNG\r\n" + sound()[6:]),
    "magic_newlines": (1, "the magic lost its CR in a text-mode transfer", lambda: sound().replace(b"\r\n", b"\n", 1)),
    "magic_short": (1, "a short file that does not begin with the magic", lambda: b"WCZ"),
    "version_major": (2, "the major version is another", lambda: wcz(*sound_chunks(), preamble=MAGIC + b"\1\0")),
    "version_minor": (2, "the draft is another", lambda: wcz(*sound_chunks(), preamble=MAGIC + b"\0\xff")),
    "truncated_nothing": (3, "there are no bytes", lambda: b""),
    "truncated_preamble": (3, "the source ends within the preamble", lambda: PREAMBLE[:7]),
    "truncated_head": (3, "the source ends within the length of a chunk", lambda: PREAMBLE + b"N\x80"),
    "truncated_body": (3, "the source ends within a body", lambda: sound()[:24]),
    "truncated_crc": (3, "the source ends within a CRC-32", lambda: sound()[:-1]),
    "truncated_end": (3, "there is no END chunk", lambda: wcz(*sound_chunks(), end=b"")),
    "crc_names": (4, "a changed byte in a name", spoiled(sound, 11, ord("v"))),
    "crc_type": (4, "a changed chunk type", spoiled(sound, 8, ord("M"))),
    "crc_end": (4, "a wrong CRC-32 of the END chunk", spoiled(sound, -1, 0)),
    "digest": (5, "the digest is of other bytes", chunks(end=end_chunk(None, sha256(b"other")))),
    "critical_unknown": (6, "a critical chunk of an unknown type", chunks(frame(b"X", b""))),
    "critical_no_letter": (6, "a chunk type that is no letter is critical", chunks(frame(b"\0", b""))),
    "end_twice": (7, "bytes follow the END chunk", chunks(end=END + END)),
    "graph_twice": (7, "a second graph", chunks(graph({}), graph({}))),
    "limit_chunk": (8, "a chunk that declares 2**40 bytes", lambda: wcz(b"N" + leb128(1 << 40))),
    "limit_rank": (8, "rank 17", record([F32, *[1] * 17])),
    "limit_elements": (8, "2**40 elements", record([F32, 1 << 40])),
    "limit_elements_empty": (
        8,
        "an empty tensor with an extent of 2**40",
        record([F32, 0, 1 << 40], arrays=([ONE], [])),
    ),
    "limit_product": (8, "2**64 elements, 0 in a 64-bit integer", record([F32, 1 << 32, 1 << 32])),
    "limit_factors": (8, "a codebook of few, indices of many", factored(3, [1], [F32, INT32], shape=(1 << 33,))),
    "index_size": (9, "the index gives a chunk another size", index((9, 0), (24, 1), (10, 0))),
    "index_sum": (9, "the index does not lead to the END chunk", index((9, 0), (23, 1))),
    "index_huge": (9, "the index leads beyond the file", index((9, 0), (1 << 63, 1), (11, 0))),
    "index_negative": (9, "the index holds a negative size", index((9, 0), (-23, 1), (11, 0))),
    "index_tensors": (9, "the index calls metadata a tensor", index((9, 0), (23, 0), (11, 1))),
    "index_group": (9, "the index calls a tensor a group", index((9, 0), (23, -1), (11, 0))),
    "index_empty": (9, "an empty index in a file with chunks", index()),
}
