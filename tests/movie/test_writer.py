import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from relumix.errors import InputError
from relumix.movie import CODECS, Form, Movie, MovieWriter, SoundTrack
from relumix.movie.codecs import WRITTEN_SUFFIXES, codec_for, refuse_size
from relumix.movie.colour import Colour
from relumix.movie.pixels import planes_of
from relumix.movie.sound import unheld
from tests.movie import clips

SIZES = {name: (256, 144) if codec.encoder == "dnxhd" else clips.SIZE for name, codec in CODECS.items()}
COARSE = {"hevc10": 4, "prores4444": 4}
"""What one code is among those that are compared: of 8 bits in HEVC, which is for viewing; of the 10 bits that are
written as ProRes 4444, which is read with 12."""

HELD = [
    (name, suffix)
    for name, codec in CODECS.items()
    for suffix, container in WRITTEN_SUFFIXES.items()
    if container in codec.containers and suffix != ".m4v"
]


def written_like(path, source, codec, **change):
    """Read a movie and write it as it is."""
    with Movie(source) as movie:
        form = replace(Form.like(movie.info, path, codec), **change)
        with MovieWriter(path, form) as writer:
            for frame in movie.info.frames:
                writer.add(movie.read(frame))
    return path, writer.clipped_pixels


def differences(one, other):
    """By how many codes, and in what share of samples by more than one, the decoded frames of two movies differ."""
    found = []
    with Movie(one) as first, Movie(other) as second:
        for left, right in zip(first.info.frames, second.info.frames, strict=True):
            a, b = planes_of(first._whole(left)), planes_of(second._whole(right))
            found += [np.abs(a[name].astype(int) - b[name]).ravel() for name in a]
    return np.concatenate(found)


@pytest.mark.parametrize(("codec", "suffix"), HELD)
def test_what_is_written_as_it_was_read_is_the_same(tmp_path, codec, suffix):
    alpha = CODECS[codec].alpha_format is not None
    source = clips.write(tmp_path / f"a{suffix}", codec, 3, SIZES[codec], alpha=alpha, timecode="01:00:00:00")
    copy, clipped = written_like(tmp_path / f"b{suffix}", source, codec)
    off = differences(source, copy)
    assert (off <= COARSE.get(codec, 1)).mean() > (0.999 if codec in ("h264", "hevc10") else 0.9999999)
    assert clipped == 0
    with Movie(source) as one, Movie(copy) as other:
        assert replace(one.info, path=copy) == other.info
        assert other.info.frames == range(86400, 86403)
        assert other.info.colour.space == "Rec.1886 Rec.709 - Display"


@pytest.mark.parametrize("codec", ["prores422hq", "h264", "dnxhrhqx"])
def test_codes_go_to_the_encoder_as_they_came(tmp_path, codec):
    """Without the encoder's own loss nothing is lost: what is encoded is what was decoded, code for code."""
    from relumix.movie.pixels import of_rgb

    source = clips.write(tmp_path / "a.mov", codec, 2, SIZES[codec])
    with Movie(source) as movie:
        for frame in movie.info.frames:
            back, _ = of_rgb(movie.read(frame), movie.info.coding)
            for name, plane in planes_of(movie._whole(frame)).items():
                assert np.array_equal(planes_of(back)[name], plane)


LOST = {
    "prores4444": (1, 18),
    "prores422hq": (1, 17),
    "prores422": (2, 30),
    "dnxhr444": (1, 25),
    "dnxhrhqx": (2, 30),
    "dnxhrhq": (1, 9),
    "dnxhrsq": (1, 10),
    "h264": (2, 4),
    "h264hq": (1, 1),
    "hevc10": (6, 11),
    "hevc10hq": (0, 0),
}
"""By how many codes of the bits that are written a smooth picture, and one with grain, come back off at most; of those
that bound their errors by their steps the bound is that of every sample, of others that of all but one in 10,000."""


