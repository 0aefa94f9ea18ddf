"""Weights from folders: in full or as fp16 alone, of any version's names, and never random ones."""

import json
import shutil

import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionModelWithProjection

from relumix.engines.registry import load_engine
from relumix.engines.svd.image_encoders import load_clip
from relumix.engines.svd.loading import load_diffusers
from relumix.errors import InputError

PARTS = {
    "vae": "diffusion_pytorch_model",
    "unet": "diffusion_pytorch_model",
    "image_encoder": "model",
}


@pytest.fixture
def folder(model, tmp_path):
    """A model's folder that may be spoiled."""
    return shutil.copytree(model, tmp_path / "svd")


def weights_of(folder, part):
    return folder / part / f"{PARTS[part]}.safetensors"


def change(path, edit):
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load_engine("svd", model=str(folder), device="cpu")
    return str(caught.value)


def test_a_folder_of_fp16_alone_is_loaded(folder):
    for part, stem in PARTS.items():
        tensors = {name: value.half() for name, value in load_file(weights_of(folder, part)).items()}
        save_file(tensors, folder / part / f"{stem}.fp16.safetensors", metadata={"format": "pt"})
        weights_of(folder, part).unlink()
    loaded = load_engine("svd", model=str(folder), device="cpu")._model
    assert loaded._unet.dtype == loaded.encoders._vae.dtype == loaded.encoders._image_encoder.dtype == torch.float32
    kept = load_file(folder / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    for name, value in loaded.encoders._vae.state_dict().items():
        assert torch.equal(value, kept[name].float())


def test_where_both_are_there_full_precision_is_loaded(folder):
    for part, stem in PARTS.items():
        zeros = {name: torch.zeros_like(v).half() for name, v in load_file(weights_of(folder, part)).items()}
        save_file(zeros, folder / part / f"{stem}.fp16.safetensors", metadata={"format": "pt"})
    loaded = load_engine("svd", model=str(folder), device="cpu")._model
    assert all(bool(part.weight.any()) for part in (loaded._unet.conv_in, loaded.encoders._vae.encoder.conv_in))


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_a_part_without_weights_is_an_error(folder, part, capfd):
    weights_of(folder, part).rename(folder / part / "other.safetensors")
    said = refusal(folder)
    assert str(folder / part) in said
    assert ("is no part of an svd model that can be read" in said) or ("has no weights" in said)
    assert "trying to fetch" not in capfd.readouterr().err


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_a_weight_that_is_missing_is_an_error_and_no_random_number(folder, part, caplog, capfd):
    change(weights_of(folder, part), lambda tensors: tensors.pop(max(tensors)))
    said = refusal(folder)
    assert said.startswith(f"{folder / part} lacks 1 of the weights, ")
    assert said.endswith("expected all that its config.json speaks of and no more, get both again, from one place")
    assert "newly initialized" not in capfd.readouterr().err + caplog.text


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_a_weight_too_many_is_an_error(folder, part):
    change(weights_of(folder, part), lambda tensors: tensors.update({"another.weight": torch.ones(1)}))
    assert refusal(folder).startswith(
        f"{folder / part} has, and its network does not know, 1 of the weights, another.weight for one"
    )


def test_a_weight_of_another_shape_is_an_error(folder):
    path = weights_of(folder, "image_encoder")
    change(path, lambda tensors: tensors.update({"visual_projection.weight": torch.ones(3, 3)}))
    assert f"{folder / 'image_encoder'} has visual_projection.weight as [3, 3], expected [16, 32]" in refusal(folder)


def test_a_file_that_is_cut_short_is_an_error(folder):
    path = weights_of(folder, "vae")
    path.write_bytes(path.read_bytes()[:1000])
    assert refusal(folder).startswith(f"{folder / 'vae'} is no part of an svd model that can be read: ")


@pytest.mark.parametrize("part", ["vae", "image_encoder", "unet"])
def test_a_config_that_is_none_is_an_error(folder, part):
    path = folder / part / "config.json"
    for text, said in (("{", "cannot be read: "), ("[]", "is a JSON list: expected an object")):
        path.write_text(text)
        assert refusal(folder).startswith(f"{path} {said}")


@pytest.mark.parametrize(
    ("part", "wrong"), [("vae", "block_out_channels"), ("unet", "block_out_channels"), ("image_encoder", "hidden_size")]
)
def test_a_config_of_other_types_is_an_error(folder, part, wrong):
    path = folder / part / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), wrong: None}))
    assert refusal(folder).startswith(f"{folder / part} is no part of an svd model that can be read: ")


@pytest.mark.parametrize(
    "rename",
    [
        lambda t: {**t, "vision_model.embeddings.position_ids": torch.arange(5)[None]},
        lambda t: {name.removeprefix("vision_model."): value for name, value in t.items()},
        lambda t: {f"clip.{name}": value for name, value in t.items()},
    ],
    ids=["positions", "no prefix", "a prefix"],
)
def test_clip_of_any_version_is_the_same(folder, rename):
    part = folder / "image_encoder"
    expected = CLIPVisionModelWithProjection.from_pretrained(part).state_dict()
    path = weights_of(folder, "image_encoder")
    save_file(rename(load_file(path)), path)
    found = load_clip(part, torch.float32).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_colours_that_are_not_said_are_an_error(folder):
    path = folder / "feature_extractor" / "preprocessor_config.json"
    path.write_text(json.dumps({"image_mean": [0.5, 0.5, 0.5]}))
    assert f"{path} does not say image_std" in refusal(folder)


@pytest.mark.parametrize(
    ("mean", "std", "said"),
    [
        ("grey", [1, 1, 1], "image_mean 'grey': expected three numbers, one a colour"),
        ([0, 0, 0], [1, 1], r"image_std [1, 1]: expected three numbers, one a colour"),
        ([0, 0, 0], [1, 0, 1], r"image_std [1, 0, 1]: expected numbers above 0"),
    ],
)
def test_colours_that_are_none_are_an_error(folder, mean, std, said):
    path = folder / "feature_extractor" / "preprocessor_config.json"
    path.write_text(json.dumps({"image_mean": mean, "image_std": std}))
    assert refusal(folder) == f"{path} has {said}"


def test_a_vae_is_loaded_whole(model, tmp_path):
    vae = load_diffusers(AutoencoderKLTemporalDecoder, tmp_path.__class__(model) / "vae", torch.float32)
    kept = load_file(f"{model}/vae/diffusion_pytorch_model.safetensors")
    assert all(torch.equal(value, kept[name]) for name, value in vae.state_dict().items())
