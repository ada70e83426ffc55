"""Where the bytes of a file come from: a path, bytes, a map, a file object, a pipe, a URL.

`open_forward` gives what can be read from its start to its end, `open_random` what can seek.
"""

from .opening import NoRangesWarning, Source, open_forward, open_random
from .remote import Remote
from .timed import Timed

__all__ = ["NoRangesWarning", "Remote", "Source", "Timed", "open_forward", "open_random"]
