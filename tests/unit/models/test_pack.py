"""The small copy of the training data: the same pictures as training would read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.datasets import load_pairs
from models.pack import pack
from models.training_config import TrainConfig


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "model": "compact",
            "people": [{"folder": "people", "share": 1.0}],
            "backgrounds": [],
            "validation": ["people"],
            "shapes": [{"width": 64, "height": 64, "share": 1.0}],
            "steps": 1,
        }
    )


def turned_jpeg(image: np.ndarray) -> bytes:
    """A JPEG as a phone held upright writes it: stored on its side, with EXIF orientation 6."""
    data = cv2.imencode(".jpg", image)[1].tobytes()
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\x01\0" + entry + bytes(4)
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]


def test_pictures_are_packed_as_training_reads_them(config: TrainConfig, tmp_path: Path) -> None:
    for part in ("image", "mask"):
        (tmp_path / "people" / part).mkdir(parents=True)
    lying = np.full((40, 80, 3), 20, np.uint8)
    lying[:, :40] = 220
    (tmp_path / "people/image/1.jpg").write_bytes(turned_jpeg(lying))
    cv2.imwrite(str(tmp_path / "people/mask/1.png"), np.full((80, 40), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "people/image/2.png"), np.full((40, 80, 3), 30000, np.uint16))
    transparent = np.zeros((40, 80, 4), np.uint8)
    transparent[:20] = 255
    cv2.imwrite(str(tmp_path / "people/mask/2.png"), transparent)
    pack(config, tmp_path / "config.yaml", tmp_path, tmp_path / "packed", side_px=320, quality=95)
    whole, packed = (load_pairs(folder / "people", validation=False) for folder in (tmp_path, tmp_path / "packed"))
    assert [pair.image.shape for pair in packed] == [(80, 40, 3), (40, 80, 3)]
    for before, after in zip(whole, packed, strict=True):
        assert np.abs(before.image.astype(int) - after.image).mean() < 3
        assert np.array_equal(before.mask, after.mask)
