"""Words on the page, over HTTP, with a tiny random model: what it makes, and what is said of one that is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from relumix_server.workers import Workers
from tests.web.rig import Rig, decoded, made, make_clip, said, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(words_model: Path, tmp_path: Path) -> Path:
    """A model of its own."""
    return shutil.copytree(words_model, tmp_path / "model")


def test_words_make_a_reference(workers: Workers, folder: Path, tmp_path: Path):
    with Rig(workers, tmp_path, words_model=str(folder)) as rig:
        visitor = rig.visitor()
        opened = upload(visitor, make_clip(tmp_path / "made"))
        assert opened["makers"] == ["match", "text"]
        path = f"/api/clips/{opened['name']}"
        assert said(visitor.post(f"{path}/words/1002", json={"words": " "})) == (
            *(422, "expected 1 to 400 letters that say what the light is to be"),
        )
        clip = made(visitor, path, visitor.post(f"{path}/words/1002", json={"words": "night", "seed": 3}))
        assert (clip["making"]["state"], clip["making"]["error"], clip["making"]["share"]) == ("done", "", 1.0)
        assert clip["references"]["1002"]["made"] == "worded"
        assert clip["references"]["1002"]["look"] == {"words": "night", "seed": 3}
        plate, shown = (decoded(visitor.get(f"{path}/frames/1002/{kind}.jpg")).astype(int) for kind in KINDS)
        assert np.abs(plate - shown).mean() > 2


KINDS = ("plate", "reference")


@pytest.mark.parametrize("broken", ["no index", "no weights", "weights cut short", "gone"])
def test_a_broken_model_is_one_line(workers: Workers, folder: Path, tmp_path: Path, broken: str):
    with Rig(workers, tmp_path, words_model=str(folder)) as rig:
        weights = folder / "unet/diffusion_pytorch_model.safetensors"
        if broken == "no index":
            (folder / "model_index.json").unlink()
        elif broken == "no weights":
            weights.unlink()
        elif broken == "gone":
            shutil.rmtree(folder)
        else:
            weights.write_bytes(weights.read_bytes()[:1000])
        visitor = rig.visitor()
        path = f"/api/clips/{upload(visitor, make_clip(tmp_path / 'made'))['name']}"
        clip = made(visitor, path, visitor.post(f"{path}/words/1002", json={"words": "night"}))
        making = clip["making"]
        assert (making["state"], clip["references"]) == ("failed", {})
        assert making["error"].count("\n") == 0
        assert "Traceback" not in making["error"]
        assert str(tmp_path) not in making["error"]
        expected = {"no index": "model_index.json", "no weights": "unet has no weights", "gone": "no image model at"}
        assert expected.get(broken, "diffusion_pytorch_model.safetensors") in making["error"]
        assert not list((rig.folder / "sessions").rglob("references/*"))
