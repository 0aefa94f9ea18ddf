"""The engine around Stable Video Diffusion: it shows the network a window of the shot and reads light off its answer.

Every window is a clip whose first frame is already relit: the reference itself (anchored windows, which know nothing of
each other), or the last relit frame of the window before (chained ones). Clips run away from their reference, forward
or backward in time. The reference stays in the network's attention throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from relumix.engines.base import Keyframe, Propagator
from relumix.engines.svd import tone
from relumix.engines.svd.chain import Anchor, Chain
from relumix.engines.svd.clip import Clip, Clips
from relumix.engines.svd.light import ReferenceLight, gain, pixels, relit
from relumix.engines.svd.model import SvdModel
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError
from relumix.gain.direct_transfer import shown_under
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_AT_LOADING = ("precision", "offload", "compile")


class SvdEngine:
    """The published method (arXiv 2509.23769). See `Engine`."""

    def __init__(self, model: SvdModel, options: SvdOptions | None = None, *, direct: bool = False) -> None:
        """Make it; `direct` has it deliver the network's pixels, as stops, in place of light."""
        self.name = "svd"
        self._model, self._options, self._direct = model, options or SvdOptions(), direct
        self.windowing = self._options.windowing()
        self.device = str(model.device)

    @classmethod
    def load(cls, folder: Path, device: str, options: Sequence[str] = ()) -> SvdEngine:
        """Load a folder that relumix.engines.svd.weights.model_folder returned.

        device   "auto", "cpu" or "cuda"; options: each "NAME=VALUE", see SvdOptions.

        Raises InputError where it cannot be read, or not be used as asked.
        """
        chosen = SvdOptions().changed(options)
        return cls(SvdModel.load(folder, device, chosen), chosen)

    def with_options(self, options: Sequence[str], *, direct: bool) -> SvdEngine:
        """Return this engine with some options changed, around the same weights. Raises InputError."""
        chosen = self._options.changed(options)
        for name in _AT_LOADING:
            if getattr(chosen, name) != getattr(self._options, name):
                raise InputError(f"svd's {name} is chosen where its weights are loaded: leave it out here")
        return SvdEngine(self._model, chosen, direct=direct)

    def start(self) -> Propagator:
        """Begin a shot."""
        return SvdPropagator(self._model, self._options, direct=self._direct)


class SvdPropagator:
    """The svd engine at work on one shot. It keeps what VAE and CLIP made of the last frames, and a chain's links."""

    def __init__(self, model: SvdModel, options: SvdOptions, *, direct: bool) -> None:
        self._clips = Clips(model, options)
        self._chain = Chain(options.window - 1, self._carry) if options.chained else None
        self._direct = direct

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        for reference in references:
            self._clips.fit(reference)
        sides = [
            self._from(reference, frames, keyframe_path)
            for reference, keyframe_path in zip(references, keyframe_paths, strict=True)
        ]
        return np.stack(
            [_mixed(frame.frame, references, [side[i] for side in sides]) for i, frame in enumerate(frames)]
        )

    def _from(
        self, reference: ProxyReference, frames: Sequence[ProxyFrame], keyframe_path: Sequence[Keyframe]
    ) -> Float32:
        """[n, h, w, 3] stops on the frames, by the light of one reference."""
        light = ReferenceLight.of(reference)
        stops = np.broadcast_to(light.level, (len(frames), *reference.gain_stops.shape)).copy()
        if light.plain and not self._direct:
            return stops
        outwards = sorted(range(len(frames)), key=lambda i: abs(frames[i].frame - reference.frame))
        window = [frames[i] for i in outwards]
        anchor = Anchor(reference, light.local)
        if self._chain is not None:
            anchor = self._chain.anchor(reference, light, keyframe_path)
        local = {anchor.frame.frame: anchor.local}
        rest = [frame for frame in window if frame.frame not in (reference.frame, anchor.frame.frame)]
        if rest:
            carried = self._carry(anchor, rest, reference, light)
            local |= {frame.frame: each for frame, each in zip(rest, carried, strict=True)}
            if self._chain is not None:
                self._chain.keep(reference, keyframe_path, rest, carried)
        for i in outwards:
            stops[i] += local.get(frames[i].frame, np.float32(0))
        return stops

    def _carry(
        self, anchor: Anchor, frames: Sequence[ProxyFrame], reference: ProxyReference, light: ReferenceLight
    ) -> Float32:
        """[n, h, w, 3] local stops on frames that follow an anchor outwards."""
        is_reference = anchor.frame is reference
        under = shown_under if self._direct and not is_reference else relit
        begin = under(anchor.frame.rgb, anchor.local)
        artist = relit(reference.rgb, light.local)
        clip = Clip(anchor.frame, tone.encode(begin), tuple(frames), reference.frame, tone.encode(artist))
        shown = self._clips.show(clip)
        if self._direct:
            return pixels(np.stack([frame.rgb for frame in frames]), shown.result)
        known = light.trusted if is_reference else anchor.frame.known > 0.5
        at_anchor = gain(shown.anchor_source[None], shown.anchor_result[None])[0]
        return light.settled(gain(shown.source, shown.result), at_anchor, anchor.local, known)


def _mixed(frame: int, references: Sequence[ProxyReference], sides: Sequence[Float32]) -> Float32:
    """[h, w, 3]: a reference is its own; between two, light passes from one to the other, in stops."""
    for reference in references:
        if reference.frame == frame:
            return reference.gain_stops
    if len(sides) == 1:
        return sides[0]
    first, last = (reference.frame for reference in references)
    share = np.float32((frame - first) / (last - first))
    return (1 - share) * sides[0] + share * sides[1]
