"""The learned engine around its network (what always holds is in tests/test_invariants.py)."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from relumix.engines.lite.attention import attend_in_torch
from relumix.engines.lite.engine import LiteEngine, net_size
from relumix.engines.lite.network import LightNet
from relumix.engines.lite.weights import WEIGHTS, load_network, shipped_weights
from relumix.engines.registry import load_engine
from relumix.engines.tracking.appearance import attend_in_numpy
from relumix.errors import InputError
from relumix.pipeline.arrays import relit
from relumix.settings import Settings
from tests.synthetic import make_shot, shadow_light


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1080, 1920), (384, 224)),
        ((48, 64), (64, 48)),
        ((57, 41), (48, 64)),
        ((3, 5), (16, 16)),
        ((768, 32), (16, 384)),
    ],
)
def test_the_network_sees_multiples_of_its_stride_no_larger_than_its_edge(shape, size):
    assert net_size(shape) == size


def test_the_weights_that_ship_are_small_and_named_in_the_version():
    engine = load_engine("lite", device="cpu")
    assert isinstance(engine, LiteEngine)
    assert re.fullmatch(r"6-[0-9a-f]{8}", engine.windowing.version)
    assert sum(p.numel() for p in engine.network.parameters()) <= 8_000_000


def test_light_is_carried_to_where_it_belongs():
    shot = make_shot(size=(96, 64), frames=range(1, 5), pan=(2.0, 0.0), light=shadow_light(40))
    found = {f.frame: f.pixels for f in relit(shot.plate, {1: shot.truth[1]}, Settings(engine="lite", work_size=96))}
    for frame in shot.frames:
        wrong = np.abs(np.log2(found[frame][..., :3] / shot.truth[frame][..., :3]))
        before = np.abs(np.log2(shot.plate[frame][..., :3] / shot.truth[frame][..., :3]))
        assert wrong.mean() < 0.25 * before.mean()


def test_other_weights_are_taken_and_told_apart(tmp_path):
    shipped = load_engine("lite", device="cpu")
    file = tmp_path / WEIGHTS
    weights = {key: value.half().contiguous() for key, value in shipped.network.state_dict().items()}
    weights["head.bias"] = torch.ones_like(weights["head.bias"])
    save_file(weights, file, metadata={"network": json.dumps(shipped.network.shape)})
    for path in (tmp_path, file):
        assert load_engine("lite", model=str(path), device="cpu").windowing.version != shipped.windowing.version


def test_what_holds_no_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"no weights for engine lite at {tmp_path / WEIGHTS}: give a file"):
        load_network(tmp_path)
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"no weights")
    with pytest.raises(InputError, match=f"{file} does not hold weights of engine lite: "):
        load_network(file)


def test_every_key_must_be_there_and_no_other(tmp_path):
    shape, weights = json.dumps(LightNet().shape), load_file(shipped_weights() / WEIGHTS)
    bias = weights.pop("head.bias")
    save_file(weights, tmp_path / WEIGHTS, metadata={"network": shape})
    with pytest.raises(InputError, match=r"Missing key\(s\) in state_dict: \"head.bias\""):
        load_network(tmp_path)
    save_file(
        {**weights, "head.bias": bias, "tail.bias": bias.clone()}, tmp_path / WEIGHTS, metadata={"network": shape}
    )
    with pytest.raises(InputError, match=r"Unexpected key\(s\) in state_dict: \"tail.bias\""):
        load_network(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="got --device cuda, but torch finds no CUDA device here"):
        load_engine("lite", device="cuda")


@pytest.mark.parametrize("guesses", [1, 2])
def test_light_is_matched_as_the_flow_engine_does_it(guesses):
    random = np.random.default_rng(guesses)
    queries = [random.normal(size=(300, 16)).astype(np.float32) for _ in range(guesses)]
    keys, stops = random.normal(size=(200, 16)).astype(np.float32), random.normal(size=(200, 3)).astype(np.float32)
    weights = np.exp(np.stack([query.astype(np.float64) @ keys.T for query in queries])).sum(0)
    wanted = weights @ stops / weights.sum(1, keepdims=True)
    for attend in (attend_in_numpy, attend_in_torch):
        np.testing.assert_allclose(attend(queries, keys, stops), wanted, atol=1e-4)
