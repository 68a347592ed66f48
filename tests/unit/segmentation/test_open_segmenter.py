from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.checkpoints import save_network
from models.unet import UNet
from models.unet_config import UNetConfig
from streamer import segmentation
from streamer.errors import ConfigError, MissingExtra, SegmentationError, WeightsError
from streamer.frames import Size
from streamer.segmentation import INPUT_SHARES, adapted, choose_device, find_onnx, open_segmenter, runtimes
from streamer.segmentation.runtimes import OnnxRuntime, OpenVinoRuntime, Runtime, open_cpu_runtime

TINY = UNetConfig(channels=(4, 8), classes=1, norm=True, stem=2, context=True, input_area_px=64 * 64)
"""A network of a few hundred parameters."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_network(UNet(TINY), path)
    return path


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_without_gpu_and_onnx_torch_runs_on_the_cpu(weights: Path) -> None:
    segmenter = open_segmenter(weights=weights)
    assert segmenter.description == "compact on CPU (torch)"
    segmenter.close()


def on_a_cpu(monkeypatch: pytest.MonkeyPatch, *, is_fast: bool) -> None:
    def opened(*arguments: Any) -> Runtime:
        runtime = open_cpu_runtime(*arguments)
        runtime.is_fast = is_fast
        return runtime

    monkeypatch.setattr("streamer.segmentation.open_cpu_runtime", opened)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("detail", "is_fast", "size"),
    [
        ("normal", True, "448x256"),
        ("normal", False, "384x224"),
        ("fine", True, "608x352"),
        ("fine", False, "608x352"),
        ("finest", True, "608x352"),
    ],
)
def test_the_detail_is_how_large_a_picture_the_network_sees_if_the_cpu_has_time(
    monkeypatch: pytest.MonkeyPatch, detail: str, is_fast: bool, size: str
) -> None:
    on_a_cpu(monkeypatch, is_fast=is_fast)
    segmenter = open_segmenter(device="cpu", detail=detail)
    assert segmenter.segment(np.zeros((720, 1280, 3), np.uint8)).shape == (720, 1280)
    assert f" {size} " in segmenter.description
    sizes = len(INPUT_SHARES[detail]) - (detail == "normal" and not is_fast)
    assert segmenter.steps == sizes + (detail != "finest"), "in doubt it looks twice, and at first no longer does"
    assert segmenter.looks == ("twice" if detail == "finest" else "in doubt")
    adapted(segmenter, detail).close()


@pytest.mark.usefixtures("no_gpu")
def test_a_larger_network_sees_its_usual_picture_on_any_cpu() -> None:
    segmenter = open_segmenter(model="accurate", device="cpu")
    segmenter.fit(np.zeros((720, 1280, 3), np.uint8))
    assert segmenter.input_size == Size(512, 288)
    segmenter.close()


def test_a_cpu_has_time_if_it_multiplies_half_length_floats() -> None:
    onnx = find_onnx("compact", None)
    assert onnx is not None
    assert OpenVinoRuntime(onnx).is_fast == torch.cpu._is_avx512_bf16_supported()
    assert not OnnxRuntime(onnx).is_fast


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("picture", "size"), [((320, 192), "448x256"), ((512, 288), "512x288")])
def test_a_small_picture_is_not_enlarged_for_the_sake_of_detail(picture: tuple[int, int], size: str) -> None:
    segmenter = open_segmenter(device="cpu", detail="fine")
    segmenter.segment(np.zeros((*picture[::-1], 3), np.uint8))
    assert f" {size} " in segmenter.description
    segmenter.close()


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("device", ["auto", "cuda", "mps"])
def test_a_gpu_that_must_be_there_and_is_not_is_refused(weights: Path, device: str) -> None:
    with pytest.raises(SegmentationError, match=f"^no GPU for --device {device}: .*torch"):
        open_segmenter(weights=weights, device=device, require_gpu=True)


@pytest.mark.usefixtures("no_gpu")
def test_a_named_gpu_is_never_replaced_by_the_cpu() -> None:
    with pytest.raises(SegmentationError, match="CUDA"):
        choose_device("cuda")


def test_auto_takes_the_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", require_gpu=True) == "cuda"
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu': choose one of auto, cpu, cuda, mps"),
        ({"runtime": "tensorrt"}, "unknown runtime 'tensorrt': choose one of auto, openvino, onnxruntime, torch"),
        ({"device": "cpu", "require_gpu": True}, "exclude each other"),
    ],
)
def test_wrong_settings_name_the_allowed_ones(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_segmenter(**setting)  # type: ignore[arg-type]


def test_a_cpu_runtime_on_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="'openvino' runs on the CPU only"):
        open_segmenter(device="cuda", runtime="openvino")


def test_missing_weights_are_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        open_segmenter(weights=tmp_path / "none.safetensors", device="cpu")


def test_damaged_weights_are_a_weights_error(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    path.write_text("not weights")
    with pytest.raises(WeightsError):
        open_segmenter(weights=path, device="cpu")


def test_a_runtime_that_needs_onnx_says_how_to_make_it(weights: Path) -> None:
    with pytest.raises(SegmentationError, match=r"python -m models\.export"):
        open_segmenter(weights=weights, device="cpu", runtime="onnxruntime")


def test_a_runtime_that_is_not_installed_gives_the_pip_line(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "openvino")
    with pytest.raises(MissingExtra, match="pip install openvino"):
        open_segmenter(weights=weights, device="cpu", runtime="openvino")


def test_damaged_onnx_is_one_line(weights: Path) -> None:
    weights.with_suffix(".onnx").write_bytes(b"not a graph")
    with pytest.raises(SegmentationError, match=r"^onnxruntime cannot run .*tiny\.onnx: [^\n]+$"):
        open_segmenter(weights=weights, device="cpu", runtime="onnxruntime")


def test_onnx_older_than_its_weights_is_not_used(weights: Path) -> None:
    onnx = weights.with_suffix(".onnx")
    onnx.write_bytes(b"")
    made_at_s = weights.stat().st_mtime
    os.utime(onnx, (made_at_s + 1, made_at_s + 1))
    assert find_onnx("compact", weights) == onnx
    os.utime(onnx, (made_at_s - 1, made_at_s - 1))
    assert find_onnx("compact", weights) is None


def test_one_core_is_left_to_capture_and_encoding() -> None:
    cores = os.cpu_count() or 1
    assert 1 <= runtimes.spare_threads() <= max(1, cores - 1)


def test_torch_is_not_asked_for_a_gpu_where_no_driver_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segmentation.sys, "platform", "linux")
    monkeypatch.setattr(segmentation, "GPU_FILES", (str(tmp_path / "driver"),))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cpu"
    (tmp_path / "driver").touch()
    assert choose_device("auto") == "cuda"
    monkeypatch.setattr(segmentation.sys, "platform", "win32")
    (tmp_path / "driver").unlink()
    assert choose_device("auto") == "cuda"
