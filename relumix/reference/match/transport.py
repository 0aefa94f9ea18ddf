"""Optimal transport between clouds of colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cloud = NDArray[np.float64]
"""Points, [n, 3]."""

_TURNS = 24
_LEAST_VARIANCE = 1e-4
"""In stops squared: a direction that varies by less is flat, and is moved without being stretched."""


def linear_map(source: Cloud, target: Cloud, most_stretch: float) -> NDArray[np.float64]:
    """Return the symmetric matrix [3, 3] that gives the source's spread the target's with least motion.

    The map of Monge and Kantorovich between Gaussians (Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour
    mapping for example-based colour transfer", CVMP 2007, eq. 5): T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances
    A and B. No direction is stretched by more than `most_stretch` or less than its inverse.
    """
    floor = _LEAST_VARIANCE * np.eye(3)
    a, b = (np.cov(each, rowvar=False, bias=True) + floor for each in (source, target))
    root, inverse = _power(a, 0.5), _power(a, -0.5)
    stretch, axes = np.linalg.eigh(inverse @ _power(root @ b @ root, 0.5) @ inverse)
    return np.asarray((axes * np.clip(stretch, 1 / most_stretch, most_stretch)) @ axes.T)


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, _LEAST_VARIANCE * 1e-3) ** exponent) @ axes.T)


def sliced(source: Cloud, target: Cloud, seed: int = 0) -> Cloud:
    """Return where each point of the source goes, [n, 3], so that the cloud becomes the target's.

    Iterative distribution transfer (Pitie, Kokaram and Dahyot, "Automated colour grading using colour distribution
    transfer", CVIU 2007, section 2): in randomly turned axes, one after another, each coordinate takes the other's
    quantiles. The two may have different numbers of points.
    """
    random = np.random.default_rng(seed)
    moved = source.copy()
    for _ in range(_TURNS):
        axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
        along, wanted = moved @ axes, target @ axes
        step = np.stack([_quantiles(along[:, i], wanted[:, i]) - along[:, i] for i in range(3)], axis=1)
        moved += step @ axes.T
    return moved


def _quantiles(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values of `wanted` at the ranks that `values` have, [n]."""
    order = np.argsort(values, kind="stable")
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    taken = np.interp(ranks, (np.arange(len(wanted)) + 0.5) / len(wanted), np.sort(wanted))
    out = np.empty_like(taken)
    out[order] = taken
    return out
