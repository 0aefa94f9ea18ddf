"""Checks the opening message of a stream."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from relumix.color.spaces import working_space
from relumix.engines.base import Engine
from relumix.engines.registry import configured
from relumix.errors import InputError
from relumix.pipeline.windows import Plan, chained_keyframes, plan
from relumix.settings import Settings
from relumix.shot.writing import check_compression
from relumix.v1 import relight_pb2 as pb
from relumix_server.allowed_paths import AllowedPaths, is_there
from relumix_server.beneath import FileBeneath
from relumix_server.frame_files import MADE_ROLES
from relumix_server.options import Options
from relumix_server.status_errors import Code, StatusError
from relumix_server.storage import GoOn

LONGEST_TEXT = 256
LONGEST_KEY = 128
MOST_ENGINE_OPTIONS = 64
MOST_CHAINED_KEYFRAMES = 1_000_000
"""Of one plan: each chained window names all frames before it. One reference reaches some 5000 frames with that."""

FrameKey = tuple[int, int]
"""A role (pb.Role) and a frame."""


@dataclass(frozen=True)
class Paths:
    """Files, resolved, and the request's names of the inputs. outputs: by role and frame; those that are to be made."""

    inputs: Mapping[FrameKey, FileBeneath]
    names: Mapping[FrameKey, str]
    outputs: Mapping[pb.Role, Mapping[int, FileBeneath]]


@dataclass(frozen=True)
class Request:
    """A checked job.

    order        the frames whose sources are needed, in the order in which they will be asked for.
    last_use     for each of them the frame to deliver after which it is needed no more; None: needed to the end.
    windows      indices of the plan's windows that are computed, in order.
    made         the roles (pb.Role) of the files that are made of each frame, that of the result first.
    paths        None where frames come in chunks.
    """

    session: str
    settings: Settings
    engine: Engine
    frames: tuple[int, ...]
    deliver: tuple[int, ...]
    references: tuple[int, ...]
    cuts: tuple[int, ...]
    reference_weights: Mapping[int, float]
    reference_masks: tuple[int, ...]
    masks: int
    raw: bool
    made: tuple[pb.Role, ...]
    keys: Mapping[int, str]
    paths: Paths | None
    plan: Plan = field(repr=False)
    order: tuple[int, ...] = field(repr=False)
    last_use: Mapping[int, int | None] = field(repr=False)
    windows: tuple[int, ...] = field(repr=False)

    def mask_of(self, frame: int) -> int | None:
        """Return the frame whose mask is that of `frame`, None without masks."""
        if self.masks == pb.MASKS_UNSPECIFIED:
            return None
        return self.references[0] if self.masks == pb.MASKS_ONE else frame

    def takes(self, role: int, frame: int) -> bool:
        """Tell whether the job has such a frame."""
        if role == pb.ROLE_SOURCE:
            return frame in self.last_use or frame in self._frames
        if role == pb.ROLE_REFERENCE:
            return frame in self._references
        if role == pb.ROLE_REFERENCE_MASK:
            return frame in self.reference_masks
        if self.masks == pb.MASKS_EACH:
            return frame in self._frames
        return self.masks == pb.MASKS_ONE and frame == self.references[0]

    def needs(self, role: int, frame: int) -> bool:
        """Tell whether the job needs such a frame."""
        return frame in self.last_use if role == pb.ROLE_SOURCE else role != pb.ROLE_MASK or frame in self._masked

    def __post_init__(self) -> None:
        masked = {self.mask_of(frame) for frame in self.deliver}
        object.__setattr__(self, "_frames", frozenset(self.frames))
        object.__setattr__(self, "_references", frozenset(self.references))
        object.__setattr__(self, "_masked", masked)

    _frames: frozenset[int] = field(init=False, repr=False, default=frozenset())
    _references: frozenset[int] = field(init=False, repr=False, default=frozenset())
    _masked: frozenset[int] = field(init=False, repr=False, default=frozenset())

    def accepted(self, version: str) -> pb.Accepted:
        """Return the message that accepts it."""
        return pb.Accepted(
            session_id=self.session,
            version=version,
            engine=self.engine.name,
            sources=self.order,
            windows=[
                pb.Window(
                    frames=window.frames,
                    references=window.references,
                    inputs=sorted({*window.frames, *window.references, *itertools.chain(*window.keyframe_paths)}),
                )
                for window in (self.plan.windows[i] for i in self.windows)
            ],
        )


