"""Scripts of more than one view."""

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp


@pytest.fixture
def stereo(nuke, tmp_path):
    """A comp of two views, the right one graded and twice as bright, with a viewer that looks at the left one."""
    comp = Comp(nuke, tmp_path)
    nuke.root["views"].setValue("left right")
    nuke.view = "left"
    comp.nuke.nodes.Viewer()
    right = comp.nuke.nodes.Grade(inputs=[comp.source], white=2)
    comp.lit_right = comp.nuke.nodes.Grade(inputs=[comp.painted], white=2)
    plate = comp.nuke.nodes.JoinViews(inputs=[comp.source, right])
    comp.node = comp.relumix(plate, comp.nuke.nodes.JoinViews(inputs=[comp.painted, comp.lit_right]))
    comp.node["views"].setValue("all")
    return comp


def test_two_views_are_two_jobs(stereo):
    before = set(stereo.nuke.allNodes())
    stereo.relight()
    assert set(stereo.nuke.allNodes()) == before
    assert stereo.nuke.thisView() == "left"
    left = stereo.all_shown()
    np.testing.assert_array_equal(left, stereo.commanded())
    stereo.session.view = "right"
    np.testing.assert_allclose(stereo.all_shown(), 2 * left, rtol=5e-3)


def test_a_change_in_another_view_alone_is_noticed(stereo):
    stereo.relight()
    left, rendered = stereo.all_shown(), len(stereo.session.rendered)
    stereo.lit_right["white"].setValue(4)
    stereo.press("check")
    assert stereo.status() == "stale: Reference at 1001"
    assert stereo.nuke.thisView() == "left"
    stereo.relight()
    assert stereo.session.rendered[rendered:] == [("Write1", 1001)]
    np.testing.assert_array_equal(stereo.all_shown(), left)
    assert stereo.session.drawn_label(stereo.node) == "Relumix2"
    stereo.session.view = "right"
    np.testing.assert_allclose(stereo.all_shown(), 4 * left, rtol=5e-3)


def test_nothing_is_done_again_because_another_view_is_looked_at(stereo):
    stereo.relight()
    folder, rendered = stereo.node["folder"].value(), len(stereo.session.rendered)
    stereo.session.view = "right"
    stereo.relight()
    assert (stereo.node["folder"].value(), len(stereo.session.rendered)) == (folder, rendered)


def test_all_views_are_told_apart_without_a_window(running, tmp_path):
    session = running(gui=False)
    comp = Comp(session, tmp_path)
    session.root["views"].setValue("left right")
    session.view = "left"
    right = comp.nuke.nodes.Grade(inputs=[comp.source], white=2)
    comp.node.setInput(0, comp.nuke.nodes.JoinViews(inputs=[comp.source, right]))
    comp.node["views"].setValue("all")
    import relumix_nuke

    relumix_nuke.relight(comp.node)
    folder = comp.node["folder"].value()
    right["white"].setValue(4)
    relumix_nuke.relight(comp.node)
    assert comp.node["folder"].value() != folder
