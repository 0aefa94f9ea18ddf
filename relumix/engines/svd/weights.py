"""The weights of the svd engine: a folder as diffusers lays it out, or the one sentence about where to get it."""

from __future__ import annotations

from pathlib import Path

from relumix.errors import InputError

PARTS = ("unet", "vae", "image_encoder")
"""Folders of a model that are read; the sampler needs no scheduler's."""

BASE_FILES = (
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "image_encoder/config.json",
    "image_encoder/model.safetensors",
    "feature_extractor/preprocessor_config.json",
)
"""What is needed of Stable Video Diffusion where its own U-Net is not."""

FETCH = (
    f"hf download stabilityai/stable-video-diffusion-img2vid {' '.join(BASE_FILES)} --local-dir svd "
    "&& hf download lez/relumix relumix.pth --local-dir . "
    "&& relumix convert relumix.pth --base svd -o relumix-svd"
)
LICENCE = (
    "Stable Video Diffusion comes under Stability AI's own licence, which limits commercial use and is accepted on its "
    "page; the authors' checkpoint builds on it"
)


def model_folder(model: str | None) -> Path:
    """Return the folder of a model. Raises InputError where it lacks something, and says how to get all of it."""
    advice = f"get them with: {FETCH} ({LICENCE}); then --model relumix-svd"
    if model is None:
        raise InputError(f"engine svd ships without weights, and no --model was given: {advice}")
    folder = Path(model)
    if not folder.is_dir():
        raise InputError(f"the svd model {folder} is no folder: expected one with {', '.join(PARTS)}; {advice}")
    for part in PARTS:
        found = folder / part
        if not (found / "config.json").is_file() or not any(found.glob("*.safetensors")):
            raise InputError(
                f"the svd model {folder} lacks {part}/config.json or its .safetensors: expected a folder that "
                f"`relumix convert` made; {advice}"
            )
    return folder
