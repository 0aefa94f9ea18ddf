"""Nuke, or what stands in for it here, with the plugin on its path."""

import runpy
import sys
import threading
from pathlib import Path

import pytest

from tests.nuke_plugin import host

PLUGIN = Path(__file__).resolve().parents[2] / "nuke_plugin"


@pytest.fixture
def running(monkeypatch):
    """Start Nuke, with a window or without; until the test ends `import nuke` and the plugin are that one's."""
    sessions = []
    threads = set(threading.enumerate())
    ours = [name for name in sys.modules if name.partition(".")[0] in ("nuke", "relumix_nuke")]
    for name in ours:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def start(gui=True):
        session = host.start(gui)
        monkeypatch.setitem(sys.modules, "nuke", session.module)
        session.module.pluginAddPath(str(PLUGIN))
        for name in ("init.py", "menu.py") if gui else ("init.py",):
            runpy.run_path(str(PLUGIN / name))
        sessions.append(session)
        return session

    yield start
    for name in [name for name in sys.modules if name.partition(".")[0] == "relumix_nuke"]:
        del sys.modules[name]
    for session in sessions:
        assert not session.loop.failures, "\n".join(session.loop.failures)
    left = [thread for thread in set(threading.enumerate()) - threads if not thread.daemon]
    assert not left, f"still running: {left}"


@pytest.fixture
def nuke(running):
    """A Nuke with a window: the host's session, whose module is `nuke`."""
    return running()
