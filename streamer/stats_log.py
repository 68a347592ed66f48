"""Measurements while it runs: one line of JSON after another, in a file that only grows."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from streamer.errors import SinkError

EVERY_S = 1.0
"""Seconds between two lines."""
LEAVE_S = 5.0
"""How long the last line may take: on a drive that is gone it takes for ever."""
SUFFIX = ".jsonl"

logger = logging.getLogger(__name__)


class StatsLog:
    """Within the ``with``, a thread ``stats`` adds a line to the file every second; the last one is added at its end.

    That thread alone writes, so that a disk that does not answer holds up nobody else for long.

    Args:
        path: added to if it exists.
        facts: what a line holds beside its ``time``; called on the thread.
        every_s: seconds between two lines.

    Raises:
        SinkError: the file cannot be opened; at the end: a line could not be written.
    """

    def __init__(self, path: Path, facts: Callable[[], Mapping[str, Any]], *, every_s: float = EVERY_S) -> None:
        self._path = path
        self._facts = facts
        self._every_s = every_s
        self._failure: OSError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="stats", daemon=True)
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._explained(error) from error

    def __enter__(self) -> StatsLog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(LEAVE_S)
        if self._thread.is_alive():
            raise self._explained(TimeoutError("the disk does not answer"))
        if self._failure is not None:
            raise self._explained(self._failure) from self._failure

    def _keep_writing(self) -> None:
        while not self._ended.wait(self._every_s):
            self._write_line()
        self._write_line()
        try:
            self._file.close()
        except OSError as error:  # what a failed write left in the buffer fails once more
            self._failure = self._failure or error

    def _write_line(self) -> None:
        """One line, in the file before this returns; after a failure no more are tried."""
        if self._failure is not None:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._file.write(json.dumps({"time": time, **self._facts()}) + "\n")
            self._file.flush()
        except OSError as error:
            self._failure = error
            logger.warning("%s", self._explained(error))

    def _explained(self, error: OSError) -> SinkError:
        return SinkError(f"statistics cannot be written to {self._path}: {error.strerror or error}")
