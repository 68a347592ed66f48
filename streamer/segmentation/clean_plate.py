"""What is known of the room without anybody in it, used to take out of the matte what was there all along.

A coat on the wall or a shelf beside the head can look like a part of a person to the network. Where the picture is
still exactly what the room without the person is, texture and all, there is no person. And a hole in the person through
which no room shows is none.
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
SAME, OTHER = 7.0, 14.0
"""Difference in levels of 0..255, the largest in the window, up to which it is the room's own, and from which not."""
WINDOW_PX = 7
"""Side of that window on the small picture: a shirt of the wall's colour has folds somewhere in it."""
UNLIKE = 30.0
"""Difference in levels from which it is something else than the room in a shadow or another light."""
LEAST_UNLIKE = 0.9
"""Share of a hole in the person that must be unlike the room for the hole to be closed."""
LARGEST_HOLE = 0.02
"""Share of the picture up to which a hole is closed."""
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
        """The alpha without what belongs to the room, and without holes that do not show it.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, the small picture.
            alpha: float32 ``(h, w)`` in [0, 1], of this very picture.

        Returns:
            float32 ``(h, w)``, nowhere more than ``alpha`` but in holes; all 0 while the room is being snapped.
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
        if sure.any() and float((difference[sure] < OTHER).mean()) < LEAST_MATCHING:
            self.reset()
            return alpha
        if self._learns:
            self._learn(colours, is_room)
        window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
        worst = cv2.dilate(np.where(known, difference, np.float32(255)), window)
        # The windows of pixels beside the person hold some of the person; grow what matches back up to them.
        room = cv2.dilate(np.clip((OTHER - worst) / (OTHER - SAME), 0, 1), window)
        room = np.where(difference < OTHER, room, np.float32(0))
        return _without_holes(np.asarray(alpha * (1 - room), np.float32), known & (difference > UNLIKE))

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
        weight = np.maximum(MEMORY, 1 / (self._seen + np.float32(1)))
        weight = np.where(is_room, weight, np.float32(0)).astype(np.float32)
        self._room += weight[..., None] * (colours - self._room)
        self._seen[is_room & (self._seen < LEARNT_AFTER)] += 1

    def _difference(self, colours: Colours, sure: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How far each pixel is from the room, in levels, brightness of the whole picture allowed for: ``(h, w)``."""
        gain = np.ones(3, np.float32)
        if sure.any():
            now, then = colours[sure][::7], self._room[sure][::7]
            gain = (np.median(now, axis=0) + 1) / (np.median(then, axis=0) + 1)
        smooth = cv2.blur(colours - self._room * gain.astype(np.float32), (3, 3))
        return np.asarray(np.abs(smooth).max(axis=2), np.float32)


def _without_holes(alpha: Alpha, is_unlike: NDArray[np.bool_]) -> Alpha:
    """Set to 1 each patch of room within the person that is unlike the room there."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha <= 0.5).view(np.uint8), connectivity=4)
    height, width = alpha.shape
    left, top, right, bottom = stats[:, 0], stats[:, 1], stats[:, 0] + stats[:, 2], stats[:, 1] + stats[:, 3]
    closes = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    closes &= stats[:, cv2.CC_STAT_AREA] <= LARGEST_HOLE * alpha.size
    closes[0] = False  # label 0 is the person
    if count <= 1 or not closes.any():
        return alpha
    unlike = np.bincount(labels[is_unlike], minlength=count)
    closes &= unlike >= LEAST_UNLIKE * stats[:, cv2.CC_STAT_AREA]
    # One pixel more: the rim of a hole is soft.
    hole = cv2.dilate(closes[labels].view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(hole, np.float32(1), alpha)


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
