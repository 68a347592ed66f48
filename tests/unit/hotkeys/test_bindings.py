from __future__ import annotations

import pytest

from streamer import cli
from streamer.config import StreamConfig
from streamer.controls import ACTIONS, Controls
from streamer.errors import ConfigError
from streamer.hotkeys.bindings import CLOSED, DEFAULTS, Bindings, parse_key
from streamer.presets import read_yaml
from streamer.sinks import preview


def refusal(*given: str) -> str:
    with pytest.raises(ConfigError) as caught:
        Bindings(given)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_action_has_a_plain_key_of_its_own() -> None:
    assert DEFAULTS.keys() == ACTIONS.keys()
    bindings = Bindings()
    for action, key in DEFAULTS.items():
        assert bindings.action_here(key) == action
        assert bindings.action_in_window(key) == action
    assert {binding.everywhere for binding in bindings.all} == {f"ctrl+alt+{key}" for key in DEFAULTS.values()}


def test_what_is_given_replaces_the_defaults_one_by_one() -> None:
    bindings = Bindings(["panic=F12", "still = none", "quit=x"])
    assert bindings.action_here("f12") == "panic"
    assert bindings.action_here("x") == "quit"
    assert bindings.action_here("i") is None
    assert bindings.action_here("q") is None
    assert bindings.action_here("b") == "next-background"


@pytest.mark.parametrize(
    ("key", "here", "everywhere"),
    [
        ("n", "n", "ctrl+alt+n"),
        ("space", "space", "ctrl+alt+space"),
        ("f9", "f9", "f9"),
        ("shift+f9", None, "shift+f9"),
        ("Shift+Ctrl+P", None, "ctrl+shift+p"),
        ("cmd+7", None, "super+7"),
    ],
)
def test_a_plain_key_is_global_with_ctrl_alt_and_others_as_they_are(
    key: str, here: str | None, everywhere: str
) -> None:
    binding = Bindings([f"next-prompt={key}", "prompt-7=none"]).all[0]
    assert (binding.here, binding.everywhere) == (here, everywhere)


def test_escape_and_closing_the_window_quit_there_alone() -> None:
    bindings = Bindings()
    assert bindings.action_in_window("escape") == "quit"
    assert bindings.action_here("escape") is None
    assert Bindings(["panic=escape"]).action_in_window("escape") == "panic"
    without = Bindings(["quit=none"])
    assert without.action_in_window("escape") is None
    assert without.action_in_window(preview.CLOSED) == "quit"
    assert preview.CLOSED == CLOSED


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["panc=x"], "hotkeys: unknown action 'panc' (did you mean 'panic'?)"),
        (["zzz=x"], "hotkeys: unknown action 'zzz'; there are next-prompt, "),
        (["panic=f13"], "hotkeys: unknown key 'f13'; a key is a letter"),
        (["panic="], "hotkeys: unknown key ''; a key is"),
        (["panic=hyper+x"], "hotkeys: unknown key 'hyper+x'; what is held down is one of ctrl, alt, shift, super"),
        (["panic=ctrl+ctrl+x"], "hotkeys: unknown key 'ctrl+ctrl+x'; what is held down"),
        (["panic=shift+n"], "hotkeys: shift+n is pressed whenever somebody types"),
        (["panic=f1", "panic=f2"], "hotkeys: panic is named twice"),
        (
            ["panic=b"],
            "hotkeys: b stands for both next-background and panic; give one of them another key, or none: "
            "next-background=none",
        ),
        (["quit=ctrl+alt+m"], "hotkeys: ctrl+alt+m stands for both matte and quit"),
        (["quit=f2", "panic=f2"], "hotkeys: f2 stands for both panic and quit"),
    ],
)
def test_a_wrong_binding_is_answered_in_one_line(given: list[str], message: str) -> None:
    assert refusal(*given).startswith(message)


def test_keys_change_places_without_a_clash() -> None:
    bindings = Bindings(["next-prompt=p", "previous-prompt=n"])
    assert (bindings.action_here("p"), bindings.action_here("n")) == ("next-prompt", "previous-prompt")


def test_a_key_is_written_in_one_way_however_people_write_it() -> None:
    assert parse_key("ALT + Control + Esc") == "ctrl+alt+escape"


def test_yaml_takes_a_mapping_and_flags_take_words_and_both_are_written_back_the_same() -> None:
    config = read_yaml("hotkeys: {panic: f12, prompt-1: 7, prompt-7: none, still: }", "my.yaml")
    assert config.hotkeys == ("panic=f12", "prompt-1=7", "prompt-7=none", "still=none")
    assert read_yaml(config.as_yaml(), "written") == config
    flags = cli.read_command(["--hotkeys", "panic=f12", "prompt-1=7", "prompt-7=none", "still=none"])
    assert flags is not None
    assert flags.hotkeys == config.hotkeys
    assert StreamConfig(hotkeys="panic=f12").hotkeys == ("panic=f12",)


def test_what_is_no_binding_is_answered_with_its_line_in_the_file_or_its_flag() -> None:
    with pytest.raises(ConfigError, match=r"^my\.yaml:2: hotkeys: 'f12' is no binding: give action=key"):
        read_yaml("input: demo\nhotkeys: f12", "my.yaml")
    with pytest.raises(ConfigError, match=r"^--hotkeys: 'f12' is no binding: give action=key"):
        cli.read_command(["--hotkeys", "f12"])


def test_the_list_names_every_action_with_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hotkeys", "webcam", "--hotkeys", "panic=f12", "still=none", "matte=ctrl+shift+m"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ACTIONS)
    cells = {line.split()[0]: line.split()[1:3] for line in lines[1:]}
    assert cells["panic"] == ["f12", "f12"]
    assert cells["still"] == ["-", "-"]
    assert cells["matte"] == ["-", "ctrl+shift+m"]
    assert cells["quit"] == ["q", "ctrl+alt+q"]
    assert all(line.endswith(does) for line, does in zip(lines[1:], ACTIONS.values(), strict=True))
    assert cli.main(["hotkeys", "--hotkeys", "panic=q"]) == 2
    assert "stands for both" in capsys.readouterr().err


def test_controls_know_every_action_that_can_be_bound() -> None:
    controls = Controls(("a", "b"))
    for action in DEFAULTS:
        controls.act(action)
