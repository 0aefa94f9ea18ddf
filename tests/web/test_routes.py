"""Clips, pictures, references and what is refused of them, over HTTP without a browser."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from relumix.web.errors import without_folders
from relumix.web.jobs import Job
from relumix.web.sessions import ASIDE_SECONDS
from tests.web.rig import FRAMES, LOOK, Rig, decoded, link, make_clip, movie_clip, said, upload


def test_an_uploaded_clip_is_described(clip):
    visitor, path = clip
    found = visitor.get(path).json()
    assert found["frames"] == list(FRAMES)
    assert (found["width"], found["height"], found["title"]) == (64, 48, "mine")
    assert (found["references"], found["job"]) == ({}, None)


def test_an_upload_is_opened_once(rig: Rig, tmp_path: Path):
    visitor = rig.visitor()
    path = f"/api/clips/{upload(visitor, make_clip(tmp_path / 'made'))['name']}"
    assert said(visitor.post("/api/uploads/up1", json={})) == (404, "nothing was uploaded")
    assert visitor.delete("/api/uploads/up1").status_code == 200
    assert visitor.get(f"{path}/frames/1004/plate.jpg").status_code == 200
    again = f"/api/clips/{upload(visitor, make_clip(tmp_path / 'made'))['name']}"
    visitor.delete(path)
    assert visitor.get(f"{again}/frames/1004/plate.jpg").status_code == 200


@pytest.mark.parametrize(
    ("name", "word"),
    [("my cl\u00efp.1001.exr", "'my cl\u00efp.1001.exr'"), ("-x.1001.exr", "./-x.1001.exr")],
)
def test_the_command_calls_an_upload_as_its_owner_does(rig: Rig, tmp_path: Path, name: str, word: str):
    visitor, file = rig.visitor(), make_clip(tmp_path / "made")[1001]
    visitor.put(f"/api/uploads/up1/{name}", content=file.read_bytes())
    path = f"/api/clips/{visitor.post('/api/uploads/up1', json={'title': name}).json()['name']}"
    visitor.post(f"{path}/references/1001", json=LOOK)
    assert visitor.get(f"{path}/command.txt").text.startswith(f"relumix relight {word} -r 1001=reference.1001.exr ")


def test_examples_come_with_a_reference(rig: Rig):
    visitor = rig.visitor()
    assert [each["name"] for each in visitor.get("/api/state").json()["examples"]] == ["shot", "crates"]
    opened = visitor.post("/api/examples/crates").json()
    assert list(opened["references"]) == ["1010"]
    assert visitor.post("/api/examples/crates").json()["name"] == opened["name"]  # It is open already.
    shown = [decoded(visitor.get(f"/api/examples/crates/{kind}.jpg")) for kind in ("plate", "reference")]
    assert shown[0].shape == (270, 480, 3)
    assert np.abs(shown[0].astype(int) - shown[1]).mean() > 5
    assert visitor.get("/api/examples/none/plate.jpg").status_code == 404


def test_pictures_are_small_and_get_brighter(clip):
    visitor, path = clip
    plain = decoded(visitor.get(f"{path}/frames/1002/plate.jpg?size=960"))
    bright = decoded(visitor.get(f"{path}/frames/1002/plate.jpg?size=960&stops=2"))
    assert plain.shape == (48, 64, 3)
    assert bright.mean() > plain.mean() + 20


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("frames/999/plate.jpg", 404, "the clip has no frame 999: it has 1001 to 1004"),
        ("frames/x/plate.jpg", 404, "there is no such frame"),
        ("frames/1001/secret.jpg", 404, "expected one of plate, result, gain, confidence, reference"),
        ("frames/1001/result.jpg", 404, "frame 1001 is not made yet"),
        ("frames/1001/reference.jpg", 404, "frame 1001 has no reference"),
        ("frames/1001/plate.jpg?stops=99", 400, "size and stops: stops is 99.0: expected a number from -12 to 12"),
        ("frames/1001/plate.jpg?stops=nan", 400, "size and stops: stops is nan: expected a number from -12 to 12"),
        ("result.zip", 409, "no frame is made yet"),
        ("secret.zip", 404, "expected result.zip, gain.zip or confidence.zip"),
        ("movies/movie", 409, "the movie is not made yet"),
        ("movies/secret", 404, "expected one of movie, before-after"),
    ],
)
def test_what_is_not_there(clip, query: str, code: int, text: str):
    visitor, path = clip
    assert said(visitor.get(f"{path}/{query}")) == (code, text)


def test_a_grade_is_shown_and_made_a_reference(clip, rig: Rig):
    visitor, path = clip
    plain = decoded(visitor.get(f"{path}/frames/1002/plate.jpg"))
    assert decoded(visitor.post(f"{path}/frames/1002/graded", json=LOOK)).mean() > plain.mean() + 10
    made = visitor.post(f"{path}/references/1002", json=LOOK).json()
    assert made["references"]["1002"]["look"] == LOOK
    (written,) = (rig.folder / "sessions").rglob("reference.1002.exr")
    (source,) = (rig.folder / "sessions").rglob("plate.1002.exr")
    lit, plate = (Plate(Sequence.find(file)).read(1002).rgb for file in (written, source))
    np.testing.assert_allclose(lit, 2 * plate, rtol=2e-3)
    assert decoded(visitor.get(f"{path}/frames/1002/reference.jpg")).mean() > plain.mean() + 10
    assert visitor.delete(f"{path}/references/1002").json()["references"] == {}
    assert not written.parent.exists()


@pytest.mark.parametrize(
    ("look", "text"),
    [
        ({"whole": {"exposure": 99}}, "exposure is 99: expected a number from -8 to 8"),
        ({"whole": {"exposure": "1"}}, "exposure is 1: expected a number from -8 to 8"),
        ({"whole": {"gamma": 1}}, "a grade has 'gamma': expected exposure, temperature, tint, contrast"),
        (
            {"regions": [{"shape": {"gradient": "star"}, "grade": {}}]},
            "a gradient is 'star': expected linear or radial",
        ),
        ({"regions": 3}, "regions of a look: expected a list of up to 16"),
    ],
)
def test_a_look_that_makes_no_sense(clip, look, text: str):
    visitor, path = clip
    for where in ("frames/1001/graded", "references/1001"):
        assert said(visitor.post(f"{path}/{where}", json=look)) == (422, text)


def test_a_relit_picture_is_a_reference(clip, tmp_path: Path):
    visitor, path = clip
    relit = (tmp_path / "made/relit/relit.1003.exr").read_bytes()
    made = visitor.put(f"{path}/references/1003/my%20relit.exr", content=relit).json()
    assert made["references"]["1003"]["name"] == "my_relit.exr"
    assert made["references"]["1003"]["made"] == "uploaded"
    assert decoded(visitor.get(f"{path}/frames/1003/reference.jpg")).shape == (48, 64, 3)


def test_a_picture_that_cannot_be_a_reference_leaves_nothing(clip, rig: Rig):
    visitor, path = clip
    code, text = said(visitor.put(f"{path}/references/1003/broken.exr", content=b"\x76\x2f\x31\x01" + b"nonsense" * 9))
    assert code == 422
    assert "/" not in text.replace("and/or", ""), text  # no folders of the server
    code, text = said(
        visitor.put(f"{path}/references/1003/x.png", content=cv2.imencode(".png", np.zeros((9, 7, 3)))[1].tobytes())
    )
    assert code == 422
    assert visitor.get(path).json()["references"] == {}
    assert not list((rig.folder / "sessions").rglob("reference.*"))


def test_a_broken_clip_costs_that_request_alone(rig: Rig, clip):
    visitor, path = clip
    assert (
        visitor.put("/api/uploads/bad/plate.1001.exr", content=b"\x76\x2f\x31\x01" + b"nonsense" * 99).status_code
        == 200
    )
    code, text = said(visitor.post("/api/uploads/bad"))
    assert code == 422
    assert "plate.1001.exr" in text
    assert "sessions" not in text
    assert visitor.get(f"{path}/frames/1001/plate.jpg").status_code == 200


@pytest.mark.parametrize(
    ("name", "code"),
    [("notes.txt", 422), ("page.html", 422), (".exr", 422), ("%2e%2e", 422), ("plate.1001.exr%00.txt", 422)],
)
def test_only_images_and_movies_are_taken(rig: Rig, name: str, code: int):
    answer = rig.visitor().put(f"/api/uploads/u/{name}", content=b"x")
    assert answer.status_code == code, answer.text
    assert not [path for path in (rig.folder / "sessions").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["..%2f..%2fevil.exr", "..%5c..%5cevil.exr", "%2fetc%2fevil.exr"])
def test_a_name_leads_nowhere_else(rig: Rig, name: str):
    answer = rig.visitor().put(f"/api/uploads/u/{name}", content=b"x")
    assert answer.status_code in (200, 404)  # 404: the slash makes it another address
    files = list(rig.folder.rglob("*evil*"))
    assert all(path.parent.name == "u" for path in files)


@pytest.mark.parametrize("upload_name", ["..", "a.b", "a" * 33, "%2e%2e%2fx"])
def test_an_uploads_name_is_plain(rig: Rig, upload_name: str):
    assert rig.visitor().put(f"/api/uploads/{upload_name}/a.exr", content=b"x").status_code in (400, 404, 405)


def test_what_is_too_large_is_refused_before_and_while_it_comes(workers, tmp_path: Path):
    with Rig(workers, tmp_path, max_upload_bytes=1000) as rig:
        visitor = rig.visitor()
        text = "a.exr is larger than the 1000 bytes that may come"
        assert said(visitor.put("/api/uploads/u/a.exr", content=bytes(1001))) == (413, text)
        unsaid = visitor.put("/api/uploads/u/a.exr", content=iter([bytes(600), bytes(600)]))
        assert said(unsaid) == (413, text)
        assert said(visitor.put("/api/uploads/u/a.exr", content=b"")) == (422, "a.exr is empty")
        assert visitor.put("/api/uploads/u/a.exr", content=bytes(600)).status_code == 200
        assert visitor.put("/api/uploads/u/b.exr", content=bytes(600)).status_code == 413  # together they are
        assert [path.name for path in rig.folder.rglob("*.exr")] == ["a.exr"]
        assert not list(rig.folder.rglob("*.part"))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"max_pixels": 3000}, "its frames are 64x48: this page takes up to 3000 pixels"),
        ({"max_frames": 3}, "the clip has 4 frames: this page takes up to 3"),
    ],
)
def test_a_clip_that_is_too_large(workers, tmp_path: Path, limits, text: str):
    with Rig(workers, tmp_path, **limits) as rig:
        make_clip(rig.root)
        assert said(rig.visitor().post("/api/open", json={"path": str(rig.root / "plate.####.exr")})) == (422, text)


def test_a_visitor_sees_his_own_clips_alone(rig: Rig, clip):
    _, path = clip
    other = rig.visitor()
    assert other.get("/api/state").json()["clips"] == []
    for method, rest in [("GET", ""), ("DELETE", ""), ("GET", "/frames/1001/plate.jpg"), ("POST", "/job")]:
        assert said(other.request(method, path + rest)) == (404, "there is no such clip: it may have been closed")


def test_to_look_needs_no_session(rig: Rig):
    make_clip(rig.root)
    for _ in range(rig.options.max_sessions + 1):
        for path in ("/api/state", "/api/browse", "/api/examples/shot/plate.jpg", "/api/clips/none", "/"):
            assert not rig.visitor().get(path).cookies, path
    asked: list[tuple[str, str, dict]] = [
        *(("POST", "/api/examples/none", {}), ("POST", "/api/open", {"path": "/etc"}), ("POST", "/api/uploads/u", {})),
        *(
            ("DELETE", "/api/uploads/u", {}),
            ("PUT", "/api/uploads/u/notes.txt", {}),
            ("PUT", "/api/uploads/u/a.exr", {}),
        ),
        *(("DELETE", "/api/clips/none", {}), ("POST", "/api/clips/none/job", {})),
    ]
    for method, path, body in asked:
        content = b"" if method == "PUT" else json.dumps(body).encode()
        assert not rig.visitor().request(method, path, content=content).cookies, path
    assert not rig.sessions._sessions


def test_cheap_visitors_do_not_push_out_others(workers, tmp_path: Path):
    with Rig(workers, tmp_path, max_sessions=3) as rig:
        files = make_clip(tmp_path / "made")
        works = rig.visitor()
        path = f"/api/clips/{upload(works, files)['name']}"
        for _ in range(2):
            assert rig.visitor().post("/api/examples/crates").status_code == 200
        late = rig.visitor()
        assert said(late.post("/api/examples/crates")) == (503, "3 people are here already: come back later")
        assert late.get("/api/state").status_code == 200  # He may look on.
        for session in rig.sessions._sessions.values():
            session.used -= ASIDE_SECONDS + 1  # All have been away for a minute.
        assert late.post("/api/examples/crates").status_code == 200
        assert works.get(path).status_code == 200


def test_a_closed_clip_leaves_nothing(rig: Rig, clip):
    visitor, path = clip
    visitor.post(f"{path}/references/1002", json=LOOK)
    visitor.delete(path)
    assert visitor.get(path).status_code == 404
    assert not [each for each in (rig.folder / "sessions").rglob("*") if each.is_file()]


def test_no_reference_no_job(clip):
    visitor, path = clip
    assert said(visitor.post(f"{path}/job")) == (409, "the clip has no reference yet: relight one of its frames first")
    visitor.post(f"{path}/references/1002", json=LOOK)
    assert said(visitor.post(f"{path}/job", json={"engine": "other"})) == (
        422,
        "there is no engine 'other': expected one of flow",
    )
    assert said(visitor.post(f"{path}/job", json={"mix": 2})) == (422, "mix is 2: expected a number from 0 to 1")


def test_a_job_that_has_no_room_is_refused(workers, tmp_path: Path):
    files = make_clip(tmp_path / "made")
    room = sum(path.stat().st_size for path in files.values()) + 100_000
    with Rig(workers, tmp_path, max_session_bytes=room) as rig:
        visitor = rig.visitor()
        path = f"/api/clips/{upload(visitor, files)['name']}"
        visitor.post(f"{path}/references/1002", json=LOOK)
        code, text = said(visitor.post(f"{path}/job"))
        assert code == 413
        assert text.startswith("the result may take 0.0 GB")


def test_references_stay_while_a_job_runs(rig: Rig, clip, monkeypatch: pytest.MonkeyPatch):
    visitor, path = clip
    visitor.post(f"{path}/references/1002", json=LOOK)
    monkeypatch.setattr(Job, "start", lambda self: None)  # It waits for its turn for ever.
    assert visitor.post(f"{path}/job").json()["job"]["state"] == "waiting"
    busy = (409, "the shot is being relit: cancel that before you change references")
    assert said(visitor.delete(f"{path}/references/1002")) == busy
    assert said(visitor.post(f"{path}/references/1003", json=LOOK)) == busy
    assert said(visitor.post(f"{path}/job")) == (409, "the shot is being relit already")


def test_the_command_says_what_makes_the_same(rig: Rig):
    make_clip(rig.root)
    visitor = rig.visitor()
    opened = visitor.post("/api/open", json={"path": str(rig.root / "plate.####.exr")}).json()
    path = f"/api/clips/{opened['name']}"
    visitor.post(f"{path}/references/1002", json=LOOK)
    text = visitor.get(f"{path}/command.txt").text
    assert text.startswith(f"relumix relight '{rig.root}/plate.####.exr' -r 1002=reference.1002.exr ")
    assert "--engine=flow '--output=relit/relit.####.exr'" in text


def test_a_stream_of_a_movie_is_named(rig: Rig, tmp_path: Path):
    movie = movie_clip(rig.root / "take.mkv")
    movie_clip(tmp_path / "away.mkv")
    link(rig.root / "sneaky.mkv", tmp_path / "away.mkv")
    visitor = rig.visitor()
    opened = visitor.post("/api/open", json={"path": f"{movie}/stream1"}).json()
    assert (opened["title"], opened["frames"]) == ("take.mkv", [1, 2, 3, 4])
    none = f"{movie} has no stream 2: it holds 1 of video"
    assert said(visitor.post("/api/open", json={"path": f"{movie}/stream2"})) == (422, none)
    assert visitor.post("/api/open", json={"path": f"{tmp_path}/away.mkv/stream1"}).status_code == 403
    assert visitor.post("/api/open", json={"path": f"{rig.root}/sneaky.mkv/stream1"}).status_code == 403


def test_only_what_is_below_a_root_is_named(rig: Rig, tmp_path: Path):
    outside = tmp_path / "outside"
    make_clip(outside)
    make_clip(rig.root / "sh010")
    link(rig.root / "away", outside)
    (rig.root / "sneaky").mkdir()
    link(rig.root / "sneaky/plate.1001.exr", outside / "plate.1001.exr")
    visitor = rig.visitor()
    assert visitor.post("/api/open", json={"path": str(rig.root / "sh010/plate.####.exr")}).status_code == 200
    for text in (outside, rig.root / "away", rig.root / "sh010/../../outside", rig.root / "sneaky/plate.####.exr"):
        code, said_of_it = said(visitor.post("/api/open", json={"path": str(text)}))
        assert (code, "--root of this page" in said_of_it) == (403, True), text
    assert said(visitor.post("/api/open", json={"path": "plate.exr"})) == (400, "'.' is no absolute path")
    assert visitor.get("/api/browse", params={"folder": str(outside)}).status_code == 403


def test_a_root_is_listed(rig: Rig):
    make_clip(rig.root / "sh010")
    (rig.root / "sh010/notes.txt").touch()
    (rig.root / "sh010/take.mov").touch()
    visitor = rig.visitor()
    top = visitor.get("/api/browse").json()
    assert top == {"folder": "", "above": None, "folders": [str(rig.root)], "clips": []}
    shot = visitor.get("/api/browse", params={"folder": str(rig.root / "sh010")}).json()
    assert (shot["above"], shot["folders"]) == (str(rig.root), ["relit"])
    assert shot["clips"] == ["plate.####.exr", "take.mov"]


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b"{", 400, "the request is no JSON"),
        (b"[]", 400, "the request is no object of JSON"),
        (b"[" * 100_000, 400, "the request is no JSON"),
        (b" " * (1 << 20) + b"{}", 413, "a request of more than 1048576 bytes"),
    ],
)
def test_a_body_that_makes_no_sense(rig: Rig, body: bytes, code: int, text: str):
    assert said(rig.visitor().post("/api/open", content=body)) == (code, text)


def test_an_archive_holds_what_was_made(rig: Rig, clip, monkeypatch: pytest.MonkeyPatch):
    visitor, path = clip
    visitor.post(f"{path}/references/1002", json=LOOK)
    monkeypatch.setattr(Job, "start", lambda self: None)
    visitor.post(f"{path}/job")
    (session,) = rig.sessions._sessions.values()
    (opened,) = session.clips.values()
    for kind in ("result", "gain"):
        opened.result(kind, 1001).parent.mkdir(parents=True)
        opened.result(kind, 1001).write_bytes(b"frame" * 500_000)
    os.utime(opened.references[1002].path, (0, 0))  # as files of some packages are: ZIP knows no time before 1980
    opened.job.told.frames = {1001: "1"}
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/result.zip").content)) as held:
        assert held.namelist() == ["command.txt", "relit/relit.1001.exr", "reference.1002.exr"]
        assert held.read("relit/relit.1001.exr") == b"frame" * 500_000
        assert held.read("command.txt").decode().startswith("relumix relight mine -r 1002=reference.1002.exr")
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/gain.zip").content)) as held:
        assert held.namelist() == ["gain/gain.1001.exr"]


def test_a_result_keeps_what_it_was_made_from(rig: Rig, clip, monkeypatch: pytest.MonkeyPatch):
    visitor, path = clip
    visitor.post(f"{path}/references/1002", json=LOOK)
    monkeypatch.setattr(Job, "start", lambda self: None)
    visitor.post(f"{path}/job")
    (session,) = rig.sessions._sessions.values()
    (opened,) = session.clips.values()
    opened.job.told.state, opened.job.told.frames = "done", {1001: "1"}
    opened.result("result", 1001).parent.mkdir(parents=True)
    opened.result("result", 1001).write_bytes(b"frame")
    given = opened.references[1002].path.read_bytes()
    assert visitor.delete(f"{path}/references/1002").json()["references"] == {}
    visitor.post(f"{path}/references/1003", json=LOOK)
    assert "-r 1002=reference.1002.exr " in visitor.get(f"{path}/command.txt").text
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/result.zip").content)) as held:
        assert held.namelist() == ["command.txt", "relit/relit.1001.exr", "reference.1002.exr"]
        assert held.read("reference.1002.exr") == given
    visitor.post(f"{path}/job")  # That result is made anew, of another.
    assert [each.name for each in rig.folder.rglob("reference.*")] == ["reference.1003.exr"]


def test_nothing_else_is_here(rig: Rig):
    visitor = rig.visitor()
    for path in ("/api/none", "/static/none.js", "/static/../app.py", "/static/%2e%2e/app.py", "/docs", "/metrics"):
        answer = visitor.get(path)
        assert answer.status_code in (404, 405), path
        assert "import" not in answer.text
    assert json.loads(visitor.get("/api/none").text) == {"error": "there is nothing here"}


@pytest.mark.parametrize(
    ("body", "code"), [(b'{"title": "\\ud800"}', 400), (b'{"title": NaN}', 400), (b'{"title": 1e999}', 400)]
)
def test_what_no_answer_can_say_is_refused(rig: Rig, tmp_path: Path, body: bytes, code: int):
    visitor = rig.visitor()
    for path in make_clip(tmp_path / "made").values():
        visitor.put(f"/api/uploads/u/{path.name}", content=path.read_bytes())
    assert said(visitor.post("/api/uploads/u", content=body)) == (code, "the request is no JSON")
    assert visitor.get("/api/state").status_code == 200


def test_odd_paths_cost_their_request(rig: Rig, tmp_path: Path):
    make_clip(rig.root / "sh010")
    (tmp_path / "outside").mkdir()
    visitor = rig.visitor()
    for name in ("x" * 300, "#" * 5000 + ".exr", "\0.exr", "x" * 300 + "/a.mov"):
        code, text = said(visitor.post("/api/open", json={"path": f"{rig.root}/{name}"}))
        assert (400 <= code < 500, bool(text)) == (True, True), name[:9]
    assert visitor.get("/api/browse", params={"folder": f"{rig.root}/{'x' * 300}"}).status_code == 404
    # What is there outside of the roots, and what is not, cannot be told apart.
    for name in ("outside", "nothing"):
        path = str(tmp_path / name)
        expected = (403, f"{path} is not below a --root of this page")
        assert said(visitor.post("/api/open", json={"path": path})) == expected
        assert said(visitor.get("/api/browse", params={"folder": path})) == expected


def test_a_movie_is_no_picture_and_no_folder_is_told(clip):
    visitor, path = clip
    answer = visitor.put(f"{path}/references/1002/a.mov", content=b"x")
    assert said(answer) == (422, "a.mov is a movie: expected a picture, like a still of it")
    code, text = said(visitor.put(f"{path}/references/1002/a.tga", content=b"x"))
    assert (code, "/" in text) == (422, False), text


def test_texts_have_no_folders():
    for text, shown in (
        ('no reader for "/tmp/a b/c/d.mov". Is it', 'no reader for "a b/c/d.mov". Is it'),
        ("/tmp/x/y.mp4 does not say", "y.mp4 does not say"),
        ("frame 12: /t/c.mp4/c.0012.mp4 is 5/6 done at http://x/y", "frame 12: c.0012.mp4 is 5/6 done at http://x/y"),
    ):
        assert without_folders(text) == shown
