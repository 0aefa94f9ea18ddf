"""The node and a real server."""

import re
import socket
import subprocess
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceStub
from tests.nuke_plugin.comps import Comp
from tests.server.harness import serving


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def comp(nuke, tmp_path):
    comp = Comp(nuke, tmp_path)
    comp.node["where"].setValue("server")
    return comp


def test_a_server_makes_what_this_machine_makes(comp):
    with serving(comp.folder) as server:
        comp.node["server"].setValue(server.address)
        comp.relight()
        assert comp.status() == "6 frames are relit"
        np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


def test_a_server_that_is_killed_and_comes_back_costs_nothing_but_time(comp, address):
    comp.node["server"].setValue(address)
    with started(comp.slow(60), address):
        comp.press("relight")
        comp.wait(lambda: sessions(address))
    comp.wait(lambda: comp.status().startswith("relighting; "))
    assert re.fullmatch(rf"relighting; {address}: .+; trying again", comp.status())
    said = comp.status().removeprefix("relighting; ")
    assert comp.session.tasks.history[-1][1].startswith(said), "the bar says so too, before its clock"
    with started(comp.slow(0), address):
        comp.wait(lambda: "relit" in comp.status() or comp.session.dialogs.messages)
    assert re.fullmatch(rf"6 frames are relit, with a warning: {address}: .+; trying again", comp.status())
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


def test_one_that_does_not_come_back_is_given_up_when_the_artist_said_so(comp, address):
    comp.node["server"].setValue(address)
    comp.node["options"].setValue("--patience 1")
    with started(comp.slow(60), address):
        comp.press("relight")
        comp.wait(lambda: sessions(address))
    comp.wait(lambda: comp.session.dialogs.messages)
    assert comp.session.dialogs.messages == [comp.status()]
    assert comp.status().startswith(f"{address}: it cannot be reached: ")
    assert comp.status().endswith("; given up: finished frames are kept, run the same command again to go on")


def test_cancelling_frees_the_server(comp, address):
    comp.node["server"].setValue(address)
    with started(comp.slow(3), address):
        comp.press("relight")
        comp.wait(lambda: sessions(address))
        comp.press("cancel")
        comp.wait(lambda: "cancelled" in comp.status())
        comp.wait(lambda: not sessions(address))


@contextmanager
def started(executable, address):
    """A server at an address of its own, that is killed at the end."""
    command = [executable, "serve", "--listen", address, "--metrics", "none", "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout.readline().endswith(f"{address}\n")
            yield
        finally:
            server.kill()


def sessions(address):
    """How many jobs a server has."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        return RelightServiceStub(channel).GetInfo(pb.GetInfoRequest(), timeout=20).load.sessions
