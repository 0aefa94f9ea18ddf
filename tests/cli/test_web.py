"""`relumix web` where it cannot begin: one line, exit code 2."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")
pytest.importorskip("uvicorn", reason="the page needs the extra [web]")

from relumix.cli.main import main


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["web", "--no-open", "--listen", where]) == 2
    told = f"relumix: the page cannot be at {where}: Address already in use; choose another port with --listen\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--listen", "0.0.0.0:7860"],
            "0.0.0.0:7860 can be reached from other machines: give --token-file, or use 127.0.0.1",
        ),
        (["--root", "/no/such"], "the root /no/such is no folder: expected one that is there"),
        (["--max-upload-bytes", "2X"], "'2X' is no count of bytes: expected something like 500M or 2G"),
        (["--token-file", "/no/such", "--listen", "127.0.0.1:0"], "/no/such cannot be read: No such file or directory"),
    ],
)
def test_options_that_make_no_sense(capsys, arguments: list[str], told: str):
    assert main(["web", "--no-open", *arguments]) == 2
    assert capsys.readouterr().err == f"relumix: {told}\n"
