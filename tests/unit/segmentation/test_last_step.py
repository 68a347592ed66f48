from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.export import export_onnx
from models.unet import UNet
from models.unet_config import UNetConfig
from streamer.frames import Alpha
from streamer.segmentation import runtimes
from streamer.segmentation.last_step import alpha_of


def test_the_alpha_is_the_sigmoid_of_each_logit_in_its_place() -> None:
    logits = np.random.default_rng(0).normal(0, 6, (4, 13, 21)).astype(np.float32)
    logits[0, 0, :4] = (-1e6, 1e6, 0, 12)
    expected = torch.pixel_shuffle(torch.from_numpy(logits)[None], 2).sigmoid()[0, 0].numpy()
    alpha = alpha_of(logits)
    assert alpha.dtype == np.float32
    assert np.abs(alpha - expected).max() < 1e-4
    assert alpha.min() >= 0
    assert alpha.max() <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_spoils_the_alpha(bad: float) -> None:
    logits = np.zeros((4, 3, 5), np.float32)
    logits[2, 1, 4] = bad
    assert np.isnan(alpha_of(logits)).all()


@pytest.mark.skipif(not runtimes.is_installed("openvino"), reason="needs OpenVINO")
@pytest.mark.parametrize(
    ("config", "is_cut"),
    [
        (UNetConfig(channels=(4, 8), classes=1, norm=True, stem=2, context=True, depths=(1, 1), kernels=(3, 3)), True),
        (UNetConfig(channels=(4, 8), classes=1, norm=True), False),
        (UNetConfig(channels=(4, 8)), False),
    ],
    ids=["ours", "at full resolution", "the recipe's"],
)
def test_openvino_runs_every_network_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: UNetConfig, *, is_cut: bool
) -> None:
    torch.manual_seed(0)
    network = UNet(config).eval()
    export_onnx(network, tmp_path / "network.onnx")
    calls: list[tuple[int, ...]] = []

    def noted(logits: NDArray[np.float32]) -> Alpha:
        calls.append(logits.shape)
        return alpha_of(logits)

    monkeypatch.setattr(runtimes, "alpha_of", noted)
    batch = np.random.default_rng(1).random((1, 3, 32, 48), np.float32)
    alpha = runtimes.OpenVinoRuntime(tmp_path / "network.onnx").alpha(batch)
    with torch.inference_mode():
        expected = network.alpha(torch.from_numpy(batch))[0, 0].numpy()
    assert calls == ([(4, 16, 24)] if is_cut else [])
    assert alpha.shape == expected.shape
    assert np.abs(alpha - expected).max() < 0.02
