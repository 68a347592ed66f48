from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.colour_line import CERTAIN, EXPLAINED, FLAT, NOISE, RADIUS_PX, REACH_PX, Matte, Picture
from models.colour_line import without_what_colours_deny as lowered

HEIGHT, WIDTH = 180, 320
SHIRT, WALL, SHELF = (40, 150, 90), (200, 198, 190), (60, 60, 66)


def scene(shirt: tuple[int, int, int] = SHIRT) -> tuple[Picture, Matte]:
    """A person before a wall with a striped shelf right behind the shoulder, and the true matte."""
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    truth[80:, 120:220] = 1
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    for top in range(60, 80, 4):
        picture[top : top + 2, 40:300] = SHELF
    picture[truth == 1] = shirt
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    picture = cv2.GaussianBlur((picture + noise).clip(0, 255).astype(np.uint8), (0, 0), 0.7)
    return picture.astype(np.uint8), cv2.GaussianBlur(truth, (0, 0), 0.7).astype(np.float32)


def drawn_out(truth: Matte, pixels: int) -> Matte:
    """Its edge so many pixels too far out."""
    side = 2 * pixels + 1
    return cv2.dilate(truth, np.ones((side, side), np.uint8)).astype(np.float32)


def by_hand(picture: Picture, alpha: Matte) -> NDArray[np.float64]:
    """The same by least squares, each window by itself."""
    height, width = alpha.shape
    half = (width // 2, height // 2)
    colours = cv2.resize(picture, half, interpolation=cv2.INTER_AREA).astype(np.float64)
    levels = np.rint(cv2.resize(alpha, half, interpolation=cv2.INTER_AREA) * 255).astype(np.float64)
    margin = (RADIUS_PX,) * 4
    colours, levels = (cv2.copyMakeBorder(each, *margin, cv2.BORDER_REFLECT) for each in (colours, levels))
    side = 2 * RADIUS_PX + 1
    planes = np.empty((half[1], half[0], 5))
    for y in range(half[1]):
        for x in range(half[0]):
            seen = colours[y : y + side, x : x + side].reshape(-1, 3)
            shares = levels[y : y + side, x : x + side].ravel()
            apart, off = seen - seen.mean(axis=0), shares - shares.mean()
            together = apart.T @ off / shares.size
            slopes = np.linalg.solve(apart.T @ apart / shares.size + NOISE * np.eye(3), together)
            explained = slopes @ together / (off @ off / shares.size + FLAT)
            planes[y, x] = (*slopes, shares.mean() - slopes @ seen.mean(axis=0), explained)
    planes = cv2.resize(planes, (width, height), interpolation=cv2.INTER_LINEAR)
    told = ((planes[..., :3] * picture).sum(axis=2) + planes[..., 3]) / 255
    told = (told - CERTAIN) / (1 - 2 * CERTAIN)
    least = cv2.erode(alpha, np.ones((REACH_PX, REACH_PX), np.uint8))
    low, high = EXPLAINED
    trust = np.clip((planes[..., 4] - low) / (high - low), 0, 1)
    return np.asarray(alpha + trust * (np.maximum(np.minimum(told, alpha), least) - alpha))


def test_it_is_the_plane_that_least_squares_give() -> None:
    rng = np.random.default_rng(5)
    picture = cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)
    picture = (picture + rng.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)
    alpha = cv2.GaussianBlur((picture[..., 1] > 128).astype(np.float32), (0, 0), 1.5).astype(np.float32)
    result, expected = lowered(picture, alpha), by_hand(picture, alpha)
    assert np.abs(result - expected).max() < 2e-3
    assert (alpha - result).max() > 0.2  # else nothing was compared


@pytest.mark.parametrize("pixels", [1, 2])
def test_an_edge_that_is_drawn_too_far_out_goes_back_to_the_persons_colours(pixels: int) -> None:
    picture, truth = scene()
    alpha = drawn_out(truth, pixels)
    before, after = (np.abs(matte - truth).sum() for matte in (alpha, lowered(picture, alpha)))
    assert after < 0.4 * before


def test_a_true_edge_stays() -> None:
    picture, truth = scene()
    assert (truth - lowered(picture, truth)).max() < 0.25  # of its softness some is taken, as by all that makes certain
    assert (truth - lowered(picture, truth)).sum() < 0.005 * truth.sum()


def test_before_a_wall_of_its_own_colour_nothing_is_taken() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    picture = (picture + np.random.default_rng(1).normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)
    _, truth = scene()
    alpha = drawn_out(truth, 2)
    assert (alpha - lowered(picture, alpha)).max() < 0.02


@pytest.mark.parametrize(
    ("colour", "width"), [((224, 172, 150), 3), ((224, 172, 150), 8), ((205, 206, 208), 8), ((130, 130, 132), 8)]
)
def test_an_arm_beside_a_dark_shirt_before_a_light_wall_stays(colour: tuple[int, int, int], width: int) -> None:
    picture, truth = np.full((HEIGHT, WIDTH, 3), (235, 235, 232), np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    truth[40:, 100:160] = truth[60:120, 160 : 160 + width] = 1
    picture[40:, 100:160], picture[60:120, 160 : 160 + width] = (15, 15, 18), colour
    noise = np.random.default_rng(2).normal(0, 3, picture.shape)
    picture = cv2.GaussianBlur((picture + noise).clip(0, 255).astype(np.uint8), (0, 0), 0.7).astype(np.uint8)
    truth = cv2.GaussianBlur(truth, (0, 0), 0.7).astype(np.float32)
    arm = np.s_[60:120, 160 : 160 + width]
    assert (truth - lowered(picture, truth))[arm].sum() < 0.15 * truth[arm].sum()


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_it_stays_between_the_matte_and_its_least_around(size: tuple[int, int], seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*size, 3), np.uint8)
    alpha = np.where(rng.random(size) < share, rng.random(size), np.float32(share > 0.4)).astype(np.float32)
    kept = alpha.copy()
    result = lowered(picture, alpha)
    assert result.dtype == np.float32
    assert result.shape == alpha.shape
    assert np.array_equal(alpha, kept)
    assert (result <= alpha).all()
    assert (result >= cv2.erode(alpha, np.ones((REACH_PX, REACH_PX), np.uint8)) - 1e-6).all()


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_matte_without_an_edge_stays_as_it_is(value: float) -> None:
    picture, _ = scene()
    alpha = np.full((HEIGHT, WIDTH), value, np.float32)
    assert np.array_equal(lowered(picture, alpha), alpha)


def test_a_picture_may_be_a_part_of_a_larger_one() -> None:
    picture, truth = scene()
    alpha = drawn_out(truth, 2)
    wider = np.zeros((HEIGHT + 7, WIDTH + 9, 3), np.uint8)
    wider[3 : 3 + HEIGHT, 4 : 4 + WIDTH] = picture
    part = wider[3 : 3 + HEIGHT, 4 : 4 + WIDTH]
    assert np.array_equal(lowered(part, alpha), lowered(picture, alpha))
