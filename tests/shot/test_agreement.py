"""How a shot is laid out is what its frames agree on."""

from pathlib import Path

import numpy as np
import pytest

from relumix.errors import FrameError, InputError
from relumix.shot import Plate, Sequence, agreement
from relumix.shot.agreement import agreed_layout
from tests.shot import files

RGB, RGBA = files.noise(4, 6, 3), np.ones((4, 6, 4), np.float16)


def shot(folder: Path, pictures: dict[int, np.ndarray | bytes]) -> Sequence:
    folder.mkdir(exist_ok=True)
    for frame, picture in pictures.items():
        path = folder / f"a.{frame}.exr"
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            files.plain(path, picture)
    return Sequence.find(folder)


@pytest.mark.parametrize("odd", [b"", b"damaged", RGBA, files.noise(5, 6, 3)])
@pytest.mark.parametrize("at", [1, 3, 5])
def test_an_odd_frame_fails_alone_and_by_its_name(tmp_path: Path, odd: np.ndarray | bytes, at: int) -> None:
    sequence = shot(tmp_path, {**dict.fromkeys(range(1, 6), RGB), at: odd})
    plate = Plate(sequence)
    assert plate.layout.names[0].channels == ("R", "G", "B")
    for frame in set(sequence.frames) - {at}:
        assert np.array_equal(plate.read(frame).rgb, RGB)
    for look in (plate.read, plate.windows):
        with pytest.raises(FrameError, match=rf"^frame {at}: {sequence.path(at)} ") as caught:
            look(at)
        assert caught.value.frame == at


def test_what_differs_is_said(tmp_path: Path) -> None:
    plate = Plate(shot(tmp_path, {1: RGBA, 2: RGB, 3: RGB}))
    with pytest.raises(FrameError) as caught:
        plate.read(1)
    assert str(caught.value) == (
        f"frame 1: {tmp_path}/a.1.exr has channels R,G,B,A, but {tmp_path}/a.2.exr has R,G,B; "
        "expected all frames of a shot to agree"
    )


def test_a_frame_of_whole_numbers_fails_alone(tmp_path: Path) -> None:
    sequence = shot(tmp_path, {1: RGB, 2: RGB, 3: RGB})
    whole = np.arange(24, dtype=np.uint32).reshape(4, 6)
    files.by_hand(sequence.path(1), {"R": whole, "G": whole, "B": whole})
    with pytest.raises(FrameError, match=r"^frame 1: .* has whole numbers in R,G,B, but .* in no colour; "):
        Plate(sequence).read(1)


def test_frames_that_are_not_asked_for_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence, opened = shot(tmp_path, {**dict.fromkeys(range(1, 40), RGB), 1: b""}), []
    real = agreement.opened
    monkeypatch.setattr(agreement, "opened", lambda path: opened.append(path) or real(path))
    assert agreed_layout(sequence, (9,), range(2, 40))[0] == 9
    assert opened == [sequence.path(frame) for frame in (9, 2, 21, 39)]


def test_a_tie_is_decided_by_the_references(tmp_path: Path) -> None:
    sequence = shot(tmp_path, {1: RGB, 2: RGBA, 3: RGB, 4: RGBA})
    for reference in (1, 2):
        assert agreed_layout(sequence, (reference,), sequence.frames)[0] == reference


def test_all_vote_where_those_looked_at_differ(tmp_path: Path) -> None:
    """An odd reference and two odd frames that are asked for are outvoted by the rest of the shot."""
    sequence = shot(tmp_path, {1: RGBA, 2: RGBA, 3: b"", **dict.fromkeys(range(4, 9), RGB)})
    for asked in ((4, 5), (1, 2, 8), sequence.frames):
        frame, layout = agreed_layout(sequence, (1,), asked)
        assert frame >= 4
        assert layout.names[0].channels == ("R", "G", "B")


def test_no_frame_can_be_read(tmp_path: Path) -> None:
    sequence = shot(tmp_path, {1: b"", 2: b"damaged"})
    with pytest.raises(InputError, match=rf"^{tmp_path}/a\.1\.exr cannot be read: "):
        agreed_layout(sequence, (), sequence.frames)
