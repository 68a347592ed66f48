"""Keys of a real terminal: the reader runs in a process of its own that has a pseudo-terminal for its terminal."""

from __future__ import annotations

import io
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import WAIT_S
from terminals import Tmux

from streamer.hotkeys.terminal_keys import ConsoleKeys, keys_in, open_terminal_keys, whole

if sys.platform != "win32":
    import fcntl
    import termios

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a console instead")
READER = """
import queue, sys
from streamer.hotkeys.terminal_keys import open_terminal_keys

told = queue.Queue()
keys = open_terminal_keys(told.put)
print("no terminal" if keys is None else "ready", flush=True)
if keys is not None:
    try:
        while True:
            key = told.get()
            print("key", key, flush=True)
            if key == "q":
                break
            if key == "e":
                raise SystemExit("a failure")
    finally:
        keys.close()
        keys.close()
"""


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def reader_in_a_terminal(script: str = READER) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """The process, the side of the terminal where one types, and the side of the program."""
    typing, program = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=program,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    try:
        yield process, typing, program
    finally:
        process.kill()
        process.communicate()
        os.close(typing)
        os.close(program)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = process.stdout.readline().strip()
    assert text, process.communicate()[1]
    return text


@POSIX
@pytest.mark.parametrize(("last", "code"), [(b"q", 0), (b"e", 1), (b"\x03", -2)])
def test_keys_come_one_by_one_and_the_terminal_is_as_before_however_it_ends(last: bytes, code: int) -> None:
    with reader_in_a_terminal() as (process, typing, program):
        before = termios.tcgetattr(program)
        assert line(process) == "ready"
        meanwhile = termios.tcgetattr(program)
        assert before[3] & termios.ICANON
        assert before[3] & termios.ECHO
        assert not meanwhile[3] & (termios.ICANON | termios.ECHO)
        assert meanwhile[3] & termios.ISIG, "Ctrl-C must keep its meaning"
        os.write(typing, b"nM7 \x1bOP\x1b[24~\x1b[A")
        assert [line(process) for _ in range(6)] == [f"key {key}" for key in ("n", "m", "7", "space", "f1", "f12")]
        os.write(typing, last)
        process.wait(WAIT_S)
        assert process.returncode in (code, 130 if last == b"\x03" else code)
        assert termios.tcgetattr(program) == before


@POSIX
def test_ctrl_d_is_no_end_of_input() -> None:
    with reader_in_a_terminal() as (process, typing, _):
        assert line(process) == "ready"
        os.write(typing, b"\x04")
        os.write(typing, b"q")
        assert line(process) == "key q"
        assert process.wait(WAIT_S) == 0


@POSIX
def test_ctrl_z_gives_the_terminal_back_and_going_on_takes_it_again(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER, encoding="utf-8")
    (tmp_path / "modes.sh").write_text("stty -a | grep -c ' -icanon'\n", encoding="utf-8")
    with Tmux(tmp_path, shell=["dash"]) as tmux:  # unlike bash it leaves the modes of a terminal as it finds them
        tmux.type(f"PYTHONPATH={os.getcwd()} {sys.executable} reader.py")
        tmux.wait_for("ready")
        tmux.send("n")
        tmux.wait_for("key n")
        tmux.send("C-z")
        tmux.wait_for("Stopped")
        tmux.type("echo modes $(sh modes.sh)")
        tmux.wait_for("modes 0")
        tmux.type("bg; echo typed to the shell")  # a background job that reads would be stopped once more
        tmux.wait_for("\ntyped to the shell")
        tmux.type("fg")
        tmux.send_until("b", "key b")
        tmux.send("q")
        tmux.wait_for("key q")
        tmux.type("echo modes again $(sh modes.sh)")
        tmux.wait_for("modes again 0")


WITHOUT_WAITING = """
import os
from streamer.hotkeys.terminal_keys import _open_without_waiting

typed = _open_without_waiting(0)
try:
    os.read(typed, 64)
except BlockingIOError:
    print("not waited", os.get_blocking(0), flush=True)
"""


@POSIX
def test_reading_never_waits_for_a_line_that_the_shell_took_and_the_shell_still_does() -> None:
    with reader_in_a_terminal(WITHOUT_WAITING) as (process, _, program):
        assert line(process) == "not waited True"
        assert termios.tcgetattr(program)[3] & termios.ICANON


CANNOT_BE_OPENED = """
import os

def refuse(*arguments):
    raise PermissionError(13, "Permission denied")

os.open = refuse
"""


