"""The client against a server that plays by a script: what is sent, what is asked again, what is refused."""

import asyncio
import os
import sys
import threading
import time

import grpc
import numpy as np
import pytest

from relumix.client import AsyncRelightClient, RelightClient
from relumix.client.stop import Stop
from relumix.errors import InputError
from relumix.events import Done, Failed, FrameDone, Progress, Stage, Start, Warned
from relumix.pipeline.fingerprint import FINGERPRINT_ATTRIBUTE
from relumix.settings import Settings
from relumix.v1 import relight_pb2 as pb
from tests.client.scripted import WINDOW, address, always, damage_once, once, serving
from tests.shot import files
from tests.synthetic import make_shot

FRAMES = range(1, 13)


class Disk:
    """A shot on disk that a client relights, and what it told."""

    def __init__(self, folder):
        self.folder, self.events = folder, []
        for frame in FRAMES:
            files.plain(folder / f"plate/p.{frame:04d}.exr", files.noise(8, 12, 3, seed=frame) ** 2)
        files.plain(folder / "relit.exr", files.noise(8, 12, 3, seed=1) ** 2)

    def relight(self, servers, patience_seconds=20.0, references=None, **settings):
        client = RelightClient(servers, patience_seconds=patience_seconds)
        references = references or {None: self.folder / "relit.exr"}
        self.events.clear()
        for event in client.relight(self.folder / "plate", references, self.folder / "out", Settings(**settings)):
            self.events.append(event)
        return self.events[-1]

    def plate(self, frame):
        return (self.folder / f"plate/p.{frame:04d}.exr").read_bytes()

    def result(self, frame):
        return (self.folder / f"out/p.{frame:04d}.exr").read_bytes()

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def whole(self):
        """Whether all results are there, as the scripted server makes them, and nothing else is."""
        assert sorted(p.name for p in (self.folder / "out").iterdir()) == [f"p.{f:04d}.exr" for f in FRAMES]
        return all(self.result(frame) == self.plate(frame) for frame in FRAMES)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def test_every_frame_is_sent_once_and_told_in_order(disk):
    with serving() as server:
        end = disk.relight(address(server))
    assert disk.whole()
    assert (end.written, end.skipped, end.failed) == (12, 0, 0)
    assert end.outputs == [str(disk.folder / "out")]
    assert set(end.stage_seconds) == {"engine", "read", "write"}
    assert end.stage_seconds["engine"] == 0.5
    kinds = [type(event) for event in disk.events if not isinstance(event, Stage)]
    assert kinds == [Start, *[FrameDone, Progress] * 12, Done]
    where = address(server)
    assert [e.message for e in disk.told(Stage)] == [f"sending 12 frames to {where}", f"{where} relights frames 1-12"]
    assert [(e.frame, e.nonfinite_pixels, e.skipped) for e in disk.told(FrameDone)] == [
        (f, f % 3, False) for f in FRAMES
    ]
    assert server.sent == [[(1, pb.ROLE_REFERENCE), *((f, pb.ROLE_SOURCE) for f in FRAMES)]]


def test_the_opening_says_all_but_the_pixels(disk):
    files.plain(disk.folder / "m.exr", files.noise(8, 12, 1), "Y")
    with serving() as server:
        disk.relight(
            address(server),
            mask=str(disk.folder / "m.exr"),
            frames="2-3",
            mix=0.5,
            gain_out=str(disk.folder / "gain"),
            confidence_out=str(disk.folder / "sure"),
        )
    (opening,) = server.openings
    assert (list(opening.frames), list(opening.deliver), list(opening.references)) == (list(FRAMES), [2, 3], [1])
    assert opening.masks == pb.MASKS_ONE
    assert opening.gains and opening.confidence
    assert opening.settings.mix == 0.5
    assert not opening.settings.HasField("layer")
    assert opening.settings.confidence_layer is False
    assert {len(key) for key in opening.keys.values()} == {64}
    assert server.sent[0][:3] == [(1, pb.ROLE_REFERENCE), (1, pb.ROLE_MASK), (1, pb.ROLE_SOURCE)]
    assert (disk.folder / "gain/p.0003.exr").read_bytes() == b"gain of 3"
    assert (disk.folder / "sure/p.0003.exr").read_bytes() == b"confidence of 3"


