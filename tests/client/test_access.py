"""Who is let in: TLS, certificates, tokens."""

import subprocess

import pytest

from relumix.client import RelightClient
from relumix.errors import InputError
from tests.client.command import command, finished
from tests.client.shots import write_shot
from tests.server.harness import serving

HUNG_UP = "it cannot be reached: Socket closed (does it want TLS, or a certificate of this client?)"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with TLS and a token, and the folder of its files."""
    folder = tmp_path_factory.mktemp("guarded")
    certificate(folder, "127.0.0.1")
    (folder / "token").write_text("open-sesame-0123456789\n")
    (folder / "wrong").write_text("close-sesame-0123456789\n")
    files_of = {"--tls-cert": "cert.pem", "--tls-key": "key.pem", "--token-file": "token"}
    options = [text for option, name in files_of.items() for text in (option, str(folder / name))]
    with serving(folder, *options) as running:
        yield running, folder


def certificate(folder, address):
    """A self-signed certificate for an IP address, cert.pem, and its key, key.pem."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem"
    names = ["-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
    subprocess.run([*make.split(), *names], cwd=folder, check=True, capture_output=True)


def test_tls_and_a_token_open_the_door(guarded, tmp_path):
    server, secrets = guarded
    references = write_shot(tmp_path, frames=range(1001, 1006))
    client = RelightClient(server.address, token="open-sesame-0123456789", tls_ca=secrets / "cert.pem")
    assert [*client.relight(tmp_path / "plate", references, tmp_path / "out")][-1].written == 5


@pytest.mark.parametrize("token", ["wrong", None])
def test_the_wrong_token_does_not(guarded, tmp_path, token):
    server, secrets = guarded
    write_shot(tmp_path, frames=range(1001, 1003))
    args = ["--tls-ca", str(secrets / "cert.pem"), *(["--token-file", str(secrets / token)] if token else [])]
    code, _, err = finished(command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", server.address, *args))
    assert code == 2
    assert err.startswith(f"relumix: {server.address}: no token that this server knows")
    assert err.count("\n") == 1


def test_a_certificate_of_somebody_else_is_not_trusted(guarded, server, tmp_path):
    running, secrets = guarded
    certificate(tmp_path, "127.0.0.1")
    with pytest.raises(InputError, match=r"no TLS connection that can be trusted: its certificate is not signed by"):
        RelightClient(running.address, tls_ca=tmp_path / "cert.pem").info()
    with pytest.raises(InputError, match=r"no TLS connection that can be trusted: the server speaks none"):
        RelightClient(server.address, tls_ca=secrets / "cert.pem").info()


def test_a_server_may_ask_for_the_client_s_certificate(guarded, tmp_path):
    _, secrets = guarded
    own = {"tls_cert": secrets / "cert.pem", "tls_key": secrets / "key.pem"}
    options = ["--tls-cert", own["tls_cert"], "--tls-key", own["tls_key"], "--tls-client-ca", secrets / "cert.pem"]
    with serving(tmp_path, *map(str, options)) as server:
        client = RelightClient(server.address, tls_ca=secrets / "cert.pem", **own)
        assert list(client.info()) == [server.address]
        with pytest.raises(InputError, match=r"^no server answers: ") as caught:
            RelightClient(server.address, tls_ca=secrets / "cert.pem", patience_seconds=0.5).info()
    assert str(caught.value) == f"no server answers: {server.address}: {HUNG_UP}"


def test_a_server_with_tls_wants_tls(guarded):
    server, _ = guarded
    with pytest.raises(InputError) as caught:
        RelightClient(server.address, patience_seconds=0.5).info()
    assert str(caught.value) == f"no server answers: {server.address}: {HUNG_UP}"


def test_a_certificate_that_is_not_trusted_is_one_line(guarded, tmp_path):
    server, _ = guarded
    write_shot(tmp_path, frames=range(1001, 1003))
    certificate(tmp_path, "127.0.0.1")
    where = ["--server", server.address, "--tls-ca", "cert.pem"]
    code, _, err = finished(command(tmp_path, "-r", "relit.1001.exr", "-o", "out", *where))
    assert code == 2
    assert err == (
        f"relumix: {server.address}: no TLS connection that can be trusted: "
        "its certificate is not signed by the given CA, or is for another host\n"
    )
