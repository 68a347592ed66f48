from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detail import Detail, coarser

SIZE, COARSE = (96, 54), (60, 34)


def strands() -> np.ndarray:
    """A body with a soft outline, and lines of one pixel beside it: float32 ``(54, 96)``."""
    matte = np.zeros(SIZE[::-1], np.float32)
    cv2.ellipse(matte, (48, 54), (24, 40), 0, 0, 360, 1.0, -1)
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    for x in (12, 18, 80):
        matte[10:40, x] = 0.9
    return matte


def test_what_is_not_changed_keeps_its_detail() -> None:
    fine = strands()
    coarse = coarser(fine, COARSE)
    assert np.allclose(Detail().put_back(fine, coarse, coarse), fine, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_what_was_settled_to_be_room_or_person_leaves_no_speck(value: float) -> None:
    fine = strands()
    coarse = coarser(fine, COARSE)
    settled = coarse.copy()
    settled[:, :30] = value
    result = Detail().put_back(fine, coarse, settled)
    assert np.array_equal(np.unique(result[:, :44]), [value])
    assert np.allclose(result[:, 54:], fine[:, 54:], atol=1e-6)


def test_an_edge_that_is_averaged_stays_steep() -> None:
    fine = strands()
    coarse = coarser(fine, COARSE)
    other = coarser(cv2.erode(fine, np.ones((3, 3), np.uint8)), COARSE)
    half = (coarse + other) / 2
    result = Detail().put_back(fine, coarse, half)
    plain = cv2.resize(half, SIZE, interpolation=cv2.INTER_LINEAR)
    steepest = [np.abs(np.diff(matte[40])).max() for matte in (result, plain)]
    assert steepest[0] > 1.2 * steepest[1]
    assert np.abs(coarser(result, COARSE) - half).mean() < 0.02


def test_detail_is_kept_as_steady_as_the_matte_itself() -> None:
    truth, rng = strands(), np.random.default_rng(3)
    coarse = coarser(truth, COARSE)
    keep = np.full(coarse.shape, 0.9, np.float32)
    keep[:, 40:] = 0
    detail, results = Detail(), []
    for _ in range(40):
        fine = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1).astype(np.float32)
        results.append(detail.put_back(fine, coarser(fine, COARSE), coarse, keep))
    still, moving = (np.std(results[10:], axis=0)[12:38, columns].mean() for columns in (slice(9, 21), slice(77, 83)))
    assert still < 0.5 * moving
    assert np.allclose(np.mean(results[10:], axis=0)[12:38, 12], 0.9, atol=0.05)
    assert np.allclose(detail.put_back(truth, coarse, coarse), truth, atol=1e-6)
    other = np.zeros((27, 48), np.float32)
    assert not detail.put_back(other, coarser(other, (30, 17)), coarser(other, (30, 17)), keep[:17, :30]).any()


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    divisors=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 2**16),
)
def test_any_size_gives_an_alpha(size: tuple[int, int], divisors: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    fine = rng.random(size[::-1], np.float32)
    coarse = coarser(fine, (max(1, size[0] // divisors[0]), max(1, size[1] // divisors[1])))
    result = Detail().put_back(fine, coarse, rng.random(coarse.shape, np.float32))
    assert result.shape == fine.shape
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
