"""The command that the page writes down makes the same files, with what is in the ZIP and the plate alone."""

from __future__ import annotations

import io
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.util.child import relumix_command
from relumix_server.workers import Workers
from tests.server.harness import write_exr
from tests.synthetic import make_shot
from tests.web.rig import FRAMES, LOOK, Rig, ended, made, upload

pytestmark = pytest.mark.slow

LAMPS = {"keep": 0.4, "lights": [{"type": "point", "position": [0.5, 0.5, -3], "radius": 0.1, "power_w": 40}]}


@pytest.fixture(scope="module")
def rig(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(workers, tmp_path_factory.mktemp("page")) as rig:
        rig.engines.start()
        yield rig


def plate(folder: Path) -> tuple[dict[int, Path], dict[int, bytes]]:
    """Write a clip with depth; returns its files, and those of it relit."""
    shot = make_shot(size=(96, 64), frames=FRAMES, pan=(1.5, 0))
    folder.mkdir()
    files, relit = {}, {}
    for frame in FRAMES:
        files[frame] = folder / f"plate.{frame}.exr"
        rgbz = np.dstack([shot.plate[frame][..., :3], np.full((64, 96), 4, np.float32)])
        write_exr(files[frame], rgbz.astype(np.float32), "float", "RGBZ")
        write_exr(folder / "relit.exr", shot.truth[frame][..., :3].astype(np.float16), names="RGB")
        relit[frame] = (folder / "relit.exr").read_bytes()
        (folder / "relit.exr").unlink()
    return files, relit


def pixels(path: Path) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))


def home(visitor: Any, path: str, folder: Path) -> Path:
    """Take the result home; returns the folder."""
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/result.zip").content)) as held:
        held.extractall(folder)
    return folder


def run(script: str, folder: Path) -> None:
    """Run a script of a shell that finds `relumix`."""
    (folder / "bin").mkdir()
    tool = folder / "bin/relumix"
    tool.write_text(f'#!/bin/sh\nexec {shlex.join(relumix_command())} "$@"\n')
    tool.chmod(0o755)
    done = subprocess.run(
        ["sh", "-ec", f'PATH="{folder / "bin"}:$PATH"\n{script}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_was_graded_lit_and_matched_is_made_again(rig: Rig, tmp_path: Path):
    files, relit = plate(tmp_path / "made")
    visitor = rig.visitor()
    path = f"/api/clips/{upload(visitor, files, title='plate.####.exr')['name']}"
    assert visitor.post(f"{path}/references/1001", json=LOOK).status_code == 200
    made(visitor, path, visitor.post(f"{path}/lights/1002", json={"rig": LAMPS, "fov": 40}))
    made(visitor, path, visitor.put(f"{path}/matches/1004/sunset.exr", content=relit[1002]))
    visitor.post(f"{path}/job", json={"mix": 0.8})
    assert ended(visitor, path)["state"] == "done"
    ours = home(visitor, path, tmp_path / "ours")
    script = (ours / "command.txt").read_text()
    assert script == visitor.get(f"{path}/command.txt").text
    assert [shlex.split(line)[:3] for line in script.splitlines()] == [
        ["relumix", "reference", "lights"],
        ["relumix", "reference", "match"],
        ["relumix", "relight", "plate.####.exr"],
    ]
    theirs = home(visitor, path, tmp_path / "theirs")
    for remade in (*theirs.glob("relit/*"), theirs / "reference.1002.exr", theirs / "reference.1004.exr"):
        remade.unlink()
    for file in files.values():
        (theirs / file.name).write_bytes(file.read_bytes())
    run(script, theirs)
    for name in (*(f"relit/relit.{frame}.exr" for frame in FRAMES), "reference.1002.exr", "reference.1004.exr"):
        np.testing.assert_array_equal(pixels(theirs / name), pixels(ours / name), err_msg=name)
    for kind in ("gain", "confidence"):
        with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/{kind}.zip").content)) as held:
            held.extractall(tmp_path / "ours")
        for frame in FRAMES:
            name = f"{kind}/{kind}.{frame}.exr"
            np.testing.assert_array_equal(pixels(theirs / name), pixels(ours / name), err_msg=name)


def test_a_picture_and_words_are_made_again(workers: Workers, words_model: Path, tmp_path: Path):
    files, relit = plate(tmp_path / "made")
    with Rig(workers, tmp_path, words_model=str(words_model)) as rig:
        rig.engines.start()
        for frame, file in files.items():
            (rig.root / f"plate.{frame}.exr").write_bytes(file.read_bytes())
        visitor = rig.visitor()
        opened = visitor.post("/api/open", json={"path": f"{rig.root}/plate.####.exr"}).json()
        assert opened["makers"] == ["match", "lights", "text"]
        path = f"/api/clips/{opened['name']}"
        assert visitor.put(f"{path}/references/1001/relit.exr", content=relit[1001]).status_code == 200
        clip = made(visitor, path, visitor.post(f"{path}/words/1003", json={"words": "a low 'warm' sun", "seed": 7}))
        assert (clip["making"]["state"], clip["making"]["error"]) == ("done", "")
        assert clip["references"]["1003"]["look"] == {"words": "a low 'warm' sun", "seed": 7}
        visitor.post(f"{path}/job")
        assert ended(visitor, path)["state"] == "done"
        ours, theirs = (home(visitor, path, tmp_path / name) for name in ("ours", "theirs"))
        for remade in (*theirs.glob("relit/*"), theirs / "reference.1003.exr"):
            remade.unlink()
        run(visitor.get(f"{path}/command.txt").text, theirs)  # It names the plate and the model where they are.
    for name in (*(f"relit/relit.{frame}.exr" for frame in FRAMES), "reference.1003.exr"):
        np.testing.assert_array_equal(pixels(theirs / name), pixels(ours / name), err_msg=name)


def test_what_a_coded_clip_was_lit_by_is_told_but_not_run(rig: Rig, tmp_path: Path):
    files, relit = plate(tmp_path / "made")
    visitor = rig.visitor()
    path = f"/api/clips/{upload(visitor, files, title='plate.####.exr', colorspace='ACEScct')['name']}"
    made(visitor, path, visitor.put(f"{path}/matches/1002/sunset.exr", content=relit[1003]))
    visitor.post(f"{path}/job")
    assert ended(visitor, path)["state"] == "done"
    ours, theirs = (home(visitor, path, tmp_path / name) for name in ("ours", "theirs"))
    told, command, _ = (ours / "command.txt").read_text().splitlines()
    assert told == "# reference.1002.exr was made by the next line, and coded as the plate is"
    assert command.startswith("# relumix reference match ")
    for remade in theirs.glob("relit/*"):
        remade.unlink()
    for file in files.values():
        (theirs / file.name).write_bytes(file.read_bytes())
    run((theirs / "command.txt").read_text(), theirs)
    for frame in FRAMES:
        name = f"relit/relit.{frame}.exr"
        np.testing.assert_array_equal(pixels(theirs / name), pixels(ours / name), err_msg=name)
