"""How far the run is, on the terminal; nothing at all when there is none."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from streamer.frames import Frame
from streamer.interfaces import SourceInfo

DRAWS_PER_S = 8


class ProgressBar:
    """Frame, fps and remaining time of a run, and the count of its frames for the summary.

    Args:
        console: where to draw; nothing is drawn on one that is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self.frames = 0
        """Frames written so far."""
        self._console = console
        self._bar: Progress | None = None

    def begin(self, info: SourceInfo) -> None:
        """Start drawing, now that it is known what comes."""
        if not self._console.is_terminal:
            return
        total = info.frame_count
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), _Frames(), _Rate()]
        if total is None:
            columns.insert(0, SpinnerColumn())
        else:
            columns[1:1] = [BarColumn(bar_width=None)]
            columns.append(TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, refresh_per_second=DRAWS_PER_S, transient=True)
        self._bar.add_task(info.name, total=total)
        self._bar.start()

    def advance(self, frame: Frame) -> None:
        """One more frame is written."""
        self.frames += 1
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.frames)

    def end(self) -> None:
        """Take the bar off the terminal. May be called twice."""
        if self._bar is not None:
            with suppress(OSError):  # the terminal is gone
                self._bar.stop()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()


class _Frames(ProgressColumn):
    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:.0f}"
        return Text(f"{task.completed:.0f}{total} frames")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f} fps")
