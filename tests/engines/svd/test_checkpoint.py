"""Checkpoints as people have them: nested or flat, whole models or networks, damaged or worse."""

import os
import pickle
import re

import pytest
import torch
from safetensors.torch import save_file

from relumix.cli.main import main
from relumix.engines.svd.convert import convert
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sgm_layout import PUBLISHED, network_config, sgm_names
from tests.engines.svd.sgm import checkpoint, refusal, same_weights


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", ["relumix.pth", "last.ckpt"])
def test_checkpoints_of_torch(small, config, tmp_path, name, zipped):
    unet, tensors = small
    contents = {"state_dict": tensors, "global_step": 5} if name.endswith("ckpt") else tensors
    torch.save(contents, tmp_path / name, _use_new_zipfile_serialization=zipped)
    convert(tmp_path / name, tmp_path / "made", config=config)
    assert same_weights(RelightUNet.from_pretrained(tmp_path / "made"), unet)


def test_a_checkpoint_of_the_network_alone(small, config, tmp_path):
    unet, _ = small
    save_file(checkpoint(unet, prefix=""), tmp_path / "bare.safetensors")
    convert(tmp_path / "bare.safetensors", tmp_path / "made", config=config)
    assert same_weights(RelightUNet.from_pretrained(tmp_path / "made"), unet)


def test_a_file_is_known_by_what_it_holds_and_not_by_its_name(small, config, tmp_path):
    unet, tensors = small
    save_file(tensors, tmp_path / "relumix.pth")
    convert(tmp_path / "relumix.pth", tmp_path / "made", config=config)
    assert same_weights(RelightUNet.from_pretrained(tmp_path / "made"), unet)


LPIPS = {f"lpips.net.slice{i}.{i}.weight": torch.ones(2) for i in range(1, 4)}


LOSS = {**LPIPS, "loss_fn.lpips.lin0.model.1.weight": torch.ones(2)}


def averages(unet, shift=0.25):
    """A running average as sgm keeps it: buffers, whose names may hold no dots; and its own two numbers."""
    weights = unet.state_dict()
    named = {
        "model_ema." + ("diffusion_model." + theirs).replace(".", ""): weights[ours] + shift
        for ours, theirs in sgm_names(unet).items()
    }
    return {**named, "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}


@pytest.mark.parametrize(
    "nest",
    [
        lambda t: t,
        lambda t: {"state_dict": t, "epoch": 3},
        lambda t: {"module": t},
        lambda t: {"module": {"state_dict": t}},
        lambda t: {"state_dict": {f"module.{name}": value for name, value in t.items()}},
        lambda t: {name.replace("diffusion_model.", "diffusion_model._orig_mod.", 1): t[name] for name in t},
    ],
    ids=["flat", "state_dict", "module", "module of state_dict", "wrapped", "compiled"],
)
def test_the_whole_model_as_its_authors_save_it(small, config, tmp_path, capsys, nest):
    unet, tensors = small
    frozen = {"first_stage_model.encoder.conv_in.weight": torch.ones(1), "conditioner.embedders.0.x": torch.ones(1)}
    torch.save(nest({**tensors, **frozen, **LOSS, **averages(unet)}), tmp_path / "relumix.pth")
    made = tmp_path / "made"
    assert main(["convert", str(tmp_path / "relumix.pth"), "--config", str(config), "-o", str(made)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "left out 2 tensors of the VAE and CLIP, which the method keeps frozen: the base (none was given: --base) has "
        "them",
        "left out 4 tensors of the loss's networks (lpips.*, loss_fn.*), which training alone asks",
        f"left out {len(tensors) + 2} tensors of the running average (model_ema.*): take them with --ema",
    ]
    assert same_weights(RelightUNet.from_pretrained(made), unet)


def test_the_running_average_is_taken_when_asked_for(small, config, tmp_path, capsys):
    unet, tensors = small
    torch.save({**tensors, **averages(unet)}, tmp_path / "relumix.pth")
    command = ["convert", str(tmp_path / "relumix.pth"), "--config", str(config), "-o", str(tmp_path / "made"), "--ema"]
    assert main(command) == 0
    assert "running average" not in capsys.readouterr().out
    made = RelightUNet.from_pretrained(tmp_path / "made").state_dict()
    assert all(torch.equal(made[name], value + 0.25) for name, value in unet.state_dict().items())


def test_what_was_not_trained_is_in_no_average(small, config, tmp_path):
    unet, tensors = small
    kept = {name: value for name, value in averages(unet).items() if "attn2to_q" not in name}
    torch.save({**tensors, **kept}, tmp_path / "relumix.pth")
    convert(tmp_path / "relumix.pth", tmp_path / "made", config=config, ema=True)
    made = RelightUNet.from_pretrained(tmp_path / "made").state_dict()
    for name, value in unet.state_dict().items():
        assert torch.equal(made[name], value if "attn2.to_q" in name else value + 0.25)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "has no running average (model_ema.*): leave out --ema"),
        (
            {"model_ema.diffusion_modelout9bias": torch.ones(1)},
            "has the running average of diffusion_modelout9bias, unknown to the network of the config: check --config",
        ),
    ],
    ids=["none", "another"],
)
def test_averages_that_are_not_this_networks(small, config, tmp_path, more, said):
    path = tmp_path / "relumix.pth"
    torch.save({**small[1], **more}, path)
    assert refusal(path, tmp_path / "made", config=config, ema=True) == f"{path} {said}"


