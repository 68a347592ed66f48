"""Frames that stay on the GPU from the matte to the composite: ``open_device_path`` is the door to this room.

A frame goes up once, as the decoder's YUV planes or as RGB, and the composite comes down once. Between the two lie
conversion, the network's small input, the network, edges at full size, the person's own colours and the composite: the
same maths as on the CPU, on whole pictures. What remembers earlier frames (clean plate, steadying, the user's rules)
and what judges the matte works on the small alpha, which for that comes down and goes up again: about 0.4 MB and one
wait for the GPU a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer.segmentation.predictor import NetworkSegmenter

if TYPE_CHECKING:
    from streamer.device_path.path import DevicePath

__all__ = ["open_device_path"]


def open_device_path(segmenter: NetworkSegmenter) -> DevicePath:
    """The frame path on the device that runs the segmenter's network; on the CPU too, which is slow and for tests.

    ``path.hold(frame).over(background)`` mattes and composes one frame. The segmenter keeps its memory, its rules and
    its fallback, and is closed by whoever opened it.

    Args:
        segmenter: from ``open_segmenter``, with torch as its runtime.

    Raises:
        ValueError: its network is not run by torch, or its rules move the edge at full size, which is done on the CPU.
    """
    from streamer.device_path.path import DevicePath
    from streamer.segmentation.runtimes import TorchRuntime

    runtime = segmenter.runtime
    if not isinstance(runtime, TorchRuntime):
        raise ValueError(f"only torch keeps frames on its device, not {runtime.name}")
    if segmenter.moves_edge:
        raise ValueError("an edge that is shifted or feathered is moved on the CPU")
    return DevicePath(segmenter, runtime)