@pytest.mark.parametrize("asked", [{"confidence_out": "sure"}, {"confidence_layer": True}])
def test_a_server_of_the_time_before_confidence_is_not_asked_for_it(disk, asked):
    asked = {name: value if value is True else str(disk.folder / value) for name, value in asked.items()}
    with serving(confidence=False) as server:
        with pytest.raises(InputError) as caught:
            disk.relight(address(server), **asked)
        assert str(caught.value) == (
            f"{address(server)} is of a version without confidence: use a newer server, or leave it out"
        )
        assert not server.openings
        assert disk.relight(address(server)).written == len(FRAMES)


def test_with_a_mask_each_those_of_the_frames_wanted_are_sent(disk):
    for frame in FRAMES:
        files.plain(disk.folder / f"m/m.{frame:04d}.exr", files.noise(8, 12, 1), "Y")
    with serving() as server:
        disk.relight(address(server), mask=str(disk.folder / "m/m.####.exr"), frames="3,4")
    assert server.openings[0].masks == pb.MASKS_EACH
    assert [frame for frame, role in server.sent[0] if role == pb.ROLE_MASK] == [3, 4]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_a_broken_stream_goes_on_where_it_broke(disk, code):
    with serving(once(code, "an elephant stood on the cable", at=6)) as server:
        end = disk.relight(address(server))
    assert disk.whole()
    assert (end.written, end.failed) == (12, 0)
    assert [list(opening.deliver) for opening in server.openings] == [list(FRAMES), list(range(6, 13))]
    assert [event.message for event in disk.told(Warned)] == [
        f"{address(server)}: an elephant stood on the cable; trying again"
    ]
    sources = {frame for frame, role in server.sent[1] if role == pb.ROLE_SOURCE}
    assert not sources & set(range(2, 6 - WINDOW)), "frames that nothing depends on any longer were sent again"


def test_a_full_server_is_left_alone_for_as_long_as_it_says(disk):
    began = time.monotonic()
    script = once(grpc.StatusCode.RESOURCE_EXHAUSTED, "all 4 places are taken", at=1, retry_seconds=0.9)
    with serving(script) as server:
        disk.relight(address(server))
    assert time.monotonic() - began >= 0.9
    assert disk.whole()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "so it is"),
        (grpc.StatusCode.NOT_FOUND, "so it is"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "127.0.0.1:{port}: so it is"),
        (grpc.StatusCode.FAILED_PRECONDITION, "127.0.0.1:{port}: so it is"),
        (grpc.StatusCode.PERMISSION_DENIED, "127.0.0.1:{port}: so it is"),
        (grpc.StatusCode.UNAUTHENTICATED, "127.0.0.1:{port}: so it is"),
        (grpc.StatusCode.UNIMPLEMENTED, "127.0.0.1:{port}: so it is"),
    ],
)
def test_a_refusal_for_good_ends_the_job(disk, code, message):
    with serving(always(code, "so it is")) as server, pytest.raises(InputError) as caught:
        disk.relight(address(server))
    assert str(caught.value) == message.format(port=server.port)
    assert len(server.openings) == 1


def test_patience_has_an_end(disk):
    with serving(always(grpc.StatusCode.UNAVAILABLE, "no power")) as server, pytest.raises(InputError) as caught:
        disk.relight(address(server), patience_seconds=0.5)
    assert str(caught.value) == (
        f"{address(server)}: no power; given up: finished frames are kept, run the same command again to go on"
    )
    assert len(server.openings) >= 3


def test_damage_on_the_way_is_noticed_and_mended(disk):
    with serving(damage_once) as server:
        end = disk.relight(address(server))
    assert disk.whole()
    assert end.written == 12
    assert [event.message for event in disk.told(Warned)] == [
        f"{address(server)}: frame 5 was damaged on its way; trying again"
    ]
    assert list(server.openings[1].deliver) == list(range(5, 13))


