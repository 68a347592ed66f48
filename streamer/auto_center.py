"""A calm camera operator: keeps the person in the middle of the picture by moving the person's layer.

What is seen of a frame is a ``View``: a part of it in the frame's own shape. Each frame's own alpha says where the
person is. The view moves only when they have left the middle, sets out and arrives gently, and stands still in between.

A person is cut off by the frame's edges, and those cuts must not be seen: the lower edge of a view is never below that
of the frame, and a side of it lies outside the frame only as far as the person stays away from that side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Frame, Image, Size
from streamer.scaling import shrink

_Values: TypeAlias = NDArray[np.float64]

MOST_ZOOM = 1.6
"""A person is enlarged at most so many times: beyond it the camera's pixels show."""
HEADROOM = 0.12
"""Share of the picture's height to leave above the head."""
BUSTS = 0.4
"""The upper half of the person, but never more than this share of the frame's height, is head and shoulders."""
SHOULDERS = 0.85
"""Share of the person's width that is always seen: nobody becomes a face alone for the sake of the middle."""
SMALL_PX = 128
"""Longer side of the picture on which the person is measured."""
LEAST_PERSON = 0.005
"""Share of the frame below which nobody is there."""
DEAD_ZONE = np.array((0.04, 0.03, 0.05))
"""How far from the aim (middle, top and width of the view, in shares of the frame) a move is not worth its while."""
WHILE_MOVING = 1 / 6
"""The same during a move is so much smaller: it ends near the middle and not at the edge of the zone."""
SPEED = 3.5
"""Of a move, per second: half way after half a second, nearly there after two."""
SMOOTH_S = 0.25
"""Time over which the person's place is averaged."""
REACH = 2.0
"""A side of the view is aimed outside the frame by at most so many times the person's distance from that side of it:
whoever comes near the side makes the view come back in time."""
UTMOST_REACH = 3.0
"""The same for every single frame, whatever the spring says."""
GIVE_BACK = 0.1
"""Shares of the frame by which, each second, the distance counts for more again after the person moved away."""
PATIENCE_S = 1.0
"""How long nobody must be there before the view goes back to the whole frame; how long a gap begins a new scene."""
CUT = 30.0
"""Mean difference of two frames' pixels, of 255, beyond which the scene was cut."""
AROUND = 1 / 20
"""Share of the longer side around the person that is moved along: the room's colours there help to clean the edge."""
ARRIVED, STOPPED = 2e-4, 2e-3
"""Distance and speed, in shares of the frame (per second), that nobody sees."""


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of a frame, in shares of its width and height; the height of the part is ``scale``, too."""

    middle: float = 0.5
    """Of the part, from the left."""
    top: float = 0.0
    """Upper edge."""
    scale: float = 1.0
    """Width of the part: 1 / zoom."""

    @property
    def left(self) -> float:
        """Left edge; below 0 = outside the frame."""
        return self.middle - self.scale / 2

    @property
    def right(self) -> float:
        """Right edge; above 1 = outside the frame."""
        return self.middle + self.scale / 2


WHOLE = View()


@dataclass(frozen=True, slots=True)
class Outline:
    """Where the person is, in shares of the frame."""

    middle: float
    """Of head and shoulders, from the left."""
    top: float
    """Of the head."""
    left_gap: float
    """Between the frame's left side and the person; 0 = they touch."""
    right_gap: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame as the operator shows it."""

    image: Image
    """RGB uint8 ``(h, w, 3)``."""
    alpha: Alpha
    """float32 ``(h, w)``: the frame's own, moved with its pixels; 0 where the view lies outside the frame."""
    alpha_behind: Alpha
    """The same for a background made of the room: outside the frame, where the picture is its own mirror image, the
    matte is, too."""


