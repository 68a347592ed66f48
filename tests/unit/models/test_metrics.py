import numpy as np
import pytest

from models.metrics import boundary_iou, dtssd, iou, mad, mse


def square(size, top, left, side):
    matte = np.zeros((size, size), np.float32)
    matte[top : top + side, left : left + side] = 1
    return matte


def test_iou_of_two_overlapping_squares():
    assert iou(square(20, 0, 0, 10), square(20, 0, 5, 10)) == pytest.approx(50 / 150)


def test_iou_of_nothing_found_in_nothing_is_one():
    nothing = np.zeros((4, 4))
    assert iou(nothing, nothing) == 1
    assert boundary_iou(nothing, nothing) == 1


def test_boundary_iou_punishes_a_shift_more_than_iou():
    a, b = square(200, 20, 20, 150), square(200, 20, 24, 150)
    assert iou(a, b) > 0.9
    assert boundary_iou(a, b) < 0.75
    assert boundary_iou(a, a) == 1


def test_differences_are_printed_in_thousandths():
    assert mad(np.full((2, 2), 0.25), np.zeros((2, 2))) == pytest.approx(250)
    assert mse(np.full((2, 2), 0.5), np.zeros((2, 2))) == pytest.approx(250)


def test_flicker_ignores_a_constant_error_and_counts_a_changing_one():
    truth = np.zeros((4, 8, 8))
    assert dtssd(np.full_like(truth, 0.3), truth) == pytest.approx(0)
    blinking = truth.copy()
    blinking[1::2] = 0.1
    assert dtssd(blinking, truth) == pytest.approx(10)
