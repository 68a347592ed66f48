"""Score a matte network on labelled pictures, or just write its mattes.

::

    python -m models.evaluate --images DIR [--masks DIR] [--save DIR] [--model compact] [--weights FILE]
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.datasets import Picture
from models.metrics import boundary_iou, iou, mad, mse
from models.unet import UNet, UNetConfig


def input_size(config: UNetConfig, width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture enters the network: its own aspect, about ``input_area_px``, whole multiples."""
    scale = (config.input_area_px / (width * height)) ** 0.5
    step = config.multiple_px
    return max(step, round(width * scale / step) * step), max(step, round(height * scale / step) * step)


def matte_picture(network: UNet, image: Picture) -> NDArray[np.float32]:
    """Alpha float32 ``(h, w)`` of an RGB picture, straight from the network: resized linearly, without refinement."""
    height, width = image.shape[:2]
    small = cv2.resize(image, input_size(network.config, width, height), interpolation=cv2.INTER_AREA)
    device = next(network.parameters()).device
    x = torch.from_numpy(small).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        alpha = network.alpha(x)[0, 0].float().cpu().numpy()
    return cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def score(predicted: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, float]:
    """The metrics of one still."""
    return {
        "iou": iou(predicted, truth),
        "boundary_iou": boundary_iou(predicted, truth),
        "mad": mad(predicted, truth),
        "mse": mse(predicted, truth),
    }
