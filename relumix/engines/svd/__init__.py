"""Stable Video Diffusion, trained to carry light: the published method (arXiv 2509.23769)."""

from __future__ import annotations

from collections.abc import Sequence

from relumix.engines.base import Engine


def look(model: str | None, device: str, options: Sequence[str]) -> None:
    """Raise InputError where `load` would, as far as is told before weights are read."""
    from relumix.engines.svd.weights import model_folder  # noqa: PLC0415

    model_folder(model)
    from relumix.engines.svd.model import device_of  # noqa: PLC0415
    from relumix.engines.svd.options import SvdOptions  # noqa: PLC0415

    SvdOptions().changed(options)
    device_of(device)


def load(model: str | None, device: str, options: Sequence[str]) -> Engine:
    """See relumix.engines.registry."""
    from relumix.engines.svd.weights import model_folder  # noqa: PLC0415

    folder = model_folder(model)  # before torch: where there are no weights, that is what is to be said
    from relumix.engines.svd.engine import SvdEngine  # noqa: PLC0415

    return SvdEngine.load(folder, device, options)
