"""Footage as cameras, recorders and streams leave it."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from relumix.errors import FrameError
from relumix.movie import Form, Movie, MovieWriter, SoundTrack
from relumix.movie.filters import _filtered
from relumix.movie.sound import unheld
from relumix.shot.movie_frames import told_of_movie
from tests.movie import clips

LEVELS = [40 + 5 * index for index in range(24)]
"""Luma codes of frames that none is like another."""

GROUPS = {"g": "8", "bf": "2", "crf": "4"}


def shown(path, order=None, **options):
    """The luma code of each frame, "lost" of those that cannot be read; read in order, and each by itself."""
    found = {}
    with Movie(path, **options) as movie:
        numbers = list(movie.info.frames)
        for frame in (*numbers, *numbers[::-3]):
            try:
                level = clips.luma(movie.read(frame))
            except FrameError:
                level = "lost"
            assert found.setdefault(frame, level) == level
            if frame % 5 == 0:
                movie.close()  # what was kept is gone, and it opens again
    return list(found.values())


def told(path, *, deinterlace=False):
    return [line.removeprefix(f"{path} ") for line in told_of_movie(path, deinterlace=deinterlace)]


# Times.


def at_the_same_time(at, packet):
    """Frames 5 and 8 are shown with those before them."""
    frame = round(Fraction(1, 24) / packet.time_base)
    packet.dts -= 2 * frame
    packet.pts -= frame * (at in (4, 7))


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_frames_of_one_time_are_told_and_none_is_lost(tmp_path, suffix):
    source = clips.flat(tmp_path / "a.mkv", LEVELS[:12], options={"bf": "0", "g": "4", "crf": "4"})
    path = clips.remuxed(tmp_path / f"b.{suffix}", source, at_the_same_time)
    assert shown(path) == pytest.approx(LEVELS[:12], abs=1)
    assert told(path)[0] == "shows 2 frames at the time of the one before: each has its own number"


@pytest.mark.parametrize(("suffix", "codec"), [("ts", "libx264"), ("mpg", "mpeg2video")])
def test_joined_files_go_on(tmp_path, suffix, codec):
    options = {"g": "3"} if codec == "mpeg2video" else GROUPS
    parts = [
        clips.flat(tmp_path / f"{name}.{suffix}", levels, codec, options=options)
        for name, levels in (("a", LEVELS[:6]), ("b", LEVELS[6:12]))
    ]
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = shown(path)
    if suffix == "ts":  # which takes the joint for a place where something is missing
        assert found[4:6] == ["lost", "lost"]
        found[4:6] = LEVELS[4:6]
    assert found == pytest.approx(LEVELS[:12], abs=1)
    assert told(path) == [
        "begins its times anew in the midst, as joined files do: frames are numbered as they are stored"
    ]
    with Movie(path) as movie:
        assert [movie.seconds_of(frame) for frame in movie.info.frames] == pytest.approx(np.arange(12) / 24, abs=1e-3)


def test_frames_without_times_are_even(tmp_path):
    source = clips.flat(tmp_path / "a.mp4", LEVELS, options=GROUPS)
    options = {"options": {"avoid_negative_ts": "disabled"}}
    path = clips.remuxed(tmp_path / "b.mkv", source, lambda at, packet: clips.later(packet, -3), **options)
    assert shown(path) == pytest.approx(LEVELS, abs=1)
    assert told(path)[0].startswith("does not say when all of its frames are shown: taken for even, 24")


@pytest.mark.parametrize(("suffix", "frames"), [("mp4", 21), ("mov", 21), ("ts", 24)])
def test_a_start_before_zero(tmp_path, suffix, frames):
    """Where there are edit lists, what lies before zero is not shown."""
    source = clips.flat(tmp_path / "a.mp4", LEVELS, options=GROUPS)
    options = {"options": {"avoid_negative_ts": "disabled"}}
    path = clips.remuxed(tmp_path / f"b.{suffix}", source, lambda at, packet: clips.later(packet, -3), **options)
    assert shown(path) == pytest.approx(LEVELS[-frames:], abs=1)
    assert told(path) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [("b.mp4", {"movflags": "frag_keyframe+empty_moov"}), ("b.mkv", {"live": "1"})],
)
def test_a_header_that_knows_no_length(tmp_path, name, options):
    source = clips.flat(tmp_path / "a.mp4", LEVELS, options=GROUPS)
    path = clips.remuxed(tmp_path / name, source, options=options)
    assert shown(path) == pytest.approx(LEVELS, abs=1)
    assert told(path) == []


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mov", "prores422"), ("a.mp4", "h264"), ("a.mkv", "h264"), ("a.mxf", "prores422")]
)
def test_drop_frame_time_codes(tmp_path, name, codec):
    path = clips.write(tmp_path / name, codec, 4, rate=Fraction(30000, 1001), timecode="00:09:59;28")
    with Movie(path) as movie:
        assert movie.info.frames == range(17980, 17984)
        codes = [movie.info.timecode_of(frame) for frame in movie.info.frames]
    assert codes == ["00:09:59;28", "00:09:59;29", "00:10:00;00", "00:10:00;01"]


# Where decoding can begin.


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_frames_whose_beginning_is_missing_are_left_out(tmp_path, suffix):
    source = clips.flat(tmp_path / "a.mp4", LEVELS, options=GROUPS)
    path = clips.remuxed(tmp_path / f"b.{suffix}", source, lambda at, packet: at >= 3)
    assert shown(path) == pytest.approx(LEVELS[8:], abs=1)
    line = "begins with 5 frames that build on others which are not in it: left out, and not counted"
    assert told(path) == [line]


def test_what_is_left_out_keeps_its_time_code(tmp_path):
    source = clips.flat(tmp_path / "a.mp4", LEVELS, options=GROUPS)
    path = tmp_path / "b.mkv"
    with av.open(str(source)) as movie, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(movie.streams.video[0])
        stream.metadata["timecode"] = "01:00:00:00"
        for packet in [each for each in movie.demux(video=0) if each.size][3:]:
            packet.stream = stream
            container.mux(packet)
    with Movie(path) as movie:
        assert movie.info.frames == range(86405, 86421)
        assert clips.luma(movie.read(86405)) == pytest.approx(LEVELS[8], abs=1)


OPEN_GOP = {
    "libx264": {"crf": "4", "x264-params": "open-gop=1:keyint=8:min-keyint=8:bframes=2:b-adapt=0:scenecut=0"},
    "libx265": {"crf": "4", "x265-params": "log-level=error:open-gop=1:keyint=8:min-keyint=8:bframes=2:scenecut=0"},
}


@pytest.mark.parametrize("codec", OPEN_GOP)
def test_groups_that_build_on_the_one_before(tmp_path, codec):
    """Frames that lead a key frame are read, also by themselves; in a clip that was cut there they are left out."""
    source = clips.flat(tmp_path / "a.mp4", LEVELS, codec, options=OPEN_GOP[codec])
    assert shown(source) == pytest.approx(LEVELS, abs=1)
    with av.open(str(source)) as movie:
        keys = [at for at, packet in enumerate(movie.demux(video=0)) if packet.size and packet.is_keyframe]
    path = clips.remuxed(tmp_path / "b.mkv", source, lambda at, packet: at >= keys[1])
    assert shown(path) == pytest.approx(LEVELS[8:], abs=1)
    assert told(path) == ["begins with a frame that builds on others which are not in it: left out, and not counted"]


# Streams.


def stream(path):
    """Noise of 24 levels in a transport stream: many packets a frame."""
    with av.open(str(path), "w") as container:
        made = container.add_stream("mpeg2video", rate=25)
        made.width, made.height, made.pix_fmt, made.bit_rate, made.gop_size = 128, 96, "yuv420p", 4000000, 6
        for at, level in enumerate(LEVELS):
            pixels = np.random.default_rng(at).integers(0, 30, (96, 128, 3)).astype(np.uint8) + np.uint8(level)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 25)
            container.mux(made.encode(frame))
        container.mux(made.encode())
    return path


def damaged(path, change):
    packets = bytearray(path.read_bytes())
    middle = 188 * (len(packets) // 188 // 2)
    path.write_bytes(change(packets, middle))
    return shown(path)


def test_broken_packets_in_the_midst_of_a_stream(tmp_path):
    path = stream(tmp_path / "a.ts")
    sound = shown(path)
    assert len(sound) == 24
    garbage = np.random.default_rng(1).integers(0, 256, 500, dtype=np.uint8).tobytes()
    found = damaged(path, lambda data, at: data[:at] + garbage + data[at:])
    assert found == sound  # what does not belong there is passed over
    found = damaged(stream(path), lambda data, at: data[:at] + garbage + data[at + 500 :])
    read = [level for level in found if level != "lost"]
    assert 20 <= len(read) < 24
    assert read == [level for level in sound if level in read]


def test_frames_that_a_stream_lost_are_told_by_their_times(tmp_path):
    path = clips.flat(tmp_path / "a.ts", LEVELS, options=GROUPS)
    packets = path.read_bytes()
    middle = 188 * (len(packets) // 188 // 2)
    path.write_bytes(packets[:middle] + packets[middle + 6 * 188 :])
    found = shown(path)
    assert 16 <= len(found) < 24
    assert set(found) <= set(LEVELS) | {"lost"}
    assert told(path) == ["shows its frames at uneven times: they are numbered in the order in which they are shown"]


# What stands upright.


def turned(path, matrix):
    """Overwrite the display matrix of a track (ISO/IEC 14496-12, 8.3.2), which did nothing."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    assert struct.unpack(">9i", data[at : at + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    data[at : at + 36] = struct.pack(
        ">9i", *(value << 16 for value in matrix[:2]), 0, *(value << 16 for value in matrix[2:]), 0, 0, 0, 1 << 30
    )
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
@pytest.mark.parametrize(
    ("matrix", "upright", "words"),
    [
        ((1, 0, 0, 1), lambda p: p, ""),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1), "turned by 270 degrees"),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2), "turned by 180 degrees"),
        ((0, -1, 1, 0), np.rot90, "turned by 90 degrees"),
        ((-1, 0, 0, 1), np.fliplr, "mirrored"),
        ((1, 0, 0, -1), np.flipud, "mirrored and turned by 180 degrees"),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1), "mirrored and turned by 90 degrees"),
    ],
)
def test_turned_and_mirrored_footage(tmp_path, size, matrix, upright, words):
    path = clips.write(tmp_path / "a.mov", "prores4444", 1, size)
    with Movie(path) as movie:
        stored = movie.read(1)
    turned(path, matrix)
    with Movie(path) as movie:
        found = movie.read(1)
        assert (movie.info.height, movie.info.width) == found.shape[:2]
    assert np.array_equal(found, upright(stored))
    assert told(path) == ([f"is shown {words}: its frames are read, and written, upright"] if words else [])


