"""Relight numpy arrays on a server, without a file in sight: python python_client.py HOST:PORT [TOKEN_FILE]."""

import sys

import numpy as np

from relumix.client import RelightClient, read_token

# A shot: a wall of coloured waves, linear light, that moves 3 pixels to the left every frame.
y, x = np.mgrid[0:180, 0:320][..., None]
plate = {
    frame: (0.2 + 0.1 * np.sin((x + 3 * frame) / [9, 11, 14]) * np.cos(y / 17)).astype("f4") for frame in range(24)
}

# Its first frame relit: a warm lamp on the left, two stops at most.
lamp_stops = 2 * np.exp(-((x - 60) ** 2 + (y - 90) ** 2) / 5000) * [1.0, 0.8, 0.5]
relit = {0: plate[0] * np.exp2(lamp_stops)}

client = RelightClient(sys.argv[1], token=read_token(sys.argv[2]) if len(sys.argv) > 2 else None)
for made in client.relit(plate, relit):
    brightest = np.unravel_index(made.stops[..., 0].argmax(), made.stops.shape[:2])
    print(f"frame {made.frame}: {made.stops.max():.2f} stops at most, at x {brightest[1]}, y {brightest[0]}")
