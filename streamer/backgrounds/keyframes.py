"""When a new plate is to be painted, and how the one that stands must move and brighten until then.

Every frame is compared with the keyframe, where both show the room and not the person. All times are the frames' own,
so that the same video gives the same answers.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.backgrounds.room_motion import STILL, Anchor, Corners, SmallFrame, Stance, make_small, move
from streamer.frames import Alpha, Area, Image

Reason: TypeAlias = Literal["first", "prompt", "cut", "camera", "light", "interval"]
"""Why a plate is due. ``prompt`` is for whoever takes new prompts: the room does not show it."""
JUDGE_S = 0.2
"""How often a quiet room is compared in full."""
DARK, BRIGHT = 16, 245
"""Levels outside which a pixel tells nothing of the gain."""
LEAST_MEASURED = 40
"""Pixels of about a thousand that must tell of the gain."""
LEAST_SHARED = 0.05
"""Share of the picture that must be left to compare when the camera has moved; with less it looks elsewhere."""
RUNAWAY, LOST_S = 0.25, 1.0
"""Movement, as a share of the width, and time without a match, after which no rest is waited for."""
GAIN_S, GAIN_DEAD_ZONE, GAIN_REACHED = 0.25, 0.02, 0.0025
"""Time constant of the gain, the change of log gain that sets it going, and how near it comes. In between it is the
same for many frames, and so can be the brightened plate."""
LIGHT_DRIFT = 0.1
"""Change of log gain within half of ``settle_s`` up to which the light is settled."""


@dataclass(frozen=True, slots=True)
class KeyframePolicy:
    """From which changes on a new plate is painted. Smaller ones only move and brighten the one that stands."""

    cut: float = 14.0
    """Median difference in levels of 0..255, gain and white balance allowed for, from which it is another room.

    Of 11,175 pairs of photographed rooms one in two thousand differ by less, half of them by 48 and more. One room
    under another exposure, its white wall blown out, differed from itself by 11.
    """
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


class RoomWatch:
    """Compares every frame with the keyframe. Not thread-safe.

    Args:
        policy: from which changes on a new plate is due.
        picture: where in each frame the picture lies; None = everywhere. Black bars beside it never change.
    """

    def __init__(self, policy: KeyframePolicy = KeyframePolicy(), picture: Area | None = None) -> None:
        self._policy = policy
        self._picture = picture
        self._comparison: _Comparison | None = None

    def reset(self) -> None:
        """Forget the keyframe: the next frame starts another scene."""
        self._comparison = None

    def keep(self, image: Image, alpha: Alpha, pts_s: float) -> None:
        """Make this frame the keyframe: a plate is ordered for it.

        Args:
            image: RGB uint8 ``(h, w, 3)``.
            alpha: float32 ``(h, w)``, of this very picture.
            pts_s: its presentation time in seconds.
        """
        self._comparison = _Comparison(self._policy, self._small(image, alpha), pts_s)

    def look(self, image: Image, alpha: Alpha, pts_s: float) -> View:
        """Compare a frame with the keyframe. To be called for every frame, in order.

        Args:
            image: RGB uint8 ``(h, w, 3)``; another size is another scene.
            alpha: float32 ``(h, w)``, of this very picture.
            pts_s: its presentation time in seconds.
        """
        now = self._small(image, alpha)
        comparison = self._comparison
        if comparison is None or comparison.key.coarse.shape != now.coarse.shape:
            return View("first", 1.0, None)
        policy = self._policy
        if comparison.key.room.mean() < policy.min_room <= now.room.mean():
            # Whoever filled the keyframe would else hide every later change.
            comparison = self._comparison = _Comparison(policy, now, comparison.kept_s)
        view = comparison.look(now, pts_s)
        if self._picture is None or view.motion is None:
            return view
        return replace(view, motion=_of_the_frame(view.motion, self._picture, image.shape[1]))

    def _small(self, image: Image, alpha: Alpha) -> SmallFrame:
        if self._picture is None:
            return make_small(image, alpha)
        return make_small(image[self._picture.slices], alpha[self._picture.slices])


def _of_the_frame(motion: NDArray[np.float32], picture: Area, width_px: int) -> NDArray[np.float32]:
    """The motion of the picture, in its own width and from its own corner, as that of a frame that holds it."""
    linear, corner = motion[:, :2], np.array((picture.left, picture.top))
    shift = (motion[:, 2] * picture.width + corner - linear @ corner) / width_px
    return np.column_stack((linear, shift)).astype(np.float32)


class _Comparison:
    """A keyframe, and what has become of its room."""

    def __init__(self, policy: KeyframePolicy, key: SmallFrame, kept_s: float) -> None:
        self.key = key
        self.kept_s = kept_s
        self._policy = policy
        self._seen = key  # as the camera would see the keyframe from where it stands now
        self._corners, self._anchor = Corners(key), Anchor(key)
        self._stance = Stance(key.room.shape[0] / key.room.shape[1], kept_s)
        self._light = _Light(policy.settle_s, kept_s)
        self._is_lost = False
        self._judged_s = self._anchored_s = kept_s
        self._since_s: dict[Reason, float] = {}

    def look(self, now: SmallFrame, pts_s: float) -> View:
        if (self.key.room & now.room).mean() < self._policy.min_room:
            self._since_s.clear()
            return self._view(None)
        gain = _brightness(now, self._seen) or self._light.last
        stirs = self._anchor.stirs(now)
        if stirs or self._stance.moves or self._since_s or pts_s - self._judged_s >= JUDGE_S:
            self._judge(now, gain, stirs, pts_s)
        self._light.take(self._light.last if self._is_lost else gain, pts_s)
        return self._view(self._due(pts_s))

    def _view(self, reason: Reason | None) -> View:
        shown = self._stance.shown
        return View(reason, self._light.gain, None if shown is STILL else shown.astype(np.float32))

    def _judge(self, now: SmallFrame, gain: float, stirs: bool, pts_s: float) -> None:
        """Find where the camera looks, and whether that explains what is seen."""
        pose = self._corners.find(now, gain, self._stance.pose)
        seen = self._seen if pose is None else move(self.key, pose)
        self._is_lost = _difference(now, seen) > self._policy.cut
        if pose is None or self._is_lost:
            self._stance.take(self._stance.pose, pts_s)
            if stirs:
                self._stance.stir(pts_s)
        else:
            self._seen = seen
            self._stance.take(pose, pts_s)
        if stirs or pts_s - self._anchored_s >= JUDGE_S:  # a fresh one every frame would not see slow movement
            self._anchor, self._anchored_s = Anchor(now), pts_s
        self._judged_s = pts_s

    def _due(self, pts_s: float) -> Reason | None:
        policy, moved, age_s = self._policy, self._stance.moved, pts_s - self.kept_s
        rests = pts_s - self._stance.rests_since_s >= policy.settle_s
        changed: dict[Reason, bool] = {
            "cut": self._is_lost,
            "camera": moved > policy.shift,
            "light": not self._is_lost and abs(math.log(self._light.last)) > policy.light,
            "interval": policy.interval_s is not None and age_s >= policy.interval_s,
        }
        self._since_s = {reason: self._since_s.get(reason, pts_s) for reason in changed if changed[reason]}
        lasted_s = {reason: pts_s - since_s for reason, since_s in self._since_s.items()}
        settled: dict[Reason, bool] = {
            "cut": rests or lasted_s.get("cut", 0) >= LOST_S,
            "camera": rests or moved > RUNAWAY,
            "light": self._light.is_settled,
            "interval": rests,
        }
        if age_s < policy.min_interval_s:
            return None
        return next((reason for reason in lasted_s if settled[reason] and lasted_s[reason] >= policy.settle_s), None)


class _Light:
    """The brightness of the room over the keyframe's."""

    def __init__(self, settle_s: float, pts_s: float) -> None:
        self._settle_s = settle_s
        self._logs: deque[tuple[float, float]] = deque()
        self._smooth_log = 0.0
        self._moves = False
        self._taken_s = pts_s
        self.last = 1.0

    @property
    def gain(self) -> float:
        """Smoothed."""
        return math.exp(self._smooth_log)

    @property
    def is_settled(self) -> bool:
        logs = [log for _, log in self._logs]
        half = len(logs) // 2
        return half > 0 and abs(fmean(logs[:half]) - fmean(logs[half:])) < LIGHT_DRIFT

    def take(self, gain: float, pts_s: float) -> None:
        """Take the gain of a frame. The median leaves a flash out."""
        self.last = gain
        self._logs.append((pts_s, math.log(gain)))
        while self._logs[0][0] < pts_s - self._settle_s:
            self._logs.popleft()
        off = median(log for _, log in self._logs) - self._smooth_log
        self._moves = abs(off) > (GAIN_REACHED if self._moves else GAIN_DEAD_ZONE)
        if self._moves:
            self._smooth_log -= off * math.expm1(min(0.0, self._taken_s - pts_s) / GAIN_S)
        self._taken_s = pts_s


def _brightness(now: SmallFrame, then: SmallFrame) -> float | None:
    """Median gain of the room; None where it is too dark, or too bright, to tell."""
    now_grey, then_grey = now.grey[::2, ::2], then.grey[::2, ::2]
    told = (now.sparse_room & then.sparse_room) > 0
    told &= (np.minimum(now_grey, then_grey) > DARK) & (np.maximum(now_grey, then_grey) < BRIGHT)
    ratios = np.sort(now_grey[told] / then_grey[told])
    return float(ratios[ratios.size // 2]) if ratios.size >= LEAST_MEASURED else None


def _difference(now: SmallFrame, then: SmallFrame) -> float:
    """Median difference of the room in levels, after each colour's gain; endless where too little is seen of both.

    Medians, so that somebody without a matte who walks by is no other room.
    """
    shared = (now.sparse_room & then.sparse_room) > 0
    if shared.mean() < LEAST_SHARED:
        return math.inf
    now_colours = now.coarse[::2, ::2][shared].astype(np.float32)
    then_colours = then.coarse[::2, ::2][shared].astype(np.float32)
    gains = np.median((now_colours + 1) / (then_colours + 1), axis=0)
    return float(np.median(np.abs(now_colours - then_colours * gains).mean(axis=1)))
