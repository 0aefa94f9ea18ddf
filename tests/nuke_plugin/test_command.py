"""What the command is told."""

from pathlib import Path, PureWindowsPath

import pytest

from tests.nuke_plugin.comps import Comp


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path)


@pytest.fixture
def plugin(nuke):
    import relumix_nuke.cache
    import relumix_nuke.command
    import relumix_nuke.knobs

    return relumix_nuke


def told(plugin, comp, folder=Path("/c")):
    request = plugin.knobs.Request.of(comp.node)
    program = plugin.command.Program("/bin/relumix", "relumix 0.1.0")
    return plugin.command.relight(program, request, plugin.cache.Folder(folder), "left")


def test_the_knobs_as_they_are_at_first(plugin, comp):
    assert told(plugin, comp) == [
        *("/bin/relumix", "relight", "/c/source.left.####.exr", "--reference=1001=/c/reference.left.1001.exr"),
        *("--output=/c/result.left.####.exr", "--gain-out=/c/gain.left.####.exr", "--frames=1001-1006"),
        *("--engine=flow", "--work-size=768", "--compression=zip", "--progress", "json"),
    ]


def test_every_knob_that_the_command_has_to_know(plugin, comp):
    comp.node.setInput(2, comp.source)
    for knob, value in (
        *(("range", "custom"), ("frames", "-5--3, 0"), ("reference_frames", "-4 1002"), ("engine", "lite")),
        *(("work_size", 512), ("compression", "dwaa"), ("where", "server"), ("server", "r7:50051,r8:50051")),
        ("options", r"""--token-file "C:\a b\token" --tls-ca '#1.pem' --patience=60"""),
    ):
        comp.node[knob].setValue(value)
    comp.source["first"].setValue(-5)
    assert told(plugin, comp) == [
        *("/bin/relumix", "relight", "/c/source.left.####.exr"),
        *("--reference=-4=/c/reference.left.-004.exr", "--reference=1002=/c/reference.left.1002.exr"),
        *("--output=/c/result.left.####.exr", "--gain-out=/c/gain.left.####.exr", "--frames=-5--3,0"),
        *("--engine=lite", "--work-size=512", "--compression=dwaa", "--mask=/c/mask.left.####.exr"),
        *("--server=r7:50051,r8:50051", "--token-file", r"C:\a b\token", "--tls-ca", "#1.pem", "--patience=60"),
        *("--progress", "json"),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"D:\shots\für 光", "D:/shots/für 光"), (r"\\server\share\cache", "//server/share/cache")],
)
def test_paths_of_windows_have_slashes_wherever_nuke_reads_them(plugin, comp, written, meant):
    _, _, source, reference, output, *_ = told(plugin, comp, PureWindowsPath(written))
    assert source == f"{meant}/source.left.####.exr"
    assert reference == f"--reference=1001={meant}/reference.left.1001.exr"
    assert output == f"--output={meant}/result.left.####.exr"


def test_options_that_cannot_be_read(plugin, comp):
    with pytest.raises(
        plugin.RelumixError, match=r"^more options cannot be read, as --layer 'x: no closing quotation$"
    ):
        plugin.knobs.words("--layer 'x", "more options")
