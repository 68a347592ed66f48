"""What a run has left behind: the summary lines, what went wrong, and the statistics as a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamer.build import Stream
from streamer.errors import SinkError
from streamer.picture_names import is_pattern
from streamer.progress import ProgressBar
from streamer.sinks import is_file
from streamer.stats import Snapshot
from streamer.stats_log import SUFFIX, StatsLog


class Report:
    """Compares the outputs before and after a run.

    Args:
        stream: before it runs.
        bar: counts the frames.
    """

    def __init__(self, stream: Stream, bar: ProgressBar) -> None:
        self._stream = stream
        self._bar = bar
        self._before = {output: _identity(output) for output in stream.outputs}
        self._snapshot: Snapshot = stream.pipeline.snapshot()

    def finish(self) -> None:
        """Take the measurements; call it when the run is over."""
        self._snapshot = self._stream.pipeline.snapshot()

    def lines(self) -> list[str]:
        """Where each output lies, how the run went, and what the sinks noted; nothing when no frame was written."""
        if not self._bar.frames:
            return []
        figures = self._figures()
        kept = self._kept()
        shown = [output for output in self._stream.outputs if not is_file(output)]
        places = [str(Path(output).absolute()) for output in kept]
        first = f"wrote {' and '.join(places)}: {figures}" if places else f"{' and '.join(shown)}: {figures}"
        if not places and not shown:
            return []
        return [first, *(f"note: {note}" for note in self._stream.notes)]

    def interruption(self, ending: str) -> str:
        """What Ctrl-C or a signal has left of a run that ended so."""
        kept = self._kept()
        if kept:
            return f"{ending} after {_count(self._bar.frames)}, which {_are(self._bar.frames)} in {' and '.join(kept)}"
        files = any(is_file(output) for output in self._stream.outputs)
        return ending + (": nothing was written" if files else "")

    def trouble(self) -> str:
        """What is missing from an output that was finished all the same; empty if nothing is."""
        counters = self._snapshot.counters
        parts = []
        if bad := counters.get("bad_frames", 0):
            parts.append(f"{_count(bad)} of {self._stream.info.name} could not be decoded and {_are(bad)} missing")
        if failed := counters.get("failed_frames", 0):
            parts.append(f"{_count(failed)} could not be matted and {_are(failed)} shown as the safe picture")
        if doubted := counters.get("implausible_frames", 0):
            parts.append(
                f"{_count(doubted)} had a matte that cannot be true and {_are(doubted)} shown as the safe picture"
            )
        if not self._stream.info.is_live:
            return "; ".join(parts)
        return ""  # live, both were logged when they happened, and there is no output to be whole

    @contextmanager
    def kept_in(self, path: Path | None) -> Iterator[None]:
        """Write the measurements of what happens within the ``with``: lines meanwhile, or one JSON text at its end.

        Args:
            path: of a ``.jsonl`` file, which is added to, or of another, which is replaced; None = nothing is written.

        Raises:
            SinkError: the file cannot be written.
        """
        if path is None:
            yield
        elif path.suffix.lower() == SUFFIX:
            with StatsLog(path, lambda: self._facts(self._stream.pipeline.snapshot())):
                yield
        else:
            try:
                yield
            finally:
                self._write_json(path)

    def _facts(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "input": self._stream.info.name,
            "outputs": list(self._stream.outputs),
            "size": str(self._stream.info.size),
            "fps": float(self._stream.info.fps),
            "is_live": self._stream.info.is_live,
            "matte": self._stream.segmenter.description,
            "frames": self._bar.frames,
            "plate_age_s": self._stream.figures.plate_age_s(),
            **snapshot.as_dict(),
        }

    def _write_json(self, path: Path) -> None:
        """Whole or not at all."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(self._facts(self._snapshot), indent=2) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SinkError(f"statistics cannot be written to {path}: {error.strerror or error}") from error

    def _figures(self) -> str:
        elapsed_s, frames = self._snapshot.elapsed_s, self._bar.frames
        parts = [f"{_count(frames)} in {elapsed_s:.1f} s ({frames / elapsed_s if elapsed_s > 0 else 0:.1f} fps)"]
        if self._stream.info.is_live:
            parts.append(f"{self._snapshot.dropped} dropped, latency p95 {self._snapshot.latency.p95_ms:.0f} ms")
        parts.append(self._stream.segmenter.description)
        return ", ".join(parts)

    def _kept(self) -> list[str]:
        """File outputs that lie there now and did not before, under their own name or beside an older one."""
        own = [output for output, before in self._before.items() if _identity(output) not in (None, before)]
        return own + [str(path) for path in self._stream.partials]


def _identity(output: str) -> tuple[int, int] | None:
    """Tells whether a file is another one than it was; of numbered pictures their folder does."""
    if not is_file(output):
        return None
    path = Path(output)
    try:
        found = (path.parent if is_pattern(output) else path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _count(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
