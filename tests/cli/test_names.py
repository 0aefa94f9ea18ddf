"""Names of files: of bytes that are no UTF-8, and as long as a file system takes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from relumix.cli.main import main
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from relumix.util.native_name import native_name
from tests.shot import files
from tests.synthetic import make_shot

FRAMES = (1001, 1002)
LATIN = os.fsdecode(b"caf\xe9")
PREVIEWS = {"--contact-sheet": ".png", "--preview": ".mp4"}
foreign = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not UTF-8")


def make(folder, stem="plate"):
    """A shot and its relit frame, in small files."""
    made = make_shot(size=(48, 32), frames=FRAMES)
    pixels = {f"{stem}.{frame}.exr": plate for frame, plate in made.plate.items()}
    pixels[f"relit {stem}.1001.exr"] = made.truth[1001]
    folder.mkdir(exist_ok=True)
    for name, each in pixels.items():
        (folder / name).touch()
        with native_name(folder / name) as native:
            files.plain(Path(native), each.astype(np.float16))
    return folder / f"relit {stem}.1001.exr"


@foreign
@pytest.mark.parametrize("place", ["folder", "name"])
def test_names_of_other_bytes_work_everywhere(tmp_path, capfd, place):
    folder, stem = (tmp_path / LATIN, "plate") if place == "folder" else (tmp_path, LATIN)
    relit, plate = make(folder, stem), folder / f"{stem}.####.exr"
    out = {what: str(folder / f"{what} {stem}.####.exr") for what in ("result", "gain", "confidence")}
    assert main(["info", str(plate), "--json"]) == 0
    command = ["relight", str(plate), "-r", f"1001={relit}", "--mask", str(folder / f"{stem}.1001.exr")]
    command += ["-o", out["result"], "--gain-out", out["gain"], "--confidence-out", out["confidence"]]
    command += ["--contact-sheet", str(folder / f"{stem}.png"), "--preview", str(folder / f"{stem}.mp4")]
    assert main(command) == 0, capfd.readouterr().err
    assert main([*command, "--progress", "json"]) == 0
    assert f'"frame": 1002, "path": "{folder}/result {stem}.1002.exr", "skipped": true'.replace(
        LATIN, "caf\\udce9"
    ) in capfd.readouterr().out  # fmt: skip
    assert all(Sequence.find(pattern).frames == FRAMES for pattern in out.values())
    assert Plate(Sequence.find(out["result"])).read(1002).rgb.shape == (32, 48, 3)
    report = [f"--json={folder / f'{stem}.json'}", f"--report={folder / f'{stem}.html'}"]
    assert main(["evaluate", out["result"], "--source", str(plate), *report]) == 0
    assert {path.suffix for path in folder.iterdir()} == {".exr", ".png", ".mp4", ".json", ".html"}


@foreign
def test_a_damaged_file_of_such_a_name_is_one_line(tmp_path, capfd):
    (tmp_path / f"{LATIN}.exr").write_bytes(b"no image")
    assert main(["info", str(tmp_path / f"{LATIN}.exr")]) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"relumix: {tmp_path}/caf\\udce9.exr cannot be read: ")
    assert said.count("\n") == 1


@foreign
def test_such_a_name_cannot_go_to_a_farm(tmp_path, capfd):
    relit = make(tmp_path / LATIN).rename(tmp_path / "relit.exr")
    command = ["farm", "bundle", str(tmp_path / LATIN), "-r", f"1001={relit}", "-o", "out"]
    assert main([*command, "--bundle", str(tmp_path / "job")]) == 2
    assert capfd.readouterr().err == (
        f"relumix: Source is '{tmp_path}/caf\\udce9', no UTF-8: a farm's job cannot hold it; rename the file\n"
    )
    assert not (tmp_path / "job").exists()


@foreign
def test_a_name_is_its_bytes_whatever_the_locale_makes_of_them(tmp_path):
    relit = make(tmp_path / "é")
    code = (
        "import sys; sys.getfilesystemencoding = lambda: 'x'\n"
        "import os; os.fsencode = lambda name: str(name).encode('latin-1'); from relumix.util.native_name import *\n"
        "from pathlib import Path\n"
        "with native_name(Path('caf\\u00c3\\u00a9')) as name: print(ascii(name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "'caf\\xe9'\n"
    with native_name(relit) as name:
        assert name == str(relit)


@pytest.mark.parametrize("stem", ["n" * 246, "影" * 82], ids=["ascii", "three bytes a letter"])
def test_names_as_long_as_they_may_be(tmp_path, stem):
    relit = make(tmp_path / "in")
    words = ["relight", str(tmp_path / "in/plate.####.exr"), "-r", f"1001={relit}"]
    for option in ("-o", "--gain-out", "--confidence-out"):
        words += [option, str(tmp_path / option / f"{stem}.####.exr")]
    words += ["--contact-sheet", str(tmp_path / f"{stem[: len(stem) - 1]}nn.png")]
    assert len(os.fsencode(f"{stem}.1001.exr")) == 255
    assert main(words) == 0
    assert [path.name for path in (tmp_path / "--gain-out").iterdir()].count(f"{stem}.1002.exr") == 1


@pytest.mark.parametrize("option", ["-r", "-o", "--gain-out", "--mask", *PREVIEWS, "source"])
def test_names_longer_than_that_are_one_line(tmp_path, capfd, option):
    relit = make(tmp_path)
    words = {"-r": f"1001={relit}", "-o": str(tmp_path / "out")}
    words[option] = str(tmp_path / ("n" * 300 + PREVIEWS.get(option, ".####.exr")))
    source = words.pop("source", str(tmp_path / "plate.####.exr"))
    assert main(["relight", source, *(word for pair in words.items() for word in pair)]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "nnn" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", PREVIEWS)
def test_a_folder_where_a_preview_would_go_is_told_before_the_work(tmp_path, capfd, option):
    relit, taken = make(tmp_path), tmp_path / f"taken{PREVIEWS[option]}"
    taken.mkdir()
    words = ["-r", f"1001={relit}", "-o", str(tmp_path / "out"), option, str(taken)]
    assert main(["relight", str(tmp_path / "plate.####.exr"), *words]) == 2
    assert capfd.readouterr().err == f"relumix: {taken} is a folder: expected the name of a file\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that a process is in cannot be removed there")
def test_a_working_folder_that_is_gone_is_one_line(tmp_path):
    (tmp_path / "gone").mkdir()
    words = [sys.executable, "-m", "relumix.cli.main", "relight", "plate.####.exr", "-r", "r.exr", "-o", "out"]
    line = f"cd {tmp_path}/gone && rmdir {tmp_path}/gone && exec " + " ".join(words)
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2, "relumix: the working folder is not there any more: change to one that is\n"
    )  # fmt: skip
