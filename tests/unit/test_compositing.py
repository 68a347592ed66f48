from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.compositing import estimate_foreground, over, replace_background, with_alpha
from streamer.edge_colours import rim_px
from streamer.frames import Alpha, Image, Size

RED, GREEN, GREY = (200, 40, 30), (20, 180, 60), (120, 120, 120)


def plain(color: tuple[int, int, int], height: int = 48, width: int = 64) -> Image:
    return np.full((height, width, 3), color, np.uint8)


def even(value: float, height: int = 48, width: int = 64) -> Alpha:
    return np.full((height, width), value, np.float32)


def noise(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def soft_edge(width_px: float, height: int = 96, width: int = 128) -> Alpha:
    """Person on the left, room on the right, a straight ramp between."""
    columns = np.arange(width, dtype=np.float32)
    ramp = np.clip(0.5 - (columns - width / 2) / width_px, 0, 1)
    return np.tile(ramp, (height, 1)).astype(np.float32)


def mixed(alpha: Alpha, person: tuple[int, int, int], room: tuple[int, int, int]) -> Image:
    weight = alpha[..., None].astype(np.float64)
    return np.rint(weight * person + (1 - weight) * np.array(room, np.float64)).astype(np.uint8)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, (20, 180, 60)), (0.5, (110, 110, 45)), (1.0, (200, 40, 30))])
def test_over_gives_the_golden_colours(alpha: float, expected: tuple[int, int, int]) -> None:
    result = over(plain(RED), even(alpha), plain(GREEN))
    tolerance = 1 if 0 < alpha < 1 else 0
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - expected).max() <= tolerance


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_over_is_within_one_of_the_formula(seed: int, height: int, width: int) -> None:
    foreground, background = noise(seed, height, width), noise(seed + 1, height, width)
    alpha = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    weight = np.rint(alpha.astype(np.float64) * 255)[..., None] / 255
    expected = weight * foreground + (1 - weight) * background
    assert np.abs(over(foreground, alpha, background) - expected).max() <= 1.01


@given(st.integers(0, 2**32 - 1))
def test_over_is_exact_where_alpha_is_zero_or_one(seed: int) -> None:
    foreground, background = noise(seed, 17, 23), noise(seed + 1, 17, 23)
    alpha = np.random.default_rng(seed).integers(0, 2, (17, 23)).astype(np.float32)
    result = over(foreground, alpha, background)
    assert np.array_equal(result[alpha == 1], foreground[alpha == 1])
    assert np.array_equal(result[alpha == 0], background[alpha == 0])


@given(st.integers(0, 255), st.floats(0, 1))
def test_over_of_a_picture_with_itself_changes_it_by_at_most_one(level: int, alpha: float) -> None:
    picture = plain((level, level, level), 4, 4)
    assert np.abs(over(picture, even(alpha, 4, 4), picture).astype(int) - level).max() <= 1


def test_compositing_leaves_its_inputs_alone() -> None:
    foreground, background, alpha = noise(1, 48, 64), noise(2, 48, 64), soft_edge(8, 48, 64)
    for array in (foreground, background, alpha):
        array.flags.writeable = False
    over(foreground, alpha, background)
    estimate_foreground(foreground, alpha)
    with_alpha(foreground, alpha)
    replace_background(foreground, alpha, background)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.sampled_from(["soft", "hard", "mixed"]))
def test_replacing_the_background_is_the_estimated_person_over_it(
    seed: int, height: int, width: int, kind: str
) -> None:
    image, background = noise(seed, height, width), noise(seed + 1, height, width)
    alpha = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    if kind != "soft":
        alpha = np.clip(alpha * 3 - 1, 0, 1) if kind == "mixed" else np.rint(alpha)
    expected = over(estimate_foreground(image, alpha), alpha, background)
    result = replace_background(image, alpha, background)
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert np.array_equal(result[alpha == 0], background[alpha == 0])


def test_pictures_may_be_parts_of_larger_ones_and_mirrored() -> None:
    image, background, alpha = noise(1, 60, 80), noise(2, 60, 80), soft_edge(8, 48, 64)
    part, behind = image[4:52, 8:72][:, ::-1], background[4:52, 8:72]
    packed = replace_background(part.copy(), alpha, behind.copy())
    assert np.array_equal(replace_background(part, alpha, behind), packed)
    assert np.array_equal(
        replace_background(part.copy(), alpha[:, ::-1], behind),
        replace_background(part.copy(), alpha[:, ::-1].copy(), behind),
    )


