from __future__ import annotations

import numpy as np
import pytest
from fakes import make_frame

from streamer.frames import Alpha, Frame, Size
from streamer.plausibility import FLOOD_HOLD_S, PlausibilityGate

SIZE = Size(160, 120)


def frame_of(index: int = 0, at_s: float | None = None) -> Frame:
    frame = make_frame(index, SIZE)
    return Frame(frame.image, index, index / 30, index / 30 if at_s is None else at_s)


def person(share: float) -> Alpha:
    """A person over that share of the picture, from the left."""
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    alpha[:, : round(share * SIZE.width)] = 1
    return alpha


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_person_of_any_ordinary_size_is_believed(share: float) -> None:
    assert PlausibilityGate().doubt(frame_of(), person(share)) is None


def test_a_matte_of_everything_is_not_believed_however_long_it_lasts() -> None:
    gate = PlausibilityGate()
    for index in range(200):
        assert gate.doubt(frame_of(index), person(1.0)) == "it takes all of the picture for a person"


def test_a_matte_that_is_unsure_everywhere_is_not_believed() -> None:
    alpha = np.full((SIZE.height, SIZE.width), 0.5, np.float32)
    assert PlausibilityGate().doubt(frame_of(), alpha) == "it is unsure about most of the picture"


def test_the_matte_of_the_picture_before_is_not_believed() -> None:
    gate = PlausibilityGate()
    alpha = person(0.4)
    assert gate.doubt(frame_of(0), alpha) is None
    assert gate.doubt(frame_of(1), alpha) == "it belongs to an earlier picture"
    assert gate.doubt(frame_of(2), person(0.45)) is None


def test_a_matte_written_into_the_same_memory_is_compared_with_what_stood_there_before() -> None:
    gate = PlausibilityGate()
    alpha = person(0.4)
    assert gate.doubt(frame_of(0), alpha) is None
    alpha[:] = person(0.5)
    assert gate.doubt(frame_of(1), alpha) is None


def test_the_same_matte_is_believed_for_the_same_picture_and_for_one_that_differs_by_noise() -> None:
    gate = PlausibilityGate()
    still = frame_of(0)
    noise = np.random.default_rng(1).normal(0, 6, still.image.shape)
    noisy = still.with_image((still.image + noise).clip(0, 255).astype(np.uint8))
    for frame in (still, still, noisy):
        assert gate.doubt(frame, person(0.4)) is None


def test_an_empty_matte_may_repeat_itself() -> None:
    gate = PlausibilityGate()
    for index in range(3):
        assert gate.doubt(frame_of(index), person(0.0)) is None


def test_a_flood_is_held_until_it_has_lasted_and_an_ebb_ends_it() -> None:
    gate = PlausibilityGate()
    assert gate.doubt(frame_of(at_s=0), person(0.2)) is None
    flood = "the person covers much more of the picture from one frame to the next"
    assert gate.doubt(frame_of(1, at_s=0.1), person(0.8)) == flood
    assert gate.doubt(frame_of(2, at_s=0.2), person(0.25)) is None
    for step in range(10):
        at_s = 1 + step * FLOOD_HOLD_S / 10
        assert gate.doubt(frame_of(3 + step, at_s), person(0.8 + 0.05 * (step % 2))) == flood
    assert gate.doubt(frame_of(20, at_s=1 + FLOOD_HOLD_S), person(0.8)) is None


def test_a_flood_that_goes_on_changing_is_held() -> None:
    gate = PlausibilityGate()
    assert gate.doubt(frame_of(at_s=0), person(0.1)) is None
    for step in range(40):
        assert gate.doubt(frame_of(1 + step, at_s=0.1 * step), person(0.7 if step % 2 else 0.9)) is not None


def test_a_person_who_comes_near_in_steps_is_believed() -> None:
    gate = PlausibilityGate()
    for index, share in enumerate((0.0, 0.2, 0.45, 0.6, 0.8, 0.95)):
        assert gate.doubt(frame_of(index), person(share)) is None


def test_after_a_reset_there_is_nothing_to_compare_with() -> None:
    gate = PlausibilityGate()
    alpha = person(0.1)
    assert gate.doubt(frame_of(0), alpha) is None
    gate.reset()
    assert gate.doubt(frame_of(1), alpha) is None
    gate.reset()
    assert gate.doubt(frame_of(2), person(0.9)) is None


def test_floods_are_not_judged_in_files_but_everything_is() -> None:
    gate = PlausibilityGate(judges_floods=False)
    assert gate.doubt(frame_of(0), person(0.1)) is None
    assert gate.doubt(frame_of(1), person(0.9)) is None
    assert gate.doubt(frame_of(2), person(1.0)) is not None
