"""What can be changed while the program runs, and the names by which keys and the remote control ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

View: TypeAlias = Literal["composite", "alpha"]
"""What a composite shows: the picture, or its matte in grey."""

PROMPT_KEYS = 9
"""So many prompts have an action of their own."""


@dataclass(frozen=True, slots=True)
class ControlState:
    """The settings of one moment. Never changes: a reader holds a consistent picture for its whole frame."""

    background: int = 0
    """Which of the backgrounds is shown."""
    prompt: str = ""
    """What is painted; empty = nothing is."""
    seed_shift: int = 0
    """Added to the configured seed."""
    frozen: bool = False
    """True: the plate stays as it is, whatever happens in the room."""
    view: View = "composite"
    paused: bool = False
    """True: the camera is off: the safe picture is shown and nothing is matted."""
    panic: bool = False
    """True: one solid colour is shown, whatever else is going on."""
    hud: bool = True
    """True: the preview window shows its figures."""
    stills: int = 0
    """How many stills were asked for so far."""
    stopping: bool = False
    """True: somebody asked the run to end."""


class Controls:
    """Changes the settings from any thread, one whole state at a time.

    Args:
        backgrounds: what the backgrounds are called, at least one.
        prompts: what can be painted, the first one at the start; none = nothing is painted.
        hidden: how many of the last backgrounds ``next_background`` leaves out, as it does those added later.
    """

    def __init__(
        self, backgrounds: Sequence[str] = ("background",), prompts: Sequence[str] = (), *, hidden: int = 0
    ) -> None:
        if len(backgrounds) <= hidden:
            raise ValueError("there must be at least one background")
        self._in_turn = len(backgrounds) - hidden
        self._backgrounds = tuple(backgrounds)
        self._prompts = tuple(prompts)
        self._before_blur = 0
        self._state = ControlState(prompt=self._prompts[0] if prompts else "")
        self._lock = threading.Lock()
        self._actions = self._all_actions()

    @property
    def state(self) -> ControlState:
        """The settings now."""
        return self._state

    @property
    def backgrounds(self) -> tuple[str, ...]:
        """What the backgrounds are called, by number."""
        return self._backgrounds

    @property
    def prompts(self) -> tuple[str, ...]:
        """What can be painted at the touch of a key."""
        return self._prompts

    def act(self, action: str) -> None:
        """Do what a key stands for; raises ``ValueError`` for a word that is not in ``ACTIONS``.

        An action that has no effect here (the next prompt where nothing is painted) changes nothing.
        """
        if action not in self._actions:
            raise ValueError(f"no action '{action}'; there are {', '.join(ACTIONS)}")
        self._actions[action]()

    def hides(self, action: str) -> bool:
        """Whether what this key stands for, ``panic`` or ``camera-off``, hides somebody now."""
        return {"panic": self._state.panic, "camera-off": self._state.paused}[action]

    def next_background(self) -> None:
        """Show the next of the configured backgrounds, after the last one the first."""

        def change(state: ControlState) -> ControlState:
            following = state.background + 1
            return replace(state, background=following if following < self._in_turn else 0)

        self._change(change)

    def choose_background(self, index: int) -> None:
        """Show this background; raises ``ValueError`` when there is none of that number."""
        if not 0 <= index < len(self._backgrounds):
            raise ValueError(f"there is no background {index}: they go from 0 to {len(self._backgrounds) - 1}")
        self._change(lambda state: replace(state, background=index))

    def add_background(self, name: str) -> int:
        """Note that there is one more background; the result is its number. Whoever shows them must have it first."""
        with self._lock:
            self._backgrounds += (name,)
            return len(self._backgrounds) - 1

    def toggle_blur(self) -> None:
        """Show the blurred room, or what was shown before again; without a blurred background nothing happens."""
        blurs = [index for index, name in enumerate(self._backgrounds) if name.partition(":")[0] == "blur"]
        others = [index for index in range(len(self._backgrounds)) if index not in blurs]
        if not blurs or not others:
            return

        def change(state: ControlState) -> ControlState:
            if state.background in blurs:
                return replace(state, background=others[0] if self._before_blur in blurs else self._before_blur)
            self._before_blur = state.background
            return replace(state, background=blurs[0])

        self._change(change)

    def step_prompt(self, by: int) -> None:
        """Paint the prompt so many places later (negative: earlier), in a circle; without prompts nothing happens."""

        def change(state: ControlState) -> ControlState:
            known = state.prompt in self._prompts
            index = (self._prompts.index(state.prompt) + by) % len(self._prompts) if known else 0
            return replace(state, prompt=self._prompts[index])

        if self._prompts:
            self._change(change)

    def choose_prompt(self, prompt: str) -> None:
        """Paint these words, whether or not they are among the configured ones.

        Raises:
            ValueError: nothing is painted in this run, or there are no words.
        """
        if not self._prompts:
            raise ValueError("nothing is painted in this run: start it with a prompt")
        if not prompt.strip():
            raise ValueError("a prompt must say what to paint, such as 'a sunlit library'")
        self._change(lambda state: replace(state, prompt=prompt.strip()))

    def set_paused(self, paused: bool) -> None:
        """Show the safe picture and matte nothing, or go on."""
        self._change(lambda state: replace(state, paused=paused))

    def set_panic(self, panic: bool) -> None:
        """Show one solid colour, or go on."""
        self._change(lambda state: replace(state, panic=panic))

    def request_stop(self) -> None:
        """Ask the run to end."""
        self._change(lambda state: replace(state, stopping=True))

    def stop_requested(self) -> bool:
        """True once ``request_stop`` was called."""
        return self._state.stopping

    def _choose_nth_prompt(self, number: int) -> None:
        if number < len(self._prompts):
            self.choose_prompt(self._prompts[number])

    def _change(self, change: Callable[[ControlState], ControlState]) -> None:
        with self._lock:
            self._state = change(self._state)

    def _all_actions(self) -> dict[str, Callable[[], None]]:
        def changed(change: Callable[[ControlState], ControlState]) -> Callable[[], None]:
            return lambda: self._change(change)

        actions: dict[str, Callable[[], None]] = {
            "next-prompt": lambda: self.step_prompt(1),
            "previous-prompt": lambda: self.step_prompt(-1),
        }
        for number in range(PROMPT_KEYS):
            actions[f"prompt-{number + 1}"] = lambda number=number: self._choose_nth_prompt(number)  # type: ignore[misc]
        return actions | {
            "new-seed": changed(lambda state: replace(state, seed_shift=state.seed_shift + 1)),
            "freeze": changed(lambda state: replace(state, frozen=not state.frozen)),
            "next-background": self.next_background,
            "blur": self.toggle_blur,
            "camera-off": changed(lambda state: replace(state, paused=not state.paused)),
            "panic": changed(lambda state: replace(state, panic=not state.panic)),
            "matte": changed(lambda state: replace(state, view="alpha" if state.view == "composite" else "composite")),
            "hud": changed(lambda state: replace(state, hud=not state.hud)),
            "still": changed(lambda state: replace(state, stills=state.stills + 1)),
            "quit": self.request_stop,
        }


ACTIONS: dict[str, str] = {
    "next-prompt": "paint the next prompt",
    "previous-prompt": "paint the prompt before",
    **{f"prompt-{number}": f"paint prompt {number}" for number in range(1, PROMPT_KEYS + 1)},
    "new-seed": "paint another picture for the same prompt",
    "freeze": "keep the painted background as it is, or let it follow the room again",
    "next-background": "show the next background",
    "blur": "blur the room, or show the background again",
    "camera-off": "show the background alone, or the person again",
    "panic": "show one solid colour at once, until pressed again",
    "matte": "show the matte, or the picture again",
    "hud": "show or hide the figures in the preview",
    "still": "save the picture that is shown",
    "quit": "end the program",
}
"""The actions and what they do, in the order in which they are listed."""
