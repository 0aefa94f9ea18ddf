from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import OpenImageIO as oiio
import pytest

import relumix
from relumix.color.spaces import working_space
from relumix.errors import InputError
from relumix.events import FrameDone, Stage, Warned
from relumix.movie import Movie, MovieWriter
from relumix.movie.pixels import planes_of
from relumix.pipeline.coder import rolled_off
from relumix.settings import Settings
from relumix.shot import Plate
from relumix.shot.images import opened
from relumix.shot.sequence import Sequence
from tests.movie import clips
from tests.shot import files

FRAMES = 3


def relit(source, references, output, **settings):
    """Relight; return the events."""
    events = []
    relumix.relight(
        source, references, output, Settings(cuts="none", fit=True, work_size=64, **settings), on_event=events.append
    )
    return events


def warned(events):
    """Warnings but those about references that are their own plates, and too smooth to be known again."""
    found = [event.message for event in events if isinstance(event, Warned)]
    return [text for text in found if not text.startswith("reference")]


def skipped(events):
    return [event.skipped for event in events if isinstance(event, FrameDone)]


def codes_off(one, other, share=0.9999):
    """By how many codes of its own depth that share of the samples of a movie differ from another's, at most."""
    with Movie(one) as first, Movie(other) as second:
        pairs = zip(first.info.frames, second.info.frames, strict=True)
        planes = [(planes_of(first._whole(a)), planes_of(second._whole(b))) for a, b in pairs]
    off = [np.abs(a[name].astype(int) - b[name]).ravel() for a, b in planes for name in a]
    return np.quantile(np.concatenate(off), share)


@pytest.fixture
def clip(tmp_path):
    return clips.write(tmp_path / "clip.mov", "prores422hq", FRAMES, timecode="01:00:00:00")


@pytest.mark.parametrize(
    ("codec", "suffix", "codes"),
    [
        ("prores422hq", "mov", 1),
        ("prores4444", "mov", 4),
        ("dnxhrhqx", "mxf", 1),
        ("h264", "mp4", 2),
        ("hevc10", "mkv", 6),
    ],
)
def test_a_neutral_reference_gives_the_clip_back(tmp_path, codec, suffix, codes):
    """Within a code, and what the encoder loses: 1 of 10 bits is 4 of the 12 that ProRes 4444 is read with."""
    size = (256, 144) if codec == "dnxhrhqx" else clips.SIZE
    clip = clips.write(tmp_path / f"clip.{suffix}", codec, FRAMES, size, timecode="01:00:00:00")
    out = tmp_path / f"relit.{suffix}"
    assert warned(relit(clip, {86400: clip}, out, codec=codec)) == []
    assert codes_off(clip, out) <= codes
    with Movie(clip) as one, Movie(out) as other:
        assert replace(one.info, path=out, comment=other.info.comment) == other.info
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"clip.{suffix}", f"relit.{suffix}"]


@pytest.mark.parametrize("shows", [clips.grain, clips.noise])
@pytest.mark.parametrize(
    ("codec", "suffix", "sampling", "codes"),
    [
        ("h264hq", "mp4", "420", 1),
        ("hevc10hq", "mov", "420", 0),
        ("hevc10hq", "mkv", "422", 0),
        ("hevc10hq", "mp4", "444", 0),
    ],
)
def test_a_neutral_reference_gives_every_code_back(tmp_path, codec, suffix, sampling, codes, shows):
    """Whatever the plate shows, at every sample: by the two codecs that are for that."""
    clip = clips.write(tmp_path / f"clip.{suffix}", codec, FRAMES, shows=shows, sampling=sampling)
    out = tmp_path / f"relit.{suffix}"
    assert warned(relit(clip, {1: clip}, out, codec=codec)) == []
    assert codes_off(clip, out, share=1) <= codes
    with Movie(out) as movie:
        assert sampling in movie.info.pixel_format