@pytest.mark.parametrize("codec", CODECS)
def test_what_a_codec_loses(tmp_path, codec):
    for shows, bound in zip((clips.picture, clips.grain), LOST[codec], strict=True):
        off = clips.lost(tmp_path / "a.mov", codec, shows, SIZES[codec])
        assert np.quantile(off, 1 if codec in ("h264hq", "hevc10hq") else 0.9999) <= bound


class Dirty:
    """A stream whose packets say times of decoding out of memory, as x265 does with up to two frames."""

    def __init__(self, stream):
        self._stream = stream

    def encode(self, frame):
        for packet in self._stream.encode(frame):
            packet.dts = -6161412657059652
            yield packet


@pytest.mark.parametrize("frames", [1, 2])
def test_one_or_two_frames_of_hevc(tmp_path, frames):
    path = tmp_path / "a.mov"
    with MovieWriter(path, Form(CODECS["hevc10"], *clips.SIZE, Fraction(24))) as writer:
        for index in range(frames):
            writer.add(clips.picture(index))
        writer._stream = Dirty(writer._stream)
    with Movie(path) as movie:
        assert [movie.seconds_of(frame) for frame in movie.info.frames] == pytest.approx([0, 1 / 24][:frames])
        assert movie.read(movie.info.frames[-1]) == pytest.approx(clips.picture(frames - 1), abs=0.06)


def test_what_an_encoder_or_a_container_refuses_is_told_before(tmp_path):
    form = Form(CODECS["hevc10"], *clips.SIZE, Fraction(24), Colour(22, 1, 1, False))  # EBU Tech. 3213
    with MovieWriter(tmp_path / "a.mkv", form) as writer:
        writer.add(clips.picture(0))
    with Movie(tmp_path / "a.mkv") as movie:
        assert movie.info.colour.primaries == 2
    with pytest.raises(InputError, match=r"a\.mxf: \.mxf does not hold hevc10: expected one of prores4444, "):
        MovieWriter(tmp_path / "a.mxf", form)
    with pytest.raises(InputError, match="hevc10 holds frames of 16x16 and above, and the plate is 8x8: choose"):
        refuse_size(CODECS["hevc10"], 8, 8)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.mov", {}, "prores422hq"),
        ("a.mov", {"alpha": True}, "prores4444"),
        ("a.mov", {"full_chroma": True}, "prores4444"),
        ("a.mxf", {}, "dnxhrhqx"),
        ("a.mxf", {"full_chroma": True}, "dnxhr444"),
        ("a.mp4", {}, "h264"),
        ("a.MP4", {"deep": True}, "hevc10"),
        ("a.mkv", {"deep": True}, "hevc10"),
    ],
)
def test_the_container_chooses_a_codec(tmp_path, name, options, expected):
    asked = {"deep": False, "full_chroma": False, "alpha": False, **options}
    assert codec_for(tmp_path / name, None, **asked).name == expected


def test_what_a_container_does_not_hold(tmp_path):
    asked = {"deep": True, "full_chroma": False, "alpha": False}
    with pytest.raises(
        InputError, match=r"a\.mp4: \.mp4 does not hold prores422hq: expected one of h264, h264hq, hevc10, hevc10hq"
    ):
        codec_for(tmp_path / "a.mp4", "prores422hq", **asked)
    with pytest.raises(InputError, match="unknown codec 'prores': expected one of prores4444, "):
        codec_for(tmp_path / "a.mov", "prores", **asked)
    with pytest.raises(InputError, match=r"a\.avi: movies are written as \.mov, \.mp4, \.m4v, \.mxf, \.mkv; expected"):
        codec_for(tmp_path / "a.avi", None, **asked)


def test_a_codec_that_this_ffmpeg_lacks(tmp_path, monkeypatch):
    monkeypatch.setitem(CODECS, "hevc10", replace(CODECS["hevc10"], encoder="libx266"))
    path = tmp_path / "a.mp4"
    said = f"{path}: hevc10 is written by libx266, which the FFmpeg of this PyAV lacks: that of PyPI has it"
    with pytest.raises(InputError, match=re.escape(said)):
        codec_for(path, None, deep=True, full_chroma=False, alpha=False)
    with pytest.raises(InputError, match=re.escape(said)):
        MovieWriter(path, Form(CODECS["hevc10"], 64, 48, Fraction(24)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(65, 47), (33, 48)])