def test_a_turn_between_quarters_is_told(tmp_path):
    path = clips.flat(tmp_path / "a.mov", LEVELS[:2], rotation=45)
    assert told(path) == ["asks to be turned by 45 degrees: 0 are done"]


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_alpha_beside_the_frames(tmp_path, codec):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0", "crf": "4", "b": "4M", "g": "4"}
        made = container.add_stream(codec, rate=24, options=options)
        made.width, made.height, made.pix_fmt = *clips.SIZE, "yuva420p"
        for at in range(8):
            frame = av.VideoFrame(*clips.SIZE, "yuva420p")
            for plane, code in zip(frame.planes, (LEVELS[at], 128, 128, 20 + 30 * at), strict=True):
                plane.update(bytes([code]) * plane.buffer_size)
            frame.pts, frame.time_base = at, Fraction(1, 24)
            container.mux(made.encode(frame))
        container.mux(made.encode(None))
    with Movie(path) as movie:
        assert movie.info.channels == 4
        for frame in (1, 2, 3, 4, 5, 6, 7, 8, 6, 2):
            rgba = movie.read(frame)
            assert clips.luma(rgba[..., :3]) == pytest.approx(LEVELS[frame - 1], abs=2)
            assert rgba[..., 3].mean() * 255 == pytest.approx(30 * frame - 10, abs=2)
            if frame in (5, 8):
                movie.close()
    assert told(path) == []


