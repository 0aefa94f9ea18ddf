"""The knobs that an artist looks for."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.nuke_plugin.comps import RELUMIX, Comp, script
from tests.shot import files

FRAMES = range(1001, 1005)


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path, frames=FRAMES)


def references(comp):
    return comp.node["reference_frames"].value()


def said(comp):
    return comp.session.dialogs.messages.pop()


def test_reference_frames_are_set_added_deleted_and_gone_to(comp):
    comp.nuke.frame(1003)
    comp.press("reference_set")
    assert references(comp) == "1003"
    comp.nuke.frame(1001)
    comp.press("reference_add")
    comp.press("reference_add")
    assert references(comp) == "1001, 1003"
    comp.press("reference_next")
    assert comp.nuke.frame() == 1003
    comp.press("reference_next")
    assert said(comp) == "there is no reference frame after 1003: they are 1001,1003"
    comp.press("reference_previous")
    assert comp.nuke.frame() == 1001
    comp.press("reference_previous")
    assert said(comp) == "there is no reference frame before 1001: they are 1001,1003"
    comp.press("reference_delete")
    assert references(comp) == "1003"
    comp.press("reference_delete")
    assert said(comp) == "frame 1001 is no reference frame: they are 1003"
    comp.node["reference_frames"].setValue("")
    comp.press("reference_delete")
    assert said(comp) == "frame 1001 is no reference frame: none is written, so the first of the frame range is"


def test_one_frame_alone_is_the_same_as_among_the_others(comp):
    comp.nuke.frame(1003)
    comp.press("relight_frame")
    comp.wait(lambda: comp.status() == "1 frame is relit")
    folder = comp.node["folder"].value()
    assert comp.node["arrived"].value() == "1003"
    plate, shown, expected = comp.all_shown(comp.source), comp.all_shown(), comp.commanded()
    np.testing.assert_array_equal(shown[2], expected[2])
    np.testing.assert_array_equal(shown[[0, 1, 3]], plate[[0, 1, 3]])
    rendered = len(comp.session.rendered)
    comp.relight()
    assert (comp.node["folder"].value(), len(comp.session.rendered)) == (folder, rendered)
    np.testing.assert_array_equal(comp.all_shown(), expected)


def test_a_frame_out_of_the_range_cannot_be_relit_alone(comp):
    comp.nuke.frame(1010)
    comp.press("relight_frame")
    assert said(comp) == "frame 1010 is not in the frame range 1001-1004: go to one that is"


@pytest.mark.parametrize("inverted", [False, True])
def test_a_channel_of_the_mask_and_the_inverse_of_it(comp, inverted):
    for frame in FRAMES:
        mask = np.zeros((48, 64, 4), np.float16)
        mask[:, 32:, 1] = 1
        mask[..., 3] = 1
        files.plain(comp.folder / f"mask/mask.{frame}.exr", mask)
    comp.node.setInput(2, comp.read("mask"))
    comp.node["mask_channel"].setValue("rgba.green")
    comp.node["mask_invert"].setValue(inverted)
    comp.relight()
    plate, shown = comp.all_shown(comp.source), comp.all_shown()
    kept, lit = (np.s_[:, :, 32:], np.s_[:, :, :31]) if inverted else (np.s_[:, :, :32], np.s_[:, :, 33:])
    np.testing.assert_array_equal(shown[kept], plate[kept])
    assert np.abs(shown[lit] - plate[lit]).max() > 0.1
    comp.node["mask_invert"].setValue(not inverted)
    assert "stale" in comp.session.drawn_label(comp.node)


def test_the_inverse_of_a_small_matte_is_all_around_it(comp):
    for frame in FRAMES:
        matte = np.ones((48, 32, 1), np.float16)
        path = comp.folder / f"matte/matte.{frame}.exr"
        files.plain(path, matte, "A", window=(32, 0), display=(0, 0, 64, 48))
    comp.node.setInput(2, comp.read("matte"))
    comp.node["mask_invert"].setValue(True)
    comp.relight()
    plate, shown = comp.all_shown(comp.source), comp.all_shown()
    np.testing.assert_array_equal(shown[:, :, 32:], plate[:, :, 32:])
    assert np.abs(shown[:, :, :31] - plate[:, :, :31]).max() > 0.1


@pytest.mark.parametrize("reopened", [False, True])
def test_a_layer_is_relit_and_the_others_pass(comp, reopened):
    rgb, beauty = ["R", "G", "B"], ["beauty.R", "beauty.G", "beauty.B"]
    for frame in FRAMES:
        plate, lit = (np.float16(made[frame]) for made in (comp.made.plate, comp.made.truth))
        files.plain(comp.folder / f"passes/passes.{frame}.exr", np.concatenate([plate * 0, plate], -1), [*rgb, *beauty])
        files.plain(comp.folder / f"lit/lit.{frame}.exr", np.concatenate([plate * 0, lit], -1), [*rgb, *beauty])
    expected = comp.commanded()
    comp.node.setInput(0, comp.read("passes"))
    comp.node.setInput(1, comp.read("lit"))
    comp.node["layer"].setValue("beauty")
    comp.relight()
    if reopened:
        comp.nuke.scriptSaveAs(str(comp.folder / "layers.nk"))
        comp.nuke.scriptOpen(str(comp.folder / "layers.nk"))
        comp.node = comp.nuke.toNode("Relumix1")
        assert comp.node["layer"].value() == "beauty"
    for frame, light in zip(FRAMES, expected, strict=True):
        comp.nuke.frame(frame)
        channels = comp.node._looked_at(comp.node._now()).channels
        np.testing.assert_array_equal(channels["beauty.green"], light[..., 1])
        assert not channels["rgba.green"].any()
    comp.node["layer"].setValue("specular")
    comp.press("relight")
    assert said(comp) == "Source has no layer specular, it has beauty, rgba: choose another as layer"


def test_a_mask_without_that_channel_says_what_it_has(comp):
    comp.node.setInput(2, comp.painted)
    comp.node["mask_channel"].setValue("matte.car")
    comp.press("relight")
    assert said(comp) == (
        "Mask has no channel matte.car, it has rgba.blue, rgba.green, rgba.red: choose another as mask channel"
    )


def test_gain_and_confidence_as_output_and_as_layers(comp):
    comp.node["range"].setValue("custom")
    comp.node["frames"].setValue("1001-1003")
    comp.relight()
    relit, plate = comp.all_shown(), comp.all_shown(comp.source)
    comp.node["output"].setValue("confidence")
    sure = comp.all_shown()
    assert (sure[0] == 1).all(), "at the reference's own frame"
    assert 0 < sure[1].min() < 1 and sure[1].max() <= 1
    assert (sure[3] == 0).all(), "where nothing is relit"
    comp.node["output"].setValue("gain in stops")
    gain = comp.all_shown()
    comp.node["output"].setValue("result")
    assert "gain.red" not in comp.node.channels()
    comp.node["layers"].setValue(True)
    comp.nuke.frame(1002)
    channels = comp.node._looked_at(comp.node._now()).channels
    np.testing.assert_array_equal(channels["gain.green"], gain[1, ..., 1])
    np.testing.assert_array_equal(channels["confidence.Y"], sure[1, ..., 0])
    np.testing.assert_array_equal(channels["rgba.red"], relit[1, ..., 0])
    comp.node["output"].setValue("plate")
    np.testing.assert_array_equal(comp.all_shown(), plate)


_TELLS = """\
#!{python}
import json, sys, time
if "--version" in sys.argv:
    print("relumix 0.1.0")
    sys.exit()
