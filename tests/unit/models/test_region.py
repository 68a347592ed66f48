from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.framing import WHOLE, Box, Framing, framing, looking_at
from models.region import AT_LEAST_EVERY, CALM, MARGIN, NEARLY_SURE, REST, SURE, Gaze, Look, around, region_of
from models.unet_config import COMPACT

WIDTH, HEIGHT = 640, 360
ENTIRE = framing(WIDTH, HEIGHT, COMPACT)

Person = tuple[int, int, int, int]
"""Left, top, right and bottom, in a picture of that size."""


class Scene:
    """People as white rectangles in a room, looked at through a gaze. Counts the looks."""

    def __init__(self) -> None:
        self.gaze = Gaze()
        self.room = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
        self.looks: list[Framing] = []
        self.shown = (0, 0)
        self.certainty = 1.0
        self.is_short_sighted = self.is_long_sighted = False
        self.clear_from_px = 0
        """Width of all of the picture from which on people are seen for certain; below it half so."""

    def next(self, *people: Person) -> tuple[NDArray[np.float32], int]:
        """The matte of the next picture at its own size, and how many looks it took."""
        picture, truth = self.room.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
        for left, top, right, bottom in people:
            picture[top:bottom, left:right] = 255
            truth[top:bottom, left:right] = 1
        before = len(self.looks)

        def look(how: Framing) -> Look:
            self.looks.append(how)
            (width, height), (x, y) = how.content, how.corner
            seen = np.zeros((height, width), np.float32)
            part = np.s_[y : y + how.padded[1], x : x + how.padded[0]]
            if not (self.is_short_sighted if how == ENTIRE else self.is_long_sighted):
                certainty = self.certainty if width >= self.clear_from_px else 0.6
                seen[part] = cv2.resize(truth, how.content, interpolation=cv2.INTER_AREA)[part] * certainty
            return Look(cv2.resize(picture, how.content, interpolation=cv2.INTER_AREA).astype(np.uint8), seen)

        part = partial(looking_at, width=WIDTH, height=HEIGHT, config=COMPACT, share=1.0)
        found = self.gaze.matte(ENTIRE, part, look)
        assert found.picture.shape[:2] == found.alpha.shape
        self.shown = found.alpha.shape
        return cv2.resize(found.alpha, (WIDTH, HEIGHT)).astype(np.float32), len(self.looks) - before

    @property
    def is_whole(self) -> bool:
        """Whether all of the picture was looked at last."""
        return self.looks[-1] == ENTIRE


SOMEBODY: Person = (250, 120, 400, 360)


def test_somebody_is_looked_for_and_then_looked_at() -> None:
    scene = Scene()
    alpha, looks = scene.next(SOMEBODY)
    assert looks == 2
    assert not scene.is_whole
    assert alpha[200, 300] == 1
    assert alpha[200, 100] == 0
    for _ in range(5):
        assert scene.next(SOMEBODY)[1] == 1
    assert len(set(scene.looks)) == 2, "the same part all the time"
    width, height = scene.looks[-1].content
    assert width * height > 1.2 * ENTIRE.content[0] * ENTIRE.content[1]


def test_an_empty_room_is_looked_at_as_a_whole_and_whoever_comes_in_from_close_by_at_once() -> None:
    scene = Scene()
    assert [scene.next()[1] for _ in range(3)] == [1, 1, 1]
    alpha, looks = scene.next(SOMEBODY)
    assert alpha[200, 300] == 1
    assert looks == 2
    assert not scene.is_whole


def test_whoever_comes_in_need_not_be_surely_seen() -> None:
    scene = Scene()
    scene.next()
    scene.certainty = 0.8
    assert all(scene.next(SOMEBODY)[0][200, 300] == pytest.approx(0.8) for _ in range(2 * REST))


def test_whoever_comes_in_and_is_seen_in_the_whole_alone_is_there_at_once() -> None:
    scene = Scene()
    for _ in range(REST):
        scene.next()
    scene.is_long_sighted = True
    assert all(scene.next(SOMEBODY)[0][200, 300] == 1 for _ in range(2 * CALM))


def test_a_first_picture_shows_nobody_who_is_nobody_from_close_by() -> None:
    scene = Scene()
    scene.is_long_sighted = True
    assert scene.next(SOMEBODY)[0].max() == 0


def test_of_whoever_was_lost_for_a_moment_there_is_no_doubt_afterwards() -> None:
    scene = Scene()
    scene.certainty = SURE - 0.01
    scene.next(SOMEBODY)
    scene.next()
    for _ in range(2 * REST):
        assert scene.next(SOMEBODY)[0][200, 300] == pytest.approx(scene.certainty)


