"""CLIP's small picture is that of diffusers' pipeline."""

import pytest
import torch
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing

from relumix.engines.svd.clip_resize import antialiased_resize


@pytest.mark.parametrize("size", [(512, 512), (448, 768), (224, 224), (100, 180), (30, 33), (577, 224)])
def test_it_is_what_stable_video_diffusions_pipeline_makes(size):
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    torch.testing.assert_close(
        antialiased_resize(pictures, 224), _resize_with_antialiasing(pictures, (224, 224)), rtol=0, atol=1e-5
    )


def test_pictures_of_a_pixel_are_resized_too():
    torch.testing.assert_close(antialiased_resize(torch.ones(1, 3, 1, 2), 4), torch.ones(1, 3, 4, 4))
