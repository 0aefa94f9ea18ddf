"""What always holds, for the network at work on shots, whatever its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from relumix.engines.base import Carried, Engine
from relumix.engines.lite_next.engine import LiteNextEngine
from relumix.engines.lite_next.network import Answer, Look
from relumix.errors import InputError
from relumix.gain.proxy import ProxyFrame, ProxyReference
from tests.engines.lite_next.models import make_weights


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Random weights, small ones: what holds must hold for them too."""
    return LiteNextEngine(make_weights(tmp_path_factory.mktemp("weights")), "cpu")


def frame(number: int) -> ProxyFrame:
    y, x = np.mgrid[:40, :56].astype(np.float32)
    pattern = 0.2 + 0.1 * np.sin((x[..., None] + number) / [3, 5, 7]) * np.cos(y[..., None] / [4, 6, 5])
    return ProxyFrame(number, pattern.astype(np.float32), np.ones((40, 56), np.float32))


def reference(number: int, stops: np.ndarray) -> ProxyReference:
    shown = frame(number)
    gain = np.broadcast_to(stops, (40, 56, 3)).astype(np.float32)
    return ProxyReference(number, shown.rgb, shown.known, gain, np.ones((40, 56), np.float32))


def carried(engine: Engine, *references: ProxyReference) -> Carried:
    frames = [frame(number) for number in (1, 2, 3)]
    return engine.start().propagate(frames, references, [[] for _ in references])


def relit(engine: Engine, *references: ProxyReference) -> np.ndarray:
    return carried(engine, *references).gain_stops


SHADOW = np.where(np.arange(56) < 28, -1.0, 0.5)[None, :, None]


def test_no_light_and_a_grade_pass_exactly(engine):
    np.testing.assert_array_equal(relit(engine, reference(1, np.zeros(3))), 0)
    grade = np.array([1.5, -0.5, 0.25])
    np.testing.assert_allclose(relit(engine, reference(1, grade)), np.broadcast_to(grade, (3, 40, 56, 3)), atol=1e-6)


def test_the_reference_comes_back_at_its_frame(engine):
    given = reference(2, SHADOW)
    result = relit(engine, given)
    np.testing.assert_array_equal(result[1], given.gain_stops)
    assert result.shape == (3, 40, 56, 3)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


def test_it_says_how_far_off_it_may_be(engine):
    errors = carried(engine, reference(2, SHADOW)).error_stops
    assert errors.shape == (3, 40, 56)
    assert errors.dtype == np.float32
    assert np.isfinite(errors).all()
    assert errors[0].min() > 0 and not errors[1].any()
    assert not carried(engine, reference(2, np.ones(3))).error_stops.any()


def test_light_changes_over_time_between_two_references(engine):
    result = relit(engine, reference(1, np.zeros(3)), reference(3, np.ones(3)))
    np.testing.assert_allclose(result.mean((1, 2, 3)), [0, 0.5, 1], atol=1e-5)


def test_references_of_one_light_that_show_different_parts_agree_on_its_level(engine, monkeypatch):
    """Their medians are 1.5 stops apart, for one knows the dark half and one the other; it is the same light."""
    seen = []
    monkeypatch.setattr(engine.network, "forward", lambda look, known, spread: seen.append(known) or zero(look))
    dark, light = (np.broadcast_to(SHADOW, (40, 56, 3)).astype(np.float32).copy() for _ in range(2))
    references = []
    for number, gain, known in ((1, dark, slice(0, 34)), (2, light, slice(22, 56))):
        lit = np.zeros((40, 56), np.float32)
        lit[:, known] = 1
        references.append(ProxyReference(number, frame(1).rgb, frame(1).known, gain, lit))
    relit(engine, *references)
    one, two = seen[0]
    both = (one.lit > 0.99) & (two.lit > 0.99)
    torch.testing.assert_close((one.gain * both), (two.gain * both), atol=1e-4, rtol=0)
    assert float(both.float().mean()) > 0.1


def zero(look: Look) -> Answer:
    nothing = torch.zeros_like(look.picture)
    return Answer(nothing, nothing[:, :1], nothing, nothing[:, None], nothing)


def test_a_grade_on_top_of_light_is_that_light_and_the_grade(engine):
    one, two = relit(engine, reference(1, SHADOW)), relit(engine, reference(1, SHADOW + np.array([2.0, 0, -1])))
    np.testing.assert_allclose(two - one, np.broadcast_to([2.0, 0, -1], one.shape), atol=2e-3)


def test_wrong_weights_are_named(tmp_path: Path):
    (tmp_path / "lite.safetensors").write_bytes(b"nothing")
    with pytest.raises(
        InputError, match=f"{tmp_path}/lite.safetensors does not hold weights of relumix train lite-next"
    ):
        LiteNextEngine(tmp_path)
