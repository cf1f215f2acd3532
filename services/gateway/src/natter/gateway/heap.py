"""What the gateway asks of malloc: uvloop's 256 KiB per TLS connection must not lie among what comes and goes.

glibc serves large blocks from the system, untouched, until the first is freed; then from the heap. There a connection's
buffer, of which a page or two is ever used, gets memory that handshakes before it have dirtied: some 15 KiB of each.
"""

from __future__ import annotations

import ctypes
from typing import Final

# <malloc.h>
M_MMAP_THRESHOLD: Final = -3
M_MMAP_MAX: Final = -4
# Blocks from this size on come from the system, as long as there are not too many: half of what Linux allows a process
# to map by default. What is above comes from the heap.
LARGE_BYTES_MIN: Final = 200 * 1024
LARGE_BLOCKS_MAX: Final = 32_768


def keep_large_blocks_apart() -> bool:
    """Once per process. False: this C library does not know of it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES_MIN) and mallopt(M_MMAP_MAX, LARGE_BLOCKS_MAX))
