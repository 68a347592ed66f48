"""How the room of one frame lies in another: found by the corners of the room, and watched for at little cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink

Pose: TypeAlias = NDArray[np.float64]
"""Similarity ``(2, 3)`` from the keyframe to a frame; the picture is 1 wide, the origin its upper left corner."""

LONG_SIDE_PX = 160
"""Longer side of the small picture."""
FINE = 2
"""Corners are followed on a picture this many times finer. In photographed rooms (720p, noise of sigma 5) the pose is
then off by 0.015 % of the width, 0.09 % at most; on the small picture it would be three times that."""
COARSE = 2
"""Colours, and what stirs, are compared on a picture this many times coarser, on every second pixel each way."""
SURE_ROOM = 0.05
"""Alpha below which a pixel counts as room, as far as nothing within ``MARGIN_PX`` is more."""
MARGIN_PX = 2
"""On the small picture; a matte that is a little too small leaves a rim of the person."""
CORNERS, LEAST_CORNERS, CORNER_DISTANCE_PX = 80, 10, 8
"""Corners taken from a keyframe, those that must agree, and how far apart they are on the fine picture."""
CORNER_BLOCK_PX = 3
"""Side of the square over which slopes make a corner."""
CORNER_SHARPNESS = 1.5e-4
"""Least eigenvalue of the slopes at a corner, as OpenCV counts it. Noise of sigma 4 makes 0.9e-4 of a blank wall, on a
picture 320 wide; the twentieth corner of each of 40 photographed rooms has 9e-4 and more."""
FLOW_PX, FLOW_HALVINGS = 15, 2
"""Side of the window in which a corner is looked for, and how often the picture is halved for it: 6 % in a frame."""
AGREEING, LEAST_AGREEING = 1 / 320, 0.4
"""How far from the common movement a corner may be, as a share of the width, and the share that must be as near."""
STIR = 0.003
"""Movement from the anchor, as a share of the width, after which the room is looked at in full."""
STIR_LEVELS = 4.0
"""The same for what no movement explains. Noise of sigma 4 on a picture 320 wide makes 0.8 of it."""
DEAD_ZONE = 0.0035
"""A camera that moves less than this share of the width stands still: four pixels of 1280."""
REST, REST_S = 0.0025, 0.5
"""It has come to rest when it moved no more than this share of the width for so long."""
BACK = 0.00125
"""It is back where the keyframe was taken when it is no further away than this share of the width."""
EASE_S = 0.1
"""Time constant with which the plate makes up for the dead zone when the camera begins to move."""

STILL: Pose = np.eye(2, 3)
"""The camera stands where the keyframe was taken."""


@dataclass(frozen=True, slots=True, eq=False)
class SmallFrame:
    """A frame at the sizes at which it is compared."""

    room: NDArray[np.uint8]
    """``(h, w)``: 1 where the frame surely shows the room, else 0."""
    fine: Image
    """Grey uint8 ``(2 h, 2 w)``, smoothed a little."""
    coarse: Image
    """RGB uint8 ``(h / 2, w / 2, 3)``."""
    grey: NDArray[np.float32]
    """Brightness of ``coarse``, levels 0..255."""

    @property
    def sparse_room(self) -> NDArray[np.uint8]:
        """The room at every second pixel of every second row of the coarse picture: enough for medians."""
        return self.room[:: 2 * COARSE, :: 2 * COARSE]


def make_small(image: Image, alpha: Alpha) -> SmallFrame:
    """Shrink a frame, RGB uint8 ``(h, w, 3)``, with its alpha, float32 ``(h, w)``."""
    height, width = image.shape[:2]
    scale = LONG_SIDE_PX / max(width, height) / COARSE
    coarse_size = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    size = Size(coarse_size.width * COARSE, coarse_size.height * COARSE)
    colours = shrink(image, Size(size.width * FINE, size.height * FINE))
    fine = cv2.GaussianBlur(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    room = (cv2.resize(alpha, size, interpolation=cv2.INTER_NEAREST) < SURE_ROOM).astype(np.uint8)
    room = cv2.erode(room, np.ones((2 * MARGIN_PX + 1, 2 * MARGIN_PX + 1), np.uint8))
    coarse = shrink(colours, coarse_size)
    return SmallFrame(room, fine, coarse, _grey(coarse))


def move(frame: SmallFrame, pose: Pose) -> SmallFrame:
    """The frame as the camera would see it from that pose; what it never saw is no room. ``fine`` is left as it is."""
    room = cv2.warpAffine(frame.room, _in_pixels(pose, frame.room), frame.room.shape[::-1], flags=cv2.INTER_NEAREST)
    coarse = cv2.warpAffine(frame.coarse, _in_pixels(pose, frame.coarse), frame.grey.shape[::-1])
    return SmallFrame(room, frame.fine, coarse, _grey(coarse))


def _in_pixels(pose: Pose, picture: NDArray[np.uint8]) -> Pose:
    """The pose for a picture of that size, from the centre of its first pixel."""
    shift = pose[:, 2:] * picture.shape[1] + pose[:, :2] @ ((0.5,), (0.5,)) - 0.5
    return np.hstack((pose[:, :2], shift))


def _grey(colours: Image) -> NDArray[np.float32]:
    grey: Image = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32)


class Corners:
    """The corners of the keyframe's room, to be found again in later frames.

    Args:
        key: the keyframe.
    """

    def __init__(self, key: SmallFrame) -> None:
        self._picture = key.fine
        mask = cv2.resize(key.room, key.fine.shape[::-1], interpolation=cv2.INTER_NEAREST)
        sharpest = float((cv2.cornerMinEigenVal(key.fine, CORNER_BLOCK_PX) * mask).max())
        quality = CORNER_SHARPNESS / max(sharpest, CORNER_SHARPNESS)
        found = None
        if quality < 1:
            found = cv2.goodFeaturesToTrack(
                key.fine, CORNERS, quality, CORNER_DISTANCE_PX, mask=mask, blockSize=CORNER_BLOCK_PX
            )
        self._points = np.empty((0, 2), np.float32) if found is None else found.reshape(-1, 2)

    def find(self, now: SmallFrame, gain: float, near: Pose) -> Pose | None:
        """The pose of a frame, looked for near another one; None when too few corners agree.

        Args:
            now: the frame.
            gain: its brightness over the keyframe's.
            near: the pose of the frame before.
        """
        width = now.fine.shape[1]
        guess = (((self._points + 0.5) @ near[:, :2].T + near[:, 2] * width) - 0.5).astype(np.float32)
        x, y = (guess / FINE).round().astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < now.room.shape[1]) & (y < now.room.shape[0])
        inside[inside] = now.room[y[inside], x[inside]] > 0
        if inside.sum() < LEAST_CORNERS:
            return None
        points = self._points[inside]
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            self._picture,
            cv2.convertScaleAbs(now.fine, alpha=1 / gain),
            points,
            guess[inside],
            winSize=(FLOW_PX, FLOW_PX),
            maxLevel=FLOW_HALVINGS,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        followed = status.ravel() == 1
        if followed.sum() < LEAST_CORNERS:  # with less than two nothing can be fitted
            return None
        cv2.setRNGSeed(0)  # else the answer may hang on what else has drawn from OpenCV's random numbers
        pose, agreeing = cv2.estimateAffinePartial2D(
            (points[followed] + 0.5) / width, (found[followed] + 0.5) / width, ransacReprojThreshold=AGREEING
        )
        if pose is None or agreeing.sum() < max(LEAST_CORNERS, LEAST_AGREEING * len(agreeing)):
            return None
        return pose


class Anchor:
    """A recent frame, to see at little cost that something begins to change.

    One step of Lucas and Kanade's method for the whole room at once: how the picture would have to move and brighten
    for its slopes to explain the difference. It sees a quarter of a pixel, where the mean difference of two pictures
    drowns in the noise.

    Args:
        frame: to compare with.
    """

    def __init__(self, frame: SmallFrame) -> None:
        self._picture, self._room = frame.grey[::2, ::2], frame.sparse_room
        height, width = frame.grey.shape
        self._width_px = width
        gradient: list[NDArray[np.float32]] = list(np.gradient(frame.grey))
        slope_y, slope_x = (slope[::2, ::2] for slope in gradient)
        x = ((np.arange(0, width, 2, dtype=np.float32) - width / 2) / width)[None, :]
        y = ((np.arange(0, height, 2, dtype=np.float32) - height / 2) / width)[:, None]
        parts = (slope_x, slope_y, x * slope_x + y * slope_y, x * slope_y - y * slope_x, self._picture)
        self._slopes = np.stack(parts, axis=2).reshape(-1, len(parts))

    def stirs(self, frame: SmallFrame) -> bool:
        """Whether the camera seems to have moved, or something else than the light to have changed."""
        shared = (self._room & frame.sparse_room).astype(np.float32).reshape(-1, 1)
        slopes = self._slopes * shared
        change = (frame.grey[::2, ::2] - self._picture).ravel() * shared[:, 0]
        # Without it the noise of a flat wall, which has no slopes, would look like a movement.
        normal = slopes.T @ slopes + np.eye(slopes.shape[1], dtype=np.float32)
        right, down, grown, turned, _ = steps = np.linalg.solve(normal, slopes.T @ change)
        shift_px = math.hypot(right, down) + math.hypot(grown, turned) / 2
        left = float(np.abs(change - slopes @ steps).sum()) / max(1.0, float(shared.sum()))
        return shift_px > STIR * self._width_px or left > STIR_LEVELS


class Stance:
    """Where the plate stands: exactly still while the camera does, on the camera's heels while it moves.

    Args:
        aspect: the picture's height over its width.
        pts_s: presentation time of the keyframe in seconds.
    """

    def __init__(self, aspect: float, pts_s: float) -> None:
        self._edges = np.array([[0, 1, 0, 1], [0, 0, aspect, aspect], [1, 1, 1, 1]])
        self._rest = self._slack = STILL
        self._begun_s = pts_s
        self.pose = STILL
        """The camera's, as it was found last."""
        self.shown = STILL
        """The plate's."""
        self.moves = False
        """Whether every frame must be looked at."""
        self.rests_since_s = pts_s

    @property
    def moved(self) -> float:
        """How far that corner of the picture has moved that moved furthest, as a share of the width."""
        return self._apart(self.pose, STILL)

    def take(self, pose: Pose, pts_s: float) -> None:
        """Take the camera's pose in a frame."""
        self.pose = pose
        if self._apart(pose, self._rest) > REST:
            self._rest, self.rests_since_s = pose, pts_s
        is_back = self._apart(pose, STILL) < BACK
        if not self.moves and (self._apart(pose, self.shown) > DEAD_ZONE or (is_back and self.shown is not STILL)):
            self.moves, self._begun_s, self._slack = True, pts_s, self.shown - pose
        if self.moves:
            self.shown = pose + self._slack * math.exp((self._begun_s - pts_s) / EASE_S)
            self.moves = pts_s - self.rests_since_s < REST_S
            if not self.moves and is_back:
                self.shown = STILL

    def stir(self, pts_s: float) -> None:
        """The camera may have moved, but its pose was not found."""
        self.rests_since_s = pts_s

    def _apart(self, one: Pose, other: Pose) -> float:
        return float(np.linalg.norm((one - other) @ self._edges, axis=0).max())
