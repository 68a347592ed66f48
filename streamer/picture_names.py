"""File names of pictures, and patterns that stand for numbered ones: ``mattes/%06d.png``."""

from __future__ import annotations

import re
from pathlib import Path

from streamer.errors import ConfigError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Pictures that can be read and written, in lower case."""

_NUMBER = re.compile(r"%(?:0(\d{1,2}))?d")
_NO_NUMBER = re.compile(r"%\d*[A-Za-z]?")
"""What somebody may have meant as a number."""


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture."""
    return path.suffix.lower() in SUFFIXES


def is_pattern(spec: str) -> bool:
    """Whether the file name has a number to fill in."""
    return _NUMBER.search(Path(spec).name) is not None


def numbered(path: Path) -> Path:
    """The pattern for whoever named one picture: ``out_%06d.png`` for ``out.png``, ``%06d.png`` for ``%3d.png``."""
    stem = _NO_NUMBER.sub("", path.stem).rstrip("_")
    return path.with_name(f"{stem}_%06d{path.suffix}" if stem else f"%06d{path.suffix}")


class NumberedNames:
    """The names that a pattern such as ``dir/%06d.png`` stands for.

    Args:
        pattern: a path whose file name holds one ``%d`` or ``%06d`` and ends as a picture does.

    Raises:
        ConfigError: it does not.
    """

    def __init__(self, pattern: str) -> None:
        path = Path(pattern)
        self.folder = path.parent
        found = _NUMBER.search(path.name)
        if found is None or path.name.count("%") != 1:
            raise ConfigError(f"{pattern!r} is no pattern for pictures: its name needs one number, such as %06d.png")
        if not is_picture(path):
            raise ConfigError(f"{pattern!r} is no pattern for pictures: it must end in one of {', '.join(SUFFIXES)}")
        self._before, self._after = path.name[: found.start()], path.name[found.end() :]
        self._digits = int(found[1] or 1)

    def path(self, number: int) -> Path:
        """Where the picture of that number lies."""
        return self.folder / f"{self._before}{number:0{self._digits}d}{self._after}"

    def existing(self) -> list[Path]:
        """The pictures that are there, by number; gaps are skipped. Raises ``OSError`` without the folder."""
        shape = re.compile(f"{re.escape(self._before)}([0-9]+){re.escape(self._after)}")
        numbers = [int(found[1]) for entry in self.folder.iterdir() if (found := shape.fullmatch(entry.name))]
        return [path for number in sorted(set(numbers)) if (path := self.path(number)).is_file()]
