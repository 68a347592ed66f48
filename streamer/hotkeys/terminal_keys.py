"""Single keys in the terminal that the program was started from, without Enter and without being shown there."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING or sys.platform != "win32":
    import termios
    import tty

logger = logging.getLogger(__name__)

LOOK_UP_S = 0.5
"""How often to look whether the terminal is still, or again, the program's own."""
FAILURES = 3
"""So many failed or empty reads in a row mean that the terminal is gone; one alone comes of being in the background."""
SEQUENCES = {
    **dict(zip((b"\x1bOP", b"\x1bOQ", b"\x1bOR", b"\x1bOS"), ("f1", "f2", "f3", "f4"), strict=True)),
    **{b"\x1b[%d~" % code: f"f{n}" for n, code in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24), start=1)},
    **{b"\x1b[[%c" % letter: f"f{n}" for n, letter in enumerate(b"ABCDE", start=1)},
}
"""What xterm and nearly all others send for the function keys, and the Linux console for the first five."""
BEGUN = re.compile(rb"\x1b(\[\[?[0-9:;<=>?]*|O[0-9]*)?")
"""The beginning of what a key sends, of which the rest is still to come. Escape alone looks like that, too."""
LEAVE_S = 1.0
"""So long ``close`` waits for a console that reads: it may wait for a second part of a letter that has none."""
REST_S = 0.05
"""So long the rest may take, over a slow line."""
NAMES = {" ": "space", "\r": "enter", "\n": "enter", "\t": "tab", "\x1b": "escape"}


class TerminalKeys(Protocol):
    """Reads keys until it is closed."""

    def close(self) -> None:
        """Stop, and leave the terminal as it was. May be called twice."""
        ...


def open_terminal_keys(on_key: Callable[[str], None]) -> TerminalKeys | None:
    """Read single keys from standard input, on the thread ``terminal keys``.

    Args:
        on_key: told the name of each key, such as ``n``, ``space``, ``f12``.

    Returns:
        None where there is no terminal, it cannot be opened again, or the program runs in its background.
    """
    try:
        terminal = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # no standard input at all, or a closed or an invented one
        return None
    if not os.isatty(terminal):
        return None
    if sys.platform == "win32":
        return ConsoleKeys(on_key)
    if not _is_in_foreground(terminal):
        return None
    try:
        return PosixKeys(terminal, on_key)
    except OSError as error:
        logger.info("keys of the terminal cannot be read: %s", error)
        return None


class PosixKeys:
    """Keys of a POSIX terminal.

    Ctrl-C and Ctrl-Z keep their meaning. While the program is stopped or in the background the terminal is as it was
    before and is not read.

    Args:
        terminal: its file descriptor.
        on_key: told the name of each key.
    """

    def __init__(self, terminal: int, on_key: Callable[[str], None]) -> None:
        self._terminal = terminal
        self._on_key = on_key
        self._before = termios.tcgetattr(terminal)
        self._modes = threading.Lock()  # held while the program is stopped; the main thread takes it for that alone
        self._typed = _open_without_waiting(terminal)
        self._wake_reader, self._wake_writer = os.pipe()
        self._takes_suspend = (
            threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
        )
        if self._takes_suspend:
            signal.signal(signal.SIGTSTP, self._suspend)
        self._listen_for_single_keys()
        self._thread = threading.Thread(target=self._read, name="terminal keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading and give the terminal back. May be called twice."""
        if self._wake_writer < 0:
            return
        os.write(self._wake_writer, b"x")
        self._thread.join()
        os.close(self._wake_writer)
        os.close(self._wake_reader)
        os.close(self._typed)
        self._wake_writer = -1
        if self._takes_suspend:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._give_back()

    def _listen_for_single_keys(self) -> None:
        with contextlib.suppress(termios.error):  # it hung up; then no key comes either
            tty.setcbreak(self._terminal)  # what was typed before is dropped: it was not meant for us

    def _give_back(self) -> None:
        if _is_in_foreground(self._terminal):  # else it is somebody else's now
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSANOW, self._before)

    def _suspend(self, number: int, at: FrameType | None) -> None:
        """Ctrl-Z: stop like any program, with the terminal as it was. Goes on here once the program is continued."""
        with self._modes:
            self._give_back()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)

    def _has_terminal(self) -> bool:
        """Whether the terminal may be read; after a stop or a time in the background it is set up for it again."""
        with self._modes:
            if not _is_in_foreground(self._terminal):
                return False
            with contextlib.suppress(termios.error):
                if termios.tcgetattr(self._terminal)[3] & termios.ICANON:
                    self._listen_for_single_keys()
            return True

    def _read(self) -> None:
        # Should the terminal be lost between the look at who has it and the reading, then the reading fails, instead
        # of stopping the whole program.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        failures = 0
        with selectors.DefaultSelector() as wake, selectors.DefaultSelector() as any_of_both:
            wake.register(self._wake_reader, selectors.EVENT_READ)
            any_of_both.register(self._wake_reader, selectors.EVENT_READ)
            any_of_both.register(self._typed, selectors.EVENT_READ)
            while failures < FAILURES:
                has_terminal = self._has_terminal()
                ready = [key.fd for key, _ in (any_of_both if has_terminal else wake).select(LOOK_UP_S)]
                if self._wake_reader in ready:
                    return
                if self._typed not in ready:
                    continue
                try:
                    typed = whole(os.read(self._typed, 64), lambda: self._rest(any_of_both))
                except BlockingIOError:  # the shell was quicker
                    continue
                except OSError as error:
                    logger.debug("the terminal could not be read: %s", error)
                    typed = b""
                if not typed:  # it hung up, or its modes changed under the reading: the next looks will tell
                    failures += 1
                    wake.select(LOOK_UP_S)
                    continue
                failures = 0
                for key in keys_in(typed):
                    self._on_key(key)

    def _rest(self, selector: selectors.BaseSelector) -> bytes:
        """What is typed within ``REST_S``; nothing when reading is to stop."""
        ready = [key.fd for key, _ in selector.select(REST_S)]
        return os.read(self._typed, 64) if ready == [self._typed] else b""


