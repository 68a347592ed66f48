"""What the scoring command saves, and that a peer sees the same pictures."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from models import datasets
from models.datasets import DatasetError
from models.evaluate import main, save_mattes
from models.unet import UNet


def test_a_saved_matte_has_its_pictures_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "large.jpg"), np.zeros((720, 1280, 3), np.uint8))
    scored = np.zeros((360, 640), np.float32)
    scored[:, 320:] = 1
    save_mattes({"large": scored}, [tmp_path / "large.jpg"], tmp_path / "out")
    saved = cv2.imread(str(tmp_path / "out/large.png"), cv2.IMREAD_UNCHANGED)
    assert saved.shape == (720, 1280)
    assert (saved[400, 600], saved[400, 680]) == (0, 255)


def test_mattes_that_cannot_be_saved_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DatasetError, match="out"):
        save_mattes({}, [], tmp_path / "out")


def test_a_steadiness_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "--images", "x", "--steadiness", "1"])
    with pytest.raises(SystemExit):
        main()
    assert "--steadiness must be from 0 to below 1, not 1" in capsys.readouterr().err


def test_a_peer_sees_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its mean would be one over other pictures."""
    monkeypatch.setitem(sys.modules, "mediapipe", ModuleType("mediapipe"))
    peer = importlib.import_module("models.peers.mediapipe_matte")
    for suffix in datasets.PICTURE_SUFFIXES:
        (tmp_path / f"1{suffix}").touch()
    assert peer.pictures_in(tmp_path) == datasets.pictures_in(tmp_path)
    del sys.modules["models.peers.mediapipe_matte"]  # it holds the stand-in


def test_a_share_of_the_input_makes_the_network_see_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((360, 640, 3), np.uint8))
    seen: list[torch.Size] = []
    alpha = UNet.alpha

    def watched(self: UNet, x: torch.Tensor) -> torch.Tensor:
        seen.append(x.shape[2:])
        return alpha(self, x)

    monkeypatch.setattr(UNet, "alpha", watched)
    for share in ("1", "1.8"):
        monkeypatch.setattr("sys.argv", ["evaluate", "--images", str(tmp_path), "--input-share", share])
        assert main() == 0
    assert sorted({tuple(size) for size in seen}) == [(256, 448), (352, 608)]
    monkeypatch.setattr("sys.argv", ["evaluate", "--images", str(tmp_path), "--input-share", "0"])
    with pytest.raises(SystemExit):
        main()
    assert "--input-share must be from 0.1 to 16, not 0" in capsys.readouterr().err
