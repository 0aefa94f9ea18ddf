"""What one host, and one connection, may do to the server. gRPC bounds connections in all, whoever holds them."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote

from relumix_server.status_errors import peer_host

SWEEP_SECONDS = 0.5
UNEXPLAINED_BYTES = 16 << 20
"""From a connection within UNEXPLAINED_SECONDS, beside what its calls explain. Twice what gRPC lets a client send of a
call before it is read: who sends more of anything ignores the protocol's limits."""
UNEXPLAINED_SECONDS = 60.0
ALL_UNEXPLAINED_BYTES = 256 << 20
"""From all connections that are open, within UNEXPLAINED_SECONDS: each of many may bring nearly what one may. What
streams brought that have ended counts here."""
STREAM_BYTES = 12 << 20
"""What may have come of a stream that nobody has read: gRPC's window, and one message of the size of a piece."""
MOST_STREAMS = 16
"""How many of a connection explain that: as many as it may have at once."""
MESSAGE_BYTES = 64
"""What goes with a message; and one part in so many of all that is sent either way, for frames of HTTP/2 and of TLS."""
CALL_BYTES = 2 << 10
"""What goes with a call: its headers, and frames that say nothing of it."""
RECEIVED_BYTES_AT = 128
"""Where tcpi_bytes_received lies in the kernel's struct tcp_info."""


@dataclass(slots=True)
class Caller:
    """A peer with an accepted call: what explains the bytes that come from it.

    explained_bytes  by messages that were read or sent, and by calls.
    begun, ended     how many of its streams have.
    noted            whether a call was accepted since the last sweep began.
    """

    explained_bytes: int = 0
    begun: int = 0
    ended: int = 0
    noted: bool = True

    def took(self, size: int) -> None:
        """Count a message that was read."""
        self.explained_bytes += size + size // MESSAGE_BYTES + MESSAGE_BYTES

    def gave(self, size: int) -> None:
        """Count a message that was sent: clients say how much more they can take."""
        self.explained_bytes += size // MESSAGE_BYTES + MESSAGE_BYTES


NOBODY = Caller()
"""Who had no call accepted."""


@dataclass(frozen=True)
class _Unexplained:
    """What came over a connection in the present minute and is neither of a message that was read nor of a stream.

    bytes    what streams that have ended explain counts too.
    too_many whether it is too much for one connection, that aside.
    """

    bytes: int
    too_many: bool


@dataclass(slots=True)
class _Connection:
    """peer: as gRPC calls it. The rest: as it was at the beginning of the present minute; of streams, of the last one.

    What comes of a stream that has just ended is explained by it for a while.
    """

    peer: str
    since: float = 0.0
    received_bytes: int = 0
    explained_bytes: int = 0
    ended: int = 0
    ended_before: int = 0

    def unexplained(self, received: int, caller: Caller) -> _Unexplained:
        """Look at what has come; received: all bytes ever."""
        now = time.monotonic()
        if now - self.since > UNEXPLAINED_SECONDS:
            if self.since:
                self.received_bytes, self.explained_bytes = received, caller.explained_bytes
                self.ended_before, self.ended = self.ended, caller.ended
            self.since = now
        found = received - self.received_bytes - (caller.explained_bytes - self.explained_bytes)
        running, all_streams = caller.begun - caller.ended, caller.begun - self.ended_before
        return _Unexplained(
            max(0, found - min(MOST_STREAMS, running) * STREAM_BYTES),
            found - min(MOST_STREAMS, all_streams) * STREAM_BYTES > UNEXPLAINED_BYTES,
        )


class Connections:
    """Closes connections of hosts with too many, and those that bring more than their calls explain.

    Of a host with too many, those without such a call go first, the oldest of them before the others: who asks at once
    is answered at all times. Then the youngest.

    gRPC's sockets are its own, but they are files of this process, and a duplicate of a descriptor may be asked and
    shut down whatever becomes of the first meanwhile.
    """

    def __init__(self, most: int) -> None:
        """most: connections of one host (of IPv6, of a network of 64 bits)."""
        self._most = most
        self._seen: dict[int, _Connection | None] = {}
        self._callers: dict[str, Caller] = {}
        self._lock = threading.Lock()

    def accept(self, peer: str) -> Caller:
        """Note that a call of this peer was accepted; peer: as gRPC calls it."""
        with self._lock:
            caller = self._callers.setdefault(unquote(peer), Caller())
            caller.noted = True
            caller.explained_bytes += CALL_BYTES
        return caller

    @contextmanager
    def stream(self, peer: str) -> Iterator[Caller]:
        """Note that a stream of this peer was accepted, and when it ends."""
        caller = self.accept(peer)
        caller.begun += 1
        try:
            yield caller
        finally:
            caller.ended += 1

    async def watch(self, port: int) -> None:
        """Watch over the connections to a port until cancelled."""
        while True:
            await asyncio.to_thread(self.sweep, port)
            await asyncio.sleep(SWEEP_SECONDS)

    def sweep(self, port: int) -> int:
        """Do so once; returns how many were closed."""
        with self._lock:
            for caller in self._callers.values():
                caller.noted = False  # Before looking: who calls meanwhile may have come too late to be seen.
        found = _sockets()
        self._seen = {inode: connection for inode, connection in self._seen.items() if inode in found}
        for inode in sorted(found.keys() - self._seen.keys()):
            self._seen[inode] = _asked(found[inode], inode, port)
        ours = {inode: connection for inode, connection in self._seen.items() if connection}
        self._forget({each.peer for each in ours.values()})
        unexplained = {
            inode: each.unexplained(_received_bytes(found[inode], inode), self._callers.get(each.peer, NOBODY))
            for inode, each in ours.items()
        }
        return sum(_shut_down(found[inode], inode) for inode in {*_flooding(unexplained), *self._too_many(ours)})

    def _forget(self, peers: set[str]) -> None:
        """Forget callers that have gone; peers: those that are there."""
        with self._lock:
            for peer in self._callers.keys() - peers:
                caller = self._callers[peer]
                if not caller.noted and caller.begun == caller.ended:
                    del self._callers[peer]

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
        return connection.peer in self._callers


def _flooding(unexplained: dict[int, _Unexplained]) -> list[int]:
    """Return which connections bring too much that nothing explains, each or together: those with most."""
    chosen = [inode for inode, each in unexplained.items() if each.too_many]
    others = sorted(unexplained.keys() - set(chosen), key=lambda inode: unexplained[inode].bytes)
    left = sum(unexplained[inode].bytes for inode in others)
    while left > ALL_UNEXPLAINED_BYTES:
        chosen.append(others.pop())
        left -= unexplained[chosen[-1]].bytes
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
