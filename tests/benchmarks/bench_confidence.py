"""How far an engine's expected error can be believed, on scenes of the light stage; and how it was fitted.

    python tests/benchmarks/bench_confidence.py STAGE [--engine flow] [--picture FILE.png]
    python tests/benchmarks/bench_confidence.py STAGE --fit FILE.json [--engine flow]

Every scene is a shot under one drawn sum of its lights, relit by its first frame and by its last under another. The
pixels, at the size at which evidence is weighed, are sorted by the error that is expected of them. The table and the
picture show for each tenth of them the expected and the true error, both as shares of how much the reference's light
varies, and how many are no farther off than expected, and than twice that.

--fit learns the network of relumix/engines/tracking/expected_error.json from two thirds of the scenes: it maximises the
likelihood of errors that fall off exponentially, and whose mean is what the network says.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from bench_light import lit_twice

from relumix.dataset.shards import Shards
from relumix.engines.base import Engine
from relumix.engines.registry import load_engine
from relumix.engines.tracking import expected_error
from relumix.engines.tracking.expected_error import INPUTS, ErrorNet, small
from relumix.engines.tracking.reference_light import deviation_stops
from relumix.gain.proxy_shot import DownsampledShot
from relumix.shot.array_source import ArraySource
from relumix.types import Float32

HIDDEN, DECAY, STEPS, THIN = 8, 1e-3, 120, 3
LEAST_DEVIATION_STOPS = 0.02


class Listener:
    """Stands in for the engine's network, and keeps what it is shown."""

    def __init__(self, net: ErrorNet) -> None:
        self.net, self.inputs = net, list[Float32]()

    def error(self, inputs: Float32) -> Float32:
        """See `ErrorNet.error`."""
        self.inputs.append(inputs)
        return self.net.error(inputs)


def evidence(engine: Engine, listener: Listener, stage: Path, index: int) -> Iterator[tuple[Float32, Float32]]:
    """Yield inputs [n, len(INPUTS)] and true errors [n], in units of deviation, of a scene by either reference."""
    plate, truth = lit_twice(Shards(stage).read(index))
    every = dict(enumerate(truth))
    lights = DownsampledShot(ArraySource(dict(enumerate(plate)), every, None), max(plate.shape[1:3])).lights()[1]
    frames = [light for light, _ in lights.values()]
    for reference in (frames[0], frames[-1]):
        listener.inputs.clear()
        made = engine.start().propagate(frames, [reference], [[]]).gain_stops
        unit = max(deviation_stops(reference), LEAST_DEVIATION_STOPS)
        off = [
            small(np.abs(gain - frame.gain_stops).mean(-1)) / np.float32(unit)
            for gain, frame in zip(made, frames, strict=True)
            if frame is not reference
        ]
        yield np.concatenate([each.reshape(-1, len(INPUTS)) for each in listener.inputs]), np.concatenate(off).ravel()


