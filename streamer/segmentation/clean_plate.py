"""What is known of the room without anybody in it, used to take out of the matte what was there all along.

A coat on the wall or a shelf beside the head can look like a part of a person to the network. Where the picture is
still exactly what the room without the person is, texture and all, there is no person.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import ConfigError
from streamer.frames import Alpha, Image, Size
from streamer.scaling import cover

Colours: TypeAlias = NDArray[np.float32]
Origin: TypeAlias = Literal["learn", "snap"]
"""``learn``: from what shows beside the person. ``snap``: the first second shows the empty room."""

SNAP_FRAMES = 30
"""Frames of the empty room that are averaged."""
SURE_ROOM = 0.02
"""Alpha up to which a pixel counts as room, as far as nothing near it is more."""
FAR_PX = 9
"""Side of the window, on the small picture, over which nothing may be person for the room to be learnt there."""
LEARNT_AFTER = 15
"""How many frames must have shown a pixel of the room before it is known."""
MEMORY = 0.05
"""Weight of a new frame in what is known already: the room's light changes slowly."""
WEIGHTS = np.maximum(MEMORY, 1 / (np.arange(256, dtype=np.float32) + 1))
"""Weight of a new frame by how many have shown that pixel of the room."""
SURE_PERSON = (0.92, 0.97)
"""Alpha from which, and from which entirely, a room that was only learnt does not count: a white shirt before a white
wall would be eaten."""
SAMPLE_PX = 3
"""The light is judged on every third pixel of every third row."""
SAME, OTHER = 7.0, 14.0
"""Difference in levels of 0..255, the largest in the window, up to which it is the room's own, and from which not."""
WINDOW_PX = 7
"""Side of that window on the small picture: a shirt of the wall's colour has folds somewhere in it."""
LEAST_MATCHING = 0.6
"""Share of the sure room that must match what is known; with less the camera was moved, and nothing is known."""


class CleanPlate:
    """The empty room at the size of the network's input, as far as it is known. Not thread-safe.

    Args:
        origin: where it comes from: a picture of the room, RGB uint8 ``(h, w, 3)``, or ``learn`` or ``snap``.
    """

    def __init__(self, origin: Image | Origin) -> None:
        self._given = None if isinstance(origin, str) else origin
        self._learns, self._snaps = (isinstance(origin, str) and origin == word for word in ("learn", "snap"))
        self._room: Colours = np.empty((0, 0, 3), np.float32)
        self._seen: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._snapped = 0

    @property
    def is_snapping(self) -> bool:
        """Whether the empty room is being averaged, which begins anew at another size."""
        return self._snaps and self._snapped < SNAP_FRAMES

    def reset(self) -> None:
        """Forget what was learnt; a picture that was given or snapped is kept."""
        if self._learns:
            self._seen[:] = 0

    def clean(self, picture: Image, alpha: Alpha) -> Alpha:
        """The alpha without what belongs to the room.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, the small picture.
            alpha: float32 ``(h, w)`` in [0, 1], of this very picture.

        Returns:
            float32 ``(h, w)``, nowhere more than ``alpha``; all 0 while the room is being snapped.
        """
        if self._room.shape != picture.shape:
            self._start(Size(picture.shape[1], picture.shape[0]))
        colours = picture.astype(np.float32)
        if self.is_snapping:
            self._snap(colours)
            return np.zeros_like(alpha)
        known = self._seen >= LEARNT_AFTER
        is_room = cv2.dilate(alpha, np.ones((FAR_PX, FAR_PX), np.uint8)) <= SURE_ROOM
        sure = is_room & known
        difference = self._difference(colours, sure)
        is_other = difference >= OTHER
        if sure.any() and np.count_nonzero(is_other & sure) > (1 - LEAST_MATCHING) * np.count_nonzero(sure):
            self.reset()
            return alpha
        if self._learns:
            self._learn(colours, is_room)
        window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
        difference[~known] = 255
        room = cv2.dilate(difference, window)
        room -= np.float32(OTHER)
        room *= np.float32(1 / (SAME - OTHER))
        # The windows of pixels beside the person hold some of the person; grow what matches back up to them.
        room = cv2.dilate(np.clip(room, 0, 1, out=room), window)
        room[is_other] = 0
        if self._learns:
            unsure, sure_person = SURE_PERSON
            room *= np.clip((np.float32(sure_person) - alpha) / np.float32(sure_person - unsure), 0, 1)
        return alpha - room * alpha

    def _start(self, size: Size) -> None:
        shape = (size.height, size.width)
        # The one who has come into the picture since is no part of the room, and no size is blurred by another one's.
        if self._snapped == SNAP_FRAMES and self._given is None:
            self._given = self._room.round().clip(0, 255).astype(np.uint8)
        if self._learns and self._seen.any():  # the matte's size has changed, but not the room: else it were forgotten
            # What was never seen is black, and is blurred into what lies beside it.
            known = cv2.erode(self._seen, np.ones((3, 3), np.uint8))
            self._room = cv2.resize(self._room, size, interpolation=cv2.INTER_LINEAR)
            self._seen = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)
            return
        if self._given is None:
            self._snapped = 0
            self._room, self._seen = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.uint8)
            return
        self._room = cover(self._given, size).astype(np.float32)
        self._seen = np.full(shape, LEARNT_AFTER, np.uint8)

    def _snap(self, colours: Colours) -> None:
        self._snapped += 1
        self._room += (colours - self._room) / self._snapped
        if self._snapped == SNAP_FRAMES:
            self._seen[:] = LEARNT_AFTER

    def _learn(self, colours: Colours, is_room: NDArray[np.bool_]) -> None:
        """Average what shows of the room into what is known of it."""
        seen_here = is_room.view(np.uint8)
        weight = cv2.LUT(self._seen, WEIGHTS) * seen_here
        self._room = cv2.blendLinear(colours, self._room, weight, np.float32(1) - weight)
        self._seen = cv2.min(cv2.add(self._seen, seen_here), LEARNT_AFTER)

    def _difference(self, colours: Colours, sure: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How far each pixel is from the room, in levels, brightness of the whole picture allowed for: ``(h, w)``."""
        gain = np.ones(3, np.float32)
        some = np.s_[::SAMPLE_PX, ::SAMPLE_PX]
        if sure[some].any():
            now, then = colours[some][sure[some]], self._room[some][sure[some]]
            gain = ((np.median(now, axis=0) + 1) / (np.median(then, axis=0) + 1)).astype(np.float32)
        expected = cv2.transform(self._room, np.diag(gain))
        red, green, blue = cv2.split(cv2.blur(cv2.subtract(colours, expected), (3, 3)))
        return cv2.max(cv2.max(np.abs(red), np.abs(green)), np.abs(blue))


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
