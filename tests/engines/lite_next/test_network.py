"""Candidates against motion and light that can be worked out, and what the network makes of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from relumix.engines.lite_next.candidates import Lit, Match, fitted, lit_by, match, moved_with, standing
from relumix.engines.lite_next.layers import places, sample
from relumix.engines.lite_next.network import CANDIDATES, LightNet, Reference, brighter_than, known_at, shares

ONE = torch.ones(2, 1, 1, 1)


@pytest.fixture(scope="module")
def network() -> LightNet:
    torch.manual_seed(0)
    return LightNet((16, 16, 24, 24), (16, 16, 24, 24)).eval()


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_network_fits_what_ships():
    count = sum(parameter.numel() for parameter in LightNet().parameters())
    assert count <= 8_000_000
    assert 2 * count <= 16_000_000


def test_features_that_moved_are_found():
    coarse, fine = (F.normalize(pictures(1, 16, h, w), dim=1) for h, w in ((6, 8), (12, 16)))
    found = match(torch.roll(coarse, 1, -1), coarse, torch.roll(fine, 2, -1), fine)
    moved = (places(fine) - found.there)[:, :, :, 3:]
    torch.testing.assert_close(moved[:, 0], torch.full_like(moved[:, 0], 2 * 2 / 16), atol=2e-2, rtol=0)
    torch.testing.assert_close(moved[:, 1], torch.zeros_like(moved[:, 1]), atol=2e-2, rtol=0)
    assert found.alike[..., 3:].min() > 0.9


def test_the_world_stands_still_where_most_of_it_does():
    here = places(torch.zeros(1, 1, 12, 16))
    below = 1 + 0.1 * here[:, :1]
    there = torch.cat([0.9 * here[:, :1] + 0.1, here[:, 1:] - 0.05], 1) / below
    wrong = there.clone()
    wrong[:, :, 4:8, 6:10] += 0.4
    still = standing(Match(wrong, torch.ones(1, 1, 12, 16)))
    torch.testing.assert_close(still, there, atol=2e-2, rtol=0)


def test_around_what_moves_pixels_may_have_moved_along():
    here = places(torch.zeros(1, 1, 24, 32))
    there = here.clone()
    there[:, 0, 8:16, 10:16] += 0.3
    near, whole = moved_with(Match(there, torch.ones(1, 1, 24, 32)), here)
    beside = (whole - here)[0, 0, 12, 17:20]
    assert beside.min() > 0.25
    torch.testing.assert_close(near - here, 0.75 * (whole - here))


def test_light_of_normals_alone_is_fitted_exactly():
    normal = F.normalize(pictures(1, 3, 12, 16), dim=1)
    depth, arriving = torch.full((1, 1, 12, 16), 0.3), torch.zeros(1, 3, 12, 16)
    new = 1.5 + normal[:, 2:] + 0.3 * normal[:, :1] * normal[:, 1:2]
    gain = torch.log2(new).expand(-1, 3, -1, -1)
    coefficients = fitted([Lit(normal, depth, arriving, gain, torch.ones(1, 1, 12, 16))])
    other = F.normalize(pictures(1, 3, 12, 16, seed=1), dim=1)
    wanted = torch.log2(1.5 + other[:, 2:] + 0.3 * other[:, :1] * other[:, 1:2]).expand(-1, 3, -1, -1)
    torch.testing.assert_close(lit_by(coefficients, other, depth), wanted, atol=0.15, rtol=0)


def test_an_untrained_network_gives_a_mean_of_candidates(network):
    looks = [network.look(pictures(2, 3, 32, 48, seed=seed)) for seed in (1, 2)]
    references = [Reference(looks[1], pictures(2, 3, 32, 48, seed=3), torch.ones(2, 1, 32, 48))]
    answer = network(looks[0], references, ONE)
    assert answer.gain.shape == (2, 3, 32, 48)
    assert answer.candidates.shape == (2, len(CANDIDATES), 3, 32, 48)
    torch.testing.assert_close(answer.gain, answer.candidates.mean(1))
    torch.testing.assert_close(shares(answer.doubts).sum(1), torch.ones(2, 32, 48))
    assert all(plane.isfinite().all() for plane in (answer.gain, answer.miss, answer.arriving))


def test_no_light_in_is_no_light_out_of_what_is_carried(network):
    look = network.look(pictures(2, 3, 32, 48))
    answer = network(look, [Reference(look, torch.zeros(2, 3, 32, 48), torch.ones(2, 1, 32, 48))], ONE)
    carried = [CANDIDATES.index(name) for name in CANDIDATES if name not in {"fitted"}]
    assert answer.candidates[:, carried].abs().max() == 0


def test_how_much_brighter_a_frame_is_seen_is_measured(network):
    picture = pictures(2, 3, 32, 48, seed=7)
    frame, reference = network.look(picture + torch.tensor([1.5, -2.0]).reshape(2, 1, 1, 1)), network.look(picture)
    brighter = brighter_than(frame, reference, places(frame.fine))
    torch.testing.assert_close(brighter.flatten(), torch.tensor([1.5, -2.0]))


def test_beyond_a_references_edge_and_where_it_was_not_painted_nothing_is_known():
    spot = places(torch.empty(1, 1, 4, 6)) + torch.tensor([0.6, 0]).reshape(1, 2, 1, 1)
    lit = torch.ones(1, 1, 4, 6)
    lit[..., :2, :] = 0
    expected = torch.zeros(1, 1, 4, 6)
    expected[..., 2:, :4] = 1
    torch.testing.assert_close(known_at(lit, spot) > 0.99, expected > 0.5)


def test_a_second_reference_is_asked_where_it_looks_more_alike(network):
    shown, other = pictures(1, 3, 32, 48, seed=5), pictures(1, 3, 32, 48, seed=6)
    look, strange = network.look(shown), network.look(other)
    right, wrong = torch.full((1, 3, 32, 48), 1.0), torch.full((1, 3, 32, 48), -1.0)
    lit = torch.ones(1, 1, 32, 48)
    references = [Reference(strange, wrong, lit), Reference(look, right, lit)]
    answer = network(look, references, ONE[:1])
    carried = answer.candidates[:, CANDIDATES.index("carried")]
    assert carried.mean() > 0.5


def test_sampling_at_its_own_places_gives_a_picture_back():
    picture = pictures(1, 3, 10, 14)
    torch.testing.assert_close(sample(picture, places(picture)), picture, atol=1e-5, rtol=0)
    assert math.isclose(float(places(picture)[0, 0, 0, 0]), -1 + 1 / 14, abs_tol=1e-6)
