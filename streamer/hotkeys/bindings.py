"""Which key stands for which action, and what a key is called."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from streamer.config import nearest
from streamer.controls import ACTIONS, PROMPT_KEYS
from streamer.errors import ConfigError

MODIFIERS = ("ctrl", "alt", "shift", "super")
"""In the order in which a combination is written; super is the Windows or command key."""
ALIASES = {"control": "ctrl", "option": "alt", "win": "super", "cmd": "super", "esc": "escape", "return": "enter"}
FUNCTION_KEYS = tuple(f"f{number}" for number in range(1, 13))
KEYS = (*"abcdefghijklmnopqrstuvwxyz0123456789", "space", "enter", "tab", "escape", *FUNCTION_KEYS)
"""Every key that can be bound; a keyboard without modifiers types one of these the same everywhere."""
EVERYWHERE = "ctrl+alt+"
"""What a plain key needs besides to work in every window: alone it would act while somebody types in a chat."""
NONE = "none"
"""Stands for no key at all."""
CLOSED = "closed"
"""What the preview window calls it when the user closes it."""

DEFAULTS: dict[str, str] = {
    "next-prompt": "n",
    "previous-prompt": "p",
    **{f"prompt-{number}": str(number) for number in range(1, PROMPT_KEYS + 1)},
    "new-seed": "s",
    "freeze": "f",
    "next-background": "b",
    "blur": "r",  # the room, blurred
    "camera-off": "c",
    "panic": "x",
    "matte": "m",
    "hud": "h",
    "still": "i",  # an image; ctrl+alt+t opens a terminal on many desktops, and ctrl+alt+l locks them
    "quit": "q",
}
"""A plain key for every action."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One action and its key."""

    action: str
    key: str
    """A key, with its modifiers before it: ``n``, ``f12``, ``ctrl+shift+p``."""

    @property
    def here(self) -> str | None:
        """The key in the preview window and the terminal, which know no modifiers; None = it does not work there."""
        return None if "+" in self.key else self.key

    @property
    def everywhere(self) -> str:
        """The key that works in every window."""
        return self.key if "+" in self.key or self.key in FUNCTION_KEYS else EVERYWHERE + self.key


class Bindings:
    """The keys of one run: the defaults, changed by what the user wrote.

    Args:
        given: ``action=key`` each; ``action=none`` takes the key away.

    Raises:
        ConfigError: an unknown action or key, an action named twice, or one key for two actions.
    """

    def __init__(self, given: Sequence[str] = ()) -> None:
        keys = dict(DEFAULTS)
        seen: set[str] = set()
        for text in given:
            action, _, key = (part.strip() for part in text.partition("="))
            if action not in ACTIONS:
                choices = nearest(action, ACTIONS) or f"; there are {', '.join(ACTIONS)}"
                raise ConfigError(f"hotkeys: unknown action '{action}'{choices}")
            if action in seen:
                raise ConfigError(f"hotkeys: {action} is named twice; one key is enough")
            seen.add(action)
            if key.lower() == NONE:
                del keys[action]
            else:
                keys[action] = parse_key(key)
        self.all = tuple(Binding(action, keys[action]) for action in ACTIONS if action in keys)
        self._here = {binding.here: binding.action for binding in self.all if binding.here is not None}
        self._escape = "quit" if "quit" in keys else None
        self._refuse_clashes(seen)

    def action_here(self, key: str) -> str | None:
        """What a key stands for in the terminal; None = nothing."""
        return self._here.get(key)

    def action_in_window(self, key: str) -> str | None:
        """The same in the preview window, where Escape quits as well unless it is bound, and closing it always does."""
        if key == CLOSED:
            return "quit"
        return self._here.get(key) or (self._escape if key == "escape" else None)

    def table(self) -> list[str]:
        """Lines for people: each action, its key in window and terminal, its global key, and what it does."""
        bound = {binding.action: binding for binding in self.all}
        rows = [("action", "window, terminal", "every window", "")]
        for action, does in ACTIONS.items():
            binding = bound.get(action)
            rows.append((action, (binding and binding.here) or "-", binding.everywhere if binding else "-", does))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return ["  ".join((*(row[i].ljust(widths[i]) for i in range(3)), row[3])).rstrip() for row in rows]

    def _refuse_clashes(self, given: Container[str]) -> None:
        taken: dict[str, Binding] = {}
        for binding in self.all:
            first = taken.setdefault(binding.everywhere, binding)
            if first is not binding:
                key = binding.key if binding.key == first.key else binding.everywhere
                usual = first if binding.action in given else binding
                raise ConfigError(
                    f"hotkeys: {key} stands for both {first.action} and {binding.action}; give one of them another "
                    f"key, or none: {usual.action}=none"
                )


def parse_key(text: str) -> str:
    """A key as people write it, in the one way in which it is written here.

    Raises:
        ConfigError: no such key, or one that would act while somebody types.
    """
    words = [ALIASES.get(word, word) for word in text.lower().replace(" ", "").split("+")]
    key, held = words[-1], words[:-1]
    if key not in KEYS:
        choices = "a letter, a digit, space, enter, tab, escape, f1 to f12"
        raise ConfigError(
            f"hotkeys: unknown key '{text}'; a key is {choices}, or ctrl+, alt+, shift+ or super+ and one"
        )
    wrong = [word for word in held if word not in MODIFIERS]
    if wrong or len(set(held)) != len(held):
        raise ConfigError(
            f"hotkeys: unknown key '{text}'; what is held down is one of {', '.join(MODIFIERS)}, each once"
        )
    if held == ["shift"] and key not in FUNCTION_KEYS:
        raise ConfigError(f"hotkeys: {text} is pressed whenever somebody types; add ctrl, alt or super to it")
    return "+".join([*(word for word in MODIFIERS if word in held), key])
