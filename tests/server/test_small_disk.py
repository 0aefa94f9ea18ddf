"""A real disk that is too small for all who come: they are told so, and it is never full."""

import shutil
import subprocess
import threading

import numpy as np
import pytest

from relumix.v1 import relight_pb2 as pb
from relumix_server.spool import KEPT_FREE_BYTES
from tests.server.harness import CLOSE, FRAMES, ask, opening, pieces, serving, write_exr
from tests.server.test_life import rested, until

MIB = 1 << 20
CLIENTS = 4


@pytest.fixture
def small_disk(tmp_path):
    """A file system in memory with 24 MiB beyond what the server keeps free. It takes memory only as it fills."""
    folder = tmp_path / "spool"
    folder.mkdir()
    size = KEPT_FREE_BYTES + 24 * MIB
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root alone, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_small_disk_and_four_clients(tmp_path, small_disk):
    """They once got INTERNAL "OSError", with nothing left free."""
    noise = np.random.default_rng(1).uniform(0, 1, (512, 1024, 3)).astype(np.float16)
    write_exr(tmp_path / "noise.exr", noise)
    frame = (tmp_path / "noise.exr").read_bytes()
    settings = pb.Settings(engine="flow", work_size=64, compression="none", bits="float")
    reference = list(pieces(1001, frame, pb.ROLE_REFERENCE))
    said = [opening(settings=settings), *reference]
    said += [piece for number in FRAMES for piece in pieces(number, frame)]
    answers, least, over = [], [shutil.disk_usage(small_disk).free], threading.Event()

    def look():
        while not over.wait(0.005):
            least.append(shutil.disk_usage(small_disk).free)

    with serving(tmp_path, "--memory-budget", "1", "--max-client-sessions", str(CLIENTS)) as server:
        threads = [threading.Thread(target=lambda: answers.append(ask(server, [*said, CLOSE]))) for _ in range(CLIENTS)]
        looking = threading.Thread(target=look)
        for thread in [looking, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        looking.join()
        assert until(lambda: rested(server))
        alone = ask(server, [opening(settings=settings, deliver=FRAMES[:1]), *reference, *pieces(1001, frame), CLOSE])
        assert (alone.status.name, alone.order) == ("OK", [1001])
    told = {(answer.status.name, answer.details, answer.retry_seconds) for answer in answers}
    full = ("RESOURCE_EXHAUSTED", "the server's spool is full: try again later", 30.0)
    assert full in told
    assert told <= {full, ("OK", "", None)}
    assert min(least) >= KEPT_FREE_BYTES - MIB  # What the server keeps of its own there is small.
    assert not list(small_disk.iterdir())
