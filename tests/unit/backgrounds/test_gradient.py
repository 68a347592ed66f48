from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamer.backgrounds import open_background
from streamer.backgrounds.gradient import GradientBackground, gradient
from streamer.frames import Image, Size

SIZE = Size(1280, 720)


@pytest.fixture(scope="module")
def backdrop() -> Image:
    return gradient(SIZE)


def longest_run(values: Image) -> int:
    """Length of the longest stretch of one value in a row of numbers."""
    borders = np.flatnonzero(np.diff(values.astype(int)))
    return int(np.diff([-1, *borders, len(values) - 1]).max())


def test_the_same_size_gives_the_same_picture(backdrop: Image) -> None:
    assert np.array_equal(gradient(SIZE), backdrop)


def test_no_band_of_one_colour_shows(backdrop: Image) -> None:
    for channel in range(3):
        rows = max(longest_run(backdrop[y, :, channel]) for y in range(0, SIZE.height, 7))
        columns = max(longest_run(backdrop[:, x, channel]) for x in range(0, SIZE.width, 7))
        assert rows < 60, "undithered, it is hundreds of pixels"
        assert columns < 60, "undithered, it is hundreds of pixels"
    assert not np.any(np.all(backdrop[1:] == backdrop[:-1], axis=(1, 2))), "two neighbouring rows are the same"


def test_noise_is_as_strong_where_a_whole_level_is_met_as_between_two(backdrop: Image) -> None:
    fine = backdrop[..., 1].astype(np.float32)
    smooth = cv2.GaussianBlur(fine, (0, 0), 12)
    squares = cv2.boxFilter((fine - smooth) ** 2, -1, (24, 24))[100:620, 100:1180]
    assert np.sqrt(squares.min()) > 0.3
    assert np.sqrt(squares.max()) < 0.7


def test_averages_of_the_dither_follow_a_smooth_curve(backdrop: Image) -> None:
    profile = backdrop[:, 540:740].astype(float).mean(axis=(1, 2))
    steps = np.diff(profile[::8])
    assert np.abs(np.diff(steps)).max() < 0.25, "undithered, plateaus alternate with whole steps"


@pytest.mark.parametrize("size", [SIZE, Size(720, 1280), Size(640, 480)], ids=str)
def test_light_falls_behind_the_head_and_fades_to_the_corners(size: Size) -> None:
    small = cv2.resize(gradient(size), (16, 9), interpolation=cv2.INTER_AREA).astype(int).sum(axis=2)
    y, x = np.unravel_index(small.argmax(), small.shape)
    assert (x in (7, 8), y in (3, 4)) == (True, True)
    corners = [small[0, 0], small[0, -1], small[-1, 0], small[-1, -1]]
    assert max(corners) < 0.6 * small.max()
    assert np.all(np.diff(small[3, :8]) > 0), "it never fades towards the middle"
    assert np.all(np.diff(small[4:, 8]) < 0)


def test_the_backdrop_is_a_neutral_cool_grey(backdrop: Image) -> None:
    red, green, blue = backdrop.astype(float).mean(axis=(0, 1))
    assert red < green < blue < red + 20


def test_it_is_computed_once_for_a_size_and_cannot_be_painted_on() -> None:
    background = GradientBackground()
    first = background.safe_image(Size(80, 45))
    assert background.safe_image(Size(80, 45)) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_the_word_gradient_opens_it_and_it_shows_nothing_of_the_room() -> None:
    background = open_background("gradient", size=SIZE, is_live=True)
    assert isinstance(background, GradientBackground)
    assert not background.shows_room
