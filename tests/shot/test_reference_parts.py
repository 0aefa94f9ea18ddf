"""Weights and mattes of single references."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import relumix
from relumix.errors import InputError
from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.settings import Settings
from relumix.shot.reference_parts import Part, given_parts, part_of
from tests.shot.files import light, plain
from tests.synthetic import make_shot


@given(st.floats(0, 1, width=32), st.integers(0, 2**32 - 1))
def test_a_share_of_a_reference(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plate, relit = rng.random((2, 4, 5, 3), np.float32)
    rgb, known = part_of(plate, relit, np.ones((4, 5), np.bool_), share)
    assert known.all()
    np.testing.assert_allclose(rgb, plate * (1 - share) + relit * share, atol=1e-6)
    if share in (0, 1):
        np.testing.assert_array_equal(rgb, relit if share else plate)


def test_what_is_not_known_or_not_finite() -> None:
    plate, relit = np.ones((1, 4, 3), np.float32), np.full((1, 4, 3), 3, np.float32)
    plate[0, 0], relit[0, 1] = np.nan, 0
    known = np.array([[True, False, True, True]])
    rgb, sound = part_of(plate, relit, known, np.float32([[0.5, 0, 0, 1]]))
    assert sound.tolist() == [[False, True, True, True]]
    assert rgb[0, :, 0].tolist() == [0, 1, 1, 3]
    assert part_of(plate, relit, known, 1.0)[1].tolist() == known.tolist()


def test_they_are_named_by_frame(tmp_path: Path) -> None:
    matte = tmp_path / "a=b.exr"
    matte.touch()
    found = given_parts([f"1001={matte}"], ["1003=0.25", "-2=0", "1001=1"], {1001, 1003, -2})
    assert found == {-2: Part(0.0), 1001: Part(1.0, matte), 1003: Part(0.25)}


@pytest.mark.parametrize(
    ("masks", "weights", "sentence"),
    [
        ([], ["0.5"], "reference weight is '0.5': expected a frame and what counts there, like 1001=0.5"),
        ([], ["1001=2"], "reference weight is 1001=2: expected a number from 0 (no light of it) to 1 (all of it)"),
        (
            [],
            ["1001=much"],
            "reference weight is 1001=much: expected a number from 0 (no light of it)",
        ),
        ([], ["1001=1", "1001=0"], "frame 1001 has two of reference weight: keep one of them"),
        ([], ["7=1"], "reference weight 7=1 is for frame 7, which has no reference: expected one of 1001"),
        (["1001=none.exr"], [], "reference mask 1001=none.exr: there is no file none.exr"),
    ],
)
def test_what_is_none(masks: list[str], weights: list[str], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        given_parts(masks, weights, {1001})
    assert str(error.value).startswith(sentence)


def test_a_job_with_them(tmp_path: Path) -> None:
    made = make_shot(size=(96, 64), frames=range(1001, 1004))
    matte = np.zeros((64, 96, 1), np.float32)
    matte[:, 48:] = 1
    plain(tmp_path / "matte.exr", matte, "Y")
    for frame, pixels in made.plate.items():
        plain(tmp_path / f"plate/p.{frame}.exr", pixels)
        plain(tmp_path / f"relit.{frame}.exr", pixels * 3)

    def frames(**settings: tuple[str, ...]) -> dict[int, np.ndarray]:
        reference = {1001: tmp_path / "relit.1001.exr"}
        relumix.relight(tmp_path / "plate", reference, tmp_path / "out", Settings(**settings))  # type: ignore[arg-type]
        return {frame: light(tmp_path / f"out/p.{frame}.exr") for frame in made.plate}

    plate = {frame: light(tmp_path / f"plate/p.{frame}.exr") for frame in made.plate}
    whole = frames()
    first = stored_fingerprint(tmp_path / "out/p.1002.exr")
    half = frames(reference_weights=("1001=0.5",))
    assert stored_fingerprint(tmp_path / "out/p.1002.exr") != first
    for frame, pixels in plate.items():
        np.testing.assert_allclose(whole[frame], pixels * 3, rtol=2e-3)
        np.testing.assert_allclose(half[frame], pixels * 2, rtol=2e-3)
    part = frames(reference_masks=(f"1001={tmp_path / 'matte.exr'}",))
    np.testing.assert_array_equal(part[1001][:, :48], plate[1001][:, :48])
    np.testing.assert_array_equal(part[1001][:, 48:], light(tmp_path / "relit.1001.exr")[:, 48:])
    np.testing.assert_allclose(part[1003][:, :40], plate[1003][:, :40], rtol=0.05, atol=0.01)
    plain(tmp_path / "matte.exr", 1 - matte, "Y")
    assert not np.allclose(frames(reference_masks=(f"1001={tmp_path / 'matte.exr'}",))[1001], part[1001])


def test_arrays_take_what_the_command_takes(tmp_path: Path) -> None:
    shot = make_shot(size=(160, 96), frames=range(1001, 1005))
    plate = {frame: pixels.astype(np.float16).astype(np.float32) for frame, pixels in shot.plate.items()}
    relit = {1001: plate[1001] * np.float32(4), 1004: np.roll(plate[1004], 3, axis=1) * np.float32(2)}
    matte = np.zeros((96, 160), np.float32)
    matte[:, 80:], matte[:, 70:80] = 1, 0.5
    (tmp_path / "plate").mkdir()
    for frame, pixels in plate.items():
        plain(tmp_path / f"plate/p.{frame}.exr", pixels)
    for frame, pixels in relit.items():
        plain(tmp_path / f"relit.{frame}.exr", pixels)
    plain(tmp_path / "matte.exr", matte[..., None], "Y")
    parts = {"reference_weights": ("1001=0.5",), "reference_masks": (f"1004={tmp_path / 'matte.exr'}",)}
    settings = Settings(**parts, bits="float", align=True)
    given = {frame: tmp_path / f"relit.{frame}.exr" for frame in relit}
    relumix.relight(tmp_path / "plate", given, tmp_path / "out", settings)
    made = relumix.relit(
        plate, relit, Settings(align=True), reference_masks={1004: matte}, reference_weights={1001: 0.5}
    )
    for frame in made:
        np.testing.assert_array_equal(frame.pixels, light(tmp_path / f"out/p.{frame.frame}.exr"))


def test_parts_of_arrays_that_do_not_fit() -> None:
    shot = make_shot(size=(32, 24), frames=range(1, 3))

    def refused(**parts: object) -> str:
        with pytest.raises(InputError) as caught:
            list(relumix.relit(shot.plate, {1: shot.truth[1]}, **parts))  # type: ignore[arg-type]
        return str(caught.value)

    assert refused(reference_weights={2: 0.5}) == (
        "there is a reference weight for frame 2, which has no reference: expected one of 1"
    )
    assert refused(reference_weights={1: 1.5}) == (
        "the weight of the reference for frame 1 is 1.5: expected a number from 0 (no light of it) to 1 (all of it)"
    )
    assert refused(reference_masks={1: np.ones((24, 31))}) == (
        "the mask of the reference for frame 1 has shape (24, 31): expected (24, 32)"
    )
