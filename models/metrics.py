"""What a matte is judged by. Arrays are float ``(h, w)`` in [0, 1]; clips are ``(t, h, w)``."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Matte = NDArray[np.floating]

MOTION = 4
"""Levels of 0..255 by which a still picture's pixel does not change, once its noise is smoothed away."""


def score(predicted: Matte, truth: Matte) -> dict[str, float]:
    """The metrics of a still that training and scoring watch, by name."""
    return {metric.__name__: metric(predicted, truth) for metric in (iou, boundary_iou, mad, mse)}


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


def flicker(mattes: Matte, pictures: NDArray[np.uint8]) -> float:
    """How much a clip's mattes change where its pictures do not, without knowing the truth: mean, x 1000.

    Args:
        mattes: ``(t, h, w)`` in [0, 1].
        pictures: RGB uint8 ``(t, h, w, 3)``; what changes by more than ``MOTION`` from one to the next, noise smoothed
            away, and what lies near that, is moving and left out.
    """
    smooth = [cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5) for picture in pictures]
    changes = []
    for (before, after), (first, second) in zip(pairwise(smooth), pairwise(mattes), strict=True):
        moving = cv2.dilate((cv2.absdiff(before, after) > MOTION).astype(np.uint8), np.ones((9, 9), np.uint8))
        changes.append(np.abs(second - first)[moving == 0].mean() if (moving == 0).any() else 0.0)
    return float(np.mean(changes)) * 1e3


def gradient(predicted: Matte, truth: Matte) -> float:
    """How unlike the steepness of the two mattes is: squared difference of their gradients' lengths, sum / 1000.

    Gradients are those of a Gaussian of 1.4 pixels (Rhemann et al., "A Perceptually Motivated Online Benchmark for
    Image Matting", CVPR 2009), as RobustVideoMatting (arXiv 2108.11515) evaluates them: each matte is stretched to
    [0, 1] first, and the kernel has unit length.
    """
    difference = _steepness(predicted) - _steepness(truth)
    return float(np.square(difference).sum()) / 1e3


def _steepness(matte: Matte) -> Matte:
    low, high = float(matte.min()), float(matte.max())
    stretched = (matte - low) / (high - low) if high > low else np.zeros_like(matte)
    across = _derivative_kernel()
    slopes = [
        cv2.filter2D(stretched.astype(np.float64), -1, kernel, borderType=cv2.BORDER_REPLICATE)
        for kernel in (across, across.T)
    ]
    return np.hypot(slopes[0], slopes[1])


def _derivative_kernel(sigma: float = 1.4, least: float = 1e-2) -> Matte:
    """Derivative along x of a Gaussian in x times one in y, out to where the Gaussian falls below ``least``."""
    half = int(np.ceil(sigma * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * sigma * least))))
    offsets = np.arange(-half, half + 1)
    bell = np.exp(-(offsets**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    slope = -offsets * bell / sigma**2
    kernel = np.outer(bell, slope)
    return kernel / np.sqrt(np.square(kernel).sum())


def connectivity(predicted: Matte, truth: Matte, *, step: float = 0.1) -> float:
    """How unlike the two mattes hang together with their common solid core (Rhemann et al., CVPR 2009), sum / 1000.

    For each pixel the highest threshold at which it still belongs to the largest region common to both; only what a
    matte has above that by 0.15 or more counts against it.
    """
    held_up_to = np.full(truth.shape, -1.0)
    thresholds = np.arange(0, 1 + step, step)
    for before, threshold in pairwise(thresholds):
        common = ((predicted >= threshold) & (truth >= threshold)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(common, connectivity=4)
        areas = stats[1:, cv2.CC_STAT_AREA]
        core = labels == (1 + int(areas.argmax()) if len(areas) else -1)
        held_up_to[(held_up_to == -1) & ~core] = before
    held_up_to[held_up_to == -1] = 1
    beyond = (matte - held_up_to for matte in (predicted, truth))
    ours, theirs = (1 - above * (above >= 0.15) for above in beyond)
    return float(np.abs(ours - theirs).sum()) / 1e3
