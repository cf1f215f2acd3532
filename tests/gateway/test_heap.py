"""Large blocks come from the system, also after one was given back."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest
from natter.gateway.heap import LARGE_BYTES_MIN, keep_large_blocks_apart

# More than the heap of a new process has room for.
BLOCKS = 400
FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class Counts(ctypes.Structure):
    """struct mallinfo2; `hblks` counts the blocks that the system gave."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another malloc")
def test_large_blocks_stay_apart() -> None:
    # The heap of the process that runs the tests may have room for them all by now.
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def stay_apart() -> None:
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Counts
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    assert keep_large_blocks_apart()
    # Left alone, glibc takes this as a sign that blocks of up to that size come and go.
    libc.free(libc.malloc(16 << 20))
    before = libc.mallinfo2().hblks
    blocks = [libc.malloc(LARGE_BYTES_MIN + 4096) for _ in range(BLOCKS)]
    try:
        assert libc.mallinfo2().hblks > before + BLOCKS // 2
    finally:
        for block in blocks:
            libc.free(block)
    assert libc.mallinfo2().hblks == before


if __name__ == "__main__":
    stay_apart()
