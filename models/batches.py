"""Batches of pictures to learn from: drawn as they are wanted, or read from what ``models.lessons`` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from models.augment import Composer, CutOutSet, PairSet
from models.datasets import DatasetError, Picture, cut_outs, load_backgrounds, load_pairs
from models.training_config import TrainConfig, left_out_rooms

T = TypeVar("T")

SHADE, LIGHT = 0.08, 0.12
"""By how much colours and brightness of what was written are changed each time, as standard deviations of the
logarithm."""


class Batches(IterableDataset[tuple[Tensor, ...]]):
    """Endless batches: image uint8 ``(n, h, w, 3)``, alpha and known uint8 ``(n, h, w)``."""

    def __init__(self, composer: Composer, config: TrainConfig, first_step: int) -> None:
        self._composer = composer
        self._config = config
        self._first_step = first_step

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._config.seed, self._first_step, worker.id if worker else 0])
        shapes = self._config.shapes
        odds = np.array([shape.share for shape in shapes])
        while True:
            shape = shapes[int(rng.choice(len(shapes), p=odds / odds.sum()))]
            samples = [self._composer.draw(rng, shape.width, shape.height) for _ in range(self._config.batch)]
            yield (
                torch.from_numpy(np.stack([sample.image for sample in samples])),
                torch.from_numpy(np.stack([sample.alpha for sample in samples])),
                torch.from_numpy(np.stack([sample.known for sample in samples])),
            )


def make_composer(config: TrainConfig, config_path: Path, data: Path, unlabelled: Sequence[PairSet] = ()) -> Composer:
    """Load every folder that the configuration names; ``unlabelled`` pictures are used whole, too."""
    people = [
        CutOutSet(_any(list(cut_outs(load_pairs(data / group.folder, validation=False))), group.folder), group.share)
        for group in config.people
    ]
    whole = [
        PairSet(_any(load_pairs(data / group.folder, validation=False), group.folder), group.share)
        for group in config.whole
    ]
    left_out = left_out_rooms(config, config_path)
    rooms = [_any(load_backgrounds(data / folder, left_out, validation=False), folder) for folder in config.backgrounds]
    return Composer(people, [*unlabelled, *whole], list(chain.from_iterable(rooms)), empty_share=config.empty_share)


def _any(found: list[T], folder: str) -> list[T]:
    if not found:
        raise DatasetError(f"{folder} holds nothing to train on: a file whose number ends in 9 is for validation")
    return found


class Lessons(IterableDataset[tuple[Tensor, ...]]):
    """What was written, again and again in ever another order, mirrored half of the time and in other light.

    Image uint8 ``(n, h, w, 3)``; alpha, known and what was seen, uint8 ``(n, h, w)``.

    Args:
        folder: where it lies.
        seed: of the order.

    Raises:
        DatasetError: nothing lies there.
    """

    def __init__(self, folder: Path, seed: Sequence[int]) -> None:
        self._paths = sorted(folder.glob("*.npz"))
        self._seed = list(seed)
        if not self._paths:
            raise DatasetError(f"{folder} holds no lessons: python -m models.lessons writes them")

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self._seed, worker.id if worker else 0])
        while True:
            for index in rng.permutation(len(self._paths)):
                with np.load(self._paths[index]) as lesson:
                    planes = [lesson[name] for name in ("image", "alpha", "known", "taught")]
                yield tuple(torch.from_numpy(plane) for plane in _varied(rng, planes))


def _varied(rng: np.random.Generator, planes: list[Picture]) -> list[Picture]:
    count = len(planes[0])
    mirrored = rng.random(count) < 0.5
    for plane in planes:
        plane[mirrored] = plane[mirrored][:, :, ::-1]
    light = np.exp(rng.normal(0, LIGHT, (count, 1, 1, 1)) + rng.normal(0, SHADE, (count, 1, 1, 3)))
    image = (planes[0] * light.astype(np.float32)).clip(0, 255)
    return [np.rint(image).astype(np.uint8), *planes[1:]]