def check(
    opening: pb.Open,
    engines: Mapping[str, Engine],
    options: Options,
    allowed: AllowedPaths,
    go_on: GoOn = lambda: None,
) -> Request:
    """Return the job that an opening message describes. Raises StatusError, and what `go_on` raises."""
    _refuse_many(opening, options)
    settings, engine = _settings(opening.settings, engines)
    frames, references = _ascending("frames", opening.frames), _ascending("references", opening.references)
    deliver, cuts = _ascending("deliver", opening.deliver) or frames, _ascending("cuts", opening.cuts)
    for name, chosen in (("frames", frames), ("deliver", deliver), ("references", references)):
        if unknown := sorted(set(chosen) - set(frames)):
            raise _invalid(f"{name} has frame {unknown[0]}, which is none of the shot's frames")
        if not chosen:
            raise _invalid(f"{name} is empty: expected at least one frame")
    _check_words(opening)
    if cuts and not frames[0] < cuts[0] <= cuts[-1] <= frames[-1]:
        raise _invalid(f"cuts are {cuts[0]} to {cuts[-1]}: expected them behind {frames[0]}, and up to {frames[-1]}")
    _check_parts(opening)
    _refuse_long_chains(frames, references, engine, cuts)
    laid = plan(frames, references, engine.windowing, cuts)
    order, last_use, windows = _needs(laid, deliver, references, go_on)
    request = Request(
        session=uuid.uuid4().hex[:12],
        settings=settings,
        engine=engine,
        frames=frames,
        deliver=deliver,
        references=references,
        cuts=cuts,
        reference_weights=dict(opening.reference_weights),
        reference_masks=_ascending("reference_masks", opening.reference_masks),
        masks=opening.masks,
        raw=opening.encoding == pb.ENCODING_RAW,
        made=_made(opening),
        keys={frame: opening.keys[frame] for frame in deliver if frame in opening.keys},
        paths=None,
        plan=laid,
        order=order,
        last_use=last_use,
        windows=windows,
    )
    if not opening.HasField("by_path"):
        return request
    allowed.refuse_none()
    return replace(request, paths=_paths(opening, request, allowed.for_a_job(go_on)))


def _check_words(opening: pb.Open) -> None:
    if opening.masks not in pb.Masks.values() or opening.encoding not in pb.Encoding.values():
        raise _invalid(f"masks {opening.masks} or encoding {opening.encoding} is none that this server knows")
    for frame, key in opening.keys.items():
        if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise _invalid(f"the key of frame {frame} is no ASCII text of up to {LONGEST_KEY} letters")


def _check_parts(opening: pb.Open) -> None:
    """Raise StatusError where weights or mattes are none of the references'."""
    for what, frames in (("weights", opening.reference_weights), ("masks", opening.reference_masks)):
        if unknown := sorted(set(frames) - set(opening.references)):
            raise _invalid(f"reference_{what} has frame {unknown[0]}, which is none of the references")
    for frame, weight in opening.reference_weights.items():
        if not 0 <= weight <= 1:
            raise _invalid(f"the weight of reference {frame} is {weight}: expected 0 to 1")


