"""What the plugin is made of: what it imports, what Python it needs, and where it puts itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nuke_plugin.conftest import PLUGIN

MODULES = sorted([*PLUGIN.glob("*.py"), *PLUGIN.glob("relumix_nuke/*.py")])


def test_there_are_modules_to_look_at():
    assert len(MODULES) > 8


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_standard_library_and_nuke_alone_are_imported(path):
    imported = set()
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            imported |= {name.name.partition(".")[0] for name in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0
            imported.add(statement.module.partition(".")[0])
    assert imported <= {*sys.stdlib_module_names, "nuke", "relumix_nuke"}


def test_python_3_9_can_run_it():
    command = [Path(sys.executable).parent / "vermin", "-t=3.9-", "--violations", "--eval-annotations", "--no-tips"]
    done = subprocess.run([*command, *MODULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_menus_make_a_node(nuke):
    item = nuke.menus["Nodes"].findItem("Relumix/Relumix")
    assert item.icon() == "Relumix.png"
    assert (PLUGIN / "Relumix.png").is_file()
    item.invoke()
    (node,) = nuke.module.allNodes("Relumix")
    assert [node.maxInputs(), node.minInputs()] == [3, 0]
    assert nuke.module.selectedNode() is node


def test_every_knob_says_what_it_is_for(nuke):
    node = nuke.module.nodes.Relumix()
    shown = [k for k in node.allKnobs() if k._added and k.visible() and k.Class() != "Tab_Knob" and k.name()[0] != "_"]
    assert len(shown) > 15
    assert [knob.name() for knob in shown if not knob.tooltip()] == []


def test_knobs_that_mean_nothing_now_are_greyed(nuke):
    node = nuke.module.createNode("Relumix")
    node["where"].setValue("server")
    assert node["server"].enabled()
    node["where"].setValue("this machine")
    assert not node["server"].enabled()
    node["range"].setValue("custom")
    assert node["frames"].enabled()
    node["range"].setValue("input")
    assert not node["frames"].enabled()


def test_a_studio_sets_its_defaults(nuke):
    nuke.module.knobDefault("Relumix.executable", "/studio/bin/relumix")
    assert nuke.module.nodes.Relumix()["executable"].value() == "/studio/bin/relumix"
