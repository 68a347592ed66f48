"""Training pictures made on the fly: people cut out and put where a webcam would see them, and then a bad camera.

Data is scarce and shows the wrong scenes (streets, studios), so the scene is the augmentation: head to waist, cut by
the lower edge, off-centre, too close; over rooms at another blur and exposure; plain walls with a shadow on them,
curtains, boards, chairs and coats behind, desks in front, two people, nobody; then dim light, white balance, noise,
blur and JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from models.datasets import CutOut, Pair, Picture
from models.person_variants import in_plain_clothes, seen_from_above, turned_away, under_camera
from models.scenery import (
    background,
    cast_shadow,
    chair,
    clutter,
    curtain,
    desk,
    hang_clothes,
    jitter_color,
    plain_wall,
    shelf,
    things_at_outline,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """RGB ``(h, w, 3)``, alpha and known ``(h, w)``, all uint8; known = 255 where alpha can be trusted."""

    image: Picture
    alpha: Picture
    known: Picture


@dataclass(frozen=True, slots=True)
class CutOutSet:
    """Cut-outs of one folder with the share of the pasted people that comes from it."""

    cut_outs: Sequence[CutOut]
    share: float


@dataclass(frozen=True, slots=True)
class PairSet:
    """Whole labelled pictures of one folder with the share of all samples that they make up."""

    pairs: Sequence[Pair]
    share: float


class Composer:
    """Draws samples of one size. Not thread-safe; give each worker its own, with its own generator.

    Args:
        people: whose cut-outs are pasted.
        whole: labelled pictures that are used as they are.
        backgrounds: rooms, RGB uint8 ``(h, w, 3)``.
        empty_share: share of samples in which nobody is pasted.
        coat_share: share of composites with somebody's clothes on the wall.
    """

    def __init__(
        self,
        people: Sequence[CutOutSet],
        whole: Sequence[PairSet],
        backgrounds: Sequence[Picture],
        *,
        empty_share: float = 0.06,
        coat_share: float = 0.22,
    ) -> None:
        self._people = people
        self._people_odds = np.array([group.share for group in people], float)
        self._people_odds /= max(self._people_odds.sum(), 1e-9)
        self._whole = whole
        self._backgrounds = backgrounds
        self._empty_share = empty_share
        self._coat_share = coat_share

    def draw(self, rng: np.random.Generator, width: int, height: int) -> Sample:
        """One sample of that size."""
        dice = rng.random()
        for group in self._whole:
            if dice < group.share:
                sample = crop_whole(rng, _pick(rng, group.pairs), width, height)
                return degrade(rng, mirror(rng, sample))
            dice -= group.share
        return degrade(rng, self._composite(rng, width, height, empty=dice < self._empty_share))

    def _composite(self, rng: np.random.Generator, width: int, height: int, *, empty: bool) -> Sample:
        image = background(rng, _pick(rng, self._backgrounds), width, height, sharpen=True)
        alpha = np.zeros((height, width), np.uint8)
        if rng.random() < (0.1 if empty else 0.2):
            image = plain_wall(rng, image)
        if rng.random() < (0.3 if empty else 0.1):
            image = curtain(rng, image)
        if rng.random() < 0.3:
            shelf(rng, image)
        if rng.random() < 0.45:
            clutter(rng, image, _pick(rng, self._backgrounds))
        if rng.random() < 0.2:
            chair(rng, image)
        if rng.random() < self._coat_share:
            hang_clothes(rng, image, _pick(rng, self._people[0].cut_outs))
        people = 0 if empty else (2 if rng.random() < 0.15 else 1)
        for _ in range(people):
            group = self._people[rng.choice(len(self._people), p=self._people_odds)]
            who = _pick(rng, group.cut_outs)
            if is_standing(who) and rng.random() < 0.2:
                who = in_plain_clothes(rng, who, image)
            person, matte = place(
                rng, who, width, height, passes_camera=rng.random() < 0.08, may_lean=True, may_be_low=True
            )
            if rng.random() < 0.35:
                cast_shadow(rng, image, matte)
            if rng.random() < 0.3:
                things_at_outline(rng, image, matte, _pick(rng, self._backgrounds))
            person = relight(rng, person, matte, image)
            blend = matte.astype(np.float32) / 255
            image = cv2.blendLinear(person, image, blend, 1 - blend).astype(np.uint8)
            alpha = np.maximum(alpha, matte)
        if rng.random() < 0.12:
            desk(rng, image, alpha, _pick(rng, self._backgrounds))
        return Sample(image, alpha, np.full((height, width), 255, np.uint8))


def _pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    return items[int(rng.integers(len(items)))]


def is_standing(person: CutOut) -> bool:
    """Whether it is a whole standing figure, going by its shape."""
    height, width = person.mask.shape
    return height > 1.9 * width


def place(
    rng: np.random.Generator,
    person: CutOut,
    width: int,
    height: int,
    *,
    passes_camera: bool = False,
    may_lean: bool = False,
    may_be_low: bool = False,
) -> tuple[Picture, Picture]:
    """The person as a webcam frames them: RGB ``(h, w, 3)`` and mask ``(h, w)`` on an empty canvas of that size.

    A figure that ``passes_camera`` is seen right under it, from above; one that ``may_lean`` now and then stands as
    crooked as in a corner of a wide lens, and one that ``may_be_low`` shows little more than head and shoulders.
    """
    body_h, body_w = person.mask.shape
    is_tall = is_standing(person)
    framing = rng.random()
    lean = 5.0
    if is_tall and passes_camera:
        person = under_camera(rng, person)
        body_h, body_w = person.mask.shape
        scale = width * rng.uniform(0.15, 0.6) / body_w
        head_y = max(height * rng.uniform(0.2, 0.95), height - body_h * scale)
        is_tall = False
    elif is_tall and framing < 0.8:  # head to waist or closer, the rest below the lower edge
        is_low = may_be_low and rng.random() < 0.15  # who leans back, far below a camera on top of the screen
        visible = body_h * (rng.uniform(0.16, 0.3) if is_low else rng.uniform(0.18, 0.55))
        head_y = height * (rng.uniform(0.38, 0.65) if is_low else rng.uniform(-0.08, 0.38))
        scale = (height - head_y) / visible
    elif person.cut_bottom and framing < 0.9:  # already a portrait: its lower edge belongs at the frame's
        head_y = height * rng.uniform(-0.1, 0.5)
        scale = (height - head_y) / (body_h * rng.uniform(0.8, 1.0))
    else:  # the whole figure, standing further away
        scale = height * rng.uniform(0.45, 1.05) / body_h
        head_y = height - body_h * scale * rng.uniform(0.85, 1.0)
        if may_lean and is_tall and rng.random() < 0.3:  # in a corner of a wide lens
            lean = 18.0
        if is_tall and rng.random() < 0.4:
            person = seen_from_above(rng, person)
            body_h, body_w = person.mask.shape
            scale = (height - head_y) / body_h
    if is_tall and rng.random() < 0.15:
        person = turned_away(rng, person)
    aspect = rng.uniform(0.92, 1.1)
    center_x = width * (rng.uniform(0.3, 0.7) if rng.random() < 0.7 else rng.uniform(0.0, 1.0))
    if person.cut_sides:
        center_x = width * rng.uniform(0.4, 0.6)
    angle = rng.normal(0, lean)
    flip = -1 if rng.random() < 0.5 else 1

    image, mask = person.image, person.mask
    if scale < 0.7:
        new_size = (max(2, round(body_w * scale)), max(2, round(body_h * scale)))
        image = cv2.resize(image, new_size, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, new_size, interpolation=cv2.INTER_AREA)
        scale = 1.0
    cos, sin = np.cos(np.radians(angle)) * scale, np.sin(np.radians(angle)) * scale
    pivot_x, pivot_y = mask.shape[1] / 2, 0.3 * mask.shape[0]
    pivot_out_y = head_y + pivot_y * scale
    a, b, c, d = cos * aspect * flip, -sin, sin * aspect * flip, cos
    matrix = np.array(
        [
            [a, b, center_x - a * pivot_x - b * pivot_y],
            [c, d, pivot_out_y - c * pivot_x - d * pivot_y],
        ]
    )
    # Past the lower edge of a cropped picture the body goes on: repeat it there, nothing on the other sides.
    out = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    matte = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        matte = cv2.GaussianBlur(matte, (0, 0), rng.uniform(0.4, 1.0))
    return out.astype(np.uint8), matte.astype(np.uint8)


def relight(rng: np.random.Generator, person: Picture, matte: Picture, room: Picture) -> Picture:
    """New clothes, new exposure; half of the time pulled towards the room's light, sometimes against it."""
    image = person
    if rng.random() < 0.5:
        shift = rng.uniform(-90, 90) if rng.random() < 0.3 else rng.uniform(-8, 8)
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(shift)) % 180
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8)
    image = jitter_color(rng, image, strength=0.8)
    dice = rng.random()
    inside = matte > 127
    if dice < 0.5 and inside.any():
        ratio = (float(room.mean()) + 20) / (float(image[inside].mean()) + 20)
        image = cv2.convertScaleAbs(image, alpha=float(np.clip(ratio, 0.4, 2.0) ** rng.uniform(0.3, 1.0)))
    elif dice < 0.62:
        image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.2, 0.6))
    if rng.random() < 0.3:  # light from one side
        ramp = np.linspace(rng.uniform(0.5, 1.0), rng.uniform(0.8, 1.3), image.shape[1], dtype=np.float32)
        image = (image * (ramp if rng.random() < 0.5 else ramp[::-1])[None, :, None]).clip(0, 255).astype(np.uint8)
    return np.asarray(image, np.uint8)


