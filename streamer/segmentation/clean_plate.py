"""What is known of the room without anybody in it, used to mend the matte.

A coat on the wall or a shelf beside the head can look like a part of a person to the network. Where the picture is
still exactly what the room without the person is, texture and all, there is no person. And where the network doubts,
as it does of a hand before a bright window or of somebody who walks out, but the picture is something else than the
room, and not the room in shadow, there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np

from models.compiled import compiled, given, made, rows_of
from streamer.errors import ConfigError
from streamer.frames import Alpha, Image, Size
from streamer.scaling import cover
from streamer.segmentation.lost_people import LostPeople
from streamer.segmentation.mending import OTHER, mend
from streamer.segmentation.room_memory import CLEAR_AFTER, LEARNT_AFTER, MEMORY, Colours, Counts, Mask, remember
from streamer.segmentation.shaded import shaded_room
from streamer.segmentation.still_things import StillThings
from streamer.segmentation.strangeness import STRANGE, difference_of, strangeness
from streamer.segmentation.texture import textured_room

Origin: TypeAlias = Literal["learn", "snap"]
"""``learn``: from what shows beside the person. ``snap``: the first second shows the empty room."""

SNAP_FRAMES = 30
"""Frames of the empty room that are averaged."""
SURE_ROOM = 0.05
"""Alpha up to which a pixel counts as room, as far as nothing near it is more."""
FAR_PX = 5
"""Side of the window, on the small picture, over which nothing may be person for the room to be learnt there."""
PERSON = 0.5
"""Alpha from which somebody is there."""
CLEAR_SHARE = 1 / 8
"""Side of a window, as a share of the picture's width. Room that is learnt while a person is as near as that may be
that person's foot, which the network lost. It must not count as strange when the floor is seen again."""
LEARN_EVERY = 2
"""The room is learnt from every second frame: half the time."""
SAMPLE_PX = 8
"""The light is judged on every eighth pixel of every eighth row."""
LEAST_SAMPLES = 50
"""With fewer the light is taken to be the same."""
FLAT = 20.0
"""Square levels: so much is added to variances, so that a bare wall's colours give a brightness but no contrast."""
WINDOW_PX = 7
"""Side of that window on the small picture: a shirt of the wall's colour has folds somewhere in it."""
LEAST_MATCHING = 0.6
"""Share of the sure room that must match what is known; with less the camera was moved, and nothing is known."""
WELL_MATCHING = 0.8
"""Share from which what differs may be taken for a person; in between less and less."""
LEAST_SURE = 0.05
"""Share of the picture that must be sure room to say whether it matches at all: with a person right before the camera
after a cut nothing shows that the room is another one."""
RESTLESS, RESTLESS_RATE = 0.25, 1 / 32
"""Share of the time, with nobody near, for which something else than the room shows, from which it is no evidence of
anybody: leaves in a window, a screen. And the weight of a look in it."""
SLOPES = (0.3, 3.0)
"""How much less and how much more contrast than the known room the same room may have. To a bare wall any room fits,
with no contrast."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A picture's alpha, mended, and where it is beyond doubt."""

    alpha: Alpha
    room: Alpha
    """float32 ``(h, w)`` in [0, 1], 1 = the alpha is about 0, and what shows is the room, in another light perhaps."""
    strange: Alpha
    """float32 ``(h, w)`` in [0, 1], 1 = the network doubts, but what shows is not the room."""


