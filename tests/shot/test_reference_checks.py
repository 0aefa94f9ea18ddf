"""References that do not fit: what is said of each distortion, and that nothing is said of one that fits."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from relumix.errors import InputError
from relumix.settings import Settings
from relumix.shot.source import PlateSource
from relumix.types import Float32
from tests.shot.files import light, plain

HEIGHT, WIDTH = 180, 320


def texture(seed: int, width: int = 420) -> Float32:
    rng, total = np.random.default_rng(seed), np.zeros((HEIGHT, width, 3), np.float32)
    for size in (2, 4, 8, 16, 32):
        noise = rng.random((HEIGHT // size + 2, width // size + 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, HEIGHT), interpolation=cv2.INTER_CUBIC) * size**0.4
    total -= total.min()
    return np.asarray(0.02 + 0.6 * (total / total.max()) ** 2.5, np.float32)


WORLD = texture(1)
PLATE = {1001 + i: np.ascontiguousarray(WORLD[:, 6 * i : 6 * i + WIDTH]) for i in range(8)}


def relit(frame: int = 1001) -> Float32:
    """A warm pool of light, and a shadow with a hard edge."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    pool = np.exp(-((x - 120) ** 2 + (y - 90) ** 2) / 2500)
    return PLATE[frame] * np.dstack([0.3 + pool, 0.2 + 0.7 * pool, np.where(x < 200, 0.3, 0.1)]).astype(np.float32)


def moved(pixels: Float32, x: float = 0, y: float = 0, scale: float = 1) -> Float32:
    height, width = pixels.shape[:2]
    matrix = np.float32([[scale, 0, x + (1 - scale) * width / 2], [0, scale, y + (1 - scale) * height / 2]])
    done = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.maximum(np.asarray(done, np.float32), 0)