class ConsoleKeys:
    """Keys of the Windows console.

    Args:
        on_key: told the name of each key.
        console: the module ``msvcrt``; None = import it.
        look_up_s: how often to look for a key, in seconds: the console wakes nobody.
    """

    def __init__(self, on_key: Callable[[str], None], console: Any = None, look_up_s: float = 0.05) -> None:
        if console is None:
            import msvcrt as console
        self._console = console
        self._on_key = on_key
        self._look_up_s = look_up_s
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._read, name="terminal keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading. May be called twice."""
        self._leaves.set()
        self._thread.join(LEAVE_S)

    def _read(self) -> None:
        while not self._leaves.wait(self._look_up_s):
            while self._console.kbhit():
                letter = self._console.getwch()
                is_marked = letter in ("\0", "\xe0")  # an arrow or function key: its number follows
                key = CONSOLE_CODES.get(ord(self._console.getwch())) if is_marked else _name(letter)
                if key is not None:
                    self._on_key(key)


CONSOLE_CODES = {**{58 + number: f"f{number}" for number in range(1, 11)}, 133: "f11", 134: "f12"}
"""What follows the mark of a special key in the Windows console."""


def whole(typed: bytes, rest: Callable[[], bytes]) -> bytes:
    """What was typed with the rest of a key that has only begun: an arrow in two parts would else be its letter.

    Args:
        typed: the bytes so far.
        rest: waits a little for more; empty = there is none.
    """
    while BEGUN.fullmatch(typed, max(0, typed.rfind(b"\x1b"))) and (more := rest()):
        typed += more
    return typed


def keys_in(typed: bytes) -> Iterator[str]:
    """The names of the keys that sent these bytes; of keys without a name nothing."""
    while typed:
        if typed.startswith(b"\x1b") and len(typed) > 1:
            size = _sequence_length(typed)
            key = SEQUENCES.get(typed[:size])
        else:
            size, key = 1, _name(chr(typed[0]))
        if key is not None:
            yield key
        typed = typed[size:]


def _sequence_length(typed: bytes) -> int:
    """Length of the escape sequence at the beginning: ``ESC [ numbers letter``, ``ESC O letter``, ``ESC`` and a key."""
    if typed[1:2] not in (b"[", b"O"):
        return 2
    for index, code in enumerate(typed[2:], start=2):
        if 0x40 <= code <= 0x7E and not (index == 2 and typed[2:3] == b"["):
            return index + 1
    return len(typed)


def _name(letter: str) -> str | None:
    return NAMES.get(letter) or (letter.lower() if letter.isascii() and letter.isalnum() else None)


def _open_without_waiting(terminal: int) -> int:
    """The terminal once more, for reading that never waits, which the shell's own descriptor must not be set to.

    A line that the shell takes first, and then brings the program to the foreground, would else leave the reading
    waiting for another whole line.
    """
    flags = os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK
    try:
        return os.open(os.ttyname(terminal), flags)
    except OSError:  # its name lies outside of a container
        return os.open("/dev/tty", flags)


def _is_in_foreground(terminal: int) -> bool:
    """Whether the terminal is ours to read: a program in the background that tries is stopped."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
