"""What image models come from, for those who have none yet. Nothing is fetched here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relumix.errors import InputError


@dataclass(frozen=True)
class Published:
    """Weights that their makers publish.

    word     that a folder of them is likely to have in its name.
    files    to fetch; (): what diffusers keeps in folders, without copies in other formats and precisions.
    licence  in words; its text is on their page.
    """

    word: str
    title: str
    repository: str
    licence: str
    files: tuple[str, ...] = ()

    def command(self, folder: Path) -> str:
        """Return the command that fetches them into a folder."""
        return " ".join(["hf download", self.repository, *(self.files or _FOLDERS), f"--local-dir {folder}"])


_UNUSED = ("*.bin", "*fp16*", "*non_ema*", "safety_checker/*")
_FOLDERS = (
    *("--include model_index.json", '--include "*/*"'),
    *(f'--exclude "{pattern}"' for pattern in _UNUSED),
)
"""Many repositories have all weights in one more file, which diffusers' folders do not need: up to 24 GB saved."""


INSTRUCT_PIX2PIX = Published(
    "pix2pix",
    "InstructPix2Pix",
    "timbrooks/instruct-pix2pix",
    "MIT, and for what of it is Stable Diffusion's, CreativeML OpenRAIL-M",
)
STABLE_DIFFUSION = Published(
    "stable-diffusion", "Stable Diffusion 1.5", "stable-diffusion-v1-5/stable-diffusion-v1-5", "CreativeML OpenRAIL-M"
)
IC_LIGHT = Published(
    "ic-light",
    "IC-Light",
    "lllyasviel/ic-light",
    "its model page's (its code is Apache-2.0)",
    ("iclight_sd15_fc.safetensors", "iclight_sd15_fbc.safetensors"),
)
PUBLISHED = (
    INSTRUCT_PIX2PIX,
    Published(
        "kontext",
        "FLUX.1 Kontext",
        "black-forest-labs/FLUX.1-Kontext-dev",
        "FLUX.1 [dev] Non-Commercial, accepted on its model page",
    ),
    Published("qwen", "Qwen-Image-Edit", "Qwen/Qwen-Image-Edit", "Apache-2.0"),
    STABLE_DIFFUSION,
    IC_LIGHT,
)


def likely(path: Path) -> Published:
    """Return the weights that a path is most likely meant for; the smallest editor where its name says nothing."""
    name = path.name.casefold()
    return next((each for each in PUBLISHED if each.word in name), INSTRUCT_PIX2PIX)


def missing(what: str, path: Path, published: Published | None = None) -> InputError:
    """Return the error to raise for weights that are not there: what, under which licence, and what fetches it."""
    found = published or likely(path)
    folder = path.parent if path.suffix == ".safetensors" else path
    return InputError(f"{what}: {found.title} (licence: {found.licence}) is fetched by: {found.command(folder)}")
