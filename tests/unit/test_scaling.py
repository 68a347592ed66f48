from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.frames import Size
from streamer.scaling import cover, keep_to_one_thread, shrink


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
def test_cover_and_shrink_answer_any_size(width: int, height: int, to_width: int, to_height: int) -> None:
    picture = np.full((height, width, 3), (10, 20, 30), np.uint8)
    for scaled in (cover(picture, Size(to_width, to_height)), shrink(picture, Size(to_width, to_height))):
        assert scaled.shape == (to_height, to_width, 3)
        assert np.all(scaled == (10, 20, 30))


@pytest.mark.parametrize("size", [Size(160, 90), Size(90, 160), Size(300, 300), Size(1000, 400)])
def test_cover_does_not_distort(size: Size) -> None:
    disc = np.zeros((200, 300, 3), np.uint8)
    rows, columns = np.ogrid[:200, :300]
    disc[(rows - 100) ** 2 + (columns - 150) ** 2 < 40**2] = 255
    inside = cover(disc, size)[..., 0] > 127
    height, width = inside.any(axis=1).sum(), inside.any(axis=0).sum()
    assert abs(int(height) - int(width)) <= 2


def test_shrinking_a_fine_pattern_gives_its_mean_not_an_alias() -> None:
    stripes = np.zeros((256, 256), np.float32)
    stripes[:, ::2] = 1
    assert np.abs(shrink(stripes, Size(64, 64)) - 0.5).max() < 0.01


def test_opencv_works_on_the_calling_thread_alone() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        keep_to_one_thread()
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_of_a_strip_only_what_is_seen_is_enlarged() -> None:
    strip = np.zeros((4000, 2, 3), np.uint8)
    strip[1990:2010] = 200
    tracemalloc.start()
    picture = cover(strip, Size(320, 180))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert picture.min() == 200
    assert most < 30e6, "all of it would be 614 MB"


@given(st.integers(20, 300), st.integers(20, 300), st.integers(20, 300), st.integers(20, 300))
def test_cover_is_the_middle_of_the_whole_scaled(width: int, height: int, to_width: int, to_height: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([255 * rows / height, 255 * columns / width, 0 * rows], axis=-1).astype(np.uint8)
    covering = cover(picture, Size(to_width, to_height)).astype(int)
    middle = covering[to_height // 2, to_width // 2]
    assert np.abs(middle - (127, 127, 0)).max() <= 20
    scale = max(to_width / width, to_height / height)
    for axis, side, to_side in ((0, height, to_height), (1, width, to_width)):
        spread = np.ptp(covering[..., axis])
        assert abs(spread - 255 * (to_side - 1) / scale / side) <= 16
