import random
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from relumix.errors import FrameError, InputError
from relumix.movie import Movie
from relumix.movie import movie as reading
from tests.movie import clips

LEVELS = [40 + 5 * index for index in range(30)]
"""Luma codes of frames that none is like another."""


def levels_of(path, **options):
    with Movie(path, **options) as movie:
        return [clips.luma(movie.read(frame)) for frame in movie.info.frames]


def test_what_it_says(tmp_path):
    path = clips.write(tmp_path / "a.mov", "prores4444", alpha=True, timecode="01:00:00:00", rate=Fraction(24000, 1001))
    with Movie(path) as movie:
        info = movie.info
    assert (info.codec, info.profile, info.pixel_format) == ("prores", "4444", "yuva444p12le")
    assert (info.frames, info.width, info.height, info.channels) == (range(86400, 86408), *clips.SIZE, 4)
    assert (info.rate, info.uneven, info.timecode) == (Fraction(24000, 1001), False, "01:00:00:00")
    assert (info.colour, info.coding.matrix, info.coding.full_range) == (clips.REC_709, 1, False)
    assert (info.rotation, info.interlaced, info.sounds, info.pixel_aspect) == (0, False, (), 1)
    assert info.timecode_of(86407) == "01:00:00:07"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.mxf"])
def test_frames_by_number_with_frames_that_build_on_later_ones(tmp_path, name):
    """In any order: the number is the place in the order shown, whatever order they are stored in."""
    path = clips.flat(tmp_path / name, LEVELS, options={"g": "12", "bf": "3", "crf": "4"})
    with Movie(path) as movie:
        numbers = list(movie.info.frames)
        order = [*numbers, *random.Random(1).sample(numbers, len(numbers)), *reversed(numbers)]
        for at, frame in enumerate(order):
            if at % 7 == 0:
                movie.close()  # what was kept is gone, and it opens again
            assert clips.luma(movie.read(frame)) == pytest.approx(LEVELS[frame - numbers[0]], abs=1)


@pytest.mark.parametrize(
    ("name", "codec", "form"), [("a.mov", "prores_ks", "yuv422p10le"), ("a.avi", "ffv1", "yuv420p")]
)
def test_frames_that_stand_alone(tmp_path, name, codec, form):
    shift = 2 if form.endswith("10le") else 0
    path = clips.flat(tmp_path / name, [level << shift for level in LEVELS], codec, form)
    assert levels_of(path) == pytest.approx(LEVELS, abs=1)


