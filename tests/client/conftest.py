import pytest

from tests.server.harness import serving


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A real server that all tests here share."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running
