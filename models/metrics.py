"""What a matte is judged by. Arrays are float ``(h, w)`` in [0, 1]; clips are ``(t, h, w)``."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Matte = NDArray[np.floating]


def iou(predicted: Matte, truth: Matte) -> float:
    """Intersection over union of both mattes cut at 1/2; 1 if both are empty."""
    a, b = predicted > 0.5, truth > 0.5
    union = float(np.logical_or(a, b).sum())
    return float(np.logical_and(a, b).sum()) / union if union else 1.0


def boundary_iou(predicted: Matte, truth: Matte, *, width: float = 0.02) -> float:
    """IoU of the inner rims (Cheng et al., arXiv 2103.16562), each ``width`` of the diagonal wide, at least 1 px."""
    rim_px = max(1, round(width * float(np.hypot(*truth.shape))))
    return iou(_inner_rim(predicted, rim_px), _inner_rim(truth, rim_px))


def _inner_rim(matte: Matte, rim_px: int) -> Matte:
    inside = np.pad((matte > 0.5).astype(np.uint8), 1)
    eroded = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=rim_px)
    return (inside - eroded)[1:-1, 1:-1].astype(np.float32)


def mad(predicted: Matte, truth: Matte) -> float:
    """Mean absolute difference, x 1000 as matting papers print it."""
    return float(np.abs(predicted - truth).mean()) * 1e3


def mse(predicted: Matte, truth: Matte) -> float:
    """Mean squared error, x 1000."""
    return float(np.square(predicted - truth).mean()) * 1e3


def dtssd(predicted: Matte, truth: Matte) -> float:
    """Flicker of a clip: RMS of the difference in change from frame to frame, x 100 (Erofeev et al., BMVC 2015)."""
    change = np.diff(predicted, axis=0) - np.diff(truth, axis=0)
    return float(np.sqrt(np.square(change).mean(axis=(1, 2))).mean()) * 1e2