def test_a_job_that_dies_while_it_encodes_loses_no_frame(tmp_path, clip, monkeypatch):
    out = tmp_path / "relit.mov"

    def die(writer, rgb):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MovieWriter, "add", die)
        relit(clip, {86400: clip}, out)
    made = tmp_path / "relit.mov.frames"
    assert sorted(path.name for path in made.iterdir()) == [f"relit.{86400 + at}.exr" for at in range(FRAMES)]
    assert not out.exists()
    events = relit(clip, {86400: clip}, out)
    assert skipped(events) == [True] * FRAMES
    assert [event.message for event in events if isinstance(event, Stage)] == [f"writing {out}"]
    assert out.exists()
    assert not made.exists()
    before = out.stat().st_mtime_ns
    events = relit(clip, {86400: clip}, out, contact_sheet=str(tmp_path / "sheet.png"))
    assert skipped(events) == [True] * FRAMES
    assert out.stat().st_mtime_ns == before
    assert (tmp_path / "sheet.png").exists()  # of what is in the movie
    assert skipped(relit(clip, {86400: clip}, out, mix=0.5)) == [False] * FRAMES


def test_a_movie_of_some_frames(tmp_path, clip):
    out = tmp_path / "relit.mov"
    relit(clip, {86400: clip}, out, frames="86401-86402")
    with Movie(out) as movie:
        assert movie.info.frames == range(86401, 86403)


def test_a_frame_that_cannot_be_read_costs_itself(tmp_path, clip):
    from tests.movie.test_movie import damage

    damage(clip, [1])
    out = tmp_path / "relit.mov"
    events = relit(clip, {86400: clip}, out)
    assert (events[-1].written, events[-1].failed) == (2, 1)
    assert warned(events) == [
        f"{out} shows neighbours in place of frames that failed (86401); the others are kept in "
        f"{tmp_path}/relit.mov.frames: the same command makes what is missing"
    ]
    with Movie(out) as movie:
        assert len(movie.info.frames) == FRAMES
        assert movie.read(86401) == pytest.approx(movie.read(86400), abs=0.01)
    clips.write(clip, "prores422hq", FRAMES, timecode="01:00:00:00")
    assert relit(clip, {86400: clip}, out)[-1].failed == 0
    assert not (tmp_path / "relit.mov.frames").exists()


def test_sound_and_what_is_not_held(tmp_path):
    clip = clips.flat(tmp_path / "clip.mov", [60, 70, 80], sound="aac", size=(256, 144))
    assert warned(relit(clip, {1: clip}, tmp_path / "a.mov", colorspace="sRGB")) == []
    assert np.array_equal(clips.heard(clip)[1], clips.heard(tmp_path / "a.mov")[1])
    (said,) = warned(relit(clip, {1: clip}, tmp_path / "a.mxf", colorspace="sRGB"))
    assert said == f"{tmp_path}/a.mxf: mxf does not hold the sound aac, 2 channels, 48000 Hz; it is left out"
    (said,) = warned(relit(clip, {1: clip}, tmp_path / "b.mov", colorspace="sRGB", frames="1,3"))
    assert said == f"{tmp_path}/b.mov has no sound: its frames are not consecutive"


def test_alpha(tmp_path):
    clip = clips.write(tmp_path / "clip.mov", "prores4444", FRAMES, alpha=True)
    assert warned(relit(clip, {1: clip}, tmp_path / "a.mov", premult="no")) == []
    assert codes_off(clip, tmp_path / "a.mov") <= 4
    said = warned(relit(clip, {1: clip}, tmp_path / "b.mov", premult="no", codec="prores422hq"))
    assert said == [f"{tmp_path}/b.mov: prores422hq holds no alpha; it is left out (prores4444 holds it)"]


