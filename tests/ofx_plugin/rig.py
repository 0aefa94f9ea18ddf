"""The strict host as a process, the frames that it shows to the plugin, and the bridge beside it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).parent / "host"
PLUGIN = Path(__file__).resolve().parents[2] / "ofx_plugin" / "relumix_ofx"
GENERAL, FILTER = "OfxImageEffectContextGeneral", "OfxImageEffectContextFilter"


def put(path, pixels, premultiplied=True):
    """Write a frame for the host: [h, w, 3 or 4]; without alpha it is 1."""
    height, width = pixels.shape[:2]
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.ones((height, width, 1), np.float32)], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"{width} {height} {int(premultiplied)}\n".encode() + pixels.astype("<f4").tobytes())


def got(path):
    """Read a frame of the host's, [h, w, 4]."""
    head, _, body = path.read_bytes().partition(b"\n")
    width, height = (int(word) for word in head.split()[:2])
    return np.frombuffer(body, "<f4").reshape(height, width, 4)


class Bench:
    """A folder with frames, and a bridge of its own; hosts that are started here find it."""

    def __init__(self, folder: Path, plugin: Path, program: Path, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._plugin, self._program = folder, plugin, program
        self.bridge_folder = folder / "b"
        self.frames = folder / "cache/relumix/frames"
        command = folder / "relumix"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m relumix.cli.main "$@"\n')
        command.chmod(0o755)
        self.variables = {
            **os.environ,
            "RELUMIX_BRIDGE_DIR": str(self.bridge_folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "RELUMIX_COMMAND": str(command),
            **variables,
        }
        self._hosts: list[Host] = []
        self._bridges: list[subprocess.Popen] = []

    def put(self, clip, frames, **how):
        """Make a clip of frames by number."""
        for frame, pixels in frames.items():
            put(self.folder / clip / f"{frame}.rgba", pixels, **how)

    def host(self, *wrapped_in: str, **variables: str) -> Host:
        host = Host(self, [*wrapped_in, str(self._program), str(self._plugin)], {**self.variables, **variables})
        self._hosts.append(host)
        return host

    def start_bridge(self, *options: str) -> None:
        """Start the bridge beforehand, with options."""
        command = [sys.executable, "-m", "relumix.cli.main", "bridge", *options]
        bridge = subprocess.Popen(command, env=self.variables, stdout=subprocess.PIPE, text=True)
        self._bridges.append(bridge)
        assert bridge.stdout.readline().startswith("ready ")

    def bridge_pid(self) -> int | None:
        """The process of the bridge, None where none is running."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.bridge_folder / "bridge.lock").read_text())
            return pid if b"relumix.cli.main" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        return None

    def made(self) -> int:
        """How many relit frames are kept."""
        return len(list(self.frames.glob("*.frame"))) if self.frames.exists() else 0

    def close(self) -> None:
        for host in self._hosts:
            host.close()
        if (pid := self.bridge_pid()) is not None:
            os.kill(pid, signal.SIGKILL)
        for bridge in self._bridges:
            bridge.wait(10)
            bridge.stdout.close()


class Host:
    """One strict host with the plugin loaded; `say` is one line to it, and returns its answer."""

    def __init__(self, bench: Bench, command: list[str], variables: dict[str, str]) -> None:
        self.bench = bench
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
        )

    def begin(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> str:
        answer = self.process.stdout.readline()
        assert answer, f"the host ended with {self.process.wait(10)}"
        return answer.rstrip("\n")

    def say(self, line: str) -> str:
        self.begin(line)
        return self.end()

    def load(self, name="a", context=GENERAL, first=1001, last=1008) -> Host:
        """Load the plugin and make an effect with its clips; there are frames for the clips that were put."""
        assert self.say("load") == "ok 0 org.relumix.Relumix"
        self.create(name, context, first, last)
        return self

    def create(self, name, context=GENERAL, first=1001, last=1008) -> None:
        assert self.say(f"create {name} {context}") == "ok 0"
        for clip in ("Source", "Reference", "Mask"):
            if (self.bench.folder / clip).exists():
                self.say(f"clip {name} {clip} {self.bench.folder / clip} {first} {last}")

    def set(self, parameter, value, name="a") -> None:
        assert self.say(f"set {name} {parameter} {value}") == "ok 0"

    def press(self, button, *options, name="a") -> str:
        """Press a button; returns the status text."""
        answer = self.say(" ".join([f"press {name} {button}", *options]))
        assert answer.startswith("ok 0 "), answer
        return answer.removeprefix("ok 0 ")

    def render(self, frame, *options, name="a"):
        """Render a frame; returns its pixels [h, w, 4], and the message that the effect shows then."""
        pixels, answer = self.try_render(frame, *options, name=name)
        assert answer.startswith("ok 0 "), answer
        return pixels, answer.removeprefix("ok 0 ")

    def try_render(self, frame, *options, name="a"):
        """The same, with the status that the host got before the message."""
        path = self.bench.folder / f"out.{self.process.pid}"
        answer = self.say(" ".join([f"render {name} {frame} {path}", *options]))
        return got(path), answer

    def state(self) -> dict:
        return json.loads(self.say("state"))

    def close(self) -> None:
        """End it, as a host is quit; the plugin must not stand in the way."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)
        self.process.stdout.close()


def eventually(true, seconds=60) -> bool:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(found)
