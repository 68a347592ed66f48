"""What only a CUDA device can show. Skipped without one, unless REQUIRE_GPU=1."""

import numpy as np
import pytest

from models.checkpoints import save_network
from models.unet import UNet
from models.unet_config import UNetConfig

pytestmark = pytest.mark.gpu

TINY = UNetConfig(channels=(8, 16, 32), classes=1, norm=True, stem=2, context=True, input_area_px=128 * 128)


@pytest.fixture
def weights(tmp_path):
    import torch

    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_network(UNet(TINY).eval(), path)
    return path


def test_alpha_on_cuda_is_the_cpus(weights):
    from streamer.segmentation import open_segmenter

    picture = np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)
    on_gpu = open_segmenter(weights=weights, device="cuda", require_gpu=True)
    on_cpu = open_segmenter(weights=weights, device="cpu", runtime="torch")
    try:
        assert "CUDA" in on_gpu.description
        assert np.abs(on_gpu.segment(picture) - on_cpu.segment(picture)).max() < 0.02
    finally:
        on_gpu.close()
        on_cpu.close()


def test_training_step_on_cuda_lowers_the_loss(tmp_path):
    import torch

    from models.learning import Lesson, Run
    from models.training_config import Shape, TrainConfig

    config = TrainConfig(
        model="compact", people=(), backgrounds=(), validation=(), steps=30, warmup_steps=1,
        shapes=(Shape(width=64, height=64, share=1),),
    )  # fmt: skip
    run = Run(config, tmp_path, torch.device("cuda"), None)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 80, (8, 64, 64, 3), np.uint8)
    alpha = np.zeros((8, 64, 64), np.uint8)
    image[:, 16:48, 16:48] += 120
    alpha[:, 16:48, 16:48] = 255
    batch = tuple(torch.from_numpy(plane) for plane in (image, alpha, np.full_like(alpha, 255)))
    losses = [float(run.update(Lesson.of(batch, run.device), 0.0)[0]) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
