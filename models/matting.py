"""One picture through the network, for training and scoring; the program has faster ways."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.colour_line import without_what_colours_deny
from models.contrast import stretch_contrast
from models.datasets import Picture
from models.detail import Detail, coarser
from models.doubt import Looks, is_doubtful
from models.framing import NEARLY, Framing, entering, looking_at, settling
from models.look_ahead import LookAhead
from models.region import Gaze, Look
from models.steady import Steadier
from models.unet import UNet

Matte = NDArray[np.floating]


class Seeing(NamedTuple):
    """How pictures are looked at; not said otherwise, as the program does on a CPU."""

    share: float = 1.0
    """Of the network's usual input, see ``entering``."""
    follows: bool = True
    """Whether the part where somebody is is looked at; else always all of it, as on a GPU."""
    looks: Looks = "in doubt"
    """``twice`` as with ``--matte-detail finest``."""
    ahead: int = 0
    """Frames of a clip that wait for those behind them, see ``LookAhead``; 12 as with the preset ``video``."""


USUALLY = Seeing()


def matte_picture(network: UNet, image: Picture, seeing: Seeing = USUALLY) -> Matte:
    """Alpha float32 ``(h, w)`` of an RGB picture, as ``matte_clip`` makes it of the first of a clip."""
    return matte_clip(network, [image], seeing)[0]


def matte_clip(
    network: UNet, pictures: Sequence[Picture], seeing: Seeing = USUALLY, *, steadiness: float = 0.0
) -> list[Matte]:
    """What becomes of the network's mattes of one clip, at the size at which the program settles them.

    What is nearly certain is made certain, colours are heeded, and it is averaged over time where the picture stands
    still. The program does that too, with clean plate and strips before it and refined edges after it.

    Args:
        network: the network.
        pictures: RGB uint8 ``(h, w, 3)``.
        seeing: how it looks at them.
        steadiness: see ``Steadier``.

    Returns:
        float32 ``(h, w)`` in [0, 1] each, resized linearly.
    """
    gaze, steadier, detail = Gaze(), Steadier(steadiness), Detail()
    ahead = LookAhead(seeing.ahead) if seeing.ahead else None
    fine: list[tuple[Matte, Matte | None, Matte]] = []
    settled: list[Matte] = []
    for picture in pictures:
        height, width = picture.shape[:2]
        seen, found = look(network, picture, gaze, seeing)
        size, before, own = settling(width, height), None, stretch_contrast(found)
        if size[0] <= NEARLY * found.shape[1]:
            before = own = stretch_contrast(coarser(found, size))
            seen = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        steadied = steadier.steady(seen, without_what_colours_deny(seen, own))
        fine.append((found, before, steadier.kept))
        settled += [steadied] if ahead is None else ahead.put(seen, steadied, steadier.kept)
    if ahead is not None:
        settled += list(ahead.rest())
    return [
        resized(alpha if before is None else detail.put_back(stretch_contrast(found), before, alpha, kept), picture)
        for picture, alpha, (found, before, kept) in zip(pictures, settled, fine, strict=True)
    ]


def resized(matte: Matte, image: Picture) -> Matte:
    """The matte at the picture's size: float32 ``(h, w)``."""
    height, width = image.shape[:2]
    is_larger = matte.shape[0] > height  # what the network looks at closely may be larger than a small picture
    how = cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
    return cv2.resize(matte, (width, height), interpolation=how).astype(np.float32)


def look(network: UNet, image: Picture, gaze: Gaze, seeing: Seeing = USUALLY) -> Look:
    """The network's alpha as it is, of an RGB picture, uint8 ``(h, w, 3)``, that follows those the gaze has seen."""
    height, width = image.shape[:2]
    whole = entering(width, height, network.config, seeing.share)
    see = partial(_look, network, image, looks=seeing.looks)
    if not seeing.follows:
        return see(whole)
    part = partial(looking_at, width=width, height=height, config=network.config, share=seeing.share)
    return gaze.matte(whole, part, see)


def _look(network: UNet, image: Picture, framing: Framing, *, looks: Looks) -> Look:
    (padded_w, padded_h), (left, top) = framing.padded, framing.corner
    seen = cv2.resize(image, framing.content, interpolation=cv2.INTER_AREA).astype(np.uint8)
    part = seen[top : top + padded_h, left : left + padded_w]
    height, width = part.shape[:2]
    full = cv2.copyMakeBorder(part, 0, padded_h - height, 0, padded_w - width, cv2.BORDER_REPLICATE)
    device = next(network.parameters()).device
    x = torch.from_numpy(full).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        found = network.alpha(x)[0, 0, :height, :width].float().cpu().numpy()
        if looks == "twice" or (looks == "in doubt" and is_doubtful(found)):
            mirrored = network.alpha(x.flip(3)).flip(3)[0, 0, :height, :width]
            found = (found + mirrored.float().cpu().numpy()) * np.float32(0.5)
    alpha = np.zeros(seen.shape[:2], np.float32)
    alpha[top : top + height, left : left + width] = found
    return Look(seen, alpha)
