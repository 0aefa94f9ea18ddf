"""Whatever comes, the server answers and stays as it was: random messages, and files made to break decoders."""

import re

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relumix.v1 import relight_pb2 as pb
from tests.server.harness import CLOSE, FRAMES, Disk, ask, opening, pieces, serving

EXPECTED = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "PERMISSION_DENIED",
    "DATA_LOSS",
}
SCALARS = {
    "string": st.text(max_size=60),
    "bytes": st.binary(max_size=200),
    "bool": st.booleans(),
    "double": st.floats(),
    "uint32": st.integers(0, 2**32 - 1),
    "fixed32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "sint32": st.one_of(st.sampled_from(FRAMES), st.integers(-(2**31), 2**31 - 1)),
    "enum": st.one_of(st.integers(0, 5), st.integers(-(2**31), 2**31 - 1)),
}
NAMES = {
    9: "string",
    12: "bytes",
    8: "bool",
    1: "double",
    13: "uint32",
    7: "fixed32",
    4: "uint64",
    17: "sint32",
    14: "enum",
}


def values(field):
    return messages(field.message_type) if field.type == field.TYPE_MESSAGE else SCALARS[NAMES[field.type]]


def messages(descriptor):
    """Any message of a type, as the fields that are set in it."""
    fields = {}
    for field in descriptor.fields:
        repeated = field.label == field.LABEL_REPEATED
        if repeated and field.message_type and field.message_type.GetOptions().map_entry:
            key, value = (values(field.message_type.fields_by_name[name]) for name in ("key", "value"))
            fields[field.name] = st.dictionaries(key, value, max_size=4)
        elif repeated:
            fields[field.name] = st.lists(values(field), max_size=6)
        else:
            fields[field.name] = values(field)
    return st.fixed_dictionaries({}, optional=fields)


REQUESTS = st.sampled_from(["open", "chunk", "absent", "close"]).flatmap(
    lambda kind: messages(pb.RelightRequest.DESCRIPTOR.fields_by_name[kind].message_type).map(
        lambda fields: pb.RelightRequest(**{kind: fields})
    )
)


class Raw:
    """Bytes in place of a message."""

    def __init__(self, data):
        self._data = data

    def SerializeToString(self):  # noqa: N802
        return self._data


def sent_raw(server, data):
    with server.channel() as channel:
        call = channel.stream_stream(
            "/relumix.v1.RelightService/Relight",
            request_serializer=lambda raw: raw,
            response_deserializer=pb.RelightResponse.FromString,
        )
        responses = call(iter(data), timeout=30)
        try:
            list(responses)
        except Exception as error:
            return error.code().name
        return "OK"


def sound(answer):
    assert answer.status.name in EXPECTED, answer.details
    assert "\n" not in answer.details
    assert "Error:" not in answer.details


FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@FEW
@given(st.lists(REQUESTS, max_size=4))
def test_random_messages(server, said):
    sound(ask(server, said))


@FEW
@given(st.lists(REQUESTS, min_size=1, max_size=3))
def test_random_messages_in_an_open_stream(server, said):
    sound(ask(server, [opening(), *said, CLOSE]))


@FEW
@given(messages(pb.Open.DESCRIPTOR), st.sampled_from(list(pb.Open.DESCRIPTOR.fields_by_name)))
def test_an_opening_with_one_random_field(server, fields, name):
    changed = opening(**({name: fields[name]} if name in fields else {}))
    sound(ask(server, [changed, CLOSE]))


@FEW
@given(st.binary(max_size=2000))
def test_random_bytes_for_a_frame(server, data):
    answer = ask(server, [opening(), *pieces(1001, data or b"x"), *pieces(1001, b"y", pb.ROLE_REFERENCE), CLOSE])
    assert answer.status.name == "INVALID_ARGUMENT"


@FEW
@given(st.binary(max_size=300))
def test_random_bytes_for_a_message(server, data):
    assert sent_raw(server, [data]) in {*EXPECTED, "INTERNAL", "UNKNOWN"} - {"OK"}


def test_after_all_that_the_server_is_right(server, disk, made):
    answer = ask(server, disk.said(keys=disk.keys(made)))
    assert answer.results == made
    load = server.info().load
    assert (load.sessions, load.memory_bytes, load.spool_bytes) == (0, 0, 0)
    assert server.kept_files() == []


def serves(server):
    """Whether the health service says so."""
    with server.channel() as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limited")
    with serving(folder, "--worker-memory", "1G", "--frame-seconds", "10") as server:
        yield server


class TestDamagedFiles:
    def test_each_is_answered_and_harms_nobody(self, shared, limited, tmp_path):
        disk = Disk(tmp_path / "shot")
        made, statuses = disk.in_process(), {}
        files = sorted((shared / "damaged_exr").glob("*.exr"))
        assert files
        for path in files:
            said = list(disk.said())
            data = path.read_bytes()
            answer = ask(limited, [opening(), *self._with(said, data, path.name)], timeout=60)
            assert answer.status.name == "OK", (path.name, answer.details)
            error = answer.errors.get(1004)
            statuses[path.name] = error.message if error else "a frame"
            assert answer.order == list(FRAMES), path.name
            if error:
                assert re.match(r"frame 1004[ :(]", error.message), error.message
                assert "\n" not in error.message
            assert serves(limited), path.name
            if len(statuses) % 20 == 0 or path == files[-1]:
                good = ask(limited, disk.said(keys=disk.keys(made)))
                assert good.results == made, path.name
        assert set(statuses.values()) != {"a frame"}, "no file is damaged enough to be refused"
        assert limited.info().load.sessions == 0
        assert limited.process.poll() is None

    @staticmethod
    def _with(said, data, name):
        """A shot whose frame 1004 is that file."""
        for message in said[1:]:
            if message.WhichOneof("message") == "chunk" and message.chunk.frame == 1004:
                yield from pieces(1004, data, name=name)
            else:
                yield message

    def test_as_the_first_frame_or_a_reference_they_end_the_job(self, shared, limited, disk):
        files = sorted((shared / "damaged_exr").glob("*.exr"))[::9]
        assert files
        for path in files:
            for role in (pb.ROLE_SOURCE, pb.ROLE_REFERENCE):
                other = pb.ROLE_REFERENCE if role == pb.ROLE_SOURCE else pb.ROLE_SOURCE
                good = disk.reference(1001) if other == pb.ROLE_REFERENCE else disk.plate(1001)
                damaged = pieces(1001, path.read_bytes(), role, name=path.name)
                answer = ask(limited, [opening(), *damaged, *pieces(1001, good.read_bytes(), other), CLOSE])
                assert answer.status.name in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"), (path.name, answer.details)
