import pytest

from tests.client.real import serve


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A real server that all tests here share."""
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running
