"""What is held back for the score, when new weights are kept, and which recordings do not do."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from streamer.enrolling import training
from streamer.enrolling.display import Display
from streamer.enrolling.enrolment import hold_back, label_recordings
from streamer.enrolling.recording import Recordings
from streamer.enrolling.training import Scores
from streamer.errors import EnrolmentError
from streamer.frames import Alpha, Image


@pytest.mark.parametrize("count", [20, 57, 120])
def test_whole_stretches_are_held_back_and_their_neighbours_are_not_learnt(count: int) -> None:
    learnt, held_back = hold_back(range(count))
    assert 0.15 * count <= len(held_back) <= 0.25 * count
    assert min(abs(a - b) for a in learnt for b in held_back) == 2
    stretches = 1 + sum(b - a > 1 for a, b in pairwise(held_back))
    assert stretches == 2
    assert len(learnt) + len(held_back) == count - 4


def test_weights_are_kept_that_are_better_and_leave_the_room_alone() -> None:
    old = Scores(0.98, 5.0, 0.01)
    assert Scores(0.99, 4.0, 0.01).beats(old)
    assert Scores(0.98, 4.0, 0.0).beats(old)
    assert not Scores(0.99, 5.5, 0.01).beats(old)
    assert not Scores(0.97, 4.0, 0.01).beats(old)
    assert not Scores(0.99, 4.0, 0.02).beats(old)
    assert not old.beats(old)
    assert not Scores(float("nan"), float("nan"), 0.0).beats(old)


# -- recordings that do not do ---------------------------------------------------------------------------------------

ROOM = np.random.default_rng(1).integers(90, 110, (60, 100, 3), np.uint8)


def person_at(left: int) -> Image:
    picture = ROOM.copy()
    picture[20:, left : left + 30] = (200, 30, 30)
    return picture


def red_is_person(pictures: Sequence[Image], on_picture: Callable[[], None]) -> list[Alpha]:
    return [((picture[..., 0] > 150) & (picture[..., 1] < 100)).astype(np.float32) for picture in pictures]


def labelled(room: list[Image], person: list[Image]) -> int:
    display = Display(Console(file=io.StringIO()))
    return len(label_recordings(Recordings(room, person), red_is_person, display))


MOVING = [person_at(10 + 2 * number) for number in range(24)]


def test_good_recordings_are_labelled() -> None:
    assert labelled([ROOM], MOVING) == 24


def test_nobody() -> None:
    with pytest.raises(EnrolmentError, match="nobody is to be seen"):
        labelled([ROOM], [ROOM] * 24)


def test_somebody_moves_in_the_empty_room() -> None:
    with pytest.raises(EnrolmentError, match="somebody is in the recording of the empty room"):
        labelled(MOVING, MOVING)


def test_somebody_is_in_the_picture_of_the_empty_room() -> None:
    person = [person_at(50 + number // 2) for number in range(24)]
    with pytest.raises(EnrolmentError, match="somebody is in the picture of the empty room"):
        labelled([person_at(5)], person)


def test_a_room_that_does_not_stand_still() -> None:
    tiles = np.random.default_rng(5).integers(0, 255, (15, 25, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    tiles[..., 0] = 0  # nobody
    shaken = [np.roll(tiles, 3 * number, axis=1) for number in range(9)]
    with pytest.raises(EnrolmentError, match="does not stand still"):
        labelled(shaken, MOVING)


def test_too_few_frames_with_labels() -> None:
    with pytest.raises(EnrolmentError, match="only 10 of 34 frames can be labelled"):
        labelled([ROOM], [ROOM] * 24 + MOVING[:10])


def test_another_room() -> None:
    elsewhere = np.random.default_rng(5).integers(0, 255, (6, 10, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    with pytest.raises(EnrolmentError, match=r"camera was moved|can be labelled"):
        labelled([elsewhere], MOVING)


def test_a_profile_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="the profile cannot be kept"):
        training.save(training.shipped_network(), tmp_path / "none", "w.safetensors", "g.onnx")
