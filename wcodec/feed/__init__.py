"""Feeds: a directory of model versions that any web server can host, and devices that follow it (format_spec/feed.md).

    wcodec.feed.publish("v2.wcz", "feed")                       # the next version: the model and what changed
    wcodec.feed.pull("https://example.org/feed", "model.wcz")   # the newest version, in the fewest bytes

Both need the edge set only; signatures need the extra `sign`, `wcz serve` the extra `serve`.
"""

from .manifest import Entry, Manifest, Version
from .publishing import Published, publish, read_manifest
from .pulling import Pulled, pull

__all__ = ["Entry", "Manifest", "Published", "Pulled", "Version", "publish", "pull", "read_manifest"]
