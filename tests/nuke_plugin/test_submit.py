"""The button that hands the job to a farm."""

import sys

import numpy as np
import yaml

from tests.nuke_plugin.comps import Comp, script

_SUBMITTER = """\
#!{python}
import sys, pathlib
pathlib.Path(sys.argv[1]).write_text(sys.argv[2])
"""


def test_the_button_writes_a_bundle_and_starts_the_submitter(nuke, tmp_path):
    comp = Comp(nuke, tmp_path)
    submitter = script(tmp_path / "submit", _SUBMITTER.format(python=sys.executable))
    told = tmp_path / "told"
    comp.node["farm_command"].setValue(f"'{submitter}' '{told}'")
    comp.node["chunk_size"].setValue(2)
    comp.press("submit")
    comp.wait(lambda: told.exists() and told.read_text())
    bundle = type(tmp_path)(told.read_text())
    names = {path.name for path in bundle.iterdir()}
    assert {"template.yaml", "parameter_values.yaml", "asset_references.yaml"} <= names
    assert comp.status() == f"submitted: {bundle}; press Relight when the farm is done"
    assert comp.session.dialogs.messages == [f"The job bundle is in\n{bundle}"]
    np.testing.assert_array_equal(comp.all_shown(), comp.all_shown(comp.source))


def test_frames_below_zero(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=range(-3, 1))
    comp.node["reference_frames"].setValue("-2")
    comp.press("submit")
    bundle = comp.status().removeprefix("ready to submit: ").partition(";")[0]
    written = yaml.safe_load((tmp_path / bundle / "parameter_values.yaml").read_text())
    given = {each["name"]: each["value"] for each in written["parameterValues"]}
    folder = comp.node["folder"].value()
    assert given["Frames"] == "-3-0"
    assert given["Reference"] == f"-2={folder}/reference.main.-002.exr"


def test_a_submitter_that_is_not_there(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=range(1001, 1003))
    for written, sentence in (
        ("/nowhere/submit --now", "'/nowhere/submit --now' cannot be run ("),
        ("submit 'now", "submit with cannot be read, as submit 'now: no closing quotation"),
    ):
        comp.node["farm_command"].setValue(written)
        comp.press("submit")
        assert comp.status().startswith(sentence)
        assert comp.session.dialogs.messages.pop() == comp.status()


def test_servers_of_a_farm_are_not_asked_from_here(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=range(1001, 1003))
    comp.node["where"].setValue("server")
    comp.node["server"].setValue("127.0.0.1:1")
    comp.press("submit")
    assert comp.status().startswith("ready to submit: ")
