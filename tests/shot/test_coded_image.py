from pathlib import Path

import numpy as np
import pytest

from relumix.errors import InputError
from relumix.shot import Plate
from relumix.shot.coded_image import IMAGE_KINDS, kind_of, stored_form, stored_key, write_coded
from relumix.shot.images import opened, spec_of
from relumix.shot.sequence import Sequence

KEY = "0123456789abcdef" * 4
FORM = "0123456789ab"
CASES = [
    (suffix, bits, channels)
    for suffix, kind in IMAGE_KINDS.items()
    for bits in kind.depths
    for channels in ((3, 4) if kind.alpha else (3,))
]


@pytest.mark.parametrize(("suffix", "bits", "channels"), CASES)
def test_every_code_is_written_as_itself(tmp_path: Path, suffix: str, bits: int, channels: int) -> None:
    path, highest = tmp_path / f"a{suffix}", 2**bits - 1
    codes = np.random.default_rng(2).integers(0, highest + 1, (24, 32, channels))
    if suffix in (".jpg", ".jpeg"):  # of noise it loses more
        codes = np.arange(32)[None, :, None] * np.ones((24, 1, 3), int) * 7
    rgba = (codes / highest).astype(np.float32)
    assert write_coded(path, rgba, bits=bits, space=None, key=KEY, form=FORM, attributes={}) == 0
    with opened(path, unassociated=True) as image:
        assert spec_of(image, 0) is not None
        read = np.asarray(image.read_image(0, 0, 0, channels, "float"))
    assert np.abs(read * highest - codes).max() < 0.1 + (suffix in (".jpg", ".jpeg"))
    assert (stored_key(path), stored_form(path)) == (KEY, FORM)


def test_what_codes_cannot_say_is_counted(tmp_path: Path) -> None:
    rgb = np.full((4, 5, 3), 0.5, np.float32)
    rgb[0, 0], rgb[1, 1], rgb[2, 2] = 1.5, np.nan, -0.3
    assert write_coded(tmp_path / "a.png", rgb, bits=8, space=None, key=KEY, form=FORM, attributes={}) == 3


def test_dpx_says_what_it_is(tmp_path: Path) -> None:
    for space in ("Cineon", "Rec.1886 Rec.709 - Display"):
        path = tmp_path / "a.dpx"
        rgb = np.full((4, 5, 3), 0.5, np.float32)
        write_coded(path, rgb, bits=10, space=space, key=KEY, form=FORM, attributes={})
        plate = Plate(Sequence.find(path))
        assert (plate.colorspace, plate.is_assumed) == (space, False)


def test_what_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bmp: images are written as \.exr, \.dpx, .*; expected such a name"):
        kind_of(Path("a.bmp"))
    assert stored_key(tmp_path / "gone.png") is None
    folder = tmp_path / "file"
    folder.touch()
    with pytest.raises(InputError, match=r"a\.png cannot be written: "):
        write_coded(
            folder / "a.png", np.zeros((4, 5, 3), np.float32), bits=8, space=None, key=KEY, form=FORM, attributes={}
        )
