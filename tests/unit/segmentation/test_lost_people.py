from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.lost_people import PATIENCE, LostPeople, Mask, _without_holes

HEIGHT, WIDTH = 180, 320
HAIR = (20, 18, 24)


def room() -> Image:
    """A wall with a gradient above a floor with boards."""
    picture = np.full((HEIGHT, WIDTH, 3), (190, 190, 200), np.uint8)
    picture[:, :, 1] -= np.linspace(0, 40, WIDTH).astype(np.uint8)
    picture[110:] = (150, 95, 55)
    picture[110:, ::24] = (110, 65, 35)
    return picture


def with_somebody(top: int, left: int = 130) -> tuple[Image, Mask]:
    """A dark head that comes in from below."""
    picture, truth = room(), np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(truth, (left + 30, top + 45), (30, 45), 0, 0, 360, 1, -1)
    picture[truth == 1] = HAIR
    return picture, truth.view(np.bool_)


def nothing() -> Alpha:
    return np.zeros((HEIGHT, WIDTH), np.float32)


def overlap(alpha: Alpha, truth: Mask) -> float:
    seen = alpha > 0.5
    return float((seen & truth).sum() / (seen | truth).sum())


def test_whoever_comes_in_is_kept_while_the_network_loses_them() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(150)
    assert overlap(plate.clean(picture, truth.astype(np.float32)).alpha, truth) > 0.9
    for top in (142, 134, 126):
        picture, truth = with_somebody(top)
        assert overlap(plate.clean(picture, nothing()).alpha, truth) > 0.85, top
    picture, truth = with_somebody(120)
    assert overlap(plate.clean(picture, truth.astype(np.float32)).alpha, truth) > 0.9


def test_whoever_leaves_is_kept_to_the_last() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(60, left=270)
    plate.clean(picture, truth.astype(np.float32))
    for left in (276, 282, 288, 294):
        picture, truth = with_somebody(60, left)
        assert overlap(plate.clean(picture, nothing()).alpha, truth) > 0.8, left
    assert not (plate.clean(room(), nothing()).alpha > 0.1).any()


def test_one_of_two_is_kept_while_the_other_is_seen() -> None:
    plate = CleanPlate(room())
    first, there = with_somebody(60, left=40)
    _, here = with_somebody(60, left=200)
    picture = first.copy()
    picture[here] = HAIR
    plate.clean(picture, (there | here).astype(np.float32))
    assert overlap(plate.clean(picture, there.astype(np.float32)).alpha, there | here) > 0.9


def test_the_room_where_somebody_was_is_not_kept() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    assert not (plate.clean(room(), nothing()).alpha > 0.1).any()


def test_the_room_in_a_shadow_is_not_kept() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    shadowed = room()
    shadowed[truth] = (shadowed[truth] * 0.55).astype(np.uint8)
    assert not (plate.clean(shadowed, nothing()).alpha > 0.1).any()


def test_what_the_network_never_took_for_somebody_is_not_kept() -> None:
    plate = CleanPlate(room())
    picture, _ = with_somebody(60)
    for _ in range(3):
        assert not (plate.clean(picture, nothing()).alpha > 0.1).any()


def test_after_a_new_scene_nobody_is_kept() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    plate.reset()
    assert not (plate.clean(picture, nothing()).alpha > 0.1).any()


def test_where_the_room_is_not_known_nobody_is_kept() -> None:
    plate = CleanPlate("learn")
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    assert not (plate.clean(picture, nothing()).alpha > 0.1).any()


