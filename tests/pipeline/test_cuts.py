"""Shots with cuts, from files to files: what is told, what light does, what stays."""

import dataclasses

import numpy as np
import pytest

import relumix
from relumix.cli.main import main
from relumix.errors import InputError
from relumix.events import Start, Warned
from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.settings import Settings
from tests.shot.files import light, plain
from tests.synthetic import make_shot

FRAMES, CUT = range(1001, 1013), 1007


class Edit:
    """Two scenes of one world each, cut together; each has a light of its own."""

    def __init__(self, folder):
        first = make_shot(size=(96, 64), frames=range(1001, 1007), pan=(2, 0), seed=1)
        second = make_shot(size=(96, 64), frames=range(1007, 1013), pan=(2, 0), seed=5)
        self.plate = {f: p.astype(np.float16).astype(np.float32) for f, p in {**first.plate, **second.plate}.items()}
        self.truth = {f: self.plate[f] * np.float32(0.25 if f < CUT else 4) for f in FRAMES}
        self.folder, self.out, self.told = folder, folder / "out", []
        (folder / "plate").mkdir()
        for frame, pixels in self.plate.items():
            plain(folder / f"plate/p.{frame}.exr", pixels)
            plain(folder / f"relit.{frame}.exr", self.truth[frame])

    def relight(self, *references, **settings):
        self.told.clear()
        paths = {frame: self.folder / f"relit.{frame}.exr" for frame in references}
        relumix.relight(self.folder / "plate", paths, self.out, Settings(**settings), on_event=self.told.append)
        return {f: light(path) for f in FRAMES if (path := self.out / f"p.{f}.exr").exists()}

    @property
    def warnings(self):
        return [event.message for event in self.told if isinstance(event, Warned)]


@pytest.fixture
def edit(tmp_path):
    return Edit(tmp_path)


def test_light_crosses_no_cut_and_it_is_told_once(edit):
    made = edit.relight(1001, 1012)
    for frame in FRAMES:
        np.testing.assert_allclose(made[frame], edit.truth[frame], rtol=2e-3)
    assert edit.warnings == [
        "there is a cut before frame 1007, which light does not cross (--cuts none if there is none)"
    ]
    assert next(event for event in edit.told if isinstance(event, Start)).cuts == [CUT]


def test_without_cuts_light_is_mixed_as_before(edit):
    made = edit.relight(1001, 1012, cuts="none")
    assert not np.allclose(made[1006], edit.truth[1006], rtol=0.5)
    assert edit.warnings == []


def test_a_scene_without_a_reference(edit):
    with pytest.raises(InputError) as error:
        edit.relight(1001)
    assert str(error.value) == (
        "frames 1007 to 1012 are a scene without a reference: give one, like -r 1007=FILE, leave them as the plate "
        "with --unlit plate, or say where scenes begin with --cuts"
    )
    assert not edit.out.exists()
    assert set(edit.relight(1001, frames="1001-1006")) == set(range(1001, 1007))
    made = edit.relight(1001, unlit="plate")
    assert "frames 1007 to 1012 are left as the plate: the scene has no reference" in edit.warnings
    for frame in FRAMES:
        wanted = edit.plate[frame] if frame >= CUT else edit.truth[frame]
        np.testing.assert_allclose(made[frame], wanted, rtol=0 if frame >= CUT else 2e-3)


def test_chunks_are_the_same_whether_cuts_are_found_or_named(edit):
    whole = edit.relight(1001, 1012)
    for frames, cuts in (("1005-1008", "auto"), ("1007", "1007")):
        parts = edit.relight(1001, 1012, frames=frames, cuts=cuts, overwrite=True)
        for frame, pixels in parts.items():
            np.testing.assert_array_equal(pixels, whole[frame])


def test_other_cuts_make_other_frames_and_the_same_ones_none(edit):
    edit.relight(1001, 1012)
    before = {frame: stored_fingerprint(edit.out / f"p.{frame}.exr") for frame in FRAMES}
    edit.relight(1001, 1012, cuts="1007")
    assert {frame: stored_fingerprint(edit.out / f"p.{frame}.exr") for frame in FRAMES} == before
    edit.relight(1001, 1012, cuts="1007,1012", unlit="plate")
    after = {frame: stored_fingerprint(edit.out / f"p.{frame}.exr") for frame in FRAMES}
    assert [frame for frame in FRAMES if after[frame] != before[frame]] == list(range(1007, 1013))


def test_arrays_have_cuts_too(edit):
    whole = edit.relight(1001, 1012, bits="float")
    lit = {frame: edit.truth[frame] for frame in (1001, 1012)}
    for frame in relumix.relit(edit.plate, lit):
        np.testing.assert_array_equal(frame.pixels, whole[frame.frame])
    with pytest.raises(InputError, match="frames 1007 to 1012 are a scene without a reference"):
        list(relumix.relit(edit.plate, {1001: edit.truth[1001]}))
    some = [1003, 1009]
    for frame in relumix.relit(edit.plate, {1001: edit.truth[1001]}, Settings(unlit="plate"), frames=some):
        np.testing.assert_allclose(
            frame.pixels, (edit.truth if frame.frame < CUT else edit.plate)[frame.frame], rtol=2e-3
        )


def test_dry_run_says_the_same(edit, capsys):
    reference = f"1001={edit.folder / 'relit.1001.exr'}"
    line = ["relight", str(edit.folder / "plate"), "-r", reference, "-o", str(edit.out), "--dry-run"]
    assert main(line) == 2
    assert "frames 1007 to 1012 are a scene without a reference" in capsys.readouterr().err


def test_cuts_that_are_none(edit):
    with pytest.raises(InputError, match="cuts has 1300: expected first frames of scenes, from 1002 to 1012"):
        edit.relight(1001, cuts="1300")
    with pytest.raises(InputError, match="unlit is 'black': expected one of error, plate"):
        dataclasses.replace(Settings(), unlit="black")