# Fields.


def fields(path, first, said):
    """A bar that moves between the two fields of each frame. first: which comes first; said: what the movie says."""
    options = {"crf": "2", **({"flags": "+ildct+ilme"} if said else {})}
    with av.open(str(path), "w") as container:
        made = container.add_stream("libx264", rate=25, options=options)
        made.width, made.height, made.pix_fmt = *clips.SIZE, "yuv420p"
        for at in range(8):
            pixels = np.full((48, 64, 3), 60, np.uint8)
            for field in (0, 1):
                left = 3 * (2 * at + (field if first == "tff" else 1 - field if first == "bff" else 0))
                pixels[field::2, left : left + 8] = 200
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 25)
            container.mux(made.encode(_filtered([frame], ("setfield", f"mode={said or 'prog'}"))[0]))
        container.mux(made.encode(None))
    return path


def combed(rgb):
    """How much neighbouring rows differ, next to rows of the same field."""
    return float(np.abs(np.diff(rgb[..., 1], axis=0)).mean() / (np.abs(rgb[2:, :, 1] - rgb[:-2, :, 1]).mean() + 0.001))


@pytest.mark.parametrize("first", ["tff", "bff"])
def test_fields_of_a_movie_that_says_it_has_none(tmp_path, first):
    path = fields(tmp_path / "a.mp4", first, "")
    says = "says that its frames are whole, and they look interlaced: "
    assert told(path)[0] == f"{says}they are relit as they are (--deinterlace makes them whole)"
    assert told(path, deinterlace=True)[0] == f"{says}they are made whole"
    with Movie(path) as movie, Movie(path, deinterlace=True) as whole:
        assert combed(movie.read(4)) > 5
        assert combed(whole.read(4)) < 2


