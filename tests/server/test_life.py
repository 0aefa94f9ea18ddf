"""Starting, stopping, and what is left when one side goes away."""

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceStub
from relumix_server.access import read_tokens
from tests.server.harness import CLOSE, FRAMES, Disk, ask, opening, serving

SERVICE = "relumix.v1.RelightService"
TOKEN = "a-token-that-nobody-guesses"


def until(holds, seconds=60.0):
    """Wait until something holds; returns whether it did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def rested(server):
    """Whether a server holds nothing of any session."""
    load = server.info().load
    return (load.sessions, load.queued_windows, load.memory_bytes, load.spool_bytes) == (0, 0, 0, 0) and (
        not server.kept_files()
    )


class Held:
    """A stream that is open, and says what it is told to say."""

    def __init__(self, server, *messages, timeout=None):
        self._said, self._more, self._over = list(messages), threading.Condition(), False
        self.channel = server.channel()
        self.call = RelightServiceStub(self.channel).Relight(self._messages(), timeout=timeout)

    def _messages(self):
        while True:
            with self._more:
                while not self._said and not self._over:
                    self._more.wait()
                if not self._said:
                    return
                message = self._said.pop(0)
            yield message

    def say(self, *messages):
        with self._more:
            self._said += messages
            self._more.notify_all()

    def leave(self):
        self.call.cancel()
        with self._more:
            self._over = True
            self._more.notify_all()
        self.channel.close()


@pytest.fixture
def held(server):
    streams = []

    def hold(*messages, server=server, **how):
        streams.append(Held(server, *messages, **how))
        assert next(streams[-1].call).WhichOneof("message") == "accepted"
        return streams[-1]

    yield hold
    for stream in streams:
        stream.leave()


def start(*options):
    """The code and the one line of a server that cannot start."""
    command = [sys.executable, "-m", "relumix.cli.main", "serve", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("relumix: ")
    return ended.returncode, line.removeprefix("relumix: ")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--listen", "0.0.0.0:0"],
            "0.0.0.0:0 can be reached from other machines: give --tls-cert, --tls-key and --token-file "
            "(or --tls-client-ca), or say --insecure",
        ),
        (["--listen", "[::]:0"], "[::]:0 can be reached from other machines: give --tls-cert"),
        (["--listen", "example.org:1"], "example.org:1 can be reached from other machines"),
        (["--listen", "localhost"], "'localhost' is no address: expected HOST:PORT, like 127.0.0.1:50051"),
        (
            ["--metrics", "0.0.0.0:0"],
            "the status page at 0.0.0.0:0 could be read from other machines: listen on 127.0.0.1, or say --insecure",
        ),
        (["--tls-cert", "x"], "TLS needs a certificate and its key: give both --tls-cert and --tls-key"),
        (["--tls-client-ca", "x"], "client certificates need TLS: give --tls-cert and --tls-key with --tls-client-ca"),
        (["--token-file", "/none"], "/none cannot be read: No such file or directory"),
        (["--root", "/none"], "the root /none is no folder: expected one that is there"),
        (["--engine", "none"], "unknown engine 'none': expected one of "),
        (["--max-sessions", "0"], "max_sessions is 0: expected more than 0"),
        (["--spool", "/none"], "the spool /none cannot be used: No such file or directory"),
        (["--memory-budget", "5X"], "'5X' is no count of bytes: expected something like 500M or 2G"),
        (["--config", "/none"], "/none cannot be read: "),
    ],
)
def test_servers_that_do_not_start(options, sentence):
    code, line = start("--listen", "127.0.0.1:0", "--metrics", "none", *options)
    assert (code, line[: len(sentence)]) == (2, sentence)


def test_a_port_that_is_taken(server):
    code, sentence = start("--listen", server.address, "--metrics", "none")
    assert (code, sentence) == (
        2,
        f"{server.address} cannot be listened on: it is taken, perhaps by another relumix serve, or not of this "
        "machine; stop that, or choose another port with --listen (0 takes a free one)",
    )


def test_a_port_of_the_status_page_that_is_taken(server):
    code, sentence = start("--listen", "127.0.0.1:0", "--metrics", server.address)
    assert (code, sentence) == (
        2,
        f"the status page cannot be at {server.address}: Address already in use; choose another port with --metrics, "
        "or 'none' for no page",
    )


def test_short_tokens_are_refused(tmp_path):
    (tmp_path / "tokens").write_text("# a comment\nshort\n")
    code, sentence = start("--listen", "127.0.0.1:0", "--metrics", "none", "--token-file", str(tmp_path / "tokens"))
    assert (code, sentence) == (
        2,
        f"{tmp_path}/tokens holds no tokens: expected one a line, of 16 letters or more",
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--token-file", ""], "token_file is empty: expected a file of tokens, or no such option"),
        (["--tls-client-ca", ""], "tls_client_ca is empty: expected a file, or no such option"),
        (["--tls-cert", "", "--tls-key", ""], "tls_cert is empty: expected a file, or no such option"),
        (["--spool", ""], "spool is empty: expected a folder, or no such option"),
        (["--root", ""], "a root is empty: expected a folder that is there"),
        (["--frame-seconds", "nan"], "frame_seconds is nan: expected more than 0"),
        (["--idle-seconds", "inf"], "idle_seconds is inf: expected more than 0"),
        (["--max-waiting", "-1"], "max_waiting is -1: expected 0 or more"),
    ],
)
def test_options_that_would_mean_something_else(options, sentence):
    assert start("--listen", "127.0.0.1:0", "--metrics", "none", *options) == (2, sentence)


def test_a_byte_order_mark_is_no_letter_of_a_token(tmp_path):
    (tmp_path / "tokens").write_bytes(b"\xef\xbb\xbfa-token-of-some-length\r\n")
    assert read_tokens(str(tmp_path / "tokens")) == (b"a-token-of-some-length",)


def test_options_of_a_file_and_of_the_command_line(tmp_path):
    (tmp_path / "server.toml").write_text(
        'max_sessions = 3\nmemory_budget = "1G"\nengine = ["flow"]\nmetrics = "none"\n'
    )
    command = [sys.executable, "-m", "relumix.cli.main", "serve", "--config", str(tmp_path / "server.toml")]
    shown = subprocess.run([*command, "--max-sessions", "5", "--dry-run"], capture_output=True, text=True, check=True)
    assert '"max_sessions": 5' in shown.stdout
    assert f'"memory_budget": {1 << 30}' in shown.stdout
    assert '"metrics": null' in shown.stdout
    (tmp_path / "server.toml").write_text("max_session = 3\n")
    code, sentence = start("--config", str(tmp_path / "server.toml"))
    assert code == 2
    assert sentence.startswith("max_session is no option of the server: expected one of listen, engine")


def test_health_and_reflection(server):
    with server.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflect.ServerReflectionInfo(iter([request]), timeout=20)
    assert SERVICE in [service.name for service in answer.list_services_response.service]


def test_a_full_server_says_when_to_come_back(tmp_path, held, disk, made):
    with serving(tmp_path, "--max-sessions", "1", "--max-waiting", "0") as server:
        first = held(opening(), server=server)
        answer = ask(server, [opening()])
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "RESOURCE_EXHAUSTED",
            "all 1 slots of this server are taken: try again later",
            5.0,
        )
        first.leave()
        assert until(lambda: rested(server))
        assert ask(server, disk.said(keys=disk.keys(made))).results == made


def test_silence_ends_a_session(tmp_path, held, disk):
    with serving(tmp_path, "--idle-seconds", "1") as server:
        for messages in ([opening()], [opening(), *list(disk.said())[1:-1]]):
            stream = held(*messages, server=server)
            with pytest.raises(grpc.RpcError) as ended:
                list(stream.call)
            assert ended.value.code().name == "DEADLINE_EXCEEDED"
            assert ended.value.details() == "nothing came from the client for 1 s, and it is waited for"
        stream = Held(server)
        with pytest.raises(grpc.RpcError) as ended:
            list(stream.call)
        assert ended.value.code().name == "DEADLINE_EXCEEDED"
        stream.leave()
        assert until(lambda: rested(server))


def test_a_deadline_frees_everything(server, held, disk):
    stream = held(*list(disk.said())[:4], timeout=1.0)
    with pytest.raises(grpc.RpcError) as ended:
        list(stream.call)
    assert ended.value.code().name == "DEADLINE_EXCEEDED"
    assert until(lambda: rested(server))


def test_a_cancelled_stream_frees_everything(server, held, disk):
    stream = held(*list(disk.said())[:5])
    assert until(lambda: server.info().load.memory_bytes + server.info().load.spool_bytes > 0)
    stream.leave()
    assert until(lambda: rested(server))


CLIENT = """
import pickle, sys, time
import grpc
from relumix.v1 import relight_pb2 as pb
from relumix_server.access import read_tokens
from relumix.v1.relight_pb2_grpc import RelightServiceStub

