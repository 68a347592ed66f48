"""What the network doubts, and the clean plate knows to be something else than the room."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.framing import Framing
from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import LEARN_EVERY, CleanPlate, fitted_light
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.segmentation.room_memory import CLEAR_AFTER, PATIENCE
from streamer.segmentation.runtimes import Runtime

HEIGHT, WIDTH = 96, 160
BODY = np.s_[30:, 20:60]
HAND = np.s_[40:60, 90:110]
"""Of no colour of the room's; not near the body."""


def room() -> Image:
    picture = np.random.default_rng(5).integers(90, 220, (6, 10, 3)).astype(np.uint8)
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def seen(picture: Image, seed: int = 0) -> Image:
    """As a camera sees it, with noise."""
    return (picture + np.random.default_rng(seed).normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)


def with_body() -> tuple[Image, Alpha]:
    """A person the network is sure of, and the matte."""
    picture, alpha = room(), np.zeros((HEIGHT, WIDTH), np.float32)
    picture[BODY] = (20, 60, 20)
    alpha[BODY] = 1
    return picture, alpha


def inner(alpha: Alpha, where: tuple[slice, slice] = HAND) -> Alpha:
    return alpha[where][4:-4, 4:-4]


def learnt(frames: int = LEARN_EVERY * (CLEAR_AFTER + 2)) -> CleanPlate:
    """A plate that saw the empty room for so long."""
    plate = CleanPlate("learn")
    for moment in range(frames):
        plate.clean(seen(room(), moment), np.zeros((HEIGHT, WIDTH), np.float32))
    return plate


@pytest.mark.parametrize("plate", [CleanPlate(room()), learnt()], ids=["given", "learnt"])
def test_a_hand_that_the_network_doubts_is_kept(plate: CleanPlate) -> None:
    picture, alpha = with_body()
    picture[HAND] = (240, 30, 200)
    alpha[HAND] = 0.3
    cleaned = plate.clean(seen(picture), alpha)
    assert inner(cleaned.alpha).min() > 0.85
    assert inner(cleaned.strange).min() > 0.95
    assert not inner(cleaned.room).any()


def test_what_the_network_rules_out_stays_out_whatever_is_there() -> None:
    picture, alpha = with_body()
    picture[HAND] = (240, 30, 200)
    alpha[HAND] = 0.04
    assert inner(CleanPlate(room()).clean(seen(picture), alpha).alpha).max() < 0.05


def test_a_hand_between_an_elbow_and_fingers_is_none_to_rule_out() -> None:
    picture, alpha = with_body()
    elbow, fingers = np.s_[40:60, 70:90], np.s_[40:60, 110:130]
    picture[HAND] = picture[elbow] = picture[fingers] = (240, 30, 200)
    alpha[HAND], alpha[elbow], alpha[fingers] = 0.04, 0.3, 0.3
    cleaned = CleanPlate(room()).clean(seen(picture), alpha).alpha
    assert min(inner(cleaned, part).min() for part in (elbow, HAND, fingers)) > 0.85


def test_a_shadow_on_the_room_is_no_person() -> None:
    picture, alpha = with_body()
    picture[HAND] = (picture[HAND] * 0.5).astype(np.uint8)
    alpha[HAND] = 0.3
    cleaned = CleanPlate(room()).clean(seen(picture), alpha)
    assert inner(cleaned.alpha).max() < 0.32


def test_where_person_and_room_mix_the_network_decides() -> None:
    picture, alpha = with_body()
    edge = np.s_[30:, 60:64]
    picture[edge] = (0.7 * room()[edge] + 0.3 * np.array((20, 60, 20))).astype(np.uint8)
    alpha[edge] = 0.3
    cleaned = CleanPlate(room()).clean(picture, alpha).alpha
    assert cleaned[40:-10, 61:63].max() < 0.35


