"""Keys that work in every window under X, through the optional python-xlib.

Each combination is grabbed at the X server, so that no other program gets it as well, the server says when another
program has it already, and nothing else that is typed passes through here.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections.abc import Callable, Sequence
from typing import Any

logger = logging.getLogger(__name__)

NAMES = {"space": "space", "enter": "Return", "tab": "Tab", "escape": "Escape"}
"""Keys whose X name is not their own; function keys are written in capitals there."""


class X11Keys:
    """Grabs combinations, and tells them on the thread ``global keys`` until it is closed.

    Args:
        combinations: such as ``ctrl+alt+n`` and ``f12``.
        on_key: told the combination that was pressed; not again while it is held down.

    Raises:
        ImportError: python-xlib is not installed.
        OSError: there is no X server that lets us in.
    """

    hides_keys = True
    """What is grabbed goes to nobody else."""

    def __init__(self, combinations: Sequence[str], on_key: Callable[[str], None]) -> None:
        from Xlib import X
        from Xlib import error as xerror
        from Xlib.display import Display

        self._on_key = on_key
        self._press, self._release = X.KeyPress, X.KeyRelease
        self._connection_lost = (xerror.ConnectionClosedError, OSError)
        masks = {"ctrl": X.ControlMask, "alt": X.Mod1Mask, "shift": X.ShiftMask, "super": X.Mod4Mask}
        self._modifiers = sum(masks.values())
        self._locks = (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask)  # Caps Lock and Num Lock do not count
        try:
            self._display: Any = Display()
        except (xerror.DisplayError, xerror.ConnectionClosedError) as error:
            raise OSError(str(error)) from error
        self.refused: list[str] = []
        """Combinations that another program has, or that this keyboard does not have."""
        self._combinations: dict[tuple[int, int], str] = {}
        for combination in combinations:
            *held, name = combination.split("+")
            code = self._code(name)
            mask = sum(masks[word] for word in held)
            if code and self._grab(code, mask):
                self._combinations[code, mask] = combination
            else:
                self.refused.append(combination)
        self._wake_reader, self._wake_writer = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="global keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the keys back. May be called twice."""
        if self._wake_writer < 0:
            return
        os.write(self._wake_writer, b"x")
        self._thread.join()
        os.close(self._wake_writer)
        os.close(self._wake_reader)
        self._wake_writer = -1
        try:
            self._display.close()  # the server then lets go of all that was grabbed
        except self._connection_lost:
            logger.debug("the X server had gone before its keys were given back")

    def _code(self, name: str) -> int:
        """The key's number on this keyboard; 0 = it has none."""
        from Xlib import XK

        code: int = self._display.keysym_to_keycode(
            XK.string_to_keysym(NAMES.get(name, name.upper() if name[1:] else name))
        )
        return code

    def _grab(self, code: int, mask: int) -> bool:
        from Xlib import X
        from Xlib.error import CatchError

        root, failure = self._display.screen().root, CatchError()
        for lock in self._locks:
            root.grab_key(code, mask | lock, False, X.GrabModeAsync, X.GrabModeAsync, onerror=failure)
        self._display.sync()
        if failure.get_error() is None:
            return True
        for lock in self._locks:
            root.ungrab_key(code, mask | lock)
        return False

    def _listen(self) -> None:
        released_at: dict[int, int] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._display.fileno(), selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            try:
                while True:
                    while self._display.pending_events():
                        self._handle(self._display.next_event(), released_at)
                    if any(key.fd == self._wake_reader for key, _ in selector.select()):
                        return
            except self._connection_lost as error:
                logger.warning("the keys that work in every window are gone, as the X server is: %s", error)

    def _handle(self, event: Any, released_at: dict[int, int]) -> None:
        """A key that is held down is told once: the server repeats it as a release and a press of the same moment."""
        if event.type == self._release:
            released_at[event.detail] = event.time
        elif event.type == self._press and released_at.get(event.detail) != event.time:
            combination = self._combinations.get((event.detail, event.state & self._modifiers))
            if combination is not None:
                self._on_key(combination)
