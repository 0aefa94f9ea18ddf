"""Servers that relight: whether one is there, before inputs are rendered for it."""

from __future__ import annotations

import socket

from relumix_nuke.errors import RelumixError

_ANSWER_SECONDS = 3.0


def reach(addresses: str) -> None:
    """Return where at least one of the servers takes connections; the command copes with those that fail later.

    addresses  HOST:PORT, or several with commas between them.

    Raises RelumixError: for none, within three seconds a server; for what is no address.
    """
    failures = []
    for address in (each.strip() for each in addresses.split(",")):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise RelumixError(f"'{address}' is no address of a server: expected HOST:PORT, like render7:50051")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS):
                return
        except (OSError, OverflowError, UnicodeError) as error:  # The last for what is no name of a host.
            failures.append(f"{address}: {getattr(error, 'strerror', None) or error}")
    raise RelumixError(
        f"no server answers ({'; '.join(failures)}): correct its address, start it (relumix serve), "
        "or choose this machine"
    )
