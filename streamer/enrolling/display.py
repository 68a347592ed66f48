"""How far an enrolment is, on the terminal; without one only what the person has to do."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

DRAWS_PER_S = 8


class Display:
    """One bar for what is being done.

    Args:
        console: where to draw; on one that is no terminal there are no bars.
    """

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TimeRemainingColumn())
        self._bar = Progress(
            *columns, console=console, refresh_per_second=DRAWS_PER_S, transient=True, disable=not console.is_terminal
        )
        self._console = console
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """Tell the person something, above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def begin(self, what: str, total: float | None) -> Callable[[], None]:
        """Another bar takes the place of the last; the result moves it on by one. ``total`` None = nobody knows."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = task = self._bar.add_task(what, total=total)
        return lambda: self._bar.advance(task)

    def reach(self, done: float) -> None:
        """The bar stands at ``done`` of its total."""
        if self._task is not None:
            self._bar.update(self._task, completed=done)

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()
