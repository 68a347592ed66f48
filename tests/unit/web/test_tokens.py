from __future__ import annotations

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

from streamer.errors import ConfigError
from streamer.web.tokens import NAME, kept_token, read_token, state_folder

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


def test_two_programs_that_start_together_share_one_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkstemp, others = tempfile.mkstemp, []

    def be_late(**where: object) -> tuple[int, str]:
        monkeypatch.undo()
        others.append(kept_token(tmp_path))  # the other one, in the same moment
        return mkstemp(**where)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(tempfile, "mkstemp", be_late)
    assert kept_token(tmp_path) == others[0]
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]


def test_a_disk_without_links_keeps_a_token_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(old: Path, new: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    token, path = kept_token(tmp_path)
    assert read_token(path) == token
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]


def test_a_full_disk_is_one_clear_line_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(number: int, *how: object, **more: object) -> io.StringIO:
        os.close(number)
        return Full()

    monkeypatch.setattr(os, "fdopen", open_full)
    with pytest.raises(ConfigError, match=r"the token cannot be kept in .*: No space left on device"):
        kept_token(tmp_path)
    assert list(tmp_path.iterdir()) == []


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
