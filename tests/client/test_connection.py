"""Addresses, tokens, certificates."""

import pytest

from relumix.client import read_token
from relumix.client.connection import servers
from relumix.errors import InputError


def test_addresses_are_split_and_named_once():
    found = servers("a:1, render-7.studio.local:50051,[::1]:50051,a:1")
    assert [server.address for server in found] == ["a:1", "render-7.studio.local:50051", "[::1]:50051"]
    assert [server.address for server in servers(["b:2"])] == ["b:2"]


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:0", "host:65536", ":50051", "http://a:1", "a:1/x", "a b:1"]
)
def test_what_is_no_address(text):
    with pytest.raises(InputError) as caught:
        servers(text)
    assert str(caught.value) == f"'{text}' is no address of a server: expected HOST:PORT, like render7:50051"


def test_secrets_are_not_shown(tmp_path):
    (tmp_path / "pem").write_bytes(b"-----SECRET-----")
    (server,) = servers(
        "a:1", token="hush", tls_ca=tmp_path / "pem", tls_cert=tmp_path / "pem", tls_key=tmp_path / "pem"
    )
    assert "hush" not in repr(server)
    assert repr(server).count("SECRET") == 1  # the CA's, which is no secret


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tls_ca": "gone.pem"}, "gone.pem cannot be read: No such file or directory"),
        ({"tls_cert": "x"}, "a client's TLS certificate and its key go together: one of them is missing"),
        (
            {"tls_cert": "x", "tls_key": "x"},
            "a client's TLS certificate needs the server's too: give the CA that signed it",
        ),
    ],
)
def test_certificates_that_cannot_be_used(given, message):
    with pytest.raises(InputError) as caught:
        servers("a:1", **given)
    assert str(caught.value) == message


def test_a_token_is_read_without_its_line_end(tmp_path):
    (tmp_path / "token").write_text("open-sesame\n")
    assert read_token(tmp_path / "token") == "open-sesame"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", "schlüssel".encode()])
def test_what_is_no_token(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_token(tmp_path / "token")
    assert str(caught.value) == (
        f"{tmp_path}/token holds no token: expected one line of printable ASCII without spaces"
    )
