"""How far away things in a picture are, for a ControlNet that listens to depth.

Any model for relative depth that transformers knows; the default is Depth Anything V2 (arXiv 2406.09414), its small
one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from streamer.frames import Image

PATCH_PX = 14
"""Sides of the network's input are multiples of this."""
SHORT_SIDE_PX = 518
"""Of the network's input, about: what it was trained with."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that it was trained with (ImageNet)."""


class DepthEstimator:
    """Estimates relative depth with the model in a folder; takes a second to open.

    Args:
        folder: in transformers' layout.
        device: ``cpu``, ``cuda``...
    """

    def __init__(self, folder: Path, device: str) -> None:
        import torch
        from transformers import AutoModelForDepthEstimation

        self._device = torch.device(device)
        model = AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model = model.to(self._device).eval()

    def depth(self, image: Image) -> Image:
        """What is near is white, what is far is black: RGB uint8 to grey RGB uint8, both ``(h, w, 3)``."""
        import torch

        height, width = image.shape[:2]
        scale = SHORT_SIDE_PX / min(height, width)
        size = tuple(max(1, round(side * scale / PATCH_PX)) * PATCH_PX for side in (width, height))
        pixels = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) / np.float32(255) - MEAN) / SPREAD
        batch = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            near = self._model(pixel_values=batch.to(self._device)).predicted_depth[0].float().cpu().numpy()
        near = cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR)
        grey = cv2.normalize(near, None, 0, 255, cv2.NORM_MINMAX).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
