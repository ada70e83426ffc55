"""Memory for the body of a large chunk: given back to the system piece by piece while the chunk is decoded.

A decoded tensor grows while its payload shrinks, so that both together take hardly more than the tensor.
"""

from __future__ import annotations

import mmap
from typing import IO

# Bodies below this size are plain bytes: a map costs system calls and rounds up to pages.
LARGE_BODY = 1 << 18

_CAN_GIVE_BACK = hasattr(mmap, "MADV_DONTNEED")


class Memory(mmap.mmap):
    """Anonymous private memory; pages exist from their first write on, so a lying length costs nothing."""

    def keep_last(self, nbytes: int) -> None:
        """Give the pages before the last `nbytes` bytes back; what stood there is lost."""
        done = (len(self) - nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if done > 0 and _CAN_GIVE_BACK:
            self.madvise(mmap.MADV_DONTNEED, 0, done)


def allocate(nbytes: int) -> Memory:
    """Zeros; MemoryError where the system has no such room."""
    try:
        if hasattr(mmap, "MAP_PRIVATE"):
            return Memory(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return Memory(-1, nbytes)
    except (OSError, ValueError, OverflowError) as e:
        raise MemoryError(f"{nbytes} bytes") from e


def give_back(payload: bytes | memoryview, left: int) -> None:
    """Say that a payload was decoded and that `left` bytes of its chunk's body come after it."""
    memory = payload.obj if isinstance(payload, memoryview) else None
    if isinstance(memory, Memory):
        memory.keep_last(left)


def read_into(file: IO[bytes], target: memoryview, piece_nbytes: int) -> int:
    """Fill `target` from a file, at most `piece_nbytes` at a time; bytes read, fewer where the file ends."""
    done = 0
    while done < len(target):
        room = target[done : done + piece_nbytes]
        if hasattr(file, "readinto"):
            count = file.readinto(room) or 0
        else:
            piece = file.read(len(room))
            count = len(piece)
            room[:count] = piece
        if not count:
            break
        done += count
    return done
