"""Edges and colours on the device: the maths of ``segmentation/refine.py`` and ``compositing.py`` on whole pictures.

The CPU computes only where the edge is; a GPU is quicker with all of it than with finding out where that is, and
shapes that never change can be recorded in a CUDA graph.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from streamer.compositing import HARDLY_SEEN, INDISTINCT
from streamer.device_path.pictures import blurred, grey, half_up, picked, scaled, shrink
from streamer.edge_colours import FAINT, NARROW_PX, SMALL_AREA_PX, WIDE_PX, rim_px
from streamer.frames import Size
from streamer.segmentation.refine import EPSILON, RADIUS_PX, SMOOTHING_PX, certain_after, grid_of


def refined(picture: Tensor, certain: Tensor) -> Tensor:
    """The full-size alpha ``(1, 1, h, w)`` in [0, 1], see ``segmentation.refine``.

    Args:
        picture: RGB.
        certain: the small alpha ``(1, 1, h', w')`` after the first contrast curve.
    """
    height, width = picture.shape[2:]
    grid = grid_of(Size(width, height), Size(certain.shape[3], certain.shape[2]))
    luma = grey(picture)
    guide, alpha = shrink(luma, grid) / 255, scaled(certain, grid)
    slope, offset = _lines(guide, alpha)
    margin = certain_after(width, certain.shape[3])
    lines = scaled(torch.cat((slope / 255, offset - margin), dim=1), Size(width, height))
    full = torch.addcmul(lines[:, 1:], lines[:, :1], luma)
    return full.mul_(1 / (1 - 2 * margin)).clamp_(0, 1)


def _lines(guide: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset of the fit around each pixel."""
    pairs = torch.cat((guide, alpha, guide * guide, guide * alpha), dim=1)
    mean_guide, mean_alpha, squares, products = blurred(pairs, RADIUS_PX, repeats_edge=True).split(1, 1)
    slope = (products - mean_guide * mean_alpha) / (squares - mean_guide * mean_guide + EPSILON)
    offset = mean_alpha - slope * mean_guide
    slope, offset = blurred(torch.cat((slope, offset), dim=1), SMOOTHING_PX, repeats_edge=True).split(1, 1)
    return slope, offset


def replaced_background(own: Tensor, alpha: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """The person over the background, see ``streamer.compositing.replace_background``.

    Args:
        own: the frame, RGB.
        alpha: its full-size matte ``(1, 1, h, w)`` in [0, 1]; used in 255 steps.
        background: RGB.

    Returns:
        RGB, exactly the background at alpha 0; and where it is the frame itself, deep inside the person: bool
        ``(1, 1, h, w)``.
    """
    size = Size(own.shape[3], own.shape[2])
    scale = min(1.0, (SMALL_AREA_PX / (size.width * size.height)) ** 0.5)
    small = Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
    levels = (alpha * 255).round_()
    inside = -_widened(-levels, rim_px(size))
    core = inside == 255
    colours = _sampled(own, small)
    person = picked(_carried(colours, _sampled(inside, small)), size)
    axis = picked(_carried(colours, 255 - _widened(_sampled(levels, small), 1)), size).sub_(person)
    share = ((own - person) * axis).sum(1, keepdim=True) / (axis.square().sum(1, keepdim=True).add_(INDISTINCT))
    cleaned = torch.addcmul(own, share.clamp_(0, 1), axis, value=-1)
    cleaned = torch.minimum(torch.maximum(cleaned, torch.minimum(own, person)), torch.maximum(own, person))
    cleaned = torch.lerp(person, cleaned, (levels / HARDLY_SEEN).clamp_(max=1).square_())
    result = torch.addcmul(background, cleaned.sub_(background), levels / 255).round_()
    return torch.where(core, own, result), core


def _widened(levels: Tensor, radius_px: int) -> Tensor:
    """The largest value in a square window."""
    side = 2 * radius_px + 1
    rows = F.max_pool2d(levels, (side, 1), stride=1, padding=(radius_px, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, radius_px))


def _sampled(picture: Tensor, size: Size) -> Tensor:
    """At a smaller size, each pixel the mean of four samples, whole numbers."""
    twice = Size(2 * size.width, 2 * size.height)
    if picture.shape[3] > twice.width and picture.shape[2] > twice.height:
        picture = picked(picture, twice)
    return half_up(scaled(picture, size))


def _carried(colours: Tensor, levels: Tensor) -> Tensor:
    """Colours that have weight spread to where there is none, near ones first; levels are the weights, 0..255."""
    weight = (levels / 255).square_().square_().square_()
    weighted = torch.cat((colours * weight, weight), dim=1)
    carried = colours
    for radius_px in (WIDE_PX, NARROW_PX):
        seen = blurred(weighted, radius_px, repeats_edge=False)
        carried = (seen[:, :3] + FAINT * carried) / (seen[:, 3:] + FAINT)
    return carried
