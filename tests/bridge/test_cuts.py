"""Clips with cuts: light crosses none, and looking for them costs the host one look at each frame."""

import numpy as np
import pytest

import relumix
from relumix.bridge.cuts import FoundCuts, told
from relumix.shot.scenes import Scenes
from tests.bridge.plugin import Plugin, context_of
from tests.synthetic import make_shot

FRAMES, CUT = range(1, 9), 5
ASKED = {"instance": "ab", "first": 1, "last": 8}


@pytest.fixture(scope="module")
def clips():
    """An edit of two places, and the same in another light."""
    plate = {
        **make_shot(size=(96, 64), frames=range(1, 5), seed=1).plate,
        **make_shot(size=(96, 64), frames=range(5, 9), seed=5).plate,
    }
    one = np.ones((64, 96, 1), np.float32)
    lit = {frame: pixels * np.float32(0.25 if frame < CUT else 4) for frame, pixels in plate.items()}
    return {
        **{("source", frame): np.concatenate([pixels, one], -1) for frame, pixels in plate.items()},
        **{("reference", frame): np.concatenate([pixels, one], -1) for frame, pixels in lit.items()},
    }


@pytest.fixture
def plugin(tmp_path):
    return Plugin(context_of(tmp_path)).greet()


def ask(plugin, clips, purpose="relight", **fields):
    """Ask, and return what the bridge says at the end, and which frames of Source it looked at."""
    query, looked = plugin.ask("open", purpose=purpose, **{**ASKED, **fields}), []
    while query.kind in ("look", "send", "wait"):
        if query.kind == "wait":
            query = plugin.ask("next")
            continue
        clip, frame = query.fields["clip"], int(query.fields["frame"])
        looked += [frame] if (clip, query.kind) == ("source", "look") else []
        query = plugin.answer(query, clips[clip, frame])
    return (query.fields["text"] if query.kind in ("done", "error") else query.kind), looked


def pixels_of(plugin):
    return np.frombuffer(plugin.body, "<f4").reshape(64, 96, 3)


def expected(clips, references, **settings):
    source = {frame: clips["source", frame][..., :3] for frame in FRAMES}
    relit = {frame: clips["reference", frame][..., :3] for frame in references}
    return {each.frame: each.pixels for each in relumix.relit(source, relit, relumix.Settings(**settings))}


@pytest.mark.parametrize("cuts", ["auto", "5"])
def test_light_crosses_no_cut(plugin, clips, cuts):
    said, looked = ask(plugin, clips, references="1 8", cuts=cuts)
    assert (said, looked) == ("8 frames relit; there is a cut before frame 5", list(FRAMES))
    for frame, pixels in expected(clips, [1, 8]).items():
        assert ask(plugin, clips, "render", references="1 8", cuts=cuts, frame=frame)[0] == "result"
        np.testing.assert_array_equal(pixels_of(plugin), pixels)


def test_a_scene_without_a_reference_stays_the_plate_and_is_told(plugin, clips):
    assert ask(plugin, clips)[0] == (
        "8 frames relit; there is a cut before frame 5; without a reference, and so the plate: 5 to 8"
    )
    assert ask(plugin, clips, "render", frame=6)[0] == "result"
    np.testing.assert_array_equal(pixels_of(plugin), clips["source", 6][..., :3])
    assert ask(plugin, clips, "render", frame=6, output="confidence")[0] == "result"
    assert pixels_of(plugin).max() < 1e-4


def test_a_clip_that_is_said_to_have_none(plugin, clips):
    assert ask(plugin, clips, references="1 8", cuts="none")[0] == "8 frames relit"
    ask(plugin, clips, "render", references="1 8", cuts="none", frame=4)
    np.testing.assert_array_equal(pixels_of(plugin), expected(clips, [1, 8], cuts="none")[4])
    assert ask(plugin, clips, "render", references="1 8", cuts="5", frame=4)[0] == "absent"
    assert ask(plugin, clips, references="1 8", cuts="5, 8")[0].startswith("8 frames relit; there are cuts")
    assert ask(plugin, clips, references="1 8", cuts="5")[0].startswith("4 frames relit, 4 up to date")


def test_a_farm_looks_for_cuts_once(plugin, clips):
    assert ask(plugin, clips, "farm", references="1 8", frame=3)[1] == [3, 1, 2, 4, 5, 6, 7, 8]
    said, looked = ask(plugin, clips, "farm", references="1 8", frame=6)
    assert (said, set(looked)) == ("result", {1, 5, 6, 7, 8})  # 1: all references are read.
    np.testing.assert_array_equal(pixels_of(plugin), expected(clips, [1, 8])[6])


def test_cuts_are_found_again_where_a_frame_has_changed(plugin, clips):
    assert ask(plugin, clips)[0].startswith("8 frames relit; there is a cut before frame 5")
    one_place = {key: pixels for key, pixels in clips.items() if key[0] == "reference"}
    scene = make_shot(size=(96, 64), frames=FRAMES, seed=1).plate
    one_place |= {
        ("source", frame): np.concatenate([pixels, 0 * pixels[..., :1] + 1], -1) for frame, pixels in scene.items()
    }
    assert ask(plugin, one_place)[0] == "7 frames relit, 1 up to date"


@pytest.mark.parametrize(
    ("cuts", "said"),
    [
        ("9", "cuts has 9: expected first frames of scenes, from 2 to 8, auto or none"),
        ("soon", "cuts has 'soon': expected auto, none, or first frames of scenes such as 1008, 1040"),
        ("2-9999999", "cuts has '2-9999999': expected auto, none, or first frames of scenes such as 1008, 1040"),
        ("2 " * 1001, "there are 1001 cuts: expected at most 1000"),
    ],
)
def test_what_is_no_cut_is_said(plugin, clips, cuts, said):
    assert ask(plugin, clips, cuts=cuts)[0] == said


def test_only_the_last_shots_are_remembered():
    found = FoundCuts()
    for number in range(17):
        found.put(str(number), {1: "a", 2: "b"}, (number,))
    assert found.get("0", {1: "a"}) is None
    assert found.get("16", {1: "a"}) == (16,)
    assert found.get("16", {1: "a", 2: "c"}) is None
    assert found.get("16", {3: "a"}) is None


def test_what_is_told_of_scenes():
    frames = range(1, 10)
    assert told(Scenes((1,)), frames, frames) == ""
    assert told(Scenes((1, 5, 9), (5, 9)), frames, frames) == "; there are cuts before frames 5, 9"
    assert told(Scenes((1,), (9,)), frames, frames) == (
        "; there is a cut before frame 9; without a reference, and so the plate: 9 to 9"
    )
    many = tuple(range(2, 16))
    assert told(Scenes((1, *many), many), range(1, 20), range(1, 20)) == (
        "; there are cuts before frames 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 2 more"
    )
    assert told(Scenes((1,), (9,)), frames, range(1, 9)) == "; there is a cut before frame 9"