def crop_whole(rng: np.random.Generator, pair: Pair, width: int, height: int) -> Sample:
    """A real picture, real light: a random crop of it that holds the person, at the wanted shape, tilted a little."""
    full_h, full_w = pair.mask.shape
    rows, columns = np.nonzero(pair.mask > 127)
    scale = max(width / full_w, height / full_h)
    if len(rows) and rng.random() < 0.8:  # closer, as a webcam is
        box_h, box_w = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        closest = max(scale, 0.9 * min(width / box_w, height / (box_h * rng.uniform(0.35, 1.0))))
        scale = rng.uniform(scale, min(closest, 2.5 * scale))
        focus_x, focus_y = (columns.min() + columns.max()) / 2, rows.min() + box_h * rng.uniform(0.1, 0.6)
    else:
        focus_x, focus_y = full_w * rng.uniform(0.3, 0.7), full_h * rng.uniform(0.3, 0.7)
    aspect = rng.uniform(0.92, 1.08)
    x = np.clip(focus_x * scale * aspect - width * rng.uniform(0.3, 0.7), 0, max(0, full_w * scale * aspect - width))
    y = np.clip(focus_y * scale - height * rng.uniform(0.25, 0.6), 0, max(0, full_h * scale - height))
    matrix = np.array([[scale * aspect, 0, -x], [0, scale, -y]])
    flags = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
    image, mask, known = pair.image, pair.mask, pair.known
    if scale < 0.7:
        shrink = (max(2, round(full_w * scale)), max(2, round(full_h * scale)))
        image, mask = (
            cv2.resize(image, shrink, interpolation=flags),
            cv2.resize(mask, shrink, interpolation=flags),
        )
        known = None if known is None else cv2.resize(known, shrink, interpolation=flags).astype(np.uint8)
        matrix = np.array([[aspect, 0, -x], [0, 1, -y]])
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 4), 1.0)
    matrix = turn @ np.vstack((matrix, (0, 0, 1)))
    size = (width, height)
    out = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    alpha = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    trust = np.full((height, width), 255, np.uint8)
    if known is not None:
        trust = cv2.warpAffine(known, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT).astype(
            np.uint8
        )
    return Sample(jitter_color(rng, out.astype(np.uint8), strength=0.8), alpha.astype(np.uint8), trust)


