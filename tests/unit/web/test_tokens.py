from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamer.errors import ConfigError
from streamer.web.tokens import kept_token, read_token, state_folder

posix = pytest.mark.skipif(os.name != "posix", reason="other systems have no file modes")


def test_a_token_is_made_once_and_kept(tmp_path: Path) -> None:
    token, path = kept_token(tmp_path / "state" / "backlot")
    assert len(token) >= 40
    assert kept_token(path.parent) == (token, path)
    assert read_token(path) == token
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert kept_token(tmp_path / "other")[0] != token


@posix
def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    token, path = kept_token(tmp_path / "backlot")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    renewed, _ = kept_token(path.parent)
    assert renewed != token, "somebody may have read the old one"
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_a_file_of_the_user_that_others_may_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "token"
    path.write_text("  0123456789abcdef\n", encoding="utf-8")
    path.chmod(0o604)
    assert read_token(path) == "0123456789abcdef"
    assert f"chmod 600 {path}" in caplog.text
    assert "0123456789abcdef" not in caplog.text


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two words of one token", b"line\nline-line-line-line", b"\xff" * 20]
)
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_token(path)
    assert "\n" not in str(caught.value)
    assert "line-line" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="the token cannot be kept in"):
        kept_token(tmp_path / "file" / "backlot")


@pytest.mark.skipif(os.name != "posix", reason="XDG")
def test_the_state_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "backlot"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "backlot"
