"""The stand-in has no name and no argument that the published stubs of Nuke lack: a call it takes, Nuke takes."""

import ast
import inspect
from importlib.metadata import files

import pytest

from tests.nuke_plugin import host


class Stubs:
    """Functions and classes of types-nuke. A function is its list of signatures; None is one that says nothing."""

    def __init__(self):
        self.names, self.functions, self.classes, self.bases = set(), {}, {}, {}
        for path in files("types-nuke"):
            if path.name in ("_nuke.pyi", "callbacks.pyi", "executeInMain.pyi", "overrides.pyi", "utils.pyi"):
                self._module(ast.parse(path.read_text()))

    def _module(self, tree):
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                self.functions.setdefault(statement.name, []).append(_signature(statement))
            elif isinstance(statement, ast.ClassDef):
                self.bases[statement.name] = [base.id for base in statement.bases if isinstance(base, ast.Name)]
                methods = self.classes.setdefault(statement.name, {})
                for member in statement.body:
                    if isinstance(member, ast.FunctionDef):
                        methods.setdefault(member.name, []).append(_signature(member))
            elif isinstance(statement, ast.AnnAssign):
                self.names.add(statement.target.id)
            elif isinstance(statement, ast.Assign):
                self.names.update(target.id for target in statement.targets)

    def method(self, of, name):
        if name in self.classes.get(of, {}):
            return self.classes[of][name]
        return next((found for base in self.bases.get(of, ()) if (found := self.method(base, name))), None)


def _signature(function):
    """(name, whether it may be left out) of every argument but self; None where the stub takes anything."""
    if function.args.vararg and not function.args.args[1:] and function.args.kwarg:
        return None
    names = [argument.arg for argument in function.args.args]
    optional = [False] * (len(names) - len(function.args.defaults)) + [True] * len(function.args.defaults)
    names = list(zip(names, optional, strict=True))
    names += [(a.arg, True) for a in function.args.kwonlyargs]
    return [pair for pair in names if pair[0] != "self"]


def trouble(member, signatures):
    """What a call could say to the host and not to Nuke, or must say to Nuke alone. Overloads count as one."""
    if None in signatures:
        return None
    longest = max(signatures, key=len)
    theirs = [name for name, _ in longest]
    needed = {name for name, _ in longest if all((name, False) in signature for signature in signatures)}
    asked = [
        p for p in inspect.signature(member).parameters.values() if p.name != "self" and p.kind != p.VAR_POSITIONAL
    ]
    mine = [p.name for p in asked]
    if mine != [name for name in theirs if name in mine]:
        return f"takes {mine}, the stub has {theirs}"
    if missing := needed - set(mine):
        return f"lacks {missing}"
    loose = needed & {p.name for p in asked if p.default is not p.empty}
    return f"lets {loose} be left out" if loose else None


STUBS = Stubs()
# Of sample the stub has four halves of a signature; of setValue, nothing that could be set.
_HALF_SAID = {*((name, "sample") for name in STUBS.classes), ("Link_Knob", "setValue")}


def public(thing):
    return {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}


@pytest.fixture
def module():
    return host.start().module


def test_every_name_of_the_module_is_nukes(module):
    known = {*STUBS.names, *STUBS.functions, *STUBS.classes, "render"}
    assert set(public(module)) <= known


def test_every_function_takes_what_nukes_takes(module):
    found = {}
    for name, member in public(module).items():
        if name in STUBS.functions and (reason := trouble(member, STUBS.functions[name])):
            found[name] = reason
    assert not found


def test_every_method_of_every_class_is_nukes(module):
    found = []
    for name, kind in public(module).items():
        if not isinstance(kind, type) or name == "CancelledError":
            continue
        for method, member in public(kind).items():
            signatures = STUBS.method(name, method)
            if signatures is None:
                found.append(f"{name}.{method} is not there")
            elif (name, method) not in _HALF_SAID and (reason := trouble(member, signatures)):
                found.append(f"{name}.{method} {reason}")
    assert not found


def test_a_misspelt_call_fails(module):
    node = module.nodes.NoOp()
    with pytest.raises(AttributeError):
        module.exectue(node, 1, 1)
    with pytest.raises(AttributeError):
        node.setInputs(0, None)
    with pytest.raises(TypeError):
        module.createNode("NoOp", inPanel=False)
    with pytest.raises(RuntimeError, match="Unknown command"):
        module.nodes.Noop()


def test_the_comparison_would_see_a_wrong_name_and_a_wrong_argument():
    def wrong(typ, inputs="", inpanel=True): ...

    def loose(n=None): ...

    assert "takes" in trouble(wrong, STUBS.functions["createNode"])
    assert "lets {'n'}" in trouble(loose, STUBS.functions["delete"])
    assert trouble(wrong, [None]) is None
    assert STUBS.method("Node", "setInputs") is None
