import json
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from relumix.cli.main import main
from relumix.engines.svd.convert import BASE_PARTS, convert, empty_network, fill_network
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sgm_layout import PUBLISHED, network_config, sgm_names
from relumix.errors import InputError
from tests.engines.svd.sgm import PREFIX, SMALL, checkpoint, network, refusal, same_weights
from tests.engines.svd.tiny import conditions

hyper_parameters = st.fixed_dictionaries(
    {
        "model_channels": st.sampled_from([32, 64]),
        "channel_mult": st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=2).map(lambda more: [1, *more]),
        "num_res_blocks": st.integers(1, 2),
        "num_head_channels": st.sampled_from([8, 16, 32]),
        "attention_resolutions": st.lists(st.sampled_from([1, 2, 4]), unique=True),
        "transformer_depth": st.integers(1, 2),
        "context_dim": st.sampled_from([16, 40]),
    }
).map(lambda drawn: {**SMALL, **drawn})


def sgm_blocks(sgm):
    """What sgm's constructor numbers, in its order: names of convolutions and transformers, and [out, in] of each."""
    width, depths = sgm["model_channels"], sgm["num_res_blocks"]
    last = len(sgm["channel_mult"]) - 1
    blocks, skips, number, here = {"input_blocks.0.0": (width, 12)}, [width], 1, width
    for level, factor in enumerate(sgm["channel_mult"]):
        attends = 2**level in sgm["attention_resolutions"]
        for _ in range(depths):
            blocks[f"input_blocks.{number}.0.in_layers.2"] = (factor * width, here)
            here = factor * width
            if attends:
                blocks[f"input_blocks.{number}.1.proj_in"] = (here, here)
            skips.append(here)
            number += 1
        if level < last:
            blocks[f"input_blocks.{number}.0.op"] = (here, here)
            skips.append(here)
            number += 1
    blocks |= {f"middle_block.{i}.in_layers.2": (here, here) for i in (0, 2)}
    blocks["middle_block.1.proj_in"] = (here, here)
    number = 0
    for level, factor in reversed(list(enumerate(sgm["channel_mult"]))):
        attends = 2**level in sgm["attention_resolutions"]
        for layer in range(depths + 1):
            blocks[f"output_blocks.{number}.0.in_layers.2"] = (factor * width, here + skips.pop())
            here = factor * width
            if attends:
                blocks[f"output_blocks.{number}.1.proj_in"] = (here, here)
            if level and layer == depths:
                blocks[f"output_blocks.{number}.{1 + attends}.conv"] = (here, here)
            number += 1
    return blocks


def test_the_published_forward_pass_is_reproduced(shared, tmp_path, capsys):
    folder = shared / "fixtures" / "sgm_unet_tiny"
    made = tmp_path / "made"
    arguments = [str(folder / "unet_sgm.safetensors"), "--config", str(folder / "config.json"), "-o", str(made)]
    assert main(["convert", *arguments]) == 0
    assert capsys.readouterr().out == f"wrote {made}: 4,645,866 parameters, float16\n"
    io = load_file(folder / "io.safetensors")
    reference = {name: io[name].expand(5, *io[name].shape[1:]) for name in ("reference_latents", "reference_clip")}
    latents = torch.cat([io["noise"], io["source_latents"], reference["reference_latents"]], 1)
    context = torch.cat([io["source_clip"], reference["reference_clip"]], 2)
    with torch.no_grad():
        found = RelightUNet.from_pretrained(made)(latents, io["c_noise"], context, io["vector"])
    assert ((found - io["single_output"]).norm() / io["single_output"].norm()).item() < 1e-4


def test_every_name_of_the_published_network_is_known(shared):
    with torch.device("meta"):
        names = sgm_names(RelightUNet(**network_config(PUBLISHED)))
    known = load_file(shared / "fixtures" / "sgm_unet_tiny" / "unet_sgm.safetensors")
    # The fixture is the published network but for its widths: its second level is no wider than its first.
    widens = {f"{PREFIX}input_blocks.4.0.skip_connection.{kind}" for kind in ("weight", "bias")}
    assert {PREFIX + theirs for theirs in names.values()} == known.keys() | widens