def test_of_a_first_picture_there_is_no_doubt() -> None:
    scene = Scene()
    scene.certainty = SURE - 0.01
    assert scene.next(SOMEBODY)[0][200, 300] == pytest.approx(scene.certainty)


def test_the_part_follows_whoever_moves_and_cuts_nothing_off() -> None:
    scene = Scene()
    looks = 0
    for step in range(0, 380, 4):
        alpha, count = scene.next((20 + step, 120, 170 + step, 360))
        looks += count
        assert alpha[200, 20 + step + 4 : 170 + step - 4].min() > 0.99
        assert alpha[:, : max(0, 20 + step - 4)].max(initial=0) == 0
    assert looks < 1.1 * 95, "it moves along before anybody is at its edge"


def test_whoever_leaps_is_looked_for_in_the_same_picture() -> None:
    scene = Scene()
    scene.next((20, 120, 170, 360))
    scene.next((20, 120, 170, 360))
    alpha, looks = scene.next((420, 120, 570, 360))
    assert looks == 3
    assert alpha[200, 430:560].min() > 0.99
    assert not scene.is_whole


def test_whoever_leaps_to_where_only_the_whole_shows_them_is_there() -> None:
    scene = Scene()
    scene.next((20, 120, 170, 360))
    scene.is_long_sighted = True
    for _ in range(3):
        assert scene.next((420, 120, 570, 360))[0][200, 430:560].min() > 0.99


def test_a_second_one_is_there_in_the_picture_in_which_they_come_in() -> None:
    scene = Scene()
    for _ in range(3):
        scene.next((20, 120, 170, 360))
    alpha, _ = scene.next((20, 120, 170, 360), (560, 200, 640, 360))
    assert alpha[300, 100] == 1
    assert alpha[300, 600] == 1


def flicker(scene: Scene, number: int) -> None:
    """A television set."""
    scene.room[50:150, 450:550] = 200 if number % 2 else 30


def test_what_moves_beside_somebody_and_is_nobody_is_looked_at_seldom() -> None:
    scene = Scene()
    scene.next((20, 120, 170, 360))
    looks = []
    for number in range(4 * REST):
        flicker(scene, number)
        looks.append(scene.next((20, 120, 170, 360))[1])
    assert looks[0] == 2
    assert sum(looks) - len(looks) <= 6


def test_whoever_comes_in_elsewhere_meanwhile_is_there_at_once() -> None:
    scene = Scene()
    for number in range(5):
        flicker(scene, number)
        scene.next((20, 120, 170, 360))
    flicker(scene, 1)
    alpha, _ = scene.next((20, 120, 170, 360), (560, 250, 640, 360))
    assert alpha[300, 600] == 1


def test_whoever_reaches_the_edge_meanwhile_is_not_cut_off() -> None:
    scene = Scene()
    for number, left in enumerate(range(20, 380, 40)):
        flicker(scene, number)
        alpha, _ = scene.next((left, 200, left + 150, 360))
        assert alpha[300, left + 4 : left + 146].min() > 0.99


def test_another_scene_meanwhile_is_seen_whole() -> None:
    scene = Scene()
    for number in range(5):
        flicker(scene, number)
        scene.next((20, 120, 170, 360))
    scene.room[:] = np.linspace(0, 200, WIDTH)[:, None]
    alpha, _ = scene.next((60, 120, 140, 360), (300, 60, 360, 360), (500, 80, 600, 360))
    assert alpha[300, [100, 330, 550]].min() == 1


@pytest.mark.parametrize("pictures", [1, 2, CALM + 2])
def test_whoever_comes_in_and_stands_still_at_any_time_is_there(pictures: int) -> None:
    scene = Scene()
    scene.next()
    for _ in range(pictures):
        scene.next((20, 120, 170, 360))
    for _ in range(3):
        alpha, _ = scene.next((20, 120, 170, 360), (560, 200, 640, 360))
        assert alpha[300, 600] == 1


def test_whoever_comes_in_while_the_region_grows_is_there() -> None:
    scene = Scene()
    for right in range(170, 330, 8):
        scene.next((20, 120, right, 360))
        before = scene.looks[-1].content
        alpha, _ = scene.next((20, 120, right + 4, 360), (600, 250, 640, 360))
        assert alpha[300, 620] == 1
        scene.gaze.reset()
        scene.next((20, 120, right + 4, 360))
    assert before != scene.looks[1].content


