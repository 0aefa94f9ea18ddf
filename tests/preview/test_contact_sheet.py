import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from relumix.preview.contact_sheet import CELL_WIDTH_PX, ContactSheet, false_color, light_added

LEFT, TOP, GAP = 128, 40, 8


def flat(value, height=54, width=96):
    return np.full((height, width, 3), value, np.float32)


def cell(image, row, column, height=216):
    """The mean colour of the middle of a cell."""
    x = LEFT + column * (CELL_WIDTH_PX + GAP) + CELL_WIDTH_PX // 2
    y = TOP + row * (height + GAP) + height // 4
    return np.asarray(image)[y - 5 : y + 5, x - 5 : x + 5].mean((0, 1))


def test_rows_are_plate_reference_result_and_light(tmp_path):
    path = tmp_path / "sheet.png"
    with ContactSheet(path, range(1001, 1011), references=[1001], columns=3, exposure=1.0) as sheet:
        for frame in range(1001, 1011):
            relit = flat([0.5, 0.1, 0.02])
            reference = relit if frame == 1001 else None
            sheet.add(frame, flat(0.1), relit, reference=reference)
    image = Image.open(path)
    light = false_color(light_added(flat(0.1), relit, exposure=1.0), 1.0)[0, 0]
    assert image.size == (LEFT + 3 * CELL_WIDTH_PX + 2 * GAP + 24, TOP + 4 * 216 + 3 * GAP + 40)
    for column in range(3):
        np.testing.assert_allclose(cell(image, 0, column), [89] * 3, atol=1)
        np.testing.assert_allclose(cell(image, 2, column), [188, 89, 39], atol=1)
        np.testing.assert_allclose(cell(image, 3, column), light, atol=1)
    np.testing.assert_allclose(cell(image, 1, 0), [188, 89, 39], atol=1)
    np.testing.assert_allclose(cell(image, 1, 1), [20, 20, 22], atol=1)


def test_light_is_told_from_plate_and_result_and_black_is_unchanged():
    added = light_added(flat([0.1, 0.2, 0.4]), flat([0.2, 0.8, 0.4]), exposure=2.0)
    np.testing.assert_allclose(added, 1.0, atol=0.03)
    np.testing.assert_array_equal(light_added(flat(0.0), flat(0.0), exposure=2.0), 0)
    np.testing.assert_allclose(light_added(flat(-1.0), flat(1e-7), exposure=2.0), 0, atol=1e-3)


def test_rows_without_pictures_are_left_out(tmp_path):
    path = tmp_path / "sheet.png"
    with ContactSheet(path, [7], exposure=1.0) as sheet:
        sheet.add(7, flat(0.1), flat(0.2))
    assert Image.open(path).size == (LEFT + CELL_WIDTH_PX + 24, TOP + 3 * 216 + 2 * GAP + 40)


def test_confidence_is_a_row_from_black_to_white(tmp_path):
    path = tmp_path / "sheet.png"
    sure = np.float32([0, 0.5, 1])
    with ContactSheet(path, [1, 2, 3], exposure=1.0) as sheet:
        for frame, value in enumerate(sure, 1):
            sheet.add(frame, flat(0.1), flat(0.2), confidence=np.full(flat(0.1).shape[:2], value, np.float32))
    image = Image.open(path)
    assert image.size[1] == TOP + 4 * 216 + 3 * GAP + 40
    for column, grey in enumerate((0, 128, 255)):
        np.testing.assert_allclose(cell(image, 3, column), [grey] * 3, atol=1)


@given(
    st.lists(st.integers(-50, 2000), min_size=1, max_size=60, unique=True).map(sorted),
    st.integers(1, 8),
    st.data(),
)
def test_columns_run_from_start_to_end_and_hold_the_references(frames, columns, data):
    references = sorted(data.draw(st.sets(st.sampled_from(frames), max_size=columns)))
    sheet = ContactSheet("unused.png", frames, references=references, columns=columns, exposure=1.0)
    wanted = [frame for frame in frames if sheet.wants(frame)]
    assert len(wanted) == min(columns, len(frames))
    assert set(references) <= set(wanted)
    if not references:
        assert wanted[0] == frames[0]
        assert columns == 1 or wanted[-1] == frames[-1]


def test_frames_that_never_came_cost_their_column_only(tmp_path):
    path = tmp_path / "sheet.png"
    with ContactSheet(path, [1, 2, 3], columns=3) as sheet:
        sheet.add(2, flat(0.018), flat(0.018))
        sheet.add(3, flat(0.018), flat(0.018))
    image = Image.open(path)
    assert image.size[0] == LEFT + 2 * CELL_WIDTH_PX + GAP + 24
    np.testing.assert_allclose(cell(image, 0, 0), [118] * 3, atol=1)


def test_anamorphic_plates_are_shown_in_their_true_shape(tmp_path):
    with ContactSheet(tmp_path / "sheet.png", [1], pixel_aspect=2.0) as sheet:
        sheet.add(1, flat(0.18, 100, 100), flat(0.18, 100, 100))
    assert Image.open(tmp_path / "sheet.png").size[1] == TOP + 3 * (CELL_WIDTH_PX // 2) + 2 * GAP + 40


def test_no_frames_make_no_file_and_a_failure_leaves_none(tmp_path):
    ContactSheet(tmp_path / "a.png", [1]).close()

    def fail():
        with ContactSheet(tmp_path / "a.png", [1]) as sheet:
            sheet.add(1, flat(0.18), flat(0.18))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_false_color_is_dark_at_no_light_and_clamped_at_the_ends():
    stops = np.array([[-9, -2, 0, 2, 9]], np.float32)
    colours = false_color(stops, 2.0)[0]
    assert colours[0].tolist() == colours[1].tolist()
    assert colours[3].tolist() == colours[4].tolist()
    assert colours[2].max() < 40
    assert colours[1][2] > colours[1][0]
    assert colours[3][0] > colours[3][2]
