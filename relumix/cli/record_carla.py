"""`relumix dataset record-carla`: record CARLA Relight from a CARLA server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli.progress import counted
from relumix.cli.values import size
from relumix.errors import InputError
from relumix.util.extras import needed
from relumix.util.words import number_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "record-carla",
        help="record drives under many lights from a CARLA server",
        description="Drive through a CARLA map and record the same drive under every light (docs/carla.md). "
        "What is there already is kept: run it again to go on, or to add scenes and lights.",
    )
    add = parser.add_argument
    add("--out", metavar="DIR", type=Path, required=True, help="gets map/scene/light/00000.png and on")
    add("--map", metavar="NAME", required=True, help="of the server's maps, like Town10HD")
    add("--scenes", type=int, metavar="N", required=True, help="drives")
    add("--frames", type=int, metavar="N", required=True, help="of each drive, under each light")
    add(
        "--lights", metavar="NAMES", help="weathers by commas, each NAME or NAME@ALTITUDE@AZIMUTH to move its sun (ten)"
    )
    add("--size", metavar="WxH", type=size, default=(512, 512), help="of the frames in pixels (512x512)")
    add("--fov", type=float, metavar="DEGREES", default=90.0, help="horizontal field of view (90)")
    add("--fps", type=float, metavar="N", default=15.0, help="frames to a second of the drive, 10 or more (15)")
    add("--traffic", type=int, metavar="N", default=30, help="vehicles around the camera (30)")
    add("--seed", type=int, metavar="N", default=0, help="of the drives (0)")
    add("--host", metavar="NAME", default="127.0.0.1", help="of the server (127.0.0.1)")
    add("--port", type=_port, metavar="N", default=2000, help="of the server (2000)")
    add("--traffic-port", type=_port, metavar="N", default=8000, help="for CARLA's traffic manager (8000)")
    parser.set_defaults(run=run)


@needed("dataset record-carla", "dataset")
def run(args: argparse.Namespace) -> int:
    """Record. Returns the exit code."""
    from relumix.dataset.carla.record import record  # noqa: PLC0415  the parser must not wait for it
    from relumix.dataset.carla.recording import DEFAULT_LIGHTS, Light, Recording  # noqa: PLC0415

    recording = Recording(
        out=args.out,
        map=args.map,
        scenes=args.scenes,
        frames=args.frames,
        lights=tuple(Light.parse(text.strip()) for text in (args.lights or DEFAULT_LIGHTS).split(",")),
        size_px=args.size,
        fov_deg=args.fov,
        fps=args.fps,
        traffic=args.traffic,
        seed=args.seed,
    )
    with counted() as on_frame:
        recorded = record(recording, host=args.host, port=args.port, traffic_port=args.traffic_port, on_frame=on_frame)
    there = recording.scenes * len(recording.lights) - recorded
    made = f"recorded {number_of(recorded, 'light')} of {number_of(recording.scenes, 'scene')}"
    print(made + (f"; {there} {'was' if there == 1 else 'were'} there" if there else ""))
    print(f"wrote {args.out / args.map}")
    return 0


def _port(text: str) -> int:
    """Return a port. Raises InputError."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise InputError(f"port '{text}' is no port: expected 1 to 65535")
    return int(text)
