"""References that `relumix reference` makes: by another picture's light, by lamps, or by words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.web.clips import Clip
from relumix.web.commands import complaint, run
from relumix.web.errors import RefusedError
from relumix.web.options import Options

MOST_RIG_BYTES = 256 << 10
MOST_WORDS = 400

_SECONDS = {"match": 120.0, "lights": 300.0, "text": 1800.0}
_FILES = frozenset({"hdri", "gobo", "image"})
"""Fields of a rig that name files: whoever writes it here must not have this machine's read."""


@dataclass(frozen=True)
class Makers:
    """What makes references here. depth_model, words_model: folders of models, None where there are none."""

    depth_model: str | None
    words_model: str | None

    @classmethod
    def of(cls, options: Options) -> Makers:
        """Take the options' models."""
        return cls(options.depth_model, options.words_model)

    def offered(self, clip: Clip) -> list[str]:
        """Return what can make references of a clip: lamps need its geometry, words a model."""
        lights = clip.found.geometry or self.depth_model
        return ["match", *(["lights"] if lights else []), *(["text"] if self.words_model else [])]

    def match(self, clip: Clip, frame: int, picture: Path, target: Path) -> None:
        """Make a reference that has the light of another picture. Raises RefusedError."""
        _make(clip, "match", frame, target, [f"--to={picture}"])

    def lights(self, clip: Clip, frame: int, rig: Any, fov_deg: float | None, target: Path) -> None:
        """Make a reference that has the light of lamps. Raises RefusedError.

        rig      as docs/reference.md says.
        fov_deg  angle across the frame; None: as the clip's header says.
        """
        if "lights" not in self.offered(clip):
            raise RefusedError(404, "the clip has no depth, and this page was started without --depth-model")
        _refuse_files(rig)
        text = json.dumps(rig)
        if len(text) > MOST_RIG_BYTES:
            raise RefusedError(413, f"a rig of more than {MOST_RIG_BYTES} bytes")
        file = target.with_name("lights.json")
        file.write_text(text, encoding="utf-8")
        estimate = [] if clip.found.geometry or not self.depth_model else [f"--estimate={self.depth_model}"]
        fov = [] if fov_deg is None else [f"--fov={fov_deg:g}"]
        _make(clip, "lights", frame, target, [f"--lights={file}", *estimate, *fov])

    def words(self, clip: Clip, frame: int, words: str, seed: int, target: Path) -> None:
        """Make a reference by words. Raises RefusedError."""
        if not self.words_model:
            raise RefusedError(404, "this page was started without a model for words: --words-model")
        if not words.strip() or len(words) > MOST_WORDS:
            raise RefusedError(422, f"expected 1 to {MOST_WORDS} letters that say what the light is to be")
        _make(clip, "text", frame, target, [f"--prompt={words}", f"--seed={seed}", f"--model={self.words_model}"])


def _refuse_files(value: Any, depth: int = 0) -> None:
    if depth > 20:
        raise RefusedError(422, "a rig's objects lie too deep in each other")
    if isinstance(value, dict):
        if named := sorted(_FILES & set(value)):
            raise RefusedError(422, f"{named[0]}: a rig on this page names no files; use the command for those")
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        _refuse_files(each, depth + 1)


def _make(clip: Clip, kind: str, frame: int, target: Path, arguments: Sequence[str]) -> None:
    words = ["reference", kind, clip.source.pattern, f"--frame={frame}", *arguments]
    words += [f"--output={target}", "--overwrite", "--progress=none"]
    if clip.source.colorspace:
        words.append(f"--colorspace={clip.source.colorspace}")
    done = run(words, target.parent, _SECONDS[kind])
    if done.returncode:
        raise RefusedError(422, complaint(done.stderr, done.returncode))
