"""Folders of image models: what is missing is said in one line with what fetches it; what runs code is not read."""

import json
import shutil

import pytest

from relumix.errors import InputError
from relumix.reference.text.folder import ModelFolder


@pytest.fixture
def folder(pix2pix, tmp_path):
    return shutil.copytree(pix2pix, tmp_path / "model")


def refused(folder):
    with pytest.raises(InputError) as error:
        ModelFolder.of(folder)
    return str(error.value)


def test_a_folder_is_looked_at(pix2pix):
    found = ModelFolder.of(pix2pix)
    assert found.pipeline == "StableDiffusionInstructPix2PixPipeline"
    assert found.parts["unet"] == ("diffusers", "UNet2DConditionModel")
    assert found.variant is None
    assert {"model_index.json", "diffusion_pytorch_model.safetensors"} <= {path.name for path in found.files}


@pytest.mark.parametrize(
    ("name", "title", "command"),
    [
        (
            "anything",
            "InstructPix2Pix (licence: MIT, and for what of it is Stable Diffusion's, CreativeML OpenRAIL-M)",
            "hf download timbrooks/instruct-pix2pix --include model_index.json --include ",
        ),
        (
            "FLUX.1-Kontext-dev",
            "FLUX.1 Kontext (licence: ",
            "hf download black-forest-labs/FLUX.1-Kontext-dev --include",
        ),
        ("qwen-image-edit", "Qwen-Image-Edit (licence: Apache-2.0)", "hf download Qwen/Qwen-Image-Edit --"),
    ],
)
def test_what_is_not_there_is_said_with_what_fetches_it(tmp_path, name, title, command):
    said = refused(tmp_path / name)
    assert said.startswith(f"no image model at {tmp_path / name}: {title}")
    assert f"is fetched by: {command}" in said
    assert "\n" not in said


def test_a_folder_without_an_index(tmp_path):
    assert "has no model_index.json, so it is no image model" in refused(tmp_path)


def test_a_part_that_is_missing(folder):
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    assert f"{folder / 'unet'} has no weights: " in refused(folder)
    shutil.rmtree(folder / "unet")
    assert f"{folder} lacks its part unet: " in refused(folder)


def test_a_file_of_several_that_is_missing(folder):
    index = {"weight_map": {"a": "diffusion_pytorch_model.safetensors", "b": "two.safetensors"}}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert f"{folder / 'unet'} lacks two.safetensors: " in refused(folder)


def test_weights_that_run_code_are_refused(folder):
    weights = folder / "vae/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "has its weights as diffusion_pytorch_model.bin, which can run code" in refused(folder)


@pytest.mark.parametrize("name", [["module", "Pipeline"], "os.system", None, 3])
def test_a_pipeline_that_is_none(folder, name):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": name}))
    assert "expected one of diffusers' own" in refused(folder)


@pytest.mark.parametrize("part", ["../vae", "a/b"])
def test_a_part_that_lies_elsewhere(folder, part):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, part: ["diffusers", "AutoencoderKL"]}))
    assert "expected a library and a class" in refused(folder)


@pytest.mark.parametrize("text", ["[]", "{", '"a"'])
def test_an_index_that_is_damaged(folder, text):
    (folder / "model_index.json").write_text(text)
    assert f"{folder / 'model_index.json'}" in refused(folder)


def test_half_precision_alone(folder):
    for name in ("unet", "vae"):
        weights = folder / name / "diffusion_pytorch_model.safetensors"
        weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert ModelFolder.of(folder).variant is None  # the text encoder's are plain
    weights = folder / "text_encoder/model.safetensors"
    weights.rename(weights.with_name("model.fp16.safetensors"))
    assert ModelFolder.of(folder).variant == "fp16"


@pytest.mark.parametrize("index", ["[]", '{"weight_map": [1]}', '{"weight_map": {"a": []}}'])
def test_an_index_of_weights_that_is_damaged(folder, index):
    (folder / "unet/x.safetensors.index.json").write_text(index)
    assert "x.safetensors.index.json" in refused(folder)


@pytest.mark.parametrize("name", ["unet/config.json", "scheduler/scheduler_config.json", "model_index.json"])
@pytest.mark.parametrize("text", ["[]", "[" * 100_000])
def test_a_config_that_is_none(folder, name, text):
    """Diffusers would take it for the name of a model, and ask the Hub for that."""
    (folder / name).write_text(text)
    assert str(folder / name) in refused(folder)


def test_a_part_without_a_class(folder):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "scheduler": ["antigravity", None]}))
    assert "has the part 'scheduler' as ['antigravity', None]: expected a library and a class" in refused(folder)