def mirror(rng: np.random.Generator, sample: Sample) -> Sample:
    """Left and right swapped, half of the time."""
    if rng.random() < 0.5:
        return sample
    planes = (sample.image[:, ::-1], sample.alpha[:, ::-1], sample.known[:, ::-1])
    return Sample(*(np.ascontiguousarray(plane) for plane in planes))


def degrade(rng: np.random.Generator, sample: Sample) -> Sample:
    """What a cheap webcam and its codec do: dim light, colour cast, softness, noise, JPEG."""
    image = sample.image
    if rng.random() < 0.25:
        image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.25, 0.8), beta=rng.uniform(0, 20)).astype(np.uint8)
    if rng.random() < 0.5:
        image = jitter_color(rng, image, strength=0.5)
    dice = rng.random()
    if dice < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2)).astype(np.uint8)
    elif dice < 0.27:
        kernel = np.zeros((7, 7), np.float32)
        cv2.line(kernel, (3, 3), tuple(int(value) for value in rng.integers(0, 7, 2)), 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum()).astype(np.uint8)
    if rng.random() < 0.5:
        sigma = rng.uniform(1, 12) if rng.random() < 0.8 else rng.uniform(12, 25)
        grain = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(grain, (0, 0, 0), (sigma, sigma, sigma))
        if rng.random() < 0.5:  # sensor noise survives demosaicing in blotches
            grain = cv2.blur(grain, (3, 3)) * 2
        image = cv2.add(image.astype(np.int16), grain).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))])[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    image = np.ascontiguousarray(image)
    if rng.random() < 0.06:  # drivers and codecs spoil a picture's outermost lines
        lines = np.rot90(image, int(rng.integers(4)))[: int(rng.integers(1, 4))]
        lines[:] = (lines * rng.uniform(0.0, 1.0)).astype(np.uint8)
    return Sample(image, sample.alpha, sample.known)
