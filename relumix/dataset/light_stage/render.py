"""Render a folder of scenes: those that are there stay, those that are missing or bad are made."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from relumix.dataset.light_stage.scenes import StageSettings, render_scene
from relumix.dataset.light_stage.surfaces import Photos
from relumix.dataset.shards import MANIFEST, read_manifest, read_shard, shard_path, write_manifest, write_shard
from relumix.errors import InputError


@dataclass(frozen=True)
class Rendered:
    """What became of a scene: kept, or rendered; `trouble` says what was wrong with the file that it replaced."""

    seed: int
    kept: bool
    trouble: str = ""


def render(folder: Path, seeds: range, settings: StageSettings, photos: Photos, workers: int = 1) -> Iterator[Rendered]:
    """Render the scenes of these seeds into a folder, and yield each as it is there.

    Raises InputError, before anything is rendered, where the folder was begun with other settings.
    """
    begin(folder, settings)
    troubles = {}
    for seed in seeds:
        path = shard_path(folder, seed)
        trouble = _trouble(path) if path.exists() else ""
        if path.exists() and not trouble:
            yield Rendered(seed, kept=True)
        else:
            troubles[seed] = trouble
    for seed in each(partial(_render_one, folder, settings, photos), list(troubles), workers):
        yield Rendered(seed, kept=False, trouble=troubles[seed])


def begin(folder: Path, settings: StageSettings) -> None:
    """Write a folder's manifest; raises InputError where it was begun with other settings."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = settings.as_json()
    if not (folder / MANIFEST).exists():
        write_manifest(folder, wanted)
        return
    found = read_manifest(folder)
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{folder} holds scenes of {name} {found.get(name)}, got {value}; "
                "ask for the same, or render into another folder"
            )


def each(make: Callable[[int], None], seeds: Sequence[int], workers: int) -> Iterator[int]:
    """Call `make` for every seed, in `workers` processes with a renderer each, and yield the seeds as they are done."""
    if not seeds:
        return
    if workers == 1:
        _start(1)
        for seed in seeds:
            make(seed)
            yield seed
        return
    # A forked child would share the parent's threads.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(workers,))
    try:
        jobs = {pool.submit(make, seed): seed for seed in seeds}
        for job in as_completed(jobs):
            job.result()
            yield jobs[job]
    finally:
        pool.shutdown(cancel_futures=True)


def _start(workers: int) -> None:
    """Start the renderer of a process, with its share of the cores."""
    try:
        import drjit  # noqa: PLC0415  only rendering needs it

        from relumix.dataset.light_stage import stage  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(f"rendering needs {error.name}, which is missing: pip install 'relumix[dataset]'") from error
    stage.start()
    drjit.set_thread_count(max((os.cpu_count() or 1) // workers, 1))


def _trouble(path: Path) -> str:
    try:
        read_shard(path)
    except InputError as error:
        return str(error)
    return ""


def _render_one(folder: Path, settings: StageSettings, photos: Photos, seed: int) -> None:
    write_shard(shard_path(folder, seed), render_scene(seed, settings, photos))
