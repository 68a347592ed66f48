from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.shaded import Mask, shaded_room

HEIGHT, WIDTH = 180, 320
LEGS = (np.s_[60:150, 120:140], np.s_[60:150, 170:190])
BETWEEN = np.s_[80:150, 140:170]
"""The floor between the legs, which goes on below them."""
EVERYWHERE = np.ones((HEIGHT, WIDTH), np.bool_)


def boards() -> Image:
    """A wooden floor, its boards along the picture's height."""
    rng = np.random.default_rng(3)
    levels = cv2.resize(rng.uniform(70, 120, (1, WIDTH // 5)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return np.dstack([1.4 * levels, levels, 0.5 * levels]).astype(np.uint8)


def wall(colour: tuple[int, int, int]) -> Image:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def blurred(picture: Image) -> Image:
    return cv2.blur(picture, (3, 3)).astype(np.uint8)


def shown(room: Image, shade: float = 0.75, doubt: float = 0.6) -> tuple[Image, Alpha]:
    """Somebody's legs in that room, and between them the room in their shadow, as the camera and the network see it."""
    picture, alpha = room.astype(np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    dark = np.zeros((HEIGHT, WIDTH), np.float32)
    dark[BETWEEN] = 1 - shade
    picture *= 1 - cv2.GaussianBlur(dark, (0, 0), 5)[..., None]  # shadows are soft
    alpha[BETWEEN] = doubt
    for leg in LEGS:
        picture[leg] = (15, 15, 30)
        alpha[leg] = 1
    picture += np.random.default_rng(4).normal(0, 1.5, picture.shape)
    return blurred(picture.clip(0, 255).astype(np.uint8)), alpha


def found_in(room: Image, shade: float = 0.75, doubt: float = 0.6, certain: Mask = EVERYWHERE) -> Mask:
    picture, alpha = shown(room, shade, doubt)
    return shaded_room(picture, blurred(room), certain, alpha)


@pytest.mark.parametrize("shade", [0.6, 0.75, 0.9, 1.0])
def test_the_floor_between_the_legs_is_the_rooms(shade: float) -> None:
    found = found_in(boards(), shade)
    assert found[BETWEEN][4:-4, 5:-5].mean() > 0.9
    assert not any(found[leg].any() for leg in LEGS)


def test_the_clean_plate_takes_it_out_of_the_matte() -> None:
    picture, alpha = shown(boards())
    cleaned = CleanPlate(boards()).clean(picture, alpha).alpha
    assert cleaned[BETWEEN][4:-4, 5:-5].mean() < 0.1
    assert all(cleaned[leg].min() > 0.99 for leg in LEGS)


def test_what_the_network_is_sure_of_stays() -> None:
    assert not found_in(boards(), doubt=0.96).any()


def test_where_the_room_is_not_certain_nothing_is_said() -> None:
    assert not found_in(boards(), certain=~EVERYWHERE).any()


def test_what_hangs_together_with_no_room_around_stays() -> None:
    """As a shirt of the floor's colours in the middle of somebody."""
    room = boards()
    picture, alpha = shown(room)
    around = np.s_[74:156, 134:176]
    inside = picture[BETWEEN].copy(), alpha[BETWEEN].copy()
    picture[around], alpha[around] = (15, 15, 30), 1
    picture[BETWEEN], alpha[BETWEEN] = inside
    assert not shaded_room(picture, blurred(room), EVERYWHERE, alpha).any()


@pytest.mark.parametrize("colour", [(190, 195, 205), (210, 160, 110)], ids=["a grey shirt", "a face"])
def test_on_a_bare_wall_a_deep_shadow_may_be_somebody(colour: tuple[int, int, int]) -> None:
    assert not found_in(wall(colour), shade=0.85).any()


def test_on_a_bare_wall_a_faint_shadow_is_none() -> None:
    assert found_in(wall((190, 195, 205)), shade=0.95)[BETWEEN][4:-4, 5:-5].mean() > 0.9


def test_streaks_are_somebodys_hair() -> None:
    """Their colour is that of the boards, and the mean of their brightness is that of a shadow."""
    room = boards()
    hair = room.astype(np.float32)
    hair *= np.where(np.arange(WIDTH) % 8 < 4, 0.55, 0.95).astype(np.float32)[:, None]
    picture, alpha = shown(hair.astype(np.uint8), shade=1)
    assert shaded_room(picture, blurred(room), EVERYWHERE, alpha)[BETWEEN].mean() < 0.05


def test_other_colours_are_not_the_rooms() -> None:
    picture, alpha = shown(boards())
    picture[BETWEEN] = picture[BETWEEN][..., ::-1]
    assert not shaded_room(picture, blurred(boards()), EVERYWHERE, alpha).any()
