"""What a plugin's binary shows to its host, by the format of each system."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

LC_DYLD_INFO_ONLY, LC_DYLD_EXPORTS_TRIE = 0x80000022, 0x80000033
OF_THE_LINKER = {"___dso_handle", "__mh_dylib_header"}
"""Where a binary itself begins: zig's linker shows that of every one, and cannot be told otherwise."""


def elf(binary: Path) -> list[str]:
    told = subprocess.run(["nm", "-D", "--defined-only", binary], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[-1] for line in told.splitlines())


def windows(binary: Path) -> list[str]:
    """By the export directory of the PE format."""
    data = binary.read_bytes()
    head = struct.unpack_from("<I", data, 0x3C)[0]
    sections, optional_bytes = struct.unpack_from("<H", data, head + 6)[0], struct.unpack_from("<H", data, head + 20)[0]
    table = [struct.unpack_from("<8x4I", data, head + 24 + optional_bytes + 40 * each) for each in range(sections)]

    def place(address: int) -> int:
        """Where in the file lies what is at an address in memory."""
        return next(
            address - start + at for size, start, stored, at in table if start <= address < start + max(size, stored)
        )

    directory = place(struct.unpack_from("<I", data, head + 24 + 112)[0])
    count, names = struct.unpack_from("<I", data, directory + 24)[0], struct.unpack_from("<I", data, directory + 32)[0]
    addresses = struct.unpack_from(f"<{count}I", data, place(names))
    return sorted(_text(data, place(address)) for address in addresses)


def mac(binary: Path) -> dict[int, list[str]]:
    """By the tries that dyld reads, of each processor (mach-o/fat.h, mach-o/loader.h)."""
    data, found = binary.read_bytes(), {}
    for each in range(struct.unpack_from(">I", data, 4)[0]):
        cpu, _, at, size = struct.unpack_from(">4I", data, 8 + 20 * each)
        names = set(_of_trie(_trie(data[at : at + size]))) - OF_THE_LINKER
        found[cpu] = sorted(name.removeprefix("_") for name in names)
    return found


def _trie(data: bytes) -> bytes:
    at = 32
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        command, size = struct.unpack_from("<2I", data, at)
        if command in (LC_DYLD_INFO_ONLY, LC_DYLD_EXPORTS_TRIE):
            begin, length = struct.unpack_from("<2I", data, at + (40 if command == LC_DYLD_INFO_ONLY else 8))
            if length:
                return data[begin : begin + length]
        at += size
    raise AssertionError("the binary exports nothing")


def _of_trie(trie: bytes, at: int = 0, name: str = "") -> Iterator[str]:
    terminal_bytes, at = _uleb128(trie, at)
    if terminal_bytes:
        yield name
    at += terminal_bytes
    children, at = trie[at], at + 1
    for _ in range(children):
        label = _text(trie, at)
        child, at = _uleb128(trie, at + len(label) + 1)
        yield from _of_trie(trie, child, name + label)


def _uleb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
