from __future__ import annotations

import numpy as np
import pytest

from models.clips import ROOM_FIRST, SIZE, make_clips, make_entrances, make_walks
from models.datasets import CutOut
from models.scoreboard import ValidationSet, scores


@pytest.fixture(scope="module")
def person() -> CutOut:
    mask = np.zeros((200, 80), np.uint8)
    mask[:, 10:70] = 255
    return CutOut(np.full((200, 80, 3), (200, 30, 30), np.uint8), mask, cut_sides=False, cut_bottom=True)


ROOM = np.full((64, 64, 3), (20, 120, 60), np.uint8)


def test_clips_are_the_same_each_time_and_differ_from_each_other(person: CutOut) -> None:
    first, again = (list(make_clips([person], [ROOM], count=2, length=3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.mattes, other.mattes)
    assert not np.array_equal(first[0].mattes, first[1].mattes)


def test_the_matte_lies_where_the_person_is(person: CutOut) -> None:
    for clip in make_clips([person], [ROOM], count=6, length=4):
        assert clip.frames.shape == (4, SIZE[1], SIZE[0], 3)
        assert clip.mattes.shape == (4, SIZE[1], SIZE[0])
        redness = clip.frames[..., 0].astype(int) - clip.frames[..., 1]
        if (clip.mattes == 255).any():
            assert np.median(redness[clip.mattes == 255]) > 60
        assert np.median(redness[clip.mattes == 0]) < 0


def test_people_come_in_and_stay_or_leave(person: CutOut) -> None:
    first, again = (list(make_entrances([person], [ROOM], count=12, length=60)) for _ in range(2))
    shown = np.array([[(matte > 127).mean() for matte in clip.mattes] for clip in first])
    came_in = shown[:, 0] < 0.3 * shown[:, 30]
    assert came_in.mean() > 0.5  # the others are slow, and are in it from the beginning
    left = shown[:, -1] < 0.3 * shown[:, 30]
    assert left.any()
    assert (shown[:, -1] == shown[:, 30]).any()
    for clip, same in zip(first, again, strict=True):
        assert np.array_equal(clip.frames, same.frames)
        redness = clip.frames[..., 0].astype(int) - clip.frames[..., 1]
        assert np.median(redness[clip.mattes == 255]) > 60
        assert np.median(redness[clip.mattes == 0]) < 0


def test_people_walk_through_a_room_that_was_seen_empty(person: CutOut) -> None:
    first, again = (list(make_walks([person], [ROOM], count=6, length=20)) for _ in range(2))
    for clip, same in zip(first, again, strict=True):
        assert np.array_equal(clip.frames, same.frames)
        assert clip.frames.shape == (ROOM_FIRST + 20, SIZE[1], SIZE[0], 3)
        assert not clip.mattes[:ROOM_FIRST].any()
        redness = clip.frames[..., 0].astype(int) - clip.frames[..., 1]
        assert np.median(redness[clip.mattes == 255]) > 60
        assert np.median(redness[clip.mattes == 0]) < 0
    shown = np.array([[(matte > 127).mean() for matte in clip.mattes[ROOM_FIRST:]] for clip in first])
    assert (shown[:, 10] > 0.02).all()
    assert (shown[:, 0] < 0.5 * shown[:, 10]).any()
    green = np.array([clip.frames[ROOM_FIRST + 10][clip.mattes[ROOM_FIRST + 10] == 0].min(axis=0)[1] for clip in first])
    assert (green < 100).any()  # of 120, in the shadow


def test_of_a_walk_the_empty_room_is_not_scored() -> None:
    truth, picture = np.zeros((8, 8), np.float32), np.zeros((8, 8, 3), np.uint8)
    truth[2:6, 2:6] = 1
    walks = ValidationSet("walks", [[picture] * 4], [[truth, truth]], lead_in=2)
    wrong = np.ones_like(truth)
    assert scores(walks, [[wrong, wrong, truth, truth]])["iou_error"] == 0
    assert scores(walks, [[truth, truth, truth, wrong]])["iou_error"] == pytest.approx(0.375)


def test_some_people_move_and_some_keep_still(person: CutOut) -> None:
    moved = [
        np.abs(np.diff(clip.mattes.astype(int), axis=0)).max()
        for clip in make_clips([person], [ROOM], count=20, length=3)
    ]
    assert any(change == 0 for change in moved)
    assert any(change > 100 for change in moved)


def test_scores_of_stills_clips_and_empty_rooms() -> None:
    truth = np.zeros((8, 8), np.float32)
    truth[2:6, 2:6] = 1
    half = np.zeros((8, 8), np.float32)
    half[2:6, 2:4] = 1
    picture = np.zeros((8, 8, 3), np.uint8)
    still = scores(ValidationSet("still", [[picture]], [[truth]]), [[half]])
    assert still["iou_error"] == pytest.approx(0.5)
    assert still["mad"] == pytest.approx(1000 * 8 / 64)
    assert "dtssd" not in still
    clip = scores(ValidationSet("clip", [[picture] * 2], [[truth, truth]]), [[truth, half]])
    assert clip["iou_error"] == pytest.approx(0.25)
    assert clip["dtssd"] == pytest.approx(100 * np.sqrt(8 / 64))
    assert scores(ValidationSet("empty", [[picture], [picture]]), [[truth], [0 * truth]]) == {"kept": 12.5}
