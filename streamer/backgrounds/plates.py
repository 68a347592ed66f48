"""How a plate is made: painted around the person, then the person's own area from its surroundings, then looked at.

A picture painted *around* a person keeps a hole of their shape, and shows it as soon as they move. So a second pass
paints the person's own area, and no pixel of the person enters it. Last comes the gate: the program's own matte network
looks at the plate, and a plate that still holds a person is not given out.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from streamer.backgrounds.plate_masks import (
    CORE,
    Mask,
    fill_from_around,
    paste,
    person_hole,
    plate_size,
    smaller,
    snap_out,
)
from streamer.errors import GenerationError
from streamer.frames import Alpha, Image, Keyframe, Plate, Size
from streamer.scaling import shrink

Fit: TypeAlias = Literal["free", "room"]
"""``free``: only the prompt counts, and no pixel of the room is looked at. ``room``: the room's shapes stay."""

NEUTRAL_GREY = 128
"""What stands where the network is to see nothing of the room."""
NO_PERSON = "person, people, human, man, woman, child, face, body, silhouette, mannequin, statue, portrait"
"""Negative prompt of the passes that must not paint anybody."""
ANOTHER_SEED = 7919
"""Distance between the seeds of two attempts: seeds in a row belong to whoever tries them out one by one."""
PERSON_LEFT = 0.004
"""Share of a plate that the network may take for a person by mistake: 37 x 37 pixels of 768 x 448."""

logger = logging.getLogger(__name__)


class OutOfMemory(GenerationError):  # noqa: N818 - the words say it
    """The device had no room for a plate of this size."""


@dataclass(frozen=True, slots=True)
class PaintOrder:
    """One pass of a painter."""

    image: Image
    """What there is: RGB uint8 ``(h, w, 3)``, sides multiples of 8."""
    repaint: Mask
    """Where to paint, bool ``(h, w)``, in whole cells; elsewhere the picture is context and stays."""
    prompt: str
    negative: str
    seed: int
    strength: float
    """Above 0, at most 1: how far from ``image`` the painted part may go; 1 = nothing of it is looked at there."""


class Painter(Protocol):
    """Paints a part of a picture by a prompt: a diffusion pipeline."""

    def paint(self, order: PaintOrder, *, should_stop: Callable[[], bool]) -> Image:
        """The whole picture with its part repainted, RGB uint8 ``(h, w, 3)``.

        Raises:
            GenerationCancelled: ``should_stop`` said so.
            OutOfMemory: a smaller picture may do.
            GenerationError: it cannot be painted.
        """
        ...

    def close(self) -> None:
        """Release the models. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """What of a plate its prompt and seed do not say."""

    negative: str = ""
    """What is not to be seen."""
    fit: Fit = "free"
    room_strength: float = 0.75
    """With ``fit="room"``: how far from the room the picture may go, 0 to 1."""
    size: Size | None = None
    """Of the plate; None = by the frame's shape, see ``plate_size``."""


class PlateMaker:
    """Makes plates with a painter; a ``PlateGenerator``.

    Args:
        painter: paints; closed with this.
        find_person: the gate's matte of a picture, float32 ``(h, w)``; None = no gate, people in a plate are welcome.
        recipe: what prompt and seed do not say.
        on_close: called when this is closed; for what ``find_person`` needs.
    """

    def __init__(
        self,
        painter: Painter,
        find_person: Callable[[Image], Alpha] | None,
        recipe: Recipe,
        *,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._painter = painter
        self._on_close = on_close
        self._find_person = find_person
        self._recipe = recipe

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        """See ``PlateGenerator``; out of memory, it tries once more at about half the size."""
        started_s = time.monotonic()
        size = self._recipe.size or plate_size(keyframe.frame.size)
        made = None
        try:
            made = self._make(keyframe, prompt, seed, size, should_stop)
        except OutOfMemory as error:
            logger.warning("out of memory for a plate of %s, trying %s: %s", size, smaller(size), error)
        is_full_size = made is not None
        if made is None:  # out here, the failed attempt's pictures are no longer held by its traceback
            gc.collect()
            made = self._make(keyframe, prompt, seed, smaller(size), should_stop)
        image, how = made
        return Plate(image, prompt, seed, keyframe.frame.index, time.monotonic() - started_s, how, is_full_size)

    def close(self) -> None:
        """Release the painter's models."""
        self._painter.close()
        self._on_close()

    def _make(
        self, keyframe: Keyframe, prompt: str, seed: int, size: Size, should_stop: Callable[[], bool]
    ) -> tuple[Image, str]:
        image, alpha = shrink(keyframe.frame.image, size), shrink(keyframe.alpha, size)

        def paint(picture: Image, repaint: Mask, negative: str, seed: int, strength: float = 1.0) -> Image:
            order = PaintOrder(picture, repaint, prompt, negative, seed, strength)
            return self._painter.paint(order, should_stop=should_stop)

        plate = self._two_passes(image, alpha, seed, paint)
        if self._is_empty(plate):
            return plate, "painted"
        plate = self._two_passes(image, alpha, seed + ANOTHER_SEED, paint)
        if self._is_empty(plate):
            return plate, "painted again"
        plate = paint(_blank(size), np.ones(alpha.shape, bool), self._nobody(), seed + 2 * ANOTHER_SEED)
        if self._is_empty(plate):
            return plate, "full frame"
        assert self._find_person is not None
        plate = fill_from_around(plate, person_hole(self._find_person(plate)))
        if self._is_empty(plate):
            return plate, "filled"
        raise GenerationError(
            f"every plate for '{prompt}' holds a person: use another prompt or seed, or --allow-people if you want them"
        )

    def _two_passes(self, image: Image, alpha: Alpha, seed: int, paint: Callable[..., Image]) -> Image:
        recipe = self._recipe
        around = snap_out(alpha <= CORE)
        seen, strength = image, recipe.room_strength
        if recipe.fit == "free":
            seen, strength = np.where(around[..., None], np.uint8(NEUTRAL_GREY), image), 1.0
        first = paint(seen, around, recipe.negative, seed, strength)
        hole = person_hole(alpha)
        if not hole.any():
            return first
        second = paint(fill_from_around(first, hole), hole, self._nobody(), seed + 1)
        return paste(first, second, hole)

    def _nobody(self) -> str:
        return ", ".join(filter(None, (self._recipe.negative, NO_PERSON)))

    def _is_empty(self, plate: Image) -> bool:
        if self._find_person is None:
            return True
        share = float((self._find_person(plate) > CORE).mean())
        if share > PERSON_LEFT:
            logger.info("a person on %.1f %% of a plate: painting another", 100 * share)
        return share <= PERSON_LEFT


def _blank(size: Size) -> Image:
    return np.full((size.height, size.width, 3), NEUTRAL_GREY, np.uint8)
