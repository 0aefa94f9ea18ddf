import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.dataset.carla.route import Moment, Pose, Route, Vehicle, read_route, write_route
from relumix.errors import InputError

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
POSE = st.builds(Pose, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)


def short(items):
    return st.lists(items, max_size=3).map(tuple)


VEHICLE = st.builds(Vehicle, st.text(), st.none() | st.text(), POSE)
MOMENT = st.builds(Moment, short(POSE), st.dictionaries(st.text(), st.just("Red"), max_size=3))
ROUTE = st.builds(Route, POSE, short(VEHICLE), short(MOMENT))
SETTINGS = {"map": "Town01", "frames": 4, "size_px": [64, 48]}
EMPTY = Route(Pose(0, 0, 0, 0, 0, 0), (), ())


@given(ROUTE)
def test_a_route_is_read_as_it_was_written(tmp_path_factory, route):
    path = tmp_path_factory.mktemp("scene") / "route.json"
    write_route(path, route, SETTINGS)
    assert read_route(path, SETTINGS) == route


def test_other_settings_are_refused(tmp_path):
    write_route(tmp_path / "route.json", EMPTY, SETTINGS)
    with pytest.raises(InputError) as caught:
        read_route(tmp_path / "route.json", {**SETTINGS, "frames": 8})
    assert str(caught.value) == (
        f"{tmp_path} was recorded with frames 4, not 8: record with the same settings, or choose another --out"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "settings": {}, "camera": [1]}'])
def test_a_damaged_route_is_said(tmp_path, text):
    path = tmp_path / "route.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_route(path, SETTINGS)
    assert str(caught.value).startswith(f"{path} cannot be read (")
    assert str(caught.value).endswith(f"; delete {tmp_path} to drive it again")
