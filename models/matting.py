"""One picture through the network, for training and scoring; the program has faster ways."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.contrast import stretch_contrast
from models.datasets import Picture
from models.framing import entering
from models.unet import UNet

Matte = NDArray[np.floating]


def matte_picture(network: UNet, image: Picture, share: float = 1.0) -> Matte:
    """Alpha float32 ``(h, w)`` of an RGB picture, what is nearly certain made certain.

    It is the network's own, resized linearly, without refined edges. ``share`` is that of the usual input, see
    ``entering``.
    """
    height, width = image.shape[:2]
    (content_w, content_h), (padded_w, padded_h) = entering(width, height, network.config, share)
    small = cv2.resize(image, (content_w, content_h), interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 0, padded_h - content_h, 0, padded_w - content_w, cv2.BORDER_REPLICATE)
    device = next(network.parameters()).device
    x = torch.from_numpy(small).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        alpha = network.alpha(x)[0, 0, :content_h, :content_w].float().cpu().numpy()
    return cv2.resize(stretch_contrast(alpha), (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