class AutoCenter:
    """Follows one clip's person. Not thread-safe; the frames come in order."""

    def __init__(self) -> None:
        self._size: Size | None = None
        self._begin()

    def _begin(self) -> None:
        """A new scene: the first person is in the middle at once."""
        self._seen_s = -math.inf
        self._glance: NDArray[np.int16] | None = None
        self._absent_s = 0.0
        self._usual: Outline | None = None
        self._aim = _values(WHOLE)
        self._at = _values(WHOLE)
        self._speed = np.zeros(3)
        self._is_moving = False

    @property
    def view(self) -> View:
        """What was seen of the last frame."""
        return View(*(float(value) for value in self._at))

    def place(self, frame: Frame, alpha: Alpha, *, with_room: bool) -> Placed:
        """Show the frame as it is best seen now.

        Args:
            frame: the next one.
            alpha: its own, float32 ``(h, w)`` in [0, 1].
            with_room: False = only what the alpha shows is needed; the rest of the image may be black.
        """
        view = self.look(frame, alpha)
        return Placed(frame.image, alpha, alpha) if view == WHOLE else moved(frame.image, alpha, view, with_room)

    def look(self, frame: Frame, alpha: Alpha) -> View:
        """What is to be seen of this frame."""
        elapsed_s = frame.pts_s - self._seen_s
        glance = shrink(frame.image, Size(32, 18)).astype(np.int16)
        is_new = frame.size != self._size or not 0 < elapsed_s <= PATIENCE_S or _has_cut(glance, self._glance)
        if is_new:
            self._begin()
            elapsed_s = 0.0
        self._size, self._seen_s, self._glance = frame.size, frame.pts_s, glance
        outline = measure(alpha)
        if outline is None:
            self._absent_s += elapsed_s
            if self._absent_s >= PATIENCE_S:
                self._usual = None
                self._aim_at(WHOLE)
        else:
            self._absent_s = 0.0
            self._usual = outline if self._usual is None else _averaged(self._usual, outline, elapsed_s)
            self._aim_at(_best_view(self._usual))
        if is_new:
            self._at = self._aim.copy()
        else:
            self._move(elapsed_s)
        if outline is not None:
            self._hide_cuts(outline)
        return self.view

    def _aim_at(self, view: View) -> None:
        wanted = _values(view)
        zone = DEAD_ZONE * WHILE_MOVING if self._is_moving else DEAD_ZONE
        if np.any(np.abs(wanted - self._aim) > zone) or (view == WHOLE and np.any(self._aim != wanted)):
            self._aim, self._is_moving = wanted, True

    def _move(self, elapsed_s: float) -> None:
        """A critically damped spring, solved exactly: it never overshoots, whatever the frame rate."""
        away = self._at - self._aim
        pull = self._speed + SPEED * away
        decay = math.exp(-SPEED * elapsed_s)
        self._at = self._aim + (away + pull * elapsed_s) * decay
        self._speed = (self._speed - SPEED * pull * elapsed_s) * decay
        if np.all(np.abs(self._at - self._aim) < ARRIVED) and np.all(np.abs(self._speed) < STOPPED):
            self._at, self._speed, self._is_moving = self._aim.copy(), np.zeros(3), False

    def _hide_cuts(self, outline: Outline) -> None:
        """See that no side that cuts the person is inside the view."""
        middle, top, scale = self._at
        left, right = UTMOST_REACH * outline.left_gap, UTMOST_REACH * outline.right_gap
        allowed = np.clip(middle, scale / 2 - left, 1 - scale / 2 + right)
        if allowed != middle:
            self._at[0], self._speed[0] = allowed, 0.0
        self._at[1] = np.clip(top, 0.0, 1 - scale)


def measure(alpha: Alpha) -> Outline | None:
    """Where the person is in a matte ``(h, w)``, in fractions of a pixel of its small copy; None = nobody is there."""
    height, width = alpha.shape
    scale = min(1.0, SMALL_PX / max(height, width))
    small = shrink(alpha, Size(max(1, round(width * scale)), max(1, round(height * scale))))
    small = np.clip(2 * small - 0.5, 0, 1)  # a veil of alpha is nobody
    if small.mean() < LEAST_PERSON:
        return None
    rows, columns = small.mean(axis=1), small.mean(axis=0)
    top = _first_crossing(rows, 0.02)
    bottom = 1 - _first_crossing(rows[::-1], 0.02)
    reach = min(BUSTS, (bottom - top) / 2)
    first, last = int(top * len(rows)), math.ceil((top + reach) * len(rows))
    bust = small[first : max(last, first + 1)].sum(axis=0)
    if bust.sum() <= 0:
        return None
    middle = float((bust * (np.arange(len(bust)) + 0.5)).sum() / bust.sum() / len(bust))
    return Outline(middle, top, _first_crossing(columns, 0.03), _first_crossing(columns[::-1], 0.03))


