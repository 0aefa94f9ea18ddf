"""The maker of light by words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.reference.maker import Light, PlateFrame, Tell
from relumix.reference.text.display import Display, quantized
from relumix.reference.text.extraction import EditedLight, light_of
from relumix.reference.text.folder import ModelFolder
from relumix.reference.text.options import Precision, TextOptions
from relumix.reference.text.weights import IC_LIGHT, missing
from relumix.shot.box import Box
from relumix.shot.reference_checks import described
from relumix.types import Float32

if TYPE_CHECKING:
    from relumix.reference.text.ic_light import Direction
    from relumix.reference.text.pipelines import Model

LEAST_KEPT = 0.25
"""Correlation of detail below which a picture is hardly the plate's any more."""


@dataclass(frozen=True)
class Words:
    """Light by words.

    folder     the model.
    direct     whether its pixels are delivered (`--transfer direct`).
    coarse     how many times smaller the pictures are that light is taken from; 1: as fine as they tell it.
    leave_out  matte of where nothing is taken from the picture, as its content is not the plate's: there the light goes
               on from around it.
    subject    matte of what is lit, for IC-Light, and of where its light is taken from.
    ic_light   the checkpoint of IC-Light, on the folder's Stable Diffusion; None without.
    direction  where IC-Light's light comes from; background: [h, w, 3] in 0..1 and its file.
    """

    folder: ModelFolder
    options: TextOptions
    pipeline: str | None = None
    device: str = "auto"
    precision: Precision = "auto"
    offload: bool = False
    direct: bool = False
    coarse: int = 1
    leave_out: Path | None = None
    subject: Path | None = None
    ic_light: Path | None = None
    direction: Direction | None = None
    background: tuple[Path, Float32] | None = None
    name: str = "text"
    _loaded: list[Model] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise InputError for what does not go together, and for a checkpoint that is not there."""
        if self.ic_light is None and (self.direction or self.background or self.subject):
            given = "light-from" if self.direction else "background" if self.background else "subject"
            raise InputError(f"--{given} is for IC-Light: give its checkpoint with --ic-light")
        if self.direction and self.background:
            raise InputError("--light-from and --background both say where the light is: give one of them")
        if self.ic_light is not None and not self.ic_light.is_file():
            raise missing(f"no checkpoint of IC-Light at {self.ic_light}", self.ic_light, IC_LIGHT)
        if self.ic_light is not None and self.pipeline:
            raise InputError("--pipeline and --ic-light both say what is run: give one of them")
        if not 1 <= self.coarse <= 64:
            raise InputError(f"coarse is {self.coarse}: expected 1 (fine) to 64")

    @property
    def labels(self) -> Sequence[str]:
        """The seeds, where there are several candidates."""
        return ("",) if self.options.count == 1 else [f"seed{seed}" for seed in self.options.seeds]

    @property
    def inputs(self) -> Sequence[Path]:
        """The files of the model, the background and the matte."""
        others = (self.ic_light, self.background[0] if self.background else None, self.subject, self.leave_out)
        return [*self.folder.files, *(path for path in others if path)]

    def settings(self) -> dict[str, Any]:
        """Return what it depends on besides."""
        files = {
            "ic_light": self.ic_light,
            "background": self.background and self.background[0],
            "subject": self.subject,
            "leave_out": self.leave_out,
        }
        told_by_label = ("count", "seed") if self.options.count > 1 else ("count",)
        options = {name: value for name, value in asdict(self.options).items() if name not in told_by_label}
        return {
            **{"model": self.folder.path.name, "pipeline": self.pipeline or self.folder.pipeline, **options},
            **{"precision": self.precision, "coarse": self.coarse, "direction": self.direction},
            **{name: path.name for name, path in files.items() if path},
        }

    def look(self, frame: PlateFrame) -> Sequence[str]:
        """Look at the mattes, and whether model and options go together; its weights are not loaded."""
        self._taken(frame, frame.matte(self.subject) if self.subject else None)
        self._refuse_misfits()
        return ()

    def make(self, frame: PlateFrame, tell: Tell) -> Iterator[Light]:
        """Yield the light of each seed."""
        plate = frame.proxy.rgb
        display = Display.of(plate)
        picture = quantized(display.encode(plate))
        subject = frame.matte(self.subject) if self.subject else None
        taken = self._taken(frame, subject)
        tell(0.0, f"loading {self.folder.path.name}")
        model = self._model(subject)
        for at, seed in enumerate(self.options.seeds):
            made = model.edit(picture, seed, _part(tell, at, self.options.count, f"seed {seed}"))
            found = light_of(plate, made, display, self.coarse, taken)
            yield self._light(frame, found)

    def _model(self, subject: Float32 | None) -> Model:
        """Return the model, loaded once for all frames."""
        if not self._loaded:
            self._loaded.append(self._load())
        model = self._loaded[0]
        if self.ic_light is None:
            return model
        from relumix.reference.text.ic_light import IcLight  # noqa: PLC0415

        assert isinstance(model, IcLight)
        return model.lighting(subject)

    def _load(self) -> Model:
        # Loading torch takes seconds, and whoever only checks a command line waits for none of it.
        from relumix.reference.text.pipelines import EditModel, load, quiet  # noqa: PLC0415

        if self.ic_light is None:
            pipe = load(self.folder, self.pipeline, self.device, self.precision, offload=self.offload)
            return EditModel(pipe, self.options)
        with quiet():
            from relumix.reference.text.ic_light import IcLight  # noqa: PLC0415

        return IcLight.load(
            self.folder,
            self.ic_light,
            self.options,
            self.device,
            self.precision,
            direction=self.direction,
            background=self.background[1] if self.background else None,
            offload=self.offload,
        )

    def _refuse_misfits(self) -> None:
        """Raise InputError where the model cannot be run as it is asked for, as far as its files say before loading."""
        from relumix.engines.svd.model import device_of  # noqa: PLC0415  loads torch
        from relumix.reference.text.pipelines import kind_of, quiet, refuse_lacking, refuse_useless  # noqa: PLC0415

        device_of(self.device, "reference text")
        if self.ic_light is None:
            kind = kind_of(self.folder, self.pipeline)
            refuse_lacking(self.folder, kind)
            refuse_useless(kind, self.options)
            return
        with quiet():
            from relumix.reference.text import ic_light  # noqa: PLC0415

        asked = self.folder, self.ic_light, self.options, self.direction
        ic_light.kind_of(*asked, with_background=self.background is not None)

    def _taken(self, frame: PlateFrame, subject: Float32 | None) -> NDArray[np.bool_] | None:
        """Return where light is taken from the picture, [h, w]; None: everywhere. Raises FrameError: nowhere."""
        if subject is None and self.leave_out is None:
            return None
        taken = np.ones(frame.proxy.known.shape, np.bool_) if subject is None else subject > 0.5
        if self.leave_out is not None:
            taken &= frame.matte(self.leave_out) < 0.5
        if not taken.any():
            named = self.subject or self.leave_out
            raise FrameError(frame.number, f"frame {frame.number}: the matte {named} leaves nothing to take light from")
        return taken

    def _light(self, frame: PlateFrame, found: EditedLight) -> Light:
        warnings = []
        if found.changed is not None:
            instead = "its pixels are delivered" if self.direct else "its broad light alone is taken"
            warnings.append(
                f"the picture shows something else than the plate in {_place(frame, found.changed)}: {instead}"
            )
        elif found.kept < LEAST_KEPT:
            warnings.append(
                f"the picture kept little of the plate's detail ({max(found.kept, 0):.2f} of 1), so that its light is "
                "rough: try another --seed, or a larger --image-guidance or less --strength where the model has them"
            )
        if self.direct:
            return Light.of_pixels(frame, found.pixels, warnings, found.pixels)
        return Light.of_gain(frame, found.gain_stops, warnings, found.pixels)


def _place(frame: PlateFrame, box: Box) -> str:
    """Return an area of the working size in words, in pixels of the plate."""
    window, width = frame.canvas.window, frame.canvas.width
    scale = window.width / width
    at = (round(window.x + box.x * scale), round(window.y + box.y * scale))
    return described(Box(*at, round(box.width * scale), round(box.height * scale)))


def _part(tell: Tell, at: int, count: int, words: str) -> Callable[[float, str], None]:
    def say(share: float, step: str) -> None:
        tell((at + min(share, 1.0)) / count, f"{words}, {step}" if count > 1 else step)

    return say
