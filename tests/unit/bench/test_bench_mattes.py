from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from tiny_training import CONFIG

from models import scoreboard
from streamer.bench import main
from streamer.errors import ConfigError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The portrait that comes with scikit-image, with a rough mask, and a room; few and short clips."""
    from skimage.data import astronaut

    for part in ("people/image", "people/mask", "rooms"):
        (tmp_path / part).mkdir(parents=True)
    mask = np.zeros((512, 512), np.uint8)
    cv2.ellipse(mask, (220, 120), (75, 105), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (220, 480), (200, 270), 0, 0, 360, 255, -1)
    room = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 8)
    cv2.imwrite(str(tmp_path / "people/image/9.png"), astronaut()[..., ::-1])
    cv2.imwrite(str(tmp_path / "people/mask/9.png"), mask)
    cv2.imwrite(str(tmp_path / "rooms/9.png"), room)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    counts = {"CLIPS": 1, "CLIP_LENGTH": 3, "ENTRANCES": 1, "ENTRANCE_LENGTH": 3, "WALKS": 1, "WALK_LENGTH": 4}
    for name, value in counts.items():
        monkeypatch.setattr(scoreboard, name, value)
    return tmp_path


def test_the_programs_mattes_are_scored_at_their_full_size(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data / "scores.json"
    flags = ["--config", str(data / "config.yaml"), "--data", str(data), "--json", str(out), "--no-peer"]
    assert main(["mattes", *flags, "--matte-detail", "normal"]) == 0
    board = json.loads(out.read_text())["mattes"]
    assert set(board) == {"people", "clips", "entrances", "walks", "empty rooms"}
    still = board["people"]["compact"]
    assert 0 < still["iou_error"] < 0.25  # the mask is rough
    assert still["median_ms"] > 0
    assert board["clips"]["compact"]["dtssd"] > 0
    assert board["empty rooms"]["compact"]["kept"] < 1
    assert "empty rooms: 1 pictures" in capsys.readouterr().out
    assert str(data) not in out.read_text().replace(str(data / "config.yaml"), "")  # a place of this machine


def test_what_cannot_be_scored_is_one_line(data: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        main(["mattes", "--config", str(data / "none.yaml"), "--data", str(data), "--no-peer"])