def test_two_servers_share_a_shot(disk):
    def slow(servicer, number, frame, context):
        time.sleep(0.03)

    with serving(slow) as one, serving(slow) as other:
        disk.relight(address(one, other))
    assert disk.whole()
    asked = [frame for server in (one, other) for opening in server.openings for frame in opening.deliver]
    assert sorted(asked) == list(FRAMES)
    assert one.openings
    assert other.openings
    assert [event.frame for event in disk.told(FrameDone)] == list(FRAMES)


def test_the_frames_of_a_dead_server_go_to_the_other(disk):
    with serving() as one, serving(always(grpc.StatusCode.UNAVAILABLE, "on fire")) as other:
        end = disk.relight(address(one, other), patience_seconds=1.0)
    assert disk.whole()
    assert end.written == 12
    delivered = [frame for opening in one.openings for frame in opening.deliver]
    assert sorted(delivered) == list(FRAMES)


def test_servers_must_be_alike(disk):
    with serving() as one, serving(version="2") as other, pytest.raises(InputError) as caught:
        disk.relight(address(one, other))
    assert str(caught.value) == (
        f"{address(one)} and {address(other)} have different versions of flow or relumix: "
        "a shot needs servers that are alike"
    )


def test_a_server_that_changed_meanwhile_is_not_mixed_in(disk):
    def script(servicer, number, frame, context):
        if frame == 6:
            servicer.version = "2"
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    with serving(script) as server, pytest.raises(InputError, match=r"has flow 2 of relumix .*: expected flow 1 of"):
        disk.relight(address(server))


def test_what_is_up_to_date_is_not_asked_for(disk):
    """Results of the scripted server carry no key; these are given one by hand."""
    with serving() as server:
        disk.relight(address(server))
        keys = dict(server.openings[0].keys)
        for frame in FRAMES:
            path = disk.folder / f"out/p.{frame:04d}.exr"
            files.plain(path, files.noise(8, 12), **{FINGERPRINT_ATTRIBUTE.replace(":", "__"): keys[frame]})
        end = disk.relight(address(server))
        assert (end.written, end.skipped) == (0, 12)
        assert len(server.openings) == 1
        (disk.folder / "out/p.0005.exr").unlink()
        end = disk.relight(address(server))
        assert (end.written, end.skipped) == (1, 11)
        assert list(server.openings[1].deliver) == [5]
        disk.relight(address(server), overwrite=True)
        assert list(server.openings[2].deliver) == list(FRAMES)


def test_a_plate_that_vanished_costs_its_frame(disk):
    path = disk.folder / "plate/p.0007.exr"
    with serving() as server:
        client = RelightClient(address(server))
        job = client.prepare(disk.folder / "plate", {None: disk.folder / "relit.exr"}, disk.folder / "out")
        path.unlink()
        told = list(client.run(job))
    assert [(e.frame, e.message) for e in told if isinstance(e, Failed)] == [
        (7, f"frame 7: {path} cannot be read: there is no such file")
    ]
    assert (told[-1].written, told[-1].failed) == (11, 1)
    assert [absent.frame for absent in server.absent] == [7]


def test_a_reference_that_vanished_ends_the_job(disk):
    path = disk.folder / "relit.exr"
    with serving() as server:
        client = RelightClient(address(server))
        job = client.prepare(disk.folder / "plate", {None: path}, disk.folder / "out")
        path.unlink()
        with pytest.raises(InputError) as caught:
            list(client.run(job))
    assert str(caught.value) == f"reference {path} cannot be read: there is no such file"


def test_a_result_that_cannot_be_written_ends_the_job(disk):
    (disk.folder / "out/p.0001.exr").mkdir(parents=True)
    with serving() as server, pytest.raises(InputError, match=r"out/p\.0001\.exr cannot be written: "):
        disk.relight(address(server), overwrite=True)


def test_leaving_early_cancels_the_session_and_leaves_whole_frames(disk):
    cancelled = threading.Event()

    def script(servicer, number, frame, context):
        if frame == 1:
            context.add_callback(lambda: cancelled.set() if not context.is_active() else None)
        if frame == 3:
            time.sleep(30 if not cancelled.wait(20) else 0)

    with serving(script) as server:
        client = RelightClient(address(server))
        for event in client.relight(disk.folder / "plate", {None: disk.folder / "relit.exr"}, disk.folder / "out"):
            if isinstance(event, FrameDone):
                break
        del event
        assert cancelled.wait(10)
    assert {p.name for p in (disk.folder / "out").iterdir()} <= {"p.0001.exr", "p.0002.exr"}


