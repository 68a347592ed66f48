from __future__ import annotations

import numpy as np

from models.contrast import NEARLY_CERTAIN, stretch_contrast


def test_what_is_nearly_certain_becomes_certain_and_a_half_stays_one() -> None:
    alpha = np.array([0, NEARLY_CERTAIN, 0.5, 1 - NEARLY_CERTAIN, 1], np.float32)
    assert np.allclose(stretch_contrast(alpha), [0, 0, 0.5, 1, 1], atol=1e-6)
    assert np.allclose(alpha, [0, NEARLY_CERTAIN, 0.5, 1 - NEARLY_CERTAIN, 1]), "the alpha given is left alone"


def test_the_curve_in_between_is_a_straight_line() -> None:
    alpha = np.array([[0.25, 0.3, 0.5, 0.6, 0.75, 1]], np.float32)
    assert np.allclose(stretch_contrast(alpha, 0.3), [[0, 0, 0.5, 0.75, 1, 1]], atol=1e-6)
