import numpy as np
import pytest

from relumix.engines.tracking.appearance import MATCH_EDGE_PX, Bank, match, match_cost, shrink
from relumix.engines.tracking.correspondence import Track, identity_track
from relumix.engines.tracking.log_frame import LogFrame
from relumix.gain.log_gain import MID_GREY
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

RED, GREEN = (0.4, 0.05, 0.05), (0.05, 0.4, 0.05)


def halves(left: tuple[float, float, float], right: tuple[float, float, float]) -> LogFrame:
    rgb = np.empty((48, 64, 3), np.float32)
    rgb[:, :32], rgb[:, 32:] = left, right
    return LogFrame.of(ProxyFrame(1, rgb, np.ones((48, 64), np.float32)))


def light(left: float, right: float) -> Float32:
    stops = np.full((48, 64, 3), left, np.float32)
    stops[:, 32:] = right
    return stops


def lost(frame: LogFrame) -> Track:
    """A track that says nothing: what it leads to is never seen."""
    still = np.zeros((*frame.log_luma.shape, 2), np.float32)
    return Track(still, still + 1000, 0.0)


def test_light_follows_the_colour_when_things_change_places() -> None:
    whole = np.ones((48, 64), np.float32)
    bank = Bank.of(halves(RED, GREEN), light(2, -1), whole)
    swapped = halves(GREEN, RED)
    stops = match(bank, swapped, lost(swapped))
    assert stops[:, :24] == pytest.approx(light(-1, -1)[:, :24], abs=0.05)
    assert stops[:, 40:] == pytest.approx(light(2, 2)[:, 40:], abs=0.05)


def test_where_things_look_alike_the_place_decides() -> None:
    grey = (MID_GREY, MID_GREY, MID_GREY)
    plain = halves(grey, grey)
    bank = Bank.of(plain, light(2, -1), np.ones((48, 64), np.float32))
    stops = match(bank, plain, identity_track(plain))
    assert stops[:, :20] == pytest.approx(light(2, 2)[:, :20], abs=0.05)
    assert stops[:, 44:] == pytest.approx(light(-1, -1)[:, 44:], abs=0.05)


def test_an_exposure_that_the_track_knows_of_changes_nothing() -> None:
    dark, bright = (0.05, 0.05, 0.05), (0.8, 0.8, 0.8)
    bank = Bank.of(halves(dark, bright), light(2, -1), np.ones((48, 64), np.float32))
    plain = halves(bright, dark)
    exposed = LogFrame(1, plain.log_rgb + np.float32(4), plain.log_luma + np.float32(4), plain.known, b"")
    track = lost(plain)
    stops = match(bank, exposed, Track(track.forward, track.backward, 4.0))
    assert stops[:, :20] == pytest.approx(light(-1, -1)[:, :20], abs=0.05)
    assert stops[:, 44:] == pytest.approx(light(2, 2)[:, 44:], abs=0.05)


def test_light_that_is_not_known_is_not_looked_up() -> None:
    lit = np.ones((48, 64), np.float32)
    lit[:, 32:] = 0
    plain = halves(RED, GREEN)
    bank = Bank.of(plain, light(2, 100), lit)
    assert match(bank, plain, lost(plain)) == pytest.approx(light(2, 2), abs=1e-4)


def test_a_reference_without_light_gives_none() -> None:
    plain = halves(RED, GREEN)
    bank = Bank.of(plain, light(2, -1), np.zeros((48, 64), np.float32))
    assert not match(bank, plain, lost(plain)).any()


def test_a_large_picture_is_matched_small() -> None:
    assert shrink(np.zeros((300, 600, 3), np.float32), MATCH_EDGE_PX).shape == (MATCH_EDGE_PX // 2, MATCH_EDGE_PX, 3)
    assert shrink(np.zeros((5, 7), np.float32), MATCH_EDGE_PX).shape == (5, 7)


def test_what_a_reference_never_showed_costs_more_to_match() -> None:
    bank = Bank.of(halves(RED, RED), light(2, -1), np.ones((48, 64), np.float32))
    frame = halves(RED, GREEN)
    cost = match_cost(bank, frame, lost(frame))
    assert cost.shape == (24, 32)
    assert cost[:, :10].max() < 1
    assert cost[:, 22:].min() > 10


def test_a_reference_without_light_matches_nothing() -> None:
    plain = halves(RED, GREEN)
    bank = Bank.of(plain, light(2, -1), np.zeros((48, 64), np.float32))
    assert (match_cost(bank, plain, lost(plain)) == 40).all()
