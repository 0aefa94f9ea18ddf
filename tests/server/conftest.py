import pytest

from tests.server.harness import Disk, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server that most tests share; each leaves it as it was."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "root").mkdir()
    with serving(folder, "--root", str(folder / "root"), "--max-frame-bytes", "4M", "--frame-seconds", "20") as started:
        started.root = folder / "root"
        yield started


@pytest.fixture(scope="session")
def disk(tmp_path_factory):
    """A shot that tests share, and do not change."""
    return Disk(tmp_path_factory.mktemp("shot"))


@pytest.fixture(scope="session")
def made(disk):
    """What the command makes of it, with one reference."""
    return disk.in_process()
