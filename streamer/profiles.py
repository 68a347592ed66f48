"""Profiles: weights that learnt one person, camera and room, each in a folder that only this user reads.

A profile's folder holds ``compact.safetensors``, the same as ``compact.onnx``, ``about.json`` (date and numbers) and
``before_after.png``. It appears under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import ConfigError
from streamer.user_folders import user_folder

WEIGHTS, GRAPH, ABOUT, PICTURE = "compact.safetensors", "compact.onnx", "about.json", "before_after.png"
"""What lies in a profile's folder."""
NAME = re.compile(r"\w[\w-]{0,63}")
"""No dot and no slash: a name is never a way to another folder, and never that of a draft."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that exists."""

    name: str
    folder: Path

    @property
    def weights(self) -> Path:
        """Its weights."""
        return self.folder / WEIGHTS

    def about(self) -> Mapping[str, object]:
        """Date and numbers, as they were noted; nothing if the note is lost."""
        try:
            noted = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a profile, by ``ConfigError``."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"profile '{name}': a name is made of up to 64 letters, digits, - and _, such as desk")


def profiles_folder() -> Path:
    """Where all profiles of this user lie. It need not exist."""
    return user_folder("data", "profiles: set HOME") / "profiles"


def list_profiles() -> list[Profile]:
    """All profiles, by name."""
    folder = profiles_folder()
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and NAME.fullmatch(entry.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"the profiles in {folder} cannot be listed: {error.strerror or error}") from error
    return [Profile(name, folder / name) for name in names]


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ConfigError: there is none, or its weights are gone.
    """
    check_name(name)
    found = next((profile for profile in list_profiles() if profile.name == name), None)
    if found is None:
        known = ", ".join(profile.name for profile in list_profiles())
        there = f"there are {known}" if known else "there are none yet"
        raise ConfigError(f"there is no profile '{name}', {there}: streamer enroll {name} makes it")
    if not found.weights.is_file():
        raise ConfigError(f"profile '{name}' is damaged, its {WEIGHTS} is gone: streamer enroll --forget {name}")
    return found


def check_new(name: str) -> None:
    """Refuse a new profile that could not be kept, before anybody records anything; by ``ConfigError``."""
    check_name(name)
    folder = profiles_folder()
    if (folder / name).exists():
        raise ConfigError(f"profile '{name}' exists: choose another name, or first streamer enroll --forget {name}")
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "no permission to write there" if there.is_dir() else f"{there} is not a folder"
        raise ConfigError(f"profile '{name}' cannot be kept in {folder}: {reason}")


@contextmanager
def new_profile(name: str) -> Iterator[Path]:
    """An empty folder that becomes the profile at the end of the ``with``; of a failure nothing is left.

    Raises:
        ConfigError: it cannot be written, or has come to exist.
    """
    check_new(name)
    folder = profiles_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=_draft(name)))  # which nobody else may enter
        try:
            yield draft
            for path in draft.iterdir():
                path.chmod(0o600)
            draft.rename(folder / name)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            _remove_if_empty(folder)
            raise
    except OSError as error:
        raise ConfigError(f"profile '{name}' cannot be kept in {folder}: {error.strerror or error}") from error


def forget(name: str) -> Path:
    """Remove a profile and all that a killed run may have left of it; returns where it was.

    Raises:
        ConfigError: there is no trace of it, or it cannot be removed.
    """
    check_name(name)
    folder = profiles_folder()
    traces = [path for path in (folder / name, *folder.glob(f"{_draft(name)}*")) if path.is_dir()]
    if not traces:
        find_profile(name)  # says so
    try:
        for path in traces:
            shutil.rmtree(path)
    except OSError as error:
        raise ConfigError(f"profile '{name}' in {folder} cannot be removed: {error.strerror or error}") from error
    _remove_if_empty(folder)
    return folder / name


def _draft(name: str) -> str:
    return f".{name}.draft-"


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # there are other profiles, or other things of this program
        folder.rmdir()
        folder.parent.rmdir()
