"""A page in this process, and the visitors that ask it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from relumix.web.app import application
from relumix.web.engine import EngineServer
from relumix.web.examples import examples
from relumix.web.options import Options
from relumix.web.requests import Site
from relumix.web.roots import Roots
from relumix.web.sessions import Sessions
from relumix.web.studio import Studio
from relumix_server.access import read_tokens
from relumix_server.workers import Workers
from tests.server.harness import write_exr
from tests.synthetic import make_shot

ADDRESS = "http://127.0.0.1:7860"
OWN = {"X-Relumix": "page"}
FRAMES = range(1001, 1005)
LOOK = {"whole": {"exposure": 1.0}, "regions": []}


class Rig(ExitStack):
    """The page; `visitor` is somebody who looks at it."""

    def __init__(self, workers: Workers, folder: Path, **options: object) -> None:
        super().__init__()
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(exist_ok=True)
        (folder / "engines").mkdir(exist_ok=True)
        (folder / "sessions").mkdir(exist_ok=True)
        self.options = Options(**{"root": (str(self.root),), **options})
        self.engines = EngineServer(self.options, folder / "engines", f"{ADDRESS}/")
        self.studio = Studio(self.options, workers, self.engines)
        self.callback(self.studio.close)
        self.callback(self.engines.close)
        self.sessions = Sessions(folder / "sessions", self.options.max_sessions, self.options.session_seconds)
        self.callback(self.sessions.close)
        tokens = read_tokens(self.options.token_file) if self.options.token_file else ()
        roots = Roots.of(self.options.root)
        site = Site(self.options, self.studio, self.sessions, roots, examples(), tokens, "relumix-7860")
        self.app = application(site)

    def visitor(self, **headers: str) -> TestClient:
        return TestClient(self.app, ADDRESS, headers={**OWN, **headers}, raise_server_exceptions=False)


def decoded(answer: Any) -> np.ndarray:
    """The picture of an answer, [h, w, 3] of 8 bits, blue first."""
    assert answer.status_code == 200, answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


def make_clip(folder: Path, name: str = "plate", size: tuple[int, int] = (64, 48)) -> dict[int, Path]:
    """Write a small clip; returns its files, and those of it relit, as NAME.relit.FRAME.exr, lie beside it."""
    shot = make_shot(size=size, frames=FRAMES, pan=(1.5, 0))
    (folder / "relit").mkdir(parents=True, exist_ok=True)
    files = {}
    for frame in FRAMES:
        files[frame] = folder / f"{name}.{frame}.exr"
        write_exr(files[frame], shot.plate[frame][..., :3].astype(np.float16), names="RGB")
        write_exr(folder / f"relit/relit.{frame}.exr", shot.truth[frame][..., :3].astype(np.float16), names="RGB")
    return files


def movie_clip(path: Path) -> Path:
    """A short movie, Rec.709 as its tags say."""
    av = pytest.importorskip("av")
    picture = cv2.resize(np.random.default_rng(3).integers(0, 200, (9, 16, 3), np.uint8), (200, 96))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(4):
            shown = np.ascontiguousarray(picture[:, 5 * i : 160 + 5 * i])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def depth_clip(folder: Path) -> None:
    """A wall that is 4 units away, with its depth."""
    for frame in FRAMES:
        rgbz = np.full((48, 64, 4), 0.2, np.float32)
        rgbz[..., 3] = 4
        write_exr(folder / f"cg.{frame}.exr", rgbz, "float", "RGBZ")


def upload(
    visitor: TestClient, files: dict[int, Path], name: str = "up1", colorspace: str | None = None, title: str = "mine"
) -> dict:
    """Upload a clip and open it."""
    for path in files.values():
        answer = visitor.put(f"/api/uploads/{name}/{path.name}", content=path.read_bytes())
        assert answer.status_code == 200, answer.text
    answer = visitor.post(f"/api/uploads/{name}", json={"title": title, "colorspace": colorspace})
    assert answer.status_code == 200, answer.text
    return answer.json()


def made(visitor: TestClient, path: str, answer: Any, seconds: float = 120) -> dict:
    """Wait until what an answer says is being made is there; returns the clip."""
    assert answer.status_code == 200, answer.text
    clip, deadline = answer.json(), time.monotonic() + seconds
    while clip["making"] and clip["making"]["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, clip["making"]
        time.sleep(0.05)
        clip = visitor.get(path).json()
    return clip


def ended(visitor: TestClient, path: str, seconds: float = 120) -> dict:
    """Wait until a clip's job has ended; returns what it has said."""
    deadline = time.monotonic() + seconds
    while (job := visitor.get(path).json()["job"])["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def said(answer: object) -> tuple[int, str]:
    """Return status and error of an answer."""
    return answer.status_code, answer.json().get("error", "")  # type: ignore[attr-defined]


def link(path: Path, to: Path) -> None:
    path.symlink_to(to)
