"""Keys that call for actions while the program runs: in every window, in the preview window, in the terminal."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from streamer.hotkeys.bindings import Binding, Bindings
from streamer.hotkeys.terminal_keys import TerminalKeys, open_terminal_keys

__all__ = ["Bindings", "Hotkeys"]

logger = logging.getLogger(__name__)

SHUTTERS = ("panic", "camera-off")
"""Actions that hide somebody: neither a key that is held down too long nor an echo may undo them."""
HELD_S = 1.0
"""The same key within this time counts as held down, where nobody tells when it is let go: keyboards begin to repeat
after half a second or a little more."""
SAME_PRESS_S = 0.3
"""An action that is called for twice within this time, in two ways, was called for once; one of ``SHUTTERS`` within
``HELD_S``, for a slow picture may keep the window's keys waiting."""
INSTALL = 'pip install -e ".[hotkeys]"'


class _GlobalKeys(Protocol):
    @property
    def hides_keys(self) -> bool: ...

    @property
    def refused(self) -> Sequence[str]: ...

    def close(self) -> None: ...


class Hotkeys:
    """Listens for the keys of one run until it is closed.

    Keys in every window where that is wanted and possible; keys in the terminal where there is no preview window and a
    key would else not work. The preview window hands its own keys to ``in_window``.

    Args:
        bindings: which key stands for which action.
        act: called with an action, on the thread that heard the key.
        hides: whether one of ``SHUTTERS`` hides somebody now.
        has_window: there is a preview window.
        is_global: keys are wanted in every window.
        clock: the time in seconds.
    """

    def __init__(
        self,
        bindings: Bindings,
        act: Callable[[str], None],
        *,
        hides: Callable[[str], bool],
        has_window: bool,
        is_global: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bindings = bindings
        self._act = act
        self._hides = hides
        self._clock = clock
        self._pressed_at_s: dict[str, float] = {}
        self._done: dict[str, tuple[float, bool]] = {}
        self._doing = threading.Lock()  # both ways may tell of one press in the same moment
        self._everywhere = {binding.everywhere: binding for binding in bindings.all}
        self._global: _GlobalKeys | None = None  # keys may be heard before it is known
        if is_global and bindings.all:
            self._global = self._open_global()
        refused = [self._everywhere[key] for key in self._global.refused] if self._global else []
        self._terminal: TerminalKeys | None = None
        if not has_window and (self._global is None or refused):
            self._terminal = open_terminal_keys(self.in_terminal)
        if refused:
            self._warn_of(refused, works_here=has_window or self._terminal is not None)
        self._introduce(has_window)

    def in_window(self, key: str) -> None:
        """Do what a key of the preview window stands for."""
        self._do_here(self._bindings.action_in_window(key))

    def in_terminal(self, key: str) -> None:
        """Do what a key of the terminal stands for."""
        self._do_here(self._bindings.action_here(key))

    def close(self) -> None:
        """Stop listening and give the terminal back. May be called twice."""
        if self._terminal is not None:
            self._terminal.close()
        if self._global is not None:
            self._global.close()

    def _do_here(self, action: str | None) -> None:
        if action is None:
            return
        now_s = self._clock()
        is_held = now_s - self._pressed_at_s.get(action, -HELD_S) < HELD_S
        self._pressed_at_s[action] = now_s
        if not (is_held and action in SHUTTERS and self._hides(action)):  # to hide is never too often
            self._do(action, is_global=False)

    def _do(self, action: str, *, is_global: bool) -> None:
        """Unless the same press came by the other way: Windows and macOS hide no key from the window that has it."""
        is_shared = self._global is not None and not self._global.hides_keys
        with self._doing:
            now_s = self._clock()
            done_at_s, was_global = self._done.get(action, (-HELD_S, is_global))
            echo_s = HELD_S if action in SHUTTERS else SAME_PRESS_S
            if is_shared and was_global != is_global and now_s - done_at_s < echo_s:
                return
            self._done[action] = now_s, is_global
        logger.debug("key: %s", action)
        self._act(action)

    def _open_global(self) -> _GlobalKeys | None:
        """None, and a line that says why, where keys cannot be heard in every window."""
        combinations = list(self._everywhere)
        reason = _no_global_keys()
        if reason is not None:
            logger.log(logging.INFO if _is_wayland() else logging.DEBUG, "no keys in every window: %s", reason)
            return None
        try:
            if sys.platform in ("win32", "darwin"):
                from streamer.hotkeys.pynput_keys import PynputKeys

                return PynputKeys(combinations, self._pressed_anywhere)
            from streamer.hotkeys.x11_keys import X11Keys

            return X11Keys(combinations, self._pressed_anywhere)
        except ImportError as error:
            logger.info("no keys in every window: %s; %s", error, INSTALL)
        except OSError as error:
            logger.info("no keys in every window: %s", error)
        return None

    def _pressed_anywhere(self, combination: str) -> None:
        self._do(self._everywhere[combination].action, is_global=True)

    def _warn_of(self, refused: Sequence[Binding], *, works_here: bool) -> None:
        keys = ", ".join(f"{binding.everywhere} ({binding.action})" for binding in refused)
        where = "only in the preview or the terminal" if works_here else "nowhere"
        logger.warning(
            "another program has taken, or this keyboard lacks: %s; these work %s. Bind another key: --hotkeys %s=KEY",
            *(keys, where, refused[0].action),
        )

    def _introduce(self, has_window: bool) -> None:
        places = ["in the preview window"] if has_window else []
        places += ["in this terminal"] if self._terminal is not None else []
        places += ["in every window, letters with ctrl+alt"] if self._global is not None else []
        if places and self._bindings.all:
            keys = ", ".join(f"{binding.key} {binding.action}" for binding in self._bindings.all if _is_told(binding))
            logger.info("keys %s: %s; streamer hotkeys lists all", " and ".join(places), keys)


def _is_told(binding: Binding) -> bool:
    return binding.action in ("quit", "panic", "camera-off", "next-background")


def _no_global_keys() -> str | None:
    """Why no key can be heard in every window here; None = it may work."""
    if sys.platform in ("win32", "darwin"):
        return None
    if _is_wayland():
        return "Wayland keeps them from programs; use those of the preview window or the terminal, or the HTTP API"
    if not os.environ.get("DISPLAY"):
        return "there is no display"
    return None


def _is_wayland() -> bool:
    return sys.platform not in ("win32", "darwin") and bool(os.environ.get("WAYLAND_DISPLAY"))
