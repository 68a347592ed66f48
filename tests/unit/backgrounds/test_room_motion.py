from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.backgrounds.room_motion import (
    DEAD_ZONE,
    REST_S,
    STILL,
    Anchor,
    Corners,
    SmallFrame,
    Stance,
    make_small,
    move,
)
from streamer.frames import Image

HEIGHT, WIDTH = 360, 640
NOBODY = np.zeros((HEIGHT, WIDTH), np.float32)


def similarity(right: float = 0, down: float = 0, zoom: float = 1, turn: float = 0) -> NDArray[np.float64]:
    """About the picture's upper left corner; the picture is 1 wide, the turn in radians."""
    across, along = zoom * math.cos(turn), zoom * math.sin(turn)
    return np.array([[across, -along, right], [along, across, down]])


def picture(pose: NDArray[np.float64] = STILL, seed: int = 0) -> Image:
    """Coarse blots under fine noise, seen from that pose."""
    blots = np.random.default_rng(7).integers(30, 220, (HEIGHT // 16, WIDTH // 16, 3)).astype(np.uint8)
    room = cv2.resize(blots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    matrix = pose.copy()
    matrix[:, 2] = pose[:, 2] * WIDTH + pose[:, :2] @ (0.5, 0.5) - 0.5
    seen = cv2.warpAffine(room, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
    return (seen + np.random.default_rng(seed).normal(0, 4, seen.shape)).clip(0, 255).astype(np.uint8)


def small(pose: NDArray[np.float64] = STILL, seed: int = 0, gain: float = 1) -> SmallFrame:
    return make_small((picture(pose, seed) * gain).astype(np.uint8), NOBODY)


@pytest.mark.parametrize("shape", [(720, 1280), (480, 640), (1280, 720), (117, 200), (768, 1366)])
def test_small_pictures_keep_the_shape_of_the_frame(shape: tuple[int, int]) -> None:
    frame = make_small(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32))
    height, width = frame.room.shape
    assert max(height, width) == 160
    assert height / width == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert frame.fine.shape == (2 * height, 2 * width)
    assert frame.coarse.shape == (height // 2, width // 2, 3)
    assert frame.sparse_room.shape == frame.grey[::2, ::2].shape


def test_what_is_near_a_person_is_no_room() -> None:
    alpha = NOBODY.copy()
    alpha[100:200, 200:300] = 0.06
    room = make_small(picture(), alpha).room
    assert not room[25 - 2 : 50 + 2, 50 - 2 : 75 + 2].any()
    assert room.sum() == room.size - 29 * 29


@pytest.mark.parametrize(
    "pose",
    [
        similarity(right=0.05, down=-0.02),
        similarity(zoom=1.08, right=-0.03),
        similarity(turn=0.05, right=0.02),
    ],
)
def test_corners_find_the_pose_to_a_thousandth_of_the_width_whatever_the_brightness(pose: NDArray[np.float64]) -> None:
    corners = Corners(small())
    for gain in (1.0, 0.6):
        found = corners.find(small(pose, seed=1, gain=gain), gain, STILL)
        assert found is not None
        assert np.abs((found - pose) @ [[0, 1, 0, 1], [0, 0, 0.6, 0.6], [1, 1, 1, 1]]).max() < 0.001


def test_corners_are_not_found_behind_a_person_or_on_a_blank_wall() -> None:
    wall = np.random.default_rng(0).normal(128, 4, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    assert Corners(make_small(wall, NOBODY)).find(make_small(wall, NOBODY), 1.0, STILL) is None
    assert Corners(small()).find(make_small(picture(), NOBODY + 1), 1.0, STILL) is None


def test_moved_keyframe_ends_where_the_keyframe_did() -> None:
    moved = move(small(), similarity(right=0.1))
    assert not moved.room[:, :15].any()
    assert moved.room[:, 17:].all()


def test_moved_keyframe_looks_like_the_frame() -> None:
    pose = similarity(right=0.1)
    frame = small(pose, seed=1)
    assert np.abs(move(small(), pose).grey - frame.grey)[:, 9:].mean() < 2
    assert np.abs(small().grey - frame.grey)[:, 9:].mean() > 10


def test_keyframe_that_is_alike_on_both_sides_stays_so_when_zoomed_about_the_middle() -> None:
    half = picture()[:, : WIDTH // 2]
    frame = make_small(np.hstack((half, half[:, ::-1])), NOBODY)
    zoomed = move(frame, similarity(zoom=2, right=-0.5, down=-0.28)).grey
    assert np.abs(zoomed - zoomed[:, ::-1]).mean() < 1.5


@pytest.mark.parametrize(
    ("pose", "gain", "stirs"),
    [
        (STILL, 1.0, False),
        (STILL, 0.8, False),
        (similarity(right=0.001), 1.0, False),
        (similarity(right=0.005), 1.0, True),
        (similarity(down=-0.005), 0.8, True),
        (similarity(zoom=1.02, right=-0.01, down=-0.0056), 1.0, True),
        (similarity(right=0.1), 1.0, True),
    ],
    ids=["noise", "dimmer", "a tremble", "to the right", "up and dimmer", "zoom about the middle", "far"],
)
def test_anchor_sees_small_movements_and_neither_noise_nor_light(
    pose: NDArray[np.float64], gain: float, stirs: bool
) -> None:
    assert Anchor(small()).stirs(small(pose, seed=1, gain=gain)) is stirs


def test_plate_sets_out_from_where_it_stood_and_catches_up() -> None:
    stance = Stance(0.5625, 0)
    stance.take(similarity(right=0.9 * DEAD_ZONE), 0.04)
    assert stance.shown is STILL
    stance.take(similarity(right=2 * DEAD_ZONE), 0.08)
    assert stance.moves
    assert np.allclose(stance.shown, STILL)
    stance.take(similarity(right=2 * DEAD_ZONE), 0.5)
    assert stance.shown[0, 2] == pytest.approx(2 * DEAD_ZONE, rel=0.02)
    stance.take(similarity(right=2 * DEAD_ZONE), 0.08 + REST_S + 0.01)
    assert not stance.moves
    stance.take(similarity(), 1)
    stance.take(similarity(), 1.01 + REST_S)
    assert stance.shown is STILL