def test_uneven_times_are_numbered_in_the_order_shown(tmp_path):
    times = [0, 40, 45, 200, 210, 900, 940, 1000]
    path = clips.flat(tmp_path / "a.mkv", LEVELS[:8], times=times, time_base=Fraction(1, 1000), options={"bf": "2"})
    with Movie(path) as movie:
        assert movie.info.frames == range(1, 9)
        assert movie.info.uneven
        assert [movie.seconds_of(frame) for frame in movie.info.frames] == pytest.approx([t / 1000 for t in times])
    assert levels_of(path) == pytest.approx(LEVELS[:8], abs=1)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_phones_turn_their_frames(tmp_path, rotation):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = *clips.SIZE, "yuv420p"
        stream.set_display_rotation(rotation)
        pixels = np.full((48, 64, 3), 60, np.uint8)
        pixels[:24, :32] = 200  # the upper left of what is stored
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with Movie(path) as movie:
        found = movie.read(1)
        assert movie.info.rotation == rotation % 360
        assert (movie.info.height, movie.info.width) == found.shape[:2]
    upright = np.rot90(pixels[..., 0], rotation // 90)
    assert (found[..., 1] > 0.5).tolist() == (upright > 100).tolist()


def interlaced(path):
    """A bar that moves between the two fields of each frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"crf": "2", "flags": "+ildct+ilme", "x264-params": "tff=1"}
        )
        stream.width, stream.height, stream.pix_fmt = *clips.SIZE, "yuv420p"
        for at in range(5):
            pixels = np.full((48, 64, 3), 60, np.uint8)
            for field in (0, 1):
                left = 4 * (2 * at + field)
                pixels[field::2, left : left + 8] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def combed(rgb):
    """How much neighbouring rows differ, next to rows of the same field."""
    return float(np.abs(np.diff(rgb[..., 1], axis=0)).mean() / (np.abs(rgb[2:, :, 1] - rgb[:-2, :, 1]).mean() + 0.001))


def test_interlaced_frames_are_made_whole(tmp_path):
    path = interlaced(tmp_path / "a.mp4")
    with Movie(path) as movie:
        assert movie.info.interlaced
        assert movie.info.coding.interlaced
        assert combed(movie.read(3)) > 5
    with Movie(path, deinterlace=True) as movie:
        assert not movie.info.coding.interlaced
        assert len(movie.info.frames) == 5
        for frame in (5, 1, 3):
            assert combed(movie.read(frame)) < 2
        bar = movie.read(3)[24, :, 1] > 0.5
        assert 14 <= np.flatnonzero(bar).mean() <= 24  # frame 3 has the bar at 16 to 24, and 20 to 28


def test_several_threads_read_at_once(tmp_path):
    path = clips.flat(tmp_path / "a.mp4", LEVELS, options={"g": "10"})
    wrong = []
    with Movie(path) as movie:

        def work(seed):
            for frame in random.Random(seed).sample(list(movie.info.frames), 15):
                if abs(clips.luma(movie.read(frame)) - LEVELS[frame - 1]) > 1:
                    wrong.append(frame)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert wrong == []


def test_memory_is_bounded(tmp_path, monkeypatch):
    path = clips.flat(tmp_path / "a.mp4", LEVELS)
    with Movie(path) as movie:
        one = reading._bytes_of(movie._decoded(0))
        monkeypatch.setattr(reading, "MOST_KEPT_BYTES", 3 * one)
        for frame in movie.info.frames:
            movie.read(frame)
            assert movie._kept_bytes <= 3 * one
            assert movie._kept_bytes == sum(map(reading._bytes_of, movie._kept.values()))
        assert len(movie._decoders) <= reading.MOST_DECODERS


def test_a_job_that_reads_at_two_places_does_not_seek_all_the_time(tmp_path, monkeypatch):
    path = clips.flat(tmp_path / "a.mp4", LEVELS, options={"g": "30"})
    sought = []
    seek = reading.Decoder.seek
    monkeypatch.setattr(reading.Decoder, "seek", lambda self, key: (sought.append(key), seek(self, key)))
    monkeypatch.setattr(reading, "MOST_KEPT_BYTES", 0)
    with Movie(path) as movie:
        for frame in range(1, 21):
            movie.read(frame + 10)
            movie.read(frame)
    assert len(sought) <= 2


# Damage.


def damage(path, packet_indices, by=b"\xff"):
    """Overwrite the middle of packets, counted as stored."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for index in packet_indices:
        pos, size = packets[index]
        data[pos : pos + size] = by * size
    path.write_bytes(data)


def test_a_damaged_frame_costs_itself_alone(tmp_path):
    path = clips.flat(tmp_path / "a.mov", [level << 2 for level in LEVELS[:8]], "prores_ks", "yuv422p10le")
    damage(path, [3])
    with Movie(path) as movie:
        for frame in (4, 1, 2, 3, 5, 6, 7, 8, 4):
            if frame == 4:
                with pytest.raises(FrameError) as caught:
                    movie.read(frame)
                assert str(caught.value) == f"frame 4 of {path} cannot be decoded: its data is damaged"
                assert caught.value.frame == 4
            else:
                assert clips.luma(movie.read(frame)) == pytest.approx(LEVELS[frame - 1], abs=1)


def test_frames_that_build_on_a_damaged_one_are_not_delivered_as_if_they_were_sound(tmp_path):
    path = clips.flat(tmp_path / "a.mp4", LEVELS[:12], options={"g": "6", "bf": "0", "crf": "4"})
    damage(path, [2])
    with Movie(path) as movie:
        sound = {}
        for frame in movie.info.frames:
            try:
                sound[frame] = clips.luma(movie.read(frame))
            except FrameError:
                continue
    assert set(sound) == {1, 2, 7, 8, 9, 10, 11, 12}
    assert list(sound.values()) == pytest.approx([LEVELS[frame - 1] for frame in sound], abs=1)


def test_what_lies_before_a_break_can_be_read(tmp_path):
    path = clips.flat(tmp_path / "a.mkv", LEVELS, "ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = levels_of(path)
    assert 10 <= len(found) <= 20
    assert found == pytest.approx(LEVELS[: len(found)], abs=1)


def test_a_header_that_promises_more_than_there_is(tmp_path):
    path = tmp_path / "a.mov"
    clips.flat(
        path, [level << 2 for level in LEVELS[:8]], "prores_ks", "yuv422p10le", options={"movflags": "faststart"}
    )
    with (
        av.open(str(path), "w", options={"movflags": "faststart"}) as out,
        av.open(
            str(clips.flat(tmp_path / "b.mov", [level << 2 for level in LEVELS[:8]], "prores_ks", "yuv422p10le"))
        ) as source,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(path)) as container:
        cut = [packet.pos for packet in container.demux(video=0) if packet.size][5]
    path.write_bytes(path.read_bytes()[:cut])
    with Movie(path) as movie:
        assert movie.info.frames == range(1, 9)
        assert [clips.luma(movie.read(frame)) for frame in range(1, 6)] == pytest.approx(LEVELS[:5], abs=1)
        for frame in (6, 7, 8):
            with pytest.raises(FrameError, match=f"frame {frame} of .* cannot be decoded: "):
                movie.read(frame)


def test_what_is_no_movie(tmp_path):
    path = tmp_path / "a.mov"
    with pytest.raises(InputError, match=r"a\.mov cannot be opened as a movie: No such file or directory"):
        Movie(path)
    path.write_bytes(b"no movie" * 1000)
    with pytest.raises(InputError, match=r"a\.mov cannot be opened as a movie: "):
        Movie(path)
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
        clips._beep(container, track, 4800)
    with pytest.raises(InputError, match=r"a\.mov holds no video"):
        Movie(path)


def test_a_frame_that_it_has_not(tmp_path):
    path = clips.flat(Path(tmp_path / "a.mp4"), LEVELS[:3])
    with Movie(path) as movie, pytest.raises(FrameError) as caught:
        movie.read(7)
    assert str(caught.value) == f"frame 7: {path} has no such frame: its frames are 1-3"


def test_a_movie_that_goes_while_it_is_read(tmp_path):
    path = clips.flat(tmp_path / "a.mp4", LEVELS[:3])
    with Movie(path) as movie:
        movie.close()
        path.unlink()
        with pytest.raises(FrameError) as caught:
            movie.read(2)
    assert str(caught.value) == f"frame 2 of {path} cannot be decoded: No such file or directory"


def test_frames_of_another_size_fail_alone(tmp_path):
    """Two streams of raw H.264 one behind the other: the second is half as wide."""
    path = tmp_path / "a.h264.mkv"
    parts = [
        clips.flat(tmp_path / f"{at}.h264", LEVELS[:4], size=size, options={"bf": "0"})
        for at, size in enumerate([(64, 48), (32, 48)])
    ]
    with av.open(str(path), "w") as out:
        stream, at = None, 0
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream, packet.time_base = stream, Fraction(1, 24)
                        packet.pts = packet.dts = at
                        at += 1
                        out.mux(packet)
    with Movie(path) as movie:
        frames = movie.info.frames
        assert clips.luma(movie.read(frames[1])) == pytest.approx(LEVELS[1], abs=1)
        with pytest.raises(FrameError, match="cannot be decoded: it is 32x48, unlike those before it"):
            movie.read(frames[-1])


def test_frames_that_an_edit_leaves_out_are_not_counted(tmp_path):
    """As phones trim clips: what comes before the cut is stored, and not shown."""
    whole = clips.flat(tmp_path / "a.mp4", LEVELS[:20], options={"bf": "2", "g": "10", "crf": "4"})
    path = tmp_path / "b.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out:
        video = source.streams.video[0]
        stream = out.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.size:
                shift = round(Fraction(4, 24) / video.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                out.mux(packet)
    found = levels_of(path)
    assert len(found) == 16
    assert found == pytest.approx(LEVELS[4:20], abs=1)


def test_words_that_are_no_utf8_cost_nothing(tmp_path):
    path = clips.write(tmp_path / "a.mov", "prores422", 2, timecode="01:00:00:00")
    data = path.read_bytes()
    assert b"VideoHandler" in data
    path.write_bytes(data.replace(b"VideoHandler", "M\xfcllerHandler".encode("latin-1")[:12]))
    with Movie(path) as movie:
        assert movie.info.frames == range(86400, 86402)
        assert movie.read(86401).shape == (*clips.SIZE[::-1], 3)


@pytest.mark.parametrize("pixel_format", ["gbrpf32le", "gbrapf32le"])
def test_floats_keep_their_highlights(tmp_path, pixel_format):
    path, values = tmp_path / "a.mov", (4.5, 0.25, -0.125)
    frame = av.VideoFrame(32, 16, pixel_format)
    for plane, value in zip(frame.planes, (*(values[at] for at in (1, 2, 0)), 0.5), strict=False):
        plane.update(np.full((plane.height, plane.line_size // 4), value, "<f4"))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("exr", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 16, pixel_format
        container.mux([*stream.encode(frame), *stream.encode()])
    with Movie(path) as movie:
        rgba = movie.read(1)
    assert (rgba == ((*values, 0.5) if "a" in pixel_format else values)).all()
