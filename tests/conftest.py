from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from relumix.dataset.llvm import VARIABLE, use
from relumix.errors import InputError

hypothesis.settings.register_profile("any_machine", deadline=None)  # a busy one is no failure
hypothesis.settings.load_profile("any_machine")

WITHOUT_LLVM = pytest.StashKey[str]()
NO_LLVM = "/no/libLLVM/works/on/this/machine"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the libLLVM of the whole run before anything loads one that could end it, and hear interrupts."""
    # A shell that starts the tests in the background has them ignore SIGINT, and with them every command they start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[WITHOUT_LLVM] = ""
    try:
        use()
    except InputError as error:
        config.stash[WITHOUT_LLVM] = str(error)
        os.environ[VARIABLE] = NO_LLVM


@pytest.fixture(scope="session")
def llvm(request: pytest.FixtureRequest) -> None:
    """What compiles with Dr.Jit needs it; skipped, with what to install, where no libLLVM works."""
    if trouble := request.config.stash[WITHOUT_LLVM]:
        pytest.skip(trouble)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test plates that lies beside some checkouts; the tests that use it are skipped elsewhere."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the shared test plates are not beside this checkout")
    return folder
