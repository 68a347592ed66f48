"""How a picture of any size enters a network: scaled to whole multiples, or nearly so and then padded to them."""

from __future__ import annotations

import math
from typing import NamedTuple

from models.unet_config import UNetConfig

AREA_SLACK = 1.07
"""The padded input may be this much larger than the network's usual area: admits 384x288 for 4:3."""
STRETCH = 1.03
"""A picture may be drawn out by this much along one side to fill the input; what would need more is padded."""
SETTLED_PX = 320 * 180
"""Area at which the program settles mattes, in pixels: looks what is the room's, and keeps them steady."""
NEARLY = 0.9
"""Where that would be more than this share of the input's width it is not worth it, and they are settled at that."""


class Framing(NamedTuple):
    """Sizes in pixels, width first."""

    content: tuple[int, int]
    """What the picture is scaled to."""
    padded: tuple[int, int]
    """What the network gets: the content with its right and lower edges repeated."""


def framing(width: int, height: int, config: UNetConfig, *, share: float = 1.0) -> Framing:
    """How a picture of that size enters that network, or with that share of the usual area."""
    return fit(width, height, multiple_px=config.multiple_px, limit_px=config.input_area_px * AREA_SLACK * share)


def entering(width: int, height: int, config: UNetConfig, share: float) -> Framing:
    """The same; more than the usual area only as far as the picture has it."""
    return framing(width, height, config, share=min(share, max(1.0, width * height / config.input_area_px)))


def settling(width: int, height: int) -> tuple[int, int]:
    """The size at which the program settles the mattes of such pictures, width first, if the input is larger."""
    scale = math.sqrt(SETTLED_PX / (width * height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def fit(width: int, height: int, *, multiple_px: int, limit_px: float) -> Framing:
    """Of all sizes in multiples whose padded area is within the limit, the one where the picture itself is largest.

    There it is drawn out to fill it if that takes little.
    """
    aspect = width / height
    best = Framing((multiple_px, multiple_px), (multiple_px, multiple_px))
    most_px = 0
    for side in range(multiple_px, int(limit_px // multiple_px) + 1, multiple_px):
        for content in ((side, max(1, round(side / aspect))), (max(1, round(side * aspect)), side)):
            padded = (_up(content[0], multiple_px), _up(content[1], multiple_px))
            if padded[0] * padded[1] <= limit_px and content[0] * content[1] > most_px:
                best, most_px = Framing(content, padded), content[0] * content[1]
    (content_w, content_h), padded = best
    is_near = max(padded[0] / content_w, padded[1] / content_h) <= STRETCH
    return Framing(padded, padded) if is_near else best


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
