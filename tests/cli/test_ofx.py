"""`relumix ofx install`."""

import os
import subprocess

import pytest

from relumix.cli.main import main
from relumix.util.child import relumix_command
from relumix.version import __version__


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Building is tested with the plugin itself (tests/ofx_plugin): here a bundle is put together at once."""
    import relumix_ofx.build

    def build_here(folder):
        binary = folder / relumix_ofx.build.BUNDLE / "Contents/Linux-x86-64/Relumix.ofx"
        binary.parent.mkdir(parents=True)
        (folder / relumix_ofx.build.BUNDLE / "Contents/Resources").mkdir()
        binary.write_bytes(b"plugin")
        return folder / relumix_ofx.build.BUNDLE

    monkeypatch.setattr(relumix_ofx.build, "build_here", build_here)


def test_a_bundle_knows_the_command_that_installed_it(built, tmp_path, capsys):
    old = tmp_path / "plugins/Relumix.ofx.bundle/Contents/old"
    old.mkdir(parents=True)
    assert main(["ofx", "install", "--to", str(tmp_path / "plugins")]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/plugins/Relumix.ofx.bundle\n"
    contents = tmp_path / "plugins/Relumix.ofx.bundle/Contents"
    assert (contents / "Linux-x86-64/Relumix.ofx").read_bytes() == b"plugin"
    words = (contents / "Resources/relumix-command.txt").read_text().splitlines()
    assert words == relumix_command()
    said = subprocess.run([*words, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said == f"relumix {__version__}\n"
    assert not old.exists()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert main(["ofx", "install", "--to", str(tmp_path / "locked/plugins")]) == 2
    assert "Permission denied; run this as an administrator, or choose a folder with --to" in capsys.readouterr().err
