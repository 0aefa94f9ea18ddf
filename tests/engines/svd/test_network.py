import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from relumix.engines.svd.network import GatedAttnProcessor, RelightUNet
from relumix.errors import InputError
from tests.engines.svd.tiny import TINY, conditions, tiny_unet


@pytest.fixture(scope="module")
def unet():
    return tiny_unet()


def call(unet, *inputs):
    with torch.no_grad():
        return unet(*inputs)


def close(a, b, relative=1e-5):
    return ((a - b).norm() / b.norm()).item() < relative


@pytest.mark.parametrize("size", [(8, 8), (10, 12)], ids=["whole", "odd"])
def test_with_its_gates_open_it_is_the_plain_network(size):
    unet = tiny_unet()
    for module in unet.modules():
        if isinstance(module, GatedAttnProcessor):
            module.gate.data.fill_(2)
            module.gate_activation.weight.data.zero_()
            module.gate_activation.bias.data.zero_()
    plain = UNetSpatioTemporalConditionModel(
        in_channels=12,
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        **{name: value for name, value in TINY.items() if name != "vector_dims"},
    ).eval()
    weights = {name: tensor for name, tensor in unet.state_dict().items() if ".processor." not in name}
    plain.load_state_dict(weights)

    latents, c_noise, context, _ = conditions(unet, 3, *size)
    ids = torch.tensor([[15.0, 127.0, 0.02]])
    vector = plain.add_time_proj(ids.flatten()).reshape(1, -1)
    expected = call(plain, latents[None], c_noise, context[:1], ids).sample[0]
    found = call(unet, latents, c_noise, context[:1].expand(3, -1, -1), vector.expand(3, -1))
    assert close(found, expected)


@pytest.mark.parametrize("keys", [None, 1, 5], ids=["itself", "one key", "five keys"])
def test_the_gate_scales_what_attention_finds_before_the_output_projection(keys):
    torch.manual_seed(0)
    attn = Attention(query_dim=24, cross_attention_dim=None if keys is None else 40, heads=3, dim_head=8)
    tokens, context = torch.randn(2, 6, 24), None if keys is None else torch.randn(2, keys, 40)
    attn.set_processor(AttnProcessor2_0())
    bias = attn.to_out[0].bias
    found = attn(tokens, encoder_hidden_states=context) - bias

    gated = GatedAttnProcessor(24)
    gated.gate.data.fill_(1.7)
    attn.set_processor(gated)
    weight, offset = gated.gate_activation.weight, gated.gate_activation.bias
    factor = 1.7 * torch.sigmoid((tokens.mean(1) * weight).sum(1) + offset).reshape(2, 1, 1)
    assert close(attn(tokens, encoder_hidden_states=context), factor * found + bias)


def test_a_new_gate_is_as_published():
    gate = GatedAttnProcessor(24)
    assert gate.gate.tolist() == [1]
    assert gate.gate_activation.weight.shape == (1, 24)
    assert gate.gate_activation.bias.shape == (1,)


def test_every_attention_is_gated(unet):
    processors = unet.attn_processors.values()
    assert len(processors) == 7 * 4  # transformers: 2 down, 1 in the middle, 4 up; attentions in each
    assert all(isinstance(processor, GatedAttnProcessor) for processor in processors)


@pytest.mark.parametrize("changed", [2, 3], ids=["context", "vector"])
def test_every_frame_has_its_own_conditions(unet, changed):
    inputs = list(conditions(unet))
    before = call(unet, *inputs)
    inputs[changed] = inputs[changed].clone()
    inputs[changed][2] += 1
    assert (call(unet, *inputs) - before)[2].abs().max() > 1e-3


