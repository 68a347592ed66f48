"""Where profiles are kept, who may read them, and that nothing half-written or forgotten stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamer import profiles
from streamer.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(profiles, "user_folder", lambda kind, mend: tmp_path / "backlot")
    return tmp_path / "backlot" / "profiles"


def make(name: str) -> None:
    with profiles.new_profile(name) as draft:
        (draft / profiles.WEIGHTS).write_bytes(b"weights")
        (draft / profiles.ABOUT).write_text('{"made": "today"}', encoding="utf-8")


def test_a_profile_is_found_and_listed(folder: Path) -> None:
    make("desk")
    make("bed_2")
    assert [profile.name for profile in profiles.list_profiles()] == ["bed_2", "desk"]
    found = profiles.find_profile("desk")
    assert found.weights.read_bytes() == b"weights"
    assert found.about() == {"made": "today"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_nobody_else_may_read_it(folder: Path) -> None:
    make("desk")
    for path in (folder, folder / "desk"):
        assert path.stat().st_mode & 0o777 == 0o700
    assert (folder / "desk" / profiles.WEIGHTS).stat().st_mode & 0o777 == 0o600


def test_of_a_failure_nothing_is_left(folder: Path) -> None:
    def write_half() -> None:
        with profiles.new_profile("desk") as draft:
            (draft / profiles.WEIGHTS).write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert not folder.exists()


def test_a_draft_is_no_profile(folder: Path) -> None:
    with profiles.new_profile("desk"):
        assert profiles.list_profiles() == []
        with pytest.raises(ConfigError, match="there is no profile 'desk'"):
            profiles.find_profile("desk")


def test_forgetting_removes_every_trace_and_nothing_else(folder: Path) -> None:
    make("desk")
    make("desk-2")
    (folder / ".desk.draft-killed").mkdir()
    (folder / ".desk-2.draft-killed").mkdir()
    profiles.forget("desk")
    assert sorted(path.name for path in folder.iterdir()) == [".desk-2.draft-killed", "desk-2"]
    profiles.forget("desk-2")
    assert not folder.parent.exists()


def test_what_is_not_there_cannot_be_forgotten(folder: Path) -> None:
    make("desk")
    with pytest.raises(ConfigError, match="there is no profile 'sofa', there are desk"):
        profiles.forget("sofa")


@pytest.mark.parametrize("name", ["", "a/b", "../desk", ".hidden", "a b", "a\\b", "x" * 65])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    for use in (profiles.check_new, profiles.find_profile, profiles.forget):
        with pytest.raises(ConfigError, match="a name is made of"):
            use(name)


def test_a_profile_is_not_overwritten(folder: Path) -> None:
    make("desk")
    with pytest.raises(ConfigError, match="profile 'desk' exists"):
        profiles.check_new("desk")


def test_a_place_that_cannot_be_written_is_said_before_anything_is_recorded(folder: Path) -> None:
    folder.parent.write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a folder"):
        profiles.check_new("desk")


def test_weights_that_are_gone_are_said(folder: Path) -> None:
    make("desk")
    (folder / "desk" / profiles.WEIGHTS).unlink()
    with pytest.raises(ConfigError, match="is damaged"):
        profiles.find_profile("desk")


def test_a_lost_note_is_no_failure(folder: Path) -> None:
    make("desk")
    (folder / "desk" / profiles.ABOUT).write_text("[", encoding="utf-8")
    assert profiles.find_profile("desk").about() == {}
