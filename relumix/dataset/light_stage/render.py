"""Render a folder of scenes: those that are there stay, those that are missing or bad are made."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from relumix.dataset import llvm
from relumix.dataset.light_stage.scenes import StageSettings, render_scene
from relumix.dataset.light_stage.sdf.backend import choose
from relumix.dataset.light_stage.sdf.settings import SdfSettings
from relumix.dataset.light_stage.surfaces import Photos
from relumix.dataset.shards import MANIFEST, Scene, read_manifest, read_shard, shard_path, write_manifest, write_shard
from relumix.errors import InputError
from relumix.util.extras import needed

Settings = StageSettings | SdfSettings
"""What a stage is rendered with, by Mitsuba or as signed-distance shapes."""


@dataclass(frozen=True)
class Rendered:
    """What became of a scene: kept, or rendered; `trouble` says what was wrong with the file that it replaced."""

    seed: int
    kept: bool
    trouble: str = ""


def render(
    folder: Path, seeds: range, settings: Settings, photos: Photos | None, workers: int = 1
) -> Iterator[Rendered]:
    """Render the scenes of these seeds into a folder, and yield each as it is there.

    photos: needed by Mitsuba's scenes.

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
    make = partial(_render_one, folder, settings, photos)
    for seed in each(make, list(troubles), partial(start, settings), workers):
        yield Rendered(seed, kept=False, trouble=troubles[seed])


def begin(folder: Path, settings: Settings) -> None:
    """Write a folder's manifest; raises InputError where it was begun with other settings."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = settings.as_json()
    if not (folder / MANIFEST).exists():
        write_manifest(folder, wanted)
        return
    found = {"renderer": "mitsuba", "generator": 1} | read_manifest(folder)  # the first were not named
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{folder} holds scenes of {name} {found.get(name)}, got {value}; "
                "ask for the same, or render into another folder"
            )


def each(
    make: Callable[[int], None], seeds: Sequence[int], start: Callable[[int], None], workers: int
) -> Iterator[int]:
    """Call `make` for every seed and yield the seeds as they are done, in `workers` processes that `start` begins."""
    if not seeds:
        return
    if workers == 1:
        start(1)
        for seed in seeds:
            make(seed)
            yield seed
        return
    # A forked child would share the parent's threads.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=start, initargs=(workers,))
    try:
        jobs = {pool.submit(make, seed): seed for seed in seeds}
        for job in as_completed(jobs):
            job.result()
            yield jobs[job]
    finally:
        pool.shutdown(cancel_futures=True)


@needed("rendering", "dataset")
def start(settings: Settings, workers: int) -> None:
    """Start the renderer of a process, with its share of the cores."""
    no_llvm = llvm.use_if_any()
    if isinstance(settings, SdfSettings):
        choose(settings.device, no_llvm)
    else:
        from relumix.dataset.light_stage import stage  # noqa: PLC0415

        stage.start(no_llvm)
    import drjit  # noqa: PLC0415  only rendering needs it

    drjit.set_thread_count(max((os.cpu_count() or 1) // workers, 1))


def make_scene(seed: int, settings: Settings, photos: Photos | None) -> Scene:
    """Render the scene of a seed."""
    if isinstance(settings, SdfSettings):
        from relumix.dataset.light_stage.sdf import stage  # noqa: PLC0415  it loads Dr.Jit, which `start` comes before

        return stage.render_scene(seed, settings)
    if photos is None:
        raise ValueError("Mitsuba's scenes need photographs")
    return render_scene(seed, settings, photos)


def _trouble(path: Path) -> str:
    try:
        read_shard(path)
    except InputError as error:
        return str(error)
    return ""


def _render_one(folder: Path, settings: Settings, photos: Photos | None, seed: int) -> None:
    write_shard(shard_path(folder, seed), make_scene(seed, settings, photos))
