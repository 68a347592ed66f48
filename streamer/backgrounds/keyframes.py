"""When a new plate is to be painted, and how the one that stands must move and brighten until then.

Every frame is compared with the keyframe, where both show the room and not the person. All times are the frames' own,
so that the same video gives the same answers.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink

Reason: TypeAlias = Literal["first", "prompt", "cut", "camera", "light", "interval"]
"""Why a plate is due. ``prompt`` is for whoever takes new prompts: the room does not show it."""
Pose: TypeAlias = NDArray[np.float64]
"""Similarity ``(2, 3)`` from the keyframe to a frame, from the picture's upper left corner, the picture 1 wide."""

LONG_SIDE_PX = 160
"""Longer side of the small picture. Corners are followed at twice this: see ``FINE``."""
FINE, COARSE = 2, 2
"""Corners are followed on a picture this many times finer, stirring and brightness seen on one as much coarser."""
SURE_ROOM = 0.05
"""Alpha below which a pixel counts as room, as far as nothing within ``MARGIN_PX`` is more."""
MARGIN_PX = 2
"""On the small picture; a matte that is a little too small leaves a rim of the person."""
JUDGE_S = 0.2
"""How often a quiet room is compared in full."""
DARK, BRIGHT = 16, 245
"""Levels outside which a pixel tells nothing of the gain."""
LEAST_MEASURED_PX = 40
"""Pixels of the coarse picture that must tell of the gain."""
OTHER = 48
"""A pixel's difference, in levels, is counted up to this: somebody without a matte who walks by is no cut."""
FLOW_PX = 15
"""Side of the window in which a corner is looked for."""
CORNERS, LEAST_CORNERS, CORNER_DISTANCE_PX = 100, 10, 8
"""Corners taken from a keyframe, those that must be found again, and how far apart they are on the fine picture."""
LEAST_AGREEING = 0.6
"""Share of the corners found that must move as one."""
AGREEING = 1 / 320
"""How far from the common movement, as a share of the width, a corner may be and still agree."""
STIR = 0.003
"""Movement within ``JUDGE_S``, as a share of the width, after which a room is looked at in full."""
STIR_LEVELS = 4.0
"""The same for what no small movement explains, in levels. Sensor noise is below 2 on the coarse picture."""
DEAD_ZONE = 0.0035
"""A camera that moves less than this share of the width stands still."""
REST, REST_S = 0.0025, 0.5
"""It has come to rest when it moved no more than this share of the width for so long."""
EASE_S = 0.1
"""Time constant with which the plate makes up for the dead zone when the camera begins to move."""
RUNAWAY, LOST_S = 0.25, 1.0
"""Movement, as a share of the width, and time without a match, after which no rest is waited for."""
GAIN_S, GAIN_DEAD_ZONE = 0.25, 0.02
"""Time constant of the gain, and the change in log gain that it ignores."""
LIGHT_DRIFT = 0.1
"""Change of log gain within half of ``settle_s`` up to which the light is settled."""

STILL: Pose = np.eye(2, 3)


@dataclass(frozen=True, slots=True)
class KeyframePolicy:
    """From which changes on a new plate is painted. Smaller ones only move and brighten the one that stands."""

    cut: float = 18.0
    """Mean difference in levels of 0..255, gain and white balance allowed for, from which it is another room."""
    light: float = 0.35
    """Absolute log gain from which the room counts as lit differently."""
    shift: float = 0.03
    """How far a corner of the picture must have moved, as a share of the width, when the camera has come to rest."""
    settle_s: float = 0.4
    """How long the new state must have lasted, in seconds."""
    min_interval_s: float = 4.0
    """Time between two keyframes, at least, in seconds."""
    interval_s: float | None = None
    """Age in seconds at which a plate is painted anew without any change; None = never."""
    min_room: float = 0.12
    """Share of the picture that must be room in both frames; with less there is no verdict."""


@dataclass(frozen=True, slots=True)
class View:
    """How the room of a frame relates to the keyframe."""

    reason: Reason | None
    """A new plate is due now, and stays due until ``keep``."""
    gain: float
    """Brightness of the room now over the keyframe's, smoothed; 1.0 when unknown."""
    motion: NDArray[np.float32] | None
    """Similarity ``(2, 3)`` from keyframe to frame, x and y both divided by the width; None = the camera stands still.

    The origin is the upper left corner of the picture, not the centre of its first pixel.
    """


