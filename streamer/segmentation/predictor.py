"""The segmenter: a picture of any size to its alpha, through the network's small input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.colour_line import without_what_colours_deny
from models.contrast import stretch_contrast
from models.detail import Detail, coarser
from models.doubt import Looks, is_doubtful
from models.framing import NEARLY, Box, Framing
from models.region import Gaze, Look
from models.steady import Steadier
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Image, Levels, Pixels, Planes, Size
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.refine import refine
from streamer.segmentation.rules import MatteRules, PatchSorter, move_edge
from streamer.segmentation.runtimes import Runtime
from streamer.segmentation.strips import without_strips
from streamer.stats import Stats
from streamer.yuv import shrunk, size_of


class Settled(NamedTuple):
    """A matte at the size at which it was settled, and what it takes to give it its detail back."""

    alpha: Alpha
    """float32 ``(h', w')`` in [0, 1]. What it calls room, or person, stays that: it is this that is to be judged."""
    picture: Image | None = None
    """What it was settled by: RGB uint8 ``(h', w', 3)``."""
    network: Alpha | None = None
    """The network's own if that is larger."""
    before: Alpha | None = None
    """The network's at this size."""
    kept: Alpha | None = None
    """The share of the last matte in this one."""
    room: Alpha | None = None
    """1 where it is surely the known room."""
    dropped: Alpha | None = None
    """1 where the user's rules dropped somebody."""
    number: int = 0
    """Counts up, so that it shows whether the last matte is the one that was drawn last."""


NO_RULES = MatteRules()
KNOWN_FRAMINGS = 8
"""So many sizes of pictures are remembered with their framing, which takes a quarter of a millisecond to find."""
OUT_OF_RANGE = 1e-3
"""How far outside [0, 1] an alpha may be by rounding."""


Part = Callable[[Box, int, int], Framing | None]
"""A part of a picture, and the picture's width and height, to how that part enters the network; see ``looking_at``."""


