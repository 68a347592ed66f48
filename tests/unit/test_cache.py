from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from streamer import cache
from streamer.backgrounds.plate_cache import PlateCache
from streamer.errors import ConfigError

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual place, with two plates in it."""
    place = tmp_path / "usual"
    monkeypatch.setattr(cache, "default_cache_folder", lambda: place)
    plates = PlateCache(place, 10**9)
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    plates.put(A, noise, {"prompt": "a library at dusk", "seed": 7})
    plates.put(B, noise, {"note": "neither prompt nor seed"})
    age(place, A, 1_700_000_000)
    age(place, B, 1_600_000_000)
    return place


def age(folder: Path, key: str, used_at_s: float) -> None:
    os.utime(folder / f"{key}.plate.png", (used_at_s, used_at_s))


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cache.main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        cache.main(words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def local(used_at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(used_at_s))


def test_the_list_has_a_line_for_each_plate_the_last_used_first_and_the_total(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, second, total = shown(capsys).splitlines()
    assert head.split() == ["size", "last", "used", "seed", "prompt"]
    assert re.fullmatch(rf" +3\d\.\d kB  {local(1_700_000_000)} +7  a library at dusk", first)
    assert re.fullmatch(rf" +3\d\.\d kB  {local(1_600_000_000)}", second)
    assert re.fullmatch(rf"2 plates, 6\d\.\d kB in {re.escape(str(folder))}", total)
    assert head.index("prompt") == first.index("a library")


def test_listing_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    shown(capsys)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_prompt_stays_one_line_and_does_not_command_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = "a [bold]very[/bold] :smile:\nlong \x1b[31mprompt\a " + 60 * "and so on "
    PlateCache(folder, 10**9).put(C, np.zeros((4, 4, 3), np.uint8), {"prompt": prompt})
    lines = shown(capsys).splitlines()
    assert len(lines) == 5
    assert lines[1].endswith("a [bold]very[/bold] :smile: long [31mprompt " + " ".join(60 * ["and so on"]))


@pytest.mark.usefixtures("folder")
def test_another_folder_is_listed_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert shown(capsys, "--folder", str(other)) == f"no plates in {other}\n"
    PlateCache(other, 10**9).put(C, np.zeros((4, 4, 3), np.uint8), {"seed": 3})
    assert "1 plate, " in shown(capsys, f"--folder={other}")


def test_a_usual_place_that_is_not_there_yet_holds_no_plates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cache, "default_cache_folder", lambda: tmp_path / "not yet")
    assert shown(capsys) == f"no plates in {tmp_path / 'not yet'}\n"
    assert shown(capsys, "clear") == f"0 bytes freed in {tmp_path / 'not yet'}\n"
    assert not (tmp_path / "not yet").exists()


def test_clear_removes_the_plates_and_says_what_that_freed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "holiday.png").touch()
    assert re.fullmatch(rf"6\d\.\d kB freed in {re.escape(str(folder))}\n", shown(capsys, "clear"))
    assert [path.name for path in folder.iterdir()] == ["holiday.png"]


def test_clear_keeps_to_the_folder_that_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    PlateCache(other, 10**9).put(C, np.zeros((4, 4, 3), np.uint8), {})
    shown(capsys, "clear", "--folder", str(other))
    assert list(other.iterdir()) == []
    assert len(list(folder.iterdir())) == 4


def test_plates_that_cannot_be_removed_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert refused("clear") == f"2 of 2 plates in {folder} cannot be removed: see who owns the folder"


def test_a_folder_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    for words in ((), ("clear",)):
        assert refused(*words) == f"the plates in {folder} cannot be listed: Permission denied"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["cler"], "only the word clear, so not 'cler'"),
        (["clear", "all"], "only the word clear, so not 'all'"),
        (["clear", "clear"], "so not 'clear clear'"),
        (["--fodler", "x"], "--fodler"),
        (["--fold", "x"], "--fold"),
        (["--folder"], "--folder"),
        (["--folder", "no/such/folder"], "--folder no/such/folder is not a folder"),
        (["--folder", __file__], "is not a folder"),
        (["--folder", ""], "is not a folder"),
        (["--folder", "~nobody-of-this-name"], "is not a folder"),
    ],
)
def test_bad_words_are_refused_in_one_line_and_remove_nothing(words: list[str], reason: str, folder: Path) -> None:
    assert reason in refused(*words)
    assert len(list(folder.iterdir())) == 4


@pytest.mark.usefixtures("folder")
def test_help_names_the_word_and_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cache.main(["--help"])
    assert end.value.code == 0
    assert {"clear", "--folder"} <= set(capsys.readouterr().out.replace("]", " ").replace("[", " ").split())
