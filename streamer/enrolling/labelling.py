"""Labels that nobody draws: what the empty room, the network and grabCut say of a frame, where they agree.

The difference to the clean plate knows nothing of people, the network nothing of this room, and grabCut asks which
colours belong together. A pixel becomes a label where no two of them are at odds, or where the clean plate and grabCut
outvote the network: that is what it has to learn. Everything else, edges too, goes into ``ignore``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size
from streamer.scaling import cover
from streamer.segmentation.clean_plate import LEAST_MATCHING, WINDOW_PX
from streamer.segmentation.mending import OTHER, SAME

Where = NDArray[np.bool_]

SURE_ROOM, SURE_PERSON = 0.1, 0.9
"""The network's alpha up to which it says room, and from which it says person."""
FAR_PX = 9
"""Side of the window over which the network must say room for the light to be compared there."""
NOISE_PERCENTILE = 99.5
"""Differences of the room's own frames to their median, up to here, are noise."""
MOST_NOISE = 12.0
"""Levels; what differs by more in the room's own frames moves."""
SHADOW = (0.45, 0.98)
"""Brightness, of the room's own, that a shadow leaves."""
SHADOW_TINT = 0.06
"""How far a shadow's channels differ in that."""
EDGE_PX = 5
"""Side of the window around the person's outline in which nothing is claimed."""
LEAST_PERSON = 0.01
"""A frame with a smaller share of person is one of nobody, or of too little to be sure."""
MOST_ROOM_LEFT = 0.97
"""An empty frame must show the room's own picture over this share."""
MOST_DISPUTED = 0.25
"""A frame is dropped if the disputed pixels are more than this share of the person."""
ALWAYS = 0.8
"""What differs from the clean plate in this share of the frames, and is never taken for a person, was moved since."""
ROUNDS = 2
"""Of grabCut."""
MARGIN_PX = 16
"""How much of the sure room around all that is unsure grabCut sees."""
LEAST_SURE = 0.1
"""Share of the picture that must be sure room for its light to be measured."""
CURVE_POINTS = 12
"""Of the curve between the clean plate's levels and the frame's."""
DARK = 4.0
"""Added to levels before they are divided by each other."""
MOST_BEND = 1.3
"""How far the curve's gain may be from its mean: what stood there and has gone is no matter of light."""
SHADE_SHARE, MOST_SHADE = 0.06, 12.0
"""Shade: its standard deviation, as a share of the longer side; and how deep it may be, in levels."""


class Verdict(Enum):
    """What became of a frame."""

    PERSON = "person"
    EMPTY = "empty"
    DISPUTED = "disputed"
    MOVED = "moved"
    """Even the sure room does not fit the clean plate: the camera or the light is another."""


@dataclass(frozen=True, slots=True)
class Label:
    """A frame and what is known of it."""

    picture: Image
    mask: NDArray[np.uint8]
    """``(h, w)``, 255 = person; soft at the outline."""
    known: NDArray[np.uint8]
    """``(h, w)``, 255 where the mask can be trusted."""
    verdict: Verdict

    @property
    def is_kept(self) -> bool:
        """Whether it is used."""
        return self.verdict in (Verdict.PERSON, Verdict.EMPTY)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording and what is known of it."""

    labels: list[Label]
    """One for each frame, kept or not."""
    uncovered: NDArray[np.float32]
    """``(h, w)``: in which share of the frames a pixel differs from the clean plate and is room all the same."""


@dataclass(frozen=True, slots=True)
class Room:
    """The empty room: its clean plate, and how far a pixel may be from it."""

    plate: NDArray[np.float32]
    """RGB ``(h, w, 3)``, 0 to 255."""
    same: float = SAME
    """Difference in levels up to which a pixel is the room's own."""
    other: float = OTHER
    """Difference in levels from which it is not."""

    @property
    def picture(self) -> Image:
        """The clean plate as a picture."""
        return self.plate.round().clip(0, 255).astype(np.uint8)


def measure_room(pictures: Sequence[Image], size: Size) -> Room:
    """The median of pictures of the empty room, at ``size``, and their noise."""
    stack = np.stack([cover(picture, size) for picture in pictures])
    plate = np.median(stack, axis=0).astype(np.float32)
    differences = [_difference(picture.astype(np.float32), plate) for picture in stack[::3]]
    noise = min(MOST_NOISE, float(np.percentile(np.stack(differences), NOISE_PERCENTILE)))
    return Room(plate, max(SAME, 1.2 * noise), max(OTHER, 2 * noise))


