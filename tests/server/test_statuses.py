"""Every way in which a stream is refused: its status code, and its sentence. After each the server is as it was."""

import pytest

from relumix.v1 import relight_pb2 as pb
from relumix_server.status_errors import Code, StatusError
from tests.server.harness import CLOSE, FRAMES, ask, opening, pieces, serving

OPEN = opening()


def chunk(**changes):
    """A sound first piece of 1001's source, or with changes."""
    (message,) = pieces(1001, b"x" * 100)
    for name, value in changes.items():
        setattr(message.chunk, name, value)
    return message


def raw(**changes):
    fields = {"width": 5, "height": 5, "channels": "RGB", "type": pb.PIXEL_TYPE_HALF, **changes}
    return next(pieces(1001, b"x" * 150, raw=pb.RawPlanes(**fields)))


def settings(**fields):
    return [opening(settings=pb.Settings(**fields))]


RAW = opening(encoding=pb.ENCODING_RAW)
ALL_PIECES = [next(pieces(frame, b"x" * 100, size=50)) for frame in range(1, 21)]

BROKEN = {
    "first": ([CLOSE], "INVALID_ARGUMENT", "the first message is close: expected open"),
    "first chunk": ([chunk()], "INVALID_ARGUMENT", "the first message is chunk: expected open"),
    "first empty": ([pb.RelightRequest()], "INVALID_ARGUMENT", "the first message is nothing known: expected open"),
    "nothing": ([], "INVALID_ARGUMENT", "the first message is nothing: expected open"),
    "opened twice": (
        [OPEN, OPEN],
        "INVALID_ARGUMENT",
        "the stream was opened twice: expected one open, as the first message",
    ),
    "empty message": (
        [OPEN, pb.RelightRequest()],
        "INVALID_ARGUMENT",
        "a message holds nothing that this server knows: expected chunk or close",
    ),
    "close missing": (
        [OPEN],
        "INVALID_ARGUMENT",
        "the stream ended without close: expected close as the last message",
    ),
    "close in a frame": (
        [OPEN, next(pieces(1001, b"x" * 100, size=50)), CLOSE],
        "INVALID_ARGUMENT",
        "the stream was closed with the source of frame 1001 sent in part",
    ),
    "unknown frame": (
        [OPEN, chunk(frame=7)],
        "NOT_FOUND",
        "frame 7 has no source in this job: it was not opened with one",
    ),
    "no such reference": (
        [OPEN, chunk(frame=1002, role=pb.ROLE_REFERENCE)],
        "NOT_FOUND",
        "frame 1002 has no reference in this job: it was not opened with one",
    ),
    "no masks": (
        [OPEN, chunk(role=pb.ROLE_MASK)],
        "NOT_FOUND",
        "frame 1001 has no mask in this job: it was not opened with one",
    ),
    "role": (
        [OPEN, chunk(role=pb.ROLE_RESULT)],
        "INVALID_ARGUMENT",
        "frame 1001 has role 4: expected source, reference or mask",
    ),
    "order": (
        [OPEN, list(pieces(1001, b"x" * 100, size=50))[1]],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a piece at 50: expected the one at 0, in order",
    ),
    "gap": (
        [OPEN, *list(pieces(1001, b"x" * 150, size=50))[::2]],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a piece at 100: expected the one at 50, in order",
    ),
    "length changes": (
        [OPEN, next(pieces(1001, b"x" * 100, size=50)), list(pieces(1001, b"x" * 99, size=50))[1]],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has 99 bytes, and had 100 in its first piece",
    ),
    "behind the end": (
        [OPEN, chunk(total_bytes=99)],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a piece that ends at 100, behind its end at 99",
    ),
    "empty piece": (
        [OPEN, chunk(data=b"", crc32c=0)],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a piece of 0 bytes: expected 1 to 4194304",
    ),
    "piece too large": (
        [OPEN, chunk(data=b"x" * (4 << 20) + b"x")],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a piece of 4194305 bytes: expected 1 to 4194304",
    ),
    "frame too large": (
        [OPEN, chunk(total_bytes=(4 << 20) + 1)],
        "RESOURCE_EXHAUSTED",
        "the source of frame 1001 has 4194305 bytes: this server takes up to 4194304",
    ),
    "checksum": (
        [OPEN, chunk(crc32c=1)],
        "DATA_LOSS",
        "the source of frame 1001 was damaged on the way: its CRC-32C is not the one it was sent with",
    ),
    "other bytes": (
        [OPEN, chunk(), *pieces(1001, b"y" * 100)],
        "INVALID_ARGUMENT",
        "the source of frame 1001 was sent twice, and not the same",
    ),
    "other length": (
        [OPEN, chunk(), *pieces(1001, b"x" * 101)],
        "INVALID_ARGUMENT",
        "the source of frame 1001 was sent twice, and not the same",
    ),
    "absent though sent": (
        [OPEN, chunk(), pb.RelightRequest(absent=pb.FrameAbsent(frame=1001, role=pb.ROLE_SOURCE))],
        "INVALID_ARGUMENT",
        "the source of frame 1001 is said to be absent, but it was sent",
    ),
    "too many in pieces": (
        [opening(frames=range(1, 21), references=[1]), *ALL_PIECES],
        "INVALID_ARGUMENT",
        "more than 16 frames are in pieces: expected frames one after another",
    ),
    "name": (
        [OPEN, chunk(name="../../etc/passwd")],
        "INVALID_ARGUMENT",
        "the source of frame 1001 is called '../../etc/passwd': expected a name that ends in one of .cin, .dpx, .exr, "
        ".hdr, .jpeg, .jpg, .png, .sgi, .tga, .tif, .tiff",
    ),
    "unprintable name": (
        [OPEN, chunk(name="a\n.exr")],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has a name that is not printable, or longer than 4096",
    ),
    "raw": (
        [OPEN, raw()],
        "INVALID_ARGUMENT",
        "the source of frame 1001 is raw, but the job was opened with the other",
    ),
    "not raw": (
        [RAW, chunk()],
        "INVALID_ARGUMENT",
        "the source of frame 1001 is a file, but the job was opened with the other",
    ),
    "raw channels": (
        [RAW, raw(channels="BGR")],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has planes that make no picture: expected half or float R, G, B (, A)",
    ),
    "raw size": (
        [RAW, raw(height=6)],
        "INVALID_ARGUMENT",
        "the source of frame 1001 has 150 bytes: expected 180 for its planes",
    ),
    "raw pixels": (
        [RAW, raw(width=1 << 31, height=1 << 31)],
        "RESOURCE_EXHAUSTED",
        "the source of frame 1001 is 2147483648x2147483648: expected up to 134217728 pixels",
    ),
    "engine": (
        settings(engine="svd"),
        "FAILED_PRECONDITION",
        "this server runs flow: got engine svd, choose another or another server",
    ),
    "mix": (
        settings(mix=2),
        "INVALID_ARGUMENT",
        "mix is 2.0: expected a number from 0 (the plate) to 1 (the relit plate)",
    ),
    "not a number": (
        settings(mix=float("nan")),
        "INVALID_ARGUMENT",
        "mix is nan: expected a number from 0 (the plate) to 1 (the relit plate)",
    ),
    "work size": (
        settings(work_size=1 << 31),
        "INVALID_ARGUMENT",
        "work size is 2147483648: expected 64 to 8192 pixels for the long edge",
    ),
    "premult": (
        settings(premult="maybe"),
        "INVALID_ARGUMENT",
        "premult is 'maybe': expected one of auto, yes, no",
    ),
    "bits": (settings(bits="double"), "INVALID_ARGUMENT", "bits is 'double': expected one of half, float"),
    "layer": (
        settings(layer="a\0b"),
        "INVALID_ARGUMENT",
        "layer is 'a\\x00b': expected up to 256 printable letters",
    ),
    "compression": (
        settings(compression="gzip"),
        "INVALID_ARGUMENT",
        "unknown compression 'gzip': expected one of none, rle, zips, zip, piz, pxr24, b44, b44a, dwaa, dwab, "
        "htj2k256, htj2k32, zstd",
    ),
    "no frames": ([opening(frames=[])], "INVALID_ARGUMENT", "frames is empty: expected at least one frame"),
    "order of frames": (
        [opening(frames=[1001, 1003, 1002])],
        "INVALID_ARGUMENT",
        "frames has 1002 behind 1003: expected ascending frames",
    ),
    "twice a frame": (
        [opening(deliver=[1002, 1002])],
        "INVALID_ARGUMENT",
        "deliver has 1002 behind 1002: expected ascending frames",
    ),
    "deliver": (
        [opening(deliver=[1])],
        "INVALID_ARGUMENT",
        "deliver has frame 1, which is none of the shot's frames",
    ),
    "no reference": (
        [opening(references=[])],
        "INVALID_ARGUMENT",
        "references is empty: expected at least one frame",
    ),
    "masks": ([opening(masks=9)], "INVALID_ARGUMENT", "masks 9 or encoding 0 is none that this server knows"),
    "key": (
        [opening(keys={1001: "ü"})],
        "INVALID_ARGUMENT",
        "the key of frame 1001 is no ASCII text of up to 128 letters",
    ),
    "too many frames": (
        [opening(frames=range(1, 20_002), references=[1])],
        "RESOURCE_EXHAUSTED",
        "the shot has 20001 frames: this server takes up to 20000",
    ),
    "reference not sent": (
        [OPEN, *pieces(1001, b"x"), CLOSE],
        "NOT_FOUND",
        "a reference is missing: frame 1001: its reference was not sent before the close",
    ),
    "plate of the reference not sent": (
        [opening(deliver=[1003], references=[1002]), CLOSE],
        "NOT_FOUND",
        "the first reference's plate says how all are laid out: frame 1002: its source was not sent before the close",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_refusals(server, name):
    messages, code, sentence = BROKEN[name]
    answer = ask(server, messages)
    assert (answer.status.name, answer.details[: len(sentence)]) == (code, sentence)
    assert answer.retry_seconds is None
    assert "\n" not in answer.details
    assert server.info().load.sessions == 0


def test_a_message_after_close(server, disk):
    answer = ask(server, [*disk.said(), CLOSE])
    assert (answer.status.name, answer.details) == (
        "INVALID_ARGUMENT",
        "a message came after close: expected nothing more",
    )


def test_colour_space(server):
    answer = ask(server, settings(colorspace="nonsense"))
    assert answer.status.name == "INVALID_ARGUMENT"
    assert answer.details.startswith("unknown colour space 'nonsense': ")


def test_a_reference_that_is_no_picture(server, disk):
    def said():
        yield OPEN
        yield from pieces(1001, disk.plate(1001).read_bytes())
        yield from pieces(1001, b"nonsense", pb.ROLE_REFERENCE, name="/their/relit.exr")
        yield CLOSE

    answer = ask(server, said())
    assert answer.status.name == "INVALID_ARGUMENT"
    assert answer.details.startswith("reference /their/relit.exr cannot be read: ")


def test_a_first_frame_that_is_no_picture(server, disk):
    def said():
        yield OPEN
        yield from pieces(1001, b"nonsense", name="/their/p.1001.exr")
        yield from pieces(1001, disk.reference(1001).read_bytes(), pb.ROLE_REFERENCE)
        yield CLOSE

    answer = ask(server, said())
    assert answer.status.name == "INVALID_ARGUMENT"
    assert answer.details.startswith("/their/p.1001.exr cannot be read: ")


class TestByPath:
    @pytest.fixture
    def paths(self, server, disk):
        """by_path of a sound job below the root."""
        folder = server.root / "statuses"
        folder.mkdir(exist_ok=True)
        (folder / "plate.exr").write_bytes(disk.plate(1001).read_bytes())
        (folder / "relit.exr").write_bytes(disk.reference(1001).read_bytes())
        (folder / "out.exr").unlink(missing_ok=True)
        plate = str(folder / "plate.exr")
        return {
            "sources": dict.fromkeys(FRAMES, plate),
            "references": {1001: str(folder / "relit.exr")},
            "results": {1001: str(folder / "out.exr")},
        }

    def refused(self, server, paths, **changes):
        answer = ask(server, [opening(deliver=[1001], by_path=pb.ByPath(**{**paths, **changes})), CLOSE])
        return answer.status.name, answer.details.replace(str(server.root), "ROOT")

    def test_sound(self, server, paths):
        assert self.refused(server, paths) == ("OK", "")

    def test_outside(self, server, paths, tmp_path):
        for outside in (
            f"{server.root}/../x.exr",
            "/etc/passwd",
            "/dev/zero",
            str(tmp_path / "x.exr"),
            f"{server.root}",
            "/",
        ):
            code, text = self.refused(server, paths, sources=dict.fromkeys(FRAMES, outside))
            assert code == "PERMISSION_DENIED"
            assert text.endswith("is not below a --root of this server")

    def test_a_link_that_leads_outside(self, server, paths, tmp_path):
        link = server.root / "link"
        if not link.is_symlink():
            link.symlink_to(tmp_path)
        (tmp_path / "x.exr").write_bytes(b"x")
        for change in ({"sources": dict.fromkeys(FRAMES, f"{link}/x.exr")}, {"results": {1001: f"{link}/new.exr"}}):
            assert self.refused(server, paths, **change)[0] == "PERMISSION_DENIED"

    def test_no_image(self, server, paths):
        (server.root / "list.txt").write_text("file '/etc/passwd'")
        code, text = self.refused(server, paths, sources=dict.fromkeys(FRAMES, f"{server.root}/list.txt"))
        assert (code, text[:64]) == (
            "INVALID_ARGUMENT",
            "ROOT/list.txt is no image: expected a name in one of .cin, .dpx,",
        )

    def test_relative(self, server, paths):
        code, text = self.refused(server, paths, results={1001: "out.exr"})
        assert (code, text) == ("INVALID_ARGUMENT", "'out.exr' is no absolute path: expected one below a --root")

    def test_missing_paths(self, server, paths):
        assert self.refused(server, paths, sources={}) == (
            "INVALID_ARGUMENT",
            "by_path names no source for frame 1001: expected a path for each that is needed",
        )
        assert self.refused(server, paths, results={}) == (
            "INVALID_ARGUMENT",
            "by_path has no results for frame 1001: expected a path for each frame to deliver",
        )

    def test_missing_reference(self, server, paths):
        assert self.refused(server, paths, references={1001: f"{server.root}/none.exr"}) == (
            "NOT_FOUND",
            "the reference for frame 1001 is not there: ROOT/none.exr",
        )

    def test_over_an_input(self, server, paths):
        assert self.refused(server, paths, results={1001: paths["references"][1001]}) == (
            "INVALID_ARGUMENT",
            "frame 1001 would be written over the input ROOT/statuses/relit.exr",
        )

    def test_over_a_file_of_others(self, server, paths):
        other = server.root / "statuses/other.exr"
        other.write_bytes(b"theirs")
        assert self.refused(server, paths, results={1001: str(other)}) == (
            "FAILED_PRECONDITION",
            "ROOT/statuses/other.exr exists and relumix did not write it: choose another output, or overwrite",
        )
        assert self.refused(server, paths, results={1001: str(other)}, overwrite=True)[0] == "OK"

    def test_other_formats(self, server, paths):
        assert self.refused(server, paths, results={1001: f"{server.root}/out.png"}) == (
            "INVALID_ARGUMENT",
            "ROOT/out.png: results are written as EXR; expected a name in .exr",
        )

    def test_shared_names(self, server, paths):
        assert self.refused(server, paths, gains=paths["results"]) == (
            "INVALID_ARGUMENT",
            "gain maps and relit frames would share ROOT/statuses/out.exr: expected names of their own",
        )
        assert self.refused(server, paths, confidence=paths["results"]) == (
            "INVALID_ARGUMENT",
            "confidence and relit frames would share ROOT/statuses/out.exr: expected names of their own",
        )
        other = {1001: f"{server.root}/statuses/map.exr"}
        assert self.refused(server, paths, gains=other, confidence=other) == (
            "INVALID_ARGUMENT",
            "confidence and gain maps would share ROOT/statuses/map.exr: expected names of their own",
        )

    def test_chunks(self, server, paths):
        answer = ask(server, [opening(by_path=pb.ByPath(**paths), deliver=[1001]), chunk()])
        assert (answer.status.name, answer.details) == (
            "INVALID_ARGUMENT",
            "the source of frame 1001 was sent, but the job goes by path",
        )

    def test_no_roots(self, disk, tmp_path):
        with serving(tmp_path) as bare:
            answer = ask(bare, [opening(by_path=pb.ByPath(sources={1001: "/x.exr"}))])
        assert (answer.status.name, answer.details) == (
            "PERMISSION_DENIED",
            "this server takes no frames by path: it was started without --root",
        )


def test_a_long_sentence_is_cut_and_its_status_stays(server):
    """gRPC puts another in the place of a status that is longer than its limit on metadata."""
    name = "é" * 4000 + ".txt"
    answer = ask(server, [opening(settings=pb.Settings(engine="flow", colorspace="é" * 200)), CLOSE])
    assert answer.status.name == "INVALID_ARGUMENT"
    error = StatusError(Code.INVALID_ARGUMENT, name)
    assert (len(str(error).encode()) <= 1024, str(error)[-1]) == (True, "…")
    assert str(StatusError(Code.INVALID_ARGUMENT, "a\x1b[2J\u202eb\n c")) == "a [2J b c"
