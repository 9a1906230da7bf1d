"""Keeps a process with many threads small: freed pictures are used again or given back to the system."""

import ctypes
import sys

_M_ARENA_MAX = -8  # <malloc.h> of glibc
_ARENAS = 4  # measured with 32 calls in flight on two cores: 366 MB, 475 MB with glibc's sixteen; as fast

# What is larger goes back when it is freed; glibc by itself keeps pieces of up to 32 MB. With 24 threads that
# fetch and normalise the largest references: 778 MB, 1,246 MB without; encoding WebP is as fast.
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 8 * 1024 * 1024
# Setting the one stops glibc from adjusting the other: without it, WebP would cost 4 % more.
_M_TRIM_THRESHOLD, _TRIM_BYTES = -1, 16 * 1024 * 1024


def bound_malloc() -> None:
    """Limits what glibc keeps, before threads have made arenas; elsewhere it does nothing."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
