"""Light of the new background on the person. All that is added comes from the background, never from the room."""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Area, Image, Size
from streamer.scaling import shrink

_Color: TypeAlias = NDArray[np.float32]
_Pixel = TypeVar("_Pixel", np.uint8, np.float32)

SMALL_PX = 96
"""Longer side of the pictures on which light is measured and spread: it varies slowly."""
BAND_PX = 6
"""Height of the bands, on the small picture, in which colours are looked up."""
CERTAIN = 0.98
"""Alpha from which on a pixel's colour is the person's alone."""
LEAST_PERSON = 0.005
"""Share of the frame below which there is nobody whose light could be measured."""
MOST_LIGHT, MOST_TINT = 16.0, 4.0
"""Farthest that lightness is moved, and strongest tint, in CIELAB at full strength: a person in the dark is still seen,
and skin before a green wall is not green."""
LEAST_GAIN, MOST_GAIN = 0.55, 3.0
"""Of the curve for lightness: dark clothes must not make it so steep or so flat that the face suffers."""
MIDDLE_GREY = 60.0
"""Lightness of the grey on which the tint is measured."""
SETTLE_S = 1.0
"""Time over which a change of the light spreads, so that nothing pumps."""
MEASURE_EVERY_S = 0.1
GAP_S = 2.0
"""After so long without a frame the light is measured afresh."""
WRAP_WIDTH = 0.02
"""How far the background's light reaches into the person (standard deviation), as a share of the shorter side."""
WRAP_LIGHT = 0.5
"""Share of the background's light that falls on the very edge, at full strength."""


class Blending:
    """Matches the person's light and colour to the background, and lets its light spill onto their edge.

    Not thread-safe; the frames come in order.

    Args:
        color_match: 0 to 1, see ``match``.
        light_wrap: 0 to 1, see ``wrapped``.
    """

    def __init__(self, color_match: float = 0.0, light_wrap: float = 0.0) -> None:
        self._color_match = color_match
        self._light_wrap = light_wrap
        self._measured_s = -math.inf
        self._person: _Color | None = None
        self._behind: _Color | None = None
        self._curves: Image | None = None

    def blend(self, image: Image, alpha: Alpha, background: Image, pts_s: float) -> Image:
        """The frame as if it had been taken before the background.

        Args:
            image: RGB uint8 ``(h, w, 3)``; not changed.
            alpha: its own, float32 ``(h, w)`` in [0, 1].
            background: what will be laid behind, RGB uint8 ``(h, w, 3)``.
            pts_s: the frame's time.

        Returns:
            RGB uint8 ``(h, w, 3)``, still with the old room; to be laid over the background with the same alpha.
        """
        small_alpha = _small(alpha)
        size = Size(alpha.shape[1], alpha.shape[0])
        bands = _bands(small_alpha, size)
        if not bands:
            return image
        result = image.copy()
        curves = self._curves_at(pts_s, image, small_alpha, background) if self._color_match > 0 else None
        if curves is not None:
            for band in bands:
                result[band.slices] = cv2.LUT(image[band.slices], curves)
        if self._light_wrap > 0:
            box = _around(bands)
            light = _enlarged(spilled_light(small_alpha, _small(background), self._light_wrap), box, size)
            lit = result[box.slices]
            cv2.add(lit, light, dst=lit)
        return result

    def _curves_at(self, pts_s: float, image: Image, alpha: Alpha, background: Image) -> Image | None:
        """The curves of this moment; None = nobody's light has been measured yet."""
        elapsed_s = pts_s - self._measured_s
        if 0 <= elapsed_s < MEASURE_EVERY_S:
            return self._curves
        self._measured_s = pts_s
        person = mean_color(_small(image), alpha)
        if person is None:
            return self._curves
        share = 1 - math.exp(-elapsed_s / SETTLE_S) if 0 <= elapsed_s <= GAP_S else 1.0
        self._person = _toward(self._person, person, share)
        self._behind = _toward(self._behind, _as_lab(_small(background)).mean(axis=(0, 1)), share)
        self._curves = match(self._person, self._behind, self._color_match)
        return self._curves


def mean_color(image: Image, alpha: Alpha) -> _Color | None:
    """Mean CIELAB colour ``(3,)`` of what is certainly person; None when that is next to nothing.

    Args:
        image: RGB uint8 ``(h, w, 3)``, small.
        alpha: float32 ``(h, w)``, its matte.
    """
    certain = alpha >= CERTAIN
    if certain.mean() < LEAST_PERSON:
        return None
    mean: _Color = _as_lab(image)[certain].mean(axis=0)
    return mean