def moving(pictures: Sequence[Image], room: Room) -> Where:
    """Where any picture of the empty room is not the room's: nowhere if nothing moves in it."""
    size = Size(room.plate.shape[1], room.plate.shape[0])
    everywhere = np.ones(room.plate.shape[:2], bool)
    found = ~everywhere
    for picture in pictures:
        colours = cover(picture, size).astype(np.float32)
        found |= _opened(_difference(colours, _in_light_of(colours, room.plate, everywhere)) > room.other)
    return found


def label_frames(
    pictures: Sequence[Image], mattes: Sequence[Alpha], room: Room, on_frame: Callable[[], None]
) -> Labelled:
    """Label frames of one recording.

    Args:
        pictures: RGB uint8 ``(h, w, 3)``, of the clean plate's size.
        mattes: the network's alpha of each, float32 ``(h, w)``.
        room: what they are compared with.
        on_frame: called after each.
    """
    looks = [_Look(picture, matte, room) for picture, matte in zip(pictures, mattes, strict=True)]
    usable = [look for look in looks if look.fits]
    nowhere = np.zeros(mattes[0].shape)
    strange = np.mean([look.differs & ~look.net_person for look in usable], axis=0) if usable else nowhere
    uncovered = np.mean([look.differs & look.net_room for look in usable], axis=0) if usable else nowhere
    labels = []
    for look in looks:
        labels.append(look.label(strange > ALWAYS))
        on_frame()
    return Labelled(labels, uncovered.astype(np.float32))


class _Look:
    """What each of the witnesses but grabCut says of one frame: ``(h, w)`` each."""

    def __init__(self, picture: Image, matte: Alpha, room: Room) -> None:
        self._picture = picture
        colours = picture.astype(np.float32)
        sure = cv2.dilate(matte, np.ones((FAR_PX, FAR_PX), np.uint8)) <= SURE_ROOM
        plate = _in_light_of(colours, room.plate, sure)
        difference = _difference(colours, plate)
        self.fits = bool(sure.any()) and float((difference[sure] < room.other).mean()) >= LEAST_MATCHING
        window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
        calm = (cv2.dilate(difference, window) < room.same).astype(np.uint8)
        self.matches = (cv2.dilate(calm, window) > 0) & (difference < room.other)
        """The room's own picture, texture and all."""
        self.differs = _opened(difference > room.other) & ~_shaded(colours, plate)
        self.net_person, self.net_room = matte >= SURE_PERSON, matte <= SURE_ROOM
        self._matte = matte

    def label(self, moved_since: Where) -> Label:
        """Ask grabCut, and count the votes."""
        if not self.fits:
            return self._without(Verdict.MOVED)
        core = _eroded(self.differs & self.net_person & ~moved_since)
        if core.mean() < LEAST_PERSON / 2:
            return self._label_empty()
        cut = self._cut(core)
        person = cut & (self.net_person | self.differs) & ~self.matches
        person &= _touching(person, core)
        room = ~cut & (self.matches | self.net_room) & ~self.differs & ~self.net_person
        room |= ~cut & self.matches & ~_enclosed(person)
        known = (person | room) & ~moved_since
        outline = (
            cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((EDGE_PX, EDGE_PX), np.uint8)) > 0
        )
        disputed = float((~known & ~outline).sum()) / max(1, int(person.sum()))
        mask = cv2.GaussianBlur(person.astype(np.uint8) * 255, (0, 0), 0.7).astype(np.uint8)
        if person.mean() < LEAST_PERSON or disputed > MOST_DISPUTED:
            return self._without(Verdict.DISPUTED, mask, known & ~outline)
        return Label(self._picture, mask, _as_bytes(known & ~outline), Verdict.PERSON)

    def _cut(self, core: Where) -> Where:
        """The person by grabCut, seeded with what the others say."""
        shape = self._matte.shape
        seeds = np.full(shape, cv2.GC_PR_BGD, np.uint8)
        seeds[self.differs | ((self._matte > 0.5) & ~self.matches)] = cv2.GC_PR_FGD
        seeds[self.matches & (self._matte < 0.5)] = cv2.GC_BGD
        seeds[core] = cv2.GC_FGD
        if not (seeds == cv2.GC_BGD).any():
            return np.asarray(seeds == cv2.GC_PR_FGD) | core
        rows, columns = np.nonzero(seeds != cv2.GC_BGD)
        near = np.s_[
            max(0, rows.min() - MARGIN_PX) : rows.max() + MARGIN_PX,
            max(0, columns.min() - MARGIN_PX) : columns.max() + MARGIN_PX,
        ]
        cv2.setRNGSeed(0)  # the colours are clustered from random beginnings
        cut = seeds[near].copy()
        cv2.grabCut(
            np.ascontiguousarray(self._picture[near]), cut, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS,
            cv2.GC_INIT_WITH_MASK,
        )  # fmt: skip
        seeds[near] = cut
        return np.asarray((seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD))

    def _label_empty(self) -> Label:
        """A frame of nobody, if the room's own picture is all there is."""
        if self.matches.mean() < MOST_ROOM_LEFT:
            return self._without(Verdict.DISPUTED)
        return Label(self._picture, np.zeros(self._matte.shape, np.uint8), _as_bytes(self.matches), Verdict.EMPTY)

    def _without(self, verdict: Verdict, mask: NDArray[np.uint8] | None = None, known: Where | None = None) -> Label:
        nothing = np.zeros(self._matte.shape, np.uint8)
        return Label(
            self._picture, nothing if mask is None else mask, nothing if known is None else _as_bytes(known), verdict
        )