class NetworkSegmenter:
    """Mattes each picture with the network, and keeps the matte steady where the picture stands still.

    Args:
        model: its name, for people.
        framing: width and height of a picture to how it enters the network.
        runtime: what runs the network.
        clean_plate: what is known of the room without a person; None = nothing.
        steadiness: how much of the mean of earlier mattes a still pixel keeps, 0 (each picture for itself) to below 1.
        rules: what the user says about the matte.
        stats: where to note the times of ``network``, ``settle`` and ``refine``; None = nowhere.
        smaller: the same as ``framing`` for smaller sizes of the input, among which ``step`` chooses.
        settling: width and height of a picture to the size at which mattes of larger input are settled; None = always
            at the input's.
        parts: how a part of the picture enters the network, for ``framing`` and each of ``smaller``; empty = it always
            sees the whole picture.
        looks: whether the network also sees a picture's mirror image; the mean of the two counts. In doubt it does so
            at the first size only.
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
        smaller: Sequence[Callable[[int, int], Framing]] = (),
        settling: Callable[[int, int], tuple[int, int]] | None = None,
        parts: Sequence[Part] = (),
        looks: Looks = "once",
    ) -> None:
        self._model = model
        self._framings = tuple(lru_cache(KNOWN_FRAMINGS)(size) for size in (framing, *smaller))
        self._parts = tuple(lru_cache(KNOWN_FRAMINGS)(part) for part in parts)
        self._gaze = Gaze()
        self.looks = looks
        """See above."""
        self._settling = lru_cache(KNOWN_FRAMINGS)(settling) if settling else None
        self._runtime: Runtime | None = runtime
        self._stats = stats
        self._rules = rules
        self._clean_plate = clean_plate
        self._steadier = Steadier(steadiness)
        self._detail = Detail()
        self._settled_number = 0
        self._drawn: tuple[int, Alpha] = (0, np.empty((0, 0), np.float32))
        self._sorter = PatchSorter(rules)
        self._where = runtime.name
        self._picture: Size | None = None
        self._seen: tuple[Framing, Image] | None = None
        self._found: Alpha = np.empty((0, 0), np.float32)
        self._is_first = False
        self.step = 0
        """At which of its sizes the network computes the next picture: 0 = the usual one, then the smaller ones."""

    @property
    def steps(self) -> int:
        """How many sizes there are."""
        return len(self._framings)

    @property
    def looks_in_doubt(self) -> bool:
        """Whether a doubtful picture is looked at twice at the present size."""
        return self.looks == "in doubt" and self.step == 0

    @property
    def may_change_size(self) -> bool:
        """Not while a picture of the empty room is being averaged: that would begin anew."""
        return self._clean_plate is None or not self._clean_plate.is_snapping

    @property
    def input_size(self) -> Size | None:
        """Of the network's input for pictures like the last one; None before the first."""
        return self._fitted(self._picture)[1] if self._picture else None

    def prepare(self, step: int) -> None:
        """Get ready to compute at that size, which may take a second; on another thread than ``segment``'s."""
        runtime, picture = self._runtime, self._picture
        if runtime is not None and picture is not None:
            whole = self._framings[step](*picture)
            for width, height in {whole.padded, self._gaze.framing(whole, self._part(step)).padded}:
                runtime.prepare((1, 3, height, width))

    @property
    def description(self) -> str:
        """What really runs, e.g. ``compact 448x256 on CPU (openvino)``; the size is known after the first picture."""
        size = f" {self.input_size}" if self._picture else ""
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
        """The matte of this very picture: RGB uint8 ``(h, w, 3)`` to float32 ``(h, w)`` in [0, 1], in 255 steps.

        Raises:
            SegmentationError: not such a picture, the runtime failed, or its result is unusable.
        """
        return self.refined(image, self.settled(image)) * np.float32(1 / 255)

    def settled(self, pixels: Pixels) -> Settled:
        """The small matte of this very picture, before its edges are refined.

        Raises:
            SegmentationError: as of ``segment``.
        """
        runtime = self.runtime
        self.fit(pixels)
        try:
            with self.time("network"):
                seen, small = self._looked(runtime, pixels)
        except Exception as error:  # each runtime has its own exceptions; a frame without a matte is never shown
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SegmentationError(f"the matte failed on {self._where}: {reason}") from error
        with self.time("settle"):
            return self.settle(seen, small)

    def refined(self, pixels: Pixels, settled: Settled) -> Levels:
        """The matte at full size, in 0..255, of a picture and its small matte. From one thread, as ``detailed``."""
        with self.time("refine"):
            return move_edge(refine(pixels, self.detailed(settled)), self._rules)

    def fit(self, pixels: Pixels) -> tuple[Size, Size]:
        """What that picture is shrunk to for the network, and what the network then gets, with repeated edges.

        Raises:
            SegmentationError: it is no RGB picture.
        """
        self._picture = pixels.size if isinstance(pixels, Planes) else _size_of_rgb(pixels)
        return self._fitted(self._picture)

    def settle(self, seen: Image, small: Alpha) -> Settled:
        """What becomes of the network's alpha before its edges are refined: room, certainty, memory and rules heeded.

        Args:
            seen: the picture as the network saw it, RGB uint8 ``(h', w', 3)``.
            small: the network's alpha of it, float32; what lies beyond the picture is cut off.

        Raises:
            SegmentationError: it is no alpha.
        """
        low, high = float(small.min()), float(small.max())
        if not (low >= -OUT_OF_RANGE and high <= 1 + OUT_OF_RANGE):  # also false for NaN
            self._seen = None
            raise SegmentationError(f"the network's alpha is unusable: it runs from {low} to {high}, not from 0 to 1")
        small = small[: seen.shape[0], : seen.shape[1]]
        if small.shape != seen.shape[:2]:
            self._seen = None
            raise SegmentationError(
                f"the network's alpha is {small.shape}, too small for a picture of {seen.shape[:2]}"
            )
        size = self._settling(*self._picture) if self._settling and self._picture else None
        if size is None or size[0] > NEARLY * seen.shape[1]:
            alpha, room, dropped = self._settled(seen, small)
            return Settled(alpha, seen, kept=self._steadier.kept, room=room, dropped=dropped)
        coarse = coarser(small, size)
        picture = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        alpha, room, dropped = self._settled(picture, coarse)
        self._settled_number += 1
        return Settled(alpha, picture, small, coarse, self._steadier.kept, room, dropped, self._settled_number)

    def detailed(self, settled: Settled) -> Alpha:
        """The settled matte at the network's size: float32 in [0, 1].

        For one thread, and for frames in their order, of which some may be left out.
        """
        if settled.network is None or settled.before is None:
            return settled.alpha
        last, alpha = self._drawn
        if settled.number == last:  # the same frame again
            return alpha
        fine, before = stretch_contrast(settled.network), stretch_contrast(settled.before)
        kept = settled.kept if settled.number == last + 1 else None  # a frame may have been dropped, or the scene cut
        alpha = self._detail.put_back(fine, before, settled.alpha, kept)
        self._drawn = (settled.number, alpha)
        return alpha

    def reset(self) -> None:
        """Forget earlier frames: the next one starts a new scene."""
        if self._runtime is not None:
            self._runtime.reset()
        self._seen = None
        self._is_first = True
        self._gaze.reset()
        if self._clean_plate is not None:
            self._clean_plate.reset()
        self._steadier.reset()
        self._sorter.reset()

    def close(self) -> None:
        """Release the runtime. May be called twice."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def _fitted(self, picture: Size) -> tuple[Size, Size]:
        """What a picture of that size is scaled to, and the network's input."""
        content, padded, _ = self._framings[self.step](*picture)
        return Size(*content), Size(*padded)

    def _settled(self, seen: Image, small: Alpha) -> tuple[Alpha, Alpha | None, Alpha]:
        """What becomes of the network's alpha, at the size at which that is looked at; ``room`` and ``dropped``."""
        if self._clean_plate is None:
            steadied = self._steadier.steady(seen, stretch_contrast(small))
            alpha = self._sorter.sort(steadied)
            return alpha, None, steadied - alpha
        cleaned = self._clean_plate.clean(seen, small)
        alpha = without_what_colours_deny(seen, without_strips(seen, stretch_contrast(cleaned.alpha)))
        steadied = self._steadier.steady(seen, alpha, certain=cleaned.strange)
        # A haze of earlier frames has no place where the room shows. The steadier's own memory goes on.
        shown = steadied - steadied * cleaned.room
        alpha = self._sorter.sort(shown)
        return alpha, cleaned.room, shown - alpha

    def _looked(self, runtime: Runtime, pixels: Pixels) -> Look:
        """What the network finds, in the part of the picture where somebody is if that is known."""
        whole, look = self._framings[self.step](*size_of(pixels)), partial(self._look, runtime, pixels)
        found = self._gaze.matte(whole, self._part(self.step), look) if self._parts else look(whole)
        self._is_first = False
        return found

    def _part(self, step: int) -> Callable[[Box], Framing | None]:
        """How parts of pictures like the last one enter the network."""
        picture = self._picture
        if not self._parts or picture is None:
            return lambda _: None
        return lambda box: self._parts[step](box, *picture)

    def _look(self, runtime: Runtime, pixels: Pixels, framing: Framing) -> Look:
        """What the network finds in that part; in the very picture that it saw last it would be the same."""
        seen = shrunk(pixels, Size(*framing.content))
        if self._seen is None or self._seen[0] != framing or not np.array_equal(seen, self._seen[1]):
            self._seen = None
            (left, top), (width, height) = framing.corner, framing.padded
            part = seen[top : top + height, left : left + width]
            batch = as_batch(part, Size(width, height))
            found = runtime.alpha(batch)
            if self.looks == "twice" or (self.looks_in_doubt and is_doubtful(found)):
                mirrored = runtime.alpha(np.ascontiguousarray(batch[..., ::-1]))[:, ::-1]
                found = (found + mirrored) * np.float32(0.5)
            found = found[: part.shape[0], : part.shape[1]]
            if part.shape == seen.shape:
                self._found = found
            else:
                self._found = np.zeros(seen.shape[:2], np.float32)
                self._found[top : top + height, left : left + width] = found
            # The first one of a new scene, which the renderer throws away, may still be the old scene's.
            if not runtime.has_memory and not self._is_first:
                self._seen = framing, seen.copy()  # it may be the source's own array, which may be written over
        return Look(seen, self._found)

    def time(self, step: str) -> AbstractContextManager[None]:
        """Note in the stats how long this takes."""
        return self._stats.time(step) if self._stats else nullcontext()


def _size_of_rgb(image: Image) -> Size:
    """Its width and height. ``SegmentationError``: it is no RGB picture."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise SegmentationError(f"a picture must be uint8 RGB (h, w, 3), not {image.dtype} {image.shape}")
    return Size(image.shape[1], image.shape[0])


def as_batch(small: Image, padded: Size) -> NDArray[np.float32]:
    """A picture of the content's size, RGB uint8 ``(h, w, 3)``, to the network's float32 ``(1, 3, h', w')`` in [0, 1].

    Its right and lower edges are repeated up to ``padded``.
    """
    bottom, right = padded.height - small.shape[0], padded.width - small.shape[1]
    if bottom or right:
        small = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    batch = np.empty((1, 3, padded.height, padded.width), np.float32)
    for plane, channel in zip(batch[0], cv2.split(small), strict=True):  # twice as fast as all in one call
        plane[:] = channel
    batch *= np.float32(1 / 255)
    return batch
