"""What is installed is what is there."""

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_is_listed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    there = sorted(str(p.parent.relative_to(ROOT)).replace("/", ".") for p in (ROOT / "relumix").rglob("__init__.py"))
    assert listed == [*there, "relumix_examples", "relumix_ofx", "relumix_server"]
