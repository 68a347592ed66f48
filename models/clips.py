"""Validation clips with a known matte: people and rooms that no one trains on, moved apart along smooth paths.

What a still cannot show is steadiness, so each clip is a webcam picture that lives: the person sways, leans or keeps
still, the camera stands or is held in the hand, and every frame has sensor noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.augment import place
from models.datasets import CutOut, Picture
from models.scenery import background

SIZE = (512, 288)
"""Width and height: that at which RobustVideoMatting (arXiv 2108.11515) scores its clips."""
FPS = 30
STILL_SHARE, HANDHELD_SHARE = 0.3, 0.3
"""How many of the clips show a person who keeps still, and how many are filmed by hand."""
SHUTTER = 0.5
"""For how much of the time between two frames the shutter is open."""
ROOM_FIRST = 30
"""Frames of the empty room before somebody walks through it."""
SHADOW_SLANT = 0.25
"""How far a shadow falls to the side, as a share of the height above the lower edge."""
ROOM_BELOW = 1.3
"""People are placed on a canvas this many times the clip's height: their bodies go on below the lower edge."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames RGB uint8 ``(t, h, w, 3)`` and their mattes uint8 ``(t, h, w)``, 255 = person."""

    frames: Picture
    mattes: Picture


def make_clips(people: Sequence[CutOut], rooms: Sequence[Picture], *, count: int, length: int) -> Iterator[Clip]:
    """``count`` clips of ``length`` frames, the same ones for the same people and rooms."""
    for number in range(count):
        rng = np.random.default_rng([number, 2026])
        yield _clip(rng, people[int(rng.integers(len(people)))], rooms[int(rng.integers(len(rooms)))], length)


def make_entrances(people: Sequence[CutOut], rooms: Sequence[Picture], *, count: int, length: int) -> Iterator[Clip]:
    """Clips in which somebody comes in from one side, and half of the time leaves by the other: likewise the same ones.

    In half of them it is the camera that pans.
    """
    for number in range(count):
        rng = np.random.default_rng([number, 2027])
        yield _entrance(rng, people[int(rng.integers(len(people)))], rooms[int(rng.integers(len(rooms)))], length)


def make_walks(people: Sequence[CutOut], rooms: Sequence[Picture], *, count: int, length: int) -> Iterator[Clip]:
    """Clips in which somebody walks through a room that the first ``ROOM_FIRST`` frames show empty: the same ones, too.

    The camera stands still, and their soft shadow lies on the room. ``length`` is that of the walk alone.
    """
    for number in range(count):
        rng = np.random.default_rng([number, 2028])
        yield _walk(rng, people[int(rng.integers(len(people)))], rooms[int(rng.integers(len(rooms)))], length)


def _walk(rng: np.random.Generator, person: CutOut, room: Picture, length: int) -> Clip:
    width, height = SIZE
    body, matte = place(rng, person, width, height)
    wall = background(rng, room, width, height)
    speed_px, shade, noise = rng.choice([-1, 1]) * rng.uniform(6, 26), rng.uniform(0.5, 0.9), rng.uniform(1, 4)
    blur_px = max(1, round(abs(speed_px) * SHUTTER))
    share = matte[..., None].astype(np.float32) / 255
    layer = np.dstack((body * share, share))
    frames, mattes = [], []
    for moment in range(-ROOM_FIRST, length):
        at = speed_px * (moment - length / 2)
        moved = np.zeros_like(layer)
        if moment >= 0:
            moved = cv2.warpAffine(layer, np.array([[1, 0, at], [0, 1, 0]]), SIZE, flags=cv2.INTER_LINEAR)
            moved = cv2.blur(moved, (blur_px, 1))
        alpha = moved[..., 3]
        fallen = cv2.warpAffine(alpha, np.array([[1, SHADOW_SLANT, -height / 28], [0, 1, height / 48]]), SIZE)
        light = 1 - (1 - shade) * cv2.GaussianBlur(fallen, (0, 0), height / 40)[..., None]
        picture = moved[..., :3] + (1 - alpha[..., None]) * light * wall + rng.normal(0, noise, (height, width, 3))
        frames.append(picture.round().clip(0, 255).astype(np.uint8))
        mattes.append((alpha * 255).round())
    return Clip(np.stack(frames), np.stack(mattes).astype(np.uint8))


