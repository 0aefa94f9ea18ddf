"""The engine around Stable Video Diffusion: it shows the network a window of the shot and reads light off its answer.

Every window is a clip whose first frame is already relit: the reference itself, or, where windows are chained, the last
relit frame of the window before. Clips run away from their reference, forward or backward in time; where it lies within
reach they go from it frame by frame, as in training. The reference stays in the network's attention throughout. The
method, step by step, is `SvdPropagator._relight_clip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relumix.engines.base import Carried, Keyframe, Propagator
from relumix.engines.svd.chained_windows import Anchor, CarriedClip, ChainedWindows
from relumix.engines.svd.clip_sampler import ClipSampler
from relumix.engines.svd.conditioning import EncodedFrame
from relumix.engines.svd.decoded_gain import gain, pixels
from relumix.engines.svd.model import SvdModel
from relumix.engines.svd.options import PUBLISHED, TRAINED_FRAMES, SvdOptions
from relumix.engines.svd.reference_light import ReferenceLight, relit
from relumix.engines.svd.shown_light import ShownLight
from relumix.errors import InputError
from relumix.gain.direct_transfer import shown_under
from relumix.gain.log_gain import measured
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_AT_LOADING = ("precision", "encode_precision", "decode_precision", "offload", "compile")


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
                too = ", and published, which sets it too" if name in PUBLISHED else ""
                raise InputError(f"svd's {name} is chosen where its weights are loaded: leave it out here{too}")
        return SvdEngine(self._model, chosen, direct=direct)

    def start(self) -> Propagator:
        """Begin a shot."""
        return SvdPropagator(self._model, self._options, direct=self._direct)


class SvdPropagator:
    """The svd engine at work on one shot. It keeps what the encoders made of the last frames, and a chain's links."""

    def __init__(self, model: SvdModel, options: SvdOptions, *, direct: bool) -> None:
        self._model, self._options, self._direct = model, options, direct
        self._chain = ChainedWindows(options.clip_frames - 1, self._relight_clip) if options.chained else None
        self._clips: ClipSampler | None = None

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`).

        The network does not say how sure it is. The error expected of a clip is what its answer was off, in the mean,
        on the frame that it began with, where the light is known; the same for all of its pixels.
        """
        sides = [self._by(reference, frames, path) for reference, path in zip(references, keyframe_paths, strict=True)]
        mixed = [
            _mixed(frame.frame, references, [(side.gain_stops[i], side.error_stops[i]) for side in sides])
            for i, frame in enumerate(frames)
        ]
        return Carried(np.stack([gain for gain, _ in mixed]), np.stack([error for _, error in mixed]))

    def _by(self, reference: ProxyReference, frames: Sequence[ProxyFrame], path: Sequence[Keyframe]) -> Carried:
        """Return the light of the frames, by one reference."""
        light = ReferenceLight.of(reference)
        stops = np.broadcast_to(light.median_gain, (len(frames), *reference.gain_stops.shape)).copy()
        errors = np.zeros(stops.shape[:3], np.float32)
        if light.plain and self._options.calibrate and not self._direct:
            return Carried(stops, errors)
        outwards = sorted(range(len(frames)), key=lambda i: abs(frames[i].frame - reference.frame))
        window = [frames[i] for i in outwards]
        anchor = Anchor(reference, light.local)
        if self._chain is not None:
            anchor = self._chain.anchor(reference, light, path)
        local = {anchor.frame.frame: (anchor.local, anchor.error_stops)}
        rest = [frame for frame in window if frame.frame not in (reference.frame, anchor.frame.frame)]
        if rest:
            carried = self._relight_window(anchor, rest, reference, light)
            for frame, each in zip(rest, carried.local, strict=True):
                local[frame.frame] = each, carried.error_stops
            if self._chain is not None:
                self._chain.keep(reference, path, rest, carried)
        for i, frame in enumerate(frames):
            if frame.frame in local:
                added, errors[i] = local[frame.frame]
                stops[i] += added
        return Carried(stops, errors)

    def _relight_window(
        self, anchor: Anchor, frames: Sequence[ProxyFrame], reference: ProxyReference, light: ReferenceLight
    ) -> CarriedClip:
        """Return the light of frames that follow an anchor outwards, in a clip; in two where one is too short.

        Leading windows beyond the first have not the reference among their frames, and with it are one too many.
        """
        most = self._options.clip_frames - 1
        if len(frames) <= most:
            return self._relight_clip(anchor, frames, reference, light)
        shared = min(most, TRAINED_FRAMES[0] - 1)
        first, error = self._relight_clip(anchor, frames[:most], reference, light)
        last, other = self._relight_clip(anchor, frames[-shared:], reference, light)
        made = np.concatenate([first, last[-1:]])
        weight = np.linspace(0, 1, shared + 1, dtype=np.float32)[1:-1, None, None, None]
        made[-shared:-1] += weight * (last[:-1] - made[-shared:-1])
        return CarriedClip(made, max(error, other))

    def _relight_clip(
        self, anchor: Anchor, frames: Sequence[ProxyFrame], reference: ProxyReference, light: ReferenceLight
    ) -> CarriedClip:
        """Return the light of frames that follow an anchor outwards: the method, one clip of it."""
        options, clip = self._options, [anchor.frame, *frames]
        height, width = reference.rgb.shape[:2]
        clips = self._clips = self._clips or ClipSampler(self._model, options, (height, width))
        clips.batched(len(clip))  # refuses what does not fit, before anything is done for it

        # 1. Pictures. Scene-linear light becomes photographs: exposed, under a curve, the reference under its light.
        shown = ShownLight.of(
            reference, light.median_gain, exposure=options.exposure, curve=options.tone, shown=options.median_gain
        )

        # 2. Encoding. The VAE's mode and CLIP's embedding, of every source frame and of the reference.
        plates = [self._plate(clips, shown, frame, reference) for frame in clip]
        known = self._relit(clips, shown, Anchor(reference, light.local), reference, options.reference_range)

        # 3. Temporal bootstrapping. The relit frame takes the place of the first source frame, so that the network sees
        #    the new light at the clip's beginning and carries it on as it learned to carry motion on.
        source = [self._relit(clips, shown, anchor, reference, "signed"), *plates[1:]]

        # 4. Sampling. Padded to a length that the network was trained on, the clip is made from noise.
        latents = clips.sample(source, known, clip)

        # 5. Decoding. The answer, and the source too, so that what the VAE blurs it blurs in both.
        backward = frames[0].frame < anchor.frame.frame
        light_of = [frame.rgb * self._shown_factor(frame, reference) for frame in clip]
        result = self._decoded(clips, latents, clip, [shown.relit(each) for each in light_of], backward=backward)
        answered = light.trusted if anchor.frame is reference else anchor.frame.known > 0.5
        if self._direct:
            factors = [self._shown_factor(frame, reference) for frame in clip]
            made = np.stack([pixels(shown, *each) for each in zip(clip, result, factors, strict=True)])
            return _checked(made, anchor, answered)
        plate_latents = clips.padded([plate.clean for plate in plates])
        plate = self._decoded(clips, plate_latents, clip, [shown.plate(each) for each in light_of], backward=backward)

        # 6. Light. One over the other is the gain.
        made = gain(shown, plate, result)
        if not options.calibrate:
            return _checked(made, anchor, answered)

        # 7. Calibration. Where the clip began the answer is known; and no light is beyond what the reference shows.
        return _checked(light.calibrated(made, made[0], anchor.local, answered), anchor, answered)

    def _shown_factor(self, frame: ProxyFrame, reference: ProxyReference) -> np.float32:
        """Return what a frame's light is multiplied by for pictures: its own exposure is shown, or else the plate's.

        ShownLight undoes the reference's exposure where the plate's is wanted, so there all frames must have that.
        """
        return np.float32(reference.exposure / frame.exposure if self._options.exposure == "plate" else 1)

    def _plate(
        self, clips: ClipSampler, shown: ShownLight, frame: ProxyFrame, reference: ProxyReference
    ) -> EncodedFrame:
        """Return a source frame as the networks see it."""
        factor = self._shown_factor(frame, reference)
        key = "plate", frame.frame, shown.plate_stops, float(factor)
        return clips.encoder.encode(key, frame.frame, lambda: shown.plate(frame.rgb * factor))

    def _relit(
        self, clips: ClipSampler, shown: ShownLight, relit_frame: Anchor, reference: ProxyReference, values: str
    ) -> EncodedFrame:
        """Return a relit frame as the networks see it, its picture "signed" in -1..1 or "unsigned" in 0..1."""
        frame, local = relit_frame.frame, relit_frame.local
        carried = shown_under if self._direct else relit
        under = measured if frame is reference else carried

        def image() -> Float32:
            picture = shown.relit(under(frame.rgb, local) * self._shown_factor(frame, reference))
            return picture if values == "signed" else (picture + 1) / np.float32(2)

        return clips.encoder.encode(("relit", reference.frame, frame.frame, values), frame.frame, image)

    def _decoded(
        self,
        clips: ClipSampler,
        latents: Tensor,
        clip: Sequence[ProxyFrame],
        outside: Sequence[Float32],
        *,
        backward: bool,
    ) -> Float32:
        """Return a clip's pictures [n, h, w, 3] at the working size.

        outside  for each, the picture [h, w, 3] that is taken where a crop saw nothing of the frame.

        Raises InputError where networks gave what is no picture.
        """
        pictures = clips.decode(latents, len(clip), backward=backward)
        if not np.isfinite(pictures).all():
            raise _not_finite(latents, [frame.frame for frame in clip])
        return np.stack([clips.reformat.take(*each) for each in zip(pictures, outside, strict=True)])


def _checked(made: Float32, anchor: Anchor, answered: NDArray[np.bool_]) -> CarriedClip:
    """Return a clip's light beyond its first frame, and the error to be expected of it.

    made      [1 + n, h, w, 3] local stops, the anchor's first.
    answered  [h, w]: where the anchor's light is known.
    """
    off = np.abs(made[0] - anchor.local)[answered]
    return CarriedClip(made[1:], anchor.error_stops + (float(off.mean()) if off.size else 0.0))


def _not_finite(latents: Tensor, frames: Sequence[int]) -> InputError:
    """Return the error to raise for a clip whose decoded pictures are not finite."""
    sampled = bool(latents.isfinite().all())
    made, way = ("VAE", "decode_precision=fp32") if sampled else ("network", "precision=bf16 or precision=fp32")
    return InputError(
        f"frames {min(frames)} to {max(frames)}: svd's {made} gave values that are not finite: half precision may have "
        f"overflowed, load it with {way}; in full precision its weights are damaged, or guidance and sigmas far off"
    )


def _mixed(
    frame: int, references: Sequence[ProxyReference], sides: Sequence[tuple[Float32, Float32]]
) -> tuple[Float32, Float32]:
    """Return gain and expected error: a reference is its own; between two, light passes from one to the other."""
    for reference in references:
        if reference.frame == frame:
            return reference.gain_stops, np.zeros_like(reference.known)
    if len(sides) == 1:
        return sides[0]
    first, last = (reference.frame for reference in references)
    share = np.float32((frame - first) / (last - first))
    gain, error = ((1 - share) * one + share * other for one, other in zip(*sides, strict=True))
    return gain, error
