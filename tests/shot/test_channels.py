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
RGB = ("R", "G", "B")
BY_PART = tuple(part("diffuse.R", "diffuse.G", "diffuse.B", name=name) for name in "AB")
STEREO_PARTS = tuple(part(*RGB, name=f"{name}.{view}", view=view) for view in ("right", "left") for name in ("N", "C"))


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
        (PARTS, "rgba", "left", Choice(2, (0, 1, 2), None)),
        (PARTS, "beauty", "left", Choice(3, (0, 1, 2), 3)),
        (PARTS, "rgba_left", None, Choice(2, (0, 1, 2), None)),
        (PARTS, "spec", None, Choice(4, (0, 1, 2), None)),
        ([part("r", "R", "G", "B")], None, None, Choice(0, (1, 2, 3), None)),
        ([part("B", "A", "R", "G")], None, None, Choice(0, (2, 3, 0), 1)),
        ([part("R", "G", "B", "matte.A")], None, None, Choice(0, (0, 1, 2), None)),
        ([part("R", "G", "B", name="C"), part("A", name="alpha")], None, None, Choice(0, (0, 1, 2), None)),
        # As Nuke writes parts: with the name of the layer in each channel but those of rgba.
        (
            [part("R", "G", "B", "A", name="rgba"), part("beauty.R", "beauty.G", "beauty.B", name="beauty")],
            None,
            None,
            Choice(0, (0, 1, 2), 3),
        ),
        ([part("diffuse.R", "diffuse.G", "diffuse.B", "Z.Z")], None, None, Choice(0, (0, 1, 2), None)),
        ([part("R", "G", "B", name="normals")], None, None, Choice(0, (0, 1, 2), None)),
        ([part(*RGB, name="N"), part(*RGB, name="albedo")], "n", None, Choice(0, (0, 1, 2), None)),
        (BY_PART, "B.diffuse", None, Choice(1, (0, 1, 2), None)),
        (STEREO_PARTS, None, None, Choice(1, (0, 1, 2), None)),
        (STEREO_PARTS, None, "left", Choice(3, (0, 1, 2), None)),
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
        (
            [RGBA],
            None,
            "left",
            "a.exr has no view 'left' with red, green and blue: it has the layers (plain)",
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
            "a.exr does not say which layer is the picture; choose with --layer: a, b",
        ),
    ],
)
def test_what_there_is_no_choice_for(parts: list[PartNames], layer: str | None, view: str | None, error: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(parts, layer, view, "a.exr")
    assert str(caught.value) == error


@pytest.mark.parametrize("beauty", ["rgba", "RGBA", "beauty", "Beauty", "C", "Ci", "rgb", "ViewLayer.Combined"])
def test_the_beauty_is_taken_by_its_name_among_parts_and_layers(beauty: str) -> None:
    others = ("N", "albedo", "P", "diffuse")
    parts = [part(*RGB, name=name) for name in (*others, beauty)]
    assert choose(parts, None, None, "a.exr") == Choice(4, (0, 1, 2), None)
    layers = part(*(f"{name}.{c}" for name in (*others, beauty) for c in RGB))
    assert choose([layers], None, None, "a.exr") == Choice(0, (12, 13, 14), None)


@pytest.mark.parametrize(
    ("parts", "view", "listed"),
    [
        ([part(*RGB, name=name) for name in ("N", "albedo", "diffuse")], None, "N, albedo, diffuse"),
        ([part(*RGB, name=name) for name in ("rgba", "N", "beauty")], None, "rgba, N, beauty"),
        (PARTS, "left", "rgba_left, beauty.left"),
        ([part("Z", name="Z"), part(*RGB, name="normals")], None, "normals"),
        ([part(*(f"uCryptoAsset00.{c}" for c in "RGBA"))], None, "uCryptoAsset00"),
        (BY_PART, None, "A.diffuse, B.diffuse"),
    ],
)
def test_what_is_not_the_one_beauty_is_asked_for(parts: list[PartNames], view: str | None, listed: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(parts, None, view, "a.exr")
    assert str(caught.value) == f"a.exr does not say which layer is the picture; choose with --layer: {listed}"


def test_every_layer_that_is_listed_can_be_chosen() -> None:
    for parts in ([LAYERS], BY_PART, STEREO_PARTS, PARTS):
        for layer in filter(None, layers_and_views(parts)[0]):
            assert choose(parts, layer, None, "a.exr").rgb


def test_a_layer_that_two_parts_have_is_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        choose(BY_PART, "diffuse", None, "a.exr")
    assert str(caught.value) == "a.exr has several layers 'diffuse'; choose with --layer: A.diffuse, B.diffuse"


def test_layers_and_views_that_hold_a_picture() -> None:
    assert layers_and_views([LAYERS]) == (("", "beauty", "spec"), ())
    assert layers_and_views([STEREO]) == (("", "beauty", "diffuse"), ("right", "left"))
