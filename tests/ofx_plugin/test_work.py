"""What is made, when, and what is not made again."""

import numpy as np
import pytest

import relumix
from tests.ofx_plugin.rig import eventually
from tests.synthetic import make_shot


def test_before_the_first_relighting_there_is_the_plate_and_no_bridge(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host().load()
    pixels, message = host.render(1003)
    assert message == ""
    np.testing.assert_array_equal(pixels[..., :3], shot.plate[1003])
    assert bench.bridge_pid() is None


def test_a_source_without_a_picture_is_black(host):
    host.say("clip a Source null 1001 1008")
    assert not host.render(1003)[0].any()


def test_what_is_up_to_date_is_not_made_again(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host().load()
    assert host.press("relight") == "8 frames relit"
    assert host.press("relight") == "8 frames up to date"
    bench.put("Reference", {1001: shot.truth[1001] * 2})
    pixels, message = host.render(1003)
    assert message == "OfxMessageWarning: frame 1003 is not relit, or has changed since: press Relight range"
    np.testing.assert_array_equal(pixels[..., :3], shot.plate[1003])
    assert host.press("relight") == "8 frames relit"
    assert host.render(1003)[1] == ""
    bench.put("Reference", {1001: shot.truth[1001]})  # Undone: what was made before still is there.
    assert host.press("relight") == "8 frames up to date"
    host.set("workSize", 64)
    host.set("workSize", 768)
    assert host.press("relight") == "8 frames up to date"
    assert host.press("clear") == "16 frames forgotten"  # Under either reference.
    assert host.render(1003)[1] == ""
    np.testing.assert_array_equal(host.render(1003)[0][..., :3], shot.plate[1003])


def test_a_changed_frame_costs_those_that_it_gives_light_to(bench):
    shot = make_shot(size=(32, 24), frames=range(1, 41), pan=(1, 0))
    bench.put("Source", shot.plate)
    bench.put("Reference", {1: shot.truth[1]})
    host = bench.host().load(first=1, last=40)
    assert host.press("relight") == "40 frames relit"
    changed = dict(shot.plate) | {40: shot.plate[40] * 1.1}
    bench.put("Source", {40: changed[40]})
    assert host.press("relight") == "12 frames relit, 28 up to date"
    for expected in relumix.relit(changed, {1: shot.truth[1]}, frames=[28, 29, 40]):
        np.testing.assert_array_equal(host.render(expected.frame)[0][..., :3], expected.pixels)


def test_a_shot_that_moves_in_time_is_the_same_shot(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host().load()
    host.press("relight")
    later = bench.folder / "later"
    bench.put("later/s", {frame + 500: pixels for frame, pixels in shot.plate.items()})
    bench.put("later/r", {1501: shot.truth[1001]})
    host.say(f"clip a Source {later}/s 1501 1508")
    host.say(f"clip a Reference {later}/r 1501 1501")
    assert host.press("relight") == "8 frames up to date"


@pytest.mark.parametrize("how", ["interactive=0", "sequence", "background"])
def test_without_a_window_a_render_relights_by_itself(bench, shot, how):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host()
    if how == "background":
        host.say("background")
    host.load()
    if how == "sequence":
        host.say("sequence a begin 0")
    pixels, message = host.render(1006, *([how] if "=" in how else []))
    (expected,) = relumix.relit(shot.plate, {1001: shot.truth[1001]}, frames=[1006])
    np.testing.assert_array_equal(pixels[..., :3], expected.pixels)
    assert message == ""
    if how == "sequence":
        host.say("sequence a end 0")
        assert bench.made() == 7  # Its whole window, since that costs no more; not the reference's own frame.
        bench.put("Source", {1006: shot.plate[1006] * 2})
        host.set("made", 1)
        assert host.render(1006)[1].startswith("OfxMessageWarning: frame 1006 is not relit")


def test_frames_from_first_to_last(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1004: shot.truth[1004]})
    host = bench.host().load()
    for parameter, value in (("range", 1), ("first", 1002), ("last", 1003), ("referenceFrames", "1004")):
        host.set(parameter, value)
    assert host.press("relight") == "2 frames relit"
    plate = {frame: shot.plate[frame] for frame in (1002, 1003, 1004)}
    (expected,) = relumix.relit(plate, {1004: shot.truth[1004]}, frames=[1002])
    np.testing.assert_array_equal(host.render(1002)[0][..., :3], expected.pixels)
    assert host.render(1007, "interactive=0")[1] == (
        "OfxMessageWarning: frame 1007 is not among 1002 to 1003, which are to be relit"
    )
    host.set("last", 1001)
    assert host.press("relight") == "there are no frames from 1002 to 1001"
    host.set("referenceFrames", "first one")
    assert host.press("relight") == "reference frames are 'first one': expected numbers such as 1001, 1060"


def test_light_crosses_no_cut_of_the_clip(bench, shot):
    other = make_shot(size=(64, 48), frames=range(1009, 1017), seed=5)
    bench.put("Source", shot.plate | other.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host().load(last=1016)
    assert host.press("relight") == (
        "16 frames relit; there is a cut before frame 1009; without a reference, and so the plate: 1009 to 1016"
    )
    settings = relumix.Settings(unlit="plate")
    for expected in relumix.relit(shot.plate | other.plate, {1001: shot.truth[1001]}, settings, frames=[1008, 1009]):
        np.testing.assert_array_equal(host.render(expected.frame)[0][..., :3], expected.pixels)
    host.set("cuts", "none")
    assert host.render(1008)[1].startswith("OfxMessageWarning: frame 1008 is not relit, or has changed")
    assert host.press("relight") == "16 frames relit"


def test_several_effects_by_several_threads(host, shared, shot):
    expected = {frame.frame: frame.pixels for frame in relumix.relit(shot.plate, {1001: shot.truth[1001]})}
    host.press("relight")
    names = [f"n{i}" for i in range(4)]
    for name in names:
        host.create(name)
        assert host.press("relight", name=name) == "8 frames up to date"
    frames = [1003, 1008, 1002]
    crowd = shared.folder / "crowd"
    assert host.say(f"crowd {crowd} {' '.join(map(str, frames))} : {' '.join(names)}") == "ok 0"
    from tests.ofx_plugin.rig import got

    for name in names:
        for frame in frames:
            np.testing.assert_array_equal(got(shared.folder / f"crowd.{name}.{frame}")[..., :3], expected[frame])


def test_two_hosts_share_a_bridge(shared, host, shot):
    host.press("relight")
    other = shared.host().load()
    assert other.press("relight") == "8 frames up to date"
    assert other.render(1004)[1] == ""
    other.close()
    assert host.render(1004)[1] == ""


def test_frames_that_the_store_has_no_room_for_are_sent_again(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    relit_bytes, pixel_bytes = 64 * 48 * 18 + 8192, 64 * 48 * 16
    bench.start_bridge(f"--store-bytes={8 * relit_bytes + 3 * pixel_bytes}")
    host = bench.host().load()
    assert host.press("relight") == "8 frames relit"
    for expected in relumix.relit(shot.plate, {1001: shot.truth[1001]}):
        np.testing.assert_array_equal(host.render(expected.frame)[0][..., :3], expected.pixels)
    host.close()
    assert eventually(lambda: bench.bridge_pid() is None)


def test_a_server_does_it(shared, host, tmp_path, shot):
    from tests.server.harness import serving

    host.set("where", 1)
    assert host.press("relight") == "no server is named: write HOST:PORT, or choose this machine"
    (tmp_path / "token").write_text("s3cret-s3cret-s3cret\n")
    with serving(tmp_path, "--token-file", str(tmp_path / "token")) as server:
        host.set("server", server.address)
        assert "token" in host.press("relight")
        host.set("tokenFile", tmp_path / "token")
        host.set("workSize", 64)
        assert host.press("relight") == "8 frames relit"
        assert host.press("relight") == "8 frames up to date"
    settings = relumix.Settings(work_size=64)
    for expected in relumix.relit(shot.plate, {1001: shot.truth[1001]}, settings):
        np.testing.assert_array_equal(host.render(expected.frame)[0][..., :3], expected.pixels)
