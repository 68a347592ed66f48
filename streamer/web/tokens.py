"""The token that every request must show: read from a file, or made once and kept where only this user reads it."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from streamer.errors import ConfigError
from streamer.user_folders import user_folder

FEWEST_CHARACTERS = 16
"""A shorter token can be guessed."""
NAME = "api-token"

logger = logging.getLogger(__name__)


def read_token(path: Path) -> str:
    """The token in a file of the user's own.

    Raises:
        ConfigError: the file cannot be read, or what it holds is no token.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token file {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(token) < FEWEST_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"token file {path} must hold one word of at least {FEWEST_CHARACTERS} letters and digits, and nothing else"
        )
    if _is_open_to_others(path):
        logger.warning("other users may read the token in %s: chmod 600 %s", path, path)
    return token


def kept_token(folder: Path) -> tuple[str, Path]:
    """The token of earlier runs and its file; a new one where there is none that only this user can read.

    Raises:
        ConfigError: it cannot be written.
    """
    path = folder / NAME
    try:
        if path.is_file() and _is_open_to_others(path):
            path.unlink()
        if not path.is_file():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _keep_new_token(path)
    except OSError as error:
        raise ConfigError(f"the token cannot be kept in {path}: {error.strerror or error}") from error
    return read_token(path), path


def state_folder() -> Path:
    """Where this system wants what programs keep of this user, and in it ``backlot``. It need not exist.

    Raises:
        ConfigError: the user has no home folder.
    """
    return user_folder("state", "the token: set HOME, or --api-token-file")


def _keep_new_token(path: Path) -> None:
    """Write a new token, whole or not at all; that of another program that starts just now stays."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{NAME}.")  # which nobody else may read
    part = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            _give_name(part, path)
    finally:
        part.unlink(missing_ok=True)


def _give_name(part: Path, path: Path) -> None:
    """Name a file so; ``FileExistsError`` if there is one already, which only a disk without links replaces."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        os.replace(part, path)


def _is_open_to_others(path: Path) -> bool:
    return os.name == "posix" and path.stat().st_mode & 0o077 != 0
