from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from relumix.color.spaces import working_space
from relumix.errors import FrameError, InputError
from relumix.movie import Movie
from relumix.settings import Settings
from relumix.shot import Plate
from relumix.shot.images import opened, timecode_in
from relumix.shot.info import describe
from relumix.shot.movie_facts import MovieFacts
from relumix.shot.movie_frames import MovieFrame, file_of, movie_at, told_of_movie
from relumix.shot.reference_files import find_references
from relumix.shot.sequence import OutputPattern, Sequence
from relumix.shot.source import PlateSource
from relumix.shot.streamed import as_exr
from tests.movie import clips
from tests.shot import files

SPACE = "Rec.1886 Rec.709 - Display"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clips.write(tmp_path / "clip.mov", "prores422hq", 4, timecode="00:00:41:17")


def test_a_movie_is_a_sequence(clip: Path) -> None:
    shot = Sequence.find(clip)
    assert (shot.frames, shot.missing, shot.padding, shot.pattern) == ((1001, 1002, 1003, 1004), (), 4, str(clip))
    assert shot.path(1002) == clip / "clip.1002.mov"
    assert shot.movie == clip
    assert Sequence.find(clip.parent).frames == shot.frames  # the folder holds that movie alone
    assert Sequence.find(clip / "clip.1003.mov").frames == (1003,)
    assert shot.deinterlaced().path(1002) == clip / "deinterlaced/clip.1002.mov"
    assert MovieFrame.at(clip / "deinterlaced/clip.1002.mov") == MovieFrame(clip, 1002, True)
    assert file_of(shot.path(1002)) == file_of(clip) == clip
    assert file_of(Path("a/b.1001.exr")) == Path("a/b.1001.exr")


def test_names_of_frames_that_are_none(clip: Path) -> None:
    for name in ("clip.mov/clip.exr", "clip.mov/clip.mov", "gone.mov/gone.0001.mov", "clip.mov"):
        assert MovieFrame.at(clip.parent / name) is None
    with pytest.raises(InputError, match=r"plate\.####\.exr: no such sequence"):
        Sequence.find(clip.parent / "plate.####.exr")
    exr = files.plain(clip.parent / "one.exr", files.noise(4, 5))
    with pytest.raises(InputError, match=r"one\.exr is no movie: expected one to deinterlace"):
        Sequence.find(exr).deinterlaced()


def test_several_movies_in_a_folder(clip: Path) -> None:
    clips.write(clip.parent / "other.mov", "prores422", 1)
    with pytest.raises(InputError, match=r"holds several movies \(clip\.mov, other\.mov\): name one of them"):
        Sequence.find(clip.parent)


def test_results_are_called_after_frames(clip: Path) -> None:
    shot = Sequence.find(clip)
    assert OutputPattern("out/", shot).path(1002) == Path("out/clip.1002.exr")
    assert OutputPattern("out/relit.#.exr", shot).path(1002) == Path("out/relit.1002.exr")
    clip.with_name("out.exr").hardlink_to(clip)
    with pytest.raises(InputError, match=r"frame 1001 would be written over the input .*clip\.mov"):
        OutputPattern(clip.with_name("out.exr"), shot, [1001]).refuse_overwriting()


def test_pixels_are_the_movies_made_linear(clip: Path) -> None:
    plate = Plate(Sequence.find(clip))
    assert (plate.colorspace, plate.is_assumed, plate.is_coded, plate.space.linear) == (
        SPACE,
        False,
        True,
        "Linear Rec.709 (sRGB)",
    )
    picture = plate.read(1003)
    with Movie(clip) as movie:
        coded = movie.read(1003)
    assert np.array_equal(picture.rgb, working_space(SPACE).to_linear(coded))
    assert plate.space.to_coded(picture.rgb) == pytest.approx(coded, abs=1e-4)
    assert (plate.frames_per_second, plate.pixel_aspect, picture.display_window.size) == (24, 1, clips.SIZE)
    with opened(clip / "clip.1003.mov") as image:
        assert timecode_in(image.spec()) == "00:00:41:19"


def test_frames_that_are_not_there(clip: Path) -> None:
    plate = Plate(Sequence.find(clip))
    with pytest.raises(FrameError) as caught:
        plate.read(1010)
    assert str(caught.value) == f"frame 1010: {clip}/clip.1010.mov cannot be read: the movie has no such frame"


def test_a_movie_stays_open_until_it_changes(clip: Path) -> None:
    first = movie_at(clip)
    assert movie_at(clip) is first
    clips.write(clip, "prores422hq", 2)
    assert movie_at(clip) is not first
    assert len(movie_at(clip).info.frames) == 2


