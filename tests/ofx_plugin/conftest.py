import subprocess
import sys

import pytest
from relumix_ofx.build import BuildError, build_here, system_compiler

from tests.ofx_plugin.rig import PLUGIN, SOURCES, Bench
from tests.synthetic import make_shot


def build_all(folder, *flags):
    """The plugin's bundle and the strict host, by the system's compiler."""
    if sys.platform != "linux":
        pytest.skip("the strict host is written for Linux")
    try:
        compiler = system_compiler()
    except BuildError as error:
        pytest.skip(str(error))
    program = folder / "strict_host"
    sources = [str(path) for path in SOURCES.glob("*.cpp")]
    command = [*compiler, "-std=c++17", *flags, f"-I{PLUGIN}", *sources, "-o", str(program), "-ldl", "-pthread"]
    with subprocess.Popen(command) as host:
        bundle = build_here(folder, flags)
    assert host.returncode == 0
    return bundle, program


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return build_all(tmp_path_factory.mktemp("ofx"), "-O1")


@pytest.fixture
def bench(tmp_path, built):
    """A bench of its own for one test."""
    bench = Bench(tmp_path, *built)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def shot():
    """Eight small frames and their relit first one."""
    return make_shot(size=(64, 48), frames=range(1001, 1009), pan=(2, 0))


@pytest.fixture(scope="module")
def shared(tmp_path_factory, built, shot):
    """A bench with the shot on it, for tests that leave it as it was; its bridge stays until the last of them."""
    bench = Bench(tmp_path_factory.mktemp("bench"), *built)
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    bench.start_bridge("--linger=60")
    yield bench
    bench.close()


@pytest.fixture
def host(shared):
    """A host on the shared bench, with the plugin loaded; what it did wrong is told at the end."""
    host = shared.host().load()
    yield host
    state = host.state()
    assert state["offences"] == []
    assert state["images"] == 0
    host.close()