def match(person: _Color, behind: _Color, strength: float) -> Image:
    """Curves that move the person's mean colour toward the background's.

    After Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images" (2001), with changes, for a background
    is no portrait. Only the mean is moved, and never farther than ``MOST_LIGHT``. The tint is the background's own,
    limited to ``MOST_TINT``: against the person's mean, a green shirt would make the face red. And all is put into one
    curve for each of red, green and blue, which costs a look-up. What is made lighter keeps its black and its white;
    what is made darker loses light evenly, like a picture that was exposed for less time.

    Args:
        person: mean colour in CIELAB ``(3,)``.
        behind: the same of the background.
        strength: 0 to 1: the share of the (limited) distance to go.

    Returns:
        uint8 ``(1, 256, 3)``, for ``cv2.LUT`` on RGB.
    """
    light = strength * float(np.clip(behind[0] - person[0], -MOST_LIGHT, MOST_LIGHT))
    tint = behind[1:] * (strength * min(1.0, MOST_TINT / max(float(np.hypot(*behind[1:])), 1e-6)))
    old, new = (float(np.clip(_as_rgb(level, 0, 0)[1], 0.02, 0.98)) for level in (person[0], person[0] + light))
    levels = np.linspace(0, 1, 256)[:, None]
    if new > old:
        steep = min(new * (1 - old) / (old * (1 - new)), MOST_GAIN)
        curve = steep * levels / (1 + (steep - 1) * levels)
    else:
        curve = levels * max(new / old, LEAST_GAIN)
    tinted = curve * (_as_rgb(MIDDLE_GREY, *tint) / _as_rgb(MIDDLE_GREY, 0, 0))
    curves: Image = np.rint(255 * np.clip(tinted, 0, 1)).astype(np.uint8)[None]
    return curves


def spilled_light(alpha: Alpha, background: Image, strength: float) -> Image:
    """The background's light on the inner edge of the person: its blurred colours, the more the nearer to the edge.

    Args:
        alpha: float32 ``(h, w)``, small. Where the frame cuts the person there is no edge.
        background: RGB uint8 ``(h, w, 3)``, as small.
        strength: 0 to 1.

    Returns:
        RGB uint8 ``(h, w, 3)``, black deep inside. Outside the person it is at its brightest, and is not seen: so the
        mixed colours of the edge stay mixed of what they were.
    """
    sigma_px = max(0.5, WRAP_WIDTH * min(alpha.shape))
    blurred = cv2.GaussianBlur(background, (0, 0), 2 * sigma_px, borderType=cv2.BORDER_REPLICATE)
    inside = cv2.GaussianBlur(alpha, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    edge = np.clip(2 - 2 * inside, 0, 1) * np.float32(strength * WRAP_LIGHT)
    light: Image = np.rint(blurred * edge[..., None]).astype(np.uint8)
    return light


def _small(picture: NDArray[_Pixel]) -> NDArray[_Pixel]:
    """A small copy. Only a sample of the pixels is looked at: what is made of it is blurred or averaged anyway."""
    height, width = picture.shape[:2]
    scale = min(1.0, SMALL_PX / max(height, width))
    size = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 0.5:
        picture = cv2.resize(picture, (2 * size.width, 2 * size.height), interpolation=cv2.INTER_LINEAR)
    return shrink(picture, size)


def _bands(small: Alpha, size: Size) -> list[Area]:
    """Where in a frame of that size the person is, a little generously, from the top down: nothing else need be lit.

    Several areas, each as wide as the person is there, hold a third less than one around all of them.
    """
    height, width = small.shape
    seen = cv2.dilate((small > 0).view(np.uint8), np.ones((3, 3), np.uint8))
    bands = []
    for first in range(0, height, BAND_PX):
        last = min(height, first + BAND_PX)
        columns = np.flatnonzero(seen[first:last].any(axis=0))
        if columns.size:
            left, right = int(columns[0]) * size.width // width, -(-(int(columns[-1]) + 1) * size.width // width)
            top, bottom = first * size.height // height, last * size.height // height
            bands.append(Area(left, top, right - left, bottom - top))
    return [band for band in bands if band.height]


def _around(bands: list[Area]) -> Area:
    """One area that holds them all."""
    left, top = min(band.left for band in bands), bands[0].top
    right = max(band.left + band.width for band in bands)
    return Area(left, top, right - left, bands[-1].top + bands[-1].height - top)


def _enlarged(light: Image, box: Area, size: Size) -> Image:
    """The part of a small picture that belongs to that box of a frame of ``size``, at the box's own size."""
    height, width = light.shape[:2]
    scale_x, scale_y = width / size.width, height / size.height
    left, top = round(box.left * scale_x), round(box.top * scale_y)
    right, bottom = round((box.left + box.width) * scale_x), round((box.top + box.height) * scale_y)
    part = light[top : max(bottom, top + 1), left : max(right, left + 1)]
    return cv2.resize(part, box.size, interpolation=cv2.INTER_LINEAR)


def _toward(before: _Color | None, now: _Color, share: float) -> _Color:
    return now if before is None else before + np.float32(share) * (now - before)


def _as_lab(image: Image) -> _Color:
    return cv2.cvtColor(image.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2Lab)


def _as_rgb(lightness: float, green_red: float, blue_yellow: float) -> _Color:
    """A CIELAB colour to RGB ``(3,)`` in [0, 1]."""
    return cv2.cvtColor(np.array([[[lightness, green_red, blue_yellow]]], np.float32), cv2.COLOR_Lab2RGB)[0, 0]