@dataclass(frozen=True, slots=True, eq=False)
class _Small:
    """A frame at the sizes at which it is compared."""

    colours: Image
    fine: Image
    coarse: NDArray[np.float32]
    room: NDArray[np.uint8]
    """1 where the small picture surely shows the room, else 0."""

    @property
    def aspect(self) -> float:
        return self.colours.shape[0] / self.colours.shape[1]


class RoomWatch:
    """Compares every frame with the keyframe. Not thread-safe.

    Args:
        policy: from which changes on a new plate is due.
    """

    def __init__(self, policy: KeyframePolicy = KeyframePolicy()) -> None:
        self._policy = policy
        self.reset()

    def reset(self) -> None:
        """Forget the keyframe: the next frame starts another scene."""
        self._key: _Small | None = None
        self._kept_s = 0.0

    def keep(self, image: Image, alpha: Alpha, pts_s: float) -> None:
        """Make this frame the keyframe: a plate is ordered for it.

        Args:
            image: RGB uint8 ``(h, w, 3)``.
            alpha: float32 ``(h, w)``, of this very picture.
            pts_s: its presentation time in seconds.
        """
        self._kept_s = pts_s
        self._compare_with(_make_small(image, alpha), pts_s)

    def look(self, image: Image, alpha: Alpha, pts_s: float) -> View:
        """Compare a frame with the keyframe. To be called for every frame, in order.

        Args:
            image: RGB uint8 ``(h, w, 3)``; when the size changes, that is another scene.
            alpha: float32 ``(h, w)``, of this very picture.
            pts_s: its presentation time in seconds.
        """
        now = _make_small(image, alpha)
        if self._key is None or self._key.colours.shape != now.colours.shape:
            return View("first", 1.0, None)
        if self._key.room.mean() < self._policy.min_room <= now.room.mean():
            self._compare_with(now, pts_s)  # whoever filled the keyframe would else hide every later change
        shared = self._then.room & now.room
        if shared.mean() < self._policy.min_room:
            self._since.clear()
            return self._view(None)
        gain = _brightness(now.coarse, self._then.coarse, shared) or self._gain
        stirs = self._anchor.stirs(now)
        if stirs or self._stance.moves or self._since or pts_s - self._judged_s >= JUDGE_S:
            self._judge(now, gain, stirs, pts_s)
        if not self._lost:
            self._gain = gain
        self._follow_light(pts_s)
        return self._view(self._due(pts_s))

    def _compare_with(self, key: _Small, pts_s: float) -> None:
        self._key = self._then = key
        self._corners, self._anchor, self._stance = _Corners(key), _Anchor(key), _Stance(key.aspect, pts_s)
        self._gain, self._log_gain, self._gain_moves, self._lost = 1.0, 0.0, False, False
        self._light: deque[tuple[float, float]] = deque()
        self._since: dict[Reason, float] = {}
        self._judged_s = self._seen_s = pts_s

    def _view(self, reason: Reason | None) -> View:
        shown = self._stance.shown
        return View(reason, math.exp(self._log_gain), None if shown is STILL else shown.astype(np.float32))

    def _judge(self, now: _Small, gain: float, stirs: bool, pts_s: float) -> None:
        """Find where the camera looks, and whether that explains what is seen."""
        assert self._key is not None
        pose = self._corners.find(now, gain, self._stance.pose)
        then = self._then if pose is None else _move(self._key, pose)
        self._lost = _difference(now, then) > self._policy.cut
        if pose is None or self._lost:
            self._stance.take(self._stance.pose, pts_s)
            if stirs:
                self._stance.since_s = pts_s
        else:
            self._then = then
            self._stance.take(pose, pts_s)
        self._anchor = _Anchor(now)
        self._judged_s = pts_s

    def _follow_light(self, pts_s: float) -> None:
        # The median leaves a flash out; the dead zone lets the caller use one brightened plate for many frames.
        self._light.append((pts_s, math.log(self._gain)))
        while self._light[0][0] < pts_s - self._policy.settle_s:
            self._light.popleft()
        off = float(np.median([level for _, level in self._light])) - self._log_gain
        self._gain_moves = abs(off) > (GAIN_DEAD_ZONE / 8 if self._gain_moves else GAIN_DEAD_ZONE)
        if self._gain_moves:
            self._log_gain += off * -math.expm1(-max(0.0, pts_s - self._seen_s) / GAIN_S)
        self._seen_s = pts_s

    def _light_settled(self) -> bool:
        levels = [level for _, level in self._light]
        half = len(levels) // 2
        return half > 0 and abs(float(np.mean(levels[:half]) - np.mean(levels[half:]))) < LIGHT_DRIFT

    def _due(self, pts_s: float) -> Reason | None:
        policy, age_s, moved = self._policy, pts_s - self._kept_s, self._stance.moved
        rests = pts_s - self._stance.since_s >= policy.settle_s
        changes: dict[Reason, bool] = {
            "cut": self._lost,
            "camera": moved > policy.shift,
            "light": not self._lost and abs(math.log(self._gain)) > policy.light,
            "interval": policy.interval_s is not None and age_s >= policy.interval_s,
        }
        self._since = {reason: self._since.get(reason, pts_s) for reason, changed in changes.items() if changed}
        if age_s < policy.min_interval_s:
            return None
        for reason, since_s in self._since.items():
            lasted_s = pts_s - since_s
            ready = rests
            if reason == "cut":
                ready = rests or lasted_s >= LOST_S
            elif reason == "camera":
                ready = rests or moved > RUNAWAY
            elif reason == "light":
                ready = self._light_settled()
            if ready and lasted_s >= policy.settle_s:
                return reason
        return None