def _entrance(rng: np.random.Generator, person: CutOut, room: Picture, length: int) -> Clip:
    width, height = SIZE
    body, matte = place(rng, person, width, height)
    wall = background(rng, room, 2 * width, height)
    stays, pans = rng.random() < 0.5, rng.random() < 0.5
    speed_px, side, noise = rng.uniform(3, 18), rng.choice([-1, 1]), rng.uniform(1, 4)
    blur_px = max(1, round(speed_px * SHUTTER))
    share = matte[..., None].astype(np.float32) / 255
    layer = np.dstack((body * share, share))
    frames, mattes = [], []
    for moment in range(length):
        away = moment - length / 2
        is_still = stays and away >= 0
        at = 0.0 if is_still else float(side * speed_px * away)
        moved = cv2.warpAffine(layer, np.array([[1, 0, at], [0, 1, 0]]), SIZE, flags=cv2.INTER_LINEAR)
        shift = np.array([[1, 0, (at if pans else 0.0) - width / 2], [0, 1, 0]])
        behind = cv2.warpAffine(wall, shift, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        if not is_still:
            moved = cv2.blur(moved, (blur_px, 1))
            behind = cv2.blur(behind, (blur_px, 1)) if pans else behind
        alpha = moved[..., 3:]
        picture = moved[..., :3] + (1 - alpha) * behind + rng.normal(0, noise, (height, width, 3))
        frames.append(picture.round().clip(0, 255).astype(np.uint8))
        mattes.append((alpha[..., 0] * 255).round())
    return Clip(np.stack(frames), np.stack(mattes).astype(np.uint8))


def _clip(rng: np.random.Generator, person: CutOut, room: Picture, length: int) -> Clip:
    width, height = SIZE
    tall = round(height * ROOM_BELOW)
    body, matte = place(rng, person, width, tall)
    wall = background(rng, room, width + width // 8, height + height // 8)
    is_still, is_handheld = rng.random() < STILL_SHARE, rng.random() < HANDHELD_SHARE
    sway = _path(rng, length, 0.0 if is_still else width * rng.uniform(0.02, 0.09))
    lean = _path(rng, length, 0.0 if is_still else rng.uniform(1, 6))
    shake = _path(rng, length, width * rng.uniform(0.004, 0.02) if is_handheld else 0.0)
    noise = rng.uniform(1, 6)
    frames, mattes = [], []
    for moment in range(length):
        turn = cv2.getRotationMatrix2D((width / 2, tall), float(lean[0, moment]), 1.0)
        turn[:, 2] += sway[:, moment] * (1, 0.3) + shake[:, moment]
        front = cv2.warpAffine(body, turn, (width, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(matte, turn, (width, tall), flags=cv2.INTER_LINEAR)[:height]
        shift = np.array([[1, 0, shake[0, moment] - width // 16], [0, 1, shake[1, moment] - height // 16]])
        behind = cv2.warpAffine(wall, shift, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        share = alpha[..., None].astype(np.float32) / 255
        picture = share * front[:height] + (1 - share) * behind + rng.normal(0, noise, (height, width, 3))
        frames.append(picture.round().clip(0, 255).astype(np.uint8))
        mattes.append(alpha)
    return Clip(np.stack(frames), np.stack(mattes).astype(np.uint8))


def _path(rng: np.random.Generator, length: int, reach: float) -> NDArray[np.float64]:
    """A smooth way about 0, in x and y ``(2, length)``, that goes about ``reach`` far."""
    seconds = np.arange(length) / FPS
    way = np.zeros((2, length))
    for _ in range(3):
        rate_hz, phase = rng.uniform(0.2, 1.2, (2, 1)), rng.uniform(0, 2 * np.pi, (2, 1))
        way += np.sin(2 * np.pi * rate_hz * seconds + phase) / 3
    return reach * way