@settings(max_examples=12)
@given(sgm=hyper_parameters)
def test_blocks_are_numbered_as_sgm_does(sgm):
    with torch.device("meta"):
        unet = network(sgm)
    weights = unet.state_dict()
    shapes = {theirs: weights[ours].shape for ours, theirs in sgm_names(unet).items()}
    counted = (
        r"(input_blocks\.0\.0|.*\.\d+\.\d+\.in_layers\.2|middle_block\.\d\.in_layers\.2|.*\.(proj_in|op|conv))\.weight"
    )
    found = {
        name.removesuffix(".weight"): tuple(shape[:2]) for name, shape in shapes.items() if re.fullmatch(counted, name)
    }
    assert found == sgm_blocks(sgm)


@settings(max_examples=3)
@given(sgm=hyper_parameters)
def test_any_network_of_this_structure_comes_through(tmp_path_factory, sgm):
    folder = tmp_path_factory.mktemp("network")
    unet = network(sgm)
    save_file(checkpoint(unet), folder / "sgm.safetensors")
    (folder / "config.json").write_text(json.dumps(sgm))
    convert(folder / "sgm.safetensors", folder / "made", config=folder / "config.json")
    again = RelightUNet.from_pretrained(folder / "made")
    assert same_weights(again, unet)
    latents, *others = conditions(unet, frames=2, height=16)
    with torch.no_grad():
        torch.testing.assert_close(again(latents, *others), unet(latents, *others))


@pytest.mark.parametrize(("head", "heads"), [(8, (4, 8)), (32, (1, 2))], ids=["narrow", "wide"])
def test_heads_are_counted_by_their_width(head, heads):
    assert network_config({**SMALL, "num_head_channels": head})["num_attention_heads"] == heads


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"num_head_channels": 24}, "the network's config has num_head_channels 24, expected a divisor of 32"),
        (
            {"channel_mult": [2, 4]},
            "the network's config has channel_mult [2, 4], expected one that begins with 1",
        ),
        (
            {"adm_in_channels": 768},
            "the network's config has adm_in_channels 768, expected the sum of fps_embed_dim 32 and cond_aug_embed_dim "
            "64: set them all",
        ),
    ],
)
def test_widths_that_do_not_go_together(changed, said):
    with pytest.raises(InputError) as error:
        network_config({**SMALL, **changed})
    assert str(error.value) == said


def test_types_are_the_checkpoints(small, config, tmp_path):
    halves = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in small[1].items()}
    save_file(halves, tmp_path / "half.safetensors")
    made = convert(tmp_path / "half.safetensors", tmp_path / "made", config=config)
    assert made.dtypes == ("float16", "float32")
    stored = load_file(tmp_path / "made" / "diffusion_pytorch_model.safetensors")
    assert stored["conv_in.weight"].dtype == torch.float16


@pytest.mark.parametrize(
    ("kind", "without"), [("spatial ", lambda name: "time_stack" not in name), ("", lambda name: True)]
)
def test_a_network_without_gates_is_refused_in_a_sentence_that_says_so(small, config, tmp_path, kind, without):
    kept = {name: value for name, value in small[1].items() if not (".gate" in name and without(name))}
    path = tmp_path / "relumix.pth"
    torch.save(kept, path)
    assert refusal(path, tmp_path / "made", config=config) == (
        f"{path} was saved by a network whose {kind}attentions are not gated: the {len(small[1]) - len(kept)} tensors "
        "of their gates are missing and all others are there; expected the published one, which gates every attention"
    )
    assert not (tmp_path / "made").exists()