def test_whoever_was_missed_is_found_after_a_while() -> None:
    scene = Scene()
    scene.next((20, 120, 170, 360))
    scene.next((20, 120, 170, 360))
    scene.room[:] = 250  # they come in with the very colour of the room
    for _ in range(AT_LEAST_EVERY):
        alpha, _ = scene.next((20, 120, 170, 360), (560, 200, 640, 360))
    assert alpha[300, 600] == 1


def test_in_a_dim_room_somebody_in_dark_clothes_is_a_change() -> None:
    scene = Scene()
    scene.room[:] = 20
    scene.next((20, 120, 170, 360))
    scene.next((20, 120, 170, 360))
    scene.room[200:, 560:] = 30
    assert scene.next((20, 120, 170, 360))[1] == 2


def test_a_raised_finger_is_not_cut_off() -> None:
    scene = Scene()
    for top in range(180, 20, -6):
        alpha, _ = scene.next((250, 200, 400, 360), (320, top, 330, 210))
        assert alpha[top + 4 : 200, 322:328].min() > 0.99


def test_another_light_is_no_change() -> None:
    scene = Scene()
    scene.next((20, 120, 170, 360))
    for brightness in range(100, 180, 10):
        scene.room[:] = brightness
        assert scene.next((20, 120, 170, 360))[1] == 1


def test_noise_is_no_change() -> None:
    scene, rng = Scene(), np.random.default_rng(3)
    scene.next((20, 120, 170, 360))
    for _ in range(10):
        scene.room = (100 + rng.normal(0, 8, (HEIGHT, WIDTH, 3))).clip(0, 255).astype(np.uint8)
        assert scene.next((20, 120, 170, 360))[1] == 1


@pytest.mark.parametrize("step", [2, 6, 12])
def test_whoever_is_overlooked_in_the_whole_stays_while_seen_in_the_part(step: int) -> None:
    scene = Scene()
    scene.next((20, 120, 90, 300))
    scene.is_short_sighted = True
    for left in range(20, 440, step):
        alpha, looks = scene.next((left, 120, left + 70, 300))
        assert alpha[200, left + 4 : left + 66].min() > 0.99
        assert looks <= 3
    for _ in range(2 * AT_LEAST_EVERY):
        assert scene.next((left, 120, left + 70, 300))[0][200, left + 35] == 1


@pytest.mark.parametrize(("unsure", "stays"), [(1, True), (CALM - 1, True), (CALM + 1, False)])
def test_who_was_surely_seen_is_not_overlooked_for_a_moment_of_doubt(unsure: int, stays: bool) -> None:
    scene = Scene()
    scene.next(SOMEBODY)
    scene.certainty = NEARLY_SURE + 0.05
    for _ in range(unsure - 1):
        assert scene.next(SOMEBODY)[0][200, 300] == pytest.approx(scene.certainty)
    scene.is_short_sighted = True
    scene.room[:, 560:] = 255  # something moves beside them, so that the whole is looked at
    alpha, looks = scene.next(SOMEBODY)
    assert looks >= 2
    assert (alpha[200, 300] > 0.9) == stays


def test_who_is_hardly_seen_any_more_is_looked_at_as_large_as_can_be() -> None:
    scene = Scene()
    scene.next((100, 60, 420, 360))
    scene.next((240, 130, 330, 360))
    wide = scene.looks[-1].content[0]
    scene.clear_from_px = wide + 20
    alpha, looks = scene.next((244, 130, 334, 360))
    assert scene.shown[1] > wide
    assert alpha[200, 290] == 1
    assert looks == 3, "and around, where they were when they were larger"
    assert scene.next((246, 130, 336, 360))[1] == 1, "it stays there"
    assert scene.next((246, 130, 336, 360))[0][200, 290] == 1


def test_who_is_hardly_seen_any_more_is_gone_with_the_look_around() -> None:
    scene = Scene()
    scene.next(SOMEBODY)
    scene.certainty = NEARLY_SURE - 0.05
    scene.is_short_sighted = True
    scene.room[:, 560:] = 255
    assert scene.next(SOMEBODY)[0].max() == 0


def test_whoever_is_overlooked_beside_one_who_comes_in_stays() -> None:
    scene = Scene()
    scene.next((20, 120, 90, 300))
    scene.is_short_sighted = True
    scene.room[200:, 400:640] = 255
    alpha, _ = scene.next((20, 120, 90, 300))
    assert alpha[200, 55] == 1


