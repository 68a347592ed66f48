"""Frames of a recording that wait until those after them have been matted, too; what these tell mends their mattes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from models.look_ahead import LookAhead
from streamer.frames import Alpha, Size
from streamer.host_path import HeldHere
from streamer.plausibility import is_everything
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
        self._scene: tuple[int, Size] | None = None

    def put(self, matted: Matted) -> list[Matted]:
        """Take the next frame; gives those that need not wait any longer, in order."""
        held = matted.alpha
        if not isinstance(held, HeldHere) or held.settled.picture is None:
            return [*self.rest(), matted]
        settled = held.settled
        scene = matted.frame.scene, matted.frame.size
        ready = [] if scene == self._scene else list(self.rest())
        self._scene = scene
        self._waiting.append((matted, held))
        alphas = self._look_ahead.put(
            held.settled.picture, settled.alpha, settled.kept, room=settled.room, dropped=settled.dropped
        )
        return [*ready, *self._revised(alphas)]

    def rest(self) -> Iterator[Matted]:
        """Those that still wait, once no more frames come; to be taken all."""
        return self._revised(self._look_ahead.rest())

    def _revised(self, alphas: Iterable[Alpha]) -> Iterator[Matted]:
        for alpha in alphas:
            matted, held = self._waiting.popleft()
            # What was believed of each frame need not be true of what they say together.
            yield matted if is_everything(alpha) else replace(matted, alpha=held.revised(alpha))