def _refuse_many(opening: pb.Open, options: Options) -> None:
    """Refuse what is too much, before any of it is looked at. Raises StatusError."""
    paths = opening.by_path
    of_frames = {
        "frames": opening.frames,
        "frames to deliver": opening.deliver,
        "keys": opening.keys,
        "cuts": opening.cuts,
        "sources by path": paths.sources,
        "masks by path": paths.masks,
        "results by path": paths.results,
        "gains by path": paths.gains,
        "confidence by path": paths.confidence,
    }
    counts = {what: (len(sent), options.max_frames) for what, sent in of_frames.items()}
    counts["references"] = len(opening.references), options.max_references
    for what in ("reference_weights", "reference_masks"):
        counts[what.replace("_", " ")] = len(getattr(opening, what)), options.max_references
    counts["reference masks by path"] = len(paths.reference_masks), options.max_references
    counts["references by path"] = len(paths.references), options.max_references
    counts["options of the engine"] = len(opening.settings.engine_options), MOST_ENGINE_OPTIONS
    for what, (count, most) in counts.items():
        if count > most:
            raise StatusError(Code.RESOURCE_EXHAUSTED, f"the shot has {count} {what}: this server takes up to {most}")


def _refuse_long_chains(frames: Sequence[int], references: Sequence[int], engine: Engine, cuts: Sequence[int]) -> None:
    count = chained_keyframes(frames, references, engine.windowing, cuts)
    if count > MOST_CHAINED_KEYFRAMES:
        raise StatusError(
            Code.RESOURCE_EXHAUSTED,
            f"the windows of engine {engine.name} are chained, and name {count} keyframes over {len(frames)} frames: "
            f"this server takes up to {MOST_CHAINED_KEYFRAMES}; give more references, or fewer frames",
        )


def _settings(sent: pb.Settings, engines: Mapping[str, Engine]) -> tuple[Settings, Engine]:
    """Return the settings and engine of a job, each value as valid as for the command."""
    given = {field.name: getattr(sent, field.name) for field, _ in sent.ListFields()}
    given["engine_options"] = tuple(sent.engine_options)
    for name, value in given.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not (0 < len(text) <= LONGEST_TEXT and text.isprintable()):
                raise _invalid(f"{name} is {text[:50]!r}: expected up to {LONGEST_TEXT} printable letters")
    engine = engines.get(given.setdefault("engine", next(iter(engines))))
    if engine is None:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            f"this server runs {', '.join(engines)}: got engine {given['engine']}, choose another or another server",
        )
    try:
        settings = Settings(**given)
        engine = _as_asked(engine, settings)
        if settings.compression is not None:
            check_compression(settings.compression)
        for space in (settings.colorspace, settings.reference_colorspace):
            if space is not None:
                working_space(space)
    except InputError as error:
        raise _invalid(str(error)) from error
    return settings, engine


def _as_asked(engine: Engine, settings: Settings) -> Engine:
    """Return an engine with the options of a job; raises InputError also where these would change its windows."""
    asked = configured(engine, settings.engine_options, transfer=settings.transfer)
    if asked.windowing != engine.windowing:
        raise InputError(
            f"how the windows of {engine.name} lie is the server's to choose: leave windows, window, overlap, chained "
            "and published out, or start a server with --engine-option for them"
        )
    return asked


def _ascending(name: str, frames: Sequence[int]) -> tuple[int, ...]:
    for before, after in itertools.pairwise(frames):
        if before >= after:
            raise _invalid(f"{name} has {after} behind {before}: expected ascending frames")
    return tuple(frames)


def _needs(
    laid: Plan, deliver: tuple[int, ...], references: tuple[int, ...], go_on: GoOn
) -> tuple[tuple[int, ...], dict[int, int | None], tuple[int, ...]]:
    """Return the sources that are needed in order, when each is needed last, and the windows in order."""
    kept = set(references)
    last_use: dict[int, int | None] = dict.fromkeys(references)
    windows: dict[int, None] = {}
    for frame in deliver:
        go_on()
        fresh = [share.window for share in laid.shares.get(frame, ()) if share.window not in windows]
        for window in (laid.windows[i] for i in fresh):
            for used in (*itertools.chain(*window.keyframe_paths), *window.frames):
                last_use[used] = None if used in kept else frame
        windows |= dict.fromkeys(fresh)
        if last_use.get(frame, frame) is not None:
            last_use[frame] = frame
    # A frame is also needed for its own transfer, after all windows that contain it.
    for frame in deliver:
        use = last_use[frame]
        last_use[frame] = None if use is None else max(use, frame)
    return tuple(last_use), last_use, tuple(windows)