def tell(**event):
    print(json.dumps(event), flush=True)
tell(event="progress", done=0, total=4, share=0.1, remaining_seconds=80.0)
tell(event="frame", frame=1001)
time.sleep(1)
tell(event="frame", frame=1002)
tell(event="frame", frame=1003)
time.sleep(1)
tell(event="frame", frame=1004)
tell(event="suggestion", message="frames 1003-1004 are mostly a guess", guessed=[[1003, 1004]], frame=1004)
"""


def test_the_status_line_says_how_long_it_takes_as_often_as_frames_are_shown(comp):
    import relumix_nuke.work

    said = []
    comp.nuke.addKnobChanged(
        lambda: said.append(comp.status()) if comp.nuke.thisKnob().name() == "status" else None, nodeClass="Relumix"
    )
    relumix_nuke.work._SHOW_SECONDS = 0.5
    comp.node["executable"].setValue(script(comp.folder / "tells", _TELLS.format(python=sys.executable)).as_posix())
    comp.press("relight")
    comp.wait(lambda: comp.status() == "4 frames are relit; frames 1003-1004 are mostly a guess")
    arrivals = [text for text in said if "arrived" in text]
    assert re.fullmatch(r"relighting, frame 100\d has arrived, about [01]:\d\d to go", arrivals[0])
    assert arrivals[-1].startswith("relighting, frame 1004 has arrived")
    assert comp.node["arrived"].value() == "1001-1004"


def test_frames_that_arrive_together_are_shown_together(comp):
    comp.press("relight")
    whole = comp.session.labels.whole
    comp.wait(lambda: comp.status() == "4 frames are relit")
    assert comp.node["arrived"].value() == "1001-1004"
    assert comp.session.labels.whole - whole <= 3, "one for the first, one for the rest, one for the end"


def test_the_device_is_told(comp):
    from relumix_nuke import cache, command, knobs

    comp.node["device"].setValue("cpu")
    request = knobs.Request.of(comp.node)
    program = command.Program("relumix", "relumix 0.1.0")
    assert "--device=cpu" in command.relight(program, request, cache.Folder(comp.folder), "main")


_SUGGESTS = """\
#!{python}
import sys
if "--version" in sys.argv:
    print("relumix 0.1.0")
