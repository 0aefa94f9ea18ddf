"""A job bundle, as AWS Deadline Cloud takes it: one shot's job in a folder, for any Open Job Description runner."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from relumix.farm.parameters import absolute, as_range, check_text, options, parameter_name, values
from relumix.farm.review import NO_REPORT, review
from relumix.farm.template import as_yaml, job_template
from relumix.pipeline.check import Job
from relumix.shot.cuts import NONE
from relumix.shot.movie_frames import file_of
from relumix.util.atomic_file import replacing


def write_bundle(
    folder: Path,
    job: Job,
    relight: ArgumentParser,
    args: Namespace,
    *,
    chunk_size: int,
    hold_server: bool,
    report: str,
) -> None:
    """Write template.yaml, parameter_values.yaml and asset_references.yaml.

    job          the checked job that `args`, as relight's parser returned them, describe.
    chunk_size   frames of one task.
    hold_server  whether a worker keeps the engine in a server for all of its tasks.
    report       HTML file of the last step, or "none"; empty: beside the frames.

    The template's defaults are the job's values, so that it can be run as it is; the same values are the parameters'.
    Raises InputError where they do not fit into a job, or the folder cannot be written.
    """
    job_values = parameter_values(job, relight, args)
    job_values |= {
        "ChunkSize": str(chunk_size),
        "HoldServer": "true" if hold_server else "false",
        "Report": absolute(report) if report not in ("", NO_REPORT) else report,
    }
    for name, text in job_values.items():
        check_text(name, text)
    template = job_template(relight, f"relumix {Path(job.source.shot.pattern).name}", job_values)
    parameters = [{"name": each["name"], "value": each["default"]} for each in template["parameterDefinitions"]]
    for name, content in (
        ("template", template),
        ("parameter_values", {"parameterValues": parameters}),
        ("asset_references", asset_references(job, report)),
    ):
        with replacing(folder / f"{name}.yaml") as path:
            path.write_text(as_yaml(content), encoding="utf-8")


def parameter_values(job: Job, relight: ArgumentParser, args: Namespace) -> dict[str, str]:
    """Return what the job's parameters that relight knows are, by name, and which frames there are to write."""
    given = values(relight, args)
    # The frame of a reference is written out: on a worker another frame might be the first.
    given["reference"] = "\n".join(
        f"{frame}={absolute(str(path))}" for frame, path in job.source.reference_paths.items()
    )
    given["reference_masks"] = "\n".join(
        f"{frame}={absolute(str(part.mask))}" for frame, part in job.source.parts.items() if part.mask
    )
    # Found once, so that no chunk has to look at the whole shot.
    given["cuts"] = ",".join(map(str, job.source.cuts)) or NONE
    named = {parameter_name(action): given[action.dest] for action in options(relight)}
    return {**named, "Frames": as_range(job.frames)}


def asset_references(job: Job, report: str = "") -> dict[str, Any]:
    """Return the files that the job reads and the folders that it writes to, for schedulers that carry them to workers.

    Certificates and tokens are not among them: a worker has its own.
    """
    source, settings = job.source, job.source.settings
    files = [file_of(path) for path in (*map(source.shot.path, source.frames), *source.other_inputs())]
    model = Path(settings.model) if settings.model else None
    if model and model.is_file():
        files.append(model)
    delivered = [Path(job.asked)] if job.delivery else []
    outputs = [*job.paths(job.frames[0]), *delivered, *review(job, report).files]
    return {
        "assetReferences": {
            "inputs": {
                "filenames": sorted({_absolute(path) for path in files}),
                "directories": [_absolute(model)] if model and model.is_dir() else [],
            },
            "outputs": {"directories": sorted({_absolute(path.parent) for path in outputs})},
            "referencedPaths": [],
        }
    }


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100  without resolving links: workers know the name that was given