def _paths(opening: pb.Open, request: Request, allowed: AllowedPaths) -> Paths:
    sent = opening.by_path
    inputs: dict[pb.Role, tuple[Mapping[int, str], Sequence[int]]] = {
        pb.ROLE_SOURCE: (sent.sources, request.order),
        pb.ROLE_REFERENCE: (sent.references, request.references),
        pb.ROLE_REFERENCE_MASK: (sent.reference_masks, request.reference_masks),
        pb.ROLE_MASK: (sent.masks, sorted({m for m in map(request.mask_of, request.deliver) if m is not None})),
    }
    names: dict[FrameKey, str] = {(role, f): texts[f] for role, (texts, _) in inputs.items() for f in texts}
    for role, (texts, needed) in inputs.items():
        if missing := sorted(set(needed) - set(texts)):
            kind = pb.Role.Name(role).removeprefix("ROLE_").lower()
            raise _invalid(f"by_path names no {kind} for frame {missing[0]}: expected a path for each that is needed")
    for made, texts in _sent_outputs(sent).items():
        if missing := sorted(set(request.deliver) - set(texts)):
            what = _OUTPUTS[made].field
            raise _invalid(f"by_path has no {what} for frame {missing[0]}: expected a path for each frame to deliver")
    files = {key: allowed.input(text) for key, text in names.items()}
    for key, file in files.items():
        if key[0] == pb.ROLE_REFERENCE and not is_there(file):
            raise StatusError(Code.NOT_FOUND, f"the reference for frame {key[1]} is not there: {names[key]}")
    outputs = {
        role: allowed.outputs({f: texts[f] for f in request.deliver}, files.values(), overwrite=sent.overwrite)
        for role, texts in _sent_outputs(sent).items()
    }
    for (one, own), (other, others) in itertools.combinations(outputs.items(), 2):
        if shared := set(own.values()) & set(others.values()):
            kinds = f"{_OUTPUTS[other].words} and {_OUTPUTS[one].words}"
            raise _invalid(f"{kinds} would share {min(file.path for file in shared)}: expected names of their own")
    return Paths(files, names, outputs)


class _Output(NamedTuple):
    """A kind of file that is made: its field of ByPath, and what people call it."""

    field: str
    words: str


_OUTPUTS = {
    pb.ROLE_RESULT: _Output("results", "relit frames"),
    pb.ROLE_GAIN: _Output("gains", "gain maps"),
    pb.ROLE_CONFIDENCE: _Output("confidence", "confidence"),
}


def _sent_outputs(sent: pb.ByPath) -> dict[pb.Role, Mapping[int, str]]:
    """Return the paths to write to, by role and frame: light maps only where there are some."""
    texts: dict[pb.Role, Mapping[int, str]] = {role: getattr(sent, _OUTPUTS[role].field) for role in MADE_ROLES}
    return {role: named for role, named in texts.items() if named or role == pb.ROLE_RESULT}


def _made(opening: pb.Open) -> tuple[pb.Role, ...]:
    """Return the roles of the files to make of each frame."""
    if opening.HasField("by_path"):
        return tuple(_sent_outputs(opening.by_path))
    wanted = {pb.ROLE_RESULT: True, pb.ROLE_GAIN: opening.gains, pb.ROLE_CONFIDENCE: opening.confidence}
    return tuple(role for role in MADE_ROLES if wanted[role])


def _invalid(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)