def test_names_without_dots_are_those_of_one_tensor_each():
    with torch.device("meta"):
        names = list(sgm_names(RelightUNet(**network_config(PUBLISHED))).values())
    assert len({name.replace(".", "") for name in names}) == len(names)


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))], ids=["torch", "pickle"]
)
def test_code_in_a_checkpoint_is_never_run(config, tmp_path, capsys, recwarn, save):
    path = tmp_path / "relumix.pth"
    save({"state_dict": {"x": Harmful(tmp_path / "harm")}}, path)
    assert main(["convert", str(path), "--config", str(config), "-o", str(tmp_path / "made")]) == 2
    assert capsys.readouterr().err == (
        f"relumix: {path} holds more than tensors and was not loaded, as code hidden in such a file would run: "
        "expected tensors alone, get it from its authors as .safetensors\n"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "relumix.pth"]
    assert not recwarn.list


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "absent.pth", "absent.safetensors"])
def test_files_that_cannot_be_read(small, config, tmp_path, name):
    path = tmp_path / name
    if name == "cut.safetensors":
        save_file(small[1], path)
    elif name == "cut.pth":
        torch.save(small[1], path)
    if path.exists():
        path.write_bytes(path.read_bytes()[:5000])
    said = refusal(path, tmp_path / "made", config=config)
    assert re.fullmatch(rf"cannot read the checkpoint {path}: .*; expected \.pth, \.ckpt or \.safetensors", said)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"<!DOCTYPE html><html>", r"it begins with b'<!DOCTYPE', and so is no file of torch's, or not all of one: .*"),
        (b"version https://git-lfs.github.com/spec/v1", r"it begins with b'version h', .*: download it again"),
        (b"", r"it begins with b'', .*"),
        (b"\x80", "it is damaged"),
        (b"\x80\x02h\xf3.", "it is damaged"),
    ],
    ids=["a page", "a pointer", "nothing", "a byte", "noise"],
)
def test_files_that_are_no_checkpoint(config, tmp_path, contents, said):
    path = tmp_path / "relumix.pth"
    path.write_bytes(contents)
    expected = rf"cannot read the checkpoint {path}: {said}; expected \.pth, \.ckpt or \.safetensors"
    assert re.fullmatch(expected, refusal(path, tmp_path / "made", config=config))


def test_weights_that_are_no_fractions_are_refused(small, config, tmp_path):
    path = tmp_path / "int8.pth"
    torch.save({name: (100 * value).to(torch.int8) for name, value in small[1].items()}, path)
    said = refusal(path, tmp_path / "made", config=config)
    assert said.startswith(f"{path} has ") and " in torch.int8, " in said
    assert said.endswith(" more: expected weights in float16, bfloat16 or float32")


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ([1, 2], "holds a list: expected a dictionary of tensors"),
        ({"x": 1, "y": torch.ones(1)}, "holds more than tensors, namely x: expected a dictionary of tensors"),
        ({7: torch.ones(1)}, "holds more than tensors, namely 7: expected a dictionary of tensors"),
        ({"x": torch.ones(1).to_sparse()}, "holds more than tensors, namely x: expected a dictionary of tensors"),
        ({"x": torch.ones(1, device="meta")}, "holds more than tensors, namely x: expected a dictionary of tensors"),
    ],
)
def test_files_of_something_else(config, tmp_path, contents, said):
    torch.save(contents, tmp_path / "other.pth")
    assert refusal(tmp_path / "other.pth", tmp_path / "made", config=config) == f"{tmp_path / 'other.pth'} {said}"
