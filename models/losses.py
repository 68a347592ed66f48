"""Losses for a soft matte: logits and targets ``(n, 1, h, w)``, targets and ``known`` in [0, 1], to a mean."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def matte_loss(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """Cross entropy, absolute difference, soft dice and the gradient of the matte, counted where ``known``.

    Cross entropy finds the person, and is content with a grey veil where it is unsure; the absolute difference is not.
    Dice keeps small people from being given up, the gradient term asks for an edge as steep as the true one.
    """
    weight = known * near_edges(alpha, known)
    return (
        cross_entropy(logits, alpha, weight)
        + absolute(logits, alpha, weight)
        + 0.5 * dice(logits, alpha, known)
        + gradient(logits, alpha, known)
    )


def taught_loss(logits: Tensor, matte: Tensor) -> Tensor:
    """Cross entropy and absolute difference to another network's matte, which has something to say of every pixel.

    After "Distilling the Knowledge in a Neural Network" (arXiv 1503.02531).
    """
    everywhere = torch.ones_like(matte)
    return cross_entropy(logits, matte, everywhere) + absolute(logits, matte, everywhere)


def near_edges(alpha: Tensor, known: Tensor) -> Tensor:
    """Weights from 1, far from any edge, to 5, for what is unlike all around it: at an edge 3, more in a narrow gap.

    After the weight map of "U-Net" (arXiv 1505.04597): a strip of room beside a head, or between an arm and a body, is
    few pixels, but what everybody sees.
    """
    seen, share = (_box_mean(each, 15) for each in (alpha * known, known))
    return 1 + 4 * (alpha - seen / share.clamp(min=1e-6)).abs()


def _box_mean(plane: Tensor, side_px: int) -> Tensor:
    """The mean over a square of odd side, beyond the edges zeros; of sums along one axis after the other."""
    for axis in (2, 3):
        before, length = side_px // 2 + 1, plane.shape[axis]
        margins = (0, 0, before, side_px // 2) if axis == 2 else (before, side_px // 2, 0, 0)
        sums = F.pad(plane, margins).cumsum(axis)
        plane = (sums.narrow(axis, side_px, length) - sums.narrow(axis, 0, length)) / side_px
    return plane


def cross_entropy(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """Binary cross entropy with soft targets."""
    each = F.binary_cross_entropy_with_logits(logits, alpha, reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def absolute(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """L1 between the two mattes."""
    return ((logits.sigmoid() - alpha).abs() * known).sum() / known.sum().clamp(min=1)


def dice(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """One minus the soft Dice coefficient of each picture (Milletari et al., arXiv 1606.04797)."""
    predicted = logits.sigmoid() * known
    target = alpha * known
    overlap = (predicted * target).sum(dim=(1, 2, 3))
    total = predicted.square().sum(dim=(1, 2, 3)) + target.square().sum(dim=(1, 2, 3))
    smooth_px = 64.0  # an empty picture with nothing found is right, not 0 / 0
    return (1 - (2 * overlap + smooth_px) / (total + smooth_px)).mean()


def gradient(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """L1 between the horizontal and vertical differences of the two mattes."""
    predicted = logits.sigmoid()
    across = (predicted.diff(dim=3) - alpha.diff(dim=3)).abs() * known[..., 1:] * known[..., :-1]
    down = (predicted.diff(dim=2) - alpha.diff(dim=2)).abs() * known[..., 1:, :] * known[..., :-1, :]
    return (across.sum() + down.sum()) / known.sum().clamp(min=1)


def side_loss(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """Cross entropy of a coarse decoder level against the matte averaged to its size."""
    size = (logits.shape[2], logits.shape[3])
    return cross_entropy(logits, F.adaptive_avg_pool2d(alpha, size), F.adaptive_avg_pool2d(known, size))
