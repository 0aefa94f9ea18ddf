"""`published=yes` is the authors' inference: written down here once more, straight through, and compared.

What is compared are pixels: `--transfer direct` at the plate's own size delivers the network's own.
"""

from contextlib import nullcontext
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing
from transformers import CLIPVisionModelWithProjection

from relumix.engines.svd.edm import karras_sigmas, precondition
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sampler import vector_conditioning
from relumix.pipeline.arrays import relit
from relumix.settings import Settings

EDGE, FRAMES, TRAINED, STEPS = 64, 4, 14, 2
MEAN, STD = (torch.tensor(v)[:, None, None] for v in ([0.48, 0.46, 0.41], [0.27, 0.26, 0.28]))  # as models.py has them


def coded(linear):
    """sRGB's codes in -1..1, [n, 3, h, w], of linear pixels [n, h, w, 3]."""
    linear = torch.from_numpy(np.minimum(linear, 1)).permute(0, 3, 1, 2).double()
    codes = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (2 * codes - 1).float()


def linear(codes):
    """The inverse, [n, h, w, 3]: what is outside of -1..1 is black or white."""
    codes = ((codes.double() + 1) / 2).clamp(0, 1)
    light = torch.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return light.permute(0, 2, 3, 1).float().numpy()


def noise(kind, frame, *shape):
    """The engine's own noise, since noise is all that has no right or wrong."""
    seed = int.from_bytes(blake2b(f"{kind} 0 {frame}".encode(), digest_size=7).digest(), "big")
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def authors_inference(folder, plate, reference, half):
    """Relit pixels [n, h, w, 3] linear of a plate whose first frame's relit version is the reference."""
    unet = RelightUNet.from_pretrained(folder).eval()
    vae = AutoencoderKLTemporalDecoder.from_pretrained(folder / "vae").eval()
    clip = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder").eval()
    autocast = torch.autocast("cpu", torch.float16) if half else nullcontext()

    # The plate's own pixels; the first of them gives way to the reference; the last stands still up to 14.
    source, relit_frame = coded(plate), coded(reference[None])
    source[0] = relit_frame[0]
    source = torch.cat([source, source[-1:].expand(TRAINED - len(source), -1, -1, -1)])
    numbers = [*range(len(plate)), *[len(plate) - 1] * (TRAINED - len(plate))]
    shown = (relit_frame + 1) / 2  # the published command line shows the reference in 0..1

    def embedded(pictures):
        small = (_resize_with_antialiasing(pictures, (32, 32)) + 1) / 2
        return torch.cat([clip((picture[None] - MEAN) / STD).image_embeds for picture in small]).float()[:, None]

    def latents(pictures):
        return torch.cat([vae.encode(picture[None]).latent_dist.mode() for picture in pictures]).float()

    with autocast:
        noisy = torch.stack([noise("augmentation", i, 3, EDGE, EDGE) for i in numbers])
        source_latents, reference_latents = latents(source + 0.02 * noisy), latents(shown)
        source_clip, reference_clip = embedded(source), embedded(shown)
        vector = vector_conditioning(15, 0.02, unet.config.vector_dims).expand(TRAINED, -1)

        # EDM's sampler, with guidance from 1.0 at the first frame to 1.5 at the last of the fourteen.
        kinds = ["start"] * len(plate) + [f"still {i}" for i in range(TRAINED - len(plate))]
        start = torch.stack([noise(kind, i, 4, EDGE // 8, EDGE // 8) for kind, i in zip(kinds, numbers, strict=True)])
        sigmas = karras_sigmas(STEPS, 0.002, 700, 7)
        scale = torch.linspace(1, 1.5, TRAINED)[:, None, None, None]
        x = start * float((1 + sigmas[0] ** 2).sqrt())
        for t, t_next in zip(sigmas[:-1].float(), sigmas[1:].float(), strict=True):
            c_skip, c_out, c_in, c_noise = precondition(t)

            def denoised(source_part, clip_part, x=x, c_skip=c_skip, c_out=c_out, c_in=c_in, c_noise=c_noise):
                inputs = torch.cat([c_in * x, source_part, reference_latents.expand_as(source_part)], 1)
                context = torch.cat([clip_part, reference_clip.expand_as(clip_part)], -1)
                return c_skip * x + c_out * unet(inputs, c_noise, context, vector).float()

            known = denoised(source_latents, source_clip)
            unknown = denoised(torch.zeros_like(source_latents), torch.zeros_like(source_clip))
            guided = unknown + scale * (known - unknown)
            x = x + (t_next - t) * (x - guided) / t

    # Decoded in full precision, fourteen at a time.
    return linear(vae.decode(x / vae.config.scaling_factor, num_frames=TRAINED).sample)[: len(plate)]


@pytest.fixture(scope="module")
def shot():
    """Linear pixels that an 8-bit plate holds: up to white; and its first frame at dusk, with a lamp."""
    draw = np.random.default_rng(5)
    rows, columns = np.mgrid[:EDGE, :EDGE].astype(np.float32) / EDGE
    base = 0.3 + 0.25 * np.sin(9 * rows + 3 * columns)[..., None] * np.float32([1, 0.8, 0.6])
    plate = np.stack([np.roll(base, 2 * i, 1) for i in range(FRAMES)]) + draw.uniform(0, 0.05, (FRAMES, EDGE, EDGE, 3))
    plate = np.clip(plate, 0.01, 1).astype(np.float32)
    lamp = np.exp(-8 * ((rows - 0.5) ** 2 + (columns - 0.3) ** 2))[..., None]
    return plate, np.clip(plate[0] * (np.float32([0.5, 0.35, 0.25]) + lamp), 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("options", "half", "close"),
    [
        (("precision=fp32", "encode_precision=fp32"), False, 2e-3),
        ((), True, 0.02),
    ],
    ids=["in full precision", "under autocast"],
)
def test_it_makes_the_pixels_that_the_authors_inference_makes(model, shot, options, half, close):
    plate, reference = shot
    settings = Settings(
        engine="svd",
        model=model,
        work_size=EDGE,
        transfer="direct",
        device="cpu",
        engine_options=("published=yes", f"crop={EDGE}", f"steps={STEPS}", *options),
    )
    made = np.stack([frame.pixels for frame in relit(dict(enumerate(plate)), {0: reference}, settings)])
    expected = authors_inference(Path(model), plate, reference, half)
    np.testing.assert_array_equal(made[0], reference)  # a reference is its own
    apart = (coded(made[1:]) - coded(expected[1:])).abs()
    assert coded(expected[1:]).std() > 0.1  # not all of one colour
    assert apart.max() < close and apart.mean() < close / 10
