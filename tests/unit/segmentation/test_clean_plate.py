from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.errors import ConfigError
from streamer.frames import Alpha, Image
from streamer.segmentation.clean_plate import LEARN_EVERY, SNAP_FRAMES, CleanPlate, open_clean_plate
from streamer.segmentation.room_memory import LEARNT_AFTER

HEIGHT, WIDTH = 90, 160
COAT = np.s_[20:60, 120:140]


def room() -> Image:
    picture = np.random.default_rng(1).integers(60, 200, (9, 16, 3)).astype(np.uint8)
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture[COAT] = (20, 30, 90)
    return picture


def scene(left: int, seed: int = 0, sigma: float = 2.0) -> tuple[Image, Alpha, Alpha]:
    """Picture with a person at ``left``, the network's alpha that also takes the coat, and the true one."""
    picture, truth = room().astype(np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    truth[30:, left : left + 40] = 1
    picture[truth == 1] = (200, 120, 60)
    noisy = picture + np.random.default_rng(seed).normal(0, sigma, picture.shape)
    alpha = truth.copy()
    alpha[COAT] = 0.9
    return noisy.clip(0, 255).astype(np.uint8), alpha, truth


def inner(alpha: Alpha) -> float:
    return float(alpha[COAT][4:-4, 4:-4].mean())


def test_what_was_in_the_room_all_along_is_dropped_and_the_person_stays_whole() -> None:
    plate = CleanPlate(room())
    picture, alpha, truth = scene(30)
    cleaned = plate.clean(picture, alpha).alpha
    assert inner(alpha) > 0.85
    assert inner(cleaned) < 0.02
    assert np.array_equal(cleaned[truth == 1], alpha[truth == 1])


def test_light_that_changes_everywhere_is_allowed_for() -> None:
    plate = CleanPlate(room())
    picture, alpha, truth = scene(30)
    dimmed = (picture * 0.7).astype(np.uint8)
    cleaned = plate.clean(dimmed, alpha).alpha
    assert inner(cleaned) < 0.05
    assert np.array_equal(cleaned[truth == 1], alpha[truth == 1])


def test_a_person_who_stands_before_the_coat_is_kept() -> None:
    picture, alpha, truth = scene(110)
    cleaned = CleanPlate(room()).clean(picture, np.maximum(alpha, truth)).alpha
    assert cleaned[truth == 1].min() > 1 - 1e-6


def test_a_room_that_no_longer_matches_is_not_believed() -> None:
    picture, alpha, _ = scene(30)
    moved = np.roll(picture, 25, axis=1)
    assert np.array_equal(CleanPlate(room()).clean(moved, alpha).alpha, alpha)


def test_the_room_is_learnt_beside_a_person_who_moves_and_only_there() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * (LEARNT_AFTER + 3)):
        picture, _, truth = scene(10, seed=moment)
        assert np.array_equal(plate.clean(picture, truth).alpha, truth)
    picture, alpha, truth = scene(10, seed=99)
    cleaned = plate.clean(picture, alpha).alpha
    assert inner(cleaned) < 0.02
    assert np.array_equal(cleaned[truth == 1], alpha[truth == 1])
    plate.reset()
    assert np.array_equal(plate.clean(picture, alpha).alpha, alpha)


def test_a_shirt_of_the_learnt_walls_colour_is_kept_where_the_network_is_sure_of_it() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * (LEARNT_AFTER + 3)):
        picture, _, truth = scene(10, seed=moment)
        plate.clean(picture, truth)
    picture, _, truth = scene(10, seed=99)
    truth[COAT] = 1
    assert np.array_equal(plate.clean(picture, truth).alpha, truth)


def test_what_was_learnt_is_known_at_another_size_too_and_forgotten_in_a_new_scene() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * (LEARNT_AFTER + 3)):
        picture, _, truth = scene(10, seed=moment)
        plate.clean(picture, truth)
    picture, alpha, truth = scene(10, seed=99)
    half, half_alpha = cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA), alpha[::2, ::2]
    cleaned = plate.clean(half, half_alpha.copy()).alpha
    assert cleaned[12:28, 62:68].mean() < 0.05
    assert np.array_equal(cleaned[truth[::2, ::2] == 1], half_alpha[truth[::2, ::2] == 1])
    assert inner(plate.clean(picture, alpha).alpha) < 0.05, "and back"
    plate.reset()
    assert np.array_equal(plate.clean(half, half_alpha.copy()).alpha, half_alpha)


def test_what_always_was_taken_for_a_person_is_never_learnt() -> None:
    plate = CleanPlate("learn")
    for moment in range(LEARN_EVERY * (LEARNT_AFTER + 3)):
        picture, alpha, _ = scene(10, seed=moment)
        cleaned = plate.clean(picture, alpha).alpha
    assert inner(cleaned) > 0.85


def test_snapping_shows_nobody_and_then_knows_the_room() -> None:
    plate = CleanPlate("snap")
    for moment in range(SNAP_FRAMES):
        empty = room() + np.random.default_rng(moment).integers(0, 4, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        assert not plate.clean(empty, np.ones((HEIGHT, WIDTH), np.float32)).alpha.any()
    picture, alpha, truth = scene(30)
    plate.reset()
    cleaned = plate.clean(picture, alpha).alpha
    assert inner(cleaned) < 0.02
    assert np.array_equal(cleaned[truth == 1], alpha[truth == 1])


def test_a_snapped_room_survives_a_change_of_size() -> None:
    plate = CleanPlate("snap")
    for _ in range(SNAP_FRAMES):
        plate.clean(room(), np.zeros((HEIGHT, WIDTH), np.float32))
    picture, alpha, _ = scene(30)
    half = cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    cleaned = plate.clean(half, alpha[::2, ::2].copy()).alpha
    assert cleaned[12:28, 62:68].mean() < 0.05
    assert np.all(cleaned[20:, 18:32] == 1)


def test_a_snapped_room_is_as_sharp_as_ever_after_smaller_sizes() -> None:
    plate = CleanPlate("snap")
    for _ in range(SNAP_FRAMES):
        assert plate.is_snapping
        plate.clean(room(), np.zeros((HEIGHT, WIDTH), np.float32))
    assert not plate.is_snapping
    picture, alpha, _ = scene(30)
    before = plate.clean(picture, alpha).alpha
    plate.clean(cv2.resize(picture, (40, 23)), np.zeros((23, 40), np.float32))
    assert np.abs(plate.clean(picture, alpha).alpha - before).max() < 0.02


def test_pictures_are_read_and_what_is_none_is_named(tmp_path: Path) -> None:
    assert open_clean_plate("off") is None
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), cv2.cvtColor(room(), cv2.COLOR_RGB2BGR))
    plate = open_clean_plate(str(path))
    assert plate is not None
    assert inner(plate.clean(*scene(30)[:2]).alpha) < 0.02
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    for name, reason in {"none.png": "No such file", "text.png": "no picture", "empty.png": "cannot be read"}.items():
        with pytest.raises(ConfigError, match=reason):
            open_clean_plate(str(tmp_path / name))
