"""Keys that work in every window of Windows and macOS, through the optional pynput.

pynput shows every key that is pressed on the machine, and hides none from the other programs. Here they are compared
with the combinations that are bound, and forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

MODIFIERS = {
    **dict.fromkeys(("ctrl", "ctrl_l", "ctrl_r"), "ctrl"),
    **dict.fromkeys(("alt", "alt_l"), "alt"),  # the right one is AltGr on many keyboards: AltGr+q is to type an @
    **dict.fromkeys(("shift", "shift_l", "shift_r"), "shift"),
    **dict.fromkeys(("cmd", "cmd_l", "cmd_r"), "super"),
}
"""pynput's names of what is held down, and ours."""
FORGET_S, FORGET_MODIFIERS_S = 3.0, 30.0
"""After so long without a sign from the keyboard no key counts as held down, and none of ``MODIFIERS``, which do not
repeat."""
NAMES = {"esc": "escape"}
"""The same for the keys that differ."""


class PynputKeys:
    """Listens to the keyboard, on a thread of pynput's, until it is closed.

    Args:
        combinations: such as ``ctrl+alt+n`` and ``f12``.
        on_key: told the combination that was pressed; not again while it is held down.
        keyboard: the module ``pynput.keyboard``; None = import it.
        clock: the time in seconds.

    Raises:
        ImportError: pynput is not installed, or does not work here.
    """

    hides_keys = False
    """Other programs, and the window that has the focus, get the keys as well."""
    refused: Sequence[str] = ()
    """pynput cannot know which combinations another program has."""

    def __init__(
        self,
        combinations: Sequence[str],
        on_key: Callable[[str], None],
        keyboard: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if keyboard is None:
            from pynput import keyboard as module

            keyboard = module
        self._combinations = {frozenset(combination.split("+")): combination for combination in combinations}
        self._on_key = on_key
        self._held: set[str] = set()
        self._clock = clock
        self._heard_at_s = clock()
        self._listener = keyboard.Listener(on_press=self._pressed, on_release=self._released)
        self._listener.start()
        self._listener.wait()
        if not getattr(self._listener, "IS_TRUSTED", True):
            self._listener.stop()
            raise OSError(
                "macOS lets no key through: allow the terminal under Privacy & Security, Accessibility and Input "
                "Monitoring, and start again"
            )

    def close(self) -> None:
        """Stop listening. May be called twice."""
        self._listener.stop()

    def _pressed(self, key: Any) -> None:
        name = self._name(key)
        now_s = self._clock()
        silence_s, self._heard_at_s = now_s - self._heard_at_s, now_s
        if silence_s > FORGET_S:  # a lock screen swallows releases: a key must not stay down for ever
            self._held &= set() if silence_s > FORGET_MODIFIERS_S else set(MODIFIERS.values())
        if name is None or name in self._held:
            return
        self._held.add(name)
        modifiers = self._held & set(MODIFIERS.values())
        combination = self._combinations.get(frozenset({*modifiers, name}))
        if combination is not None and name not in modifiers:
            self._on_key(combination)

    def _released(self, key: Any) -> None:
        self._held.discard(self._name(key) or "")

    def _name(self, key: Any) -> str | None:
        """``ctrl``, ``n``, ``f12``; None for a key that has no name here."""
        name = getattr(key, "name", None)
        if name is None:  # a letter or digit; with ctrl held down it may come as a control character
            return getattr(self._listener.canonical(key), "char", None)
        return MODIFIERS.get(name) or NAMES.get(name, name)
