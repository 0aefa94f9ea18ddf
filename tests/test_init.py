import subprocess
import sys

import pytest

import relumix


def test_importing_relumix_loads_nothing_heavy():
    code = "import sys, relumix; print({'numpy', 'cv2', 'torch', 'OpenImageIO', 'av', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", relumix.__all__)
def test_every_public_name_is_there(name):
    assert getattr(relumix, name).__doc__


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="module 'relumix' has no attribute 'relite'"):
        relumix.relite  # noqa: B018
