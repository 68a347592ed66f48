from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.frames import Alpha, Image
from streamer.segmentation.strips import without_strips

HEIGHT, WIDTH = 216, 384
SHIRT, WALL, SHELF = (40, 150, 90), (200, 198, 190), (60, 60, 66)


def scene(strip_px: int, *, shelf: bool = True) -> tuple[Image, Alpha, Alpha]:
    """A person before a shelf, the network's alpha with a strip of that shelf, and the true one."""
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    truth[80:, 120:260] = 1
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    if shelf:
        picture[60:80, 40:330] = SHELF
    picture[truth == 1] = SHIRT
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    picture = cv2.GaussianBlur((picture + noise).clip(0, 255).astype(np.uint8), (0, 0), 0.7)
    alpha = truth.copy()
    alpha[80 - strip_px : 80, 120:260] = 1
    return picture, cv2.GaussianBlur(alpha, (0, 0), 0.7), cv2.GaussianBlur(truth, (0, 0), 0.7)


@pytest.mark.parametrize("strip_px", [2, 3, 4])
def test_a_strip_of_what_stands_behind_is_taken_away(strip_px: int) -> None:
    picture, alpha, truth = scene(strip_px)
    inner = np.s_[70:, 130:250]
    before, after = (np.abs(matte - truth)[inner].sum() for matte in (alpha, without_strips(picture, alpha)))
    assert after < 0.3 * before


def test_a_true_matte_keeps_its_edge() -> None:
    picture, _, truth = scene(0)
    assert np.abs(without_strips(picture, truth) - truth).max() < 0.05


def test_what_looks_like_the_room_far_inside_is_the_person() -> None:
    picture, _, truth = scene(0)
    picture[120:140, 170:210] = SHELF  # a print on the shirt
    assert np.array_equal(without_strips(picture, truth)[100:, 140:240], truth[100:, 140:240])


def test_a_finger_of_the_rooms_colour_has_no_inside_and_stays() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[40:160, 200:204] = 1
    assert np.array_equal(without_strips(picture, alpha), alpha)


def test_an_arm_beside_a_dark_shirt_before_a_light_wall_stays() -> None:
    picture, _, truth = scene(0, shelf=False)
    dark = np.all(np.abs(picture.astype(int) - SHIRT) < 60, axis=2)
    picture[dark] = (12, 12, 14)
    arm = np.s_[130:160, 260:266]
    picture[arm] = (196, 150, 135)
    alpha = truth.copy()
    alpha[arm] = 1
    assert without_strips(picture, alpha)[132:158, 261:265].min() > 0.9


def test_a_button_at_the_edge_is_too_little_to_be_a_strip() -> None:
    picture, _, truth = scene(0)
    picture[82, 200] = SHELF
    result = without_strips(picture, truth)
    assert result[82, 200] > 0.9


def test_a_person_cut_by_the_frame_is_whole_to_the_edge() -> None:
    picture, _, truth = scene(0)
    picture[-6:] = SHELF
    assert np.array_equal(without_strips(picture, truth)[-6:, 140:240], truth[-6:, 140:240])


@settings(max_examples=30)
@given(size=st.tuples(st.integers(1, 60), st.integers(1, 60)), seed=st.integers(0, 2**16))
def test_it_only_ever_takes_away(size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = (rng.random(size) > 0.5).astype(np.float32) * rng.random(size, np.float32)
    result = without_strips(rng.integers(0, 256, (*size, 3)).astype(np.uint8), alpha)
    assert result.shape == alpha.shape
    assert result.dtype == np.float32
    assert (result <= alpha).all()
    assert (result >= 0).all()
