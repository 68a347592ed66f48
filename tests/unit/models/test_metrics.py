import numpy as np
import pytest

from models.metrics import boundary_iou, connectivity, dtssd, flicker, gradient, iou, mad, mse


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


def test_gradient_of_equal_mattes_is_nothing_and_an_offset_counts_for_nothing():
    ramp = np.tile(np.linspace(0, 1, 20), (20, 1))
    assert gradient(ramp, ramp) == 0
    assert gradient(ramp * 0.5 + 0.2, ramp) == pytest.approx(0)


def test_gradient_of_a_step_that_was_missed_is_the_kernels_own_response():
    step = np.zeros((15, 15))
    step[:, 8:] = 1
    # Nine offsets: at 1.4 * sqrt(-2 ln(sqrt(2 pi) * 1.4 / 100)) = 3.6 pixels the Gaussian has fallen to a hundredth.
    offsets = np.arange(-4, 5)
    bell = np.exp(-(offsets**2) / 3.92)
    slope = offsets * bell
    length = np.sqrt((bell**2).sum() * (slope**2).sum())
    # A column that lies k to the left of the step sees the offsets from k on in it.
    responses = [bell.sum() * slope[offsets >= k].sum() / length for k in range(-3, 5)]
    assert gradient(np.zeros((15, 15)), step) == pytest.approx(15 * sum(r**2 for r in responses) / 1e3)


def test_connectivity_counts_what_hangs_apart_from_the_common_core():
    truth = square(20, 0, 0, 10)
    island = truth + square(20, 15, 15, 2) * 0.5
    # The four pixels of the island never belong to the core: held up to 0, half above it, and 0.5 >= 0.15.
    assert connectivity(island, truth) == pytest.approx(4 * 0.5 / 1e3)
    assert connectivity(truth, truth) == 0


def test_connectivity_forgives_a_difference_below_its_tolerance():
    truth = square(20, 0, 0, 10)
    # At 0.9 all of it still is the core; the truth's 1 is only 0.1 above that.
    assert connectivity(truth * 0.95, truth) == pytest.approx(0)
    # At 0.5 the last core; the truth's 1 lies 0.5 above it.
    assert connectivity(truth * 0.55, truth) == pytest.approx(100 * 0.5 / 1e3)


def test_flicker_counts_changes_of_the_matte_only_where_the_picture_stands_still():
    pictures = np.full((3, 40, 40, 3), 90, np.uint8)
    mattes = np.zeros((3, 40, 40))
    assert flicker(mattes, pictures) == 0
    mattes[1, :20] = 0.1
    assert flicker(mattes, pictures) == pytest.approx(1000 * 0.05)
    pictures[1] = 200
    assert flicker(mattes, pictures) == 0, "a cut: all of it moves"
    half = np.full((3, 40, 40, 3), 90, np.uint8)
    half[1, :6] = 200
    assert 0 < flicker(mattes, half) < 1000 * 0.05
