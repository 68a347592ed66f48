"""What can be changed while the program runs: the background, the view, pause, stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

View: TypeAlias = Literal["composite", "alpha"]
"""What a composite shows: the picture, or its matte in grey."""


@dataclass(frozen=True, slots=True)
class ControlState:
    """The settings of one moment. Never changes: a reader holds a consistent picture for its whole frame."""

    background: int = 0
    """Which of the configured backgrounds is shown."""
    prompt: int = 0
    """Which of the configured prompts is painted."""
    view: View = "composite"
    paused: bool = False
    """True: the safe picture is shown and nothing is matted."""
    stopping: bool = False
    """True: somebody asked the run to end."""


class Controls:
    """Changes the settings from any thread, one whole state at a time.

    Args:
        background_count: how many backgrounds there are to cycle through, at least 1.
        prompt_count: how many prompts there are to cycle through; 0 = none, nothing is painted.
    """

    def __init__(self, background_count: int = 1, prompt_count: int = 0) -> None:
        if background_count < 1:
            raise ValueError(f"there must be at least one background, not {background_count}")
        self._background_count = background_count
        self._prompt_count = prompt_count
        self._state = ControlState()
        self._lock = threading.Lock()

    @property
    def state(self) -> ControlState:
        """The settings now."""
        return self._state

    @property
    def background_count(self) -> int:
        """How many backgrounds there are."""
        return self._background_count

    def cycle_background(self) -> None:
        """Show the next background, after the last one the first."""
        self._change(lambda state: replace(state, background=(state.background + 1) % self._background_count))

    def choose_background(self, index: int) -> None:
        """Show this background; raises ``ValueError`` when there is none of that number."""
        if not 0 <= index < self._background_count:
            raise ValueError(f"there is no background {index}: they go from 0 to {self._background_count - 1}")
        self._change(lambda state: replace(state, background=index))

    def cycle_prompt(self) -> None:
        """Paint the next prompt, after the last one the first; without prompts nothing happens."""
        count = max(1, self._prompt_count)
        self._change(lambda state: replace(state, prompt=(state.prompt + 1) % count))

    def toggle_matte_view(self) -> None:
        """Show the matte instead of the composite, or the composite again."""
        self._change(lambda state: replace(state, view="alpha" if state.view == "composite" else "composite"))

    def toggle_pause(self) -> None:
        """Show the safe picture until it is called again."""
        self._change(lambda state: replace(state, paused=not state.paused))

    def request_stop(self) -> None:
        """Ask the run to end."""
        self._change(lambda state: replace(state, stopping=True))

    def stop_requested(self) -> bool:
        """True once ``request_stop`` was called."""
        return self._state.stopping

    def _change(self, change: Callable[[ControlState], ControlState]) -> None:
        with self._lock:
            self._state = change(self._state)