def test_a_foot_that_was_learnt_as_room_does_not_make_the_floor_a_person() -> None:
    foot = np.s_[70:90, 62:72]
    plate, (picture, alpha) = CleanPlate("learn"), with_body()
    shod = picture.copy()
    shod[foot] = (240, 30, 200)
    for moment in range(60):  # the network never sees the foot
        plate.clean(seen(shod, moment), alpha)
    unsure = alpha.copy()
    unsure[foot] = 0.3
    assert inner(plate.clean(seen(picture), unsure).alpha, foot).max() < 0.32


def test_the_floor_is_not_forgotten_under_a_foot_that_the_network_never_sees() -> None:
    foot = np.s_[70:90, 62:72]
    plate, (picture, alpha) = learnt(), with_body()
    shod = picture.copy()
    shod[foot] = (240, 30, 200)
    for moment in range(LEARN_EVERY * (PATIENCE + 15)):
        plate.clean(seen(shod, moment), alpha)
    unsure = alpha.copy()
    unsure[foot] = 0.3
    assert inner(plate.clean(seen(picture), unsure).alpha, foot).max() < 0.05


def test_who_walks_through_unseen_is_not_learnt_and_who_puts_a_chair_there_is() -> None:
    plate, away = learnt(), np.zeros((HEIGHT, WIDTH), np.float32)
    changed = room()
    changed[HAND] = (240, 30, 200)
    doubted = away.copy()
    doubted[HAND] = 0.3
    for moment in range(LEARN_EVERY * (PATIENCE - 5)):
        plate.clean(seen(changed, moment), away)
    for moment in range(3):
        plate.clean(seen(room(), moment), away)
    assert inner(plate.clean(seen(changed), doubted).alpha).min() > 0.85, "the room is known as it was"
    for moment in range(LEARN_EVERY * (PATIENCE + CLEAR_AFTER + 5)):
        plate.clean(seen(changed, moment), away)
    assert inner(plate.clean(seen(changed), doubted).alpha).max() < 0.05, "the chair is the room's own now"


def test_brightness_and_contrast_that_the_camera_changes_by_itself_are_allowed_for() -> None:
    plate, (picture, alpha) = CleanPlate(room()), with_body()
    alpha[HAND] = 0.5  # wrongly: the wall itself
    other = (picture * 0.7 + 60).astype(np.uint8)
    assert inner(plate.clean(seen(other), alpha).alpha).max() < 0.02


def test_light_is_fitted_without_what_stands_in_the_room() -> None:
    then = np.random.default_rng(2).integers(0, 255, (2000, 3)).astype(np.uint8)
    now = then * np.array((0.8, 0.7, 0.9)) + (10, 20, 5)
    now[:200] = 255
    light = fitted_light(then, now.round().astype(np.uint8))
    assert np.allclose(light[:, :3], np.diag((0.8, 0.7, 0.9)), atol=0.04)
    assert np.allclose(light[:, 3], (10, 20, 5), atol=4)


def test_a_bare_wall_gives_a_brightness_but_no_contrast() -> None:
    wall = (120 + np.random.default_rng(3).integers(-2, 3, (500, 3))).astype(np.uint8)
    light = fitted_light(wall, (wall - 30 + np.random.default_rng(4).integers(-2, 3, (500, 3))).astype(np.uint8))
    assert np.allclose(np.diag(light[:, :3]) * 120 + light[:, 3], 90, atol=1)
    assert np.all(np.abs(np.diag(light[:, :3]) - 1) < 0.2)


class Unasked(Runtime):
    name = "none"

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        raise AssertionError("the alphas are given")


def same_size(width: int, height: int) -> Framing:
    return Framing((width, height), (width, height))


