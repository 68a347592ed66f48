from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from streamer import hotkeys
from streamer.hotkeys import SAME_PRESS_S, SHUTTERS, Bindings, Hotkeys

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other ways")


class Keys:
    """Global or terminal keys that the test presses."""

    hides_keys = True

    def __init__(self, on_key: Callable[[str], None], refused: Sequence[str] = ()) -> None:
        self.press, self.refused = on_key, refused
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Machine:
    """Stands for what the computer has: a display, a terminal, keys that others took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: list[str] = []
        self.missing: Exception | None = None
        self.has_terminal = True
        self.everywhere: Keys | None = None
        self.terminal: Keys | None = None
        monkeypatch.setattr(hotkeys, "open_terminal_keys", self._open_terminal)
        monkeypatch.setattr("streamer.hotkeys.x11_keys.X11Keys", self._open_global)
        monkeypatch.setenv("DISPLAY", ":5")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def _open_terminal(self, on_key: Callable[[str], None]) -> Keys | None:
        self.terminal = Keys(on_key) if self.has_terminal else None
        return self.terminal

    def _open_global(self, combinations: Sequence[str], on_key: Callable[[str], None]) -> Keys:
        if self.missing is not None:
            raise self.missing
        self.everywhere = Keys(on_key, [key for key in combinations if key in self.refused])
        return self.everywhere


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def done() -> list[str]:
    return []


def opened(
    done: list[str],
    *given: str,
    has_window: bool = False,
    is_global: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Hotkeys:
    def hides(action: str) -> bool:
        return done.count(action) % 2 == 1

    return Hotkeys(Bindings(given), done.append, hides=hides, has_window=has_window, is_global=is_global, clock=clock)


@LINUX
def test_keys_in_every_window_make_those_of_the_terminal_needless(machine: Machine, done: list[str]) -> None:
    keys = opened(done, "panic=f12")
    assert machine.everywhere is not None
    assert machine.terminal is None
    machine.everywhere.press("ctrl+alt+n")
    machine.everywhere.press("f12")
    keys.close()
    assert done == ["next-prompt", "panic"]
    assert machine.everywhere.closed == 1


@LINUX
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("WAYLAND_DISPLAY", "wayland-0", "Wayland keeps them from programs"), ("DISPLAY", "", "there is no display")],
)
def test_without_an_x_display_the_terminal_is_listened_to_and_the_reason_is_told(
    machine: Machine,
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with caplog.at_level(logging.DEBUG):
        keys = opened(done)
    assert caplog.text.count(said) == 1
    assert machine.everywhere is None
    assert machine.terminal is not None
    for key in ("n", "q", "j", "escape"):
        machine.terminal.press(key)
    assert done == ["next-prompt", "quit"]
    keys.close()
    assert machine.terminal.closed == 1


@LINUX
@pytest.mark.parametrize("missing", [ImportError("No module named 'Xlib'"), OSError("no protocol specified")])
def test_a_missing_library_or_a_closed_display_is_no_failure(
    machine: Machine, done: list[str], caplog: pytest.LogCaptureFixture, missing: Exception
) -> None:
    machine.missing = missing
    with caplog.at_level(logging.INFO):
        opened(done)
    assert machine.terminal is not None
    assert str(missing) in caplog.text
    assert ("pip install" in caplog.text) == isinstance(missing, ImportError)


@LINUX
def test_taken_keys_are_told_in_one_line_and_stay_reachable(
    machine: Machine, done: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    machine.refused = ["ctrl+alt+n", "ctrl+alt+x"]
    with caplog.at_level(logging.WARNING):
        opened(done)
    assert len(caplog.records) == 1
    assert "ctrl+alt+n (next-prompt), ctrl+alt+x (panic)" in caplog.text
    assert "--hotkeys next-prompt=KEY" in caplog.text
    assert machine.terminal is not None


@LINUX
def test_a_key_that_is_pressed_while_the_others_are_still_grabbed_acts(
    machine: Machine, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_global(combinations: Sequence[str], on_key: Callable[[str], None]) -> Keys:
        on_key("ctrl+alt+x")
        return Keys(on_key)

    monkeypatch.setattr("streamer.hotkeys.x11_keys.X11Keys", open_global)
    opened(done).close()
    assert done == ["panic"]


def test_a_preview_window_is_enough(machine: Machine, done: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        keys = opened(done, has_window=True, is_global=False)
    assert (machine.everywhere, machine.terminal) == (None, None)
    for key in ("b", "escape", "closed", "left"):
        keys.in_window(key)
    assert done == ["next-background", "quit", "quit"]
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "keys in the preview window: b next-background, c camera-off, x panic, q quit; streamer hotkeys lists all"
    ]


def test_a_key_that_is_held_down_does_not_show_again_what_it_hid(machine: Machine, done: list[str]) -> None:
    now_s = [50.0]
    keys = opened(done, has_window=True, is_global=False, clock=lambda: now_s[0])
    for passed_s in (0, 0.7, 0.03, 0.03, 0.9):
        now_s[0] += passed_s
        keys.in_window("x")
        keys.in_window("b")
    assert done == ["panic", *["next-background"] * 5]
    now_s[0] += 1.0
    keys.in_window("x")
    assert done[-1] == "panic"


@pytest.mark.parametrize("action", SHUTTERS)
def test_whoever_is_shown_by_mistake_is_hidden_by_the_next_press_however_soon(
    machine: Machine, done: list[str], action: str
) -> None:
    now_s = [50.0]
    keys = opened(done, f"{action}=f9", has_window=True, is_global=False, clock=lambda: now_s[0])
    keys.in_window("f9")
    now_s[0] += 10
    keys.in_window("f9")
    assert done == [action] * 2  # shown again
    for _ in range(14):
        now_s[0] += 0.4
        keys.in_window("f9")
    assert done == [action] * 3


def test_without_any_way_to_press_a_key_nothing_is_said(
    machine: Machine, done: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    machine.has_terminal = False
    with caplog.at_level(logging.INFO):
        keys = opened(done, is_global=False)
    keys.close()
    assert caplog.text == ""


@LINUX
@pytest.mark.parametrize("hides_keys", [True, False])
def test_a_press_that_comes_by_both_ways_counts_once_where_keys_are_not_hidden(
    machine: Machine, done: list[str], hides_keys: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keys, "hides_keys", hides_keys)
    now_s = [0.0]
    keys = opened(done, "matte=f12", has_window=True, clock=lambda: now_s[0])
    assert machine.everywhere is not None
    machine.everywhere.press("f12")
    keys.in_window("f12")
    assert done == ["matte"] * (2 if hides_keys else 1)
    now_s[0] = SAME_PRESS_S + 0.01
    keys.in_window("f12")
    assert len(done) == (3 if hides_keys else 2)
    keys.close()


@LINUX
def test_presses_by_one_way_all_count_and_a_late_echo_does_not_undo_a_panic(
    machine: Machine, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keys, "hides_keys", False)
    now_s = [50.0]
    keys = opened(done, "panic=f12", "matte=f11", has_window=True, clock=lambda: now_s[0])
    assert machine.everywhere is not None
    for key in ("f11", "f11", "f11"):
        machine.everywhere.press(key)
        now_s[0] += 0.25
    assert done == ["matte"] * 3
    machine.everywhere.press("f12")
    now_s[0] += 0.7  # a slow picture kept the window waiting
    keys.in_window("f12")
    assert done == [*["matte"] * 3, "panic"]
    now_s[0] += 5
    machine.everywhere.press("f12")
    machine.everywhere.press("f12")
    assert done[3:] == ["panic"] * 3
    keys.close()


@LINUX
def test_a_press_that_comes_by_both_ways_in_the_same_moment_counts_once(
    machine: Machine, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keys, "hides_keys", False)
    both_have_looked = threading.Barrier(2, timeout=0.5)

    def clock() -> float:
        with contextlib.suppress(threading.BrokenBarrierError):  # one of them has to wait until the other has acted
            both_have_looked.wait()
        return 100.0

    keys = opened(done, "panic=f12", has_window=True, clock=clock)
    assert machine.everywhere is not None
    other = threading.Thread(target=machine.everywhere.press, args=("f12",))
    other.start()
    keys.in_window("f12")
    other.join()
    keys.close()
    assert done == ["panic"], "a second one would end the panic that the first one began"
