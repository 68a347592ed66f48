"""Training configurations: what is refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from models.datasets import DatasetError
from models.training_config import left_out_rooms, read_config

CONFIG = {
    "model": "compact",
    "people": [{"folder": "people", "share": 1.0}],
    "backgrounds": ["rooms"],
    "validation": ["people"],
    "shapes": [{"width": 64, "height": 96, "share": 1.0}],
    "steps": 3,
}


@pytest.mark.parametrize(("width", "height"), [(100, 64), (64, 0), (-64, 64)])
def test_a_size_that_the_network_does_not_take_is_named(tmp_path: Path, width: int, height: int) -> None:
    shapes = [{"width": width, "height": height, "share": 1.0}]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"shapes": shapes}))
    with pytest.raises(DatasetError, match=f"shapes: {width}x{height}: compact takes sides in multiples of 32"):
        read_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("key", ["people", "backgrounds", "validation", "shapes"])
def test_what_is_empty_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {key: []}))
    with pytest.raises(DatasetError, match=f"{key}: at least one is needed"):
        read_config(tmp_path / "config.yaml")


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_config(tmp_path / "config.yaml")


def test_a_room_whose_name_has_a_space_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"occupied": "occupied.txt"}))
    (tmp_path / "occupied.txt").write_text("living room 1.jpg\nkitchen.jpg\n")
    left_out = left_out_rooms(read_config(tmp_path / "config.yaml"), tmp_path / "config.yaml")
    assert left_out == {"living room 1.jpg", "kitchen.jpg"}
