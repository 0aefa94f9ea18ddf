import pytest
import torch

from relumix.reference.text.pipelines import quiet
from tests.reference.text import tiny


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks this small lose more to threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(make, *args, **options):
    with quiet():
        return make(*args, **options)


@pytest.fixture(scope="session")
def stable_diffusion(tmp_path_factory):
    return made(tiny.stable_diffusion, tmp_path_factory.mktemp("stable-diffusion"))


@pytest.fixture(scope="session")
def pix2pix(tmp_path_factory):
    return made(tiny.stable_diffusion, tmp_path_factory.mktemp("instruct-pix2pix"), edits=True)


@pytest.fixture(scope="session")
def kontext(tmp_path_factory):
    return made(tiny.kontext, tmp_path_factory.mktemp("kontext"))


@pytest.fixture(scope="session")
def ic_light(tmp_path_factory):
    """The checkpoints of IC-Light by their channels."""
    folder = tmp_path_factory.mktemp("ic-light")
    return {channels: tiny.ic_light(folder / f"ic{channels}.safetensors", channels) for channels in (4, 8, 12)}
