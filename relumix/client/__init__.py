"""Relight shots on servers: the same jobs as in-process, the same files and events, bit for bit.

RelightClient       for programs that wait.
AsyncRelightClient  the same for asyncio.
read_token          the token in a file.

None of it needs more than the base installation: no engine, no OpenCV.
"""

from relumix.client.aio import AsyncRelightClient
from relumix.client.client import RelightClient
from relumix.client.connection import read_token

__all__ = ["AsyncRelightClient", "RelightClient", "read_token"]
