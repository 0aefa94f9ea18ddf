"""The job as a template of Open Job Description 2023-09: chunks of frames, then a step that looks at all of them.

The template only passes parameters on; what is done with them is in `relumix farm`.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

import yaml

from relumix.farm import CHUNK_SIZE
from relumix.farm.parameters import Definition, definition, options, parameter_name

START_SECONDS, STOP_SECONDS, NOTIFY_SECONDS = 1200, 60, 30
_NAME_CHARACTERS = 128


def job_template(
    relight: ArgumentParser, name: str = "relumix relight", job: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the template of a job.

    relight  the parser of `relumix relight`.
    name     of the job, as schedulers show it.
    job      this job's values by parameter name, which become the defaults: all of them (see bundle.parameter_values).
             None for a template of any job.
    """
    passed = [f"{action.dest}={{{{Param.{parameter_name(action)}}}}}" for action in options(relight)]
    session = "--session={{Session.WorkingDirectory}}"
    mapping = "--path-mapping={{Session.PathMappingRulesFile}}"
    served = [text for text in passed if text.partition("=")[0] in ("engine", "model", "device")]
    start = ["farm", "start", session, mapping, "--hold={{Param.HoldServer}}", *served]
    run = ["farm", "run", session, mapping, "--chunk={{Task.Param.Frame}}", *passed]
    verify = ["farm", "verify", mapping, "--range={{Param.Frames}}", "--report={{Param.Report}}", *passed]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": name[:_NAME_CHARACTERS],
        "description": "Carry the light of relit frames to every frame of a shot.",
        "parameterDefinitions": definitions(relight, job),
        "steps": [
            {
                "name": "Relight",
                "parameterSpace": {"taskParameterDefinitions": [_FRAMES]},
                "stepEnvironments": [
                    {
                        "name": "Server",
                        "description": "Holds the engine for all chunks of a worker, where HoldServer asks for it.",
                        "script": {
                            "actions": {
                                "onEnter": {**_action(start), "timeout": START_SECONDS},
                                "onExit": {**_action(["farm", "stop", session]), "timeout": STOP_SECONDS},
                            }
                        },
                    }
                ],
                "script": {"actions": {"onRun": {**_action(run), **_gently()}}},
            },
            {
                "name": "Verify",
                "dependencies": [{"dependsOn": "Relight"}],
                "script": {"actions": {"onRun": {**_action(verify), **_gently()}}},
            },
        ],
    }


def definitions(relight: ArgumentParser, job: Mapping[str, str] | None = None) -> list[Definition]:
    """Return the definitions of all parameters; with a job's values as defaults, where there are some."""
    farm = [dict(each) for each in _OF_THE_FARM]
    for each in farm:
        if job is not None:
            text = job[each["name"]]
            each["default"] = int(text) if each["type"] == "INT" else text
    relights = [definition(each, job[parameter_name(each)] if job else None) for each in options(relight)]
    return [*relights, *farm]


def as_yaml(value: object) -> str:
    """Return plain data as YAML, in its own order."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text


_FRAMES = {
    "name": "Frame",
    "type": "CHUNK[INT]",
    "range": "{{Param.Frames}}",
    "chunks": {
        "defaultTaskCount": "{{Param.ChunkSize}}",
        "targetRuntimeSeconds": 0,
        "rangeConstraint": "NONCONTIGUOUS",
    },
}

_OF_THE_FARM: tuple[Definition, ...] = (
    {
        "name": "Frames",
        "type": "STRING",
        "userInterface": {"control": "LINE_EDIT", "label": "Frames"},
        "description": "Frames to write, like 1001-1100 or 1001-1100:2",
    },
    {
        "name": "ChunkSize",
        "type": "INT",
        "minValue": 1,
        "userInterface": {"control": "SPIN_BOX", "label": "Chunk size"},
        "description": "Frames of one task",
        "default": CHUNK_SIZE,
    },
    {
        "name": "HoldServer",
        "type": "STRING",
        "allowedValues": ["true", "false"],
        "userInterface": {"control": "CHECK_BOX", "label": "Hold a server"},
        "description": "Each worker loads the engine once for all of its chunks",
        "default": "false",
    },
    {
        "name": "Report",
        "type": "STRING",
        "userInterface": {"control": "LINE_EDIT", "label": "Report"},
        "description": "HTML report of how steady the light is, or none (review/report.html beside the frames)",
        "default": "",
    },
)


def _action(args: list[str]) -> dict[str, Any]:
    return {"command": "relumix", "args": args}


def _gently() -> dict[str, Any]:
    return {"cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTIFY_SECONDS}}
