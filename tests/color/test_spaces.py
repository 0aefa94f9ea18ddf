import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.color.spaces import WorkingSpace, primaries_name, reference_space, working_space
from relumix.errors import InputError

REC709 = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"


@pytest.mark.parametrize(
    ("name", "source", "linear"),
    [
        (None, None, None),
        ("ACEScg", "ACEScg", "ACEScg"),
        ("lin_rec709", REC709, REC709),
        ("linear", REC709, REC709),
        ("scene_linear", "ACEScg", "ACEScg"),
        ("sRGB", SRGB, REC709),
        ("srgb_texture", SRGB, REC709),
        ("ACEScct", "ACEScct", "ACEScg"),
        ("srgb_p3d65_scene", "sRGB Encoded P3-D65", "Linear P3-D65"),
        ("g22_ap1", "Gamma 2.2 Encoded AP1", "ACEScg"),
    ],
)
def test_what_is_worked_in(
    monkeypatch: pytest.MonkeyPatch, name: str | None, source: str | None, linear: str | None
) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert working_space(name) == WorkingSpace(source, linear)


def test_unknown_names_get_suggestions() -> None:
    with pytest.raises(InputError) as caught:
        working_space("acesgc")
    assert str(caught.value).startswith("unknown colour space 'acesgc': did you mean ACEScg")
    with pytest.raises(InputError, match="unknown colour space 'zzzz': expected one of "):
        working_space("zzzz")


def test_data_is_no_light() -> None:
    with pytest.raises(InputError) as caught:
        working_space("Raw")
    assert str(caught.value) == "colour space 'Raw' is for data, not for light: name the one that the files are in"


def test_linear_values_are_not_touched() -> None:
    rgb = np.array([[[np.nan, 1e6, -3]]], np.float32)
    assert working_space("ACEScg").to_linear(rgb) is rgb
    assert working_space(None).to_linear(rgb) is rgb


@given(st.floats(0.0, 1.0))
def test_srgb_is_decoded_as_its_standard_says(code: float) -> None:
    expected = code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4
    decoded = WorkingSpace(SRGB, REC709).to_linear(np.full((2, 2, 3), code, np.float32))
    assert decoded == pytest.approx(expected, abs=5e-5)


def test_colour_is_divided_by_alpha_to_be_decoded() -> None:
    straight, alpha = np.float32(0.5), np.full((2, 2), 0.25, np.float32)
    decoded = working_space("sRGB").to_linear(np.full((2, 2, 3), straight * 0.25, np.float32), alpha)
    assert decoded == pytest.approx(0.2140411 * 0.25, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "whole", "plate", "expected"),
    [
        (None, False, None, WorkingSpace(None, None)),
        (None, True, None, WorkingSpace(SRGB, REC709)),
        (None, True, "ACEScg", WorkingSpace(SRGB, "ACEScg")),
        (None, False, "ACEScct", WorkingSpace("ACEScct", "ACEScg")),
        ("lin_rec709", False, "ACEScg", WorkingSpace(REC709, "ACEScg")),
        ("ACEScg", False, None, WorkingSpace("ACEScg", "ACEScg")),
        ("sRGB", False, None, WorkingSpace(SRGB, REC709)),
    ],
)
def test_how_a_reference_is_decoded(name: str | None, whole: bool, plate: str | None, expected: WorkingSpace) -> None:
    assert reference_space(name, whole, working_space(plate)) == expected


def test_primaries() -> None:
    assert primaries_name((0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)) == "ACEScg"
    assert primaries_name((0.6,) * 8) is None
    space = working_space("ACEScct")
    assert space.interop_id == "lin_ap1_scene"
    assert space.chromaticities == pytest.approx((0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767), abs=1e-4)
    assert working_space(None).interop_id == ""
    assert working_space(None).chromaticities is None


STUDIO = """\
ocio_profile_version: 2
roles: {scene_linear: lin, default: lin}
file_rules: [!<Rule> {name: Default, colorspace: lin}]
displays: {d: [!<View> {name: v, colorspace: lin}]}
colorspaces: [!<ColorSpace> {name: lin}]
"""


def in_config(path: Path | str, code: str) -> str:
    """What Python code says with a configuration in $OCIO, which OpenImageIO reads once."""
    start = "from relumix.color.spaces import *; import numpy as np; plate = working_space(None); "
    done = subprocess.run(
        [sys.executable, "-c", start + code], env={**os.environ, "OCIO": str(path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return (done.stdout or done.stderr.splitlines()[-1]).strip()


@pytest.mark.parametrize("config", ["", "none", "garbage", "studio"])
def test_8_bit_references_of_a_plate_without_a_name_need_nothing_of_ocio(tmp_path: Path, config: str) -> None:
    (tmp_path / "garbage").write_text("colorspaces: [")
    (tmp_path / "studio").write_text(STUDIO)
    half = "print(round(float(reference_space(None, True, plate).to_linear(np.full((1, 1, 3), 0.5, 'f4')).max()), 5))"
    assert in_config(tmp_path / config if config else "", half) == "0.21404"


def test_a_configuration_that_cannot_be_read_is_said_where_a_name_is_looked_up(tmp_path: Path) -> None:
    said = in_config(tmp_path / "none", "working_space('ACEScg')")
    assert said.startswith("relumix.errors.InputError: the configuration in $OCIO cannot be read: ")
    assert str(tmp_path / "none") in said


def test_a_studio_that_has_no_srgb_is_asked_what_its_references_are(tmp_path: Path) -> None:
    (tmp_path / "studio").write_text(STUDIO)
    assert in_config(tmp_path / "studio", "reference_space(None, True, working_space('lin'))") == (
        "relumix.errors.InputError: unknown colour space 'sRGB': expected one of lin, default, scene_linear; say with "
        "--reference-colorspace what colour references are"
    )