def test_the_published_network_has_96_tensors_of_spatial_gates(tmp_path):
    unet = empty_network(network_config(PUBLISHED))
    weights = {
        theirs: torch.empty(unet.state_dict()[ours].shape, device="meta")
        for ours, theirs in sgm_names(unet).items()
        if not (".gate" in theirs and "time_stack" not in theirs)
    }
    with pytest.raises(InputError, match="whose spatial attentions are not gated: the 96 tensors of their gates"):
        fill_network(unet, weights, tmp_path / "relumix.pth")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t.pop(PREFIX + "middle_block.1.transformer_blocks.0.attn1.gate"),
            "lacks middle_block.1.transformer_blocks.0.attn1.gate: expected the network of the config, check --config",
        ),
        (
            lambda t: t.update({"optimizer.decay": torch.ones(1), PREFIX + "out.9.bias": torch.ones(1)}),
            "has optimizer.decay, out.9.bias, unknown to the network of the config: check --config",
        ),
        (
            lambda t: t.update({PREFIX + "out.2.bias": torch.ones(8)}),
            "has out.2.bias as [8] and not [4]: expected the network of the config, check --config",
        ),
    ],
    ids=["missing", "unexpected", "shape"],
)
def test_keys_too_few_too_many_or_of_other_shape_are_named(small, config, tmp_path, change, said):
    tensors = dict(small[1])
    change(tensors)
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path)
    assert refusal(path, tmp_path / "made", config=config) == f"{path} {said}"
    assert not (tmp_path / "made").exists()


def test_a_network_of_other_size_is_refused_in_a_line(small, tmp_path):
    path = tmp_path / "small.safetensors"
    save_file(small[1], path)
    said = refusal(path, tmp_path / "made")
    assert re.fullmatch(rf"{path} lacks \S+(, \S+){{5}} and \d+ more: expected the network of the config, .*", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot read the network's config {}: Expecting property name .*; expected a JSON file"),
        ("[1]", "the network's config {} is a JSON list: expected an object of names"),
        ('{"model_channels": 32}', "the network's config lacks channel_mult, .*: expected sgm's hyper-parameters"),
    ],
)
def test_configs_that_are_none(tmp_path, text, said):
    path = tmp_path / "config.json"
    path.write_text(text)
    assert re.fullmatch(said.format(path), refusal(tmp_path / "x.pth", tmp_path / "made", config=path))


def test_with_a_base_the_folder_is_a_whole_model(small, config, tmp_path, capsys):
    save_file(small[1], tmp_path / "sgm.safetensors")
    base, made = tmp_path / "svd", tmp_path / "made"
    for part in (*BASE_PARTS, "unet", "scheduler"):
        (base / part).mkdir(parents=True)
        (base / part / "config.json").write_text(f'{{"part": "{part}"}}')
    command = ["convert", str(tmp_path / "sgm.safetensors"), "--config", str(config), "--base", str(base)]
    assert main([*command, "-o", str(made)]) == 0
    assert capsys.readouterr().out.startswith(f"wrote {made / 'unet'}: ")
    assert same_weights(RelightUNet.from_pretrained(made), small[0])
    for part in BASE_PARTS:
        assert (made / part / "config.json").samefile(base / part / "config.json")
    assert sorted(part.name for part in made.iterdir()) == sorted([*BASE_PARTS, "unet"])


def test_a_base_that_lacks_parts(tmp_path):
    (tmp_path / "svd" / "vae").mkdir(parents=True)
    assert refusal(tmp_path / "x.pth", tmp_path / "made", base=tmp_path / "svd") == (
        f"the base {tmp_path / 'svd'} has no folder image_encoder, feature_extractor: expected Stable Video "
        "Diffusion as diffusers saves it"
    )


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "config.json").touch()
    assert refusal(tmp_path / "x.pth", tmp_path / "made") == (
        f"{tmp_path / 'made'} is there already: expected a new or an empty folder, choose another with -o"
    )


def test_nothing_is_left_of_a_failure_to_write(small, config, tmp_path):
    save_file(small[1], tmp_path / "sgm.safetensors")
    (tmp_path / "file").touch()
    said = refusal(tmp_path / "sgm.safetensors", tmp_path / "file" / "made", config=config)
    assert said.startswith(f"cannot write {tmp_path / 'file' / 'made'}: ")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "file", "sgm.safetensors"]
