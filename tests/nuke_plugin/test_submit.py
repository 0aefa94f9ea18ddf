"""The button that hands the job to a farm."""

import sys

import numpy as np

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
