import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.bridge.request import Request, Servers
from relumix.errors import InputError

FIELDS = {"purpose": "relight", "instance": "ab12", "first": "1001", "last": "1016"}


def test_what_is_not_said_has_a_default():
    request = Request.of(FIELDS)
    assert request.references == (1001,)
    assert (request.engine, request.work_size, request.coding, request.output, request.servers) == (
        "flow",
        768,
        None,
        "result",
        None,
    )
    assert (request.shot, request.wanted) == (range(1001, 1017), range(1001, 1017))


def test_the_shot_reaches_to_every_reference():
    request = Request.of({**FIELDS, "references": "1020 990 1020", "server": "a:1", "token_file": "t"})
    assert request.references == (990, 1020)
    assert request.shot == range(990, 1021)
    assert request.servers == Servers("a:1", "t")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"purpose": "dance"}, "purpose is 'dance': expected one of relight, render, farm, clear"),
        ({"instance": "../x"}, "instance is '../x': expected 1 to 64 hexadecimal digits"),
        ({"first": "1e3"}, "first is '1e3': expected a whole number from -10000000 to 10000000"),
        ({"last": "1000"}, "frames are 1001 to 1000: expected 1 to 100000 of them"),
        ({"last": "9000000"}, "frames are 1001 to 9000000: expected 1 to 100000 of them"),
        ({"references": "1 " * 65}, "there are 65 reference frames: expected at most 64"),
        (
            {"references": "-9000000"},
            "reference frames -9000000 to -9000000 are too far from the shot, which begins at 1001",
        ),
        ({"work_size": "9"}, "work size is 9: expected 64 to 8192 pixels for the long edge"),
        ({"output": "depth"}, "output is 'depth': expected one of result, gain, confidence"),
    ],
)
def test_what_cannot_be_is_said(changed, said):
    with pytest.raises(InputError) as raised:
        Request.of({**FIELDS, **changed})
    assert str(raised.value) == said


@pytest.mark.parametrize("pattern", ["r.####.exr", "r.%04d.exr"])
def test_a_pattern_of_reference_files(tmp_path, pattern):
    (tmp_path / "r.0007.exr").touch()
    request = Request.of({**FIELDS, "references": "7 8", "reference_file": str(tmp_path / pattern)})
    assert request.reference_path(7) == tmp_path / "r.0007.exr"
    with pytest.raises(InputError, match=r"the reference file for frame 8 is not there: .*r\.0008\.exr"):
        request.reference_path(8)


def test_a_pattern_of_endless_numbers_is_refused():
    request = Request.of({**FIELDS, "reference_file": "r.%0999999999d.exr"})
    with pytest.raises(InputError, match="digits: expected at most 16"):
        request.reference_path(1)


@given(st.dictionaries(st.sampled_from([*FIELDS, "references", "work_size", "frame", "coding"]), st.text(max_size=30)))
def test_any_fields_are_an_order_or_an_error(fields):
    try:
        request = Request.of({**FIELDS, **fields})
    except InputError:
        return
    assert len(request.wanted) <= 100_000
    assert len(request.shot) <= 3 * 100_000