class CleanPlate:
    """The empty room at the size at which mattes are settled, as far as it is known. Not thread-safe.

    Args:
        origin: where it comes from: a picture of the room, RGB uint8 ``(h, w, 3)``, or ``learn`` or ``snap``.
    """

    def __init__(self, origin: Image | Origin) -> None:
        self._given = None if isinstance(origin, str) else origin
        self._learns, self._snaps = (isinstance(origin, str) and origin == word for word in ("learn", "snap"))
        self._room: Colours = np.empty((0, 0, 3), np.float32)
        self._seen: Counts = np.empty((0, 0), np.uint8)
        self._seen_clear: Counts = self._seen
        self._changed: Counts = self._seen
        self._restless: Alpha = np.empty((0, 0), np.float32)
        self._snapped = 0
        self._frame = 0
        self._still = StillThings()
        self._lost = LostPeople()

    @property
    def is_snapping(self) -> bool:
        """Whether the empty room is being averaged, which begins anew at another size."""
        return self._snaps and self._snapped < SNAP_FRAMES

    def reset(self) -> None:
        """Forget what was learnt; a picture that was given or snapped is kept."""
        self._lost.reset()
        if self._learns:
            self._still.reset()
            self._seen[:] = 0
            self._seen_clear[:] = 0
            self._changed[:] = 0
            self._restless[:] = 0

    def clean(self, picture: Image, alpha: Alpha) -> Cleaned:
        """The alpha without what belongs to the room, and with what does not where the network only doubts.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, the small picture.
            alpha: float32 ``(h, w)`` in [0, 1], of this very picture.

        Returns:
            All room while it is being snapped.
        """
        if self._room.shape != picture.shape:
            self._start(Size(picture.shape[1], picture.shape[0]))
        if self.is_snapping:
            self._snap(picture.astype(np.float32))
            return Cleaned(np.zeros_like(alpha), np.ones_like(alpha), np.zeros_like(alpha))
        known = self._seen >= LEARNT_AFTER
        is_room = cv2.dilate(alpha, np.ones((FAR_PX, FAR_PX), np.uint8)) <= SURE_ROOM
        sure = is_room & known
        seen, expected, is_same_light = self._compared(picture, sure)
        difference = difference_of(seen, expected)
        is_other = difference >= OTHER
        places = self._lost.places(alpha)
        if places is not None:  # whom the network has lost says nothing against the room
            sure &= ~places
        sure_px = int(np.count_nonzero(sure))
        matching = 1 - np.count_nonzero(is_other & sure) / max(1, sure_px)
        if not is_same_light or matching < LEAST_MATCHING:
            self.reset()
            return Cleaned(alpha, np.zeros_like(alpha), np.zeros_like(alpha))
        self._frame += 1
        if self._learns and self._frame % LEARN_EVERY == 1:
            counts = (self._seen, self._seen_clear, self._changed)
            shown = is_room | self._still.found(picture, alpha)
            remember(rows_of(picture), shown, is_other, is_clear(alpha), rows_of(self._room), *counts)
        is_certain = known & (self._seen_clear >= CLEAR_AFTER)
        is_trusted = sure_px > LEAST_SURE * alpha.size and matching >= WELL_MATCHING
        if is_trusted:
            is_evidence = is_certain & (self._restless < RESTLESS)
            alpha = self._lost.restored(alpha, seen, expected, difference * is_evidence.view(np.uint8))
        if self._frame % LEARN_EVERY == 1:
            moves = (is_other & known).astype(np.float32)
            cv2.accumulateWeighted(moves, self._restless, RESTLESS_RATE, is_clear(alpha).view(np.uint8))
        textured = textured_room(seen, expected, is_certain, alpha)
        if textured.any():
            alpha = np.where(textured, np.float32(0), alpha)
            difference[textured] = 0
        if is_trusted:
            alpha = np.where(shaded_room(seen, expected, is_certain, alpha), np.float32(0), alpha)
        strange = np.zeros_like(alpha)
        if sure_px > LEAST_SURE * alpha.size:
            strange = strangeness(seen, expected, difference * is_certain.view(np.uint8), alpha)
            strange *= min(1.0, (matching - LEAST_MATCHING) / (WELL_MATCHING - LEAST_MATCHING))
        window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
        around = cv2.dilate(difference | (known.view(np.uint8) - np.uint8(1)), window)  # 255 where nothing is known
        # The windows of pixels beside the person hold some of the person; grow what matches back up to them.
        around = cv2.erode(around, window)
        if self._still.inside.any():  # a codec's whole pictures, now and then, are of other levels
            flickers = self._still.inside & (around < STRANGE[1])
            difference[flickers] = around[flickers] = 0
        mended, room = np.empty_like(alpha), np.empty_like(alpha)
        mend(np.ascontiguousarray(alpha), strange, difference, around, known, self._learns, STRANGE[1], mended, room)
        return Cleaned(mended, room, strange)

    def _start(self, size: Size) -> None:
        shape = (size.height, size.width)
        self._restless = np.zeros(shape, np.float32)
        self._still.reset()
        # The one who has come into the picture since is no part of the room, and no size is blurred by another one's.
        if self._snapped == SNAP_FRAMES and self._given is None:
            self._given = self._room.round().clip(0, 255).astype(np.uint8)
        if self._learns and self._seen.any():  # the matte's size has changed, but not the room: else it were forgotten
            # What was never seen is black, and is blurred into what lies beside it.
            known = cv2.erode(self._seen, np.ones((3, 3), np.uint8))
            self._room = cv2.resize(self._room, size, interpolation=cv2.INTER_LINEAR)
            self._seen = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)
            self._seen_clear = np.zeros_like(self._seen)  # enlarged, it is blurred: no evidence against anything
            self._changed = np.zeros_like(self._seen)
            return
        if self._given is None:
            self._snapped = 0
            self._room, times = np.zeros((*shape, 3), np.float32), 0
        else:
            self._room, times = cover(self._given, size).astype(np.float32), MEMORY
        self._seen, self._seen_clear = (np.full(shape, times, np.uint8) for _ in range(2))
        self._changed = np.zeros(shape, np.uint8)

    def _snap(self, colours: Colours) -> None:
        self._snapped += 1
        self._room += (colours - self._room) / self._snapped
        if self._snapped == SNAP_FRAMES:
            self._seen[:] = MEMORY
            self._seen_clear[:] = MEMORY

    def _compared(self, picture: Image, sure: Mask) -> tuple[Image, Image, bool]:
        """The picture and the room in its light, both without their noise, and whether it may be the same room at all.

        ``sure`` is the known room that shows.
        """
        room, is_same = cv2.convertScaleAbs(self._room), True
        some = np.s_[::SAMPLE_PX, ::SAMPLE_PX]
        if np.count_nonzero(sure[some]) >= LEAST_SAMPLES:
            light = fitted_light(room[some][sure[some]], picture[some][sure[some]])
            slopes = np.diagonal(light)
            is_same = bool(slopes.min() > SLOPES[0] and slopes.max() < SLOPES[1])
            room = cv2.transform(room, light)
        return cv2.blur(picture, (3, 3)), cv2.blur(room, (3, 3)), is_same


