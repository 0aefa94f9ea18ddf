"""Depth models from a folder, by tiny ones of the same structures."""

import json
import shutil

import numpy as np
import pytest

from relumix.errors import InputError
from relumix.reference.lights.depth_model import KINDS, DepthModel
from relumix.reference.lights.geometry import DEFAULT_FOV_DEG, Sources, geometry_of
from relumix.reference.maker import PlateFrame
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from tests.shot import files

BACKBONE = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of each kind: one that says metres, and one that says how near."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("models")
    for kind in ("metric", "relative"):
        torch.manual_seed(0)
        backbone = transformers.Dinov2Config(
            **BACKBONE, out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False
        )
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=16,
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            head_hidden_size=8,
            depth_estimation_type=kind,
            max_depth=20,
        )
        transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder / kind)
        size = {"height": 28, "width": 28}
        transformers.DPTImageProcessor(size=size, do_pad=False).save_pretrained(folder / kind)
    return folder


@pytest.fixture
def frame(tmp_path):
    picture = np.random.default_rng(0).uniform(0, 1, (36, 64, 3)).astype(np.float32)
    files.plain(tmp_path / "a.1.exr", picture, "RGB")
    plate = Plate(Sequence.find(tmp_path / "a.1.exr"))
    return plate, PlateFrame.of(plate.read(1), 64)


def load(folder, within=(2.0, 7.0)):
    return DepthModel.load(folder, "cpu", within)


def test_metres(models, frame):
    depth, fov = load(models / "metric").depth(frame[1].proxy)
    assert fov is None
    assert depth.shape == (36, 64)
    assert 0 < depth.min() <= depth.max() <= 21


def test_without_metres_it_fills_a_range_by_nearness(models, frame):
    model = load(models / "relative")
    depth, _ = model.depth(frame[1].proxy)
    assert depth.min() == pytest.approx(2, rel=1e-4)
    assert depth.max() == pytest.approx(7, rel=1e-4)
    assert {path.name for path in model.files} == {"config.json", "preprocessor_config.json", "model.safetensors"}


def test_geometry_of_an_estimate(models, frame):
    plate, at = frame
    sources = Sources(estimate=load(models / "relative"))
    found, told = geometry_of(at, plate.layout.names, "", sources, 1.0)
    assert found.known.all()
    np.testing.assert_allclose(np.linalg.norm(found.normal, axis=-1), 1, atol=1e-4)
    assert any(f"{DEFAULT_FOV_DEG:g} degrees across are taken" in line for line in told)
    assert any(line.startswith("depth is estimated") for line in told)


def test_errors(models, tmp_path):
    fetch = "hf download depth-anything/Depth-Anything-V2-Small-hf --local-dir depth-model"
    with pytest.raises(InputError, match=f"none is no folder; get one with: {fetch}"):
        load(tmp_path / "none")
    with pytest.raises(InputError, match=r"lacks config.json; get one with"):
        load(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (broken / name).write_bytes((models / "metric" / name).read_bytes())
    (broken / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InputError, match=r"has no weights in safetensors; get one with"):
        load(broken)
    (broken / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"the depth model .*broken cannot be read: "):
        load(broken)
    (broken / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match=rf"is a model of type 'bert': expected one of {', '.join(KINDS)}; get one"):
        load(broken)


def test_weights_too_few_are_refused(models, tmp_path):
    from safetensors.torch import load_file, save_file

    short = tmp_path / "short"
    short.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (short / name).write_bytes((models / "metric" / name).read_bytes())
    weights = load_file(models / "metric" / "model.safetensors")
    first = min(weights)
    save_file({name: value for name, value in weights.items() if name != first}, short / "model.safetensors")
    with pytest.raises(InputError, match=r"lacks 1 of the weights, "):
        load(short)


def spoiled(models, tmp_path, name, change):
    """Return a copy of a model whose file says something else."""
    folder = shutil.copytree(models / "metric", tmp_path / "spoiled")
    (folder / name).write_text(change((folder / name).read_text()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("config.json", {"reassemble_hidden_size": "x"}, "spoiled cannot be read: "),
        ("config.json", {"neck_hidden_sizes": [8, 8, 8, 16]}, r"as its config.json says: get both again"),
        ("preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor"}, "expected that of a depth model"),
        ("preprocessor_config.json", None, "spoiled cannot be read: "),
    ],
)
def test_files_of_something_else(models, tmp_path, capfd, name, change, words):
    def changed(text):
        return "[]" if change is None else json.dumps({**json.loads(text), **change})

    with pytest.raises(InputError, match=words):
        load(spoiled(models, tmp_path, name, changed))
    assert capfd.readouterr().err == ""


def test_loading_is_quiet(models, capfd):
    load(models / "metric")
    assert capfd.readouterr().err == ""


def test_a_picture_that_it_cannot_look_at(models, tmp_path):
    def to_nothing(text):
        return json.dumps({**json.loads(text), "size": {"height": 0, "width": 0}})

    files.plain(tmp_path / "a.1.exr", np.full((1, 64, 3), 0.5, np.float32), "RGB")
    plate = Plate(Sequence.find(tmp_path / "a.1.exr"))
    model = load(spoiled(models, tmp_path, "preprocessor_config.json", to_nothing))
    with pytest.raises(InputError, match=r"^the depth model .*spoiled says nothing of this picture: "):
        model.depth(PlateFrame.of(plate.read(1), 64).proxy)