def _difference(colours: NDArray[np.float32], plate: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel is from the room, in levels, single noisy pixels smoothed: ``(h, w)``."""
    return np.asarray(np.abs(cv2.blur(colours - plate, (3, 3))).max(axis=2), np.float32)


def _in_light_of(colours: NDArray[np.float32], plate: NDArray[np.float32], sure: Where) -> NDArray[np.float32]:
    """The clean plate as the camera would show it now, with the exposure, tint and soft shade of ``colours``.

    Cameras turn up the gain for a dark coat, and a person takes light from the wall beside them. A curve for each
    channel answers the one, what is left of slow changes over the picture the other.
    """
    if sure.mean() < LEAST_SURE:
        return plate
    relit = np.empty_like(plate)
    for channel in range(3):
        then, now = plate[sure, channel][::3], colours[sure, channel][::3]
        steps = np.quantile(then, np.linspace(0, 1, CURVE_POINTS + 1))
        bins = np.clip(np.searchsorted(steps, then, side="right") - 1, 0, CURVE_POINTS - 1)
        filled = [number for number in range(CURVE_POINTS) if (bins == number).sum() > 20]
        if not filled:
            return plate
        gains = (now + DARK) / (then + DARK)
        overall = float(np.median(gains))
        curve = np.array([float(np.median(gains[bins == number])) for number in filled])
        bounded = np.clip(curve, overall / MOST_BEND, overall * MOST_BEND)
        levels = [float(np.median(then[bins == number])) for number in filled]
        relit[..., channel] = (plate[..., channel] + DARK) * np.interp(plate[..., channel], levels, bounded) - DARK
    return np.asarray(relit + _shade(colours - relit, sure), np.float32)


def _shade(left: NDArray[np.float32], sure: Where) -> NDArray[np.float32]:
    """The slow part of what is left, from the sure room carried on to all of the picture."""
    height, width = sure.shape
    coarse = (max(8, width // 4), max(8, height // 4))
    weight = sure.astype(np.float32)
    bounded = np.clip(left, -MOST_SHADE, MOST_SHADE) * weight[..., None]
    small, share = (cv2.resize(plane, coarse, interpolation=cv2.INTER_AREA) for plane in (bounded, weight))
    sigma = SHADE_SHARE * max(coarse)
    slow = cv2.GaussianBlur(small, (0, 0), sigma) / (cv2.GaussianBlur(share, (0, 0), sigma) + 1e-3)[..., None]
    return np.asarray(cv2.resize(slow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _shaded(colours: NDArray[np.float32], plate: NDArray[np.float32]) -> Where:
    """Where the picture is the room's in less light: the person's shadow, or a dark coat before a grey wall."""
    ratio = (cv2.blur(colours, (3, 3)) + DARK) / (cv2.blur(plate, (3, 3)) + DARK)
    low, high = ratio.min(axis=2), ratio.max(axis=2)
    return np.asarray((low > SHADOW[0]) & (high < SHADOW[1]) & (high - low < SHADOW_TINT))


def _touching(parts: Where, core: Where) -> Where:
    """Those of the connected parts that hold some of the core."""
    _, names = cv2.connectedComponents(parts.astype(np.uint8), connectivity=4)
    wanted = np.unique(names[core & parts])
    return np.asarray(np.isin(names, wanted[wanted > 0]))


def _enclosed(solid: Where) -> Where:
    """Holes of ``solid``: a shirt of the wall's colour looks like one."""
    open_space = np.pad(~solid, 1, constant_values=True).astype(np.uint8)
    _, names = cv2.connectedComponents(open_space, connectivity=4)
    return np.asarray(((names != names[0, 0]) & (open_space > 0))[1:-1, 1:-1])


def _opened(where: Where) -> Where:
    return np.asarray(cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def _eroded(where: Where) -> Where:
    return np.asarray(cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _as_bytes(where: Where) -> NDArray[np.uint8]:
    return where.astype(np.uint8) * np.uint8(255)
