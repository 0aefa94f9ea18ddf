"""The diffusion's arithmetic: v-prediction in the terms of EDM (Karras et al. 2022, arXiv 2206.00364), sigma_data 1."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Preconditioning(NamedTuple):
    """Factors around the network F: D(x; sigma) = c_skip * x + c_out * F(c_in * x; c_noise). Each has sigma's shape."""

    c_skip: Tensor
    c_out: Tensor
    c_in: Tensor
    c_noise: Tensor


def precondition(sigma: Tensor) -> Preconditioning:
    """Return the factors for noise of standard deviation sigma > 0, as Stable Video Diffusion was trained with."""
    variance = sigma**2 + 1
    return Preconditioning(1 / variance, -sigma / variance.sqrt(), 1 / variance.sqrt(), sigma.log() / 4)


def loss_weight(sigma: Tensor) -> Tensor:
    """Return the weight of |D(x; sigma) - clean|^2 that makes it the plain squared error of F's own output."""
    return (sigma**2 + 1) / sigma**2


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float) -> Tensor:
    """Return [steps + 1] float64: noise levels from sigma_max down to sigma_min, even in sigma^(1/rho), then 0.

    Equation 5 of the paper. Raises ValueError for fewer than one step, or levels that do not fall.
    """
    if steps < 1:
        raise ValueError(f"got {steps} steps, expected 1 or more")
    if not 0 < sigma_min < sigma_max:
        raise ValueError(f"got sigma_min {sigma_min} and sigma_max {sigma_max}, expected 0 < sigma_min < sigma_max")
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return torch.cat([(high + ramp * (low - high)) ** rho, torch.zeros(1, dtype=torch.float64)])
