"""A sink that keeps nothing, for measuring and for dry runs."""

from __future__ import annotations

from streamer.frames import Frame


class NullSink:
    """Counts the frames."""

    def __init__(self) -> None:
        self.count = 0
        """Frames so far."""

    def write(self, frame: Frame) -> None:
        """Count it."""
        self.count += 1

    def close(self) -> None:
        """Nothing to finish."""

    def abort(self) -> None:
        """Nothing to undo."""