def test_with_alpha_keeps_the_colours_straight() -> None:
    picture = noise(3, 48, 64)
    rgba = with_alpha(picture, even(0.5))
    assert rgba.shape == (48, 64, 4)
    assert np.array_equal(rgba[..., :3], picture)
    assert np.all(rgba[..., 3] == 128)


def test_foreground_at_a_soft_edge_is_the_persons_own_colour() -> None:
    alpha = soft_edge(6)
    image = mixed(alpha, RED, GREEN)
    edge = (alpha > 0.1) & (alpha < 0.9)
    before = np.abs(image[edge].astype(int) - RED).max()
    after = np.abs(estimate_foreground(image, alpha)[edge].astype(int) - RED).max()
    assert before > 60
    assert after <= 20


def test_no_colour_of_the_old_room_is_left_over_a_new_background() -> None:
    alpha = soft_edge(6)
    image = mixed(alpha, GREY, GREEN)
    result = over(estimate_foreground(image, alpha), alpha, plain(GREY, 96, 128))
    assert np.abs(result.astype(int) - GREY).max() <= 10


def test_a_tinted_rim_just_inside_a_matte_that_is_too_wide_is_cleaned() -> None:
    truth = soft_edge(4)
    image = mixed(truth, RED, GREEN)
    wide = np.roll(truth, 1, axis=1)
    wide[:, 0] = 1
    result = over(estimate_foreground(image, wide), wide, plain(RED, 96, 128)).astype(int)
    untouched = over(image, wide, plain(RED, 96, 128)).astype(int)
    assert np.abs(untouched - RED).max() > 60
    assert np.abs(result - RED).max() <= 20


def test_a_pattern_of_the_person_that_is_unlike_the_room_survives_at_the_edge() -> None:
    alpha = soft_edge(2)
    image = mixed(alpha, (120, 120, 120), (0, 0, 250))
    image[::4][alpha[::4] == 1] = (200, 120, 40)
    foreground = estimate_foreground(image, alpha)
    solid = alpha == 1
    assert np.abs(foreground[solid].astype(int) - image[solid]).max() <= 30, "of a contrast of 80"


def test_foreground_is_the_picture_itself_away_from_the_edge() -> None:
    alpha = soft_edge(6)
    image = noise(4, 96, 128)
    foreground = estimate_foreground(image, alpha)
    person = np.flatnonzero(alpha[0] == 1)[: -rim_px(Size(128, 96)) - 1]
    room = np.flatnonzero(alpha[0] == 0)
    assert np.array_equal(foreground[:, person], image[:, person])
    assert np.array_equal(foreground[:, room], image[:, room])
    assert not np.array_equal(foreground, image)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_foreground_without_an_edge_is_the_picture(alpha: float) -> None:
    image = noise(5, 48, 64)
    assert np.array_equal(estimate_foreground(image, even(alpha)), image)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_foreground_of_any_size_is_a_picture(height: int, width: int, seed: int) -> None:
    alpha = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    foreground = estimate_foreground(noise(seed, height, width), alpha)
    assert foreground.dtype == np.uint8
    assert foreground.shape == (height, width, 3)


@pytest.mark.parametrize("softness_px", [1.5, 4.0])
def test_whoever_raises_a_faint_alpha_sees_no_room(softness_px: float) -> None:
    rng = np.random.default_rng(5)
    room = rng.integers(0, 2, (240, 320), np.uint8)[..., None] * np.full(3, 255, np.uint8)  # print on a wall
    alpha = np.zeros((240, 320), np.float32)
    alpha[60:, 120:200] = 1
    soft = cv2.GaussianBlur(alpha, (0, 0), softness_px)
    image = np.where(alpha[..., None] > 0.5, np.uint8(RED), room).astype(np.uint8)
    given = estimate_foreground(image, soft).astype(float)
    faint = (np.rint(soft * 255) > 0) & (soft < 0.05)
    assert faint.sum() > 200
    for channel in range(3):
        black, white = (given[faint & (room[..., 0] == level), channel].mean() for level in (0, 255))
        assert abs(white - black) < 64, "of 255 levels of the print"
    clear = soft > 0.99
    assert np.abs(given[clear] - image[clear]).max() <= 8
