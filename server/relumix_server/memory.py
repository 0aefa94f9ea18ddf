"""Tunes the C library's handling of freed memory."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
_MIB = 1 << 20


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next piece of a frame; elsewhere nothing happens.

    By its defaults each piece, and each copy of it between file and socket, comes in pages that the kernel has just
    cleared, which takes more time than all else that is done to it. These are the limits that glibc itself goes to,
    once a program has freed something that large: 64 MiB are kept, and what is larger than 32 MiB is never. Two arenas
    hold all of it, where else every new thread of a session might come to one that has kept nothing yet.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * _MIB)
        libc.mallopt(M_TRIM_THRESHOLD, 64 * _MIB)
        libc.mallopt(M_ARENA_MAX, 2)