def fitted_light(then: Image, now: Image) -> Colours:
    """The brightness and contrast of each channel that turn the colours then into those now: ``(n, 3)`` to ``(3, 4)``.

    Cameras change both by themselves. The second fit leaves out what the first is far off: shadows, and people.
    """
    light = np.zeros((3, 4), np.float32)
    _fit_light(then, now, light)
    return light


@compiled(given("uint8", 2), given("uint8", 2), made("float32", 2))
def _fit_light(then: Image, now: Image, light: Colours) -> None:
    far = np.zeros(then.shape[0], np.float64)
    limit = 0.0
    for _ in range(2):
        count = 0
        sums = np.zeros((3, 4), np.float64)  # of each channel: then, now, their squares' and product's
        for index in range(then.shape[0]):
            if far[index] <= limit:
                count += 1
                for channel in range(3):
                    before, after = float(then[index, channel]), float(now[index, channel])
                    sums[channel, 0] += before
                    sums[channel, 1] += after
                    sums[channel, 2] += before * before
                    sums[channel, 3] += before * after
        for channel in range(3):
            before, after, squares, products = sums[channel] / count
            slope = (products - before * after + FLAT) / (squares - before * before + FLAT)
            light[channel, channel], light[channel, 3] = slope, after - slope * before
        total = 0.0
        for index in range(then.shape[0]):
            if far[index] <= limit:
                farthest = 0.0
                for channel in range(3):
                    lit = float(then[index, channel]) * light[channel, channel] + light[channel, 3]
                    farthest = max(farthest, abs(lit - float(now[index, channel])))
                far[index] = farthest
                total += farthest
            else:
                far[index] = 1e9
        limit = max(OTHER, 2 * total / count)


def is_clear(alpha: Alpha) -> Mask:
    """Where no person is near: bool ``(h, w)``."""
    side = round(alpha.shape[1] * CLEAR_SHARE) | 1
    people = cv2.boxFilter((alpha > PERSON).view(np.uint8), cv2.CV_32F, (side, side), normalize=False)
    clear: Mask = people == 0
    return clear


def open_clean_plate(spec: str) -> CleanPlate | None:
    """What the user wrote: ``off``, ``learn``, ``snap``, or the path of a picture of the empty room.

    Raises:
        ConfigError: there is no such picture, or it cannot be read.
    """
    if spec == "off":
        return None
    if spec in ("learn", "snap"):
        return CleanPlate("learn" if spec == "learn" else "snap")
    path = Path(spec).expanduser()
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (OSError, cv2.error) as error:
        reason = getattr(error, "strerror", None) or "it is empty"
        raise ConfigError(
            f"clean plate '{spec}' cannot be read: {reason}; give a picture, learn, snap or off"
        ) from error
    if picture is None:
        raise ConfigError(f"clean plate '{spec}' is no picture that can be decoded; give a picture, learn, snap or off")
    return CleanPlate(picture)
