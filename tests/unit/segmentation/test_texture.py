from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.room_memory import CLEAR_AFTER
from streamer.segmentation.texture import BRIGHTNESS, CORRELATION, REACH_PX, STEP_PX, _compare, textured_room

HEIGHT, WIDTH = 180, 320
SHADE = np.s_[100:160, 60:120]
"""The floor in somebody's shadow, which the network takes for a part of them."""
PERSON = np.s_[20:160, 130:180]


def floor(seed: int = 0) -> Image:
    """Boards, lighter and darker ones, along the picture's height."""
    rng = np.random.default_rng(seed)
    levels = cv2.resize(rng.uniform(60, 120, (1, WIDTH // 5)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return np.dstack([1.3 * levels, levels, 0.6 * levels]).astype(np.uint8)


def shown(room: Image, shade: float = 0.75, seed: int = 1, sigma: float = 1.5) -> tuple[Image, Alpha]:
    """Somebody in blue on that floor, and their shadow, with the network's alpha of both."""
    picture = room.astype(np.float32)
    picture[SHADE] *= shade
    picture[PERSON] = (30, 40, 90)
    picture += np.random.default_rng(seed).normal(0, sigma, picture.shape)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[SHADE] = 0.98
    alpha[120:126, 80:90] = 0.7
    alpha[PERSON] = 1
    return cv2.blur(picture.clip(0, 255).astype(np.uint8), (3, 3)), alpha


def everywhere() -> NDArray[np.bool_]:
    return np.ones((HEIGHT, WIDTH), np.bool_)


def blurred(room: Image) -> Image:
    return cv2.blur(room, (3, 3)).astype(np.uint8)


@pytest.mark.parametrize("shade", [0.65, 0.75, 0.9, 1.1])
def test_boards_in_a_shadow_are_the_rooms_though_the_network_is_sure_of_somebody(shade: float) -> None:
    picture, alpha = shown(floor(), shade)
    found = textured_room(picture, blurred(floor()), everywhere(), alpha)
    assert found[SHADE][4:-4, 4:-4].mean() > 0.9
    assert not found[PERSON].any()


def test_a_shadow_on_a_bare_wall_says_nothing() -> None:
    wall = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    picture, alpha = shown(wall)
    assert not textured_room(picture, blurred(wall), everywhere(), alpha).any()


def test_other_boards_are_not_the_rooms() -> None:
    picture, alpha = shown(floor(seed=5))
    alpha[SHADE] = 0.8
    assert textured_room(picture, blurred(floor()), everywhere(), alpha)[SHADE].mean() < 0.05


def test_what_is_darker_than_a_shadow_is_not_the_rooms() -> None:
    picture, alpha = shown(floor(), shade=0.5)
    assert not textured_room(picture, blurred(floor()), everywhere(), alpha)[SHADE].any()


def test_streaks_of_another_contrast_are_somebodys_hair() -> None:
    room = floor()
    hair = room.astype(np.float32)
    mean = hair[SHADE].mean(axis=(0, 1))
    hair[SHADE] = 0.9 * mean + (hair[SHADE] - mean) * 2
    picture, alpha = shown(hair.clip(0, 255).astype(np.uint8), shade=1)
    assert not textured_room(picture, blurred(room), everywhere(), alpha)[SHADE].any()


def test_boards_of_another_tint_are_not_the_rooms() -> None:
    room = floor()
    tinted = room.copy()
    tinted[SHADE] = room[SHADE][..., ::-1]
    picture, alpha = shown(tinted, shade=0.9)
    assert not textured_room(picture, blurred(room), everywhere(), alpha)[SHADE].any()


def test_in_the_middle_of_somebody_there_is_no_room() -> None:
    picture, alpha = shown(floor())
    alpha[80:180, 40:140] = 1
    assert not textured_room(picture, blurred(floor()), everywhere(), alpha)[SHADE].any()


def test_what_is_not_known_is_not_judged() -> None:
    picture, alpha = shown(floor())
    known = everywhere()
    known[:, :130] = False
    assert not textured_room(picture, blurred(floor()), known, alpha).any()


def test_a_shirt_of_the_walls_colour_beside_the_walls_edge_stays() -> None:
    room = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    room[:, :115] = 70
    picture, alpha = room.astype(np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    shirt = np.s_[40:180, 122:200]
    picture[shirt] = 150 + 12 * np.sin(np.arange(40, 180) / 3)[:, None, None]
    picture += np.random.default_rng(3).normal(0, 1.5, picture.shape)
    alpha[shirt] = 1
    alpha[:, 118:122] = 0.6
    found = textured_room(blurred(picture.clip(0, 255).astype(np.uint8)), blurred(room), everywhere(), alpha)
    assert found[shirt].mean() < 0.01


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 60))
def test_pictures_of_any_size_are_judged_within_the_matte_and_what_is_known(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    room = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    alpha, known = rng.random((height, width), np.float32), rng.random((height, width)) < 0.9
    found = textured_room((room * 0.9).astype(np.uint8), room, known, alpha)
    assert found.shape == (height, width)
    assert not found[~known].any()


def test_the_windows_are_compared_as_numpy_does() -> None:
    rng = np.random.default_rng(4)
    room = cv2.resize(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)
    now = (room * rng.uniform(0.5, 1.2, (48, 64, 1))).clip(0, 255).astype(np.uint8)
    now[:, :20] = (room[:, :20] * 0.8).astype(np.uint8)
    lights = np.zeros((24, 32, 7), np.float32)
    _compare(now, room, np.ones((48, 64), np.bool_), lights)
    matching = 0
    for row in range(24):
        for column in range(32):
            y, x = row * STEP_PX, column * STEP_PX
            window = np.s_[max(0, y - REACH_PX) : y + REACH_PX + 1, max(0, x - REACH_PX) : x + REACH_PX + 1]
            seen, then = (colours[window].astype(np.float64).mean(axis=-1) for colours in (now, room))
            (spread_now, common), (_, spread_then) = np.cov(seen.ravel(), then.ravel(), bias=True)
            slope, brightness = lights[row, column, 0], seen.mean() / then.mean()
            if slope == 0:
                continue
            matching += 1
            assert common > 0.99 * CORRELATION * np.sqrt(spread_now * spread_then)
            assert BRIGHTNESS[0] - 0.01 < brightness < BRIGHTNESS[1] + 0.01
            assert slope == pytest.approx(common / spread_then, rel=0.2)
            assert lights[row, column, 1:4] == pytest.approx(now[window].mean(axis=(0, 1)), abs=0.01)
            assert lights[row, column, 4:7] == pytest.approx(room[window].mean(axis=(0, 1)), abs=0.01)
    assert matching > 50


def test_a_learnt_room_counts_where_nobody_was_near_when_it_was_learnt() -> None:
    plate, nobody = CleanPlate("learn"), np.zeros((HEIGHT, WIDTH), np.float32)
    for moment in range(2 * (CLEAR_AFTER + 2)):
        noisy = floor() + np.random.default_rng(moment).normal(0, 1.5, (HEIGHT, WIDTH, 3))
        plate.clean(noisy.clip(0, 255).astype(np.uint8), nobody)
    picture, alpha = shown(floor())
    cleaned = plate.clean(picture, alpha)
    assert cleaned.alpha[SHADE][4:-4, 4:-4].mean() < 0.1
    assert cleaned.room[SHADE][4:-4, 4:-4].mean() > 0.9
    assert cleaned.alpha[PERSON].min() > 0.99
    plate.reset()
    assert np.array_equal(plate.clean(picture, alpha).alpha, alpha)


@pytest.mark.parametrize("certainty", [0.985, 0.999])
def test_somebody_who_was_learnt_as_the_room_while_the_network_lost_them_is_back_with_it(certainty: float) -> None:
    rng = np.random.default_rng(0)
    room, shirt = (cv2.resize(rng.integers(40, 200, size).astype(np.uint8), to, interpolation=cv2.INTER_CUBIC)
                   for size, to in (((12, 20, 3), (WIDTH, HEIGHT)), ((28, 16, 3), (80, 140))))  # fmt: skip
    room[40:, 120:200] = shirt
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[40:, 120:200] = certainty
    alpha = cv2.GaussianBlur(alpha, (7, 7), 0).astype(np.float32)
    plate, nobody = CleanPlate("learn"), np.zeros((HEIGHT, WIDTH), np.float32)
    for moment in range(40):
        noisy = (room + np.random.default_rng(moment).normal(0, 1.5, room.shape)).clip(0, 255).astype(np.uint8)
        cleaned = plate.clean(noisy, nobody if moment < 30 else alpha).alpha
    assert cleaned[60:, 135:185].min() > 0.95
