"""Makes a reference by the lights of a script: writes lights.json, and has the command light the current frame."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import nuke

from relumix_nuke import cache, command, frames, job, knobs, lights, references, render
from relumix_nuke.errors import RelumixError, writing
from relumix_nuke.hashes import limited
from relumix_nuke.knobs import INPUTS
from relumix_nuke.progress import Progress

_REFERENCE = INPUTS.index("Reference")


@dataclass(frozen=True)
class Written:
    """A rig on disk, and the camera in whose coordinates it is, or that sees the frame; None without one."""

    path: Path
    count: int
    camera: nuke.Node | None


def write_lights(node: nuke.Node) -> str:
    """Write the selected lights into the file of the knob; returns a sentence on it. Raises RelumixError."""
    with render.left_as_it_was(node):
        made = _written(node, _selected(node))
    return f"{made.path.name} has {made.count} light{'s' if made.count > 1 else ''}"


def light_frame(node: nuke.Node) -> str:
    """Light the current frame of Source by lamps, and show it to Reference; returns what was done, in a sentence.

    The selected lights are written first; where none is selected, the file is taken as it is.

    Raises RelumixError, CancelledError.
    """
    frame, source = nuke.frame(), node.input(INPUTS.index("Source"))
    if source is None:
        raise RelumixError("Source is not connected: connect the plate, with its geometry (P, N or depth) as layers")
    program = command.find(knobs.path(node, "executable"))
    with render.undo_step("Light this frame"), render.left_as_it_was(node):
        rig = _rig(node)
        folder = _beside(rig.path)
        plate = folder / f"plate.{frame:04d}.exr"
        render.one_frame(source, plate, "all", "Source", frame)
        output = folder / f"relit.{frame:04d}.exr"
        warnings = _lit(node, command.lights(program, plate, frame, rig.path, output, _options(node, rig, frame)))
        said = _shown(node, folder, frame)
    return "; ".join([said, *warnings])


def _selected(node: nuke.Node) -> list[nuke.Node]:
    found = lights.selected(nuke.selectedNodes())
    if not found:
        raise RelumixError(
            "no light is selected: select the Light, DirectLight, Spotlight or Environment nodes that are to be written"
        )
    return found


def _rig(node: nuke.Node) -> Written:
    """Return the rig: what is selected, or the file as it is."""
    if lights.selected(nuke.selectedNodes()):
        return _written(node, _selected(node))
    path = _path(node)
    if not path.is_file():
        raise RelumixError(f"no light is selected, and {path} is not there: select lights, or choose another file")
    return Written(path, 0, _camera(node, needed=False))


def _written(node: nuke.Node, found: list[nuke.Node]) -> Written:
    path, of_camera = _path(node), node["lights_space"].value() == "camera"
    camera = _camera(node, needed=of_camera)
    at = sorted({nuke.frame(), *knobs.reference_frames(node)})
    maps = {}
    for each in filter(lights.is_environment, found):
        picture = _beside(path) / f"{each.name()}.exr"
        render.one_frame(lights.map_of(each), picture, "rgb", each.name(), nuke.frame())
        maps[each.name()] = picture.relative_to(path.parent).as_posix()
    rig = lights.rig(
        found,
        at,
        camera if of_camera else None,
        maps,
        keep=float(node["lights_keep"].value()),
        metres_per_unit=float(node["lights_metres"].value()),
        all_cast=bool(node["lights_shadows"].value()),
    )
    with writing(path, "lights file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{cache.process()}")
        part.write_text(json.dumps(rig, indent=1) + "\n", encoding="utf-8")
        cache.replace(part, path)
    return Written(path, len(found), camera)


def _camera(node: nuke.Node, *, needed: bool) -> nuke.Node | None:
    """Return the camera that the knob names, or the one that is selected."""
    named = knobs.text(node, "lights_camera")
    if named:
        camera = nuke.toNode(named)
        if camera is None or not lights.is_camera(camera):
            raise RelumixError(f"camera is {named}, which is no Camera or Axis of this script: correct it")
        return camera
    found = [each for each in nuke.selectedNodes() if lights.is_camera(each)]
    if len(found) > 1:
        names = ", ".join(sorted(each.name() for each in found))
        raise RelumixError(f"{len(found)} cameras are selected ({names}): select one, or write its name into camera")
    if not found and needed:
        raise RelumixError(
            "coordinates are the camera's, and none is named or selected: write the name of a Camera into camera"
        )
    return found[0] if found else None


def _path(node: nuke.Node) -> Path:
    """Return the file of the rig: as the knob says, or beside the script."""
    written, script = knobs.path(node, "lights_file"), nuke.root()["name"].value()
    if not written and not script:
        raise RelumixError("the script is not saved, so that nothing is beside it: save it, or write a lights file")
    path = (Path(written) if written else Path(script).parent / "lights.json").absolute()
    if path.suffix.lower() != ".json":
        raise RelumixError(f"lights file is {path.name}: expected a name that ends in .json")
    if special := re.search(r"[#%\[\]$]", str(path)):
        raise RelumixError(f"lights file {path} has a {special[0]}, which means something to Nuke: choose another")
    return path


def _beside(rig: Path) -> Path:
    """Return the folder of what belongs to a rig, made if need be."""
    folder = rig.with_suffix("")
    with writing(folder, "folder of the lights"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _options(node: nuke.Node, rig: Written, frame: int) -> list[str]:
    settings = knobs.RenderSettings.of(node)
    options = [f"--work-size={settings.work_size}", f"--bits={settings.bits}", f"--compression={settings.compression}"]
    if settings.layer != "rgba":
        options.append(f"--layer={settings.layer}")
    fov = None if rig.camera is None else lights.fov_deg(rig.camera, frame)
    return [
        *options,
        *([f"--fov={fov:.7g}"] if fov is not None else []),
        *knobs.words(knobs.text(node, "lights_options"), "options of the lights"),
    ]


def _lit(node: nuke.Node, arguments: list[str]) -> list[str]:
    """Run the command to its end; returns its warnings."""
    progress, warnings, failed = Progress(f"Lighting {node.fullName()}"), [], ""
    log = Path(arguments[arguments.index("-o") + 1]).with_name("relumix.log")
    with closing(job.events(arguments, log, progress.stopped)) as events:
        for event in events:
            kind, message = event.get("event"), str(event.get("message", ""))
            if kind == "stage":
                progress.show(message, float(event.get("share") or 0.0))
            elif kind == "warning":
                warnings.append(message)
            elif kind == "error":
                failed = failed or message
    if failed:
        raise RelumixError(failed)
    return warnings


def _shown(node: nuke.Node, folder: Path, frame: int) -> str:
    """Show the lit frames to Reference, if nothing else is there, and count this one among the reference frames."""
    pattern = f"{folder.as_posix()}/relit.####.exr"
    read = _read(node, pattern) or nuke.nodes.Read(label=f"lit for {node.name()}")
    numbers = [int(match[1]) for each in folder.iterdir() if (match := re.fullmatch(r"relit\.(-?\d+)\.exr", each.name))]
    for name, value in {
        **{"file_type": "exr", "file": pattern, "raw": True, "on_error": "nearest frame"},
        **{"first": min(numbers), "last": max(numbers), "localizationPolicy": "off"},
        **{"origfirst": min(numbers), "origlast": max(numbers), "before": "hold", "after": "hold"},
    }.items():
        read[name].setValue(value)
    read["reload"].execute()  # type: ignore[attr-defined]
    connected = node.input(_REFERENCE)
    if connected is None:
        read.setXYpos(node.xpos() + 110, node.ypos() - 80)
        node.setInput(_REFERENCE, read)
    elif connected is not read:
        return f"frame {frame} is lit, in {read.name()}: connect that to Reference to relight the shot from it"
    references.add(node)
    return f"frame {frame} is lit, and reference frames are {frames.text(knobs.reference_frames(node))}"


def _read(node: nuke.Node, pattern: str) -> nuke.Node | None:
    """Return the Read of earlier frames: that on Reference or, where Python may touch all nodes, any."""
    known = [node.input(_REFERENCE), *([] if limited() else nuke.allNodes("Read"))]
    ours = (each for each in known if each is not None and each.Class() == "Read")
    return next((each for each in ours if each["file"].value() == pattern), None)
