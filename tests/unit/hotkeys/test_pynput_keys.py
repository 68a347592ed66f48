from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from streamer.hotkeys.pynput_keys import FORGET_MODIFIERS_S, FORGET_S, PynputKeys


@dataclass(frozen=True)
class Special:
    name: str


@dataclass(frozen=True)
class Letter:
    char: str | None


class Listener:
    """pynput's, as far as it is used; the test presses the keys."""

    IS_TRUSTED = True

    def __init__(self, on_press: Callable[[Any], None], on_release: Callable[[Any], None]) -> None:
        self.press, self.release = on_press, on_release
        self.calls: list[str] = []
        Keyboard.listener = self

    def start(self) -> None:
        self.calls.append("start")

    def wait(self) -> None:
        self.calls.append("wait")

    def stop(self) -> None:
        self.calls.append("stop")

    def canonical(self, key: Letter) -> Letter:
        return Letter(chr(ord("a") + ord(key.char) - 1) if key.char and key.char < " " else key.char)


class Keyboard:
    Listener = Listener
    listener: Listener


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def keys(told: list[str]) -> PynputKeys:
    return PynputKeys(["ctrl+alt+n", "f12", "ctrl+shift+p"], told.append, Keyboard)


def hit(*keys: Special | Letter) -> None:
    for key in keys:
        Keyboard.listener.press(key)
    for key in reversed(keys):
        Keyboard.listener.release(key)


def test_a_combination_is_told_whatever_side_its_modifiers_are_on(keys: PynputKeys, told: list[str]) -> None:
    hit(Special("ctrl_r"), Special("alt_l"), Letter("\x0e"))  # ctrl makes a control character of n
    hit(Special("f12"))
    hit(Special("shift"), Special("ctrl"), Letter("\x10"))
    assert told == ["ctrl+alt+n", "f12", "ctrl+shift+p"]


def test_other_combinations_and_plain_typing_are_no_matter(keys: PynputKeys, told: list[str]) -> None:
    hit(Letter("n"))
    hit(Special("ctrl"), Letter("\x0e"))
    hit(Special("ctrl"), Special("alt"), Special("shift"), Letter("n"))
    hit(Special("shift"), Special("f12"))
    hit(Letter(None))
    assert told == []


def test_alt_gr_is_for_typing(keys: PynputKeys, told: list[str]) -> None:
    """On Windows it comes as left Ctrl and right Alt; AltGr+q is an @ in Germany."""
    for name in ("alt_r", "alt_gr"):
        hit(Special("ctrl_l"), Special(name), Letter("n"))
    assert told == []


def test_a_key_that_is_held_down_is_told_once(keys: PynputKeys, told: list[str]) -> None:
    for _ in range(5):
        Keyboard.listener.press(Special("f12"))
    Keyboard.listener.release(Special("f12"))
    hit(Special("f12"))
    assert told == ["f12", "f12"]


def test_it_listens_until_it_is_closed(keys: PynputKeys) -> None:
    assert Keyboard.listener.calls == ["start", "wait"]
    keys.close()
    assert Keyboard.listener.calls == ["start", "wait", "stop"]


def test_without_the_permission_of_macos_there_are_no_keys(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Listener, "IS_TRUSTED", False)
    with pytest.raises(OSError, match="Input Monitoring"):
        PynputKeys(["f12"], told.append, Keyboard)
    assert Keyboard.listener.calls[-1] == "stop"


def test_a_key_whose_release_was_never_heard_is_forgotten(told: list[str]) -> None:
    now_s = [0.0]
    PynputKeys(["ctrl+alt+n", "f12"], told.append, Keyboard, clock=lambda: now_s[0])
    for key in (Special("ctrl"), Special("alt")):  # and then the screen is locked
        Keyboard.listener.press(key)
    now_s[0] = FORGET_MODIFIERS_S + 1
    hit(Letter("n"))
    assert told == []


def test_modifiers_may_be_held_for_long_before_the_key(told: list[str]) -> None:
    now_s = [0.0]
    PynputKeys(["ctrl+alt+n"], told.append, Keyboard, clock=lambda: now_s[0])
    for key in (Special("ctrl"), Special("alt"), Letter("b")):  # the last one's release is never heard
        Keyboard.listener.press(key)
    now_s[0] = FORGET_S + 1
    hit(Letter("n"))
    assert told == ["ctrl+alt+n"]