@POSIX
def test_a_terminal_that_cannot_be_opened_again_costs_its_keys_and_nothing_else() -> None:
    with reader_in_a_terminal(CANNOT_BE_OPENED + READER) as (process, _, program):
        assert line(process) == "no terminal"
        assert process.wait(WAIT_S) == 0
        assert termios.tcgetattr(program)[3] & termios.ICANON


@POSIX
def test_a_program_in_the_background_leaves_the_terminal_alone(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER, encoding="utf-8")
    with Tmux(tmp_path) as tmux:
        tmux.type(f"PYTHONPATH={os.getcwd()} {sys.executable} reader.py <$(tty) & wait; echo all done")
        tmux.wait_for("no terminal")
        tmux.wait_for("\nall done")


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert open_terminal_keys(print) is None
    monkeypatch.setattr(sys, "stdin", io.StringIO("q"))
    assert open_terminal_keys(print) is None
    with (tmp_path / "file").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert open_terminal_keys(print) is None


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"bQ1", ["b", "q", "1"]),
        (b" \r\n\t", ["space", "enter", "enter", "tab"]),
        (b"\x1b", ["escape"]),
        (b"\x1bOSx", ["f4", "x"]),
        (b"\x1b[15~\x1b[23~", ["f5", "f11"]),
        (b"\x1b[A\x1b[1;5Cq", ["q"]),  # arrows
        (b"\x1bq", []),  # Alt+q is another key than q
        (b"\x1b[[A\x1b[[En", ["f1", "f5", "n"]),  # the Linux console
        (b"\x1b[11~\x1b[14~", ["f1", "f4"]),  # rxvt, PuTTY
        ("ñ§€".encode(), []),
        (b"\x00\x7f;", []),
        (b"\x1b[1;", []),
    ],
)
def test_bytes_become_names_of_keys(typed: bytes, keys: list[str]) -> None:
    assert list(keys_in(typed)) == keys


@pytest.mark.parametrize(
    ("parts", "keys"),
    [
        ((b"\x1b", b"[C"), []),  # the right arrow, over a slow line: no C, which shows again who had the camera off
        ((b"n\x1b[1", b"", b"5~"), ["n"]),  # the rest comes too late
        ((b"n\x1b[1", b"5~q"), ["n", "f5", "q"]),
        ((b"\x1b", b"O", b"S"), ["f4"]),
        ((b"\x1b", b"[", b"[A"), ["f1"]),
        ((b"\x1b", b""), ["escape"]),
        ((b"c", b"x"), ["c"]),
        ((b"\x1bq", b"x"), []),
        ((b"\x1b[15~", b"x"), ["f5"]),
    ],
)
def test_a_key_that_comes_in_parts_is_one_key(parts: tuple[bytes, ...], keys: list[str]) -> None:
    left = list(parts[1:])
    assert list(keys_in(whole(parts[0], lambda: left.pop(0)))) == keys


class Console:
    """The Windows console, with keys that wait in it."""

    def __init__(self, letters: str) -> None:
        self.letters = list(letters)

    def kbhit(self) -> bool:
        return bool(self.letters)

    def getwch(self) -> str:
        return self.letters.pop(0)


def test_the_windows_console_is_read_until_it_is_closed() -> None:
    told: queue.Queue[str] = queue.Queue()
    put: Callable[[str], None] = told.put
    keys = ConsoleKeys(put, Console("nB\0;\xe0H\xe0\x86 "), look_up_s=0.001)
    assert [told.get(timeout=WAIT_S) for _ in range(5)] == ["n", "b", "f1", "f12", "space"]
    keys.close()
    keys.close()
    assert told.empty()


def test_a_french_a_with_accent_in_the_windows_console_does_not_hang_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks like the mark of an arrow or function key, of which the rest never comes."""
    monkeypatch.setattr("streamer.hotkeys.terminal_keys.LEAVE_S", 0.01)
    waits, goes_on = threading.Event(), threading.Event()

    class French(Console):
        def getwch(self) -> str:
            if not self.letters:
                waits.set()
                assert goes_on.wait(WAIT_S)
                return "n"
            return super().getwch()

    keys = ConsoleKeys(lambda key: None, French("\xe0"), look_up_s=0.001)
    assert waits.wait(WAIT_S)
    closing = threading.Thread(target=keys.close)
    closing.start()
    closing.join(2.0)
    has_ended = not closing.is_alive()
    goes_on.set()
    closing.join(WAIT_S)
    assert has_ended
