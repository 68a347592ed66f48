"""The fast way from a decoder's planes to an encoder's, held against the plain one by its defining formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.color_matrix import BT601, BT709, BT2020, FCC, LUMA_SHARES, SMPTE240M
from streamer.compositing import replace_background, replace_background_in_planes
from streamer.frames import Alpha, Image, Planes, Size
from streamer.yuv import shrunk, size_of, to_planes, yuv_to_rgb

MATRICES = (BT709, FCC, BT601, SMPTE240M, BT2020)


def exact(image: Image, matrix: int, *, full_range: bool) -> list[np.ndarray]:
    """Y, U and V of every pixel, and of each block of four their mean, not rounded."""
    red, green, blue = image.astype(float).transpose(2, 0, 1) / 255
    red_share, blue_share = LUMA_SHARES[matrix]
    luma = red_share * red + (1 - red_share - blue_share) * green + blue_share * blue
    scale, offset, chroma = (255, 0, 255) if full_range else (219, 16, 224)
    u, v = (blue - luma) / (2 - 2 * blue_share), (red - luma) / (2 - 2 * red_share)
    blocks = [plane.reshape(len(plane) // 2, 2, -1, 2).mean(axis=(1, 3)) * chroma + 128 for plane in (u, v)]
    return [luma * scale + offset, *blocks]


def farthest(planes: Planes, expected: list[np.ndarray]) -> float:
    """The largest difference of a sample, beyond what 8 bits can hold."""
    pairs = zip((planes.y, planes.u, planes.v), expected, strict=True)
    return max(float(np.abs(have - np.clip(want, 0, 255)).max()) for have, want in pairs)


def smooth(seed: int, height: int, width: int) -> Image:
    """A picture whose colours change slowly, as those of a room do."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / 40
    waves = [np.sin(rows * rng.uniform(0.2, 1) + columns * rng.uniform(0.2, 1) + rng.uniform(0, 6)) for _ in range(3)]
    return np.rint(127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def blob(seed: int, height: int, width: int) -> Alpha:
    """Somebody roundish with a soft edge, at times cut by the picture's."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(1, 0.6 * min(height, width))
    distance = np.hypot(rows - y, columns - x)
    return np.clip((radius - distance) / rng.uniform(0.5, 6) + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_a_picture_becomes_the_planes_of_the_formula(matrix: int, full_range: bool) -> None:
    noise = np.random.default_rng(matrix).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    planes = to_planes(noise, matrix, full_range=full_range)
    assert planes.y.shape == (36, 48)
    assert planes.u.shape == planes.v.shape == (18, 24)
    assert farthest(planes, exact(noise, matrix, full_range=full_range)) <= 1.01


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_the_strongest_colours_are_converted_as_the_formula_says(matrix: int, full_range: bool) -> None:
    corners = np.array([(red, green, blue) for red in (0, 255) for green in (0, 255) for blue in (0, 255)], np.uint8)
    background = np.ascontiguousarray(corners.repeat(2, axis=0)[None].repeat(2, axis=0))
    own = Planes(np.zeros((2, 16), np.uint8), *(np.zeros((1, 8), np.uint8) for _ in "uv"), matrix, full_range)
    faint = np.tile(np.array([1, 0], np.uint8), (2, 8))  # so little of the person that it makes one step at most
    planes = replace_background_in_planes(own, faint, background, to_planes(background, matrix, full_range=full_range))
    assert farthest(planes, exact(background, matrix, full_range=full_range)) <= 1.51


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_planes_shrink_to_the_picture_that_they_are_of(matrix: int, full_range: bool) -> None:
    image = smooth(matrix, 90, 160)
    planes = to_planes(image, matrix, full_range=full_range)
    for size in (Size(64, 36), Size(150, 80), Size(200, 100)):
        difference = np.abs(shrunk(planes, size).astype(int) - shrunk(image, size))
        assert difference.max() <= 5
        assert difference.mean() <= 1
    assert size_of(planes) == size_of(image) == Size(160, 90)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.sampled_from(MATRICES), st.booleans(), st.integers(2, 60), st.integers(2, 80))
def test_composing_in_planes_is_composing_and_then_converting(
    seed: int, matrix: int, full_range: bool, half_height: int, half_width: int
) -> None:
    height, width = 2 * half_height, 2 * half_width
    image, background, alpha = smooth(seed, height, width), smooth(seed + 1, height, width), blob(seed, height, width)
    own = to_planes(image, matrix, full_range=full_range)
    plate = to_planes(background, matrix, full_range=full_range)
    plain = replace_background(as_rgb(own), alpha, background)
    planes = replace_background_in_planes(own, alpha, background, plate)
    # Half a level in the small picture by which colours are carried into the edge can move what is taken out there.
    expected = exact(plain, matrix, full_range=full_range)
    assert farthest(planes, expected) <= 8
    assert np.abs(planes.y - np.clip(expected[0], 0, 255)).mean() <= 0.6


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(MATRICES), st.booleans())
def test_no_sample_wraps_around_where_planes_hold_what_is_no_colour(seed: int, matrix: int, full_range: bool) -> None:
    rng = np.random.default_rng(seed)
    height, width = 96, 128
    alpha = blob(seed, height, width)
    is_person = alpha > 0.5
    y = np.where(is_person, rng.integers(0, 5, (height, width)), rng.integers(0, 256)).astype(np.uint8)
    u, v = (np.where(is_person[::2, ::2], 128 + rng.integers(-12, 13), rng.integers(0, 256)) for _ in "uv")
    own = Planes(y, u.astype(np.uint8), v.astype(np.uint8), matrix, full_range)
    background = np.full((height, width, 3), rng.integers(0, 4), np.uint8)
    plate = to_planes(background, matrix, full_range=full_range)
    planes = replace_background_in_planes(own, alpha, background, plate)
    expected = exact(replace_background(as_rgb(own), alpha, background), matrix, full_range=full_range)
    mixed = (alpha > 0) & (alpha < 1)
    assert np.abs(planes.y - np.clip(expected[0], 0, 255))[mixed].max(initial=0) <= 40


def as_rgb(planes: Planes) -> Image:
    """Each chroma sample for its block of four, rounded."""
    affine = yuv_to_rgb(planes.matrix, full_range=planes.full_range).astype(float)
    u, v = (plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (planes.u, planes.v))
    yuv1 = np.stack((planes.y, u, v, np.ones_like(u)), axis=-1)
    return np.clip(np.rint(yuv1 @ affine.T), 0, 255).astype(np.uint8)


def test_away_from_the_edge_the_samples_are_the_decoders_and_the_plates_own() -> None:
    height, width = 96, 128
    background = smooth(2, height, width)
    alpha = np.clip((np.arange(width, dtype=np.float32)[None] - 60) / 8, 0, 1).repeat(height, axis=0)
    rng = np.random.default_rng(3)
    own = Planes(
        *(rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((96, 128), (48, 64), (48, 64))), BT709, False
    )
    plate = to_planes(background, BT709, full_range=False)
    planes = replace_background_in_planes(own, alpha, background, plate)
    for have, want_left, want_right, edge in (
        (planes.y, plate.y, own.y, 60), (planes.u, plate.u, own.u, 30), (planes.v, plate.v, own.v, 30)
    ):  # fmt: skip
        assert np.array_equal(have[:, :edge], want_left[:, :edge])
        assert np.array_equal(have[:, edge + 12 :], want_right[:, edge + 12 :])


def test_no_sample_of_the_room_is_in_the_planes_of_an_empty_one() -> None:
    room, background = smooth(1, 40, 60), smooth(2, 40, 60)
    plate = to_planes(background, BT709, full_range=False)
    nobody = np.zeros((40, 60), np.float32)
    planes = replace_background_in_planes(to_planes(room, BT709, full_range=False), nobody, background, plate)
    assert np.array_equal(planes.y, plate.y)
    assert np.array_equal(planes.u, plate.u)
    assert np.array_equal(planes.v, plate.v)
    assert planes.y is not plate.y
