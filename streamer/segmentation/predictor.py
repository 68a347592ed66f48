"""The segmenter: a picture of any size to its alpha, through the network's small input."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np
from numpy.typing import NDArray

from models.framing import Framing
from models.steady import Steadier
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.refine import Refiner
from streamer.segmentation.rules import MatteRules, PatchSorter, move_edge
from streamer.segmentation.runtimes import Runtime
from streamer.stats import Stats

NO_RULES = MatteRules()
OUT_OF_RANGE = 1e-3
"""How far outside [0, 1] an alpha may be by rounding."""


class NetworkSegmenter:
    """Mattes each picture with the network, and keeps the matte steady where the picture stands still.

    Args:
        model: its name, for people.
        framing: width and height of a picture to how it enters the network.
        runtime: what runs the network.
        clean_plate: what is known of the room without a person; None = nothing.
        steadiness: how much of the mean of earlier mattes a still pixel keeps, 0 (each picture for itself) to below 1.
        rules: what the user says about the matte.
        stats: where to note the times of ``network`` and ``refine``; None = nowhere.
    """

    def __init__(
        self,
        model: str,
        framing: Callable[[int, int], Framing],
        runtime: Runtime,
        *,
        clean_plate: CleanPlate | None = None,
        steadiness: float = 0.0,
        rules: MatteRules = NO_RULES,
        stats: Stats | None = None,
    ) -> None:
        self._model = model
        self._framing = framing
        self._runtime: Runtime | None = runtime
        self._stats = stats
        self._rules = rules
        self._clean_plate = clean_plate
        self._steadier = Steadier(steadiness)
        self._sorter = PatchSorter(rules)
        self._refiner = Refiner()
        self._where = runtime.name
        self._picture: Size | None = None
        self._content = self._input = Size(0, 0)

    @property
    def description(self) -> str:
        """What really runs, e.g. ``compact 320x192 on CPU (openvino)``; the size is known after the first picture."""
        size = f" {self._input}" if self._picture else ""
        return f"{self._model}{size} on {self._where}"

    @property
    def runtime(self) -> Runtime:
        """What runs the network. ``SegmentationError`` once it is closed."""
        if self._runtime is None:
            raise SegmentationError("the segmenter is closed")
        return self._runtime

    @property
    def moves_edge(self) -> bool:
        """Whether the user's rules shift or feather the edge at full size."""
        return self._rules.edge_shift_px != 0 or self._rules.feather_px != 0

    def segment(self, image: Image) -> Alpha:
        """The matte of this very picture: RGB uint8 ``(h, w, 3)`` to float32 ``(h, w)`` in [0, 1].

        Raises:
            SegmentationError: not such a picture, the runtime failed, or its result is unusable.
        """
        runtime, (content, padded) = self.runtime, self.fit(image)
        try:
            with self.time("network"):
                shrunk = shrink(image, content)
                small = runtime.alpha(as_batch(shrunk, padded))
        except Exception as error:  # each runtime has its own exceptions; a frame without a matte is never shown
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SegmentationError(f"the matte failed on {self._where}: {reason}") from error
        with self.time("refine"):
            refined = self._refiner.refine(image, self.settle(shrunk, small))
            return move_edge(refined, self._rules)

    def fit(self, image: Image) -> tuple[Size, Size]:
        """What that picture is shrunk to for the network, and what the network then gets, with repeated edges.

        Raises:
            SegmentationError: it is no RGB picture.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise SegmentationError(f"a picture must be uint8 RGB (h, w, 3), not {image.dtype} {image.shape}")
        picture = Size(image.shape[1], image.shape[0])
        if picture != self._picture:
            self._picture = picture
            fitted = self._framing(*picture)
            self._content, self._input = Size(*fitted.content), Size(*fitted.padded)
        return self._content, self._input

    def settle(self, shrunk: Image, small: Alpha) -> Alpha:
        """What becomes of the network's alpha before its edges are refined: known room, memory and rules heeded.

        Args:
            shrunk: the picture as the network saw it, RGB uint8 ``(h', w', 3)``.
            small: the network's alpha of it, float32; what lies beyond the picture is cut off.

        Raises:
            SegmentationError: it is no alpha.
        """
        low, high = float(small.min()), float(small.max())
        if not (low >= -OUT_OF_RANGE and high <= 1 + OUT_OF_RANGE):  # also false for NaN
            raise SegmentationError(f"the network's alpha is unusable: it runs from {low} to {high}, not from 0 to 1")
        small = small[: shrunk.shape[0], : shrunk.shape[1]]
        if self._clean_plate is not None:
            small = self._clean_plate.clean(shrunk, small)
        return self._sorter.sort(self._steadier.steady(shrunk, small))

    def reset(self) -> None:
        """Forget earlier frames: the next one starts a new scene."""
        if self._runtime is not None:
            self._runtime.reset()
        if self._clean_plate is not None:
            self._clean_plate.reset()
        self._steadier.reset()
        self._sorter.reset()

    def close(self) -> None:
        """Release the runtime. May be called twice."""
        self._runtime = None

    def time(self, step: str) -> AbstractContextManager[None]:
        """Note in the stats how long this takes."""
        return self._stats.time(step) if self._stats else nullcontext()


def as_batch(small: Image, padded: Size) -> NDArray[np.float32]:
    """A picture of the content's size, RGB uint8 ``(h, w, 3)``, to the network's float32 ``(1, 3, h', w')`` in [0, 1].

    Its right and lower edges are repeated up to ``padded``.
    """
    bottom, right = padded.height - small.shape[0], padded.width - small.shape[1]
    if bottom or right:
        small = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    batch = np.empty((1, 3, padded.height, padded.width), np.float32)
    np.multiply(small.transpose(2, 0, 1), np.float32(1 / 255), out=batch[0])
    return batch
