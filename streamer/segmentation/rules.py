"""What the user says about the matte: whose it is, which patches count, where its edge lies.

People and patches are sorted out on the network's small alpha, where it costs little; the edge is moved at full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Levels

People: TypeAlias = Literal["all", "largest", "center"]
"""Who is kept: everybody, the one who covers most of the picture, or the one nearest to its middle."""

FRINGE_PX = 6
"""How far from a solid core, in pixels of the small alpha, what is less than half person still belongs to it."""
LOYALTY = 1.5
"""How many times better another person must fit than the one kept so far to be kept instead."""


@dataclass(frozen=True, slots=True)
class MatteRules:
    """The settings; the defaults change nothing."""

    people: People = "all"
    min_island: float = 0.0
    """Percent of the picture below which a separate patch of person is dropped."""
    fill_holes: float = 0.0
    """Percent of the picture up to which a hole in the person is filled."""
    edge_shift_px: int = 0
    """Pixels of the full picture by which the edge is moved: outward if positive."""
    feather_px: int = 0
    """Width in pixels of the full picture over which the edge is softened."""


class PatchSorter:
    """Applies ``people``, ``min_island`` and ``fill_holes`` to one clip's small alphas. Not thread-safe."""

    def __init__(self, rules: MatteRules) -> None:
        self._rules = rules
        self._kept: NDArray[np.bool_] | None = None

    def reset(self) -> None:
        """Forget who was kept."""
        self._kept = None

    def sort(self, alpha: Alpha) -> Alpha:
        """The small alpha, float32 ``(h, w)`` in [0, 1], without what the rules drop and with what they fill."""
        rules = self._rules
        if rules.people != "all" or rules.min_island > 0:
            alpha = self._without_others(alpha)
        return _filled(alpha, rules.fill_holes / 100) if rules.fill_holes > 0 else alpha

    def _without_others(self, alpha: Alpha) -> Alpha:
        solid = (alpha > 0.5).view(np.uint8)
        count, labels, stats, centers = cv2.connectedComponentsWithStats(solid, connectivity=8, ltype=cv2.CV_16U)
        areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
        keeps = areas >= self._rules.min_island / 100 * alpha.size
        keeps[0] = False  # label 0 is the surroundings
        if self._rules.people != "all" and keeps.any():
            fits = areas if self._rules.people == "largest" else -_distances(centers, alpha.shape[1])
            best = self._best(np.where(keeps, fits, -np.inf), labels, count)
            keeps = np.arange(count) == best
        core = solid if keeps[1:].all() else keeps.view(np.uint8)[labels]
        self._kept = core.view(np.bool_)
        side = 2 * FRINGE_PX + 1
        near = cv2.dilate(core, np.ones((side, side), np.uint8))
        near[(solid > 0) & (core == 0)] = 0  # the core of somebody who is not kept
        return cv2.copyTo(alpha, near)

    def _best(self, fits: NDArray[np.float64], labels: NDArray[np.int32], count: int) -> int:
        """The label that fits best; the one that was kept so far wins unless another is much better."""
        best = int(fits.argmax())
        if self._kept is None or not self._kept.any():
            return best
        kept = self._kept.view(np.uint8)
        if kept.shape != labels.shape:  # the matte's size has changed, but not who is in the picture
            kept = cv2.resize(kept, (labels.shape[1], labels.shape[0]), interpolation=cv2.INTER_NEAREST)
        overlaps = np.bincount(labels[kept > 0], minlength=count)
        overlaps[0] = 0
        former = int(overlaps.argmax())
        if not overlaps[former] or not np.isfinite(fits[former]):
            return best
        # Areas are positive, the larger the better; distances negative, the nearer to 0 the better.
        is_loyal = fits[former] * LOYALTY >= fits[best] if fits[best] > 0 else fits[former] / LOYALTY >= fits[best]
        return former if is_loyal else best


def _distances(centers: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """How far to the side of the picture's middle each patch's centre lies, in pixels, at least 1."""
    return np.maximum(1.0, np.abs(centers[:, 0] - (width - 1) / 2))


def _filled(alpha: Alpha, max_share: float) -> Alpha:
    """Set to 1 each connected patch of room that touches no edge of the picture and is at most that share of it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha <= 0.5).view(np.uint8), connectivity=4)
    height, width = alpha.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    inside = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    fills = inside & (stats[:, cv2.CC_STAT_AREA] <= max_share * alpha.size)
    fills[0] = False  # label 0 is the person
    if count <= 1 or not fills.any():
        return alpha
    # One pixel more: the rim of a hole is soft.
    hole = cv2.dilate(fills[labels].view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(hole, np.float32(1), alpha)


def move_edge(levels: Levels, rules: MatteRules) -> Levels:
    """The full-size alpha in 0..255, with its edge shifted and feathered as the rules say."""
    if rules.edge_shift_px:
        side = 2 * abs(rules.edge_shift_px) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        levels = cv2.dilate(levels, disc) if rules.edge_shift_px > 0 else cv2.erode(levels, disc)
    if rules.feather_px:
        side = 2 * rules.feather_px + 1
        levels = cv2.GaussianBlur(levels, (side, side), rules.feather_px / 2)
    return levels