def test_interlaced_clips(tmp_path):
    clip = clips.write(tmp_path / "clip.mov", "prores422hq", 2, interlaced=True)
    for out, options, fields in (("a.mov", {}, True), ("b.mov", {"deinterlace": True}, False)):
        relit(clip, {1: clip}, tmp_path / out, **options)
        with Movie(tmp_path / out) as movie:
            assert movie.info.interlaced == fields
    said = warned(relit(clip, {1: clip}, tmp_path / "c.mp4", codec="hevc10"))
    assert said[-1] == f"{tmp_path}/c.mp4: hevc10 cannot say that frames are interlaced"


def test_turned_and_uneven_clips(tmp_path):
    times = {"times": [0, 41, 300], "time_base": Fraction(1, 1000)}
    clip = clips.flat(tmp_path / "clip.mp4", [60, 70, 80], rotation=90, **times)
    out = tmp_path / "relit.mp4"
    assert len(warned(relit(clip, {1: clip}, out, colorspace="sRGB"))) == 2  # that it is turned, and uneven
    with Movie(clip) as one, Movie(out) as other:
        assert (other.info.width, other.info.height, other.info.rotation) == (48, 64, 0)
        shown = [[round(1000 * movie.seconds_of(frame)) for frame in (1, 2, 3)] for movie in (one, other)]
        assert shown[0] == shown[1] == [0, 41, 300]
        assert clips.luma(other.read(2)) == clips.luma(one.read(2))


def test_frames_of_one_time_stay_frames(tmp_path):
    from tests.movie.test_cameras import LEVELS, at_the_same_time

    source = clips.flat(tmp_path / "source.mkv", LEVELS[:9], options={"bf": "0", "g": "4", "crf": "4"})
    clip, out = clips.remuxed(tmp_path / "clip.mkv", source, at_the_same_time), tmp_path / "relit.mkv"
    relit(clip, {1: clip}, out, colorspace="sRGB")
    with Movie(out) as movie:
        assert [clips.luma(movie.read(frame)) for frame in movie.info.frames] == pytest.approx(LEVELS[:9], abs=2)
        assert movie.info.odd == ()  # a tick later is another time


def test_one_stream_is_the_plate_and_another_its_reference(tmp_path):
    path = tmp_path / "two.mkv"
    parts = [clips.flat(tmp_path / f"{level}.mkv", [level] * 3, "ffv1") for level in (60, 100)]
    with av.open(str(parts[0])) as one, av.open(str(parts[1])) as other, av.open(str(path), "w") as container:
        streams = [container.add_stream_from_template(each.streams.video[0]) for each in (one, other)]
        for packets in zip(one.demux(video=0), other.demux(video=0), strict=True):
            for packet, stream in zip(packets, streams, strict=True):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    relit(path, {1: path / "stream2"}, tmp_path / "relit.mov", colorspace="sRGB")
    relit(path / "stream2", {1: path}, tmp_path / "back.mov", colorspace="sRGB")
    for out, level in (("relit.mov", 100), ("back.mov", 60)):
        with Movie(tmp_path / out) as movie:
            assert [round(float(movie.read(frame).mean()) * 219 + 16) for frame in (1, 2, 3)] == [level] * 3


# Images.


@pytest.mark.parametrize("suffix", ["png", "tif", "dpx", "tga", "jpg"])
def test_images_of_whole_numbers(tmp_path, clip, suffix):
    pattern = tmp_path / f"relit.####.{suffix}"
    assert warned(relit(clip, {86400: clip}, pattern)) == []
    highest = {"png": 65535, "tif": 65535, "dpx": 1023}.get(suffix, 255)
    with Movie(clip) as movie:
        for frame in movie.info.frames:
            with opened(tmp_path / f"relit.{frame}.{suffix}") as image:
                read = np.asarray(image.read_image(0, 0, 0, 3, "float"))
            codes = np.abs(read - np.clip(movie.read(frame), 0, 1)) * highest
            assert codes.max() <= {"png": 2, "tif": 2, "jpg": 5}.get(suffix, 1)
    assert len(list(tmp_path.iterdir())) == FRAMES + 1
    events = relit(clip, {86400: clip}, pattern)
    assert skipped(events) == [True] * FRAMES
    (tmp_path / f"relit.86401.{suffix}").unlink()
    assert skipped(relit(clip, {86400: clip}, pattern)) == [True, False, True]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001)])
