"""What is freed is there for the next piece."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from relumix_server.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        pieces = [bytes([number]) * (4 << 20) for number in range(6)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
by_default = faults()
keep_freed_memory()
faults()
print(by_default, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_pieces_come_in_pages_that_are_there():
    told = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, timeout=60)
    by_default, kept = map(int, told.stdout.split())
    assert by_default > 1000
    assert kept < by_default / 20
