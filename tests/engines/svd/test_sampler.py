from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from relumix.engines.svd.checkpoint import Checkpoint
from relumix.engines.svd.convert import empty_network, fill_network, read_config
from relumix.engines.svd.edm import karras_sigmas, loss_weight, precondition
from relumix.engines.svd.sampler import euler_scheduler, sample, vector_conditioning
from relumix.engines.svd.sgm_layout import network_config
from tests.engines.svd.tiny import tiny_unet

T, C = 3, 16


class Watched:
    """A network that keeps what it was asked; its answer is linear in it."""

    dtype = torch.float32

    def __init__(self, dtype=torch.float32):
        self.dtype = dtype
        self.calls = []

    def __call__(self, latents, c_noise, context, vector):
        self.calls.append(SimpleNamespace(latents=latents, c_noise=c_noise, context=context, vector=vector))
        noisy, source, reference = latents.split(4, dim=-3)
        return 0.5 * noisy + 0.1 * source + 0.2 * reference


def inputs(seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {
        "noise": torch.randn(T, 4, 8, 8, generator=draw),
        "source_latents": torch.randn(T, 4, 8, 8, generator=draw),
        "reference_latents": torch.randn(4, 8, 8, generator=draw),
        "source_clip": torch.randn(T, 1, C, generator=draw),
        "reference_clip": torch.randn(1, C, generator=draw),
        "vector": torch.randn(96, generator=draw),
    }


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.fixture(scope="module")
def published(shared):
    """A small network and what the authors' code makes of it."""
    folder = shared / "fixtures" / "sgm_unet_tiny"
    config, checkpoint = read_config(folder / "config.json"), folder / "unet_sgm.safetensors"
    unet = empty_network(network_config(config))
    fill_network(unet, {name: value.float() for name, value in Checkpoint.read(checkpoint).network.items()}, checkpoint)
    return config, unet.eval(), load_file(folder / "io.safetensors")


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "in turn"])
def test_it_makes_what_the_published_sampler_makes(published, batched):
    config, unet, io = published
    names = ("noise", "source_latents", "reference_latents", "source_clip", "reference_clip", "vector")
    schedule = [config[name] for name in ("sigma_min", "sigma_max", "rho")]
    result = sample(
        unet, *(io[n] for n in names), config["steps"], tuple(config["guidance"]), *schedule, batched=batched
    )
    assert relative(result, io["sampled_latents"]) < 1e-3


def test_schedule_and_vector_are_the_published(published):
    config, unet, io = published
    sigmas = karras_sigmas(config["steps"], config["sigma_min"], config["sigma_max"], config["rho"])
    torch.testing.assert_close(sigmas.float(), io["sigmas"], rtol=1e-5, atol=0)
    vector = vector_conditioning(io["fps"][0].item(), io["cond_aug"][0].item(), unet.config.vector_dims)
    torch.testing.assert_close(vector.expand(len(io["vector"]), -1), io["vector"], rtol=0, atol=1e-6)


@settings(max_examples=20)
@given(steps=st.integers(1, 30), sigma_min=st.floats(0.002, 0.5), sigma_max=st.floats(1, 1000), rho=st.floats(1, 9))
def test_diffusers_scheduler_is_exact(steps, sigma_min, sigma_max, rho):
    given_inputs, network = inputs(), Watched()
    result = sample(
        network, **given_inputs, steps=steps, guidance=(1.0, 1.0), sigma_min=sigma_min, sigma_max=sigma_max, rho=rho
    )
    # The paper's algorithm 1 without churn or second order, in float64.
    sigmas = karras_sigmas(steps, sigma_min, sigma_max, rho)
    source, reference = given_inputs["source_latents"].double(), given_inputs["reference_latents"].double()
    x = given_inputs["noise"].double() * (1 + sigmas[0] ** 2).sqrt()
    for t, t_next in pairwise(sigmas):
        c_skip, c_out, c_in, _ = precondition(t)
        denoised = c_skip * x + c_out * (0.5 * (c_in * x) + 0.1 * source + 0.2 * reference)
        x = x + (t_next - t) * (x - denoised) / t
    assert relative(result.double(), x) < 1e-3  # float32 forgets that much of noise 1000 times as strong
    levels = torch.stack([call.c_noise for call in network.calls]).double()
    torch.testing.assert_close(levels, sigmas[:-1].log() / 4, rtol=1e-5, atol=1e-6)


def test_the_first_noise_is_as_strong_as_the_first_level():
    assert float(euler_scheduler(25, 0.002, 700, 7).init_noise_sigma) == pytest.approx((700**2 + 1) ** 0.5)


