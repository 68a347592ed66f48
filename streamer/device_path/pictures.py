"""Pictures as tensors: RGB ``(1, 3, h, w)`` in float32, whole numbers 0..255, as the CPU's 8-bit arithmetic has them.

Nothing here waits for the device, and no shape depends on what is in a picture, so that a CUDA graph can hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from streamer.frames import Frame, Image, Planes, Size
from streamer.yuv import rgb_to_yuv, yuv_to_rgb

GREY = (9798 / 2**15, 19235 / 2**15, 3735 / 2**15, 0.0)
"""RGB to brightness in OpenCV's fixed-point numbers, which float32 holds exactly."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the bytes of a frame mean when it goes up and comes down."""

    size: Size
    matrix: int | None = None
    """One of ``streamer.color_matrix``: the bytes are the planes Y, U, V. None: they are RGB, ``(h, w, 3)``."""
    full_range: bool = True

    @classmethod
    def of(cls, frame: Frame) -> Layout:
        """Planes, where the frame has them."""
        planes = frame.planes
        return cls(frame.size) if planes is None else cls(planes.size, planes.matrix, planes.full_range)

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Of Y, U and V."""
        half = (self.size.height // 2, self.size.width // 2)
        return ((self.size.height, self.size.width), half, half)

    @property
    def byte_count(self) -> int:
        """How many go up."""
        pixels = self.size.width * self.size.height
        return 3 * pixels if self.matrix is None else pixels * 3 // 2

    def write(self, frame: Frame, into: Image) -> None:
        """Copy the frame's bytes into a flat array."""
        if self.matrix is None or frame.planes is None:
            np.copyto(into.reshape(frame.image.shape), frame.image)
            return
        planes = (frame.planes.y, frame.planes.u, frame.planes.v)
        for part, plane in zip(self._split(into), planes, strict=True):
            np.copyto(part, plane)

    def read(self, composed: Image) -> tuple[Image, Planes | None]:
        """The picture and, where it was composed as such, its planes, from what ``packed`` laid down; no copy."""
        image = composed[len(composed) - 3 * self.size.width * self.size.height :]
        image = image.reshape(self.size.height, self.size.width, 3)
        if self.matrix is None:
            return image, None
        y, u, v = self._split(composed[: self.byte_count])
        return image, Planes(y, u, v, self.matrix, self.full_range)

    def planes(self, packed: Tensor) -> list[Tensor]:
        """Y, U and V, uint8 ``(1, 1, h, w)`` and half that, of a frame that went up as such."""
        parts = packed.split([height * width for height, width in self.plane_shapes])
        return [part.view(1, 1, *shape) for part, shape in zip(parts, self.plane_shapes, strict=True)]

    def rgb(self, packed: Tensor) -> Tensor:
        """The picture of a frame that went up. Each chroma sample holds for its block of four, as in the decoder."""
        if self.matrix is None:
            return from_image(packed.view(self.size.height, self.size.width, 3))
        rows = yuv_to_rgb(self.matrix, full_range=self.full_range)
        y, u, v = self.planes(packed)
        yuv = (y.float(), *(F.interpolate(plane.float(), scale_factor=2.0, mode="nearest") for plane in (u, v)))
        return torch.cat([mixed(yuv, row) for row in rows], dim=1).round_().clamp_(0, 255)

    def packed(self, own: Tensor, result: Tensor, core: Tensor) -> Tensor:
        """What comes down, flat uint8: the planes if the frame went up as such, then RGB, which previews need.

        Args:
            own: the frame as it went up: deep inside the person stand the decoder's own samples.
            result: RGB.
            core: bool ``(1, 1, h, w)``, where that is.
        """
        image = result[0].permute(1, 2, 0).to(torch.uint8).flatten()
        if self.matrix is None:
            return image
        rows = rgb_to_yuv(self.matrix, full_range=self.full_range)
        means, is_core = F.avg_pool2d(result, 2), F.avg_pool2d(core.float(), 2) == 1
        y, u, v = self.planes(own)
        made = [
            to_bytes(mixed(source.split(1, 1), row)) for source, row in zip((result, means, means), rows, strict=True)
        ]
        kept = (torch.where(core, y, made[0]), torch.where(is_core, u, made[1]), torch.where(is_core, v, made[2]))
        return torch.cat([plane.flatten() for plane in kept] + [image])

    def _split(self, flat: Image) -> list[Image]:
        ends = np.cumsum([height * width for height, width in self.plane_shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.plane_shapes, strict=True)]


def from_image(image: Tensor) -> Tensor:
    """uint8 ``(h, w, 3)`` to RGB as above."""
    return image.permute(2, 0, 1)[None].float()


def to_bytes(values: Tensor) -> Tensor:
    """Rounded to uint8."""
    return values.round().clamp_(0, 255).to(torch.uint8)


def mixed(channels: Sequence[Tensor], row: Sequence[float]) -> Tensor:
    """The sum of three channels by their weights, and a fourth number added."""
    total = channels[0] * float(row[0])
    for channel, weight in zip(channels[1:], row[1:3], strict=True):
        total.add_(channel, alpha=float(weight))
    return total.add_(float(row[3]))


def grey(picture: Tensor) -> Tensor:
    """The brightness ``(1, 1, h, w)``, whole numbers."""
    return half_up(mixed(picture.split(1, 1), GREY))


def scaled(picture: Tensor, size: Size) -> Tensor:
    """Bilinear, without rounding."""
    return F.interpolate(picture, size=(size.height, size.width), mode="bilinear", align_corners=False)


def shrink(picture: Tensor, size: Size) -> Tensor:
    """Whole numbers to whole numbers, as ``streamer.scaling.shrink``: halved while it can be, then bilinear."""
    height, width = picture.shape[2:]
    while width >= 2 * size.width and height >= 2 * size.height:
        width, height = width // 2, height // 2
        picture = half_up(scaled(picture, Size(width, height)))
    return picture if (width, height) == size else half_up(scaled(picture, size))


def half_up(values: Tensor) -> Tensor:
    """Rounded in place as OpenCV's fixed-point arithmetic does."""
    return values.add_(0.5).floor_()


def picked(picture: Tensor, size: Size) -> Tensor:
    """To ``size`` by taking the nearest pixel up and left."""
    rows, columns = (
        torch.arange(wanted, device=picture.device) * length // wanted
        for wanted, length in ((size.height, picture.shape[2]), (size.width, picture.shape[3]))
    )
    return picture[:, :, rows[:, None], columns]


def blurred(picture: Tensor, radius_px: int, *, repeats_edge: bool) -> Tensor:
    """The mean over a square window. Beyond its edges the picture is mirrored, its outermost pixels twice if asked."""
    for axis in (2, 3):
        length = picture.shape[axis]
        period = 2 * length if repeats_edge else max(1, 2 * length - 2)
        at = torch.arange(-radius_px, length + radius_px, device=picture.device) % period
        at = torch.minimum(at, (period - 1 if repeats_edge else period) - at) if length > 1 else at * 0
        window = (2 * radius_px + 1, 1) if axis == 2 else (1, 2 * radius_px + 1)
        picture = F.avg_pool2d(picture.index_select(axis, at), window, stride=1)
    return picture
