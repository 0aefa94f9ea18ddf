"""The files of light maps, gain and confidence: one image with the plate's windows, and nothing else of the plate."""

from __future__ import annotations

from dataclasses import replace

from relumix.shot.channels import Choice
from relumix.shot.confidence_layer import MAP_CHANNEL
from relumix.shot.picture import Contents, Level, Part, PartLevel, Picture


def gain_map_image(picture: Picture) -> Picture:
    """Return a picture with the windows and the full-size level of another, and no channels but R, G and B in half."""
    return _map_image(picture, ("R", "G", "B"))


def confidence_image(picture: Picture) -> Picture:
    """Return the same with one channel, that of confidence."""
    return _map_image(picture, (MAP_CHANNEL,))


def _map_image(picture: Picture, channels: tuple[str, ...]) -> Picture:
    part = Part(
        channels=channels,
        types=("half",) * len(channels),
        levels=(PartLevel(picture.data_window, ()),),
        tile=None,
        mipmapped=False,
        round_up=False,
        compression="zip",
        line_order="increasingY",
    )
    contents = Contents((part,), Choice(0, tuple(range(len(channels))), None))
    levels = (Level(picture.rgb, None),)
    return replace(picture, levels=levels, rgb_names=channels, contents=contents)
