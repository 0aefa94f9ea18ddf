"""What one host, and a caller without a token, may do to connections. gRPC bounds them in all, whoever holds them."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote

from relumix_server.status_errors import peer_host

SWEEP_SECONDS = 0.5
STRANGE_BYTES = 16 << 20
"""From a connection without an accepted call, within STRANGE_SECONDS. Twice what gRPC lets a client send of a call
before it is read: who sends more of anything ignores the protocol's limits."""
STRANGE_SECONDS = 60.0
ALL_STRANGE_BYTES = 256 << 20
"""From all such connections that are open, within STRANGE_SECONDS: each of many may bring nearly what one may."""
RECEIVED_BYTES_AT = 128
"""Where tcpi_bytes_received lies in the kernel's struct tcp_info."""


@dataclass(slots=True)
class _Connection:
    """peer: as gRPC calls it. received_bytes, since: what had come from it at the beginning of the present minute."""

    peer: str
    received_bytes: int = 0
    since: float = 0.0


class Connections:
    """Closes connections of hosts with too many, and those that flood without a call that was accepted.

    Of a host with too many, those without such a call go first, the oldest of them before the others: who asks at once
    is answered at all times. Then the youngest.

    gRPC's sockets are its own, but they are files of this process, and a duplicate of a descriptor may be asked and
    shut down whatever becomes of the first meanwhile.
    """

    def __init__(self, most: int) -> None:
        """most: connections of one host (of IPv6, of a network of 64 bits)."""
        self._most = most
        self._seen: dict[int, _Connection | None] = {}
        self._accepted, self._just_accepted = set[str](), set[str]()

    def accept(self, peer: str) -> None:
        """Note that a call of this peer was accepted; peer: as gRPC calls it."""
        self._just_accepted.add(unquote(peer))

    async def watch(self, port: int) -> None:
        """Watch over the connections to a port until cancelled."""
        while True:
            await asyncio.to_thread(self.sweep, port)
            await asyncio.sleep(SWEEP_SECONDS)

    def sweep(self, port: int) -> int:
        """Do so once; returns how many were closed."""
        fresh, self._just_accepted = self._just_accepted, set()  # Before looking, so that none is forgotten unseen.
        found = _sockets()
        self._seen = {inode: connection for inode, connection in self._seen.items() if inode in found}
        for inode in sorted(found.keys() - self._seen.keys()):
            self._seen[inode] = _asked(found[inode], inode, port)
        self._accepted = (self._accepted | fresh) & {each.peer for each in self._seen.values() if each}
        ours = {inode: connection for inode, connection in self._seen.items() if connection}
        strange = {i: self._strange_bytes(each, found[i], i) for i, each in ours.items() if not self._is_accepted(each)}
        return sum(_shut_down(found[inode], inode) for inode in {*_flooding(strange), *self._too_many(ours)})

    def _too_many(self, ours: dict[int, _Connection]) -> list[int]:
        """Return which connections to close because their hosts have more than they may; `ours` is in order of age."""
        of_hosts: dict[str, list[int]] = {}
        for inode, connection in ours.items():
            of_hosts.setdefault(peer_host(connection.peer), []).append(inode)
        chosen: list[int] = []
        for inodes in of_hosts.values():
            strange = [inode for inode in inodes if not self._is_accepted(ours[inode])]
            known = [inode for inode in reversed(inodes) if self._is_accepted(ours[inode])]
            chosen += [*strange, *known][: max(0, len(inodes) - self._most)]
        return chosen

    def _is_accepted(self, connection: _Connection) -> bool:
        return connection.peer in self._accepted or connection.peer in self._just_accepted

    def _strange_bytes(self, connection: _Connection, descriptor: int, inode: int) -> int:
        """Return how many bytes have come in the present minute."""
        received, now = _received_bytes(descriptor, inode), time.monotonic()
        if now - connection.since > STRANGE_SECONDS:
            new = not connection.since
            connection.since, connection.received_bytes = now, 0 if new else received
        return received - connection.received_bytes


def _flooding(strange: dict[int, int]) -> list[int]:
    """Return which connections without an accepted call bring too much, each or together: those with most."""
    left, chosen = sum(strange.values()), []
    for inode in sorted(strange, key=strange.__getitem__, reverse=True):
        if strange[inode] <= STRANGE_BYTES and left <= ALL_STRANGE_BYTES:
            break
        left -= strange[inode]
        chosen.append(inode)
    return chosen


def _sockets() -> dict[int, int]:
    """Return the sockets of this process: inode and descriptor."""
    found = {}
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  # a Path for each takes ten times as long
        with suppress(OSError):
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = int(name)
    return found


def _asked(descriptor: int, inode: int, port: int) -> _Connection | None:
    """Return a connection to this server; None for any other socket."""
    with suppress(OSError), _duplicate(descriptor, inode) as connection:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.getsockname()[1] != port:
            return None
        host, theirs = connection.getpeername()[:2]
        host = host.removeprefix("::ffff:")  # gRPC listens for both kinds at once, and calls an IPv4 peer by its own.
        return _Connection(f"ipv6:[{host}]:{theirs}" if ":" in host else f"ipv4:{host}:{theirs}")
    return None


def _received_bytes(descriptor: int, inode: int) -> int:
    """Return how many bytes have ever come; 0 where the system does not tell."""
    if sys.platform == "linux":
        with suppress(OSError, struct.error), _duplicate(descriptor, inode) as connection:
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RECEIVED_BYTES_AT + 8)
            return int(struct.unpack_from("=Q", told, RECEIVED_BYTES_AT)[0])
    return 0


def _duplicate(descriptor: int, inode: int) -> socket.socket:
    """Return another handle of a socket. Raises OSError where the descriptor is no longer that socket's."""
    copy = os.dup(descriptor)
    if os.fstat(copy).st_ino != inode:
        os.close(copy)
        raise OSError("it was closed")
    return socket.socket(fileno=copy)


def _shut_down(descriptor: int, inode: int) -> int:
    with suppress(OSError), _duplicate(descriptor, inode) as connection:
        connection.shutdown(socket.SHUT_RDWR)
        return 1
    return 0
