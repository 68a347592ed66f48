"""The painter on a CUDA device, with tiny random networks. Skipped without one, unless REQUIRE_GPU=1."""

import numpy as np
import pytest

pytest.importorskip("diffusers")

from tiny_diffusion import write_base, write_controlnet

from streamer.backgrounds.inpaint import PainterSettings
from streamer.backgrounds.inpaint_loading import PainterFiles, load_painter
from streamer.backgrounds.plates import PaintOrder
from streamer.errors import GenerationCancelled

pytestmark = pytest.mark.gpu


def order():
    image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    repaint = np.ones((64, 128), bool)
    repaint[:, :64] = False
    return PaintOrder(image, repaint, "a beach", "people", 1, 1.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return PainterFiles(write_base(folder / "base"), write_controlnet(folder / "controlnet"))


@pytest.fixture
def same_noise(monkeypatch):
    """Noise of half precision rounded from that of single: some versions of torch draw other numbers for it."""
    from diffusers.models.autoencoders import vae
    from diffusers.pipelines.controlnet import pipeline_controlnet_inpaint

    for module in (vae, pipeline_controlnet_inpaint):
        drawn = module.randn_tensor
        monkeypatch.setattr(
            module, "randn_tensor", lambda *args, dtype=None, drawn=drawn, **named: drawn(*args, **named).to(dtype)
        )


@pytest.mark.usefixtures("same_noise")
@pytest.mark.parametrize("low_memory", [False, True])
def test_picture_painted_on_cuda_is_about_the_cpus_and_the_same_again(files, low_memory):
    on_gpu = load_painter(files, PainterSettings(steps=2, device="cuda", low_memory=low_memory))
    on_cpu = load_painter(files, PainterSettings(steps=2, device="cpu"))
    first = on_gpu.paint(order(), should_stop=lambda: False)
    assert np.array_equal(first, on_gpu.paint(order(), should_stop=lambda: False))
    other = on_cpu.paint(order(), should_stop=lambda: False)
    assert np.abs(first.astype(int) - other).mean() < 8


def test_cancel_on_cuda_leaves_no_trace(files):
    painter = load_painter(files, PainterSettings(steps=2, device="cuda"))
    before = painter.paint(order(), should_stop=lambda: False)
    asked = []

    def stop_later():
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(GenerationCancelled):
        painter.paint(order(), should_stop=stop_later)
    assert np.array_equal(painter.paint(order(), should_stop=lambda: False), before)


def test_matte_runs_beside_the_painter_on_a_stream_of_higher_priority(tmp_path):
    import torch

    from models.checkpoints import save_network
    from models.unet import UNet
    from models.unet_config import UNetConfig
    from streamer.segmentation import open_segmenter

    torch.manual_seed(0)
    save_network(UNet(UNetConfig(channels=(8, 16), classes=1, norm=True)).eval(), tmp_path / "tiny.safetensors")
    segmenter = open_segmenter(weights=tmp_path / "tiny.safetensors", device="cuda", require_gpu=True)
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    assert segmenter.segment(picture).shape == (90, 160)
    assert segmenter.runtime.stream.priority < 0
    segmenter.close()
