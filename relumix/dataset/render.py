"""Render a folder of scenes: those that are there stay, those that are missing or bad are made."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from relumix.dataset.scenes import StageSettings, render_scene
from relumix.dataset.shards import MANIFEST, read_manifest, read_shard, shard_path, write_manifest, write_shard
from relumix.dataset.surfaces import Photos
from relumix.errors import InputError


@dataclass(frozen=True)
class Rendered:
    """What became of a scene: kept, or rendered; `trouble` says what was wrong with the file that it replaced."""

    seed: int
    path: Path
    kept: bool
    trouble: str = ""


def render(
    folder: Path,
    seeds: range,
    settings: StageSettings,
    photos: Photos,
    workers: int = 1,
) -> Iterator[Rendered]:
    """Render the scenes of these seeds into a folder, and yield each as it is there.

    Raises InputError, before anything is rendered, where the folder was begun with other settings.
    """
    _begin(folder, settings)
    missing = []
    for seed in seeds:
        path = shard_path(folder, seed)
        trouble = _trouble(path) if path.exists() else ""
        if path.exists() and not trouble:
            yield Rendered(seed, path, kept=True)
        else:
            missing.append(Rendered(seed, path, kept=False, trouble=trouble))
    if workers == 1:
        _start()
        for scene in missing:
            _render_one(scene.path, scene.seed, settings, photos)
            yield scene
        return
    # A forked child would share the parent's half-started renderer.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(workers,)) as pool:
        jobs = {pool.submit(_render_one, scene.path, scene.seed, settings, photos): scene for scene in missing}
        for job in as_completed(jobs):
            job.result()
            yield jobs[job]


def _begin(folder: Path, settings: StageSettings) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = settings.as_json()
    if not (folder / MANIFEST).exists():
        write_manifest(folder, wanted)
        return
    found = read_manifest(folder)
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{folder} holds scenes of {name} {found.get(name)}, asked for {value}; "
                "ask for the same, or render into another folder"
            )


def _trouble(path: Path) -> str:
    try:
        read_shard(path)
    except InputError as error:
        return str(error)
    return ""


def _start(workers: int = 1) -> None:
    """Start the renderer of a process with its share of the cores."""
    import os  # noqa: PLC0415

    import drjit  # noqa: PLC0415

    from relumix.dataset import stage  # noqa: PLC0415

    stage.start()
    drjit.set_thread_count(max((os.cpu_count() or 1) // workers, 1))


def _render_one(path: Path, seed: int, settings: StageSettings, photos: Photos) -> None:
    write_shard(path, render_scene(seed, settings, photos))
