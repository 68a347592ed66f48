"""The plates that are at hand: one for each prompt that a key may ask for, so that it is shown at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from streamer.backgrounds.keyframes import View
from streamer.backgrounds.plate_orders import PlateOrder, Scene
from streamer.frames import Keyframe, Plate

AT_HAND = 9
"""Most plates that are kept: about a megabyte each, and as many as prompts have a key of their own."""


def still() -> NDArray[np.float32]:
    """The motion of a camera that stands still: a 2x3 matrix."""
    return np.eye(2, 3, dtype=np.float32)


def chained(later: NDArray[np.float32] | None, earlier: NDArray[np.float32]) -> NDArray[np.float32]:
    """First ``earlier``, then ``later``; each a 2x3 matrix, None = nothing moved."""
    if later is None:
        return earlier
    last_row = np.array([[0, 0, 1]], np.float32)
    result: NDArray[np.float32] = later @ np.vstack((earlier, last_row))
    return result.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPlate:
    """A plate, and how the room of the present keyframe relates to that of the keyframe it was made from."""

    plate: Plate
    done_at_s: float = 0.0
    """When it was delivered, on the clock of whoever took it."""
    motion: NDArray[np.float32] = field(default_factory=still)
    """From its keyframe to the present one, as in ``View``."""
    gain: float = 1.0
    """Brightness of the present keyframe's room over that of its own."""
    is_outdated: bool = False
    """The room has changed since: a fresh one would look different."""

    @property
    def scene(self) -> Scene:
        """What it shows."""
        return Scene(self.plate.prompt, self.plate.seed)

    def carried_over(self, view: View) -> PlacedPlate:
        """The same plate when the frame of this view becomes the keyframe."""
        return replace(
            self,
            motion=chained(view.motion, self.motion),
            gain=self.gain * view.gain,
            is_outdated=self.is_outdated or is_change(view),
        )


def is_change(view: View) -> bool:
    """Whether the room is no longer that of the keyframe; a mere wish for another plate is no change."""
    return view.reason not in (None, "interval", "prompt")


class PlateShelf:
    """Keeps the newest plate of each prompt, and says which is to be made ahead. One thread changes it, any may read.

    Args:
        prompts: those that may be asked for, in their order; a plate for other words is not kept.
        fills_itself: False = keep what was made, but make nothing ahead.
    """

    def __init__(self, prompts: Sequence[str] = (), *, fills_itself: bool = True) -> None:
        self._prompts = tuple(dict.fromkeys(prompts))
        self._fills_itself = fills_itself
        self._plates: Mapping[str, PlacedPlate] = {}  # never changed, but replaced: the HUD reads it
        self._failed: set[Scene] = set()
        self._keyframe: Keyframe | None = None

    def get(self, scene: Scene) -> PlacedPlate | None:
        """The plate for that prompt and seed, if it is at hand."""
        placed = self._plates.get(scene.prompt)
        return placed if placed is not None and placed.scene == scene else None

    def put(self, placed: PlacedPlate, shown: Scene) -> None:
        """Keep a plate that was made from the present keyframe, in place of an older one for its prompt.

        Args:
            placed: the plate.
            shown: what is shown now; if there are too many, those that lie furthest from it in the list go.
        """
        near = (shown.prompt, *self._around(shown.prompt))[:AT_HAND]
        plates = {**self._plates, placed.plate.prompt: placed}
        self._plates = {prompt: plates[prompt] for prompt in near if prompt in plates and prompt in self._prompts}
        self._failed.discard(placed.scene)

    def note_failure(self, scene: Scene) -> None:
        """It could not be painted: it is not tried ahead again until the room has changed."""
        self._failed.add(scene)

    def keep(self, keyframe: Keyframe, view: View) -> None:
        """Take note of a new keyframe, from which plates are made ahead from now on.

        Args:
            keyframe: held until the next one, if anything is made ahead at all.
            view: its room beside that of the keyframe before.
        """
        self._keyframe = keyframe if self._prompts and self._fills_itself else None
        if is_change(view):
            self._failed.clear()
        # After a cut nobody knows how the rooms lie to each other: the plate is shown as it was painted.
        is_elsewhere = view.reason in ("cut", "first")
        carried = {prompt: placed.carried_over(view) for prompt, placed in self._plates.items()}
        if is_elsewhere:
            carried = {prompt: replace(placed, motion=still(), gain=1.0) for prompt, placed in carried.items()}
        self._plates = carried

    def order_ahead(self, shown: Scene) -> PlateOrder | None:
        """What is best made next while this is shown: what is missing, then what is outdated, the nearest first."""
        if self._keyframe is None or not self._fills_itself:
            return None
        wanted = [Scene(prompt, shown.seed) for prompt in self._around(shown.prompt)[: AT_HAND - 1]]
        wanted = [scene for scene in wanted if scene not in self._failed]
        missing = [scene for scene in wanted if self.get(scene) is None]
        outdated = [scene for scene in wanted if (placed := self.get(scene)) is not None and placed.is_outdated]
        for scene in (*missing, *outdated):
            return PlateOrder(self._keyframe, scene.prompt, scene.seed, is_ahead=True)
        return None

    def status(self, shown: Scene) -> str:
        """For the HUD: how many prompts can be shown at once; empty if there is but one."""
        if len(self._prompts) < 2:
            return ""
        ready = sum(self.get(Scene(prompt, shown.seed)) is not None for prompt in self._prompts)
        return f"ready: {ready} of {len(self._prompts)} prompts"

    def _around(self, prompt: str) -> tuple[str, ...]:
        """The other prompts, as many keystrokes away as they come: the next, the previous, the next but one..."""
        if prompt not in self._prompts:
            return self._prompts
        count, here = len(self._prompts), self._prompts.index(prompt)
        steps = (step * sign for step in range(1, count // 2 + 1) for sign in (1, -1))
        return tuple(dict.fromkeys(self._prompts[(here + step) % count] for step in steps))
