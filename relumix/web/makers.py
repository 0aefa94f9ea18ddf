"""References that `relumix reference` makes: by another picture's light, by lamps, or by words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.options import Options

MOST_RIG_BYTES = 256 << 10
MOST_WORDS = 400

_FILES = frozenset({"hdri", "gobo", "image"})
"""Fields of a rig that name files: whoever writes it here must not have this machine's read."""


@dataclass(frozen=True)
class Recipe:
    """What makes a reference of a frame: `relumix reference` with a kind of light, and arguments of that kind.

    target     the reference's file; it and what it is made of lie in its folder.
    colorspace of the clip, where it was told.
    """

    kind: str
    source: str
    frame: int
    target: Path
    arguments_of_kind: tuple[str, ...]
    colorspace: str | None

    @property
    def folder(self) -> Path:
        """The folder that it runs in."""
        return self.target.parent

    @property
    def ends_well(self) -> tuple[int, ...]:
        """Exit codes with which the reference is there."""
        return (0,)

    def arguments(self) -> list[str]:
        """Return the command's arguments."""
        words = ["reference", self.kind, self.source, f"--frame={self.frame}", *self.arguments_of_kind]
        words += [f"--colorspace={self.colorspace}"] if self.colorspace else []
        return [*words, f"--output={self.target}"]


@dataclass(frozen=True)
class Makers:
    """What makes references here. depth_model, words_model: folders of models, None where there are none."""

    depth_model: str | None
    words_model: str | None

    @classmethod
    def of(cls, options: Options) -> Makers:
        """Take the options' models."""
        depth, words = (path and str(Path.cwd() / path) for path in (options.depth_model, options.words_model))
        return cls(depth, words)

    def offered(self, clip: Clip) -> list[str]:
        """Return what can make references of a clip: lamps need its geometry, words a model."""
        lights = clip.has_shapes or self.depth_model
        return ["match", *(["lights"] if lights else []), *(["text"] if self.words_model else [])]

    def match(self, clip: Clip, frame: int, picture: Path) -> Recipe:
        """Return what makes a reference that has the light of another picture, in the folder of that."""
        return _recipe(clip, "match", frame, picture.parent, [f"--to={picture}"])

    def lights(self, clip: Clip, frame: int, rig: Any, fov_deg: float | None) -> Recipe:
        """Return what makes a reference that has the light of lamps. Raises RefusedError.

        rig      as docs/reference.md says.
        fov_deg  angle across the frame; None: as the clip's header says.
        """
        if "lights" not in self.offered(clip):
            raise RefusedError(404, "the clip has no depth, and this page was started without --depth-model")
        _refuse_files(rig)
        text = json.dumps(rig, indent=1)
        if len(text) > MOST_RIG_BYTES:
            raise RefusedError(413, f"a rig of more than {MOST_RIG_BYTES} bytes")
        shapes = self._shapes(clip, frame)
        folder = clip.reference_folder()
        file = folder / f"lights.{clip.number(frame)}.json"
        file.write_text(text, encoding="utf-8")
        fov = [] if fov_deg is None else [f"--fov={fov_deg:g}"]
        return _recipe(clip, "lights", frame, folder, [f"--lights={file}", *shapes, *fov])

    def _shapes(self, clip: Clip, frame: int) -> list[str]:
        """Return the arguments that say where a frame's geometry is. Raises RefusedError."""
        if clip.found.geometry:
            return []
        if clip.shapes.covers(frame):
            return [f"--{name}={path}" for name, path in clip.shapes.files.items()]
        if self.depth_model:
            return [f"--estimate={self.depth_model}"]
        raise RefusedError(404, f"the clip has no depth at frame {frame}: it has some at {clip.shapes.told()}")

    def words(self, clip: Clip, frame: int, words: str, seed: int) -> Recipe:
        """Return what makes a reference by words. Raises RefusedError."""
        if not self.words_model:
            raise RefusedError(404, "this page was started without a model for words: --words-model")
        if not words.strip() or len(words) > MOST_WORDS or "\0" in words:
            raise RefusedError(422, f"expected 1 to {MOST_WORDS} letters that say what the light is to be")
        arguments = [f"--prompt={words}", f"--seed={seed}", f"--model={self.words_model}"]
        return _recipe(clip, "text", frame, clip.reference_folder(), arguments)


def _refuse_files(value: Any, depth: int = 0) -> None:
    if depth > 20:
        raise RefusedError(422, "a rig's objects lie too deep in each other")
    if isinstance(value, dict):
        if named := sorted(_FILES & set(value)):
            raise RefusedError(422, f"{named[0]}: a rig on this page names no files; use the command for those")
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        _refuse_files(each, depth + 1)


def _recipe(clip: Clip, kind: str, frame: int, folder: Path, arguments: Sequence[str]) -> Recipe:
    target = folder / f"reference.{clip.number(frame)}.exr"
    return Recipe(kind, clip.source.pattern, frame, target, tuple(arguments), clip.source.colorspace)
