from __future__ import annotations

from pathlib import Path

import pytest
from remote_parts import ScriptedRemote

from streamer.errors import ConfigError
from streamer.web.remote import MOST_BACKGROUNDS, RefusalError


def status_of(parts: ScriptedRemote, spec: str) -> int:
    before = (parts.controls.state, parts.controls.backgrounds, list(parts.opened.specs))
    with pytest.raises(RefusalError) as caught:
        parts.remote.show_spec(spec)
    assert "\n" not in caught.value.reason
    assert (parts.controls.state, parts.controls.backgrounds, parts.opened.specs) == before
    return caught.value.status


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of backgrounds with a secret beside it, and links between them."""
    inside = tmp_path / "backgrounds"
    (inside / "deeper").mkdir(parents=True)
    for path in (inside / "beach.jpg", inside / "deeper" / "sky.png", tmp_path / "secret.png"):
        path.write_bytes(b"a picture")
    (inside / "way-out.png").symlink_to(tmp_path / "secret.png")
    (inside / "folder-out").symlink_to(tmp_path)
    (inside / "way-in.png").symlink_to(inside / "beach.jpg")
    (inside / "circle.png").symlink_to(inside / "circle.png")
    return inside


def test_files_of_the_folder_are_opened_by_their_path_and_listed_by_their_name(folder: Path) -> None:
    parts = ScriptedRemote(folder=folder)
    parts.remote.show_spec("deeper/sky.png")
    assert parts.opened.specs == [str(folder / "deeper" / "sky.png")]
    assert parts.controls.backgrounds == ("beach.jpg", "blur", "deeper/sky.png")
    assert parts.controls.state.background == 2


@pytest.mark.parametrize(
    "spec",
    [
        "../secret.png",
        "deeper/../../secret.png",
        "deeper/../beach.jpg",
        "..\\secret.png",
        "../no-such-file.png",
        "/etc/hostname",
        "C:\\secret.png",
        "C:secret.png",
        "\\\\server\\share\\secret.png",
        "way-out.png",
        "folder-out/secret.png",
        "folder-out/no-such-file.png",
    ],
)
def test_what_lies_outside_is_refused_whether_or_not_it_exists(folder: Path, spec: str) -> None:
    assert status_of(ScriptedRemote(folder=folder), spec) == 403


def test_the_full_path_of_the_folder_itself_is_refused(folder: Path) -> None:
    assert status_of(ScriptedRemote(folder=folder), str(folder / "beach.jpg")) == 403


@pytest.mark.parametrize(
    "spec", ["no.png", "deeper", ".", "beach.jpg\0.png", "x" * 500, "circle.png", "~/beach.jpg", "gradient:1", "BLUR"]
)
def test_what_is_no_file_of_the_folder_is_not_found(folder: Path, spec: str) -> None:
    assert status_of(ScriptedRemote(folder=folder), spec) == 404


def test_without_a_folder_no_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beach.jpg").write_bytes(b"a picture")
    monkeypatch.chdir(tmp_path)
    assert status_of(ScriptedRemote(), "beach.jpg") == 403


def test_the_same_background_is_opened_once(folder: Path) -> None:
    parts = ScriptedRemote(folder=folder)
    for spec in ("way-in.png", "color:#AABBCC", "beach.jpg", "color:#aabbcc", "blur", "way-in.png"):
        parts.remote.show_spec(spec)
    assert parts.opened.specs == [str(folder / "beach.jpg"), "color:#aabbcc"]
    assert parts.controls.backgrounds == ("beach.jpg", "blur", "beach.jpg", "color:#aabbcc")
    assert parts.controls.state.background == 2


def test_there_is_an_end_to_the_backgrounds_but_those_that_are_open_can_be_chosen() -> None:
    parts = ScriptedRemote()
    for number in range(1, MOST_BACKGROUNDS - 1):
        parts.remote.show_spec(f"blur:{number}")
    assert len(parts.controls.backgrounds) == MOST_BACKGROUNDS
    assert status_of(parts, "gradient") == 409
    parts.remote.show_spec("blur:3")
    assert parts.controls.state.background == 4


@pytest.mark.parametrize("fault", [ConfigError("it is\nno picture"), MemoryError(), OSError("gone")])
def test_a_background_that_cannot_be_opened_changes_nothing(fault: Exception) -> None:
    parts = ScriptedRemote()
    parts.opened.faults["blur:999"] = fault
    assert status_of(parts, "blur:999") == 422
    del parts.opened.faults["blur:999"]
    parts.remote.show_spec("blur:999")


def test_transparency_cannot_be_chosen_and_a_run_without_a_composite_shows_no_other() -> None:
    assert status_of(ScriptedRemote(), "transparent") == 409
    assert status_of(ScriptedRemote(can_add=False), "gradient") == 409


def test_prompts_by_words_and_by_number() -> None:
    parts = ScriptedRemote()
    parts.remote.paint_number(1)
    assert parts.controls.state.prompt == "a beach"
    parts.remote.paint(" an attic ")
    assert parts.controls.state.prompt == "an attic"
    for refused, status in ((lambda: parts.remote.paint(" \x1c"), 422), (lambda: parts.remote.paint_number(2), 404)):
        with pytest.raises(RefusalError) as caught:
            refused()
        assert caught.value.status == status
    unpainted = ScriptedRemote(prompts=())
    for refused in (lambda: unpainted.remote.paint("an attic"), lambda: unpainted.remote.paint_number(0)):
        with pytest.raises(RefusalError) as caught:
            refused()
        assert caught.value.status == 409
