"""Any pipeline of diffusers with a picture and a prompt: tiny random ones of the real structures."""

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from relumix.errors import InputError
from relumix.reference.text.folder import ModelFolder
from relumix.reference.text.options import TextOptions
from relumix.reference.text.pipelines import EditModel, load, size_of
from relumix.reference.text.sizing import Frame
from tests.reference.text.tiny import PX


def picture(shape=(48, 80, 3), seed=0):
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


def loaded(folder, pipeline=None, **options):
    return EditModel(load(ModelFolder.of(folder), pipeline, "cpu", "auto"), TextOptions("sun", steps=2, **options))


def edited(model, seed=3, shown=None):
    steps = []
    made = model.edit(picture() if shown is None else shown, seed, lambda share, words: steps.append((share, words)))
    return made, steps


@pytest.mark.parametrize(
    ("folder", "kind", "options"),
    [
        ("pix2pix", "StableDiffusionInstructPix2PixPipeline", {"image_guidance": 1.2, "negative_prompt": "dark"}),
        ("stable_diffusion", "StableDiffusionImg2ImgPipeline", {"strength": 1.0, "guidance": 3.0}),
        ("kontext", "FluxKontextPipeline", {"size": PX}),
    ],
)
def test_a_pipeline_edits(request, folder, kind, options):
    model = loaded(request.getfixturevalue(folder), **options)
    assert type(model.pipe).__name__ == kind
    made, steps = edited(model)
    assert made.shape == (48, 80, 3)
    assert 0 <= made.min() < made.max() <= 1
    assert steps == [(0.5, "step 1 of 2"), (1.0, "step 2 of 2")]
    np.testing.assert_array_equal(made, edited(model)[0])
    assert not np.array_equal(made, edited(model, seed=4)[0])
    assert not np.array_equal(made, edited(model, shown=picture(seed=1))[0])


def test_a_strength_of_less_than_a_step(stable_diffusion):
    with pytest.raises(InputError, match=r"^a strength of 0.4 is less than one of 2 steps: expected at least 0.5, or "):
        loaded(stable_diffusion, strength=0.4)
    assert edited(loaded(stable_diffusion, strength=0.5))[1] == [(1.0, "step 1 of 1")]


def test_the_size_is_the_models_or_as_asked(pix2pix, kontext):
    pipe = loaded(pix2pix).pipe
    assert size_of(pipe, None) == PX
    assert size_of(pipe, 96) == 96
    assert size_of(loaded(kontext).pipe, None) == 1024


