"""Comps to relight in: a plate on disk, Reads of it and of what an artist made of it, and our node."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from tests.shot import files
from tests.synthetic import make_shot

FRAMES = range(1001, 1007)
SIZE = (64, 48)
RELUMIX = Path(sys.executable).parent / "relumix"

_SLOW = """\
#!{python}
import sys, time
from relumix.engines.flow.engine import FlowPropagator
from relumix.pipeline.write_frame import FrameWriter

def slowed(kind, name):
    inner = getattr(kind, name)
    def slowly(*args, **kwargs):
        time.sleep({seconds})
        return inner(*args, **kwargs)
    setattr(kind, name, slowly)

slowed(FrameWriter, "_write")
slowed(FlowPropagator, "propagate")
if sys.argv[1] == "serve":  # its frames are to be slow; it would be slow to start as well
    from relumix_server import serve
    serve.warm = lambda engine, device: None
from relumix.cli.main import main
sys.exit(main())
"""


class Comp:
    """A plate's Read, another Read or a Grade as the artist's relight of it, and a Relumix node behind both."""

    def __init__(self, nuke, folder, frames=FRAMES, size=SIZE, **shot):
        self.session, self.nuke, self.folder, self.frames = nuke, nuke.module, folder, frames
        self.made = make_shot(size=size, frames=frames, pan=(1.5, 0.5), **shot)
        for frame, pixels in self.made.plate.items():
            files.plain(folder / f"plate/plate.{frame:04d}.exr", pixels.astype(np.float16))
            files.plain(folder / f"painted/painted.{frame:04d}.exr", self.made.truth[frame].astype(np.float16))
        self.session.root["format"].setValue(f"{size[0]} {size[1]} 0 0 {size[0]} {size[1]} 1 shot")
        self.session.root["first_frame"].setValue(frames[0])
        self.session.root["last_frame"].setValue(frames[-1])
        self.nuke.frame(frames[0])
        self.source, self.painted = self.read("plate"), self.read("painted")
        self.grade = self.nuke.nodes.Grade(inputs=[self.source], white=2)
        self.node = self.relumix(self.source, self.painted)
        self.session.undos.steps.clear()

    def read(self, name):
        pattern = f"{(self.folder / name / name).as_posix()}.####.exr"
        node = self.nuke.nodes.Read(first=self.frames[0], last=self.frames[-1], raw=True)
        node["file"].setValue(pattern)
        return node

    def relumix(self, *inputs):
        node = self.nuke.nodes.Relumix(inputs=inputs)
        node["executable"].setValue(RELUMIX.as_posix())
        node["cache"].setValue((self.folder / "cache").as_posix())
        return node

    def press(self, button, node=None):
        (node or self.node)[button].execute()

    def status(self, node=None):
        return (node or self.node)["status"].value()

    def relight(self, node=None):
        """Press the button and go on working until the node says that it is done."""
        self.press("relight", node)
        self.wait(lambda: "relit" in self.status(node).split(";")[0] or self.session.dialogs.messages)
        assert not self.session.dialogs.messages, self.session.dialogs.messages

    def wait(self, until, seconds=90):
        self.session.loop.pump(until, seconds)

    def shown(self, frame, node=None):
        """The RGB that a node gives at a frame, [h, w, 3]."""
        self.nuke.frame(frame)
        node = node or self.node
        picture = node._looked_at(node._now())
        return np.stack([picture.channels[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=-1)

    def all_shown(self, node=None):
        return np.stack([self.shown(frame, node) for frame in self.frames])

    def commanded(self, reference=None, *options, source="plate"):
        """What the command itself makes of the same files."""
        reference = reference or [f"{self.frames[0]}={self.folder}/painted/painted.{self.frames[0]}.exr"]
        chosen = [f"--reference={text}" for text in reference]
        output = self.folder / "commanded"
        command = [RELUMIX, "relight", self.folder / source, *chosen, "-o", output, "--overwrite", *options]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return np.stack([files.light(path)[..., :3] for path in sorted(output.glob("*.exr"))])

    def slow(self, seconds):
        """An executable that does the same, so many seconds a frame slower."""
        return script(self.folder / f"slow {seconds}", _SLOW.format(python=sys.executable, seconds=seconds))


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def spec(path):
    image = oiio.ImageInput.open(str(path))
    found = image.spec()
    image.close()
    return found