def test_odd_sizes(tmp_path, size):
    source = clips.write(tmp_path / "a.mov", "prores4444", 2, size)
    copy, _ = written_like(tmp_path / "b.mov", source, "prores4444")
    assert differences(source, copy).max() <= COARSE["prores4444"]
    with Movie(source) as movie, pytest.raises(InputError, match="h264 holds even sizes alone, and the plate is "):
        Form.like(movie.info, tmp_path / "b.mp4", "h264")


def test_small_frames_and_dnxhr(tmp_path):
    source = clips.write(tmp_path / "a.mov", "prores422", 1)
    with (
        Movie(source) as movie,
        pytest.raises(InputError, match="dnxhrhqx holds frames of 256x120 and above, and the "),
    ):
        Form.like(movie.info, tmp_path / "b.mxf")


@pytest.mark.parametrize(("codec", "kept"), [("h264", True), ("prores4444", False)])
def test_the_range_of_codes(tmp_path, codec, kept):
    """Full range stays where the codec can say so, else codes are of the limited range, and light is the same."""
    source = clips.write(tmp_path / "a.mov", "h264", 2, colour=replace(clips.REC_709, full_range=True))
    copy, _ = written_like(tmp_path / "b.mov", source, codec)
    with Movie(source) as one, Movie(copy) as other:
        assert one.info.coding.full_range
        assert other.info.coding.full_range == kept
        assert other.read(1) == pytest.approx(one.read(1), abs=0.02)


@pytest.mark.parametrize("codec", ["prores422hq", "prores4444", "h264"])
def test_interlaced_stays_interlaced(tmp_path, codec):
    path = clips.write(tmp_path / "a.mov", codec, 2, interlaced=True)
    with Movie(path) as movie:
        assert movie.info.interlaced


@pytest.mark.parametrize("tags", [Colour(9, 16, 9, False), Colour(9, 18, 9, False), Colour(12, 13, 1, False), Colour()])
@pytest.mark.parametrize(("name", "codec"), [("mov", "prores422hq"), ("mp4", "hevc10"), ("mkv", "h264")])
def test_tags(tmp_path, tags, name, codec):
    source = clips.write(tmp_path / f"a.{name}", codec, 1, colour=tags)
    with Movie(source) as movie:
        assert movie.info.colour.space == tags.space
        assert movie.read(1) == pytest.approx(clips.picture(0), abs=0.06)


def test_uneven_times_are_kept(tmp_path):
    times = [0, 40, 45, 200, 210, 900]
    path = clips.write(tmp_path / "a.mkv", "h264", 6, times=times, time_base=Fraction(1, 1000))
    with Movie(path) as movie:
        assert [round(1000 * movie.seconds_of(frame)) for frame in movie.info.frames] == times


SOUND = [
    ("a.mp4", "aac", "b.mov"),
    ("a.mp4", "aac", "b.mp4"),
    ("a.mov", "pcm_s16le", "b.mxf"),
    ("a.mov", "pcm_s16le", "b.mkv"),
]


@pytest.mark.parametrize(("name", "sound", "copy"), SOUND)
def test_sound_is_copied(tmp_path, name, sound, copy):
    source = clips.flat(tmp_path / name, [60] * 48, sound=sound, size=(256, 144))
    path = tmp_path / copy
    with Movie(source) as movie:
        assert movie.info.sounds[0].codec == sound
        codec = codec_for(path, None, deep=False, full_chroma=False, alpha=False).name
        with MovieWriter(path, Form.like(movie.info, path, codec), sound=SoundTrack(movie)) as writer:
            for frame in movie.info.frames:
                writer.add(movie.read(frame))
    (begin, one), (copied_begin, other) = clips.heard(source), clips.heard(path)
    assert copied_begin == pytest.approx(begin, abs=0.001)
    assert np.array_equal(one, other)