@pytest.mark.parametrize(
    ("folder", "option", "words"),
    [
        ("pix2pix", {"strength": 0.5}, "StableDiffusionInstructPix2PixPipeline has no use for --strength"),
        ("stable_diffusion", {"image_guidance": 1.5}, "StableDiffusionImg2ImgPipeline has no use for --image-guidance"),
        ("kontext", {"negative_prompt": "dark"}, "FluxKontextPipeline has no use for --negative-prompt"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(request, folder, option, words):
    with pytest.raises(InputError, match=f"{words}: leave it out"):
        loaded(request.getfixturevalue(folder), **option)


def test_the_pipeline_can_be_chosen(stable_diffusion):
    assert type(loaded(stable_diffusion, "StableDiffusionImg2ImgPipeline").pipe).__name__.endswith("Img2ImgPipeline")
    with pytest.raises(InputError, match="StableDiffusionPipeline takes no picture with a prompt: expected"):
        loaded(stable_diffusion, "StableDiffusionPipeline")
    with pytest.raises(InputError, match=r"NoSuchPipeline is no pipeline of diffusers \d"):
        loaded(stable_diffusion, "NoSuchPipeline")
    with pytest.raises(InputError, match="os is no pipeline of diffusers"):
        loaded(stable_diffusion, "os")


def test_a_library_of_elsewhere_is_not_imported(pix2pix, tmp_path):
    folder = shutil.copytree(pix2pix, tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["antigravity", "Scheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="wants antigravity to read its part scheduler: expected diffusers or transf"):
        loaded(folder)


def test_weights_in_half_precision_alone_are_read(pix2pix, tmp_path):
    folder = shutil.copytree(pix2pix, tmp_path / "model")
    for weights in folder.rglob("*.safetensors"):
        weights.rename(weights.with_name(f"{weights.stem}.fp16.safetensors"))
    np.testing.assert_array_equal(edited(loaded(folder))[0], edited(loaded(pix2pix))[0])


def test_damaged_weights(pix2pix, tmp_path):
    folder = shutil.copytree(pix2pix, tmp_path / "model")
    (folder / "unet/diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read as StableDiffusionInstructPix2PixPipeline: "):
        loaded(folder)


def spoiled(pix2pix, tmp_path, **parts):
    """Return a copy of a folder whose index says other things of its parts."""
    folder = shutil.copytree(pix2pix, tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, **parts}))
    return folder


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_weight_that_is_missing(pix2pix, tmp_path, part):
    """It would be filled with random numbers, or none."""
    folder = spoiled(pix2pix, tmp_path)
    (path,) = (folder / part).glob("*.safetensors")
    weights = load_file(path)
    gone = max(weights)
    save_file({name: value for name, value in weights.items() if name != gone}, path, {"format": "pt"})
    with pytest.raises(InputError, match=f"{folder / part} lacks 1 of the weights, {gone} for one: "):
        loaded(folder)


def test_a_folder_within_the_folder_is_no_part(pix2pix, stable_diffusion, tmp_path):
    """Its own index would say what is imported."""
    folder = spoiled(pix2pix, tmp_path, vae=["diffusers", "DiffusionPipeline"])
    shutil.rmtree(folder / "vae")
    inner = spoiled(stable_diffusion, folder / "vae", scheduler=["antigravity", "X"])
    shutil.copytree(inner, folder / "vae", dirs_exist_ok=True)
    with pytest.raises(InputError, match="has its part vae as DiffusionPipeline: expected a network, a scheduler or a"):
        loaded(folder)


@pytest.mark.parametrize("kind", ["NoSuchClass", "logging", "CLIPTextModel"])
def test_a_part_of_an_unknown_class(pix2pix, tmp_path, kind):
    with pytest.raises(InputError, match="cannot be read as StableDiffusionInstructPix2PixPipeline: "):
        loaded(spoiled(pix2pix, tmp_path, vae=["diffusers", kind]))


def test_parts_of_two_models(pix2pix, tmp_path):
    """A tokenizer without its words says so as late as it is asked."""
    folder = spoiled(pix2pix, tmp_path)
    for path in (folder / "tokenizer").iterdir():
        path.unlink()
    model = loaded(folder)
    with pytest.raises(InputError, match=r"StableDiffusionInstructPix2PixPipeline made no picture: .*; expected a fo"):
        edited(model)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": "a\udcff"}, "the prompt holds bytes that are no text: expected UTF-8"),
        ({"negative_prompt": "a\udcff"}, "the negative prompt holds bytes that are no text: expected UTF-8"),
        ({"strength": 0.0}, "strength is 0.0: expected more than 0"),
        ({"count": 17}, "17 candidates: expected 1 to 16"),
        ({"seed": -1}, "seed is -1: expected 0 to 9223372036854775807"),
        ({"seed": 2**63}, "seed is 9223372036854775808: expected 0 to 9223372036854775807"),
        ({"steps": 0}, "0 steps: expected 1 to 1000"),
        ({"size": 8}, "size is 8: expected 64 to 4096 pixels"),
        ({"image_guidance": -1.0}, "image guidance is -1.0: expected 0 to 100"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(InputError, match=words):
        TextOptions(**{"prompt": "sun", **options})


def called(name, **options):
    """Return the arguments that a pipeline of diffusers would be called with, by its signature alone."""
    kind = getattr(diffusers, name)
    return EditModel(kind.__new__(kind), TextOptions("sun", **options))._words(Frame.of((48, 80, 3), PX))


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        (
            "QwenImageEditPipeline",
            {"guidance": 3.0},
            {"true_cfg_scale": 3.0, "negative_prompt": " ", "height": 56, "width": 88},
        ),
        ("QwenImageEditPipeline", {"negative_prompt": "dark"}, {"negative_prompt": "dark", "height": 56, "width": 88}),
        (
            "FluxKontextPipeline",
            {"guidance": 3.0},
            {"guidance_scale": 3.0, "height": 56, "width": 88, "_auto_resize": False, "max_area": 56 * 88},
        ),
        ("StableDiffusionXLImg2ImgPipeline", {"strength": 0.4}, {"strength": 0.4}),
        ("StableDiffusion3Img2ImgPipeline", {"steps": 9}, {"num_inference_steps": 9, "height": 56, "width": 88}),
    ],
)
def test_what_pipelines_are_called_with(name, options, expected):
    assert called(name, **options) == {"prompt": "sun", **expected}


def test_a_model_that_does_not_fit_is_one_line(pix2pix, monkeypatch):
    model = loaded(pix2pix)

    def full(*args, **words):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 GiB")

    monkeypatch.setattr(model.pipe.unet, "forward", full)
    with pytest.raises(InputError, match="does not fit the GPU's memory: try --offload, or a smaller --size"):
        edited(model)


def test_a_package_that_a_tokenizer_wants(pix2pix, monkeypatch):
    def wants(*args, **words):
        raise ImportError("\nT5Tokenizer requires the SentencePiece library but it was not found")

    monkeypatch.setattr(diffusers.StableDiffusionInstructPix2PixPipeline, "from_pretrained", wants)
    with pytest.raises(InputError, match="Pix2PixPipeline: T5Tokenizer requires the SentencePiece library"):
        loaded(pix2pix)