def srgb(values: Float32) -> Float32:
    curve = 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055
    return np.asarray(np.clip(np.where(values <= 0.0031308, 12.92 * values, curve), 0, 1), np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for frame, pixels in PLATE.items():
        plain(tmp_path / f"plate/p.{frame}.exr", pixels)
    return tmp_path


def said(folder: Path, pixels: Float32, frame: int = 1001, **settings: object) -> list[str]:
    plain(folder / "relit.exr", pixels)
    source = PlateSource.find(folder / "plate", {frame: folder / "relit.exr"}, Settings(**settings))  # type: ignore[arg-type]
    return [line.replace(f"{folder}/", "") for line in source.warnings]


def test_nothing_is_said_of_what_fits(folder: Path) -> None:
    assert said(folder, relit()) == []
    assert said(folder, relit(1004), 1004) == []
    assert said(folder, PLATE[1001]) == []
    assert said(folder, PLATE[1001] * 20) == []


@pytest.mark.parametrize(
    ("x", "y", "scale"), [(3, -1.5, 1.0), (-12, 7, 1.0), (0, 0, 1.03)], ids=["a little", "far", "scaled"]
)
def test_one_that_lies_beside_its_plate(folder: Path, x: float, y: float, scale: float) -> None:
    (line,) = said(folder, moved(relit(), x, y, scale))
    scaled = "scaled by ([0-9.]+) and " if scale != 1 else ""
    words = rf"reference relit.exr is {scaled}shifted by (\S+), (\S+) pixels against frame 1001: --align moves it back"
    match = re.fullmatch(words, line)
    assert match, line
    *factor, right, down = map(float, match.groups())
    assert (right, down) == pytest.approx((x, y), abs=0.25)
    assert factor == pytest.approx([scale] if scaled else [], abs=0.003)


@pytest.mark.parametrize(("x", "y", "scale"), [(3, -1.5, 1), (-12, 7, 1), (0, 0, 1.03)])
def test_align_moves_it_back(folder: Path, x: float, y: float, scale: float) -> None:
    assert said(folder, moved(relit(), x, y, scale), align=True) == []
    source = PlateSource.find(folder / "plate", {1001: folder / "relit.exr"}, Settings(align=True))
    picture = source.read(1001)
    rgb, known = source.read_reference(1001, picture)
    inner = np.s_[20:-20, 20:-20]
    before = np.abs(light(folder / "relit.exr") - relit())[inner].mean()
    assert known[inner].all()
    assert np.abs(rgb - relit())[inner].mean() < 0.25 * before


def test_align_leaves_what_fits_alone(folder: Path) -> None:
    plain(folder / "relit.exr", relit())
    pixels = []
    for align in (False, True):
        source = PlateSource.find(folder / "plate", {1001: folder / "relit.exr"}, Settings(align=align))
        pixels.append(source.read_reference(1001, source.read(1001))[0])
    np.testing.assert_array_equal(*pixels)


def test_one_of_another_frame(folder: Path) -> None:
    assert said(folder, relit(1003)) == [
        "reference relit.exr was given for frame 1001, and fits frame 1003 better: check the number"
    ]


def test_one_of_another_shot(folder: Path) -> None:
    other = np.ascontiguousarray(texture(9)[:, :WIDTH])
    assert said(folder, other) == ["reference relit.exr shows nothing of frame 1001: check the file and the number"]


def test_nothing_is_said_of_a_plate_that_shows_too_little_to_be_known(tmp_path: Path) -> None:
    y, x = np.mgrid[:48, :64].astype(np.float32)
    bands = np.dstack([x / 80 + 0.1, y / 60 + 0.1, (x + y) % 32 / 40 + 0.1]) ** 2.4
    for pixels in (bands, bands * np.float32([0.5, 0.3, 0.2])):
        plain(tmp_path / "plate/p.1001.exr", bands)
        assert said(tmp_path, pixels) == []


def test_one_that_is_coded_for_a_display(folder: Path) -> None:
    (line,) = said(folder, srgb(relit() * 2))
    assert line.startswith("reference relit.exr looks display-referred, as sRGB is, where the plate is linear: say ")
    assert said(folder, srgb(relit() * 2), reference_colorspace="sRGB Encoded Rec.709 (sRGB)") == []


def test_a_crop_at_the_plates_size(folder: Path) -> None:
    crop = cv2.resize(relit()[40:130, 80:240], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    (line,) = said(folder, np.maximum(crop, 0))
    assert line.startswith("reference relit.exr shows about the 1")
    assert line.endswith("of frame 1001, scaled to all of it: give the whole frame, or that part where it lies")


def test_a_crop_of_the_plates_shape_is_refused_unless_it_is_meant(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        said(folder, relit()[:90, :160])
    assert str(error.value).replace(f"{folder}/", "") == (
        "reference relit.exr is 160x90 and shows about the 160x90 pixels from 0, 0 of frame 1001, not all of it: give "
        "it with the plate's size, or take it for the whole frame with --fit"
    )
    assert any("shows" in line for line in said(folder, relit()[:90, :160], fit=True))


def test_half_and_double_are_fitted(folder: Path) -> None:
    for size in ((160, 90), (640, 360)):
        scaled = cv2.resize(relit(), size, interpolation=cv2.INTER_AREA if size[0] < WIDTH else cv2.INTER_CUBIC)
        name = f"{size[0]}x{size[1]}"
        lines = said(folder, np.maximum(scaled, 0))
        assert lines == [f"fitted to the plate's 320x180: relit.exr ({name}) (--fit leaves this line out)"]
        assert said(folder, np.maximum(scaled, 0), fit=True) == []


def model(how: str) -> Float32:
    """512x320, as an image model takes it, of 320x180."""
    if how == "stretched":
        made = cv2.resize(relit(), (512, 320), interpolation=cv2.INTER_CUBIC)
    elif how == "cropped":
        made = cv2.resize(relit()[:, 16:304], (512, 320), interpolation=cv2.INTER_CUBIC)
    else:
        made = np.zeros((320, 512, 3), np.float32)
        made[16:304] = cv2.resize(relit(), (512, 288), interpolation=cv2.INTER_CUBIC)
    return np.maximum(np.asarray(made, np.float32), 0)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("stretched", "all of it, stretched"),
        ("cropped", "the 288x180 pixels in the middle of it"),
        ("padded", "all of it, with bars around 512x288 pixels"),
    ],
)
def test_a_models_size_is_fitted_by_what_it_shows(folder: Path, how: str, words: str) -> None:
    lines = said(folder, model(how))
    assert lines[1:] == [f"reference relit.exr has another shape than frame 1001: by what it shows it is {words}"]
    source = PlateSource.find(folder / "plate", {1001: folder / "relit.exr"}, Settings())
    rgb, known = source.read_reference(1001, source.read(1001))
    inner = np.s_[10:-10, 24:-24]
    assert known[inner].all()
    assert np.abs(rgb - relit())[inner].mean() < 0.01
    assert known[:, :8].any() == (how != "cropped")


def disc(radius: float) -> Float32:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.asarray(np.hypot(x - 160, y - 90) < radius, np.float32)[..., None]


def test_the_hard_edge_of_a_matte(folder: Path) -> None:
    line = "the light of reference relit.exr ends at a hard edge where the plate has none: soften the edge of its matte"
    assert said(folder, PLATE[1001] * (1 + 2 * disc(50))) == [line]
    soft = cv2.GaussianBlur(disc(50), (0, 0), 12)[..., None]
    assert said(folder, PLATE[1001] * (1 + 2 * soft)) == []


def test_the_hard_edge_of_a_matte_whose_light_is_in_places_near_the_plates_own(folder: Path) -> None:
    x = np.arange(WIDTH, dtype=np.float32)[None, :, None]
    near = PLATE[1001] * np.where(np.abs(x - 160) < 100, 1.15, 1.8).astype(np.float32)  # 0.2 and 0.8 stops
    below = np.arange(HEIGHT)[:, None, None] >= 90
    assert len(said(folder, np.where(below, near, PLATE[1001]))) == 1
    faint = PLATE[1001] * np.float32(1.15)
    assert said(folder, np.where(below, faint, PLATE[1001])) == []


def test_the_hard_edge_of_a_paint_over_is_what_its_alpha_says(folder: Path) -> None:
    painted = np.dstack([PLATE[1001] * 3, np.ones((HEIGHT, WIDTH, 1), np.float32)]) * disc(50)
    plain(folder / "relit.exr", painted, "RGBA")
    source = PlateSource.find(folder / "plate", {1001: folder / "relit.exr"}, Settings())
    assert source.warnings == (
        f"the alpha of {folder / 'relit.exr'} says where it is painted: where it is 0 the plate keeps its light",
    )


def test_other_content(folder: Path) -> None:
    changed = relit()
    changed[40:140, 100:240] = texture(5)[:100, :140]
    (line,) = said(folder, changed)
    assert line.startswith("reference relit.exr shows something else than frame 1001 in the ")
    assert line.endswith("carried as if it were light; paint it out, or leave it out with --reference-mask")


@pytest.mark.parametrize("seed", range(5, 11))
def test_a_tenth_of_other_content(folder: Path, seed: int) -> None:
    changed = relit()
    changed[60:130, 130:212] = texture(seed)[:70, :82]
    (line,) = said(folder, changed)
    assert line.startswith("reference relit.exr shows something else than frame 1001 in the ")


@pytest.mark.parametrize(
    ("source", "relit_folder"),
    [("exterior/source", "exterior/golden_hour"), ("turntable/source", "turntable/side_rim"),
     ("turntable/source", "turntable/warm_top")],
)  # fmt: skip
def test_nothing_is_said_of_the_references_of_the_plates(shared: Path, source: str, relit_folder: str) -> None:
    plates = shared / "plates"
    found = PlateSource.find(plates / source, {None: str(plates / relit_folder)}, Settings())
    assert found.warnings == ()
    assert found.with_cuts().cuts == ()


def test_nothing_is_said_of_the_example(folder: Path) -> None:
    shot = Path(__file__).parents[2] / "examples/shot"
    found = PlateSource.find(shot / "plate", {None: str(shot / "truth")}, Settings())
    assert found.warnings == ()
    assert found.with_cuts().cuts == ()


@pytest.mark.parametrize("name", ["beachball", "multipart"])
def test_real_plates_have_no_cuts(shared: Path, name: str, tmp_path: Path) -> None:
    plate = shared / "plates" / name
    first = sorted(plate.glob("*.exr"))[0]
    found = PlateSource.find(plate, {None: str(first)}, Settings())
    assert found.with_cuts().cuts == ()
