"""The server that a worker holds, and what ends it."""

import re

import pytest

from relumix.client import RelightClient
from relumix.errors import InputError
from relumix.farm.server import held, start, stop
from tests.farm.shots import relumix
from tests.server.harness import serving


def test_it_serves_those_who_have_its_token_until_it_is_stopped(tmp_path):
    server = start(tmp_path, engine="flow", model=None, device="auto")
    try:
        assert held(tmp_path) == server
        assert server.address.startswith("127.0.0.1:")
        token = (tmp_path / "relumix-server.token").read_text()
        assert (tmp_path / "relumix-server.token").stat().st_mode & 0o777 == 0o600
        assert set(RelightClient(server.address, token=token).info()) == {server.address}
        with pytest.raises(InputError, match="token"):
            RelightClient(server.address).info()
    finally:
        stop(tmp_path)
    assert held(tmp_path) is None
    with pytest.raises(InputError):
        RelightClient(server.address, token=token, patience_seconds=0.1).info()
    stop(tmp_path)  # There is none any more: nothing to do.


def test_one_that_does_not_start_says_why_and_leaves_no_lease(tmp_path):
    with pytest.raises(
        InputError, match=r"^the worker's server did not start: unknown engine 'none': expected one of "
    ):
        start(tmp_path, engine="none", model=None, device="auto")
    assert held(tmp_path) is None


def test_the_scheduler_is_told_why(tmp_path):
    done = relumix(tmp_path, "farm", "start", "--session", tmp_path, "engine=none")
    assert done.returncode == 2
    assert re.match(r"openjd_fail: the worker's server did not start: unknown engine 'none'", done.stdout)


def test_none_is_held_where_none_is_wanted(tmp_path):
    done = relumix(tmp_path, "farm", "start", "--session", tmp_path, "--hold=false", "engine=flow")
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (0, "", [])


def test_a_server_ends_with_its_lease(tmp_path):
    lease = tmp_path / "lease"
    lease.touch()
    with serving(tmp_path, "--lease", str(lease)) as server:
        lease.unlink()
        assert server.process.wait(20) == 0


def test_a_server_without_work_ends(tmp_path):
    with serving(tmp_path, "--exit-idle-seconds", "1") as server:
        assert server.process.wait(20) == 0


def test_a_lease_has_to_be_there(tmp_path):
    done = relumix(tmp_path, "serve", "--lease", "gone", "--dry-run")
    assert done.returncode == 2
    assert done.stderr == "relumix: the lease gone is not there: expected a file whose absence ends the server\n"