class _Stance:
    """How the plate stands: exactly still while the camera does, on the camera's heels while it moves."""

    def __init__(self, aspect: float, pts_s: float) -> None:
        self._edges = np.array([[0, 1, 0, 1], [0, 0, aspect, aspect], [1, 1, 1, 1]])
        self.pose = self.shown = self._rest = self._slack = STILL
        self._begun_s = self.since_s = pts_s
        self.moves = False

    @property
    def moved(self) -> float:
        """How far the picture's corner has moved that moved furthest, as a share of the width."""
        return self._apart(self.pose, STILL)

    def take(self, pose: Pose, pts_s: float) -> None:
        """Take the camera's pose in a frame."""
        self.pose = pose
        if self._apart(pose, self._rest) > REST:
            self._rest, self.since_s = pose, pts_s
        if not self.moves and self._apart(pose, self.shown) > DEAD_ZONE:
            self.moves, self._begun_s, self._slack = True, pts_s, self.shown - pose
        if self.moves:
            self.shown = pose + self._slack * math.exp((self._begun_s - pts_s) / EASE_S)
            self.moves = pts_s - self.since_s < REST_S
            if not self.moves and self._apart(self.shown, STILL) < REST / 2:
                self.shown = STILL

    def _apart(self, one: Pose, other: Pose) -> float:
        return float(np.linalg.norm((one - other) @ self._edges, axis=0).max())


class _Corners:
    """The keyframe's corners, to be found again in later frames."""

    def __init__(self, key: _Small) -> None:
        self._picture = key.fine
        mask = cv2.resize(key.room, key.fine.shape[::-1], interpolation=cv2.INTER_NEAREST)
        found = cv2.goodFeaturesToTrack(key.fine, CORNERS, 0.01, CORNER_DISTANCE_PX, mask=mask)
        self._points = np.empty((0, 2), np.float32) if found is None else found.reshape(-1, 2)

    def find(self, now: _Small, gain: float, near: Pose) -> Pose | None:
        """The pose of a frame, looked for near another one; None when too few corners agree."""
        width = now.fine.shape[1]
        guess = (((self._points + 0.5) @ near[:, :2].T + near[:, 2] * width) - 0.5).astype(np.float32)
        x, y = (guess / FINE).round().astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < now.room.shape[1]) & (y < now.room.shape[0])
        inside[inside] = now.room[y[inside], x[inside]] > 0
        if inside.sum() < LEAST_CORNERS:
            return None
        points = self._points[inside]
        picture = cv2.convertScaleAbs(now.fine, alpha=1 / gain)
        window = (FLOW_PX, FLOW_PX)
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            self._picture,
            picture,
            points,
            guess[inside],
            winSize=window,
            maxLevel=2,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        followed = status.ravel() == 1
        if followed.sum() < LEAST_CORNERS:
            return None
        cv2.setRNGSeed(0)  # else the answer hangs on what else has drawn from OpenCV's random numbers
        pose, agreeing = cv2.estimateAffinePartial2D(
            (points[followed] + 0.5) / width, (found[followed] + 0.5) / width, ransacReprojThreshold=AGREEING
        )
        return pose if pose is not None and agreeing.mean() >= LEAST_AGREEING else None


