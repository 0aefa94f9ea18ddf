"""Make the files of this example of a rendered shot: `python examples/crates/pack.py SHOT` (see README.md).

The plate is the shot's own light, the reference one frame of it under the second of its other lights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

HERE = Path(__file__).resolve().parent
REFERENCE = 1010


def main() -> None:
    """Pack it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shot", type=Path, metavar="SHOT", help="folder of the rendered shot: it has shot.json")
    shot = parser.parse_args().shot
    (HERE / "plate").mkdir(exist_ok=True)
    for path in sorted((shot / "source").glob("*.exr")):
        pack(path, HERE / "plate" / f"crates{path.suffixes[0]}.exr")
    (relit,) = (shot / "relit_b").glob(f"*.{REFERENCE}.exr")
    pack(relit, HERE / f"relit.{REFERENCE}.exr")


def pack(source: Path, target: Path) -> None:
    """Write an image again in half float and DWAA, with a frame rate."""
    image = oiio.ImageBuf(str(source))
    spec = image.spec()
    spec.attribute("compression", "dwaa:45")
    spec.attribute("FramesPerSecond", oiio.TypeDesc("rational"), (24, 1))
    output = oiio.ImageOutput.create(str(target))
    pixels = np.ascontiguousarray(image.get_pixels("half"))
    if not (output and output.open(str(target), spec) and output.write_image(pixels) and output.close()):
        raise SystemExit(f"{target} could not be written")


if __name__ == "__main__":
    main()
