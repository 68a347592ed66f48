"""What the remote control can see and do, without a word of HTTP but the number of a refusal."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from streamer.controls import Controls
from streamer.errors import StreamerError
from streamer.figures import RunningFigures

MOST_BACKGROUNDS = 32
"""So many may be open at once, those of the settings among them."""
_WORDS = re.compile(r"gradient|blur(:.*)?|color:.*", re.DOTALL)
"""Backgrounds that are no file. What ``open_background`` takes for a path must never match."""

logger = logging.getLogger(__name__)


class RefusalError(Exception):
    """A request that cannot be fulfilled.

    Args:
        status: the number that HTTP has for it.
        reason: why, in one line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Remote:
    """Changes the controls, and opens backgrounds that the settings did not name.

    Args:
        controls: of the run.
        figures: of the run.
        add_background: opens the background of a spec, has it shown by the given name from then on, and gives its
            number; raises ``StreamerError``. None = this run cannot show another one.
        folder: files may be chosen from here alone; None = from nowhere.
    """

    def __init__(
        self,
        controls: Controls,
        figures: RunningFigures,
        *,
        add_background: Callable[[str, str], int] | None,
        folder: Path | None = None,
    ) -> None:
        self.controls = controls
        self.figures = figures
        self._add_background = add_background
        self._folder = None if folder is None else folder.expanduser().resolve()
        self._lock = threading.Lock()
        self._added = {name.lower(): index for index, name in enumerate(controls.backgrounds) if _WORDS.fullmatch(name)}

    def paint(self, prompt: str) -> None:
        """Paint these words.

        Raises:
            RefusalError: nothing is painted (409), or there are no words (422).
        """
        if not self.controls.prompts:
            raise RefusalError(409, "nothing is painted by --prompt in this run")
        try:
            self.controls.choose_prompt(prompt)
        except ValueError as error:
            raise RefusalError(422, str(error)) from error

    def paint_number(self, index: int) -> None:
        """Paint that prompt of the settings.

        Raises:
            RefusalError: nothing is painted (409), or there is none of that number (404).
        """
        prompts = self.controls.prompts
        if prompts and index >= len(prompts):
            raise RefusalError(404, f"there is no prompt {index}: they go from 0 to {len(prompts) - 1}")
        self.paint(prompts[index] if prompts else "")

    def show(self, index: int) -> None:
        """Show that background; raises ``RefusalError`` when there is none of that number (404)."""
        try:
            self.controls.choose_background(index)
        except ValueError as error:
            raise RefusalError(404, str(error)) from error

    def show_spec(self, spec: str) -> None:
        """Show what the spec means, and open it first if that was not done before; may take as long as a file takes.

        Raises:
            RefusalError: it is of no known form or cannot be opened (422), it is no file of the folder (404), it lies
                outside (403), or this run shows no other backgrounds (409).
        """
        if spec == "transparent":
            raise RefusalError(409, "an output is transparent or not: that cannot change while it is written")
        if _WORDS.fullmatch(spec):
            name = path = spec.lower()
        else:
            name, path = self._file(spec)
        with self._lock:
            if path not in self._added:
                self._added[path] = self._open(name, path)
        self.show(self._added[path])

    def _open(self, name: str, spec: str) -> int:
        if self._add_background is None:
            raise RefusalError(409, "this run writes no composite with a background, so it can show no other")
        if len(self.controls.backgrounds) >= MOST_BACKGROUNDS:
            raise RefusalError(409, f"{MOST_BACKGROUNDS} backgrounds are open, and no more: choose one of them")
        try:
            return self._add_background(spec, name)
        except StreamerError as error:
            raise RefusalError(422, " ".join(str(error).split())) from error
        except Exception as error:  # damaged files fail in many ways; none of them is the program's end
            logger.warning("background %s cannot be opened", name, exc_info=True)
            raise RefusalError(422, f"background '{name}' cannot be opened: {type(error).__name__}") from error

    def _file(self, spec: str) -> tuple[str, str]:
        """Name and path of a file in the folder; one that is elsewhere is refused whether or not it exists."""
        if self._folder is None:
            raise RefusalError(403, "files are refused: start with --api-backgrounds FOLDER to choose from it")
        outside = RefusalError(403, f"background '{spec}' does not lie in the folder that files may be chosen from")
        missing = RefusalError(404, f"there is no background '{spec}' in the folder, nor is it a known form")
        windows, posix = PureWindowsPath(spec), PurePosixPath(spec)
        if windows.anchor or posix.anchor or ".." in (*windows.parts, *posix.parts):
            raise outside
        try:
            path = (self._folder / spec).resolve()
            if not path.is_relative_to(self._folder):
                raise outside
            if not path.is_file():
                raise missing
        except (OSError, ValueError, RuntimeError) as error:  # names that no file can have, links in a circle
            raise missing from error
        return path.relative_to(self._folder).as_posix(), str(path)
