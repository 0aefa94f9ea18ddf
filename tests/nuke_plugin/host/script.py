"""Scripts and gizmos: read into nodes, and written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import knobs, number_knobs
from .group import Gizmo, Group
from .knobs import DISABLED, ENDLINE, HIDDEN, INVISIBLE, STARTLINE, Enumeration_Knob, Knob, Tab_Knob
from .node import Node
from .number_knobs import Array_Knob
from .tcl import Word, braced, commands, quoted

if TYPE_CHECKING:
    from .session import Session

_FLAGS = {"STARTLINE": STARTLINE, "INVISIBLE": INVISIBLE, "DISABLED": DISABLED, "ENDLINE": ENDLINE, "HIDDEN": HIDDEN}
_USER_KNOBS: dict[int, Any] = {
    kind._user: kind
    for module in (knobs, number_knobs)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Knob) and kind._user
}


def load(session: Session, text: str, into: Group) -> list[Node]:
    """Make the nodes of a script in a group; return those at its top. Raises ValueError for what Nuke refuses."""
    return _Loader(session, into).run(text)


def read_knobs(node: Node, text: str) -> None:
    """Take `knob value` lines. Raises ValueError for a knob that the node lacks."""
    for words in commands(text):
        if words[0].text == "addUserKnob":
            (spec,) = words[1:]
            add_user_knob(node, spec.words())
            continue
        if len(words) != 2:
            raise ValueError(f"{node.Class()}: a knob and one value were expected: {[word.text for word in words]}")
        name, value = words
        knob = node.knob(name.text)
        if knob is None:
            raise ValueError(f"{node.Class()} has no knob {name.text}")
        knob._read(value)


def add_user_knob(node: Node, words: list[Word]) -> None:
    """`7 strength l Strength t "tooltip" R 0 2`. Raises ValueError for a kind, a flag or a letter not known here."""
    number, name = int(words[0].text), words[1].text
    if number not in _USER_KNOBS:
        raise ValueError(f"addUserKnob {number}: this host does not know that kind of knob")
    kind = _USER_KNOBS[number]
    knob: Knob = kind(name, None, []) if issubclass(kind, Enumeration_Knob) else kind(name)
    rest = iter(words[2:])
    for word in rest:
        if word.text[0] in "+-" and word.text[1:] in _FLAGS:
            (knob.setFlag if word.text[0] == "+" else knob.clearFlag)(_FLAGS[word.text[1:]])
        else:
            _user_option(knob, word.text, rest)
    if name in node._knobs:
        raise ValueError(f"{node.Class()}: a second knob is named {name}")
    knob._name = name or f"_divider{len(node._knobs)}"
    knob._settle()
    knob._added = True
    node._put(knob)


def _user_option(knob: Knob, letter: str, rest: Iterator[Word]) -> None:
    if letter == "l":
        knob._label = next(rest).text
    elif letter == "t":
        knob._tooltip = next(rest).text
    elif letter == "R" and isinstance(knob, Array_Knob):
        knob._range = (float(next(rest).text), float(next(rest).text))
    elif letter == "M" and isinstance(knob, Enumeration_Knob):
        knob._values = [word.text for word in next(rest).words()]
        knob._state = knob._values[0]
    elif letter == "T" and isinstance(knob, knobs.String_Knob | knobs.Text_Knob):
        knob._state = next(rest).text
    elif letter == "T" and isinstance(knob, knobs.Link_Knob):
        knob.setLink(next(rest).text)
    elif letter == "n" and isinstance(knob, Tab_Knob):
        next(rest)
    else:
        raise ValueError(f"addUserKnob {knob.name()}: {letter!r} is not known for a {knob.Class()}")


class _Loader:
    def __init__(self, session: Session, into: Group) -> None:
        self._session, self._group = session, into
        self._stack: list[Node | None] = []
        self._outer: list[tuple[Group, list[Node | None]]] = []
        self._marks: dict[str, Node | None] = {}
        self._made: list[Node] = []

    def run(self, text: str) -> list[Node]:
        with self._session.quietly():
            for words in commands(text.replace("\r\n", "\n")):
                self._command([word.text for word in words], words)
        if self._outer:
            raise ValueError(f"{self._group.name()}: end_group is missing")
        return self._made

    def _command(self, texts: list[str], words: list[Word]) -> None:
        match texts:
            case ["add_layer", layer]:
                self._session.layers.add(layer.split()[0])
            case ["version" | "define_window_layout_xml" | "add_layer", *_]:
                pass
            case ["set", name, "[stack 0]"]:
                self._marks[name] = self._stack[-1] if self._stack else None
            case ["push", "0"]:
                self._stack.append(None)
            case ["push", name] if name.startswith("$"):
                if name[1:] not in self._marks:
                    raise ValueError(f"push {name}: nothing was set under that name")
                self._stack.append(self._marks[name[1:]])
            case ["end_group"]:
                if not self._outer:
                    raise ValueError("end_group where no group is open")
                self._group, self._stack = self._outer.pop()
            case ["Root", _]:
                read_knobs(self._session.root, _without_inputs(words[1].text)[1])
            case [name, _] if words[1].quoting == "braces":
                self._node(name, words[1].text)
            case _:
                raise ValueError(f"Nuke would not read the line {' '.join(texts)[:80]!r}")

    def _node(self, name: str, body: str) -> None:
        inputs, lines = _without_inputs(body)
        node = self._session.new_node(name, self._group)
        read_knobs(node, lines)
        node.setName(node.name() or self._session.free_name(node))
        for number in range(inputs):
            source = self._stack.pop() if self._stack else None
            if source is not None:
                node._wires += [None] * (number + 1 - len(node._wires))
                node._wires[number] = source
        self._stack.append(node)
        if not self._outer:
            self._made.append(node)
        if isinstance(node, Group) and not isinstance(node, Gizmo):
            self._outer.append((self._group, self._stack))
            self._group, self._stack = node, []


def _without_inputs(body: str) -> tuple[int, str]:
    inputs, lines = 1, []
    for line in body.split("\n"):
        words = line.split()
        if len(words) == 2 and words[0] == "inputs":
            inputs = sum(int(part) for part in words[1].split("+"))
        else:
            lines.append(line)
    return inputs, "\n".join(lines)


def load_gizmo(session: Session, gizmo: Gizmo, path: Path) -> None:
    """Give a gizmo the knobs and nodes of its file. Raises ValueError for what is no gizmo."""
    text = path.read_text(encoding="utf-8")
    heads = [words for words in commands(text) if words[0].text not in ("version",)]
    if not heads or heads[0][0].text != "Gizmo" or heads[-1][0].text != "end_group":
        raise ValueError(f"{path}: a gizmo is `Gizmo {{`, its nodes and end_group")
    with session.quietly():
        read_knobs(gizmo, _without_inputs(heads[0][1].text)[1])
        body = text[text.index(heads[0][1].text) + len(heads[0][1].text) + 1 : text.rindex("end_group")]
        load(session, body, gizmo)
        for knob in gizmo._knobs.values():
            knob._settle()
        gizmo["name"]._state = ""


def save(session: Session) -> str:
    """The whole script as text."""
    head = f"#! Nuke\nversion {session.version}\n"
    root = session.root.writeKnobs()
    return head + "Root {\n inputs 0\n" + _indented(root) + "}\n" + written(session.root._children)


def written(nodes: list[Node]) -> str:
    """Nodes as text, each after those that it sees."""
    lines: list[str] = []
    for node in _ordered(nodes):
        wires = node._wires
        for wire in reversed(wires):
            lines.append("push 0" if wire is None or wire not in nodes else f"push ${_mark(wire)}")
        lines.append(f"{node.Class()} {{")
        lines.append(f" inputs {len(wires)}")
        if not isinstance(node, Gizmo):
            lines += [f" addUserKnob {_user_knob(k)}" for k in node._knobs.values() if k._added]
        lines += [f" {line}" for line in node.writeKnobs().splitlines()]
        lines.append("}")
        if isinstance(node, Group) and not isinstance(node, Gizmo):
            lines += [*(f" {line}" for line in written(node._children).splitlines()), "end_group"]
        lines.append(f"set {_mark(node)} [stack 0]")
    return "\n".join(lines) + "\n"


def _indented(text: str) -> str:
    return "".join(f" {line}\n" for line in text.splitlines())


def _mark(node: Node) -> str:
    return f"N{node.name()}"


def _ordered(nodes: list[Node]) -> list[Node]:
    done: list[Node] = []

    def visit(node: Node) -> None:
        if node not in done and node in nodes:
            for wire in node._wires:
                if wire is not None:
                    visit(wire)
            done.append(node)

    for node in nodes:
        visit(node)
    return done


def _user_knob(knob: Knob) -> str:
    words = [str(knob._user), "" if knob._name.startswith("_divider") else knob._name]
    if knob._label is not None:
        words += ["l", knob._label]
    if knob._tooltip:
        words += ["t", knob._tooltip]
    spec = " ".join(word if word.isalnum() else quoted(word) if word else '""' for word in words)
    if isinstance(knob, Enumeration_Knob):
        spec += " M " + braced(knob._values)
    elif isinstance(knob, knobs.Script_Knob | knobs.Text_Knob):
        spec += " T " + (quoted(str(knob._state)) or '""')
    elif isinstance(knob, knobs.Link_Knob):
        spec += f" T {knob.getLink()}"
    elif isinstance(knob, Array_Knob):
        spec += f" R {knob.min():g} {knob.max():g}"
    for name, flag in _FLAGS.items():
        if knob.getFlag(flag) != (flag == STARTLINE):
            spec += f" {'+' if knob.getFlag(flag) else '-'}{name}"
    return "{" + spec + "}"