def fitted(inputs: Float32, errors: Float32) -> ErrorNet:
    """Return a network fitted to inputs [n, len(INPUTS)] and errors [n]."""
    import torch

    torch.manual_seed(0)
    x, y = torch.from_numpy(inputs[:: THIN**2]), torch.from_numpy(errors[:: THIN**2]) + 1e-3
    hidden = torch.nn.Parameter(torch.randn(len(INPUTS) + 1, HIDDEN) * 0.5 / len(INPUTS) ** 0.5)
    out = torch.nn.Parameter(torch.cat([torch.randn(HIDDEN) * 0.3, torch.tensor([-1.0])]))
    optimizer = torch.optim.LBFGS([hidden, out], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        log_error = (torch.tanh(x @ hidden[:-1] + hidden[-1]) @ out[:-1] + out[-1]).clamp(-6, 3)
        decay = hidden[:-1].square().mean() + out[:-1].square().mean()
        value = (log_error + y / log_error.exp()).mean() + DECAY * decay
        value.backward()
        return value

    optimizer.step(loss)
    return ErrorNet(*(each.detach().numpy().round(4) for each in (hidden, out)))


def reliability(said: Float32, true: Float32, parts: int = 10) -> list[tuple[float, float, float, float]]:
    """Return for each part of the pixels, by what is said: said, true, and the shares within it and within twice it."""
    order = np.array_split(np.argsort(said, kind="stable"), parts)
    return [
        (
            float(said[i].mean()),
            float(true[i].mean()),
            float((true[i] <= said[i]).mean()),
            float((true[i] <= 2 * said[i]).mean()),
        )
        for i in order
    ]


def draw(rows: list[tuple[float, float, float, float]], path: Path) -> None:
    """Draw expected against true error, both on a logarithmic axis from 1/256 to 4."""
    edge, margin, low, high = 400, 48, -8.0, 2.0
    picture = np.full((edge + 2 * margin, edge + 2 * margin, 3), 255, np.uint8)

    def at(said: float, true: float) -> tuple[int, int]:
        x, y = ((np.clip(np.log2(max(v, 1e-6)), low, high) - low) / (high - low) * edge for v in (said, true))
        return margin + round(float(x)), margin + edge - round(float(y))

    for power in range(int(low), int(high) + 1, 2):
        value, label = 2.0**power, f"{2.0**power:.3g}"
        cv2.line(picture, at(value, 2**low), at(value, 2**high), (225, 225, 225), 1)
        cv2.line(picture, at(2**low, value), at(2**high, value), (225, 225, 225), 1)
        x, y = at(value, 2**low)
        cv2.putText(picture, label, (x - 14, y + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (90, 90, 90), 1, cv2.LINE_AA)
        x, y = at(2**low, value)
        cv2.putText(picture, label, (x - 42, y + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (90, 90, 90), 1, cv2.LINE_AA)
    cv2.line(picture, at(2**low, 2**low), at(2**high, 2**high), (160, 160, 160), 1, cv2.LINE_AA)
    points = [at(said, true) for said, true, _, _ in rows]
    cv2.polylines(picture, [np.array(points, np.int32)], False, (200, 90, 30), 2, cv2.LINE_AA)
    for point in points:
        cv2.circle(picture, point, 4, (200, 90, 30), -1, cv2.LINE_AA)
    words = (("expected error", (margin + 150, edge + 2 * margin - 10)), ("true error", (6, margin - 14)))
    for text, place in words:
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture)


def main() -> None:
    """Measure, or fit, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path)
    parser.add_argument("--engine", default="flow", help="flow or lite")
    parser.add_argument("--fit", type=Path, metavar="FILE.json", help="fit the network, and write all of them here")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the reliability curve here")
    args = parser.parse_args()
    nets = dict(expected_error._shipped())
    listener = Listener(nets[args.engine])
    expected_error._shipped = lambda: {args.engine: listener}  # type: ignore[assignment]
    engine = load_engine(args.engine)
    found: dict[bool, list[tuple[Float32, Float32]]] = {False: [], True: []}
    for index, path in enumerate(Shards(args.stage).paths):
        found[index % 3 == 2].extend(evidence(engine, listener, args.stage, index))
        print(path.stem, file=sys.stderr, flush=True)
    held_out = [np.concatenate(each) for each in zip(*found[True], strict=True)]
    net = listener.net
    if args.fit:
        net = fitted(*(np.concatenate(each) for each in zip(*found[False], strict=True)))
        every = nets | {args.engine: net}
        args.fit.write_text(
            json.dumps({k: {"hidden": n.hidden.tolist(), "out": n.out.tolist()} for k, n in every.items()})
        )
    said, true = net.error(held_out[0]), held_out[1]
    rows = reliability(said, true)
    print("| expected | true | within it | within twice it |\n|--:|--:|--:|--:|")
    for row in rows:
        print("| {:.3f} | {:.3f} | {:.0%} | {:.0%} |".format(*row))
    print(
        f"all: {(true <= said).mean():.0%} within what is expected, {(true <= 2 * said).mean():.0%} within twice that"
    )
    if args.picture:
        draw(rows, args.picture)


if __name__ == "__main__":
    main()
