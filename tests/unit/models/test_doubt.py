from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.doubt import is_doubtful

Matte = NDArray[np.float32]


def person(blur_px: float = 0.0) -> Matte:
    alpha = np.zeros((256, 448), np.float32)
    alpha[80:, 140:300] = 1
    return cv2.GaussianBlur(alpha, (0, 0), blur_px).astype(np.float32) if blur_px else alpha


@pytest.mark.parametrize("blur_px", [0.0, 1.0, 2.0])
def test_soft_edges_are_no_doubt(blur_px: float) -> None:
    assert not is_doubtful(person(blur_px))


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.65])
def test_a_place_that_is_neither_is_doubt(alpha: float) -> None:
    matte = person()
    matte[100:130, 320:350] = alpha
    assert is_doubtful(matte)
    assert is_doubtful(np.where(matte == 1, 0, matte).astype(np.float32)), "without anybody, too"


@pytest.mark.parametrize("alpha", [0.1, 0.9])
def test_what_is_nearly_certain_is_none(alpha: float) -> None:
    matte = person()
    matte[100:130, 320:350] = alpha
    assert not is_doubtful(matte)


def test_a_speck_beside_a_person_is_none_but_is_in_an_empty_room() -> None:
    matte = np.zeros((256, 448), np.float32)
    matte[40:48, 40:48] = 0.5
    assert is_doubtful(matte)
    assert not is_doubtful(np.maximum(matte, person()))


def test_nothing_is_no_doubt() -> None:
    assert not is_doubtful(np.zeros((256, 448), np.float32))
