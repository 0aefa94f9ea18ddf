"""The stand-in promises nothing that the real package does not have."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tests.dataset.carla import carla_host

CONSTRUCTED = ("Client", "DestroyActor", "Location", "Rotation", "Transform", "WeatherParameters")
ENUMS = ("TrafficLightState", "VehicleLightState")
OURS = ("Server",)
KINDS = [
    kind
    for name, kind in vars(carla_host).items()
    if inspect.isclass(kind) and kind.__module__ == carla_host.__name__ and name not in (*ENUMS, *OURS)
]


@pytest.fixture(scope="module")
def carla():
    return pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla")


def real(carla, kind):
    return getattr(carla.command if kind.__name__ == "DestroyActor" else carla, kind.__name__)


def overloads(function):
    """Of each form of a real function: the names of its arguments, `self` left out, and how many of them it needs."""
    for line in function.__doc__.splitlines():
        if line.startswith(f"{function.__name__}("):
            names = [name for _, name in ARGUMENT.findall(line)]
            yield names[1:], len(ARGUMENT.findall(line.split("[")[0])) - 1


ARGUMENT = re.compile(r"\((\w+)\)(\w+)")


def methods(kind):
    for name, member in vars(kind).items():
        wanted = not name.startswith("_") or (name == "__init__" and kind.__name__ in CONSTRUCTED)
        if inspect.isfunction(member) and wanted:
            yield name, list(inspect.signature(member).parameters.values())[1:]


def fits(parameters, names, needed):
    """Whether every way to call a stand-in is a way to call a real function of these arguments."""
    placed = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    own_names = [each.name for each in placed if each.kind is not each.POSITIONAL_ONLY]
    return (
        needed <= sum(each.default is each.empty for each in placed)
        and len(placed) <= len(names)
        and own_names == names[len(placed) - len(own_names) : len(placed)]
        and {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} <= set(names)
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_method_and_argument_is_real(carla, kind):
    for name, parameters in methods(kind):
        function = getattr(real(carla, kind), name)
        said = f"{kind.__name__}.{name}({', '.join(map(str, parameters))}): the real one is {function.__doc__}"
        assert any(fits(parameters, *form) for form in overloads(function)), said


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_attribute_is_real(carla, kind):
    missing = [name for name in attributes(kind) if not hasattr(real(carla, kind), name)]
    assert not missing


def attributes(kind):
    """Public names that a class of the stand-in gives its objects."""
    tree = ast.parse(Path(carla_host.__file__).read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    stored = [node for node in ast.walk(body) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return {node.attr for node in stored if ast.unparse(node.value) == "self" and not node.attr.startswith("_")}


@pytest.mark.parametrize("name", ENUMS)
def test_every_state_is_real(carla, name):
    for state in getattr(carla_host, name).__members__.values():
        there = getattr(getattr(carla, name), state.name)
        assert (int(there), there.name) == (int(state), state.name)


def test_weathers_are_real(carla):
    kind = carla.WeatherParameters
    presets = [name for name in dir(carla_host.WeatherParameters) if name[0].isupper()]
    assert presets
    for name in presets:
        assert isinstance(getattr(kind, name), kind)


def test_lists_can_be_gone_through(carla):
    for kind in (carla.BlueprintLibrary, carla.ActorList):
        assert hasattr(kind, "__iter__")


def test_the_check_finds_what_is_not_real(carla):
    class Client:
        def load_world(self, name):
            """The real argument is map_name."""

    with pytest.raises(AssertionError, match=r"Client\.load_world\(name\): the real one is"):
        test_every_method_and_argument_is_real(carla, Client)
