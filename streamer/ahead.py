"""Frames of a recording that wait until those after them have been matted, too; what these tell mends their mattes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from models.look_ahead import LookAhead
from streamer.frames import Alpha
from streamer.host_path import HeldHere
from streamer.rendering import Matted


class FramesAhead:
    """Takes frames as they are matted and gives each one on once enough of those behind it are there. For one thread.

    A frame without a matte that could be trusted ends what is known, as a new scene does: nothing is mended across.

    Args:
        frames: how many are waited for; 1 or more.
    """

    def __init__(self, frames: int) -> None:
        self._look_ahead = LookAhead(frames)
        self._waiting: deque[tuple[Matted, HeldHere]] = deque()
        self._kind: object = None

    def put(self, matted: Matted) -> list[Matted]:
        """Take the next frame; gives those that need not wait any longer, in order."""
        held, frame = matted.alpha, matted.frame
        if not isinstance(held, HeldHere) or held.settled.picture is None:
            return [*self.rest(), matted]
        kind = (frame.scene, frame.size, held.small.shape)
        ready = [] if kind == self._kind else self.rest()
        self._kind = kind
        self._waiting.append((matted, held))
        return ready + self._revised(self._look_ahead.put(held.settled.picture, held.small, held.settled.kept))

    def rest(self) -> list[Matted]:
        """Those that still wait, once no more frames come."""
        return self._revised(self._look_ahead.rest())

    def _revised(self, alphas: Iterable[Alpha]) -> list[Matted]:
        ready = []
        for alpha in alphas:
            matted, held = self._waiting.popleft()
            ready.append(replace(matted, alpha=held.revised(alpha)))
        return ready
