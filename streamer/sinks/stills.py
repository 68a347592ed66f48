"""Single pictures of what is shown, saved while the run goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from streamer.errors import SinkError
from streamer.frames import Frame, Image
from streamer.sinks.pictures import encoded

LEAVE_S = 5.0
"""How long ``close`` waits for a still that is being saved: on a drive that is gone it never is."""

logger = logging.getLogger(__name__)


class Stills:
    """Saves the next picture that is shown whenever a still was asked for: ``backlot-20260131-235959.png``.

    Each is written on a short-lived thread ``still``, one at a time. A still that cannot be written is a warning.

    Args:
        folder: where to; it is made when the first still is saved. No file in it is ever replaced.
        asked: how many stills were asked for so far.
        now: the time of day, for the name.
    """

    def __init__(
        self, folder: Path, asked: Callable[[], int], now: Callable[[], time.struct_time] = time.localtime
    ) -> None:
        self._folder = folder
        self._asked = asked
        self._now = now
        self._seen = asked()
        self._saving: threading.Thread | None = None

    def look(self, frame: Frame) -> None:
        """Take this picture, which was just shown, if a still is due; none while the disk is still busy with one."""
        asked = self._asked()
        if asked == self._seen:
            return
        self._seen = asked
        if self._saving is not None and self._saving.is_alive():
            logger.warning("no still: the one before is still being saved")
            return
        name = time.strftime("backlot-%Y%m%d-%H%M%S", self._now())
        self._saving = threading.Thread(target=self._save, args=(frame.image, name), name="still", daemon=True)
        self._saving.start()

    def close(self) -> None:
        """Wait until the last one is on the disk, but not for ever. May be called twice."""
        saving, self._saving = self._saving, None
        if saving is None:
            return
        saving.join(LEAVE_S)
        if saving.is_alive():
            logger.warning("the last still may be missing in %s: the disk does not answer", self._folder)

    def _save(self, image: Image, name: str) -> None:
        path = self._folder / f"{name}.png"
        try:
            picture = encoded(path, image)
            self._folder.mkdir(parents=True, exist_ok=True)
            path = _written_as_new(path, picture)
        except SinkError as error:
            logger.warning("no still: %s", error)
        except OSError as error:
            logger.warning("no still: %s cannot be written: %s", path, error.strerror or error)
        else:
            logger.info("still saved: %s", path.absolute())


def _written_as_new(path: Path, data: bytes) -> Path:
    """Write under this name, or with a number behind it where one is there already; the result is the name."""
    stem, number = path.stem, 1
    while True:
        try:
            with path.open("xb") as file:
                try:
                    file.write(data)
                except BaseException:
                    path.unlink()
                    raise
            return path
        except FileExistsError:
            number += 1
            path = path.with_name(f"{stem}-{number}{path.suffix}")
