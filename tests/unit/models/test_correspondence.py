from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.correspondence import Part, follow, follow_both_ways

HEIGHT, WIDTH = 120, 200
WHOLE = Part(0, 0, WIDTH, HEIGHT)


def textured(height: int, width: int, seed: int = 1) -> np.ndarray:
    """Soft blotches: something that flow can follow."""
    grain = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)


def noisy(picture: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_what_has_moved_is_found_where_it_went():
    wall = textured(HEIGHT + 40, WIDTH + 40)
    here, there = wall[20 : 20 + HEIGHT, 20 : 20 + WIDTH], wall[15 : 15 + HEIGHT, 12 : 12 + WIDTH]
    way = follow(here, there, WHOLE)
    inner = np.s_[20:-20, 20:-20]
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    assert way.fits[inner].mean() > 0.98
    assert np.abs(way.places[inner][..., 0] - (x + 8)[inner]).mean() < 0.3
    assert np.abs(way.places[inner][..., 1] - (y + 5)[inner]).mean() < 0.3
    ramp = x.astype(np.float32)
    assert np.abs(way.fetched(ramp) - (ramp + 8))[inner].mean() < 0.3


def test_what_left_the_picture_is_nowhere():
    wall = textured(HEIGHT, WIDTH + 40)
    way = follow(wall[:, :WIDTH], wall[:, 16 : 16 + WIDTH], WHOLE)
    assert way.fits[10:-10, :8].mean() < 0.1
    assert way.fits[10:-10, 30:-10].mean() > 0.98


def test_another_picture_shows_hardly_anything_of_this_one():
    way = follow(textured(HEIGHT, WIDTH, 1), textured(HEIGHT, WIDTH, 2), WHOLE)
    assert way.fits.mean() < 0.1


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_what_stands_still_does_not_tremble(sigma):
    wall = textured(HEIGHT, WIDTH)
    way = follow(noisy(wall, sigma, 1), noisy(wall, sigma, 2), WHOLE)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    still = (way.places == np.dstack((x, y))).all(axis=2)
    assert still.mean() > 0.9
    assert way.fits.mean() > 0.95


def test_nothing_is_known_beside_the_part_that_was_asked_for():
    wall = textured(HEIGHT, WIDTH)
    part = Part(32, 16, 96, 80)
    way = follow(wall, wall, part)
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[16:80, 32:96] = True
    assert (way.fits[inside] == 1).all()
    assert not way.fits[~inside].any()
    assert way.part.holds(Part(40, 20, 96, 80))
    assert not way.part.holds(WHOLE)


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (9, 16), (17, 5), (40, 64), (16, 400), (26, 160), (31, 90), (400, 16)]
)
def test_small_pictures_are_no_trouble(size):
    picture = textured(*size)
    way = follow(picture, picture, Part(0, 0, size[1], size[0]))
    assert way.places.shape == (*size, 2)
    assert (way.fits == 1).all()


def test_two_sizes_are_refused():
    with pytest.raises(ValueError, match="pictures of"):
        follow(textured(20, 30), textured(20, 31), Part(0, 0, 30, 20))


def test_what_does_not_come_back_to_where_it_was_fits_neither_way():
    wall = textured(HEIGHT, WIDTH + 40)
    here, there = wall[:, :WIDTH].copy(), wall[:, 8 : 8 + WIDTH].copy()
    onward, back = follow_both_ways(here, there, WHOLE)
    assert onward.fits[20:-20, 30:-30].mean() > 0.95
    assert back.fits[20:-20, 30:-30].mean() > 0.95
    there[40:80, 60:140] = textured(40, 80, 7)
    onward, back = follow_both_ways(here, there, WHOLE)
    assert onward.fits[45:75, 78:138].mean() < 0.2
    assert back.fits[45:75, 70:130].mean() < 0.2


def test_cuts_are_told_from_movement():
    wall = textured(HEIGHT, WIDTH + 40)
    assert not follow(wall[:, :WIDTH], wall[:, 8 : 8 + WIDTH], WHOLE).is_cut
    assert follow(textured(HEIGHT, WIDTH, 1), textured(HEIGHT, WIDTH, 2), WHOLE).is_cut
