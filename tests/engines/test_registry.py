"""Which engines there are, and what each refuses before it is loaded."""

from importlib import import_module
from pathlib import Path

import pytest

import relumix.engines
from relumix.engines.registry import ENGINES, WITH_MODEL, configured, load_engine
from relumix.errors import InputError


def test_every_engine_is_a_folder_and_a_line():
    inits = Path(relumix.engines.__file__).parent.glob("*/__init__.py")
    folders = {init.parent.name for init in inits if "\ndef load(" in init.read_text(encoding="utf-8")}
    assert set(ENGINES) == folders
    assert set(WITH_MODEL) < set(ENGINES)


@pytest.mark.parametrize("name", ENGINES)
def test_the_folder_says_how_it_is_loaded(name):
    pytest.importorskip("torch")
    assert callable(import_module(f"relumix.engines.{name}").load)


def test_an_unknown_engine_is_refused():
    with pytest.raises(InputError, match="unknown engine 'fast': expected one of lite, flow, svd"):
        load_engine("fast")


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"model": "x"}, "engine flow has no weights: got --model x, leave it out"),
        ({"device": "cuda"}, "engine flow runs on the CPU: got --device cuda, expected auto or cpu"),
        ({"options": ["steps=3"]}, "engine flow has no options: got steps=3, leave it out"),
    ],
)
def test_flow_refuses_what_it_does_not_take(asked, text):
    with pytest.raises(InputError) as error:
        load_engine("flow", **asked)
    assert str(error.value) == text


def test_pixels_are_refused_of_an_engine_that_makes_none():
    with pytest.raises(InputError) as error:
        configured(load_engine("flow"), (), transfer="direct")
    assert str(error.value) == ("engine flow makes light and no pixels: --transfer direct needs one that does, svd")
