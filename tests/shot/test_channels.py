import pytest

from relumix.errors import InputError
from relumix.shot.channels import Choice, PartNames, choose, layers_and_views


def part(*channels: str, name: str = "", view: str = "", views: tuple[str, ...] = ()) -> PartNames:
    return PartNames(name, view, channels, views)


RGBA = part("R", "G", "B", "A", "Z")
LAYERS = part(
    "A", "B", "G", "R", "beauty.A", "beauty.B", "beauty.G", "beauty.R", "N.x", "spec.blue", "spec.green", "spec.red"
)
STEREO = part(
    *(f"{view}{c}" for view in ("", "left.", "beauty.right.", "beauty.left.", "diffuse.") for c in "RGBA"),
    views=("right", "left"),
)
PARTS = (
    part("R", "G", "B", "A", name="rgba_right", view="right"),
    part("Z", name="depth_left", view="left"),
    part("R", "G", "B", name="rgba_left", view="left"),
    part("r", "g", "b", "a", name="beauty.left", view="left"),
    part("spec.R", "spec.G", "spec.B", name="more", view="right"),
)


@pytest.mark.parametrize(
    ("parts", "layer", "view", "expected"),
    [
        ([RGBA], None, None, Choice(0, (0, 1, 2), 3)),
        ([LAYERS], None, None, Choice(0, (3, 2, 1), 0)),
        ([LAYERS], "beauty", None, Choice(0, (7, 6, 5), 4)),
        ([LAYERS], "Beauty", None, Choice(0, (7, 6, 5), 4)),
        ([LAYERS], "spec", None, Choice(0, (11, 10, 9), None)),
        ([part("beauty.R", "beauty.G", "beauty.B", "N.x")], None, None, Choice(0, (0, 1, 2), None)),
        ([part("a.b.R", "a.b.G", "a.b.B", "c.R", "c.G", "c.B")], "a.b", None, Choice(0, (0, 1, 2), None)),
        ([part("Z"), part("R", "G", "B", name="x")], None, None, Choice(1, (0, 1, 2), None)),
        ([STEREO], None, None, Choice(0, (0, 1, 2), 3)),
        ([STEREO], None, "right", Choice(0, (0, 1, 2), 3)),
        ([STEREO], None, "left", Choice(0, (4, 5, 6), 7)),
        ([STEREO], "beauty", None, Choice(0, (8, 9, 10), 11)),
        ([STEREO], "beauty", "left", Choice(0, (12, 13, 14), 15)),
        ([STEREO], "diffuse", "right", Choice(0, (16, 17, 18), 19)),
        (PARTS, None, None, Choice(0, (0, 1, 2), 3)),
        (PARTS, None, "left", Choice(2, (0, 1, 2), None)),
        (PARTS, "rgba", "left", Choice(2, (0, 1, 2), None)),
        (PARTS, "beauty", "left", Choice(3, (0, 1, 2), 3)),
        (PARTS, "rgba_left", None, Choice(2, (0, 1, 2), None)),
        (PARTS, "spec", None, Choice(4, (0, 1, 2), None)),
        ([part("r", "R", "G", "B")], None, None, Choice(0, (1, 2, 3), None)),
    ],
)
def test_what_is_chosen(parts: list[PartNames], layer: str | None, view: str | None, expected: Choice) -> None:
    assert choose(parts, layer, view, "a.exr") == expected


@pytest.mark.parametrize(
    ("parts", "layer", "view", "error"),
    [
        (
            [part("Z", "N.x")],
            None,
            None,
            "a.exr has no red, green and blue channels, only Z, N.x: expected R, G, B or a layer of them",
        ),
        ([part("Y", "A")], None, None, "a.exr is a luminance image (Y, A): convert it to RGB first"),
        (
            [LAYERS],
            "diffuse",
            None,
            "a.exr has no layer 'diffuse' with red, green and blue: it has the layers (plain), beauty, spec",
        ),
        (
            [STEREO],
            None,
            "middle",
            "a.exr has no view 'middle' with red, green and blue: "
            "it has the layers (plain), beauty, diffuse and the views right, left",
        ),
        (
            [STEREO],
            "diffuse",
            "left",
            "a.exr has no layer 'diffuse' with red, green and blue: "
            "it has the layers (plain), beauty, diffuse and the views right, left",
        ),
        (
            [part("a.R", "a.G", "a.B", "b.R", "b.G", "b.B")],
            None,
            None,
            "a.exr has no plain R, G, B; choose with --layer: it has the layers a, b",
        ),
    ],
)
def test_what_there_is_no_choice_for(parts: list[PartNames], layer: str | None, view: str | None, error: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(parts, layer, view, "a.exr")
    assert str(caught.value) == error


def test_layers_and_views_that_hold_a_picture() -> None:
    assert layers_and_views([LAYERS]) == (("", "beauty", "spec"), ())
    assert layers_and_views([STEREO]) == (("", "beauty", "diffuse"), ("right", "left"))
