"""Names of positions, normals, depth and albedo as renderers write them."""

import pytest

from relumix.shot.channels import PartNames
from relumix.shot.geometry_channels import find


def part(*channels, name="", view="", views=()):
    return PartNames(name, view, channels, views)


def xyz(layer, components="XYZ"):
    return tuple(f"{layer}.{component}" for component in components)


RGBA = ("R", "G", "B", "A")
NUKES = {"position": "P", "normal": "N"}
FILES = {
    "Arnold": (
        [part(*RGBA, *xyz("P"), *xyz("N"), "Z", *xyz("albedo", "RGB"), *xyz("diffuse_albedo", "RGB"), *xyz("Pref"))],
        {"position": xyz("P"), "normal": xyz("N"), "depth": ("Z",), "albedo": xyz("diffuse_albedo", "RGB")},
    ),
    "Karma, a part each": (
        [part("R", "G", "B", "A", name="C"), part("X", "Y", "Z", name="P"), part("X", "Y", "Z", name="N")],
        {"position": ("X", "Y", "Z"), "normal": ("X", "Y", "Z")},
    ),
    "Karma's depth": ([part(*RGBA, name="C"), part("Z", name="hitPz")], {"depth": ("Z",)}),
    "V-Ray": (
        [part(*RGBA, "Z", *xyz("normals"), *xyz("VRayDiffuseFilter", "RGB"))],
        {"depth": ("Z",), "normal": xyz("normals"), "albedo": xyz("VRayDiffuseFilter", "RGB")},
    ),
    "RenderMan": (
        [part(*RGBA, "z", *xyz("__Pworld", "rgb"), *xyz("Nn", "xyz"), *xyz("albedo", "rgb"))],
        {
            "position": xyz("__Pworld", "rgb"),
            "normal": xyz("Nn", "xyz"),
            "depth": ("z",),
            "albedo": xyz("albedo", "rgb"),
        },
    ),
    "RenderMan's depth, height and facing ratio": ([part(*RGBA, *xyz("__depth", "rgb"))], {"depth": ("__depth.r",)}),
    "the same as a vector": ([part(*RGBA, *xyz("__depth"))], {"depth": ("__depth.X",)}),
    "Nuke": (
        [part(*RGBA, "depth.Z", *(f"{layer}.{name}" for layer in ("P", "N") for name in ("red", "green", "blue")))],
        {
            "depth": ("depth.Z",),
            **{role: tuple(f"{layer}.{name}" for name in ("red", "green", "blue")) for role, layer in NUKES.items()},
        },
    ),
    "Blender": (
        [
            part(
                *xyz("ViewLayer.Combined", "RGBA"),
                *("ViewLayer.Depth.V", *xyz("ViewLayer.Normal"), *xyz("ViewLayer.Position")),
                *xyz("ViewLayer.DiffCol", "RGB"),
            )
        ],
        {
            "position": xyz("ViewLayer.Position"),
            "normal": xyz("ViewLayer.Normal"),
            "depth": ("ViewLayer.Depth.V",),
            "albedo": xyz("ViewLayer.DiffCol", "RGB"),
        },
    ),
    "a plain picture": ([part(*RGBA)], {}),
    "half of a vector": ([part(*RGBA, "N.X", "N.Y")], {}),
}


@pytest.mark.parametrize("renderer", FILES)
def test_names(renderer):
    parts, expected = FILES[renderer]
    found = find(parts)
    assert {role: channels.names for role, channels in found.items()} == expected
    for channels in found.values():
        assert tuple(parts[channels.part].channels[index] for index in channels.indices) == channels.names


def test_the_view_that_is_relit_counts():
    parts = [part("Z", name="left.Z", view="left"), part("Z", name="right.Z", view="right")]
    assert find(parts, "right")["depth"].part == 1
    names = (*RGBA, "right.R", "right.G", "right.B", "N.left.X", "N.left.Y", "N.left.Z", *xyz("N.right"))
    several = [part(*names, views=("left", "right"))]
    assert find(several, "right")["normal"].names == xyz("N.right")
