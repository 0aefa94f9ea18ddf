"""How many connections one host may hold. gRPC bounds them in all, and says nothing of who they come from."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections import Counter
from contextlib import suppress

from relumix_server.status_errors import peer_host

SWEEP_SECONDS = 1.0


class HostConnections:
    """Closes the youngest connections of hosts with too many.

    gRPC's sockets are its own, but they are files of this process, and a duplicate of a descriptor may be asked and shut
    down whatever becomes of the first meanwhile.
    """

    def __init__(self, port: int, most: int) -> None:
        """port: where the server listens; most: connections of one host (of IPv6, of a network of 64 bits)."""
        self._port, self._most = port, most
        self._hosts: dict[int, str | None] = {}

    async def watch(self) -> None:
        """Do so until cancelled."""
        while True:
            await asyncio.to_thread(self.sweep)
            await asyncio.sleep(SWEEP_SECONDS)

    def sweep(self) -> int:
        """Do so once; returns how many were closed."""
        found = _sockets()
        # In the order in which they were first seen, each asked once.
        self._hosts = {inode: host for inode, host in self._hosts.items() if inode in found}
        for inode in sorted(found.keys() - self._hosts.keys()):
            self._hosts[inode] = self._host(found[inode], inode)
        count, closed = Counter[str](), 0
        for inode, host in self._hosts.items():
            if host is None:
                continue
            count[host] += 1
            if count[host] > self._most:
                closed += _shut_down(found[inode], inode)
        return closed

    def _host(self, descriptor: int, inode: int) -> str | None:
        """Return who is at the other end of a connection to this server; None for any other socket."""
        with suppress(OSError), _duplicate(descriptor, inode) as connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            if connection.getsockname()[1] != self._port:
                return None
            host, port = connection.getpeername()[:2]
            return peer_host(f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}")
        return None


def _sockets() -> dict[int, int]:
    """Return the sockets of this process: inode and descriptor."""
    found = {}
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  # a Path for each takes ten times as long
        with suppress(OSError):
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = int(name)
    return found


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