def test_dpx_keeps_the_rate_and_the_time_code(tmp_path, rate):
    """So a movie by way of DPX is a movie of the same rate and frame numbers."""
    clip = clips.write(tmp_path / "clip.mov", "prores422hq", FRAMES, rate=rate, timecode="01:00:00:00")
    first = Movie(clip).info.frames[0]
    relit(clip, {first: clip}, tmp_path / "relit.####.dpx")
    plate = Plate(Sequence.find(tmp_path / "relit.####.dpx"))
    assert Fraction(plate.frames_per_second).limit_denominator(1001) == rate
    out = tmp_path / "again.mov"
    said = warned(relit(str(tmp_path / "relit.####.dpx"), {first: tmp_path / f"relit.{first}.dpx"}, out))
    assert not [text for text in said if "frame rate" in text]
    assert (Movie(out).info.rate, Movie(out).info.frames) == (rate, Movie(clip).info.frames)


@pytest.mark.parametrize(("said", "meant"), [(23.98, 24000 / 1001), (29.97, 30000 / 1001), (24, 24), (12.5, 12.5)])
def test_rates_of_other_programs(tmp_path, said, meant):
    spec = oiio.ImageSpec(8, 8, 3, "uint16")
    spec.attribute("dpx:TemporalFrameRate", oiio.TypeDesc("float"), said)
    output = oiio.ImageOutput.create(str(tmp_path / "a.0001.dpx"))
    assert output.open(str(tmp_path / "a.0001.dpx"), spec)
    assert output.write_image(np.zeros((8, 8, 3), np.uint16))
    output.close()
    assert Plate(Sequence.find(tmp_path / "a.####.dpx")).frames_per_second == pytest.approx(meant)


def test_images_in_are_images_out(tmp_path):
    """PNG of 8 bits, sRGB as nobody says otherwise: back with the same codes, and as many bits."""
    codes = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    for frame in (1, 2):
        files.plain(tmp_path / f"plate.000{frame}.png", np.roll(codes, frame, axis=1))
    pattern = str(tmp_path / "plate.####.png")
    said = warned(relit(pattern, {1: tmp_path / "plate.0001.png"}, tmp_path / "relit.####.png"))
    assert said == [f"{pattern} does not say what colour it is: taken for sRGB (--colorspace says otherwise)"]
    for frame in (1, 2):
        with opened(tmp_path / f"relit.000{frame}.png") as image:
            assert str(image.spec().format) == "uint8"
            assert np.array_equal(np.asarray(image.read_image(0, 0, 0, 3, "uint8")), np.roll(codes, frame, axis=1))


# From OpenEXR.


@pytest.fixture
def plate(tmp_path):
    """Three frames of scene-linear light, some of it above white, without a frame rate."""
    for frame in (1001, 1002, 1003):
        light = working_space("Rec.1886 Rec.709 - Display").to_linear(clips.picture(frame))
        light[5, 6:10] = 4
        files.plain(tmp_path / f"plate.{frame}.exr", light)
    return str(tmp_path / "plate.####.exr")


def test_scene_linear_frames_become_video(tmp_path, plate):
    out, first = tmp_path / "relit.mov", tmp_path / "plate.1001.exr"
    assert warned(relit(plate, {1001: first}, out)) == [
        f"{plate} does not say its frame rate: {out} has 24",
        f"{out}: 12 pixels of 3 frames were beyond what its codes can say, and were cut; "
        "--roll-off draws highlights in softly",
    ]
    with Movie(out) as movie:
        assert (movie.info.frames, movie.info.rate, movie.info.profile) == (range(1001, 1004), Fraction(24), "4444")
        assert movie.info.colour.space == "Rec.1886 Rec.709 - Display"
        off = np.abs(movie.read(1002) - clips.picture(1002))
        off[4:7, 4:12] = 0
        assert off.max() < 0.02
        assert movie.read(1002)[5, 8] == pytest.approx(1.09, abs=0.02)


