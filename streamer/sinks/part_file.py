"""A file that appears under its final name only when it is whole."""

from __future__ import annotations

import os
import secrets
from itertools import count
from pathlib import Path

from streamer.errors import SinkError


class PartFile:
    """A hidden file beside its final place, with the same ending: ``.clip.part-1a2b3c4d.mp4``.

    Args:
        final: Where the whole file is to lie. A file that lies there is replaced by ``commit``, not before.

    Raises:
        SinkError: there is no such folder, or nothing can be created in it.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        # A cut stem: the added letters must not make a long name too long.
        self.path = final.with_name(f".{final.stem[:40]}.part-{secrets.token_hex(4)}{final.suffix}")
        if final.is_dir():
            raise SinkError(f"{final}: this is a folder; give the name of a file.")
        if not final.parent.is_dir():
            raise SinkError(f"{final}: the folder {final.parent} does not exist; create it first.")
        try:
            self.path.touch(exist_ok=False)
        except OSError as error:
            raise SinkError(f"{final}: cannot write into {final.parent}: {error.strerror}.") from error

    def commit(self) -> None:
        """Give the file its final name. Raises ``SinkError``; the part is removed then."""
        self._become(self.final)

    def commit_beside(self) -> Path:
        """The same, but if a file lies there already, that stays and this one gets a name beside it: the result."""
        name = self.final
        numbers = count(2)
        while name.exists():
            end = "" if name == self.final else f"-{next(numbers)}"
            name = self.final.with_name(f"{self.final.stem}.partial{end}{self.final.suffix}")
        self._become(name)
        return name

    def _become(self, name: Path) -> None:
        try:
            os.replace(self.path, name)
        except OSError as error:
            self.discard()
            raise SinkError(f"{name}: cannot be replaced: {error.strerror}.") from error

    def discard(self) -> None:
        """Remove the part, if it is still there."""
        self.path.unlink(missing_ok=True)
