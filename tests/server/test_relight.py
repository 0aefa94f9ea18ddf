"""Shots through a real server: frame for frame, byte for byte what the command makes."""

import dataclasses

import numpy as np
import pytest
from google.rpc import code_pb2

import relumix
from relumix.engines.registry import load_engine
from relumix.v1 import relight_pb2 as pb
from tests.server.harness import CLOSE, FRAMES, SIZE, Disk, ask, opening, pieces, write_exr


def same(answer, made):
    assert answer.status.name == "OK", answer.details
    assert answer.results == made
    assert answer.order == sorted(made)
    assert answer.summary.written == len(made)


def test_a_shot_is_the_commands_own_byte_for_byte(server, disk, made):
    answer = ask(server, disk.said(keys=disk.keys(made)))
    same(answer, made)
    assert answer.progress == [(done, len(FRAMES)) for done in range(1, len(FRAMES) + 1)]
    assert answer.done == dict.fromkeys(FRAMES, 0)
    assert set(answer.summary.stage_seconds) == {"engine", "read", "transfer", "write"}
    assert server.kept_files() == []


def test_acceptance_says_what_is_needed_in_which_order(server, disk):
    answer = ask(server, disk.said(deliver=[1006]))
    assert answer.accepted.engine == "flow"
    assert answer.accepted.version == relumix.__version__
    assert answer.accepted.sources[0] == 1001
    assert set(answer.accepted.sources) == set(FRAMES)
    assert [list(window.frames) for window in answer.accepted.windows] == [list(FRAMES)]
    assert list(answer.results) == [1006]


def test_a_part_of_a_shot_is_the_same_as_in_the_whole(server, disk, made):
    answer = ask(server, disk.said(keys=disk.keys(made), deliver=[1003, 1005]))
    same(answer, {frame: made[frame] for frame in (1003, 1005)})


def test_frames_may_come_in_any_order(server, disk, made):
    answer = ask(server, disk.said(keys=disk.keys(made), frames=reversed(FRAMES)))
    same(answer, made)


def test_chunks_of_frames_may_be_mixed_and_small(server, disk, made):
    def said():
        yield opening(keys=disk.keys(made))
        ways = [pieces(f, disk.plate(f).read_bytes(), name=f"p.{f}.exr", size=1000) for f in FRAMES]
        ways.append(pieces(1001, disk.reference(1001).read_bytes(), pb.ROLE_REFERENCE, name="relit.1001.exr", size=777))
        while ways:
            for way in list(ways):
                message = next(way, None)
                if message is None:
                    ways.remove(way)
                else:
                    yield message
        yield CLOSE

    same(ask(server, said()), made)


def test_two_references_masks_and_light_maps(server, tmp_path):
    disk = Disk(tmp_path, bad_pixels=3)
    for frame in FRAMES:
        matte = np.zeros((SIZE[1], SIZE[0], 1), np.float32)
        matte[:, : 10 * (frame - 1000)] = 0.75
        write_exr(disk.mask(frame), matte, names="Y")
    maps = {"gain_out": str(tmp_path / "gain.####.exr"), "confidence_out": str(tmp_path / "sure.####.exr")}
    mask = str(tmp_path / "mask.####.exr")
    made = disk.in_process(1001, 1005, mask=mask, mix=0.5, work_size=70, confidence_layer=True, **maps)
    settings = pb.Settings(engine="flow", mix=0.5, work_size=70, confidence_layer=True)
    asked = {"gains": True, "confidence": True, "settings": settings}
    said = disk.said(1001, 1005, keys=disk.keys(made), masks=pb.MASKS_EACH, **asked)
    answer = ask(server, said)
    same(answer, made)
    assert answer.gains == {frame: (tmp_path / f"gain.{frame}.exr").read_bytes() for frame in FRAMES}
    assert answer.confidence == {frame: (tmp_path / f"sure.{frame}.exr").read_bytes() for frame in FRAMES}
    assert answer.done == dict.fromkeys(FRAMES, 3)


def test_one_mask_for_all(server, tmp_path):
    disk = Disk(tmp_path)
    write_exr(disk.mask(1001), np.full((SIZE[1], SIZE[0], 1), 0.5, np.float32), names="Y")
    made = disk.in_process(mask=str(disk.mask(1001)))
    same(ask(server, disk.said(keys=disk.keys(made), masks=pb.MASKS_ONE)), made)