@pytest.mark.parametrize(
    ("first", "said", "words"), [("tff", "bff", "lower"), ("bff", "tff", "upper"), ("tff", "tff", None)]
)
def test_fields_in_the_wrong_order(tmp_path, first, said, words):
    path = fields(tmp_path / "a.mp4", first, said)
    line = f"says that the {words} field comes first, and it is the other: deinterlaced so"
    assert told(path, deinterlace=True) == ([line] if words else [])
    with Movie(path, deinterlace=True) as movie:
        assert movie.field_order == first


@pytest.mark.parametrize("said", ["", "tff"])
def test_whole_frames_are_no_fields(tmp_path, said):
    path = fields(tmp_path / "a.mp4", "", said)
    with Movie(path) as movie:
        assert movie.field_order == ""


# Sound.


def heard(path, codec, layout, tracks=2):
    """A movie of one second with several tracks of sound, each of several channels."""
    mpeg = path.suffix in (".avi", ".mxf")
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg2video" if mpeg else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = 256, 144, "yuv420p"
        made = [container.add_stream(codec, rate=48000, layout=layout) for _ in range(tracks)]
        for at in range(25):
            frame = av.VideoFrame(256, 144, "yuv420p")
            frame.pts, frame.time_base = at, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track in made:
            kind, channels = track.codec_context.format, len(track.codec_context.layout.channels)
            number = {"s16": np.int16, "s32": np.int32, "flt": np.float32}[kind.packed.name]
            for at in range(0, 48 * 1024, 1024):
                values = (np.arange(at * channels, (at + 1024) * channels) % 1000).astype(number).reshape(1024, -1)
                values = values.T if kind.is_planar else values.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format=kind.name, layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def copied(path, source, codec):
    with (
        Movie(source) as movie,
        MovieWriter(path, Form.like(movie.info, path, codec), sound=SoundTrack(movie)) as writer,
    ):
        for frame in movie.info.frames:
            writer.add(movie.read(frame))
    return path


def samples(path, track):
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=track)]
    return np.concatenate([part.reshape(-1) if len(part) == 1 else part.T.reshape(-1) for part in parts])


@pytest.mark.parametrize(
    ("name", "sound", "layout", "copy", "codec"),
    [
        ("a.mov", "pcm_s24le", "5.1", "b.mov", "prores422"),
        ("a.mov", "pcm_s24le", "7.1", "b.mkv", "h264"),
        ("a.mxf", "pcm_s24le", "mono", "b.mxf", "prores422"),
        ("a.mp4", "aac", "5.1", "b.mp4", "h264"),
    ],
)
def test_tracks_of_many_channels(tmp_path, name, sound, layout, copy, codec):
    source = heard(tmp_path / name, sound, layout)
    path = copied(tmp_path / copy, source, codec)
    assert unheld(path, source) == ()
    with Movie(source) as one, Movie(path) as other:
        assert [(s.codec, s.channels) for s in one.info.sounds] == [(s.codec, s.channels) for s in other.info.sounds]
    for track in (0, 1):
        before, after = samples(source, track), samples(path, track)
        assert len(after) >= 0.97 * len(before)
        assert np.array_equal(after, before[: len(after)])


def test_sound_that_a_container_refuses_only_at_its_end(tmp_path):
    """MP4 wants to know which channel is which, and AVI does not say."""
    source = heard(tmp_path / "a.avi", "pcm_s16le", "stereo", tracks=1)
    assert [str(sound) for sound in unheld(tmp_path / "b.mp4", source)] == ["pcm_s16le, 2 channels, 48000 Hz"]
    with Movie(copied(tmp_path / "b.mp4", source, "h264")) as movie:
        assert movie.info.sounds == ()
        assert len(movie.info.frames) == 25
    assert len(Movie(copied(tmp_path / "b.mkv", source, "h264")).info.sounds) == 1
