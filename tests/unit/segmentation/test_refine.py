from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.contrast import stretch_contrast
from streamer.frames import Alpha, Image, Size
from streamer.segmentation import refine as module
from streamer.segmentation.refine import refine as refined_levels

WIDTH, HEIGHT, FACTOR = 320, 192, 4


def refine(image: Image, small: Alpha) -> Alpha:
    """Of 0..1 instead of 0..255."""
    return refined_levels(image, small) / np.float32(255)


def room_with_disc(person: int = 190, room: int = 60) -> tuple[Image, Alpha]:
    """A bright disc on a dark room, with its true matte."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    distance = np.hypot(rows - HEIGHT / 2, columns - WIDTH / 2)
    alpha = np.clip(60.5 - distance, 0, 1).astype(np.float32)
    grey = np.rint(room + alpha * (person - room)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2), alpha


def small_and_blurred(alpha: Alpha) -> Alpha:
    """What a network gives: a quarter of the size, with an edge several pixels wide."""
    blurred = cv2.GaussianBlur(alpha, (0, 0), 3)
    return cv2.resize(blurred, (WIDTH // FACTOR, HEIGHT // FACTOR), interpolation=cv2.INTER_AREA)


def test_refined_edge_follows_the_picture_closer_than_bilinear_upsampling() -> None:
    image, truth = room_with_disc()
    small = small_and_blurred(truth)
    plain = stretch_contrast(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), 0.3)
    refined = refine(image, small)
    assert np.abs(refined - truth).mean() < 0.5 * np.abs(plain - truth).mean()


def test_edge_is_moved_to_the_pictures_edge_when_the_network_is_a_little_off() -> None:
    image, truth = room_with_disc()
    shifted = np.roll(truth, 3, axis=1)
    refined = refine(image, small_and_blurred(shifted))
    assert np.abs(refined - truth).mean() < 0.5 * np.abs(shifted - truth).mean()


def test_no_veil_further_than_three_pixels_outside_the_edge_and_no_hole_inside() -> None:
    image, truth = room_with_disc()
    textured = image.astype(np.int16) + np.random.default_rng(0).integers(-12, 13, image.shape)
    refined = refine(np.clip(textured, 0, 255).astype(np.uint8), small_and_blurred(truth))
    near = np.ones((7, 7), np.uint8)
    room = cv2.dilate(truth, near) == 0
    torso = cv2.erode(truth, near) == 1
    assert np.all(refined[room] == 0)
    assert np.all(refined[torso] == 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_what_is_certain_stays_exact_on_any_texture(value: float) -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    refined = refine(image, np.full((18, 32), value, np.float32))
    assert np.all(refined == value)


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_alpha_of_any_size_is_within_zero_and_one(h: int, w: int, small_h: int, small_w: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (h, w, 3), dtype=np.uint8)
    refined = refine(image, random.random((small_h, small_w), dtype=np.float32))
    assert refined.shape == (h, w)
    assert refined.min() >= 0
    assert refined.max() <= 1


def test_an_alpha_is_not_changed_by_the_frame_after_it() -> None:
    image, truth = room_with_disc()
    first = refine(image, small_and_blurred(truth))
    kept = first.copy()
    refine(255 - image, 1 - small_and_blurred(truth))
    assert np.array_equal(first, kept)


@pytest.mark.parametrize(
    ("picture", "network", "grid"),
    [
        ((1280, 720), (384, 216), (640, 360)),
        ((1920, 1080), (384, 216), (640, 360)),
        ((1280, 720), (512, 288), (640, 360)),
        ((1920, 1080), (512, 288), (960, 540)),
        ((3840, 2160), (384, 216), (768, 432)),
        ((640, 480), (341, 256), (640, 480)),
        ((641, 359), (384, 215), (641, 359)),
        ((60, 40), (384, 256), (60, 40)),
    ],
)
def test_the_grid_lies_on_the_pixels_of_the_picture(
    picture: tuple[int, int], network: tuple[int, int], grid: tuple[int, int]
) -> None:
    assert module.grid_of(Size(*picture), Size(*network)) == grid


@pytest.mark.parametrize(
    ("picture", "network"),
    [
        ((320, 192), (32, 18)),
        ((640, 360), (192, 108)),  # as 1280x720 and 384x216
        ((960, 540), (192, 108)),  # as 1920x1080 and 384x216: halved on the way
        ((960, 540), (96, 54)),  # and twice
        ((640, 359), (192, 108)),
        ((500, 281), (192, 108)),
        ((150, 84), (192, 108)),
    ],
)
def test_only_the_surroundings_of_the_edge_are_computed_and_the_result_is_that_of_the_whole_picture(
    monkeypatch: pytest.MonkeyPatch, picture: tuple[int, int], network: tuple[int, int]
) -> None:
    disc, _ = room_with_disc()
    image = cv2.resize(disc, picture, interpolation=cv2.INTER_CUBIC)
    textured = np.clip(image + np.random.default_rng(0).integers(-12, 13, image.shape), 0, 255).astype(np.uint8)
    small = cv2.resize((disc[..., 0] > 100).astype(np.float32), network, interpolation=cv2.INTER_AREA)
    assert 0 < small.mean() < 0.5
    fitted: list[int] = []
    fit = module._fit_lines
    monkeypatch.setattr(module, "_fit_lines", lambda guide, *rest: (fitted.append(guide.size), fit(guide, *rest)))
    part = refined_levels(textured, small)
    monkeypatch.setattr(module, "_spans", lambda start, length, small, grid, full: (slice(0, full), slice(0, grid)))
    whole = refined_levels(textured, small)
    assert np.abs(part.astype(int) - whole).max() <= 1
    if picture not in ((640, 359), (500, 281)):  # whose grid meets the pixels at the corners alone
        assert fitted[0] < 0.85 * fitted[1]


def mean(values: NDArray[np.float64], radius_px: int) -> NDArray[np.float64]:
    side = 2 * radius_px + 1
    averaged: NDArray[np.float64] = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return averaged


@pytest.mark.parametrize("size", [(192, 320), (150, 250)])
def test_the_refined_alpha_is_that_of_the_published_filter(size: tuple[int, int]) -> None:
    image, truth = room_with_disc()
    textured = np.clip(image + np.random.default_rng(0).integers(-12, 13, image.shape), 0, 255).astype(np.uint8)
    image = cv2.resize(textured, size[::-1], interpolation=cv2.INTER_AREA)
    small = small_and_blurred(truth)
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grid = module.grid_of(Size(*size[::-1]), Size(*small.shape[::-1]))
    guide = cv2.resize(luma, grid, interpolation=cv2.INTER_LINEAR) / 255.0
    alpha = cv2.resize(stretch_contrast(small, module.CERTAIN_BEFORE), grid, interpolation=cv2.INTER_LINEAR).astype(
        float
    )
    guides, alphas = mean(guide, module.RADIUS_PX), mean(alpha, module.RADIUS_PX)
    variance = mean(guide * guide, module.RADIUS_PX) - guides**2
    slope = (mean(guide * alpha, module.RADIUS_PX) - guides * alphas) / (variance + module.EPSILON)
    slope, offset = (mean(lines, module.SMOOTHING_PX) for lines in (slope, alphas - slope * guides))
    slope, offset = (cv2.resize(lines, size[::-1], interpolation=cv2.INTER_LINEAR) for lines in (slope, offset))
    expected = stretch_contrast(slope * luma / 255 + offset, module.certain_after(size[1], small.shape[1]))
    assert np.abs(refine(image, small) - expected).max() < 0.51 / 255
