from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("any_machine", deadline=None)  # a busy one is no failure
hypothesis.settings.load_profile("any_machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test plates that lies beside some checkouts; the tests that use it are skipped elsewhere."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the shared test plates are not beside this checkout")
    return folder