elif "suggest" in sys.argv:
    open({told!r}, "w").write("\\n".join(sys.argv[1:]))
    print({answer!r})
"""


def suggesting(comp, answer):
    """Press the button with a command that answers so; what it was told."""
    told = comp.folder / "told"
    text = _SUGGESTS.format(python=sys.executable, told=str(told), answer=answer)
    comp.node["executable"].setValue(script(comp.folder / "suggests", text).as_posix())
    comp.press("suggest")
    return told


def test_a_frame_is_suggested_and_gone_to(comp):
    told = suggesting(comp, json.dumps({"frames": [{"frame": 1003, "error_stops": 0.2}]}, indent=2))
    assert comp.status() == "a reference at 1003 would help most: relight that frame, and press add"
    assert comp.nuke.frame() == 1003
    folder = comp.node["folder"].value()
    assert told.read_text().splitlines() == [
        *("suggest", f"{folder}/source.main.####.exr", f"--reference=1001={folder}/reference.main.1001.exr", "--json")
    ]


def test_the_command_looks_as_more_options_say(comp):
    comp.node["options"].setValue("--cuts 1003 --mix 0.5 --colorspace='ACEScg' --align --patience 9 --unlit plate")
    told = suggesting(comp, json.dumps({"frames": [], "warnings": ["relit.exr is shifted", "there is a cut"]}))
    assert told.read_text().splitlines()[-4:] == ["--cuts=1003", "--colorspace=ACEScg", "--align", "--json"]
    assert comp.status() == "no further reference would help much; relit.exr is shifted; there is a cut"


def test_the_command_itself_is_asked(comp):
    commands = subprocess.run([RELUMIX, "--help"], capture_output=True, text=True, check=True).stdout
    if "suggest" not in commands:
        pytest.skip("this relumix has no suggest")
    comp.press("suggest")
    assert not comp.session.dialogs.messages
    assert comp.nuke.frame() in FRAMES
    assert "would help" in comp.status()


def test_asking_for_a_frame_leaves_what_is_shown_as_it_is(comp):
    comp.relight()
    relit, folder = comp.all_shown(), comp.node["folder"].value()
    comp.node["work_size"].setValue(512)
    suggesting(comp, json.dumps({"frames": [{"frame": 1003, "error_stops": 0.2}]}))
    assert comp.node["folder"].value() == folder
    np.testing.assert_array_equal(comp.all_shown(), relit)
    comp.session.dialogs.answers = [True]
    comp.press("clear")
    assert not list((comp.folder / "cache").iterdir()), "nor is anything left of it"


def test_asking_for_a_frame_can_be_cancelled(comp):
    slow = '#!/bin/sh\n[ "$1" = --version ] && echo relumix 0.1.0 && exit\nexec sleep 300\n'
    comp.node["executable"].setValue(script(comp.folder / "hangs", slow).as_posix())
    comp.session.tasks.cancel_after = len(FRAMES) + 5
    comp.press("suggest")
    assert (comp.status(), comp.session.dialogs.messages) == ("cancelled", [])


def test_where_no_frame_would_help_nuke_stays_where_it_is(comp):
    suggesting(comp, json.dumps({"frames": []}))
    assert (comp.status(), comp.nuke.frame()) == ("no further reference would help much", 1001)
    suggesting(comp, "a wish")
    assert said(comp) == "relumix 0.1.0 has not named a frame (it said: a wish)"


def test_the_folder_and_the_log_are_opened(comp, monkeypatch):
    comp.press("open_log")
    assert said(comp) == "Relumix1 has no result yet: relight it"
    comp.relight()
    opened = []
    import relumix_nuke.command

    monkeypatch.setattr(relumix_nuke.command, "start_beside", opened.append)
    comp.press("open_folder")
    comp.press("open_log")
    folder = comp.node["folder"].value()
    assert [path for _, path in opened] == [folder, f"{folder}/relumix.main.log"]
