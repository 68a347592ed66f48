from __future__ import annotations

import cv2
import numpy as np

from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import LEARN_EVERY, CleanPlate
from streamer.segmentation.still_things import LEAST_LOOKS, LOOK_EVERY, Mask, StillThings

HEIGHT, WIDTH = 90, 160
CHAIR = np.s_[30:70, 2:14]
LONG = LOOK_EVERY * (LEAST_LOOKS + 1)


def scene(moment: int, *, sway: int = 40, chair_sways: int = 0, doubt: float = 0.7) -> tuple[Image, Alpha]:
    """A room with a chair at its edge that the network doubts, and somebody who sways before it."""
    rng = np.random.default_rng(moment)
    picture = cv2.resize(
        np.random.default_rng(1).integers(60, 200, (9, 16, 3)).astype(np.uint8),
        (WIDTH, HEIGHT),
        interpolation=cv2.INTER_CUBIC,
    )
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    rows, columns = CHAIR
    shift = moment // LOOK_EVERY % 2 * chair_sways
    chair = np.s_[rows, columns.start + shift : columns.stop + shift]
    picture[chair] = (20, 22, 25)
    alpha[chair] = doubt
    left = 70 + round(sway * abs(np.sin(moment / 7)))
    picture[20:, left : left + 30] = (200, 120, 60)
    alpha[20:, left : left + 30] = 1
    noisy = picture + rng.normal(0, 3, picture.shape)
    return noisy.clip(0, 255).astype(np.uint8), alpha


def found(**kwargs: float) -> Mask:
    things = StillThings()
    for moment in range(LONG):
        mask = things.found(*scene(moment, **kwargs))  # type: ignore[arg-type]
    return mask


def test_a_chair_that_never_moves_while_somebody_does_is_a_thing_and_they_are_not() -> None:
    mask = found()
    assert mask[CHAIR].all()
    assert not mask[:, 60:].any()


def test_what_moves_as_little_as_somebody_who_listens_is_not() -> None:
    assert not found(chair_sways=2).any()


def test_while_nobody_moves_nothing_is_known() -> None:
    assert not found(sway=0).any()


def test_what_the_network_is_sure_of_is_left_to_it() -> None:
    assert not found(doubt=0.99).any()


def test_it_takes_its_time_and_a_new_scene_begins_anew() -> None:
    things = StillThings()
    for moment in range(LOOK_EVERY * LEAST_LOOKS - 1):
        assert not things.found(*scene(moment)).any()
    for moment in range(LOOK_EVERY):
        mask = things.found(*scene(moment))
    assert mask.any()
    things.reset()
    assert not things.found(*scene(0)).any()


def test_the_clean_plate_learns_such_a_thing_though_the_network_never_rules_it_out() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * LONG + 10):
        picture, alpha = scene(moment)
        cleaned = plate.clean(picture, alpha).alpha
    person = alpha == 1
    assert cleaned[CHAIR][2:-2, 2:-2].max() < 0.05
    assert np.array_equal(cleaned[person], alpha[person])


def test_who_comes_before_a_learnt_thing_is_kept() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * LONG + 10):
        plate.clean(*scene(moment))
    picture, alpha = scene(moment + 1)
    picture[20:, :30], alpha[20:, :30] = (200, 120, 60), 0.8
    cleaned = plate.clean(picture, alpha).alpha
    assert cleaned[25:, 4:26].min() > 0.75


def test_a_learnt_thing_stays_away_in_a_single_picture_of_other_levels() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * LONG + 10):
        plate.clean(*scene(moment))
    picture, alpha = scene(moment + 1)
    picture[CHAIR] += 25
    assert plate.clean(picture, alpha).alpha[CHAIR][2:-2, 2:-2].max() < 0.05


def test_the_size_may_change_after_a_thing_was_learnt() -> None:
    for moments in (LEARN_EVERY * LONG + 10, LEARN_EVERY * LONG + 11):  # it looks at every other picture only
        plate = CleanPlate("learn")
        for moment in range(moments):
            plate.clean(*scene(moment))
        picture, alpha = (cv2.resize(plane, (128, 72)) for plane in scene(moments))
        assert plate.clean(picture.astype(np.uint8), alpha.astype(np.float32)).alpha.shape == (72, 128)
