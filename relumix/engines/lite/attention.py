"""Matching by appearance with torch's attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.types import Float32


def attend_in_torch(queries: Sequence[Float32], keys: Float32, stops: Float32) -> Float32:
    """See `Attend` in relumix.engines.tracking.appearance; several times as fast as in numpy.

    The queries of all guesses become one wide query over zero-padded copies of the keys.
    """
    query, n, width = torch.from_numpy(np.concatenate(queries, 1)), len(keys), keys.shape[1]
    # Values are as wide as keys, the rest zeros: only with one width for all does torch take its fused kernel.
    key, value = torch.zeros(len(queries), n, query.shape[1]), torch.zeros(len(queries), n, query.shape[1])
    for i, (own, gain) in enumerate(zip(key, value, strict=True)):
        own[:, i * width : (i + 1) * width] = torch.from_numpy(keys)
        gain[:, :3] = torch.from_numpy(stops)
    with torch.inference_mode():
        every = (query[None, None], key.reshape(1, 1, -1, query.shape[1]), value.reshape(1, 1, -1, query.shape[1]))
        found = F.scaled_dot_product_attention(*every, scale=1.0)
    return np.ascontiguousarray(found[0, 0, :, :3].numpy())