def test_what_a_server_gets_is_read_alike(clip: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent.1002.exr"
    sent.write_bytes(as_exr(clip / "clip.1002.mov", 1002))
    here, there = Plate(Sequence.find(clip)).read(1002), Plate(Sequence.find(sent)).read(1002)
    assert np.array_equal(here.rgb, there.rgb)
    names = set(there.contents.headers[0])
    assert {"timeCode", "framesPerSecond", "relumix:colorspace"} <= names
    assert there.contents.replaced["relumix:colorspace"] is None  # it is linear then


# References.


def found(clip: Path, references: object) -> dict[int, Path]:
    return find_references(Sequence.find(clip), references)  # type: ignore[arg-type]


def test_references_out_of_movies(clip: Path) -> None:
    relit = clips.write(clip.with_name("relit.mov"), "prores4444", 4, timecode="00:00:41:17")
    one = clips.write(clip.with_name("one.mov"), "prores4444", 1)
    assert found(clip, {1002: relit}) == {1002: relit / "relit.1002.mov"}
    assert found(clip, {1002: one}) == {1002: one / "one.0001.mov"}
    assert found(clip, {1002: relit / "relit.1004.mov"}) == {1002: relit / "relit.1004.mov"}
    assert found(clip, relit / "relit.1004.mov") == {1004: relit / "relit.1004.mov"}
    assert list(found(clip, relit)) == [1001, 1002, 1003, 1004]


def source(clip: Path, references: object, **settings: object) -> PlateSource:
    chosen = Settings(fit=True, **settings)  # type: ignore[arg-type]
    return PlateSource.find(clip, references, chosen)  # type: ignore[arg-type]


def told(clip: Path, **settings: object) -> list[str]:
    """Warnings but those about the reference, which is its own plate and too smooth to be known again."""
    return [text for text in source(clip, {1: clip}, **settings).warnings if not text.startswith("reference")]


def neutral(clip: Path, reference: Path, **settings: object) -> float:
    """By how much a reference of the first frame differs from it, of white."""
    job = source(clip, {1001: reference}, **settings)
    picture = job.read(1001)
    rgb, known = job.read_reference(1001, picture)
    assert known.all()
    return float(np.abs(rgb - picture.rgb).max())


def test_stills_of_a_clip_have_its_codes(clip: Path) -> None:
    with Movie(clip) as movie:
        coded = movie.read(1001)
    whole = (np.clip(coded, 0, 1) * 65535 + 0.5).astype(np.uint16)
    linear = working_space(SPACE).to_linear(coded)
    assert neutral(clip, files.plain(clip.with_name("still.png"), whole)) < 1e-3
    assert neutral(clip, files.plain(clip.with_name("still.tif"), whole)) < 1e-3
    assert neutral(clip, files.plain(clip.with_name("still.exr"), linear)) < 1e-6
    assert neutral(clip, clip) == 0


def test_a_relit_clip_is_in_the_colour_space_of_its_plate(clip: Path) -> None:
    """What tags say of the one they say of the other, also where they are silent, or --colorspace says otherwise."""
    for tags in (clips.REC_709, clips.Colour()):
        clip = clips.write(clip, "prores422hq", 2, colour=tags, timecode="00:00:41:17")
        assert neutral(clip, clip) == neutral(clip, clip, colorspace="ARRI LogC3 (EI800)") == 0


def test_a_log_clip_and_a_linear_reference(clip: Path) -> None:
    with Movie(clip) as movie:
        linear = working_space("S-Log3 S-Gamut3.Cine").to_linear(movie.read(1001))
    exr = files.plain(clip.with_name("still.exr"), linear)
    assert neutral(clip, exr, colorspace="S-Log3 S-Gamut3.Cine") < 1e-6


# What is told.


def test_an_untagged_clip_is_taken_for_video(clip: Path) -> None:
    clips.write(clip, "prores422hq", 2, colour=clips.Colour())
    assert told(clip) == [f"{clip} does not say what colour it is: taken for {SPACE} (--colorspace says otherwise)"]
    job = source(clip, {1: clip})
    assert job.settings.colorspace == SPACE
    assert told(clip, colorspace="ACEScct") == []


def test_interlaced_and_uneven_clips_are_told(clip: Path) -> None:
    clips.write(clip, "prores422hq", 2, interlaced=True)
    said = f"{clip} is interlaced: frames are relit with both fields in them (--deinterlace makes them whole)"
    assert told(clip) == [said]
    assert told(clip, deinterlace=True) == []
    mkv = clips.write(clip.with_name("a.mkv"), "h264", 3, times=[0, 40, 300], time_base=Fraction(1, 1000))
    said = f"{mkv} shows its frames at uneven times: they are numbered in the order in which they are shown"
    assert told(mkv) == [said]
    said = f"{mkv} is not interlaced: there is nothing to deinterlace"
    assert said in told(mkv, deinterlace=True)


def test_references_out_of_interlaced_movies_are_made_whole_as_the_plate_is(clip: Path) -> None:
    clips.write(clip, "prores422hq", 3, interlaced=True)
    assert source(clip, {2: clip}, deinterlace=True).reference_paths == {2: clip / "deinterlaced/clip.0002.mov"}
    assert (
        neutral(clips.write(clip, "prores422hq", 2, interlaced=True, timecode="00:00:41:17"), clip, deinterlace=True)
        == 0
    )


def test_info_says_all(tmp_path: Path) -> None:
    path = clips.flat(tmp_path / "a.mov", [60, 70, 80], sound="pcm_s16le", rotation=90)
    text = describe(path).text()
    for line in (
        "codec           h264 High",
        "samples         yuv420p, 8 bit, limited range, not said",
        "colour tags     not tagged",
        "shown           turned by 90 degrees, to stand upright",
        "scan            progressive",
        "sound           pcm_s16le, 2 channels, 48000 Hz",
        "frames          1-3 (3)",
        "frames/second   24",
        "display window  48x64+0+0",
        f"colour          not said: taken for {SPACE} (--colorspace)",
    ):
        assert line in text.splitlines(), text
    found = describe(path).to_json()["movie"]
    assert (found["rate"], found["rotation"], found["uneven"], found["timecode"]) == ("24", 90, False, None)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A movie with two streams of video: one of the levels 60 and on, the other of 160 and on."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=24) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(4):
            for stream, level in zip(streams, (60, 160), strict=True):
                frame = av.VideoFrame(64, 48, "yuv420p")
                for plane, code in zip(frame.planes, (level + 5 * at, 128, 128), strict=True):
                    plane.update(bytes([code]) * plane.buffer_size)
                frame.pts, frame.time_base = at, Fraction(1, 24)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    return path


def test_further_streams_are_movies_of_their_own(two: Path) -> None:
    line = "another video stream, read where it is named, as two.mkv/stream2"
    assert list(told_of_movie(two, deinterlace=False)) == [f"{two} holds {line}"]
    assert [value for name, value in MovieFacts.of(two).lines() if name == "holds too"] == [line]
    second = two / "stream2"
    shot = Sequence.find(second)
    assert (shot.frames, shot.path(3), shot.movie) == ((1, 2, 3, 4), second / "two.0003.mkv", second)
    assert shot.deinterlaced().path(3) == second / "deinterlaced/two.0003.mkv"
    assert file_of(second) == file_of(shot.path(3)) == two
    assert list(told_of_movie(second, deinterlace=False)) == []
    for movie, level in ((two, 60), (second, 160)):
        assert [clips.luma(movie_at(movie).read(frame)) for frame in (1, 4)] == [level, level + 15]
    assert found(two, {2: second}) == {2: second / "two.0002.mkv"}
    assert found(two, second) == {frame: second / f"two.000{frame}.mkv" for frame in (1, 2, 3, 4)}
    with pytest.raises(InputError, match=r"two\.mkv has no stream 3: it holds 2 of video"):
        Sequence.find(two / "stream3")
    with pytest.raises(InputError, match="no such file or folder"):
        Sequence.find(two.with_name("gone.mkv") / "stream2")


def test_time_codes_of_more_than_39_frames_a_second_are_told(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mov", "prores422", 4, rate=Fraction(60000, 1001), timecode="00:09:59;58")
    said = describe(path)
    assert [each.timecode for each in said.per_frame] == ["00:09:59;58", "00:09:59;59", "00:10:00;00", "00:10:00;01"]


@pytest.mark.parametrize("suffix", ["ts", "mts", "mpg"])
def test_streams_of_cameras_and_discs(tmp_path: Path, suffix: str) -> None:
    path, container_name = tmp_path / f"a.{suffix}", "mpeg" if suffix == "mpg" else "mpegts"
    with av.open(str(path), "w", format=container_name) as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(20):
            grey = np.full((48, 64, 3), 10 * index + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    shot = Sequence.find(path)
    assert shot.frames == tuple(range(1, 21))
    with Movie(path) as movie:
        means = {frame: float(movie.read(frame).mean()) for frame in (20, 3, 11, 1)}
    assert means == pytest.approx({frame: (10 * frame + 10) / 255 for frame in means}, abs=2 / 255)