def test_the_unconditional_branch_knows_the_reference_alone():
    network, given_inputs = Watched(), inputs()
    sample(network, **given_inputs, steps=2, guidance=(1.0, 2.5))
    assert len(network.calls) == 2
    latents, context, vector = (getattr(network.calls[0], name) for name in ("latents", "context", "vector"))
    assert latents.shape == (2, T, 12, 8, 8)
    assert torch.equal(latents[0, :, :4], latents[1, :, :4])
    assert torch.equal(latents[0, :, 4:8], given_inputs["source_latents"])
    assert not latents[1, :, 4:8].any()
    assert torch.equal(latents[:, :, 8:], given_inputs["reference_latents"].expand(2, T, 4, 8, 8))
    assert torch.equal(context[0, ..., :C], given_inputs["source_clip"])
    assert not context[1, ..., :C].any()
    assert torch.equal(context[..., C:], given_inputs["reference_clip"].expand(2, T, 1, C))
    assert torch.equal(vector, given_inputs["vector"].expand(2, T, 96))


def test_guidance_rises_over_the_frames():
    given_inputs = inputs()
    given_inputs["source_latents"][:] = given_inputs["source_latents"][0]
    given_inputs["noise"][:] = given_inputs["noise"][0]
    known = sample(Watched(), **given_inputs, steps=3, guidance=(1.0, 1.0))[0]
    guided = sample(Watched(), **given_inputs, steps=3, guidance=(0.0, 2.0))
    unknown = guided[0]
    torch.testing.assert_close(guided[1], known, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(guided[2], unknown + 2 * (known - unknown), rtol=1e-4, atol=1e-4)


def test_without_guidance_one_branch_is_run():
    network = Watched()
    sample(network, **inputs(), steps=2, guidance=(1.0, 1.0))
    assert [call.latents.shape[0] for call in network.calls] == [1, 1]


@pytest.mark.parametrize("guidance", [(1.0, 1.0), (1.0, 2.5)])
def test_branches_batched_or_in_turn(guidance):
    unet = tiny_unet()
    together = sample(unet, **inputs(), steps=2, guidance=guidance)
    in_turn = sample(unet, **inputs(), steps=2, guidance=guidance, batched=False)
    assert relative(in_turn, together) < 1e-4


def test_in_turn_the_network_sees_one_clip_at_a_time():
    network = Watched()
    sample(network, **inputs(), steps=2, batched=False)
    assert [call.latents.shape for call in network.calls] == [(T, 12, 8, 8)] * 4


def test_the_solver_is_float32_and_the_network_at_its_own_type():
    network = Watched(torch.bfloat16)
    result = sample(network, **inputs(), steps=4)
    assert result.dtype == torch.float32
    assert {x.dtype for call in network.calls for x in (call.latents, call.context, call.vector)} == {torch.bfloat16}
    assert relative(result, sample(Watched(), **inputs(), steps=4)) < 0.02


def test_progress_is_told_and_can_end_it():
    told = []
    sample(Watched(), **inputs(), steps=3, callback=lambda done, steps: told.append((done, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    network = Watched()

    def stop(done, steps):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(network, **inputs(), steps=3, callback=stop)
    assert len(network.calls) == 1


def test_a_loss_on_the_result_is_a_loss_on_the_network():
    draw = torch.Generator().manual_seed(0)
    sigma = torch.tensor([0.01, 1.0, 50.0]).reshape(-1, 1)
    clean, noise, answer = torch.randn(3, 3, 100, generator=draw).unbind()
    c_skip, c_out, c_in, c_noise = precondition(sigma)
    noisy = clean + sigma * noise
    loss = loss_weight(sigma) * (c_skip * noisy + c_out * answer - clean) ** 2
    target = (c_skip * noisy - clean) / -c_out
    torch.testing.assert_close(loss, (answer - target) ** 2, rtol=1e-3, atol=1e-3)
    assert torch.equal(c_noise, sigma.log() / 4)
    torch.testing.assert_close((c_in * noisy).std(dim=1), torch.ones(3), rtol=0.2, atol=0)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((0, 0.002, 700, 7), "got 0 steps, expected 1 or more"),
        ((5, 0.0, 700, 7), "got sigma_min 0.0 and sigma_max 700, expected 0 < sigma_min < sigma_max"),
        ((5, 3.0, 2.0, 7), "got sigma_min 3.0 and sigma_max 2.0, expected 0 < sigma_min < sigma_max"),
    ],
)
def test_levels_that_do_not_fall(levels, said):
    with pytest.raises(ValueError) as error:
        karras_sigmas(*levels)
    assert str(error.value) == said
