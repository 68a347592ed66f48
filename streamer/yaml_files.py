"""Reading the YAML files that a user writes: what is wrong with them, in one line with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from streamer.errors import ConfigError


def read_text(path: Path, kind: str) -> str:
    """The text of a file that the user named; ``ConfigError`` with its ``kind`` if there is none to be had."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{kind} {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{kind} {path} is not a text file in UTF-8") from error


@contextmanager
def yaml_errors(name: str) -> Iterator[None]:
    """What a YAML parser says, as a ``ConfigError`` with file and line; ``name`` is the file's."""
    try:
        yield
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: broken YAML: {getattr(error, 'problem', None) or 'it cannot be read'}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: broken YAML: it is nested too deeply") from error
    except ValueError as error:  # of a value that looks like a date, or is said to be a number
        raise ConfigError(f"{name}: broken YAML: {error}; put a text in quotes") from error
