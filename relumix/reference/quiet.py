"""Keeps libraries of models quiet."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet(*loggers: Any) -> Iterator[None]:
    """Keep back what they say as they load: bars, advice to their authors, what will change.

    loggers  `diffusers.utils.logging`, `transformers.utils.logging`.
    """
    before = [each.get_verbosity() for each in loggers]
    for each in loggers:
        each.set_verbosity_error()
        each.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, verbosity in zip(loggers, before, strict=True):
            each.set_verbosity(verbosity)
            each.enable_progress_bar()
