"""Labels from a drawn room and a drawn person, with a network that is wrong in ways that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamer.enrolling.labelling import Label, Labelled, Room, Verdict, label_frames, measure_room, moving
from streamer.frames import Alpha, Image, Size

HEIGHT, WIDTH = 120, 200
LAMP = np.s_[20:60, 165:190]
"""A part of the room that the network takes for a person."""
CHAIR = np.s_[80:120, 10:30]
"""Where a chair stands in some frames."""


def empty_room() -> Image:
    rng = np.random.default_rng(3)
    coarse = rng.uniform(60, 200, (12, 20, 3)).astype(np.float32)
    room = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    room[LAMP] = (240, 230, 60)
    return room


def body(left: int) -> np.ndarray:
    """The person's mask: head, trunk and a hand held out to the right."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (left + 20, 35), 14, 1, -1)
    mask[50:, left : left + 42] = 1
    mask[hand(left)] = 1
    return mask > 0


def hand(left: int) -> tuple[slice, slice]:
    return np.s_[70:84, left + 42 : left + 66]


def frame(left: int, *, light: float = 1.0, with_chair: bool = False) -> Image:
    image = empty_room()
    if with_chair:
        image[CHAIR] = (20, 20, 120)
    image[body(left)] = (150, 20, 30)
    noise = np.random.default_rng(left).normal(0, 2, image.shape)
    return (image * light + noise).round().clip(0, 255).astype(np.uint8)


def seen(left: int) -> Alpha:
    """The network's matte: it misses the hand, and takes the lamp for a person."""
    matte = body(left).astype(np.float32)
    matte[hand(left)] = 0
    matte[LAMP] = 1
    return cv2.blur(matte, (3, 3))


@pytest.fixture(scope="module")
def room() -> Room:
    rng = np.random.default_rng(0)
    pictures = [np.clip(empty_room() + rng.normal(0, 2, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8) for _ in range(9)]
    return measure_room(pictures, Size(WIDTH, HEIGHT))


def labelled(pictures: list[Image], mattes: list[Alpha], room: Room) -> Labelled:
    return label_frames(pictures, mattes, room, lambda: None)


def share(label: Label, where: object, value: int) -> float:
    """Share of a part of the picture that is known to be ``value``."""
    known = (label.known > 0) & ((label.mask > 127) == (value > 127))
    return float(known[where].mean())


def inside(where: tuple[slice, slice]) -> tuple[slice, slice]:
    rows, columns = where
    return slice(rows.start + 4, rows.stop - 4), slice(columns.start + 4, columns.stop - 4)


LEFTS = list(range(30, 90, 10))


def test_the_network_learns_what_it_misses_and_what_it_takes_for_a_person(room: Room) -> None:
    found = labelled([frame(left) for left in LEFTS], [seen(left) for left in LEFTS], room).labels
    for left, label in zip(LEFTS, found, strict=True):
        assert label.verdict is Verdict.PERSON
        assert share(label, inside(hand(left)), 255) > 0.9
        assert share(label, inside(LAMP), 0) > 0.9
        truth = body(left)
        known = label.known > 0
        assert ((label.mask > 127) == truth)[known].mean() > 0.999
        assert known.mean() > 0.85


def test_nothing_is_claimed_along_the_outline(room: Room) -> None:
    label = labelled([frame(50)], [seen(50)], room).labels[0]
    outline = cv2.morphologyEx(body(50).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    assert not label.known[outline].any()


def test_another_exposure_is_no_other_room(room: Room) -> None:
    label = labelled([frame(50, light=0.8)], [seen(50)], room).labels[0]
    assert label.verdict is Verdict.PERSON
    assert ((label.mask > 127) == body(50))[label.known > 0].mean() > 0.999


def test_a_chair_that_was_put_there_since_is_no_person_and_no_label(room: Room) -> None:
    found = labelled([frame(left, with_chair=True) for left in LEFTS], [seen(left) for left in LEFTS], room)
    for label in found.labels:
        assert not label.known[inside(CHAIR)].any()
    assert found.uncovered[inside(CHAIR)].min() > 0.9


def test_a_camera_that_was_moved_gives_no_label(room: Room) -> None:
    shifted = np.roll(frame(50), 25, axis=(0, 1))
    label = labelled([shifted], [np.roll(seen(50), 25, axis=(0, 1))], room).labels[0]
    assert label.verdict in (Verdict.MOVED, Verdict.DISPUTED)
    assert not label.is_kept


def test_a_frame_of_nobody_is_an_empty_one(room: Room) -> None:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[LAMP] = 1
    label = labelled([empty_room()], [matte], room).labels[0]
    assert label.verdict is Verdict.EMPTY
    assert not label.mask.any()
    assert share(label, inside(LAMP), 0) == 1.0


def test_a_frame_in_which_much_is_disputed_is_dropped(room: Room) -> None:
    """Nobody can tell: a little brighter than the room, and the network is of two minds."""
    picture, matte, where = frame(50), seen(50), np.s_[60:, 125:165]
    picture[where] += 10
    matte[where] = 0.5
    label = labelled([picture], [matte], room).labels[0]
    assert label.verdict is Verdict.DISPUTED
    assert not label.known[inside(np.s_[60:120, 125:165])].any()


def test_only_what_moves_in_the_empty_room_is_found(room: Room) -> None:
    still = empty_room()
    changed = still.copy()
    changed[60:80, 100:120] = 0
    assert not moving([still], room).any()
    found = moving([still, changed], room)
    assert found[62:78, 102:118].all()
    assert found.sum() < 600
