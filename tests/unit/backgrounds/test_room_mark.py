"""Marks of rooms, and plates that are found on the disk by them. The rooms are drawn: boards and panes on a wall."""

import json

import cv2
import numpy as np
import pytest

from streamer.backgrounds.generators import CachedGenerator
from streamer.backgrounds.plate_cache import PlateCache
from streamer.backgrounds.room_mark import HIDDEN, RoomMark, mark_of
from streamer.frames import Frame, Keyframe, Plate, Size

SIZE = Size(640, 360)


def room(number, furniture=14):
    rng = np.random.default_rng(number)
    image = np.full((SIZE.height, SIZE.width, 3), 120, np.uint8)
    for _ in range(furniture):
        left, top = int(rng.integers(0, SIZE.width - 60)), int(rng.integers(0, SIZE.height - 40))
        right, bottom = left + int(rng.integers(60, 250)), top + int(rng.integers(40, 160))
        cv2.rectangle(image, (left, top), (right, bottom), rng.integers(30, 200, 3).tolist(), -1)
    return cv2.GaussianBlur(image, (0, 0), 3)


def seen(image, seed=0, gain=1.0):
    """The same room in another moment: noise, and another exposure."""
    noise = np.random.default_rng(seed).normal(0, 6, image.shape)
    return np.clip(image * gain + noise, 0, 255).astype(np.uint8)


def person(left=220, width=200):
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    alpha[80:, left : left + width] = 1
    return alpha


def with_person(image, alpha):
    return np.where(alpha[..., None] > 0, np.uint8(240), image)


@pytest.mark.parametrize("number", range(8))
def test_same_room_is_known_through_noise_exposure_and_a_person_elsewhere(number):
    one, other = person(60), person(330)
    mark = mark_of(with_person(seen(room(number), 1), one), one)
    again = mark_of(with_person(seen(room(number), 2, gain=1.15), other), other)
    assert mark.is_like(again.as_facts())
    assert again.is_like(json.loads(json.dumps(mark.as_facts())))


def test_other_rooms_are_told_apart():
    marks = [mark_of(seen(room(number)), np.zeros((SIZE.height, SIZE.width), np.float32)) for number in range(30)]
    likes = [one.is_like(other.as_facts()) for one in marks for other in marks if one is not other]
    assert len(likes) == 870
    assert not any(likes)


def test_other_light_is_another_room():
    nobody = np.zeros((SIZE.height, SIZE.width), np.float32)
    assert not mark_of(room(1), nobody).is_like(mark_of(seen(room(1), gain=0.6), nobody).as_facts())


def test_room_of_which_too_little_is_seen_is_not_known():
    everywhere = np.ones((SIZE.height, SIZE.width), np.float32)
    hidden = mark_of(room(1), everywhere)
    assert set(hidden.steps) == {HIDDEN}
    assert not hidden.is_like(hidden.as_facts())
    near = person(100, 520)
    near[:80] = 1
    assert not mark_of(room(1), near).is_like(mark_of(room(1), near).as_facts())


@pytest.mark.parametrize(
    "facts",
    [None, 5, [], {}, {"steps": 5, "brightness": 90}, {"steps": "=" * 144}, {"steps": "=" * 143, "brightness": 90.0},
     {"steps": "=" * 144, "brightness": "90"}, {"steps": "=" * 144, "brightness": -1},
     {"steps": "=" * 144, "brightness": float("nan")}],
)  # fmt: skip
def test_what_is_no_mark_is_like_nothing(facts):
    assert not RoomMark("=" * 144, 90.0).is_like(facts)
    assert RoomMark("=" * 144, 90.0).is_like({"steps": "=" * 144, "brightness": 91})


class Counting:
    """Counts what it paints."""

    def __init__(self):
        self.painted = []

    def generate(self, keyframe, prompt, seed, *, should_stop):
        self.painted.append((prompt, seed))
        return Plate(np.full((8, 8, 3), len(self.painted), np.uint8), prompt, seed, keyframe.frame.index, 0.1)

    def close(self):
        pass


def level(generator, image, alpha, prompt="a beach", seed=1):
    """Which of the plates it gives: the first that was painted is 1."""
    keyframe = Keyframe(Frame(image, 3, 0.1, 0.0), alpha)
    plate = generator.generate(keyframe, prompt, seed, should_stop=lambda: False)
    assert (plate.prompt, plate.seed, plate.keyframe_index) == (prompt, seed, 3)
    return int(plate.image[0, 0, 0])


@pytest.fixture
def open_cached(tmp_path):
    """Opens generators that share a folder, as two runs do."""
    painter = Counting()

    def open_one(settings=None, *, exactly=False):
        return CachedGenerator(painter, PlateCache(tmp_path / "plates", 10**7), settings or {}, exactly=exactly)

    return open_one, painter


def test_live_the_next_run_finds_the_plates_of_the_same_room_on_the_disk(open_cached):
    open_one, painter = open_cached
    first = open_one()
    assert level(first, seen(room(1), 1), person()) == 1
    assert level(first, seen(room(1), 1), person(), "a library") == 2
    assert level(first, seen(room(2), 1), person()) == 3
    second = open_one()
    assert level(second, seen(room(1), 9), person(100)) == 1
    assert level(second, seen(room(1), 9), person(100), "a library") == 2
    assert level(second, seen(room(2), 9), person(100)) == 3
    assert len(painter.painted) == 3


def test_another_seed_setting_or_size_is_another_plate(open_cached):
    open_one, painter = open_cached
    level(open_one(), room(1), person())
    level(open_one(), room(1), person(), seed=2)
    level(open_one({"steps": 4}), room(1), person())
    level(open_one(), room(1)[::2, ::2], person()[::2, ::2])
    assert len(painter.painted) == 4


def test_a_file_takes_nothing_from_live_runs_and_only_the_very_same_keyframe(open_cached):
    open_one, _ = open_cached
    level(open_one(), room(1), person())
    exact = open_one(exactly=True)
    assert level(exact, room(1), person()) == 2
    assert level(exact, room(1), person()) == 2
    assert level(exact, seen(room(1), 1), person()) == 3
    assert level(open_one(), room(1), person()) == 1


def test_side_car_holds_signs_and_no_picture_of_the_room(open_cached, tmp_path):
    open_one, _ = open_cached
    level(open_one(), seen(room(1), 1), person())
    (side_car,) = (tmp_path / "plates").glob("*.json")
    facts = json.loads(side_car.read_text(encoding="utf-8"))
    assert set(facts) == {"prompt", "seed", "how", "made_in_s", "room"}
    assert set(facts["room"]) == {"steps", "brightness"}
    assert set(facts["room"]["steps"]) <= set("+-=?")