def test_highlights_roll_off_only_if_asked_for(tmp_path, plate):
    out, first = tmp_path / "relit.mov", tmp_path / "plate.1001.exr"
    assert len(warned(relit(plate, {1001: first}, out, roll_off=True))) == 1  # the frame rate
    with Movie(out) as movie:
        assert 0.95 < movie.read(1002)[5, 8].max() <= 1.01


def test_roll_off_is_smooth_and_keeps_the_colour():
    light = np.linspace(0, 8, 400, dtype=np.float32)[None, :, None] * np.array([1, 0.5, 0.25], np.float32)
    found = rolled_off(light, 1.0)
    below = light[..., 0] <= 0.75
    assert np.array_equal(found[below], light[below])
    assert found.max() <= 1
    assert (np.diff(found[0, :, 0]) >= -1e-6).all()
    assert np.diff(found[0, :60, 0]).max() <= np.diff(light[0, :, 0]).max() * 1.001
    assert found[0, 1:, 1] / found[0, 1:, 0] == pytest.approx(0.5, rel=1e-4)


def test_another_colour_space(tmp_path, plate):
    out, first = tmp_path / "relit.mp4", tmp_path / "plate.1001.exr"
    relit(plate, {1001: first}, out, output_colorspace="Rec.2100-PQ - Display")
    with Movie(out) as movie:
        assert (movie.info.colour.space, movie.info.codec) == ("Rec.2100-PQ - Display", "hevc")
    pattern = tmp_path / "relit.####.dpx"
    relit(plate, {1001: first}, pattern)
    found = Plate(Sequence.find(pattern))
    assert (found.colorspace, found.is_assumed) == ("Cineon", False)
    assert found.read(1001).rgb[5, 8] == pytest.approx(4, rel=0.01)  # log holds what is brighter than white


# Refusals.


def refusal(*args, **settings):
    with pytest.raises(InputError) as caught:
        relit(*args, **settings)
    return str(caught.value)


def test_what_cannot_be(tmp_path, clip):
    other = clips.write(tmp_path / "other.mov", "prores422hq", 1)
    assert refusal(clip, {86400: clip}, other) == (
        f"{other} exists and relumix did not write it: choose another output, or --overwrite"
    )
    assert refusal(clip, {86400: clip}, clip, overwrite=True) == (
        f"{clip} would be written over the input {clip}: choose another output"
    )
    relit(clip, {86400: clip}, other, overwrite=True)
    assert len(Movie(other).info.frames) == FRAMES
    assert refusal(clip, {86400: clip}, tmp_path / "out", codec="h264") == (
        "--codec goes with a movie or images of whole numbers as output"
    )
    assert refusal(clip, {86400: clip}, tmp_path / "a.####.png", codec="h264").startswith(
        "--codec goes with a movie as "
    )
    assert "images are written as .exr, .dpx," in refusal(clip, {86400: clip}, tmp_path / "a.####.bmp")
    assert "has no place for the frame number" in refusal(clip, {86400: clip}, tmp_path / "a.png")
    assert refusal(clip, {86400: clip}, tmp_path / "a.mp4", codec="dnxhrhq").startswith(
        f"{tmp_path}/a.mp4: .mp4 does not"
    )
    assert refusal(clip, {86400: clip}, tmp_path / "a.avi").startswith(f"{tmp_path}/a.avi: movies are written as ")
    png = files.plain(tmp_path / "b.86400.png", np.zeros((4, 5, 3), np.uint8))
    assert refusal(clip, {86400: clip}, tmp_path / "b.#.png") == (
        f"{png} exists and relumix did not write it: choose another output, or --overwrite"
    )