def _averaged(usual: Outline, now: Outline, elapsed_s: float) -> Outline:
    """A running mean of where the person is; of the gaps the narrowest, for a while."""
    share = 1 - math.exp(-elapsed_s / SMOOTH_S)
    return Outline(
        usual.middle + share * (now.middle - usual.middle),
        usual.top + share * (now.top - usual.top),
        min(now.left_gap, usual.left_gap + GIVE_BACK * elapsed_s),
        min(now.right_gap, usual.right_gap + GIVE_BACK * elapsed_s),
    )


def _first_crossing(profile: NDArray[np.float32], level: float) -> float:
    """Where a profile first reaches the level, as a share of its length, between two pixels; 1 = nowhere."""
    reached = np.flatnonzero(profile >= level)
    if reached.size == 0:
        return 1.0
    at = int(reached[0])
    if at == 0:
        return 0.0
    before, here = float(profile[at - 1]), float(profile[at])
    return (at - 0.5 + (level - before) / (here - before)) / len(profile)


def _best_view(person: Outline) -> View:
    """Head and shoulders in the middle, some air above the head, and no cut of the body in sight."""
    by_head = (1 - person.top) / (1 - HEADROOM)
    left, right = REACH * person.left_gap, REACH * person.right_gap
    by_sides = 2 * min(person.middle + left, 1 - person.middle + right)
    by_shoulders = SHOULDERS * (1 - person.left_gap - person.right_gap)
    scale = min(1.0, max(1 / MOST_ZOOM, by_shoulders, min(by_head, by_sides)))
    middle = min(max(person.middle, scale / 2 - left), 1 - scale / 2 + right)
    return View(middle, min(max(0.0, person.top - HEADROOM * scale), 1 - scale), scale)


def moved(image: Image, alpha: Alpha, view: View, with_room: bool) -> Placed:
    """The view of a frame at the frame's size. Image and alpha go through one warp, as four channels of a picture."""
    height, width = alpha.shape
    left, top, right, bottom = (0, 0, width, height) if with_room else _person_box(alpha, view)
    origin_x, origin_y = view.left * width, view.top * height
    # OpenCV counts from the middle of the first pixel, the view from the frame's corner.
    from_here = np.array(
        [
            [view.scale, 0, origin_x + view.scale * (left + 0.5) - 0.5],
            [0, view.scale, origin_y + view.scale * (top + 0.5) - 0.5],
        ]
    )
    layer = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(cv2.convertScaleAbs(alpha, alpha=255), layer, 3)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    box = Size(max(1, right - left), max(1, bottom - top))
    layer = cv2.warpAffine(layer, from_here, box, flags=flags, borderMode=cv2.BORDER_REFLECT)
    within = np.s_[top : top + box.height, left : left + box.width]
    picture, behind = np.zeros_like(image), np.zeros_like(alpha)
    picture[within] = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB)
    behind[within] = cv2.extractChannel(layer, 3) * np.float32(1 / 255)
    outside_left = max(0, math.ceil(-origin_x / view.scale))
    outside_right = max(0, math.ceil((view.right - 1) * width / view.scale))
    if not outside_left and not outside_right:
        return Placed(picture, behind, behind)
    own = behind.copy()
    own[:, :outside_left] = 0
    own[:, width - outside_right :] = 0
    return Placed(picture, own, behind)


def _person_box(alpha: Alpha, view: View) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the person and what is near, in the moved picture: the rest need not be warped."""
    height, width = alpha.shape
    columns, rows = np.flatnonzero(alpha.any(axis=0)), np.flatnonzero(alpha.any(axis=1))
    if columns.size == 0:
        return 0, 0, 1, 1
    margin = math.ceil(AROUND * max(height, width))
    spans = []
    for seen, length, begin in ((columns, width, view.left), (rows, height, view.top)):
        low = math.floor((int(seen[0]) - 1 - begin * length) / view.scale) - margin
        high = math.ceil((int(seen[-1]) + 2 - begin * length) / view.scale) + margin
        spans.append((min(max(0, low), length - 1), min(max(1, high), length)))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def _has_cut(glance: NDArray[np.int16], before: NDArray[np.int16] | None) -> bool:
    return before is not None and float(np.abs(glance - before).mean()) > CUT


def _values(view: View) -> _Values:
    return np.array((view.middle, view.top, view.scale))
