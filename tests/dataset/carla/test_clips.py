import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from relumix.dataset.carla.clips import CarlaRelight, split_of
from relumix.errors import InputError

SIZE_PX = (32, 24)
RNG = np.random.default_rng(5)
TEXTURE = np.kron(RNG.integers(0, 200, (12, 40)), np.ones((2, 2), int)).astype(np.uint8)


def record(scene, light, frames=8, *, gain=1.0, speed=3, size=SIZE_PX):
    """A texture that slides by `speed` px a frame; frame n of every light shows the same piece of it."""
    folder = scene / light
    folder.mkdir(parents=True)
    for frame in range(frames):
        grey = TEXTURE[: size[1], frame * speed : frame * speed + size[0]] * gain
        pixels = np.stack([grey, grey * 0.5, np.full_like(grey, 100 + frame)], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{frame:05d}.png")
    return folder


@pytest.fixture
def root(tmp_path):
    for scene in range(4):
        for light, gain in (("ClearNoon", 1.0), ("ClearNight", 0.25), ("HardRainNoon", 0.5)):
            record(tmp_path / "Town01" / f"s{scene}", light, gain=gain)
    return tmp_path


def everything(root, **kwargs):
    return CarlaRelight(root, **{"split": "train", "held_out": 0, "frames": 3, "size_px": SIZE_PX, **kwargs})


def test_a_pair_is_one_moment_under_two_lights(root):
    data = everything(root)
    assert (len(data), data.skipped) == (4, [])
    gains = {"ClearNoon": 1.0, "ClearNight": 0.25, "HardRainNoon": 0.5}
    for index in range(20):
        pair = data.draw(index)
        assert pair.source.shape == pair.target.shape == (3, 3, 24, 32)
        assert pair.source.dtype == pair.target.dtype == np.float32
        assert pair.lights[0] != pair.lights[1]
        for light, clip in zip(pair.lights, (pair.source, pair.target), strict=True):
            levels = (clip + 1) * 127.5
            for frame, shown in zip(pair.frames, levels, strict=True):
                np.testing.assert_allclose(shown[2], 100 + frame, atol=0.01)
                expected = np.floor(TEXTURE[:24, frame * 3 : frame * 3 + 32] * gains[light])
                np.testing.assert_allclose(shown[0], expected, atol=0.01)


def test_values_reach_from_minus_one_to_one(tmp_path):
    for light, level in (("black", 0), ("white", 255)):
        (tmp_path / "m" / "s" / light).mkdir(parents=True)
        for frame in range(2):
            Image.new("RGB", SIZE_PX, (level,) * 3).save(tmp_path / "m" / "s" / light / f"{frame:05d}.png")
    pair = everything(tmp_path, frames=2).draw(0)
    levels = {"black": -1.0, "white": 1.0}
    assert np.all(pair.source == levels[pair.lights[0]])
    assert np.all(pair.target == levels[pair.lights[1]])


def test_a_pair_follows_from_seed_and_index(root):
    first, again, other = everything(root, seed=1), everything(root, seed=1), everything(root, seed=2)
    pairs = [first.draw(index) for index in range(12)]
    for index in reversed(range(12)):
        same = again.draw(index)
        assert (same.scene, same.lights, same.frames) == (
            pairs[index].scene,
            pairs[index].lights,
            pairs[index].frames,
        )
        np.testing.assert_array_equal(same.source, pairs[index].source)
    assert len({(p.scene, p.lights, p.frames) for p in pairs}) > 6
    assert [other.draw(i).frames for i in range(12)] != [p.frames for p in pairs]


def test_one_clip_in_five_runs_backwards(root):
    data = everything(root)
    backwards = sum(frames[0] > frames[-1] for frames in (data.draw(i).frames for i in range(300)))
    assert 0.13 < backwards / 300 < 0.27


def test_frames_are_resized_whole(root):
    pair = everything(root, size_px=(64, 12)).draw(0)
    assert pair.source.shape == (3, 3, 12, 64)
    whole = everything(root).draw(0)
    np.testing.assert_allclose(pair.source.mean((2, 3)), whole.source.mean((2, 3)), atol=0.02)
    left, right = whole.source[:, :, :, :4].mean(), whole.source[:, :, :, -4:].mean()
    assert pair.source[:, :, :, :8].mean() == pytest.approx(left, abs=0.1)
    assert pair.source[:, :, :, -8:].mean() == pytest.approx(right, abs=0.1)


def test_still_clips_are_drawn_again(tmp_path):
    for number in range(3):
        for light in ("a", "b"):
            record(tmp_path / "m" / f"still{number}", light, speed=0)
    for light in ("a", "b"):
        record(tmp_path / "m" / "moving", light)
    data = everything(tmp_path)
    drawn = [data.draw(index).scene for index in range(60)]
    # Still for eleven draws in a row: 0.75**11, 4 % of them; drawn once it would be 75 %.
    assert drawn.count("m/moving") >= 50


def test_where_all_is_still_a_clip_is_taken_in_the_end(tmp_path, monkeypatch):
    for light in ("a", "b"):
        record(tmp_path / "m" / "s", light, speed=0)
    judged = []
    monkeypatch.setattr("relumix.dataset.carla.clips.ssim", lambda *ends: judged.append(ends) or 0.95)
    assert everything(tmp_path).draw(3).source.shape == (3, 3, 24, 32)
    assert len(judged) == 11


@given(st.text("abcXYZ019_/", min_size=1))
def test_a_larger_held_out_share_only_adds_scenes(name):
    assert {split_of(name, 0.0), split_of(name, 1.0)} == {"train", "validation"}
    if split_of(name, 0.1) == "validation":
        assert split_of(name, 0.3) == "validation"


def test_splits_share_the_scenes_evenly():
    names = [f"Town{town:02d}/scene_{scene:04d}" for town in range(10) for scene in range(200)]
    held_out = [name for name in names if split_of(name, 0.1) == "validation"]
    assert 160 < len(held_out) < 240
    # The split is part of what a trained model means: it may never change.
    assert held_out[:3] == ["Town00/scene_0020", "Town00/scene_0025", "Town00/scene_0027"]


def test_splits_do_not_leak_and_more_scenes_move_none(tmp_path):
    def scenes(split):
        data = everything(tmp_path, split=split, held_out=0.4)
        return {data.draw(index).scene for index in range(60)}

    for number in range(8):
        for light in ("a", "b"):
            record(tmp_path / "m" / f"s{number}", light, frames=3)
    before = scenes("train"), scenes("validation")
    assert not before[0] & before[1]
    assert len(before[0] | before[1]) == 8
    for number in range(8, 12):
        for light in ("a", "b"):
            record(tmp_path / "a_town" / f"s{number}", light, frames=3)
    after = scenes("train"), scenes("validation")
    assert before[0] <= after[0]
    assert before[1] <= after[1]
    assert not after[0] & after[1]


def test_what_cannot_be_used_is_named(root):
    town = root / "Town01"
    (town / "s0" / "ClearNoon" / "00003.png").unlink()
    (town / "s1" / "ClearNight" / "00000.png").write_bytes(b"no picture")
    (town / "s2" / "Empty").mkdir()
    record(town / "s2", "Short", frames=5)
    record(town / "s2", "Small", size=(16, 12))
    record(town / "s4", "ClearNoon")
    for light in ("a", "b"):
        record(town / "s5", light, frames=2)
    (town / "s6").mkdir()
    grey = record(town / "s6", "Grey")
    Image.open(grey / "00000.png").convert("L").save(grey / "00000.png")
    (town / "s3" / ".HardRainNoon.unfinished").mkdir()
    data = everything(root)
    assert len(data) == 4
    assert [str(skipped).removeprefix(f"{town}/") for skipped in data.skipped] == [
        "s0/ClearNoon: frame 00003 is missing",
        f"s1/ClearNight: {town}/s1/ClearNight/00000.png cannot be read: it is no image or damaged; "
        "record that light again",
        "s2/Empty: no frames",
        "s2/Short: has 5 frames of 32x24, the scene 8 frames of 32x24",
        "s2/Small: has 8 frames of 16x12, the scene 8 frames of 32x24",
        "s4: only 1 usable light",
        "s5: only 2 frames, fewer than a clip of 3",
        f"s6/Grey: {town}/s6/Grey/00000.png holds L pixels, expected 8-bit RGB; record that light again",
        "s6: only 0 usable lights",
    ]
    used = {(pair.scene, light) for pair in map(data.draw, range(100)) for light in pair.lights}
    assert ("Town01/s0", "ClearNoon") not in used
    assert ("Town01/s2", "Small") not in used
    assert len(used) == 2 + 2 + 3 + 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:90]), "cannot be read: it is no image or damaged"),
        (lambda path: path.write_bytes(b""), "cannot be read: it is no image or damaged"),
        (lambda path: path.unlink(), "cannot be read: there is no such file"),
        (lambda path: Image.new("RGB", (31, 24)).save(path), "is 31x24, expected 32x24 as in its scene"),
        (lambda path: Image.new("I;16", SIZE_PX).save(path), "holds I;16 pixels, expected 8-bit RGB"),
    ],
)
def test_a_bad_frame_is_named_when_it_is_drawn(tmp_path, damage, said):
    for light in ("a", "b"):
        record(tmp_path / "m" / "s", light, frames=3)
    data = everything(tmp_path)
    path = tmp_path / "m" / "s" / "b" / "00001.png"
    damage(path)
    with pytest.raises(InputError) as caught:
        data.draw(0)
    assert str(caught.value) == f"{path} {said}; record that light again"


