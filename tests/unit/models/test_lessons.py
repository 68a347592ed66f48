"""What trained networks see together, written down and learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augment import Composer, PairSet
from models.batches import Lessons
from models.datasets import DatasetError, Pair
from models.lessons import BATCHES_A_SIZE, taught_matte, write_lessons
from models.training_config import TrainConfig

CONFIG = TrainConfig.model_validate(
    {
        "model": "compact",
        "teaching": {"teachers": [{"model": "compact", "weights": "none"}], "scales": [1.0, 2.0]},
        "people": (),
        "backgrounds": (),
        "validation": (),
        "shapes": [{"width": 64, "height": 32, "share": 1.0}, {"width": 32, "height": 64, "share": 1.0}],
        "batch": 3,
        "steps": 1,
    }
)


def red(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return batch[0, 0].copy()


def too_far_right(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.roll(batch[0, 0], 4, axis=1)


def person(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[height // 4 :, width // 3 : 2 * width // 3, 0] = 255
    return picture


def test_what_errs_to_one_side_teaches_what_errs_to_neither() -> None:
    matte = taught_matte(person(), [too_far_right], [1.0, 1.3], 32)
    assert matte.dtype == np.uint8
    assert matte.shape == (64, 96)
    assert np.abs(matte.astype(int) - matte[:, ::-1]).max() <= 12  # sampling at the other size
    assert np.abs(matte.astype(int) - person()[..., 0])[24:, 42:54].max() == 0


def test_all_networks_count_alike_at_each_size() -> None:
    shapes: list[tuple[int, ...]] = []

    def nobody(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(batch.shape)
        return np.zeros(batch.shape[2:], np.float32)

    matte = taught_matte(person(), [red, nobody], [1.0, 1.3, 0.1], 32)
    assert shapes == [(1, 3, 64, 96)] * 2 + [(1, 3, 96, 128)] * 2 + [(1, 3, 32, 32)] * 2
    assert abs(int(matte[40, 48]) - 128) <= 1


def composer(share: float = 1.0) -> Composer:
    blank = np.zeros((64, 96), np.uint8)
    return Composer([], [PairSet([Pair("", person(), blank, blank)], share)], [person()], empty_share=1.0)


def test_lessons_hold_what_was_seen_of_pictures_that_have_no_masks(tmp_path: Path) -> None:
    paths = write_lessons(composer(), CONFIG, [red], tmp_path, 1)
    made = [next(paths) for _ in range(2 * BATCHES_A_SIZE)]
    assert [path.name for path in made] == [f"1_{number:05d}.npz" for number in range(len(made))]
    assert sorted(tmp_path.iterdir()) == made
    sizes = set()
    for path in made:
        with np.load(path) as lesson:
            assert not lesson["known"].any()
            assert not lesson["alpha"].any()
            seen = lesson["image"][..., 0].astype(int)
            sizes.add(seen.shape)
            assert np.abs(lesson["taught"] - seen).mean() < 6  # at twice the size, and back
            assert lesson["taught"].max() > 100
    assert len({shape for shape in sizes if shape in {(3, 32, 64), (3, 64, 32)}}) == len(sizes)


def test_a_second_command_goes_on_with_other_pictures(tmp_path: Path) -> None:
    first = [next(write_lessons(composer(), CONFIG, [red], tmp_path, 0)) for _ in range(2)]
    other = next(write_lessons(composer(), CONFIG, [red], tmp_path, 1))
    assert [path.name for path in (*first, other)] == ["0_00000.npz", "0_00001.npz", "1_00000.npz"]
    with np.load(first[0]) as one, np.load(first[1]) as two, np.load(other) as three:
        images = [each["image"] for each in (one, two, three)]
    for i in range(3):
        for j in range(i):
            assert images[i].shape != images[j].shape or not np.array_equal(images[i], images[j])


def test_lessons_come_again_in_another_order_mirrored_and_in_other_light(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for number in range(3):
        image = rng.integers(60, 120, (4, 32, 64, 3), np.uint8)
        planes = {name: image[..., 0] for name in ("alpha", "known", "taught")}
        planes["known"] = np.full_like(image[..., 0], 10 * number)
        np.savez(tmp_path / f"0_{number:05d}.npz", image=image, **planes)
    lessons = iter(Lessons(tmp_path, (0, 0)))
    numbers, mirrored = [], 0
    for _ in range(12):
        image, alpha, known, taught = (plane.numpy() for plane in next(lessons))
        number = int(known[0, 0, 0]) // 10
        numbers.append(number)
        with np.load(tmp_path / f"0_{number:05d}.npz") as written:
            for index in range(4):
                own = written["taught"][index]
                is_mirrored = np.array_equal(taught[index], own[:, ::-1])
                mirrored += is_mirrored
                assert is_mirrored or np.array_equal(taught[index], own)
                assert np.array_equal(taught[index], alpha[index])
                gain = image[index, ..., 0] / taught[index]  # the picture's red is what was seen
                assert gain.std() < 0.01
    assert [sorted(numbers[start : start + 3]) for start in range(0, 12, 3)] == [[0, 1, 2]] * 4
    assert len({tuple(numbers[start : start + 3]) for start in range(0, 12, 3)}) > 1
    assert 10 < mirrored < 38


def test_a_folder_without_lessons_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no lessons: python -m models\.lessons"):
        Lessons(tmp_path, (0,))
