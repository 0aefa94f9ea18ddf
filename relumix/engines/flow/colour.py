"""The last resort: what light a colour tends to get, fitted on a reference and its plate."""

from __future__ import annotations

import numpy as np

from relumix.engines.base import BLACK_OFFSET, MID_GREY, Float32, WorkingFrame, WorkingReference

_RIDGE = 1e-2


def fit(reference: WorkingReference, stops: Float32) -> Float32:
    """[8, 3] weights of a quadratic in log2 colour that gives `stops` ([h, w, 3]) in the least-squares sense."""
    trusted = (reference.lit * reference.known).reshape(-1, 1)
    features = _features(reference).astype(np.float64)
    normal = features.T @ (features * trusted) / max(float(trusted.sum()), 1.0) + _RIDGE * np.eye(features.shape[1])
    target = features.T @ (stops.reshape(-1, 3).astype(np.float64) * trusted) / max(float(trusted.sum()), 1.0)
    return np.linalg.solve(normal, target).astype(np.float32)


def predict(weights: Float32, frame: WorkingFrame, exposure_stops: float) -> Float32:
    """[h, w, 3] stops for a frame that is exposed `exposure_stops` brighter than the reference was."""
    return (_features(frame, exposure_stops) @ weights).reshape(frame.rgb.shape)


def _features(frame: WorkingFrame, exposure_stops: float = 0.0) -> Float32:
    """[h * w, 8]: one, three log2 colours in units of two stops around mid-grey, their squares, luminance's cube."""
    log_rgb = (np.log2((frame.rgb.reshape(-1, 3) + BLACK_OFFSET) / MID_GREY) - exposure_stops) / 2
    mean = log_rgb.mean(1, keepdims=True)
    return np.concatenate([np.ones_like(mean), log_rgb, np.square(log_rgb), mean**3], 1).astype(np.float32)
