from pathlib import Path

import pytest

from relumix.shot import Picture, Plate, Sequence
from tests.shot import files


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """A plate of 10x8 pixels at 4, 5 in a frame of 20x16."""
    files.plain(tmp_path / "plate" / "a.1.exr", files.noise(8, 10), window=(4, 5), display=(0, 0, 20, 16))
    return Plate(Sequence.find(tmp_path / "plate"))


@pytest.fixture
def picture(plate: Plate) -> Picture:
    return plate.read(1)
