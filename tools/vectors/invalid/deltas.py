"""Invalid delta files: without a base, and heads that are not well formed."""

from __future__ import annotations

import msgpack

from vectors.build import delta_head, names, wcz
from vectors.invalid.broken import ONE_TENSOR, Row
from wcodec.container.layout import frame

DELTAS: dict[str, Row] = {
    "delta_alone": (13, "a delta file without its base", lambda: wcz(delta_head(), names("w"), ONE_TENSOR)),
    "delta_late": (7, "a delta head behind a tensor", lambda: wcz(names("w"), ONE_TENSOR, delta_head())),
    "delta_short": (20, "a delta head of two entries", lambda: wcz(frame(b"D", msgpack.packb([bytes(16), bytes(16)])))),
    "delta_digest": (20, "a digest of 15 bytes", lambda: wcz(delta_head(bytes(15)))),
    "delta_text": (20, "a digest that is a string", lambda: wcz(delta_head("0123456789abcdef"))),
    "delta_falling": (20, "positions that do not rise", lambda: wcz(delta_head(whole=[1, 1]))),
    "delta_negative": (20, "a negative position", lambda: wcz(delta_head(whole=[-1]))),
    "delta_bool": (20, "a position that is a boolean", lambda: wcz(delta_head(whole=[True]))),
}
