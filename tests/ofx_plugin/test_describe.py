"""What the plugin says of itself, in both contexts, to hosts that lack this and that."""

import json
import re
import subprocess

import pytest

from tests.ofx_plugin.rig import FILTER, GENERAL


@pytest.fixture(scope="module")
def described(shared):
    host = shared.host()
    host.say("load")
    told = {context: json.loads(host.say(f"describe {context}")) for context in (FILTER, GENERAL)}
    assert host.state()["offences"] == []
    host.close()
    return told


def parameters(told):
    return {each["OfxPropName"][0]: each for each in told["parameters"]}


def test_both_contexts_have_the_same_clips_and_parameters(described):
    assert described[FILTER] == described[GENERAL]
    clips = described[FILTER]["clips"]
    assert sorted(clips) == ["Mask", "Output", "Reference", "Source"]
    assert [clips[name]["OfxImageClipPropOptional"] for name in ("Source", "Reference", "Mask")] == [[0], [1], [1]]
    assert all(clip["OfxImageEffectPropSupportedComponents"] == ["OfxImageComponentRGBA"] for clip in clips.values())
    assert described[FILTER]["effect"]["OfxImageEffectPropSupportedPixelDepths"] == ["OfxBitDepthFloat"]
    assert described[FILTER]["effect"]["OfxImageEffectPropTemporalClipAccess"] == [1]


def test_parameters_keep_their_names_for_ever(described):
    assert list(parameters(described[GENERAL])) == [
        *("range", "first", "last", "referenceFrom", "referenceFrames", "referenceFile", "cuts", "engine"),
        *("workSize", "status", "relight", "cancel", "clear", "lookGroup", "output", "mix", "maskChannel"),
        *("maskInvert", "coding", "codingName", "fileCoding", "placeGroup", "where", "server", "tokenFile"),
        *("tlsCa", "tlsCert", "tlsKey", "model", "command", "id", "made", "Main"),
    ]


def test_numbers_have_all_four_ends_and_buttons_have_no_value(described):
    for told in parameters(described[GENERAL]).values():
        if told["kind"] in ("OfxParamTypeInteger", "OfxParamTypeDouble"):
            for end in ("Min", "Max", "DisplayMin", "DisplayMax"):
                assert len(told[f"OfxParamProp{end}"]) == 1
        if told["kind"] == "OfxParamTypePushButton":
            assert "OfxParamPropDefault" not in told
        if told["kind"] not in ("OfxParamTypeGroup", "OfxParamTypePage") and told["OfxPropName"][0] not in (
            "id",
            "made",
        ):
            assert re.fullmatch(r"[A-Z0-9].*\.", told["OfxParamPropHint"][0])


def test_only_the_door_is_exported(built):
    bundle, _ = built
    told = subprocess.run(
        ["nm", "-D", "--defined-only", str(bundle / "Contents/Linux-x86-64/Relumix.ofx")],
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(line.split()[-1] for line in told.stdout.splitlines())
    assert names == ["OfxGetNumberOfPlugins", "OfxGetPlugin", "OfxSetHost"]


def test_hidden_and_disabled_are_set_on_instances(host):
    assert [host.say(f"secret a {name}") for name in ("id", "made", "engine")] == ["ok 1", "ok 1", "ok 0"]
    assert [host.say(f"enabled a {name}") for name in ("status", "server", "first")] == ["ok 0", "ok 0", "ok 0"]
    host.set("where", 1)
    host.set("range", 1)
    assert [host.say(f"enabled a {name}") for name in ("status", "server", "first")] == ["ok 0", "ok 1", "ok 1"]
    assert re.fullmatch("ok [0-9a-f]{16}", host.say("get a id"))


@pytest.mark.parametrize("suite", ["OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"])
def test_a_host_without_a_suite_that_is_needed_is_told(shared, suite):
    host = shared.host()
    host.say(f"without {suite} 1")
    assert host.say("load") == "ok 4 org.relumix.Relumix"
    host.close()


def test_unknown_actions_are_left_to_the_host(host):
    assert host.say("purge") == "ok 14"


def test_frames_needed_are_the_own_and_those_of_references(host):
    host.set("referenceFrames", "1001, 1005")
    told = json.loads(host.say("frames a 1003").removeprefix("ok 0 "))
    assert told["OfxImageClipPropFrameRange_Source"] == [1003, 1003]
    assert told["OfxImageClipPropFrameRange_Reference"] == [1001, 1001, 1005, 1005]
    host.set("referenceFrom", 1)
    assert "OfxImageClipPropFrameRange_Reference" not in json.loads(host.say("frames a 1003").removeprefix("ok 0 "))


def test_the_plate_is_the_source(host):
    assert host.say("identity a 1003").startswith("ok 14")
    host.set("output", 2)
    assert json.loads(host.say("identity a 1003").removeprefix("ok 0 "))["OfxPropName"] == ["Source"]
    host.set("output", 0)
    host.say("key a mix 1004 0")
    assert host.say("identity a 1003").startswith("ok 14")
    assert json.loads(host.say("identity a 1004").removeprefix("ok 0 "))["OfxPropTime"] == [1004]
    assert json.loads(host.say("preferences a 0").removeprefix("ok 0 "))["OfxImageEffectFrameVarying"] == [1]
