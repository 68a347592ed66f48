"""One frame on the device: up, matted, judged by others, composed, down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.contrast import stretch_contrast
from streamer.captured import Captured
from streamer.device_path.edges import refined, replaced_background
from streamer.device_path.pictures import Layout, from_image, shrink
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Frame, Image, Planes, Size
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.segmentation.refine import CERTAIN_BEFORE
from streamer.segmentation.runtimes import TorchRuntime

if TYPE_CHECKING:
    from models.unet import UNet

logger = logging.getLogger(__name__)


class Held:
    """A frame that lies on the device, with its small alpha; a ``HeldMatte``."""

    def __init__(self, path: DevicePath, layout: Layout, frame_bytes: Tensor, small: Alpha) -> None:
        self.size = layout.size
        self.small = small
        self.layout = layout
        self.frame_bytes = frame_bytes
        self._path = path

    def full(self) -> Alpha:
        """See ``HeldMatte``."""
        return self._path.full_alpha(self)

    def over(self, background: Image) -> tuple[Image, Planes | None]:
        """See ``HeldMatte``."""
        return self._path.composed(self, background)


class DevicePath:
    """Mattes frames and lays the person over a picture; between the two, frames stay on the device.

    ``hold`` is for one thread, what it gives for one other. All work is queued on the stream of the network, so that
    it runs in order, and before the painter's. After a failure of the device frames are matted by the segmenter alone,
    and composed on the CPU.

    Args:
        segmenter: fits pictures to the network, and settles the small alpha.
        runtime: its runtime.
    """

    def __init__(self, segmenter: NetworkSegmenter, runtime: TorchRuntime) -> None:
        self._segmenter = segmenter
        self._runtime = runtime
        self._device = runtime.device
        self._pins = runtime.device.type == "cuda"
        self._failure = ""
        self._matting: tuple[tuple[Layout, Size, Size], Captured[Tensor]] | None = None
        self._composing: tuple[Layout, Captured[Tensor]] | None = None
        self._plate: tuple[Image, Tensor] | None = None

    def hold(self, frame: Frame) -> Held | Alpha:
        """Bring the frame up and matte it. After a failure of the device: the segmenter's own full-size alpha.

        Raises:
            SegmentationError: it cannot be matted, or its alpha is unusable.
        """
        if self._failure:
            return self._segmenter.segment(frame.image)
        content, padded = self._segmenter.fit(frame.pixels)
        layout = Layout.of(frame)
        try:
            with self._segmenter.time("network"), torch.inference_mode(), self._runtime.on_stream():
                staging = self._empty(layout.byte_count)
                layout.write(frame, staging.numpy())
                frame_bytes = staging.to(self._device, non_blocking=True)
                seen = self._down(self._matte_step(layout, content, padded)(frame_bytes))
        except SegmentationError:
            raise
        except Exception as error:  # torch has many kinds
            self._give_up(error)
            return self._segmenter.segment(frame.image)
        pixels = content.width * content.height
        alpha = seen[: 4 * pixels].view(np.float32).reshape(content.height, content.width)
        shrunk = seen[4 * pixels :].reshape(content.height, content.width, 3)
        small = self._segmenter.detailed(self._segmenter.settle(shrunk, alpha))
        return Held(self, layout, frame_bytes, stretch_contrast(small, CERTAIN_BEFORE))

    def full_alpha(self, held: Held) -> Alpha:
        """The matte at full size, float32 ``(h, w)``; see ``HeldMatte.full``."""
        try:
            with torch.inference_mode(), self._runtime.on_stream():
                small = self._up(held.small).to(self._device, non_blocking=True)
                full: Alpha = self._down(refined(held.layout.rgb(held.frame_bytes), small[None, None])[0, 0])
                return full
        except Exception as error:
            raise self._give_up(error) from error

    def composed(self, held: Held, background: Image) -> tuple[Image, Planes | None]:
        """The person over the background; see ``HeldMatte.over``."""
        layout = held.layout
        if background.dtype != np.uint8 or background.shape != (layout.size.height, layout.size.width, 3):
            raise ValueError(f"a background of {background.dtype} {background.shape} for a frame of {layout.size}")
        try:
            with torch.inference_mode(), self._runtime.on_stream():
                plate = self._plate
                if plate is None or plate[0] is not background:
                    plate = self._plate = (background, self._up(background).to(self._device, non_blocking=True))
                result = self._compose_step(layout)(held.frame_bytes, self._up(held.small), plate[1])
                return layout.read(self._down(result))
        except Exception as error:
            raise self._give_up(error) from error

    def _matte_step(self, layout: Layout, content: Size, padded: Size) -> Captured[Tensor]:
        """The step for frames of this kind; that for those of another kind before it is given up."""
        kind, known = (layout, content, padded), self._matting
        if known is None or known[0] != kind:
            twice = self._segmenter.looks == "twice"
            step = matting(self._runtime.network, self._runtime.dtype, layout, content, padded, twice=twice)
            known = self._matting = (kind, Captured(step, self._device))
        return known[1]

    def _compose_step(self, layout: Layout) -> Captured[Tensor]:
        known = self._composing
        if known is None or known[0] != layout:
            known = self._composing = (layout, Captured(composing(layout), self._device))
        return known[1]

    def _empty(self, *shape: int, dtype: torch.dtype = torch.uint8) -> Tensor:
        """Memory of the CPU's that the device copies from and to by itself; torch uses it again when it is free."""
        return torch.empty(shape, dtype=dtype, pin_memory=self._pins)

    def _up(self, values: NDArray[np.float32] | Image) -> Tensor:
        """The values where the device can fetch them."""
        staging = self._empty(*values.shape, dtype=torch.float32 if values.dtype == np.float32 else torch.uint8)
        np.copyto(staging.numpy(), values)
        return staging

    def _down(self, result: Tensor) -> NDArray[Any]:
        """The result in memory of its own, once the device is done with it."""
        landing = self._empty(*result.shape, dtype=result.dtype)
        landing.copy_(result, non_blocking=True)
        if self._pins:
            done = torch.cuda.Event(blocking=True)  # the thread sleeps: others need its core
            done.record()
            done.synchronize()
        return landing.numpy()

    def _give_up(self, error: Exception) -> SegmentationError:
        """Leave the device alone from now on; the result says what it did."""
        text = str(error).strip().splitlines()
        reason = text[0] if text else type(error).__name__
        if not self._failure:
            logger.warning("frames no longer stay on %s: %s", self._runtime.name, reason)
        self._failure = reason
        self._matting = self._composing = self._plate = None
        return SegmentationError(f"the composite failed on {self._runtime.name}: {reason}")


