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
GAIN = 1.1
"""A part of the picture must show at least so much larger than the whole to be looked at alone."""
MOST_GAIN = 1.7
"""And it is shown at most so much larger."""
PART_ASPECTS = (1.45, 1.22, 0.91, 0.75, 0.615, 0.5, 0.4, 0.32)
"""Width by height of the inputs for parts, beside the whole picture's own: few, for each has to be compiled. Of 16:9
the first five show three quarters, two thirds, a half, two fifths and a third of its width at its full height; the
others are for pictures that are held upright."""
PART_SHARE = 0.95
"""Their area, as a share of the usual one, before they are rounded."""


class Box(NamedTuple):
    """A part of the picture, in shares of its sides, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


class Framing(NamedTuple):
    """Sizes in pixels, width first."""

    content: tuple[int, int]
    """What the whole picture is scaled to."""
    padded: tuple[int, int]
    """What the network gets: that with its right and lower edges repeated, or a part of it."""
    corner: tuple[int, int] = (0, 0)
    """Where that part begins, x first."""

    @property
    def box(self) -> Box:
        """Which part of the picture the network gets."""
        (width, height), (x, y) = self.content, self.corner
        right, bottom = min(width, x + self.padded[0]), min(height, y + self.padded[1])
        return Box(x / width, y / height, right / width, bottom / height)


def framing(width: int, height: int, config: UNetConfig, *, share: float = 1.0) -> Framing:
    """How a picture of that size enters that network, or with that share of the usual area."""
    return fit(width, height, multiple_px=config.multiple_px, limit_px=config.input_area_px * AREA_SLACK * share)


def entering(width: int, height: int, config: UNetConfig, share: float) -> Framing:
    """The same; more than the usual area only as far as the picture has it."""
    return framing(width, height, config, share=_had(share, width, height, config))


def looking_at(box: Box, width: int, height: int, config: UNetConfig, share: float) -> Framing | None:
    """How a part of such a picture enters that network: with as much around it as fills the input, and no padding.

    Of the few inputs there are, the one that shows the part largest; None if the whole picture shows it about as large.
    """
    whole = entering(width, height, config, share)
    usual = math.sqrt(whole.content[0] * whole.content[1] / (width * height))
    area_px, multiple_px = PART_SHARE * _had(share, width, height, config) * config.input_area_px, config.multiple_px
    part_w, part_h = (box.right - box.left) * width, (box.bottom - box.top) * height
    best: tuple[float, int, int, int] | None = None
    for aspect in (None, *PART_ASPECTS):
        if aspect is None:
            input_w, input_h = whole.padded
        else:
            sides = (math.sqrt(area_px * aspect), math.sqrt(area_px / aspect))
            input_w, input_h = (max(1, round(side / multiple_px)) * multiple_px for side in sides)
        scale = min(input_w / part_w, input_h / part_h, MOST_GAIN * usual)
        if scale < max(input_w / width, input_h / height, GAIN * usual) - 1e-9:
            continue
        best = max(best or (0.0, 0, 0, 0), (round(scale, 6), -input_w * input_h, input_w, input_h))
    if best is None:
        return None
    scale, _, *size = best
    content = [max(side, round(full * scale)) for side, full in zip(size, (width, height), strict=True)]
    middles = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    x, y = (
        min(max(0, round(middle * full - side / 2)), full - side)
        for middle, full, side in zip(middles, content, size, strict=True)
    )
    return Framing((content[0], content[1]), (size[0], size[1]), (x, y))


def settling(width: int, height: int) -> tuple[int, int]:
    """The size at which the program settles the mattes of such pictures, width first, if the input is larger."""
    scale = math.sqrt(SETTLED_PX / (width * height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _had(share: float, width: int, height: int, config: UNetConfig) -> float:
    """That share of the usual area; more than all of it only as far as the picture has so many pixels."""
    return min(share, max(1.0, width * height / config.input_area_px))


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
    (content_w, content_h), padded, _ = best
    is_near = max(padded[0] / content_w, padded[1] / content_h) <= STRETCH
    return Framing(padded, padded) if is_near else best


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
