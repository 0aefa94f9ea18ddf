import json

import pytest
import torch

from tests.engines.svd.models import make_model
from tests.engines.svd.sgm import SMALL, checkpoint, network


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks this small lose more to threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A whole model, tiny and random; its folder's path."""
    return str(make_model(tmp_path_factory.mktemp("svd")))


@pytest.fixture(scope="module")
def small():
    unet = network(SMALL)
    return unet, checkpoint(unet)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SMALL))
    return path
