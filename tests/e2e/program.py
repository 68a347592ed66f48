"""Runs the program as a user does: ``run_stream.py`` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from media import Clip
from networks import red_means_person
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
PATIENCE_S = 100.0
SIZE = (160, 96)
ROOM, PERSON = (20, 110, 60), (230, 30, 40)


@dataclass(frozen=True)
class Ended:
    """How the program ended."""

    code: int
    out: str
    err: str


class Program:
    """The program in one folder, with a network of known matte: red is the person."""

    def __init__(self, folder: Path, display: str | None = None) -> None:
        self.folder = folder
        self.display = display
        self.weights = red_means_person(folder / "red.safetensors")

    def run(self, *args: str, before: Callable[[], None] | None = None) -> Ended:
        """Run to the end."""
        ended = subprocess.run(
            self._command(args),
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
            preexec_fn=before,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def matte(self, *args: str, before: Callable[[], None] | None = None) -> Ended:
        """Run with the known network on the CPU."""
        return self.run(*args, "--weights", str(self.weights), "--device", "cpu", before=before)

    @contextmanager
    def running(
        self, *args: str, terminal: int | None = None, stdout: int = subprocess.PIPE
    ) -> Iterator[subprocess.Popen[str]]:
        """Run meanwhile, with the known network; in a terminal, if the descriptor of one is given."""
        command = self._command((*args, "--weights", str(self.weights), "--device", "cpu"))
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdin=terminal,
            stdout=stdout if terminal is None else terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
            encoding="utf-8",
            start_new_session=terminal is not None,
            preexec_fn=_heed_interrupts if terminal is None else _own_terminal,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def files(self) -> list[str]:
        """Everything that lies in the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def _command(self, args: tuple[str, ...]) -> list[str]:
        return [sys.executable, str(ROOT / "run_stream.py"), *args]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "STREAMER_DEBUG")}
        if self.display is not None:
            kept["DISPLAY"] = self.display
        return {**kept, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def _heed_interrupts() -> None:
    """A shell starts background jobs with Ctrl-C switched off, and so may whatever runs the tests; nohup SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _own_terminal() -> None:
    """What a shell does for the program in its window."""
    import fcntl
    import termios

    _heed_interrupts()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the file is there."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > give_up_at_s:
            out, err = process.communicate(timeout=PATIENCE_S) if process.poll() is not None else ("", "")
            raise AssertionError(f"{path.name} never appeared: {out}{err}")
        time.sleep(0.01)


def square_at(number: int) -> int:
    """Left edge of the person in a frame of ``room``."""
    return 10 + 2 * (number % 50)


def room(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A green room with a red person, 40 wide and 60 tall, who moves to the right."""
    image = np.full((size[1], size[0], 3), ROOM, np.uint8)
    image[20:80, square_at(number) : square_at(number) + 40] = PERSON
    return image


def room_clip(path: Path, **changes: Any) -> Path:
    """A video of ``room``."""
    return Clip(**{"size": SIZE, "count": 20, **changes}).write(path, room)


def decoded(path: Path, pixel_format: str = "rgb24") -> list[NDArray[np.uint8]]:
    """Every frame of a video."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0)]
