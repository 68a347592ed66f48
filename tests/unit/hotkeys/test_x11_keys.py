from __future__ import annotations

import gc
import queue
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fakes import WAIT_S
from x_display import press, x_server

pytest.importorskip("Xlib", reason="needs python-xlib")

from Xlib import XK, X
from Xlib.display import Display

from streamer.hotkeys.x11_keys import X11Keys


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with x_server("xdotool") as name:
        monkeypatch.setenv("DISPLAY", name)
        yield name


def test_keys_are_told_and_those_that_another_program_has_are_known(display: str) -> None:
    other = Display(display)
    code = other.keysym_to_keycode(XK.string_to_keysym("n"))
    other.screen().root.grab_key(code, X.ControlMask | X.Mod1Mask, False, X.GrabModeAsync, X.GrabModeAsync)
    other.sync()
    told: queue.Queue[str] = queue.Queue()
    keys = X11Keys(["ctrl+alt+n", "ctrl+alt+q", "f12", "ctrl+shift+space"], told.put)
    try:
        assert keys.refused == ["ctrl+alt+n"]
        press(display, "key", "n", "ctrl+alt+n", "q", "ctrl+q", "shift+F12", "ctrl+alt+q")
        assert told.get(timeout=WAIT_S) == "ctrl+alt+q"
        press(display, "key", "F12", "ctrl+shift+space")
        assert [told.get(timeout=WAIT_S) for _ in range(2)] == ["f12", "ctrl+shift+space"]
        press(display, "key", "Caps_Lock", "F12", "Caps_Lock")
        assert told.get(timeout=WAIT_S) == "f12"
    finally:
        keys.close()
        keys.close()
    assert told.empty()
    other.close()
    again = X11Keys(["ctrl+alt+n", "f12"], told.put)
    again.close()
    assert again.refused == [], "closing gives the keys back"


def test_a_key_that_is_held_down_is_told_once() -> None:
    told: list[str] = []
    keys = object.__new__(X11Keys)  # without a server: its repeating keys are played by hand
    keys._press, keys._release, keys._modifiers, keys._on_key = X.KeyPress, X.KeyRelease, 0xFF, told.append
    keys._combinations = {(96, 0): "f12"}
    released_at: dict[int, int] = {}
    for kind, at in ((X.KeyPress, 10), (X.KeyRelease, 50), (X.KeyPress, 50), (X.KeyRelease, 70), (X.KeyPress, 90)):
        keys._handle(SimpleNamespace(type=kind, detail=96, state=0, time=at), released_at)
    assert told == ["f12", "f12"]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # python-xlib's own
def test_without_a_server_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9999")
    with pytest.raises(OSError, match="9999"):
        X11Keys(["f12"], print)
    gc.collect()
