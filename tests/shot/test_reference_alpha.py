from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relumix.shot import Plate, Sequence, read_reference
from tests.shot import files

DISC = np.zeros((16, 20), np.float32)
DISC[4:12, 4:12] = 1
TEXTURE = np.random.default_rng(5).uniform(0.1, 0.9, (16, 20, 3)).astype(np.float32)
CODES = np.uint8(TEXTURE * 200)


def texture_plate(tmp_path: Path, alpha: Any = None, **choice: Any) -> Plate:
    pixels = TEXTURE if alpha is None else np.dstack([TEXTURE, alpha])
    return Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", pixels)), **choice)


def test_a_roto_matte_in_plate_and_reference_is_no_paint(tmp_path: Path) -> None:
    """The reference carries the plate's matte, in EXR and in PNG, whose colour is straight."""
    plate = texture_plate(tmp_path, DISC)
    picture = plate.read(1)
    assert picture.alpha is None
    assert picture.matte is not None
    exr = files.plain(tmp_path / "r.exr", np.dstack([TEXTURE * 2, DISC]))
    png = files.plain(tmp_path / "r.png", np.dstack([CODES, np.uint8(DISC * 255)]), oiio__UnassociatedAlpha=1)
    bare = files.plain(tmp_path / "bare.png", CODES)
    assert np.array_equal(read_reference(exr, picture, plate=plate)[0], TEXTURE * 2)
    assert np.array_equal(read_reference(png, picture, plate=plate)[0], read_reference(bare, picture, plate=plate)[0])


def test_a_paint_over_of_a_plate_with_a_matte_is_one(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path, DISC)
    picture = plate.read(1)
    paint = np.zeros((16, 20, 4), np.float32)
    paint[:, :5] = [3, 3, 3, 1]
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", paint), picture, plate=plate)
    assert known.all()
    assert (rgb[:, :5] == 3).all()
    assert np.array_equal(rgb[:, 5:], TEXTURE[:, 5:])


def test_light_added_in_a_paint_over_is_added_to_the_plate(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path)
    paint = np.zeros((16, 20, 4), np.float32)
    paint[:, :5] = [3, 3, 3, 1]
    paint[2:6, 12:16, :3] = 0.5
    rgb, _ = read_reference(files.plain(tmp_path / "r.exr", paint), plate.read(1), plate=plate)
    assert rgb[2:6, 12:16] == pytest.approx(TEXTURE[2:6, 12:16] + 0.5)
    assert np.array_equal(rgb[8:, 5:], TEXTURE[8:, 5:])


@pytest.mark.parametrize("covered", [0.0, 0.1])
def test_fire_in_plate_and_reference_is_all_of_the_reference(tmp_path: Path, covered: float) -> None:
    flame = np.zeros((16, 20), np.float32)
    flame[2:14, 13:18] = 1
    fire = TEXTURE * np.maximum(DISC, flame)[..., None]
    alpha = np.maximum(DISC, covered * flame)
    path = files.plain(tmp_path / "a.1.exr", np.dstack([fire, alpha]))
    plate = Plate(Sequence.find(path))
    assert plate.read(1).alpha is None
    relit = files.plain(tmp_path / "r.exr", np.dstack([fire * 2, alpha]))
    assert np.array_equal(read_reference(relit, plate.read(1), plate=plate)[0], fire * 2)


@pytest.mark.parametrize("size", [(16, 20), (32, 40)])
def test_the_plates_own_matte_is_told_from_paint_by_where_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    """Fire that is brighter than its alpha in the plate alone: the reference made it dark."""
    flame = np.zeros((16, 20), np.float32)
    flame[2:14, 13:18] = 0.1
    alpha, fire = np.maximum(DISC, flame), TEXTURE * np.maximum(DISC, 10 * flame)[..., None]
    plate = Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", np.dstack([fire, alpha]))))
    picture = plate.read(1)
    assert picture.matte is not None
    scale = size[0] // 16
    dark = np.kron(np.dstack([fire * (1 - 0.95 * (flame > 0))[..., None], alpha]), np.ones((scale, scale, 1)))
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", dark.astype(np.float32)), picture, plate=plate)
    assert known.all()
    assert rgb == pytest.approx(dark[::scale, ::scale, :3], abs=1e-5)
    # With another alpha it is painted where that says so.
    dark[:, : 3 * scale, 3] = 1
    painted, _ = read_reference(files.plain(tmp_path / "r.exr", dark.astype(np.float32)), picture, plate=plate)
    assert painted[8, 15] == pytest.approx(fire[8, 15] * (0.05 + 0.9), abs=1e-5)


def test_a_transparent_reference_never_makes_the_shot_black(tmp_path: Path) -> None:
    bare = files.plain(tmp_path / "bare.png", CODES)
    for alpha in (0, 1):  # One step of 8 bits is nothing painted either.
        plate = texture_plate(tmp_path, DISC * alpha)
        picture = plate.read(1)
        codes = np.dstack([CODES, np.full((16, 20), alpha, np.uint8)])
        png = files.plain(tmp_path / "r.png", codes, oiio__UnassociatedAlpha=1)
        expected = read_reference(bare, picture, plate=plate)[0]
        assert np.array_equal(read_reference(png, picture, plate=plate)[0], expected)


def test_premult_says_what_alpha_is(tmp_path: Path) -> None:
    relit = np.dstack([TEXTURE * 2, DISC])
    path = files.plain(tmp_path / "r.exr", relit)
    for premult in ("auto", "no"):
        plate = texture_plate(tmp_path, premult=premult)
        assert np.array_equal(read_reference(path, plate.read(1), plate=plate)[0], TEXTURE * 2)
    plate = texture_plate(tmp_path, premult="yes")
    rgb, _ = read_reference(path, plate.read(1), plate=plate)
    assert rgb == pytest.approx(TEXTURE * 2 + TEXTURE * (1 - DISC)[..., None])
    blank = files.plain(tmp_path / "blank.exr", np.dstack([TEXTURE, 0 * DISC]))
    assert files.reference_error(blank, plate.read(1), plate) == (
        f"reference {blank} is transparent everywhere: expected a relit frame"
    )


def test_a_reference_of_several_parts(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path)

    def parts(*names: str) -> Path:
        shown = {"C": TEXTURE * 2, "beauty": TEXTURE * 3}
        written = [(files.spec_of(TEXTURE, oiio__subimagename=name), [shown.get(name, TEXTURE)]) for name in names]
        return files.by_oiio(tmp_path / "r.exr", written)

    assert np.array_equal(read_reference(parts("N", "C"), plate.read(1), plate=plate)[0], TEXTURE * 2)
    asked = f"reference {tmp_path}/r.exr does not say which layer is the picture; choose with --layer: "
    assert files.reference_error(parts("N", "C", "beauty"), plate.read(1), plate) == f"{asked}N, C, beauty"
