"""How a picture of any size enters a network: scaled at its own aspect ratio, then padded to whole multiples."""

from __future__ import annotations

from typing import NamedTuple

from models.unet import UNetConfig

AREA_SLACK = 1.07
"""The padded input may be this much larger than the network's usual area: admits 288x224 for 4:3."""


class Framing(NamedTuple):
    """Sizes in pixels, width first."""

    content: tuple[int, int]
    """What the picture is scaled to."""
    padded: tuple[int, int]
    """What the network gets: the content with its right and lower edges repeated."""


def framing(width: int, height: int, config: UNetConfig) -> Framing:
    """Of all sizes whose padded area fits the network's, the one where the picture itself is largest."""
    multiple, limit_px = config.multiple_px, config.input_area_px * AREA_SLACK
    aspect = width / height
    best = Framing((multiple, multiple), (multiple, multiple))
    most_px = 0
    for side in range(multiple, int(limit_px // multiple) + 1, multiple):
        for content in ((side, max(1, round(side / aspect))), (max(1, round(side * aspect)), side)):
            padded = (_up(content[0], multiple), _up(content[1], multiple))
            if padded[0] * padded[1] <= limit_px and content[0] * content[1] > most_px:
                best, most_px = Framing(content, padded), content[0] * content[1]
    return best


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