def matting(
    network: UNet, dtype: torch.dtype, layout: Layout, content: Size, padded: Size, *, twice: bool = False
) -> Callable[[Tensor], Tensor]:
    """From the bytes of a frame to those of its small alpha, float32 ``(h', w')``, and of the small picture, RGB."""
    right, below = padded.width - content.width, padded.height - content.height

    def matte(frame_bytes: Tensor) -> Tensor:
        shrunk = shrink(layout.rgb(frame_bytes), content)
        batch = F.pad(shrunk, (0, right, 0, below), mode="replicate") * (1 / 255)
        picture = batch.to(dtype).contiguous(memory_format=torch.channels_last)
        alpha = network.alpha(picture)
        if twice:
            alpha = (alpha + network.alpha(picture.flip(3)).flip(3)) * 0.5
        if alpha.shape != (1, 1, padded.height, padded.width):
            raise SegmentationError(
                f"the network gave an alpha of shape {tuple(alpha.shape)} for a picture of {padded}"
            )
        alpha = alpha[0, 0, : content.height, : content.width].float().contiguous()
        seen = shrunk[0].permute(1, 2, 0).to(torch.uint8)
        return torch.cat((alpha.view(torch.uint8).flatten(), seen.flatten()))

    return matte


def composing(layout: Layout) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """From the bytes of a frame, its small alpha ``(h', w')`` and a plate, uint8 ``(h, w, 3)``, to what comes down."""

    def compose(frame_bytes: Tensor, small: Tensor, plate: Tensor) -> Tensor:
        own = layout.rgb(frame_bytes)
        alpha = refined(own, small[None, None])
        return layout.packed(frame_bytes, *replaced_background(own, alpha, from_image(plate)))

    return compose