def test_a_preview_replaces_neither_the_plate_nor_the_result(tmp_path):
    clip = clips.write(tmp_path / "clip.mp4", "h264", FRAMES)
    kept, out = clip.read_bytes(), str(tmp_path / "relit.mp4")
    with pytest.raises(InputError, match=r"^\S+clip\.mp4 would be written over the input \S+clip\.mp4: choose another"):
        relit(clip, {1: clip}, tmp_path / "relit", preview=str(clip))
    assert clip.read_bytes() == kept
    with pytest.raises(InputError, match=r"^\S+relit\.mp4 is the name of a result too: choose another --preview$"):
        relit(clip, {1: clip}, out, preview=out)


def test_a_preview_that_nothing_here_encodes_is_told_before_the_job(tmp_path, monkeypatch):
    monkeypatch.setattr("relumix.preview.movie.ENCODER", "libx266")
    clip, path = clips.write(tmp_path / "clip.mov", "prores422hq", FRAMES), str(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"^\S+a\.mp4 is written by libx266, which the FFmpeg of this PyAV lacks"):
        relit(clip, {1: clip}, tmp_path / "relit", preview=path)
    assert not (tmp_path / "relit").exists()


def test_a_contact_sheet_replaces_neither_an_input_nor_a_result(tmp_path):
    clip = clips.write(tmp_path / "clip.mp4", "h264", FRAMES)
    relit(clip, {1: clip}, tmp_path / "plate.####.png")
    plate, out = tmp_path / "plate.0002.png", str(tmp_path / "relit.0002.png")
    kept = plate.read_bytes()
    with pytest.raises(InputError, match=r"^\S+0002\.png would be written over the input \S+0002\.png: choose another"):
        relit(str(tmp_path / "plate.####.png"), {2: plate}, tmp_path / "relit", contact_sheet=str(plate))
    assert plate.read_bytes() == kept
    with pytest.raises(InputError, match=r"^\S+0002\.png is the name of a result too: choose another --contact-sheet$"):
        relit(str(tmp_path / "plate.####.png"), {2: plate}, tmp_path / "relit.####.png", contact_sheet=out)


@pytest.mark.parametrize("name", ["sheet.png", "before.mp4"])
def test_a_preview_replaces_nothing_but_a_preview(tmp_path, clip, name):
    path = tmp_path / name
    asked = {"preview" if name.endswith("mp4") else "contact_sheet": str(path)}
    if name.endswith("mp4"):
        clips.write(path, "h264", 1)
    else:
        files.plain(path, np.zeros((4, 5, 3), np.uint8))
    kept, said = path.read_bytes(), f"{path} exists and relumix did not write it: choose another output, or --overwrite"
    assert refusal(clip, {86400: clip}, tmp_path / "out", **asked) == said
    assert path.read_bytes() == kept
    relit(clip, {86400: clip}, tmp_path / "out", overwrite=True, **asked)
    assert path.read_bytes() != kept
    relit(clip, {86400: clip}, tmp_path / "out", **asked)  # over its own
    path.write_bytes(b"")
    assert refusal(clip, {86400: clip}, tmp_path / "out", **asked) == said


@pytest.mark.parametrize(
    ("suffix", "space", "told"),
    [("mov", "sRGB - Display", False), ("mxf", "sRGB - Display", True), ("mov", "ACEScct", True), ("mxf", None, False)],
)
def test_a_colour_that_tags_cannot_say_is_told(clip, tmp_path, suffix, space, told):
    out = tmp_path / f"relit.{suffix}"
    events = relit(clip, {86400: clip}, out, codec="prores422hq", output_colorspace=space)
    line = f"{out} cannot say that its colour is {space}: name it where it is read"
    assert [text for text in warned(events) if "colour is" in text] == ([line] if told else [])
    with Movie(out) as movie:
        assert (movie.info.colour.space == (space or "Rec.1886 Rec.709 - Display")) != told
