"""ONNX files: what is written beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from models.unet import UNet
from models.unet_config import UNetConfig

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

TINY = UNetConfig(channels=(4, 8, 16), classes=1, norm=True, stem=2, context=True, input_area_px=64 * 64)


def test_nothing_of_the_network_lies_anywhere_but_beside_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed enrolment leaves must lie in the profile's folder, where --forget finds it."""
    from models.export import export_onnx

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    export_onnx(UNet(TINY).eval(), tmp_path / "tiny.onnx")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["tiny.onnx"]


def test_a_folder_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models import export

    monkeypatch.setattr("sys.argv", ["export", "--out", str(tmp_path / "none/compact.onnx")])
    assert export.main() == 2
    assert "none" in capsys.readouterr().err
