"""Shots on disk that are relit in-process and on servers, and how the two are compared."""

import json

import numpy as np

import relumix
from relumix.client import RelightClient
from relumix.events import Stage
from relumix.settings import Settings
from tests.shot import files
from tests.synthetic import make_shot

FRAMES = range(1001, 1023)
SIZE = (96, 64)


def write_shot(folder, frames=FRAMES, layer="", moving=False, alpha=False, references=(1001,), size=SIZE):
    """A shot on disk in plate/, and its relit frames; moving: the data window is another in every frame."""
    shot = make_shot(size=size, frames=frames, pan=(1.5, 0.5), square_px=24, alpha=alpha, bad_pixels=2)
    names = [f"{layer}{name}" for name in "RGBA"]
    for frame, pixels in shot.plate.items():
        step = (frame - frames[0]) % 7 if moving else 0
        files.plain(
            folder / f"plate/p.{frame:04d}.exr",
            pixels[step:, : size[0] - step].astype(np.float16),
            names,
            window=(0, step),
            display=(0, 0, *size),
            shotName="beach",
        )
    for frame in references:
        files.plain(folder / f"relit.{frame:04d}.exr", shot.truth[frame].astype(np.float16), names)
    return {frame: folder / f"relit.{frame:04d}.exr" for frame in references}


def write_masks(folder, frames, name="m"):
    x = np.arange(SIZE[0]) + np.zeros((SIZE[1], 1))
    for frame in frames:
        mask = np.clip((x[..., None] - frame % 50) / 40, 0, 1).astype(np.float16)
        files.plain(folder / f"{name}/{name}.{frame:04d}.exr", mask, "Y")
    return str(folder / f"{name}/{name}.####.exr")


def both(folder, address, references, **settings):
    """Relight in-process to here/ and on servers to there/; return the events of each."""
    here, there = [], []
    for output, events in (("here", here), ("there", there)):
        maps = {"gain_out": f"{output}-gain/g.####.exr", "confidence_out": f"{output}-confidence/c.####.exr"}
        chosen = {name: str(folder / pattern) for name, pattern in maps.items() if settings.get(name)}
        chosen = Settings(**{**settings, **chosen})
        if output == "here":
            relumix.relight(folder / "plate", references, folder / output, chosen, on_event=events.append)
        else:
            there.extend(RelightClient(address).relight(folder / "plate", references, folder / output, chosen))
    return here, there


def assert_same(folder, here, there):
    """Every file is the same, to the byte, and every event but for times, stages, and the name of the folder."""

    def plain(event):
        told = json.loads(event.to_json().replace(str(folder / "there"), str(folder / "here")))
        times = ("seconds", "stage_seconds", "share", "remaining_seconds")
        return {name: value for name, value in told.items() if name not in times}

    mine, theirs = ([plain(event) for event in events if not isinstance(event, Stage)] for events in (here, there))
    assert theirs == mine
    for mine in ("here", "here-gain", "here-confidence"):
        theirs = folder / mine.replace("here", "there")
        names = sorted(path.name for path in (folder / mine).iterdir()) if (folder / mine).exists() else []
        assert names == (sorted(path.name for path in theirs.iterdir()) if theirs.exists() else [])
        for name in names:
            assert (folder / mine / name).read_bytes() == (theirs / name).read_bytes(), name