def said():
    for text in pickle.load(open(sys.argv[2], "rb")):
        yield pb.RelightRequest.FromString(text)
    time.sleep(600)

for response in RelightServiceStub(grpc.insecure_channel(sys.argv[1])).Relight(said()):
    print(response.WhichOneof("message"), flush=True)
"""


def test_a_killed_client_leaves_nothing(server, disk, tmp_path):
    before, files = server.resident_bytes(), server.open_files()
    said = tmp_path / "said"
    said.write_bytes(pickle.dumps([message.SerializeToString() for message in list(disk.said())[:-1]]))
    client = subprocess.Popen([sys.executable, "-c", CLIENT, server.address, str(said)], stdout=subprocess.PIPE)
    try:
        assert client.stdout.readline().strip() == b"accepted"
        assert until(lambda: server.info().load.sessions == 1)
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()
    assert until(lambda: rested(server))
    assert until(lambda: server.open_files() <= files + 1)
    assert server.resident_bytes() < before + (32 << 20)


@pytest.mark.parametrize("frames", [3, 6], ids=["that has more to send", "that would only have to read"])
def test_a_frozen_client_is_given_up_on(tmp_path, disk, frames):
    """It holds its connection, and says and takes nothing."""
    said = tmp_path / "said"
    messages = [*disk.said(frames=FRAMES[:frames])][:-1] + [CLOSE] * (frames == len(FRAMES))
    said.write_bytes(pickle.dumps([message.SerializeToString() for message in messages]))
    with serving(tmp_path, "--idle-seconds", "2") as server:
        client = subprocess.Popen([sys.executable, "-c", CLIENT, server.address, str(said)], stdout=subprocess.PIPE)
        try:
            assert client.stdout.readline().strip() == b"accepted"
            client.send_signal(signal.SIGSTOP)
            assert until(lambda: rested(server), 60)
        finally:
            client.kill()
            client.wait()
            client.stdout.close()


def test_a_slow_reader_holds_up_only_itself(tmp_path, server, disk, made, held):
    long = Disk(tmp_path, size=(480, 270), frames=range(1, 21), pan=(0.5, 0))
    slow = held(*long.said(settings=pb.Settings(engine="flow", work_size=64)))
    for _ in range(3):
        assert ask(server, disk.said(keys=disk.keys(made))).results == made
    assert server.info().load.sessions == 1
    kinds = [response.WhichOneof("message") for response in slow.call]
    assert kinds.count("done") == 20
    assert kinds[-1] == "summary"


def test_a_reader_that_stops_is_given_up_on(tmp_path, held):
    disk = Disk(tmp_path / "shot", size=(960, 540), frames=range(1, 11), pan=(0.5, 0))
    with serving(tmp_path, "--idle-seconds", "5") as server:
        stream = held(*disk.said(settings=pb.Settings(engine="flow", work_size=64, compression="none")), server=server)
        next(stream.call)
        assert until(lambda: server.info().load.sessions == 0, 60)
        assert until(lambda: rested(server))
        assert until(lambda: any("the client took no result for 5 s" in line["message"] for line in server.log))
        stream.leave()


def test_frames_beyond_the_memory_budget_lie_on_disk(tmp_path, disk, made, held):
    with serving(tmp_path, "--memory-budget", "1") as server:
        messages = list(disk.said(keys=disk.keys(made)))
        stream = held(*messages[:4], server=server)
        assert until(lambda: server.info().load.spool_bytes > 0)
        assert until(lambda: {server.spool} == {path.parent.parent for path in server.kept_files()})
        assert server.info().load.memory_bytes == 0
        stream.say(*messages[4:])
        results = b"".join(r.chunk.data for r in stream.call if r.WhichOneof("message") == "chunk")
        assert results == b"".join(made.values())
        assert until(lambda: rested(server))


def test_sigterm_lets_running_sessions_end(tmp_path, disk, made, held):
    with serving(tmp_path) as server:
        messages = list(disk.said(keys=disk.keys(made)))
        stream = held(*messages[:4], server=server)
        others = server.channel()
        server.process.send_signal(signal.SIGTERM)
        assert until(lambda: server.info().load.draining)
        answer = ask(server, [opening()])
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "UNAVAILABLE",
            "the server stops: go on at another one, or later",
            5.0,
        )
        health = health_pb2_grpc.HealthStub(others).Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
        assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
        stream.say(*messages[4:])
        results = b"".join(r.chunk.data for r in stream.call if r.WhichOneof("message") == "chunk")
        assert results == b"".join(made.values())
        others.close()
        assert server.process.wait(20) == 0
        assert list(server.spool.iterdir()) == []


def test_sigterm_ends_sessions_that_take_too_long(tmp_path, held):
    with serving(tmp_path, "--drain-seconds", "0.5") as server:
        stream = held(opening(), server=server)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as ended:
            list(stream.call)
        assert (ended.value.code().name, ended.value.details()) == (
            "UNAVAILABLE",
            "the server stops: go on at another one, or later",
        )
        assert server.process.wait(20) == 0
        assert list(server.spool.iterdir()) == []


def test_a_second_signal_ends_running_sessions_at_once(tmp_path, held):
    with serving(tmp_path) as server:
        held(opening(), server=server)
        server.process.send_signal(signal.SIGTERM)
        assert until(lambda: server.info().load.draining)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0
        assert list(server.spool.iterdir()) == []


def test_a_killed_server_leaves_no_processes_and_the_next_cleans_up(tmp_path, held, disk):
    with serving(tmp_path) as server:
        held(*list(disk.said())[:4], server=server)
        workers = server.children()
        assert workers
        assert until(server.kept_files)
        left = {path.parent for path in server.kept_files()}
        server.kill()
        assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    with serving(tmp_path):
        assert not any(folder.exists() for folder in left)


def test_tokens(tmp_path, disk, made):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# ours\nanother-token-of-some-length\n{TOKEN}\n")
    with serving(tmp_path, "--token-file", str(tokens)) as server:
        for metadata in ((), (("authorization", "Bearer nonsense"),), (("authorization", TOKEN),)):
            answer = ask(server, [opening()], metadata=metadata)
            assert (answer.status.name, answer.details) == (
                "UNAUTHENTICATED",
                "no token that this server knows: give one of its own with --token-file (metadata 'authorization: "
                "Bearer …')",
            )
        with server.stub() as stub, pytest.raises(grpc.RpcError) as refused:
            stub.GetInfo(pb.GetInfoRequest(), timeout=20)
        assert refused.value.code().name == "UNAUTHENTICATED"
        with server.channel() as channel:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        answer = ask(server, disk.said(keys=disk.keys(made)), metadata=(("authorization", f"Bearer {TOKEN}"),))
        assert answer.results == made


def certificates(folder):
    """A CA, a server's and a client's certificate, made by openssl."""

    def run(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    run(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=ca",
    )
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", f"{name}.pem", "-extfile", f"{name}.ext")  # fmt: skip
    return {path.name: path.read_bytes() for path in folder.glob("*.*") if path.suffix in (".pem", ".key")}


def test_tls_and_client_certificates(tmp_path, disk, made):
    with contextlib.suppress(FileNotFoundError):
        pem = certificates(tmp_path)
    if not (tmp_path / "client.pem").exists():
        pytest.skip("openssl, which makes the certificates, is not installed")
    options = ["--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key")]
    (tmp_path / "tokens").write_text(TOKEN)
    known = grpc.ssl_channel_credentials(pem["ca.pem"])
    shown = grpc.ssl_channel_credentials(pem["ca.pem"], pem["client.key"], pem["client.pem"])
    bearer = (("authorization", f"Bearer {TOKEN}"),)
    with serving(tmp_path, *options, "--token-file", str(tmp_path / "tokens"), "--listen", "0.0.0.0:0") as server:
        server.address = server.address.replace("0.0.0.0", "127.0.0.1")
        said = list(disk.said(keys=disk.keys(made)))
        assert ask(server, said, credentials=known, metadata=bearer).results == made
        assert ask(server, said, credentials=known).status.name == "UNAUTHENTICATED"
        assert ask(server, said, metadata=bearer, timeout=10).status.name == "UNAVAILABLE"
    with serving(tmp_path, *options, "--tls-client-ca", str(tmp_path / "ca.pem")) as server:
        assert ask(server, said, credentials=shown).results == made
        assert ask(server, said, credentials=known, timeout=10).status.name == "UNAVAILABLE"


def test_logs_say_which_session(server, disk, made):
    answer = ask(server, disk.said(keys=disk.keys(made)))

    def told():
        return [line["message"] for line in server.log if line.get("session") == answer.accepted.session_id]

    assert until(lambda: len(told()) > 1)  # Its end is told after the client has all.
    assert told() == [
        f"session begins: {len(FRAMES)} of {len(FRAMES)} frames with flow",
        f"session ends: {len(FRAMES)} frames written, 0 failed",
    ]
