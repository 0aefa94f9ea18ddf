"""The settings of a job."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from relumix.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How a shot is relit. Each field is an option of `relumix relight` under the same name.

    frames                frames to write, as Nuke writes them ("1001-1100x2,1200"); None: all of the shot.
    engine                name of the engine (see relumix.engines.registry.ENGINES).
    model                 file or folder of the engine's weights; None: the ones it ships with.
    device                "auto", "cpu" or "cuda".
    engine_options        options of the engine, each "NAME=VALUE".
    work_size             long edge in pixels at which light is carried; the plate itself stays at full size.
    mask                  pattern of mattes, or one file: light changes only where they are above 0.
    transfer              "gain": the engine's light on the plate; "direct": pixels that the engine makes.
    mix                   0 (the plate) to 1 (the relit plate).
    colorspace            OCIO name of the plate's colour space; None: scene-linear for OpenEXR, for others what their
                          header or tags say or, where these are silent, see docs/footage.md.
    reference_colorspace  the same for the references; None: sRGB for integer files, the plate's own for float.
    deinterlace           make whole frames of an interlaced movie's fields.
    fit                   references of another size are meant to be: fit them without a word.
    align                 move references that are shifted or scaled against their plate back onto it.
    reference_masks       mattes of single references, each "FRAME=FILE": where one is 0 the plate keeps its light.
    reference_weights     how much of single references counts, each "FRAME=0..1".
    layer, view           which RGB is relit; None: the main one.
    premult               whether alpha is coverage, by which colour is multiplied: "yes", "no" (it is passed through,
                          and not used), or "auto": as the pixels say.
    gain_out              pattern for gain maps, in stops.
    confidence_out        pattern for confidence, 0..1 (see relumix.gain.confidence).
    confidence_layer      whether results have the confidence too, as a channel confidence.Y.
    compression           EXR compression ("dwaa:45", "zip", …); None: the plate's if it is lossless, else zip.
    bits                  "half" or "float" for the relit channels; None: as the plate's.
    preview               MP4 file of plate and result.
    contact_sheet         PNG file of plate, reference, result, and the light between them.
    cuts                  where a new scene begins: "auto" finds it, "none", or its first frames ("1008,1040"). Light
                          crosses no cut.
    unlit                 what a scene without a reference is: "error", or "plate": its frames stay as they are.
    missing               what a gap in the plate is: "error", or "skip".
    codec                 of a movie that is written (see relumix.movie.codecs); None: what suits its container.
    output_colorspace     OCIO name of the colour space of movies and images that are written; None: the plate's own.
    roll_off              draw in highlights softly that a movie or an image of whole numbers cannot hold.
    overwrite             write frames again that are up to date, and over files that relumix did not write.
    """

    frames: str | None = None
    engine: str = "flow"
    model: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine_options: tuple[str, ...] = ()
    work_size: int = 768
    mask: str | None = None
    transfer: Literal["gain", "direct"] = "gain"
    mix: float = 1.0
    colorspace: str | None = None
    reference_colorspace: str | None = None
    deinterlace: bool = False
    fit: bool = False
    align: bool = False
    reference_masks: tuple[str, ...] = ()
    reference_weights: tuple[str, ...] = ()
    layer: str | None = None
    view: str | None = None
    premult: Literal["auto", "yes", "no"] = "auto"
    gain_out: str | None = None
    confidence_out: str | None = None
    confidence_layer: bool = False
    compression: str | None = None
    bits: Literal["half", "float"] | None = None
    preview: str | None = None
    contact_sheet: str | None = None
    cuts: str = "auto"
    unlit: Literal["error", "plate"] = "error"
    missing: Literal["error", "skip"] = "error"
    codec: str | None = None
    output_colorspace: str | None = None
    roll_off: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Raise InputError for values out of range."""
        if not 0 <= self.mix <= 1:
            raise InputError(f"mix is {self.mix}: expected a number from 0 (the plate) to 1 (the relit plate)")
        if not 64 <= self.work_size <= 8192:
            raise InputError(f"work size is {self.work_size}: expected 64 to 8192 pixels for the long edge")
        for name, suffix in (("preview", ".mp4"), ("contact_sheet", ".png")):
            path = getattr(self, name)
            if path is not None and not path.lower().endswith(suffix):
                raise InputError(f"{name.replace('_', ' ')} is {path}: expected a name that ends in {suffix}")
        choices: dict[str, tuple[object, ...]] = {
            "device": ("auto", "cpu", "cuda"),
            "transfer": ("gain", "direct"),
            "premult": ("auto", "yes", "no"),
            "bits": (None, "half", "float"),
            "unlit": ("error", "plate"),
            "missing": ("error", "skip"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                words = ", ".join(str(a) for a in allowed if a)
                raise InputError(f"{name} is {getattr(self, name)!r}: expected one of {words}")

    def asdict(self) -> dict[str, Any]:
        """Return every setting by name, fit for JSON."""
        return dataclasses.asdict(self)

    def pixels(self) -> dict[str, Any]:
        """Return the settings that change a frame's file, and its fingerprint (see relumix.pipeline.fingerprint)."""
        elsewhere = {"frames", "preview", "contact_sheet", "fit", "missing", "overwrite", "mask", "model"}
        elsewhere |= {"gain_out", "confidence_out", "cuts", "unlit"}
        elsewhere |= {"reference_masks", "reference_weights"}
        elsewhere |= {"codec", "output_colorspace", "roll_off"}
        elsewhere |= {name for name in ("align", "deinterlace") if not getattr(self, name)}
        if not self.confidence_layer:  # files of the time before there was one have no word of it, and are up to date
            elsewhere.add("confidence_layer")
        return {name: value for name, value in self.asdict().items() if name not in elsewhere}