@pytest.mark.parametrize("lit_px", [60, 200, 320])
def test_another_light_is_not_kept(lit_px: int) -> None:
    """As of a lamp that is switched on beside somebody, and blinds the network to them."""
    plate = CleanPlate(room())
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    lit = picture.copy()
    beside = np.s_[:, 160 - lit_px // 2 : 160 + lit_px // 2]
    lit[beside] = np.clip(lit[beside] * 1.6, 0, 255).astype(np.uint8)
    assert not (plate.clean(lit, nothing()).alpha > 0.1)[~truth].any()


def test_a_thing_that_stays_is_let_go_of_in_the_end() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(60)
    plate.clean(picture, truth.astype(np.float32))
    kept = [bool((plate.clean(picture, nothing()).alpha > 0.5).any()) for _ in range(PATIENCE + 5)]
    assert kept == [True] * PATIENCE + [False] * 5


@pytest.mark.parametrize(("suspicion", "is_there"), [(0.08, True), (0.03, False)])
def test_whoever_is_suspected_is_there_if_they_cover_the_room(suspicion: float, is_there: bool) -> None:
    picture, truth = with_somebody(120)
    alpha = CleanPlate(room()).clean(picture, suspicion * truth.astype(np.float32)).alpha
    assert (overlap(alpha, truth) > 0.85) == is_there
    assert is_there or alpha.max() < 0.05


def test_whoever_was_suspected_once_stays() -> None:
    plate = CleanPlate(room())
    picture, truth = with_somebody(140)
    plate.clean(picture, np.float32(0.1) * truth)
    picture, truth = with_somebody(130)
    assert overlap(plate.clean(picture, nothing()).alpha, truth) > 0.85


def test_a_little_thing_is_not_suspected() -> None:
    picture, alpha = room(), nothing()
    picture[60:68, 100:110], alpha[60:68, 100:110] = HAIR, 0.09
    assert CleanPlate(room()).clean(picture, alpha).alpha.max() < 0.1


ARM = np.s_[68:82, 180:212]
"""A hand and its wrist, at the side of somebody who goes from 130 to 190."""


def with_hand(arm: tuple[slice, slice] = ARM) -> tuple[Image, Mask]:
    picture, truth = with_somebody(30)
    picture[arm] = (180, 120, 100)
    return picture, truth


def test_a_hand_that_the_network_does_not_see_is_theirs() -> None:
    picture, truth = with_hand()
    alpha = CleanPlate(room()).clean(picture, truth.astype(np.float32)).alpha
    assert alpha[70:80, 192:208].min() > 0.9
    assert alpha[:, 214:].max() == 0


@pytest.mark.parametrize(("share", "is_there"), [(0.4, True), (0.6, False)], ids=["a grey coat", "a shadow"])
def test_before_a_grey_wall_what_is_darker_than_a_shadow_is_somebody(share: float, is_there: bool) -> None:
    picture, (_, truth) = room(), with_somebody(10)
    truth[100:] = False
    picture[truth] = (share * picture[truth]).astype(np.uint8)
    alpha = CleanPlate(room()).clean(picture, np.float32(0.2) * truth).alpha
    assert (overlap(alpha, truth) > 0.85) == is_there
    assert is_there or not (alpha > 0.5).any()


def test_what_goes_on_farther_than_an_arm_is_not_theirs() -> None:
    picture, truth = with_hand(np.s_[20:105, 185:230])
    alpha = CleanPlate(room()).clean(picture, truth.astype(np.float32)).alpha
    assert not (alpha > 0.1)[~truth].any()


def test_their_edge_is_the_networks() -> None:
    picture, truth = with_somebody(30)
    seen = cv2.erode(truth.view(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    assert np.array_equal(CleanPlate(room()).clean(picture, seen).alpha > 0.5, seen > 0.5)


def test_a_hole_of_the_rooms_colour_is_no_hole() -> None:
    """As where black hair comes to lie before a black foot of a table."""
    behind = room()
    behind[125:131, 150:170] = HAIR
    picture, truth = with_somebody(90)
    alpha = CleanPlate(behind).clean(picture, np.float32(0.2) * truth).alpha
    assert alpha[122:134, 147:173].min() > 0.9


@pytest.mark.parametrize(("top", "is_filled"), [(0, False), (5, True)], ids=["at the border", "within"])
def test_a_hole_is_what_is_enclosed(top: int, is_filled: bool) -> None:
    """Beyond the border of the part that is looked at, what is open there may go on."""
    given = np.ones((20, 30), np.uint8)
    given[top : top + 4, 10:16] = 0
    filled = _without_holes(np.zeros_like(given), given)
    assert bool(filled[top : top + 4, 10:16].all()) == is_filled
    assert np.array_equal(filled | given, filled)


def test_a_thing_that_was_put_down_beside_them_is_let_go_of() -> None:
    plate = CleanPlate(room())
    picture, truth = with_hand()
    shown = [
        bool((plate.clean(picture, truth.astype(np.float32)).alpha[70:80, 192:208] > 0.5).all())
        for _ in range(PATIENCE + 20)
    ]
    assert shown == [True] * PATIENCE + [False] * 20


@pytest.mark.parametrize(("every", "is_theirs"), [(2, False), (40, True)], ids=["leaves", "a hand"])
def test_what_moves_with_nobody_near_is_not_theirs(every: int, is_theirs: bool) -> None:
    """As leaves in a window, before which somebody comes to sit."""
    plate = CleanPlate(room())
    for moment in range(80):
        picture = room()
        if moment // 2 % every == 0:
            picture[ARM] = (60, 110, 40)
        plate.clean(picture, nothing())
    picture, truth = with_hand()
    picture[ARM] = (60, 110, 40)
    assert (plate.clean(picture, truth.astype(np.float32)).alpha[70:80, 192:208].min() > 0.9) == is_theirs


@pytest.mark.parametrize("moved", [0, 6])
def test_whoever_is_seen_is_no_matter(moved: int) -> None:
    people = LostPeople()
    _, truth = with_somebody(60)
    assert people.places(truth.astype(np.float32)) is None
    _, truth = with_somebody(60, 130 + moved)
    assert people.places(truth.astype(np.float32)) is None
    small = cv2.resize(truth.astype(np.float32), (160, 90)).astype(np.float32)
    assert people.places(small) is None  # another size is another beginning
