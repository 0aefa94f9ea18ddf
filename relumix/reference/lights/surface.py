"""How surfaces answer light: Lambert under a GGX gloss, with no more light going out than comes in.

The gloss is GGX with height-correlated masking (Heitz, "Understanding the Masking-Shadowing Function in
Microfacet-Based BRDFs", JCGT 2014) and Schlick's Fresnel; what it does not mirror reaches the matt layer below, which
is reciprocal and keeps energy (Kelemen and Szirmay-Kalos, "A Microfacet Based Coupled Specular-Matte BRDF Model",
2001):

    f = F D V + albedo / pi * (1 - E(eye)) (1 - E(light)) / (1 - mean E),    E the share that the gloss mirrors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

_COSINES = 64
_LEAST_ALPHA = 1e-3


@dataclass(frozen=True)
class Surface:
    """What all surfaces of a rig are covered with.

    roughness  0..1, perceptual: alpha of GGX is its square.
    specular   0..1: reflectance seen head on; 0.04 is that of varnish, skin or plastic, 0 is matt.
    """

    roughness: float = 0.5
    specular: float = 0.04

    @property
    def alpha(self) -> float:
        """Width of the highlight, of GGX."""
        return max(self.roughness**2, _LEAST_ALPHA)

    def gloss(self, normal: Float32, eye: Float32, way: Float32, spread: Float32) -> Float32:
        """Return the gloss times the cosine to the light, [n] float32 a steradian.

        normal, eye, way  [n, 3] unit vectors: of the surface, to the camera, to the light.
        spread            [n] sine of half the angle under which the light is seen: the highlight is that much wider.
        """
        half = eye + way
        half /= np.maximum(np.sqrt(np.square(half).sum(-1, keepdims=True)), np.float32(1e-6))
        nv, nl = (np.clip(_dot(normal, each), np.float32(1e-4), 1) for each in (eye, way))
        nh, lh = (np.clip(_dot(each, half), 0, 1) for each in (normal, way))
        # Half vectors move by half of what the light's directions do.
        squared = np.minimum(np.float32(self.alpha**2) + np.square(spread / 2), 1)
        narrow = nh * nh * (squared - 1) + 1
        density = squared / (math.pi * narrow * narrow)
        masked = nl * np.sqrt(nv * nv * (1 - squared) + squared) + nv * np.sqrt(nl * nl * (1 - squared) + squared)
        fresnel = self.specular + (1 - self.specular) * (1 - lh) ** 5
        return np.asarray(fresnel * density * (0.5 / masked) * nl, np.float32)

    def matt(self, cosine: Float32) -> Float32:
        """Return (1 - E) / root of (1 - mean E) at cosines [n] to the normal: once for the eye, once for the light."""
        if self.specular == 0:
            return np.ones_like(cosine)
        cosines, factors = self._passing
        return np.interp(cosine, cosines, factors).astype(np.float32)

    @cached_property
    def _passing(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        cosines = (np.arange(_COSINES) + 0.5) / _COSINES
        passing = 1 - np.array([self.mirrored(float(cosine)) for cosine in cosines])
        mean = float((passing * cosines).sum() / cosines.sum())
        return cosines, passing / math.sqrt(mean)

    def mirrored(self, cosine: float) -> float:
        """Return E: the share of light from one direction, at a cosine to the normal, that the gloss mirrors."""
        eye = np.array([math.sqrt(1 - cosine * cosine), 0, cosine])
        count = 48
        step = (np.arange(count) + 0.5) / count
        angle, share = np.meshgrid(2 * math.pi * step, step)
        # Half vectors as GGX spreads them; their density then cancels, and what is left is smooth.
        height = np.sqrt((1 - share) / (1 + (self.alpha**2 - 1) * share))
        aside = np.sqrt(1 - height * height)
        half = np.stack([aside * np.cos(angle), aside * np.sin(angle), height], -1)
        along = half @ eye
        way = 2 * along[..., None] * half - eye
        nl = way[..., 2]
        good = (nl > 0) & (along > 0)
        nl, along = np.where(good, nl, 1), np.where(good, along, 1)
        squared = self.alpha**2
        masked = nl * np.sqrt(cosine**2 * (1 - squared) + squared) + cosine * np.sqrt(nl * nl * (1 - squared) + squared)
        fresnel = self.specular + (1 - self.specular) * (1 - along) ** 5
        return float(np.where(good, fresnel * (0.5 / masked) * nl * 4 * along / height, 0).mean())


def _dot(one: Float32, other: Float32) -> Float32:
    return np.asarray(np.einsum("ni,ni->n", one, other), np.float32)
