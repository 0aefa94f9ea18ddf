"""The network of lite: what it starts as, and what it takes."""

import pytest
import torch

from relumix.engines.lite.features import AVERAGED, CARRIED, FRAME_PLANES, MATCHED, PLACE, REFERENCE_PLANES
from relumix.engines.lite.network import STRIDE, LightNet, grid_of

SMALL = {"widths": (8, 8, 16, 16), "depth": 1, "heads": 2}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return LightNet(**SMALL)


def planes(height, width, seed=1):
    generator = torch.Generator().manual_seed(seed)
    frame = torch.rand(2, FRAME_PLANES, height, width, generator=generator)
    frame[:, PLACE] = grid_of(frame)
    return frame, torch.rand(2, REFERENCE_PLANES, height, width, generator=generator)


@pytest.mark.parametrize("size", [(STRIDE, STRIDE), (3 * STRIDE, 5 * STRIDE), (5 * STRIDE, 2 * STRIDE)])
def test_an_untrained_network_leaves_light_alone_that_all_features_agree_on(network, size):
    frame, reference = planes(*size)
    frame[:, CARRIED] = frame[:, MATCHED] = frame[:, AVERAGED]
    correction, log_error = network(frame, reference)
    assert correction.shape == (2, 3, *size)
    assert log_error.shape == (2, 1, *size)
    assert correction.abs().max() < 1e-6
    assert not log_error.any()


def test_an_untrained_network_leans_to_the_flow_engines_light(network):
    frame, reference = planes(STRIDE, STRIDE)
    correction, _ = network(frame, reference)
    furthest = torch.maximum(
        (frame[:, CARRIED] - frame[:, AVERAGED]).abs(), (frame[:, MATCHED] - frame[:, AVERAGED]).abs()
    )
    assert (correction.abs() <= 0.25 * furthest + 1e-6).all()


def test_what_the_reference_does_not_know_is_not_looked_at():
    torch.manual_seed(4)
    network = LightNet(**SMALL)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    frame, reference = planes(2 * STRIDE, 32 * STRIDE)
    reference[:, -1] = 1
    reference[:, -1, :, 8 * STRIDE :] = 0
    changed = reference.clone()
    changed[:, 3:6, :, 24 * STRIDE :] += 5  # beyond the reach of convolutions over the border
    plain, other = (network(frame, r)[0] for r in (reference, changed))
    lit = reference.clone()
    lit[:, -1] = 1
    seen = network(frame, torch.cat([changed[:, :6], lit[:, 6:]], 1))[0]
    assert (other - plain).abs().max() < 0.05 * (seen - plain).abs().max()


def test_places_are_in_long_edges_from_the_middle():
    place = grid_of(torch.zeros(1, 5, 2, 4))
    assert place[0, 0, 0].tolist() == pytest.approx([-0.375, -0.125, 0.125, 0.375])
    assert place[0, 1, :, 0].tolist() == pytest.approx([-0.125, 0.125])


def test_it_is_as_small_as_it_should_be():
    assert sum(parameter.numel() for parameter in LightNet().parameters()) < 8e6
