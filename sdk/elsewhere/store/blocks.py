"""Which blocks of an attempt's output are kept: of a very long one, its beginning and its end."""

from __future__ import annotations

from typing import Final

#: output is kept in blocks of this many bytes ...
BLOCK_BYTES: Final = 1 << 20
#: ... of which a very long output keeps so many from its beginning and its end
HEAD_BLOCKS: Final = 16
TAIL_BLOCKS: Final = 16


def first_kept(start: int, length: int) -> int:
    """The offset of the first stored byte at or behind `start`, in an output of `length` bytes."""
    last = max(length - 1, 0) // BLOCK_BYTES
    first_of_tail = last - TAIL_BLOCKS + 1
    block = start // BLOCK_BYTES
    if HEAD_BLOCKS <= block < first_of_tail:
        return first_of_tail * BLOCK_BYTES
    return start