def test_a_batch_of_clips_is_each_clip_by_itself(unet):
    first, second = conditions(unet, seed=1), conditions(unet, seed=2)
    levels = torch.tensor([0.3, -1.0])
    batch = [torch.stack([a, b]) for a, b in zip(first, second, strict=True)]
    found = call(unet, batch[0], levels, *batch[2:])
    assert found.shape == (2, 3, 4, 8, 8)
    assert close(found[0], call(unet, first[0], levels[0], *first[2:]), 1e-4)
    assert close(found[1], call(unet, second[0], levels[1], *second[2:]), 1e-4)
    assert torch.equal(found, call(unet, batch[0], levels[:, None].expand(2, 3), *batch[2:]))


@pytest.mark.parametrize("c_noise", [0.5, torch.tensor([0.5]), torch.full((3,), 0.5)], ids=["number", "[1]", "[T]"])
def test_a_noise_level_is_a_number_or_one_a_frame(unet, c_noise):
    latents, _, *others = conditions(unet)
    assert torch.equal(call(unet, latents, c_noise, *others), call(unet, latents, torch.tensor(0.5), *others))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(unet, dtype):
    latents, c_noise, context, vector = conditions(unet)
    found = call(tiny_unet().to(dtype), latents.to(dtype), c_noise, context.to(dtype), vector)
    assert found.dtype == dtype
    assert close(found.float(), call(unet, latents, c_noise, context, vector), 0.05)


@pytest.mark.parametrize("subfolder", ["", "unet"], ids=["network", "pipeline"])
def test_saved_and_loaded_it_is_the_same(unet, tmp_path, subfolder):
    unet.save_pretrained(tmp_path / subfolder)
    again = RelightUNet.from_pretrained(tmp_path)
    assert again.config.vector_dims == [32, 64]
    weights = unet.state_dict()
    assert again.state_dict().keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in again.state_dict().items())
    assert close(call(again, *conditions(unet)), call(unet, *conditions(unet)))
    assert RelightUNet.from_pretrained(tmp_path, torch_dtype=torch.bfloat16).dtype == torch.bfloat16
    fresh = RelightUNet.from_config(again.config).state_dict()
    assert {name: tensor.shape for name, tensor in fresh.items()} == {name: t.shape for name, t in weights.items()}


def test_what_is_saved_can_be_read_by_others(unet, tmp_path):
    unet.save_pretrained(tmp_path)
    (tmp_path / "other").touch()
    assert {file.stat().st_mode for file in tmp_path.iterdir()} == {(tmp_path / "other").stat().st_mode}


def test_stable_video_diffusion_untrained_is_refused(tmp_path, caplog, capfd):
    UNetSpatioTemporalConditionModel(
        **{name: value for name, value in TINY.items() if name != "vector_dims"}
    ).save_pretrained(tmp_path)
    with pytest.raises(InputError) as error:
        RelightUNet.from_pretrained(tmp_path)
    assert str(error.value) == (
        f"the weights in {tmp_path} do not fit their config: 84 are missing or unknown, "
        "down_blocks.0.attentions.0.temporal_transformer_blocks.0.attn1.processor.gate for one; "
        "expected a folder that `relumix convert` or `relumix train svd` made"
    )
    assert "newly initialized" not in capfd.readouterr().err + caplog.text


@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_learns(checkpointing):
    unet = tiny_unet()
    if checkpointing:
        unet.enable_gradient_checkpointing()
    unet.train()
    unet(*conditions(unet)).square().mean().backward()
    without = {name for name, parameter in unet.named_parameters() if parameter.grad is None}
    # A frame attends to one token, whatever it asks: queries and keys of cross-attention have no say.
    assert without == {name for name, _ in unet.named_parameters() if ".attn2.to_q." in name or ".attn2.to_k." in name}


def test_the_published_network_has_heads_64_wide():
    with torch.device("meta"):
        unet = RelightUNet()
    attentions = [module for module in unet.modules() if isinstance(module, Attention)]
    assert {module.inner_dim // module.heads for module in attentions} == {64}
    assert unet.conv_in.weight.shape == (320, 12, 3, 3)
    assert unet.add_embedding.linear_1.weight.shape == (1280, 768)
    assert {module.cross_attention_dim for module in attentions if module.is_cross_attention} == {2048}