def test_who_leaves_is_looked_for_everywhere() -> None:
    scene = Scene()
    scene.next(SOMEBODY)
    scene.next(SOMEBODY)
    alpha, looks = scene.next()
    assert looks == 2
    assert scene.is_whole
    assert alpha.max() == 0
    assert scene.next()[1] == 1
    assert scene.is_whole


def test_who_leans_back_is_looked_at_more_closely_after_a_while() -> None:
    scene = Scene()
    scene.next((150, 60, 450, 360))
    wide = scene.shown
    for _ in range(CALM):
        scene.next((280, 200, 360, 360))
        assert scene.shown == wide
    scene.next((280, 200, 360, 360))
    assert scene.shown > wide


def test_a_new_scene_begins_with_a_look_at_the_whole() -> None:
    scene = Scene()
    scene.next(SOMEBODY)
    scene.gaze.reset()
    before = len(scene.looks)
    alpha, looks = scene.next((20, 120, 170, 360))
    assert looks == 2
    assert scene.looks[before] == ENTIRE
    assert alpha[200, 100] == 1


def test_whoever_fills_the_picture_is_looked_at_as_a_whole() -> None:
    scene = Scene()
    assert scene.next((10, 10, 630, 360))[1] == 1
    assert scene.is_whole


def test_people_are_where_the_matte_is_and_specks_are_none() -> None:
    alpha = np.zeros((180, 320), np.float32)
    assert around(alpha) is None
    alpha[10, 10] = 1
    assert around(alpha) is None
    alpha[90:180, 64:128] = 1
    alpha[90:180, 128:200] = 0.4
    assert around(alpha) == pytest.approx((0.2, 0.5, 0.4, 1.0), abs=0.02)


@given(st.floats(0, 0.95), st.floats(0, 0.95), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_region_lies_in_the_picture_and_leaves_space_around_people(x: float, y: float, w: float, h: float) -> None:
    people = Box(x, y, min(1.0, x + w), min(1.0, y + h))
    region = region_of(people)
    assert WHOLE.left <= region.left < region.right <= WHOLE.right + 1e-9
    assert WHOLE.top <= region.top < region.bottom <= WHOLE.bottom + 1e-9
    for low, high, near, far in zip(region[:2], region[2:], people[:2], people[2:], strict=True):
        assert low <= max(0.0, near - MARGIN / 2) + 1e-9
        assert high >= min(1.0, far + MARGIN / 2) - 1e-9


@pytest.mark.parametrize("away", [1, 16, 20, 25, 29])
def test_whoever_comes_back_and_is_shown_is_not_hidden_afterwards(away: int) -> None:
    scene = Scene()
    scene.next(SOMEBODY)
    for _ in range(away):
        scene.next()
    scene.certainty = 0.98
    assert all(scene.next(SOMEBODY)[0][200, 300] > 0.9 for _ in range(2 * REST))


def test_whoever_is_missed_now_and_then_is_there_in_between() -> None:
    scene = Scene()
    scene.next()
    scene.certainty = 0.98
    for index in range(1, 120):
        is_there = index % 12 > 0
        assert (scene.next(*([SOMEBODY] if is_there else []))[0][200, 300] > 0.9) == is_there


def test_whoever_only_the_whole_shows_in_a_first_picture_is_there_from_the_next_one_on() -> None:
    scene = Scene()
    scene.is_long_sighted = True
    scene.next(SOMEBODY)
    assert all(scene.next(SOMEBODY)[0][200, 300] == 1 for _ in range(2 * CALM))


def test_what_only_the_part_half_takes_for_somebody_is_gone_with_the_next_look_around() -> None:
    scene = Scene()
    for _ in range(3):
        scene.next(SOMEBODY)
    scene.certainty, scene.is_short_sighted = 0.6, True
    shown = [scene.next(SOMEBODY)[0][200, 300] > 0.5 for _ in range(3 * AT_LEAST_EVERY)]
    assert shown[0]
    assert not any(shown[AT_LEAST_EVERY:])


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_whoever_fills_what_lies_beside_the_region_is_there(share: float) -> None:
    scene = Scene()
    for _ in range(3 * CALM):
        scene.next(SOMEBODY)
    right = scene.gaze._box.right * WIDTH
    width = (WIDTH - right) * share
    other: Person = (round(WIDTH - width), 0, WIDTH, HEIGHT)
    alpha, looks = scene.next(SOMEBODY, other)
    assert looks > 1
    assert alpha[200, WIDTH - 8] == 1
