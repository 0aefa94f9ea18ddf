"""The engines that invariants are tried on, and how a property is tried on each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from relumix.engines.base import Engine
from relumix.engines.registry import ENGINES, engine_for
from relumix.settings import Settings


@dataclass(frozen=True)
class EngineCase:
    """An engine as it is tried.

    options   its engine options.
    examples  of each property: as many as it is quick for.
    trained   whether it knows anything about light; without, it obeys its bounds and no more.
    chained   whether it takes a shot whole or not at all.
    """

    engine: str
    options: tuple[str, ...] = ()
    examples: int = 12
    trained: bool = True
    chained: bool = False

    def __str__(self) -> str:
        return "-".join((self.engine, *self.options[-1:]))

    def settings(self, model: str | None, **changes) -> Settings:
        """Settings that ask for it, around the model of such an engine."""
        return Settings(engine=self.engine, engine_options=self.options, model=model, **changes)


_SVD = ("steps=1", "window=8", "overlap=2")
CASES = (
    *(EngineCase(name) for name in ENGINES if name != "svd"),
    EngineCase("svd", (*_SVD, "chained=false"), examples=3, trained=False),
    EngineCase("svd", (*_SVD, "chained=true"), examples=2, trained=False, chained=True),
    EngineCase("lite-next", examples=4, trained=False),
)


@lru_cache(maxsize=len(CASES))
def loaded(engine: str, options: tuple[str, ...], model: str | None) -> Engine:
    """Return an engine, loaded once: it serves any number of shots."""
    if engine == "lite-next":  # not in the registry until it is better than lite
        from relumix.engines.lite_next.engine import LiteNextEngine

        assert model is not None
        return LiteNextEngine(Path(model), "cpu")
    return engine_for(Settings(engine=engine, engine_options=options, model=model))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Models by engine: tiny and random where an engine ships none."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tests.engines.lite_next.models import make_weights
    from tests.engines.svd.models import make_model

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small lose more to threads than they gain
    next_lite = make_weights(tmp_path_factory.mktemp("lite-next"))
    yield {"svd": str(make_model(tmp_path_factory.mktemp("svd"))), "lite-next": str(next_lite)}
    torch.set_num_threads(threads)


def every_engine(cases=CASES, **strategies):
    """Make a pytest test of a property `test(engine, **drawn)`, where engine(**changes) returns the Settings that ask
    for an engine."""

    def decorate(test):
        @pytest.mark.parametrize("case", cases, ids=str)
        def run(case, models):
            def hold(**drawn):
                test(lambda **changes: case.settings(models.get(case.engine), **changes), **drawn)

            if strategies:
                checks = settings(max_examples=case.examples, suppress_health_check=list(HealthCheck))
                hold = checks(given(**strategies)(hold))
            hold()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
