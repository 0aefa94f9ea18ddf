"""The network of lite: what it starts as, and what it takes."""

import pytest
import torch

from relumix.engines.lite.clues import FRAME_PLANES, REFERENCE_PLANES
from relumix.engines.lite.network import SURE, LightNet, grid_of

SIZES = [(8, 8), (24, 40), (40, 16)]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return LightNet(widths=(8, 8, 16, 16), depth=1, heads=2)


def planes(height, width, seed=1):
    generator = torch.Generator().manual_seed(seed)
    frame = torch.rand(2, FRAME_PLANES, height, width, generator=generator)
    reference = torch.rand(2, REFERENCE_PLANES, height, width, generator=generator)
    return frame, reference, grid_of(torch.zeros(2, 2, height, width))


@pytest.mark.parametrize("size", SIZES)
def test_an_untrained_network_trusts_as_the_flow_engine_does_and_adds_nothing(network, size):
    frame, reference, place = planes(*size)
    trust, residual, miss = network(frame, reference, place)
    assert torch.allclose(trust, frame[:, SURE : SURE + 1].clamp(0.02, 0.98), atol=1e-5)
    assert residual.shape == (2, 3, *size)
    assert not residual.any()
    assert not miss.any()


def test_what_the_reference_does_not_know_is_not_looked_at():
    torch.manual_seed(4)
    network = LightNet(widths=(8, 8, 16, 16), depth=1, heads=2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    frame, reference, place = planes(16, 128)
    reference[:, -1] = 1
    reference[:, -1, :, 32:] = 0
    changed = reference.clone()
    changed[:, 3:6, :, 96:] += 5  # beyond the reach of convolutions over the border
    plain, other = (network(frame, r, place)[1] for r in (reference, changed))
    lit = reference.clone()
    lit[:, -1] = 1
    seen = network(frame, torch.cat([changed[:, :6], lit[:, 6:]], 1), place)[1]
    assert (other - plain).abs().max() < 0.05 * (seen - plain).abs().max()


def test_places_are_in_long_edges_from_the_middle():
    place = grid_of(torch.zeros(1, 2, 2, 4))
    assert place[0, 0, 0].tolist() == pytest.approx([-0.375, -0.125, 0.125, 0.375])
    assert place[0, 1, :, 0].tolist() == pytest.approx([-0.125, 0.125])


def test_it_is_as_small_as_it_should_be():
    assert sum(parameter.numel() for parameter in LightNet().parameters()) < 8e6