class _Anchor:
    """A recent frame, to see at little cost that something begins to change.

    One step of Lucas and Kanade's method for the whole room at once (``Baker 2004``): how the picture would have to
    move for its slopes to explain the difference.
    """

    def __init__(self, frame: _Small) -> None:
        self._picture, self._room = frame.coarse, frame.room
        height, width = frame.coarse.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x, y = (x - width / 2) / width, (y - height / 2) / width
        self._width = width
        slope_y, slope_x = np.gradient(frame.coarse)
        parts = (slope_x, slope_y, x * slope_x + y * slope_y, x * slope_y - y * slope_x, frame.coarse)
        self._slopes = np.stack(parts, axis=2).reshape(-1, len(parts))

    def stirs(self, frame: _Small) -> bool:
        """Whether the camera seems to have moved, or something else to have happened."""
        room = (self._room & frame.room)[::COARSE, ::COARSE].ravel() > 0
        slopes, change = self._slopes[room], (frame.coarse - self._picture).ravel()[room]
        # What noise alone gives a flat wall of slopes must not look like a movement.
        normal = slopes.T @ slopes + np.eye(slopes.shape[1], dtype=np.float32)
        steps = np.linalg.solve(normal, slopes.T @ change)
        left = float(np.abs(change - slopes @ steps).mean()) if change.size else 0.0
        shift = math.hypot(steps[0], steps[1]) / self._width + math.hypot(steps[2], steps[3]) / self._width / 2
        return bool(shift > STIR) or left > STIR_LEVELS


def _make_small(image: Image, alpha: Alpha) -> _Small:
    height, width = image.shape[:2]
    scale = LONG_SIDE_PX / max(width, height) / COARSE
    coarse = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    size = Size(coarse.width * COARSE, coarse.height * COARSE)
    colours = shrink(image, Size(size.width * FINE, size.height * FINE))
    fine = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    room = (cv2.resize(alpha, size, interpolation=cv2.INTER_NEAREST) < SURE_ROOM).astype(np.uint8)
    room = cv2.erode(room, np.ones((2 * MARGIN_PX + 1, 2 * MARGIN_PX + 1), np.uint8))
    return _Small(shrink(colours, size), fine, shrink(fine, coarse).astype(np.float32), room)


def _move(key: _Small, pose: Pose) -> _Small:
    """The keyframe as the camera would see it from there; what it never saw is no room."""
    height, width = key.room.shape
    matrix = pose.copy()
    matrix[:, 2] = pose[:, 2] * width + pose[:, :2] @ (0.5, 0.5) - 0.5
    colours = cv2.warpAffine(key.colours, matrix, (width, height))
    room = cv2.warpAffine(key.room, matrix, (width, height), flags=cv2.INTER_NEAREST)
    coarse = shrink(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), Size(width // COARSE, height // COARSE))
    return _Small(colours, key.fine, coarse.astype(np.float32), room)


def _brightness(now: NDArray[np.float32], then: NDArray[np.float32], shared: NDArray[np.uint8]) -> float | None:
    """Median gain of the room; None where it is too dark, or too bright, to tell."""
    told = (shared[::COARSE, ::COARSE] > 0) & (np.minimum(now, then) > DARK) & (np.maximum(now, then) < BRIGHT)
    ratios = now[told] / then[told]
    return float(np.median(ratios)) if ratios.size >= LEAST_MEASURED_PX else None


def _difference(now: _Small, then: _Small) -> float:
    """Mean difference of the room in levels, after each colour's gain."""
    shared = now.room & then.room
    means = [np.array(cv2.mean(picture.colours, mask=shared)[:3]) for picture in (now, then)]
    gains = (means[0] + 1) / (means[1] + 1)
    apart = cv2.absdiff(now.colours, cv2.multiply(then.colours, (*gains, 0)))
    return float(np.mean(cv2.mean(np.minimum(apart, OTHER), mask=shared)[:3]))
