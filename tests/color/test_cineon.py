import numpy as np
import pytest

from relumix.color import cineon
from relumix.color.spaces import working_space


def test_codes_of_film():
    codes = np.array([95, 470, 685], np.float32) / 1023
    # Kodak's numbers: 95 is black, 685 white; 470, the grey card, is 0.18 of it within a code.
    assert cineon.decode(codes) == pytest.approx([0, 0.18, 1], abs=0.004)


DISPLAYS = ("sRGB", "Rec.1886 Rec.709 - Display", "Rec.2100-PQ - Display", "Rec.2100-HLG - Display")
CAMERAS = ("ARRI LogC3 (EI800)", "ARRI LogC4", "S-Log3 S-Gamut3.Cine", "V-Log V-Gamut", "Apple Log", "ACEScct")


@pytest.mark.parametrize("name", ["Cineon", *DISPLAYS, *CAMERAS])
def test_codes_come_back_within_a_fraction_of_one(name):
    codes = np.linspace(0.02, 1.05, 600, dtype=np.float32).reshape(10, 20, 3)
    space = working_space(name)
    assert space.to_coded(space.to_linear(codes)) == pytest.approx(codes, abs=0.25 / 1023)


def test_alpha_is_divided_out_meanwhile():
    space, alpha = working_space("Cineon"), np.array([[0.5, 1, 0]], np.float32)
    straight = np.full((1, 3, 3), 0.5, np.float32)
    linear = space.to_linear(straight * alpha[..., None], alpha)
    assert linear[0, 0] == pytest.approx(0.5 * space.to_linear(straight)[0, 0])
    assert space.to_coded(linear, alpha)[0, :2] == pytest.approx((straight * alpha[..., None])[0, :2], abs=1e-6)


def test_without_ocio_cameras_have_names():
    assert working_space("arri_logc4").source == "ARRI LogC4"
    assert working_space("cineon").linear == "Linear Rec.709 (sRGB)"
