"""Which libLLVM is taken, which are refused, and in what words. Real libraries where there are some."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from relumix.dataset import llvm
from relumix.errors import InputError

pytest.importorskip("drjit", reason="what is tried is whether Dr.Jit works with it")

CURE = (
    "install LLVM 19 (Debian, Ubuntu: apt-get install libllvm19), or name a library: "
    "export DRJIT_LIBLLVM_PATH=/path/to/libLLVM.so.19.1"
)


@pytest.fixture
def working(llvm: None) -> Path:
    """The libLLVM that this test run works with."""
    return Path(os.environ["DRJIT_LIBLLVM_PATH"])


def library(folder: Path, name: str) -> Path:
    """A file that has the name of a libLLVM and is none."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"no library")
    return path


def linked(folder: Path, name: str, working: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.symlink_to(working)
    return path


def test_the_newest_comes_first_by_version_and_each_once(tmp_path: Path):
    names = [
        "libLLVM-9.so.1",
        "libLLVM.so.19.1",
        "libLLVM-15.so.1",
        "libLLVM-14.0.6.so.1",
        "libLLVM.so.20.1",
        "libLLVM.so",
    ]
    for name in (*names, "libLLVMCore.a", "libLTO.so.20"):
        library(tmp_path, name)
    (tmp_path / "libLLVM-19.so").symlink_to("libLLVM.so.19.1")
    found = llvm.candidates([tmp_path, tmp_path / "none", tmp_path])
    assert [path.name for path in found] == [names[i] for i in (4, 1, 2, 3, 0, 5)]


def test_what_does_not_work_is_passed_over(tmp_path: Path, working: Path):
    library(tmp_path, "libLLVM.so.99.1")
    linked(tmp_path, "libLLVM.so", working)
    assert llvm.library({}, [tmp_path]).path == working


def test_where_none_works_all_are_named(tmp_path: Path):
    new, old = library(tmp_path, "libLLVM.so.99.1"), library(tmp_path, "libLLVM-15.so.1")
    with pytest.raises(InputError) as caught:
        llvm.library({}, [tmp_path])
    assert str(caught.value) == (
        f"Dr.Jit cannot work with any libLLVM that is here, {new} (LLVM 99.1: Dr.Jit does not take it), "
        f"{old} (LLVM 15: Dr.Jit does not take it); {CURE}"
    )


def test_where_there_is_none_it_says_what_to_install(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        llvm.library({}, [tmp_path])
    assert str(caught.value) == f"Dr.Jit needs libLLVM, and none was found; {CURE}"


def test_what_the_environment_names_is_taken_and_no_other(tmp_path: Path, working: Path):
    named = linked(tmp_path, "libLLVM-mine.so", working)
    assert llvm.library({llvm.VARIABLE: str(named)}, []).path == named
    bad = library(tmp_path, "libLLVM.so.15.0")
    with pytest.raises(InputError) as caught:
        llvm.library({llvm.VARIABLE: str(bad)}, [working.parent])
    assert str(caught.value) == (
        f"Dr.Jit cannot work with what DRJIT_LIBLLVM_PATH names, {bad} (LLVM 15.0: Dr.Jit does not take it); {CURE}"
    )


@pytest.mark.parametrize("version", [15, 16])
def test_a_library_that_ends_the_process_ends_another_one(version: int):
    found = [path for path in llvm.candidates(llvm.system_folders()) if path.name == f"libLLVM-{version}.so.1"]
    if not found or "avx512f" not in Path("/proc/cpuinfo").read_text():
        pytest.skip(f"LLVM {version} is not installed, or the processor has no AVX-512, without which it works")
    assert llvm.probe(found[0]).trouble == "it ends the process"


def test_the_choice_counts_for_this_process_and_its_children(working: Path):
    code = (
        "import os; from pathlib import Path; from relumix.dataset.llvm import use; "
        f"print(use([Path({str(working.parent)!r})])); import drjit; print(drjit.has_backend(drjit.JitBackend.LLVM)); "
        "print(os.environ['DRJIT_LIBLLVM_PATH'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != llvm.VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    chosen, works, named = done.stdout.split()
    assert chosen == named
    assert Path(chosen).parent == working.parent
    assert works in ("1", "True")


def test_a_choice_that_comes_too_late_is_refused(working: Path):
    code = (
        "import drjit, os; from relumix.dataset.llvm import use; "
        f"os.environ['DRJIT_LIBLLVM_PATH'] = {str(working)!r}; use()"
    )
    environment = {**os.environ, llvm.VARIABLE: "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"relumix.errors.InputError: Dr.Jit is loaded already, with LLVM none, and {working} is what works: call "
        f"relumix.dataset.llvm.use() before drjit or mitsuba is imported, or export DRJIT_LIBLLVM_PATH={working}"
    )


def test_without_a_library_there_is_one_line_and_it_is_ours():
    code = "from relumix.dataset.light_stage.sdf.backend import choose; choose('cpu', 'there is none')"
    environment = {**os.environ, llvm.VARIABLE: "/nowhere/libLLVM-19.so"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1] == "relumix.errors.InputError: there is none"
