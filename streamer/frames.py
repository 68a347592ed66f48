"""The pictures that travel through the program, and the only conversions between arrays and network tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Image: TypeAlias = NDArray[np.uint8]
"""A picture: uint8, RGB ``(h, w, 3)``; sinks also take RGBA with straight alpha ``(h, w, 4)`` and grey ``(h, w)``."""

Alpha: TypeAlias = NDArray[np.float32]
"""The soft matte of the person: float32 ``(h, w)`` in [0, 1], 1 = person."""

Levels: TypeAlias = NDArray[np.uint8]
"""The same in the 255 steps in which it is used: uint8 ``(h, w)``."""


class Size(NamedTuple):
    """Width and height in pixels, in that order (an array's shape has them the other way round)."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Area(NamedTuple):
    """A rectangle of a picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns: ``image[area.slices]`` is what lies inside."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as decoders give and encoders take it: YUV 4:2:0, 8 bits, even width and height."""

    y: NDArray[np.uint8]
    """Luma ``(h, w)``."""
    u: NDArray[np.uint8]
    """Blue difference ``(h / 2, w / 2)``."""
    v: NDArray[np.uint8]
    """Red difference ``(h / 2, w / 2)``."""
    matrix: int
    """One of ``streamer.color_matrix``."""
    full_range: bool
    """Whether luma uses 0 to 255 instead of 16 to 235."""

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return Size(self.y.shape[1], self.y.shape[0])


Pixels: TypeAlias = Image | Planes
"""A picture as RGB, or as it was decoded."""

Drawing: TypeAlias = Image | Callable[[], Image]
"""A picture, or what makes it once somebody wants it: not all who get planes do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture with its time. What a source yields and, composited, what a sink takes."""

    drawing: Drawing
    """See ``image``. Only a frame that has planes comes without one that is made already."""
    index: int
    """Position in the source, from 0. A gap means dropped frames."""
    pts_s: float
    """Presentation time in seconds on the source's own clock. Exact enough to find the container's tick by rounding."""
    captured_at_s: float
    """``time.monotonic()`` when the frame left the device or decoder; latency counts from here."""
    scene: int = 0
    """Another number than the frame before: nothing of earlier frames holds any more, the camera was opened again."""
    planes: Planes | None = None
    """The same picture as YUV, where it came or was composed as such: what can use it is spared a conversion."""
    duration_s: float | None = None
    """For how long it is to be shown, in seconds; None = until the next one, of which nothing is said."""

    @property
    def image(self) -> Image:
        """RGB from a source, upright. Read-only by convention: a stage that changes pixels makes a new array.

        Made when it is first asked for, on the thread that asks; if two do at once, perhaps twice.
        """
        drawing = self.drawing
        if callable(drawing):
            drawing = drawing()
            if callable(self.drawing):  # the same picture still
                object.__setattr__(self, "drawing", drawing)
        return drawing

    @property
    def pixels(self) -> Pixels:
        """The picture in the form that costs nothing."""
        return self.image if self.planes is None else self.planes

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return Size(self.image.shape[1], self.image.shape[0]) if self.planes is None else self.planes.size

    def with_image(self, drawing: Drawing, planes: Planes | None = None) -> Frame:
        """The same moment with other pixels."""
        return replace(self, drawing=drawing, planes=planes)

    def __repr__(self) -> str:
        return f"Frame(index={self.index}, size={self.size}, pts_s={self.pts_s:.6f})"


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that a plate is made from (not a codec's I-frame), with its own alpha."""

    frame: Frame
    alpha: Alpha
    """Float32 ``(h, w)``, at the frame's size or smaller."""


@dataclass(frozen=True, slots=True)
class Plate:
    """One painted background, complete and without a person."""

    image: Image
    """RGB uint8 ``(h, w, 3)``, at the size it was painted; the whole picture belongs to the whole frame."""
    prompt: str
    seed: int
    """The seed asked for; another attempt may have been needed, see ``how``."""
    keyframe_index: int
    """Of the frame it was made from."""
    made_in_s: float
    """How long it took; 0 from the cache."""
    how: str = "painted"
    """``painted``, ``painted again`` (the first one held a person), ``full frame``, ``filled`` or ``cached``."""
    is_full_size: bool = True
    """False: painted smaller than wanted, for lack of memory."""


def to_tensor(images: Image) -> torch.Tensor:
    """uint8 RGB ``(h, w, 3)`` or ``(n, h, w, 3)`` to float32 ``(n, 3, h, w)`` in [0, 1]."""
    import torch

    batch = images[None] if images.ndim == 3 else images
    return torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float().div_(255.0)


def to_image(tensor: torch.Tensor) -> Image:
    """Float ``(3, h, w)`` or ``(1, 3, h, w)`` in [0, 1] to uint8 RGB ``(h, w, 3)``; values outside are clipped."""
    picture = tensor.detach().squeeze(0).clamp(0, 1).mul(255).add(0.5).byte().permute(1, 2, 0)
    return np.ascontiguousarray(picture.cpu().numpy())
