from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from models.datasets import Picture
from models.patterns import books, keys, pattern, slats, stalks, text
from models.scenery import background, shelf

KINDS = [books, keys, slats, text, stalks]


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("size", [(200, 120), (3, 90), (61, 2)])
def test_a_pattern_has_the_asked_for_size(
    draw: Callable[[np.random.Generator, int, int], Picture], size: tuple[int, int]
) -> None:
    image = draw(np.random.default_rng(2), *size)
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("draw", KINDS)
def test_a_pattern_is_fine_and_sharp(draw: Callable[[np.random.Generator, int, int], Picture]) -> None:
    sharpest = []
    for seed in range(12):
        image = draw(np.random.default_rng(seed), 240, 160).astype(np.float32)
        blurred = cv2.GaussianBlur(image, (0, 0), 1.5)
        sharpest.append(float(np.abs(image - blurred).max()))
    assert np.median(sharpest) > 25, "in most of them something is lost by a blur of a pixel and a half"


def test_patterns_are_of_all_kinds_and_the_same_for_the_same_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(*(pattern(np.random.default_rng(3), 80, 60) for _ in range(2)))
    drawn: list[str] = []
    for kind in KINDS:
        monkeypatch.setattr(f"models.patterns.{kind.__name__}", lambda *_, name=kind.__name__: drawn.append(name))
    for seed in range(60):
        pattern(np.random.default_rng(seed), 80, 60)
    assert set(drawn) == {kind.__name__ for kind in KINDS}


def test_a_shelf_covers_a_part_of_the_room_and_leaves_the_rest() -> None:
    shares = []
    for seed in range(40):
        image = np.full((120, 200, 3), 90, np.uint8)
        shelf(np.random.default_rng(seed), image)
        shares.append(float((image != 90).any(axis=-1).mean()))
    assert 0.05 < np.mean(shares) < 0.6
    assert min(shares) < 0.2
    assert max(shares) > 0.5


def test_an_enlarged_room_gets_some_of_its_sharpness_back() -> None:
    room = np.full((64, 64, 3), 60, np.uint8)
    room[::16], room[:, ::16] = 190, 190

    def steepness(sharpen: bool) -> list[float]:
        drawn = [
            background(np.random.default_rng(seed), room, 320, 192, sharpen=sharpen).astype(np.int16)
            for seed in range(60)
        ]
        return [float(np.abs(np.diff(image, axis=1)).max()) for image in drawn]

    plain, sharpened = steepness(sharpen=False), steepness(sharpen=True)
    changed = [after > 1.3 * before for before, after in zip(plain, sharpened, strict=True)]
    assert 0.1 < np.mean(changed) < 0.5
    assert all(after >= before for before, after in zip(plain, sharpened, strict=True))