def test_sound_of_some_frames(tmp_path):
    source = clips.flat(tmp_path / "a.mov", [60] * 48, sound="pcm_s16le")
    path = tmp_path / "b.mov"
    with Movie(source) as movie:
        form = Form.like(movie.info, path, "h264", first=13)
        with MovieWriter(path, form, sound=SoundTrack(movie, range(13, 25))) as writer:
            for frame in range(13, 25):
                writer.add(movie.read(frame))
    with Movie(path) as movie:
        assert movie.info.frames == range(13, 25)  # by its time code
    _, all_of_it = clips.heard(source)
    begin, some = clips.heard(path)
    assert abs(begin) < 0.03
    at = 2 * round((0.5 + begin) * 48000)  # two channels; frame 13 begins after half a second
    assert len(some) / 2 / 48000 == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(all_of_it[at : at + len(some)], some)


def test_sound_that_a_container_does_not_hold(tmp_path):
    source = clips.flat(tmp_path / "a.mp4", [60] * 4, sound="aac")
    assert [str(sound) for sound in unheld(tmp_path / "b.mxf", source)] == ["aac, 2 channels, 48000 Hz"]
    assert unheld(tmp_path / "b.mov", source) == ()


def test_nothing_is_half_written(tmp_path):
    path = tmp_path / "a.mov"
    form = Form(CODECS["prores422hq"], *clips.SIZE, Fraction(24))
    with pytest.raises(KeyboardInterrupt), MovieWriter(path, form) as writer:
        writer.add(clips.picture(0))
        raise KeyboardInterrupt
    with pytest.raises(InputError, match="has no frame: expected one at least"), MovieWriter(path, form):
        pass
    with (
        pytest.raises(InputError, match="has frames of 64x48: expected all of that size, got 32x48"),
        MovieWriter(path, form) as writer,
    ):
        writer.add(clips.picture(0, (32, 48)))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path):
    path = clips.write(tmp_path / "a.mov", "prores422hq", 2)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), MovieWriter(path, Form(CODECS["h264"], *clips.SIZE, Fraction(24))) as writer:
        writer.add(clips.picture(0))
        raise KeyboardInterrupt
    assert path.read_bytes() == before


def test_clipped_pixels_are_counted(tmp_path):
    rgb = clips.picture(0)
    rgb[3, 4:9] = 1.5
    with MovieWriter(tmp_path / "a.mov", Form(CODECS["prores4444"], *clips.SIZE, Fraction(24))) as writer:
        writer.add(rgb)
        writer.add(rgb)
        assert writer.clipped_pixels == 10


def test_comments_are_kept(tmp_path):
    for name, codec in (("a.mov", "prores422"), ("a.mp4", "h264"), ("a.mkv", "h264"), ("a.mxf", "prores422")):
        with MovieWriter(tmp_path / name, Form(CODECS[codec], *clips.SIZE, Fraction(24)), comment="hello") as writer:
            writer.add(clips.picture(0))
        with Movie(tmp_path / name) as movie:
            assert movie.info.comment == "hello"


@pytest.mark.parametrize("tags", [(2, 2, 1), (2, 2, 6), (2, 2, 2), (9, 2, 9), (6, 6, 6)])
@pytest.mark.parametrize(
    ("codec", "suffix"), [held for held in HELD if held[0] in ("prores4444", "dnxhr444", "hevc10")]
)
def test_colour_comes_back_whatever_the_tags_leave_out(tmp_path, codec, suffix, tags):
    path, size = tmp_path / f"a{suffix}", SIZES[codec]
    rgb = np.full((size[1], size[0], 3), (0.7, 0.4, 0.2), np.float32)
    with MovieWriter(path, Form(CODECS[codec], *size, Fraction(24), Colour(*tags))) as writer:
        writer.add(rgb)
    with Movie(path) as movie:
        assert np.abs(movie.read(movie.info.frames[0]) - rgb).max() < 2 / 255
