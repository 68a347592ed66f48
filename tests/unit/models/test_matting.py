from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from models.matting import Seeing, matte_clip, matte_picture
from models.unet import UNet
from models.unet_config import COMPACT

SHIRT, WALL = (200, 60, 40), (30, 90, 200)


class RedDrawnOut(UNet):
    """A network that takes for a person what is red, and four pixels around it."""

    def alpha(self, x: Tensor) -> Tensor:
        return torch.nn.functional.max_pool2d((x[:, :1] > 0.45).float(), 9, 1, 4)


def test_edges_are_put_back_to_the_colours_as_the_program_does() -> None:
    picture = np.full((180, 320, 3), WALL, np.uint8)
    picture[60:, 100:200] = SHIRT
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    picture = cv2.GaussianBlur((picture + noise).clip(0, 255).astype(np.uint8), (0, 0), 0.7).astype(np.uint8)
    network = RedDrawnOut(COMPACT).eval()
    # The network sees 448x256 of it, so that four of its pixels are nearly three of these.
    for matte in (matte_picture(network, picture), *matte_clip(network, [picture] * 2, Seeing(looks="twice"))):
        assert matte.shape == (180, 320)
        assert matte[100:170, 101].mean() > 0.9
        assert matte[100:170, 98:100].mean() < 0.5
