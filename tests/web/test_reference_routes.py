"""References that are made here, over HTTP without a browser: by a picture, by lamps, by words, and of coded clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.web.rig import FRAMES, LOOK, Rig, decoded, depth_clip, made, make_clip, movie_clip, said, upload


def test_a_reference_has_the_light_of_another_picture(clip, rig: Rig, tmp_path: Path):
    visitor, path = clip
    assert visitor.get(path).json()["makers"] == ["match"]  # No depth, no words: there are no lamps, and no model.
    red = np.full((40, 40, 3), (40, 60, 220), np.uint8)
    red[::2] //= 3
    picture = cv2.imencode(".png", red)[1].tobytes()
    clip = made(visitor, path, visitor.put(f"{path}/matches/1002/sunset.png", content=picture))
    assert (clip["making"]["what"], clip["making"]["state"], clip["making"]["share"]) == ("match", "done", 1.0)
    assert clip["references"]["1002"]["made"] == "matched"
    plate = decoded(visitor.get(f"{path}/frames/1002/plate.jpg")).mean((0, 1))
    shown = decoded(visitor.get(f"{path}/frames/1002/reference.jpg")).mean((0, 1))
    assert shown[2] / shown[0] > 1.3 * plate[2] / plate[0]  # redder
    assert [each.name for each in (rig.folder / "sessions").rglob("reference.*")] == ["reference.1002.exr"]
    before = clip["references"]
    clip = made(visitor, path, visitor.put(f"{path}/matches/1002/broken.png", content=b"nothing"))
    assert clip["making"]["state"] == "failed"
    assert clip["making"]["error"] == "picture picture.1002.png cannot be read: Not a PNG file"  # no folders of ours
    assert clip["references"] == before
    assert sorted(each.name for each in (rig.folder / "sessions").rglob("*.1002.*")) == [
        *("picture.1002.png", "plate.1002.exr", "reference.1002.exr")
    ]
    assert visitor.delete(f"{path}/making").json()["making"] is None


@pytest.mark.parametrize("seed", [True, 1.5, "1", -1, 1 << 31, None])
def test_a_seed_is_a_whole_number(clip, seed: object):
    visitor, path = clip
    answer = visitor.post(f"{path}/words/1002", json={"words": "sun", "seed": seed})
    assert said(answer) == (422, "seed: expected a whole number from 0")


RIG = {"keep": 0.5, "lights": [{"type": "point", "position": [0, 0, -3], "power_w": 100}]}


def test_lamps_light_what_has_depth(rig: Rig, tmp_path: Path):
    depth_clip(rig.root)
    visitor = rig.visitor()
    opened = visitor.post("/api/open", json={"path": str(rig.root / "cg.####.exr")}).json()
    assert opened["makers"] == ["match", "lights"]
    path = f"/api/clips/{opened['name']}"
    clip = made(visitor, path, visitor.post(f"{path}/lights/1002", json={"rig": RIG, "fov": 50}))
    assert clip["references"]["1002"]["look"] == {"rig": RIG, "fov": 50}
    shown = decoded(visitor.get(f"{path}/frames/1002/reference.jpg")).mean(2)
    assert shown[24, 32] > shown[2, 2] + 20  # The lamp is in front of the middle.


@pytest.mark.parametrize(
    ("rig_json", "text"),
    [
        (
            {"lights": [{"type": "dome", "hdri": "/etc/passwd"}]},
            "hdri: a rig on this page names no files; use the command for those",
        ),
        (
            {"lights": [{"type": "point", "gobo": {"image": "x"}}]},
            "gobo: a rig on this page names no files; use the command for those",
        ),
        (
            {"lights": [{"type": "moon"}]},
            "lights.1002.json: light 1: type is 'moon', expected one of sun, point, spot, area, dome",
        ),
    ],
)
def test_a_rig_names_no_files(rig: Rig, rig_json, text: str):
    depth_clip(rig.root)
    visitor = rig.visitor()
    path = f"/api/clips/{visitor.post('/api/open', json={'path': str(rig.root / 'cg.####.exr')}).json()['name']}"
    answer = visitor.post(f"{path}/lights/1002", json={"rig": rig_json, "fov": 50})
    if answer.status_code == 422:
        assert answer.json() == {"error": text}
    else:
        making = made(visitor, path, answer)["making"]
        assert (making["state"], making["error"]) == ("failed", text)


def test_words_need_a_model(clip):
    visitor, path = clip
    assert said(visitor.post(f"{path}/words/1002", json={"words": "night"})) == (
        404,
        "this page was started without a model for words: --words-model",
    )
    assert said(visitor.post(f"{path}/lights/1002", json={"rig": RIG}))[0] == 404


def png_clip(folder: Path) -> dict[int, Path]:
    """A clip of 8-bit pictures, sRGB."""
    folder.mkdir(parents=True)
    files = {frame: folder / f"shot.{frame}.png" for frame in FRAMES}
    for frame, path in files.items():
        cv2.imwrite(str(path), np.random.default_rng(frame).integers(0, 255, (48, 64, 3), np.uint8))
    return files


CODED = {
    "movie": (lambda folder: {1: movie_clip(folder / "take.mp4")}, None, "Rec.1886 Rec.709 - Display"),
    "png": (lambda folder: png_clip(folder / "shot"), None, "sRGB"),
    "log": (lambda folder: make_clip(folder / "shot"), "ACEScct", None),
}


@pytest.mark.parametrize("kind", CODED)
def test_a_grade_of_what_is_coded_is_read_as_it_was_meant(rig: Rig, tmp_path: Path, kind: str):
    """What a reference of floats is taken for depends on its plate: it has to be written as that."""
    make, colorspace, assumed = CODED[kind]
    visitor = rig.visitor()
    opened = upload(visitor, make(tmp_path), colorspace=colorspace)
    frame = opened["frames"][1]
    assert (len(opened["frames"]), opened["rate"]) == (4, 25.0 if kind == "movie" else 0.0)
    assert opened["notes"] == ([f"colour: taken for {assumed}"] if assumed else [])
    path = f"/api/clips/{opened['name']}"
    plate = decoded(visitor.get(f"{path}/frames/{frame}/plate.jpg")).astype(int)
    for look, differs in ((LOOK | {"whole": {}}, False), (LOOK, True)):
        visitor.post(f"{path}/references/{frame}", json=look)
        shown = decoded(visitor.get(f"{path}/frames/{frame}/reference.jpg")).astype(int)
        assert (np.abs(shown - plate).mean() > 8) == differs
        assert np.abs(shown - plate).mean() < (1 if not differs else 99)
    graded = decoded(visitor.post(f"{path}/frames/{frame}/graded", json=LOOK)).astype(int)
    assert np.abs(shown - graded).mean() < 2.5  # of 255: JPEG