@given(st.integers(8, 2000), st.integers(0, 255))
def test_a_damaged_frame_is_read_or_named(tmp_path_factory, place, value):
    folder = tmp_path_factory.mktemp("data")
    for light in ("a", "b"):
        record(folder / "m" / "s", light, frames=2)
    data = everything(folder, frames=2)
    path = folder / "m" / "s" / "a" / "00001.png"
    damaged = bytearray(path.read_bytes())
    damaged[place % len(damaged)] = value
    path.write_bytes(damaged)
    try:
        assert np.isfinite(data.draw(0).source).all()
    except InputError as error:
        assert str(path) in str(error)


def test_nothing_to_draw_from_is_said(tmp_path):
    with pytest.raises(InputError, match=r"nowhere is no folder: expected CARLA Relight, map/scene/light/00000\.png$"):
        everything(tmp_path / "nowhere")
    record(tmp_path / "m" / "s", "a")
    with pytest.raises(InputError) as caught:
        everything(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} has no scene to draw train clips from: 1 scenes were found as map/scene/light/00000.png, "
        f"1 of them are in this split; first of 1 skipped: {tmp_path}/m/s: only 1 usable light"
    )
    with pytest.raises(InputError, match=r"1 scenes were found as .*, 0 of them are in this split$"):
        everything(tmp_path, split="validation")
    with pytest.raises(InputError, match=r"clips of 1 frames of 32x24: expected at least 2 frames of 11x11"):
        everything(tmp_path, frames=1)