@pytest.mark.parametrize("kind", ["half", "float"])
def test_raw_planes_are_what_arrays_give(server, disk, kind):
    dtype, type_ = {"half": (np.float16, pb.PIXEL_TYPE_HALF), "float": (np.float32, pb.PIXEL_TYPE_FLOAT)}[kind]
    plate = {frame: disk.shot.plate[frame].astype(dtype) for frame in FRAMES}
    relit = disk.shot.truth[1001].astype(dtype)
    raw = pb.RawPlanes(width=SIZE[0], height=SIZE[1], channels="RGB", type=type_)

    def said():
        yield opening(encoding=pb.ENCODING_RAW, gains=True)
        yield from pieces(1001, relit.tobytes(), pb.ROLE_REFERENCE, raw=raw)
        for frame in FRAMES:
            yield from pieces(frame, plate[frame].tobytes(), raw=raw)
        yield CLOSE

    answer = ask(server, said())
    assert answer.status.name == "OK", answer.details
    for frame in relumix.relit({f: p.astype(np.float32) for f, p in plate.items()}, {1001: relit.astype(np.float32)}):
        got = np.frombuffer(answer.results[frame.frame], dtype).reshape(SIZE[1], SIZE[0], 3)
        np.testing.assert_array_equal(got, frame.pixels.astype(dtype))
        stops = np.frombuffer(answer.gains[frame.frame], np.float16).reshape(SIZE[1], SIZE[0], 3)
        np.testing.assert_array_equal(stops, frame.stops.astype(np.float16))


def test_a_frame_that_is_not_sent_costs_that_frame(server, disk):
    answer = ask(server, disk.said(frames=[f for f in FRAMES if f != 1004]))
    assert answer.status.name == "OK", answer.details
    assert (answer.summary.written, answer.summary.failed) == (5, 1)
    assert answer.errors[1004].code == code_pb2.NOT_FOUND
    assert answer.errors[1004].message == "frame 1004: its source was not sent before the close"


def test_a_frame_that_is_absent_costs_that_frame_at_once(server, disk):
    def said():
        gone = pb.FrameAbsent(frame=1003, role=pb.ROLE_SOURCE, message="frame 1003: p.1003.exr is gone")
        messages = list(disk.said(frames=[f for f in FRAMES if f != 1003]))
        yield from (messages[0], pb.RelightRequest(absent=gone), *messages[1:])

    answer = ask(server, said())
    assert {frame: error.message for frame, error in answer.errors.items()} == {1003: "frame 1003: p.1003.exr is gone"}


def test_a_damaged_frame_costs_that_frame_and_is_told_as_the_command_tells_it(server, tmp_path):
    disk = Disk(tmp_path)
    whole = disk.plate(1004).read_bytes()
    disk.plate(1004).write_bytes(whole[: len(whole) // 2])
    events = []
    relumix.relight(tmp_path / "plate", {1001: disk.reference(1001)}, tmp_path / "out", on_event=events.append)
    (told,) = [event.message for event in events if event.event == "error"]
    answer = ask(server, disk.said())
    assert {frame: error.message for frame, error in answer.errors.items()} == {1004: told}
    assert answer.errors[1004].code == code_pb2.INVALID_ARGUMENT


def test_a_repeated_frame_is_passed_over(server, disk, made):
    def said():
        *messages, close = disk.said(keys=disk.keys(made))
        yield from messages
        yield from pieces(1003, disk.plate(1003).read_bytes(), size=999)
        yield close

    same(ask(server, said()), made)


def test_frames_that_are_not_needed_are_passed_over(server, tmp_path):
    disk = Disk(tmp_path, size=(64, 40), frames=range(1, 31), pan=(0.5, 0))
    answer = ask(server, disk.said(deliver=[3], settings=pb.Settings(engine="flow", work_size=64)))
    assert answer.status.name == "OK", answer.details
    assert list(answer.results) == [3]
    assert len(answer.accepted.sources) < 30


def test_by_path_reads_and_writes_below_the_root(server, made):
    folder = server.root / "shot"
    disk = Disk(folder)
    by_path = pb.ByPath(
        sources={f: str(disk.plate(f)) for f in FRAMES},
        references={1001: str(disk.reference(1001))},
        results={f: str(folder / f"relit/p.{f}.exr") for f in FRAMES},
        gains={f: str(folder / f"gain/p.{f}.exr") for f in FRAMES},
    )
    answer = ask(server, [opening(by_path=by_path, keys=dict.fromkeys(FRAMES, "k")), CLOSE])
    assert answer.status.name == "OK", answer.details
    assert list(answer.done) == list(FRAMES)
    assert answer.results == {}
    made = disk.in_process(out="out")
    for frame in FRAMES:
        ours, theirs = (folder / f"relit/p.{frame}.exr").read_bytes(), made[frame]
        assert len(ours) == len(theirs) - 63
        assert ours[-1000:] == theirs[-1000:]
    again = ask(server, [opening(by_path=by_path), CLOSE])
    assert again.summary.written == len(FRAMES)


def test_info(server):
    info = server.info()
    assert info.version == relumix.__version__
    flow = load_engine("flow")
    assert [(e.name, e.version, e.window, e.overlap, e.tracks, e.device) for e in info.engines] == [
        ("flow", *dataclasses.astuple(flow.windowing)[:4], "cpu")
    ]
    assert info.limits.max_frame_bytes == 4 << 20
    assert info.limits.by_path
    assert (info.load.sessions, info.load.queued_windows, info.load.memory_bytes, info.load.spool_bytes) == (0, 0, 0, 0)
