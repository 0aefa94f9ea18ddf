"""The network of lite: what it starts as, and what it takes."""

import pytest
import torch

from relumix.engines.lite.clues import (
    CARRIED,
    FRAME_PLANES,
    GAIN,
    MATCHED,
    PLACE,
    REFERENCE_PLANES,
    RESTED,
    STEADY,
)
from relumix.engines.lite.network import STRIDE, LightMatch, LightNet, grid_of
from relumix.engines.lite.network import _keys as keys_of
from relumix.engines.lite.network import _queries as scores_of

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
def test_an_untrained_network_leaves_light_alone_that_all_clues_agree_on(network, size):
    frame, reference = planes(*size)
    frame[:, CARRIED] = frame[:, MATCHED] = frame[:, RESTED] = frame[:, STEADY] = 0.3
    reference[:, GAIN], reference[:, -1] = 0.3, 1
    correction, miss = network(frame, reference)
    assert correction.shape == (2, 3, *size)
    assert miss.shape == (2, 1, *size)
    assert correction.abs().max() < 1e-6
    assert not miss.any()


def test_an_untrained_network_leans_to_the_flow_engines_light(network):
    frame, reference = planes(STRIDE, STRIDE)
    correction, _ = network(frame, reference)
    given = [frame[:, planes] for planes in (CARRIED, MATCHED, RESTED)]
    known = reference[:, GAIN] / reference[:, -1:]
    choices = [*given, *(extreme.expand_as(given[0]) for extreme in (known.amin(), known.amax().clamp_max(4)))]
    furthest = (torch.stack(choices) - frame[:, STEADY]).abs().amax(0)
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


def test_the_light_that_is_matched_is_the_references_own():
    torch.manual_seed(5)
    match = LightMatch([16, 16, 16], 8)
    looks = [torch.rand(1, 16, 8 // 2**i, 8 // 2**i) for i in range(3)]
    gain = torch.rand(1, 3, 8, 8) * 6 - 3
    place = torch.cat([grid_of(gain)] * 2, 1)
    _, gains = match(looks, torch.rand(1, 8, 8, 8), place, match.learn(looks, gain, torch.ones(1, 1, 8, 8)))
    low, high = gain.amin((2, 3)), gain.amax((2, 3))
    for found in gains:
        assert (found.amin((2, 3)) >= low - 1e-5).all() and (found.amax((2, 3)) <= high + 1e-5).all()


def test_each_head_of_the_match_looks_around_its_own_place():
    torch.manual_seed(6)
    match = LightMatch([16, 16, 16], 8)
    torch.nn.init.constant_(match.log_nearness, 12.0)
    blank = [torch.ones(1, 16, 16 // 2**i, 16 // 2**i) for i in range(3)]
    gain = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)  # it grows from left to right
    here = grid_of(gain)
    aside = here + torch.tensor([0.25, 0.0]).reshape(1, 2, 1, 1)
    learned = match.learn(blank, gain, torch.ones(1, 1, 16, 16))
    _, (own, right) = match(blank, torch.zeros(1, 8, 16, 16), torch.cat([here, aside], 1), learned)
    inner = (..., slice(2, 10))
    torch.testing.assert_close(own[inner], gain[inner], atol=0.05, rtol=0)
    torch.testing.assert_close(right[inner], gain[inner] + 4 / 15, atol=0.05, rtol=0)


def test_scores_are_likeness_less_distance_and_what_is_not_lit():
    generator = torch.Generator().manual_seed(7)
    looks, others = (torch.randn(1, 2, 12, 5, generator=generator) for _ in range(2))
    place, lit = torch.randn(1, 2, 3, 4, generator=generator), torch.rand(1, 1, 3, 4, generator=generator)
    sharpness, near = torch.tensor([[[0.5]], [[1.5]]]), torch.tensor([[[3.0]], [[40.0]]])
    scores = scores_of(looks, sharpness, near, place) @ keys_of(others, lit).transpose(-1, -2)
    cosine = torch.nn.functional.cosine_similarity(looks[..., :, None, :], others[..., None, :, :], dim=-1)
    away = torch.cdist(place.flatten(2).mT, grid_of(lit).flatten(2).mT).square()[:, None]
    wanted = sharpness.exp() * cosine - near * away + lit.flatten(2).clamp_min(1e-4).log()[:, None]
    same = scores - wanted  # but for what is the same for all keys
    torch.testing.assert_close(same, same[..., :1].expand_as(same), atol=1e-3, rtol=0)