def test_no_haze_is_left_on_the_known_room_by_earlier_frames() -> None:
    beside, away = np.s_[40:70, 60:80], np.zeros((HEIGHT, WIDTH), np.float32)
    shaded, alone = with_body()
    shaded[beside] = (shaded[beside] * 0.88).astype(np.uint8)
    hazy = alone.copy()
    hazy[beside] = 0.5
    left: dict[str, float] = {}
    for name, plate in (("without", None), ("with", CleanPlate("learn"))):
        segmenter = NetworkSegmenter("any", same_size, Unasked(), steadiness=0.95, clean_plate=plate)
        for moment, alpha in enumerate([away] * 30 + [hazy] * 20 + [alone]):
            settled = segmenter.settle(seen(room() if moment < 30 else shaded, moment), alpha).alpha
        left[name] = float(inner(settled, beside).max())
    assert left["without"] > 0.2
    assert left["with"] == 0


def other_room(seed: int = 11) -> Image:
    picture = np.random.default_rng(seed).integers(0, 255, (6, 10, 3)).astype(np.uint8)
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


@pytest.mark.parametrize("corner_px", [0, 12])
def test_after_a_cut_on_which_little_is_sure_the_old_room_is_no_evidence(corner_px: int) -> None:
    plate, picture = learnt(), other_room()
    haze = np.full((HEIGHT, WIDTH), 0.3, np.float32)
    picture[:corner_px, :corner_px] = room()[:corner_px, :corner_px]
    haze[:corner_px, :corner_px] = 0
    assert plate.clean(seen(picture), haze).alpha.max() < 0.31


def test_a_bare_wall_is_not_taken_for_the_room_in_another_light() -> None:
    plate, wall = learnt(), np.full((HEIGHT, WIDTH, 3), 190, np.uint8)
    wall[HAND] = (60, 40, 30)
    haze = np.zeros((HEIGHT, WIDTH), np.float32)
    haze[HAND] = 0.3
    assert inner(plate.clean(seen(wall), haze).alpha).max() < 0.31


@pytest.mark.parametrize("moved_px", [2, 3])
def test_a_shelf_is_no_person_when_the_camera_is_nudged(moved_px: int) -> None:
    plain = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    plain[20:70, 90:94] = plain[20:70, 104:108] = (40, 60, 90)
    plate, away = CleanPlate(plain), np.zeros((HEIGHT, WIDTH), np.float32)
    away[15:75, 85:115] = 0.3
    assert plate.clean(seen(np.roll(plain, moved_px, axis=1)), away).alpha[20:70, 86:112].max() < 0.35


def test_what_lies_beside_the_never_learnt_is_only_evidence_where_it_is_known_itself() -> None:
    plate, doubted = CleanPlate("learn"), np.zeros((HEIGHT, WIDTH), np.float32)
    doubted[HAND] = 0.3
    coat = room()
    coat[HAND] = (240, 30, 200)
    for moment in range(LEARN_EVERY * (CLEAR_AFTER + 5)):
        plate.clean(seen(coat, moment), doubted)
    wider = np.zeros((HEIGHT, WIDTH), np.float32)
    wider[36:64, 86:114] = 0.3
    assert plate.clean(seen(coat), wider).alpha.max() < 0.31


def test_a_chair_that_the_network_never_rules_out_becomes_the_rooms_own() -> None:
    plate, doubted = learnt(), np.zeros((HEIGHT, WIDTH), np.float32)
    doubted[HAND] = 0.3
    chair = room()
    chair[HAND] = (240, 30, 200)
    assert inner(plate.clean(seen(chair), doubted).alpha).min() > 0.85
    for moment in range(LEARN_EVERY * (PATIENCE + 3)):
        plate.clean(seen(chair, moment), doubted)
    assert inner(plate.clean(seen(chair), doubted).alpha).max() < 0.31


@pytest.mark.parametrize("origin", ["learn", "snap", "given"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 8)])
def test_pictures_of_a_few_pixels(origin: str, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 90, np.uint8)
    plate = CleanPlate(picture if origin == "given" else "learn" if origin == "learn" else "snap")
    for level in np.linspace(0, 1, 70, dtype=np.float32):
        cleaned = plate.clean(picture, np.full(size, level, np.float32))
        assert cleaned.alpha.shape == cleaned.room.shape == cleaned.strange.shape == size
        assert np.isfinite(cleaned.alpha).all()
