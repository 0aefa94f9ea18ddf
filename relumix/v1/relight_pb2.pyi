from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Masks(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MASKS_UNSPECIFIED: _ClassVar[Masks]
    MASKS_ONE: _ClassVar[Masks]
    MASKS_EACH: _ClassVar[Masks]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SOURCE: _ClassVar[Role]
    ROLE_REFERENCE: _ClassVar[Role]
    ROLE_MASK: _ClassVar[Role]
    ROLE_RESULT: _ClassVar[Role]
    ROLE_GAIN: _ClassVar[Role]
    ROLE_CONFIDENCE: _ClassVar[Role]
    ROLE_REFERENCE_MASK: _ClassVar[Role]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_RAW: _ClassVar[Encoding]

class PixelType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_TYPE_UNSPECIFIED: _ClassVar[PixelType]
    PIXEL_TYPE_HALF: _ClassVar[PixelType]
    PIXEL_TYPE_FLOAT: _ClassVar[PixelType]
MASKS_UNSPECIFIED: Masks
MASKS_ONE: Masks
MASKS_EACH: Masks
ROLE_UNSPECIFIED: Role
ROLE_SOURCE: Role
ROLE_REFERENCE: Role
ROLE_MASK: Role
ROLE_RESULT: Role
ROLE_GAIN: Role
ROLE_CONFIDENCE: Role
ROLE_REFERENCE_MASK: Role
ENCODING_UNSPECIFIED: Encoding
ENCODING_RAW: Encoding
PIXEL_TYPE_UNSPECIFIED: PixelType
PIXEL_TYPE_HALF: PixelType
PIXEL_TYPE_FLOAT: PixelType

class RelightRequest(_message.Message):
    __slots__ = ("open", "chunk", "absent", "close")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    open: Open
    chunk: FrameChunk
    absent: FrameAbsent
    close: Close
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., chunk: _Optional[_Union[FrameChunk, _Mapping]] = ..., absent: _Optional[_Union[FrameAbsent, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ...) -> None: ...

class RelightResponse(_message.Message):
    __slots__ = ("accepted", "progress", "chunk", "done", "error", "summary")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    accepted: Accepted
    progress: Progress
    chunk: FrameChunk
    done: FrameDone
    error: FrameError
    summary: Summary
    def __init__(self, accepted: _Optional[_Union[Accepted, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., chunk: _Optional[_Union[FrameChunk, _Mapping]] = ..., done: _Optional[_Union[FrameDone, _Mapping]] = ..., error: _Optional[_Union[FrameError, _Mapping]] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("settings", "frames", "deliver", "references", "masks", "encoding", "gains", "keys", "by_path", "cuts", "confidence", "reference_weights", "reference_masks")
    class KeysEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class ReferenceWeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    GAINS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BY_PATH_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_MASKS_FIELD_NUMBER: _ClassVar[int]
    settings: Settings
    frames: _containers.RepeatedScalarFieldContainer[int]
    deliver: _containers.RepeatedScalarFieldContainer[int]
    references: _containers.RepeatedScalarFieldContainer[int]
    masks: Masks
    encoding: Encoding
    gains: bool
    keys: _containers.ScalarMap[int, str]
    by_path: ByPath
    cuts: _containers.RepeatedScalarFieldContainer[int]
    confidence: bool
    reference_weights: _containers.ScalarMap[int, float]
    reference_masks: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, settings: _Optional[_Union[Settings, _Mapping]] = ..., frames: _Optional[_Iterable[int]] = ..., deliver: _Optional[_Iterable[int]] = ..., references: _Optional[_Iterable[int]] = ..., masks: _Optional[_Union[Masks, str]] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., gains: bool = ..., keys: _Optional[_Mapping[int, str]] = ..., by_path: _Optional[_Union[ByPath, _Mapping]] = ..., cuts: _Optional[_Iterable[int]] = ..., confidence: bool = ..., reference_weights: _Optional[_Mapping[int, float]] = ..., reference_masks: _Optional[_Iterable[int]] = ...) -> None: ...

class Settings(_message.Message):
    __slots__ = ("engine", "work_size", "mix", "colorspace", "reference_colorspace", "layer", "view", "compression", "bits", "transfer", "engine_options", "confidence_layer", "premult", "align")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    WORK_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIX_FIELD_NUMBER: _ClassVar[int]
    COLORSPACE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_COLORSPACE_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    ENGINE_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_LAYER_FIELD_NUMBER: _ClassVar[int]
    PREMULT_FIELD_NUMBER: _ClassVar[int]
    ALIGN_FIELD_NUMBER: _ClassVar[int]
    engine: str
    work_size: int
    mix: float
    colorspace: str
    reference_colorspace: str
    layer: str
    view: str
    compression: str
    bits: str
    transfer: str
    engine_options: _containers.RepeatedScalarFieldContainer[str]
    confidence_layer: bool
    premult: str
    align: bool
    def __init__(self, engine: _Optional[str] = ..., work_size: _Optional[int] = ..., mix: _Optional[float] = ..., colorspace: _Optional[str] = ..., reference_colorspace: _Optional[str] = ..., layer: _Optional[str] = ..., view: _Optional[str] = ..., compression: _Optional[str] = ..., bits: _Optional[str] = ..., transfer: _Optional[str] = ..., engine_options: _Optional[_Iterable[str]] = ..., confidence_layer: bool = ..., premult: _Optional[str] = ..., align: bool = ...) -> None: ...

class ByPath(_message.Message):
    __slots__ = ("sources", "references", "masks", "results", "gains", "overwrite", "confidence", "reference_masks")
    class SourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class ReferencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class MasksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class ResultsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class GainsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class ConfidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    class ReferenceMasksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    GAINS_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_MASKS_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.ScalarMap[int, str]
    references: _containers.ScalarMap[int, str]
    masks: _containers.ScalarMap[int, str]
    results: _containers.ScalarMap[int, str]
    gains: _containers.ScalarMap[int, str]
    overwrite: bool
    confidence: _containers.ScalarMap[int, str]
    reference_masks: _containers.ScalarMap[int, str]
    def __init__(self, sources: _Optional[_Mapping[int, str]] = ..., references: _Optional[_Mapping[int, str]] = ..., masks: _Optional[_Mapping[int, str]] = ..., results: _Optional[_Mapping[int, str]] = ..., gains: _Optional[_Mapping[int, str]] = ..., overwrite: bool = ..., confidence: _Optional[_Mapping[int, str]] = ..., reference_masks: _Optional[_Mapping[int, str]] = ...) -> None: ...

class FrameChunk(_message.Message):
    __slots__ = ("frame", "role", "name", "offset", "total_bytes", "data", "crc32c", "raw")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    frame: int
    role: Role
    name: str
    offset: int
    total_bytes: int
    data: bytes
    crc32c: int
    raw: RawPlanes
    def __init__(self, frame: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., name: _Optional[str] = ..., offset: _Optional[int] = ..., total_bytes: _Optional[int] = ..., data: _Optional[bytes] = ..., crc32c: _Optional[int] = ..., raw: _Optional[_Union[RawPlanes, _Mapping]] = ...) -> None: ...

class RawPlanes(_message.Message):
    __slots__ = ("width", "height", "channels", "type")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    channels: _containers.RepeatedScalarFieldContainer[str]
    type: PixelType
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., channels: _Optional[_Iterable[str]] = ..., type: _Optional[_Union[PixelType, str]] = ...) -> None: ...

class FrameAbsent(_message.Message):
    __slots__ = ("frame", "role", "message")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    role: Role
    message: str
    def __init__(self, frame: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("session_id", "version", "engine", "sources", "windows")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    version: str
    engine: str
    sources: _containers.RepeatedScalarFieldContainer[int]
    windows: _containers.RepeatedCompositeFieldContainer[Window]
    def __init__(self, session_id: _Optional[str] = ..., version: _Optional[str] = ..., engine: _Optional[str] = ..., sources: _Optional[_Iterable[int]] = ..., windows: _Optional[_Iterable[_Union[Window, _Mapping]]] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("frames", "references", "inputs")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedScalarFieldContainer[int]
    references: _containers.RepeatedScalarFieldContainer[int]
    inputs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, frames: _Optional[_Iterable[int]] = ..., references: _Optional[_Iterable[int]] = ..., inputs: _Optional[_Iterable[int]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("done", "total")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class FrameDone(_message.Message):
    __slots__ = ("frame", "nonfinite_pixels", "matte")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    NONFINITE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MATTE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    nonfinite_pixels: int
    matte: bool
    def __init__(self, frame: _Optional[int] = ..., nonfinite_pixels: _Optional[int] = ..., matte: bool = ...) -> None: ...

class FrameError(_message.Message):
    __slots__ = ("frame", "code", "message")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    code: int
    message: str
    def __init__(self, frame: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("written", "failed", "seconds", "stage_seconds", "warnings")
    class StageSecondsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    STAGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    written: int
    failed: int
    seconds: float
    stage_seconds: _containers.ScalarMap[str, float]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, written: _Optional[int] = ..., failed: _Optional[int] = ..., seconds: _Optional[float] = ..., stage_seconds: _Optional[_Mapping[str, float]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("version", "engines", "limits", "load")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    version: str
    engines: _containers.RepeatedCompositeFieldContainer[Engine]
    limits: Limits
    load: Load
    def __init__(self, version: _Optional[str] = ..., engines: _Optional[_Iterable[_Union[Engine, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ...) -> None: ...

class Engine(_message.Message):
    __slots__ = ("name", "version", "device", "window", "overlap", "tracks", "chained", "further")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    CHAINED_FIELD_NUMBER: _ClassVar[int]
    FURTHER_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    device: str
    window: int
    overlap: int
    tracks: bool
    chained: bool
    further: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., device: _Optional[str] = ..., window: _Optional[int] = ..., overlap: _Optional[int] = ..., tracks: bool = ..., chained: bool = ..., further: bool = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_sessions", "max_frame_bytes", "max_frame_pixels", "max_frames", "max_chunk_bytes", "idle_seconds", "by_path", "cuts", "confidence", "reference_parts")
    MAX_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAMES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BY_PATH_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_PARTS_FIELD_NUMBER: _ClassVar[int]
    max_sessions: int
    max_frame_bytes: int
    max_frame_pixels: int
    max_frames: int
    max_chunk_bytes: int
    idle_seconds: float
    by_path: bool
    cuts: bool
    confidence: bool
    reference_parts: bool
    def __init__(self, max_sessions: _Optional[int] = ..., max_frame_bytes: _Optional[int] = ..., max_frame_pixels: _Optional[int] = ..., max_frames: _Optional[int] = ..., max_chunk_bytes: _Optional[int] = ..., idle_seconds: _Optional[float] = ..., by_path: bool = ..., cuts: bool = ..., confidence: bool = ..., reference_parts: bool = ...) -> None: ...

class Load(_message.Message):
    __slots__ = ("sessions", "queued_windows", "memory_bytes", "spool_bytes", "draining")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_WINDOWS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPOOL_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    sessions: int
    queued_windows: int
    memory_bytes: int
    spool_bytes: int
    draining: bool
    def __init__(self, sessions: _Optional[int] = ..., queued_windows: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., spool_bytes: _Optional[int] = ..., draining: bool = ...) -> None: ...
