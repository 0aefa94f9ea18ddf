"""The job without files: numpy arrays in, relit numpy arrays out, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from relumix.engines.base import Engine
from relumix.engines.registry import engine_for
from relumix.errors import FrameError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.gain.relight import Blend, relight, transfer_for
from relumix.gain.transfer import Gain, Transfer
from relumix.pipeline.propagate import Propagation
from relumix.pipeline.relit_frame import RelitFrame
from relumix.pipeline.windows import refuse_chunks
from relumix.settings import Settings
from relumix.shot.array_source import Arrays, ArraySource


def relit(
    source: Arrays,
    references: Arrays,
    settings: Settings | None = None,
    *,
    masks: Arrays | None = None,
    reference_masks: Arrays | None = None,
    reference_weights: Mapping[int, float] | None = None,
    frames: Sequence[int] | None = None,
    engine: Engine | None = None,
    confidence: bool = False,
) -> Iterator[RelitFrame]:
    """Relight a shot of arrays; yields its frames in ascending order as they are done.

    source      frame number to [h, w, 3] or [h, w, 4] (premultiplied alpha last), scene-linear, all of one size. It may
                read lazily: frames are requested by number, more than once, from several threads.
    references  frame number to the relit frame [h, w, 3 or 4].
    settings    engine, engine_options, model, device, work_size, premult, align, mix, transfer, cuts and unlit are
                used; the rest is about files. To find cuts every frame is read once; name them, or "none", to spare
                that.
    masks       frame number to matte [h, w] in 0..1; light changes only where it is above 0. None: everywhere.
    reference_masks    frame of a reference to its matte [h, w] in 0..1: where it is 0 the plate keeps its light.
    reference_weights  frame of a reference to how much of its light counts, 0..1; those not named count whole.
    frames      the frames to yield; None: all. Any choice gives the same frames, bit for bit.
    engine      an engine already loaded, instead of the settings'.
    confidence  whether frames come with their confidence.

    Raises InputError for arguments that do not fit together and for a scene without a reference, FrameError for a
    frame of another size.
    """
    settings = settings or Settings()
    shot = ArraySource(
        source,
        references,
        masks,
        settings.premult,
        align=settings.align,
        reference_masks=reference_masks,
        reference_weights=reference_weights,
    )
    wanted = shot.choose(frames)
    engine = engine or engine_for(settings)
    refuse_chunks(engine, shot.frames, wanted)
    shot.find_cuts(settings.cuts, settings.unlit, wanted)
    with Propagation(DownsampledShot(shot, settings.work_size), engine, cuts=shot.cuts) as propagation:
        transfer = transfer_for(settings.transfer, propagation.canvas)
        for outcome in propagation.each(wanted, partial(_relit, shot, settings, transfer, confidence)):
            if isinstance(outcome, FrameError):
                raise outcome
            yield outcome


def _relit(
    shot: ArraySource, settings: Settings, transfer: Transfer, confidence: bool, gain: Gain | FrameError
) -> RelitFrame | FrameError:
    """Return a relit frame, or the error that its gain carries."""
    if isinstance(gain, FrameError):
        return gain
    picture = shot.read(gain.frame)
    level, mask = picture.levels[0], shot.read_mask(gain.frame, picture)
    reference = shot.read_reference(gain.frame, picture) if gain.frame in shot.references else None
    blend = Blend(settings.mix, mask, reference)
    result = relight(transfer, gain, level, picture.data_window, blend, keep_gain=True, keep_confidence=confidence)
    assert result.gain_stops is not None
    alpha = picture.stored_alpha
    pixels = result.pixels if alpha is None else np.concatenate([result.pixels, alpha[..., None]], axis=-1)
    return RelitFrame(gain.frame, pixels, result.gain_stops, result.confidence)