def test_tokens_travel_as_bearers(disk):
    with serving() as server:
        RelightClient(address(server), token="open-sesame").info()
    assert server.metadata[0]["authorization"] == "Bearer open-sesame"
    assert "@" in server.metadata[0]["relumix-client"]


def test_nobody_there_is_said_in_time(disk):
    with serving() as server:
        gone = address(server)
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"^no server answers: {gone}: it cannot be reached: Connection refused$"):
        disk.relight(gone, patience_seconds=0.5)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "x"}, "unknown engine 'x': expected one of flow"),
        ({"device": "cpu"}, "--device is the server's to choose: leave it out with --server"),
        ({"model": "m"}, "--model is the server's to choose: leave it out with --server"),
    ],
)
def test_what_a_server_cannot_be_told(disk, settings, message):
    with serving() as server, pytest.raises(InputError) as caught:
        disk.relight(address(server), **settings)
    assert str(caught.value) == message


def test_the_asynchronous_client_is_the_same(disk):
    async def relight(servers):
        client = AsyncRelightClient(servers)
        assert list(await client.info()) == [servers]
        references = {None: disk.folder / "relit.exr"}
        return [event async for event in client.relight(disk.folder / "plate", references, disk.folder / "out")]

    with serving() as server:
        events = asyncio.run(relight(address(server)))
    kinds = [type(event) for event in events if not isinstance(event, Stage)]
    assert kinds == [Start, *[FrameDone, Progress] * 12, Done]
    assert disk.whole()


def test_cancelling_a_task_cancels_its_job(disk):
    cancelled = threading.Event()

    def script(servicer, number, frame, context):
        if frame == 3:
            context.add_callback(cancelled.set)
            cancelled.wait(30)

    async def relight(servers):
        references = {None: disk.folder / "relit.exr"}
        stream = AsyncRelightClient(servers).relight(disk.folder / "plate", references, disk.folder / "out")
        async for _ in stream:
            pass

    async def give_up(servers):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(relight(servers), 1.0)

    with serving(script) as server:
        began = time.monotonic()
        asyncio.run(give_up(address(server)))
        assert time.monotonic() - began < 10
        assert cancelled.wait(10)


def test_a_stop_that_was_set_before_counts_too(disk):
    stop, called = Stop(), []
    stop.set()
    stop.then(lambda: called.append(1))
    stop.set()
    assert called == [1]


def test_threads_end_with_their_job(disk):
    with serving() as server:
        disk.relight(address(server))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("relumix-127")]


def test_arrays_are_checked_before_anything_is_sent():
    shot = make_shot(size=(16, 12), frames=range(1, 4))
    with serving() as server:
        client = RelightClient(address(server))
        with pytest.raises(InputError, match=r"^reference frame 9 is not in the shot: expected one of 1 to 3$"):
            next(client.relit(shot.plate, {9: np.zeros((12, 16, 3))}))
        assert not server.openings


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not UTF-8")
@pytest.mark.parametrize("by_path", [False, True])
def test_names_that_cannot_travel_are_one_line(disk, by_path):
    foreign = disk.folder / os.fsdecode(b"caf\xe9.exr")
    (disk.folder / "relit.exr").rename(foreign)
    with serving() as server:
        client = RelightClient(address(server), patience_seconds=20.0)
        with pytest.raises(InputError) as caught:
            client.prepare(disk.folder / "plate", {1: foreign}, disk.folder / "out", by_path=by_path)
    assert str(caught.value) == (
        f"{disk.folder}/caf\\udce9.exr is no UTF-8 and cannot be sent to a server: rename it or relight here"
    )


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_patience_that_is_none(seconds):
    with pytest.raises(InputError, match=r"^patience is (-1\.0|nan) seconds: expected 0 or more$"):
        RelightClient("127.0.0.1:1", patience_seconds=seconds)
