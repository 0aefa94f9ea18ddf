"""The file of a gain map: one RGB image with the plate's windows, and nothing else of the plate."""

from __future__ import annotations

from dataclasses import replace

from relumix.shot.channels import Choice
from relumix.shot.picture import Contents, Level, Part, PartLevel, Picture


def gain_map_image(picture: Picture) -> Picture:
    """Return a picture with the windows and the full-size level of another, and no channels but R, G and B in half."""
    part = Part(
        channels=("R", "G", "B"),
        types=("half",) * 3,
        levels=(PartLevel(picture.data_window, ()),),
        tile=None,
        mipmapped=False,
        round_up=False,
        compression="zip",
        line_order="increasingY",
    )
    contents = Contents((part,), Choice(0, (0, 1, 2), None))
    levels = (Level(picture.rgb, None),)
    return replace(picture, levels=levels, rgb_names=("R", "G", "B"), contents=contents)
