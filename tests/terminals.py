"""A terminal with a shell in it, through tmux."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

PATIENCE_S = 100.0


class Tmux:
    """One shell in one terminal of 120 by 50, in a folder, with a tmux server of its own. Skips where tmux is missing.

    Args:
        folder: where the shell starts, and where the server has its socket.
        shell: its command.
        environment: variables for the shell beside those of this process; an empty one is taken away.
    """

    def __init__(
        self, folder: Path, shell: Sequence[str] = ("bash", "--norc", "--noprofile"), **environment: str
    ) -> None:
        missing = [name for name in ("tmux", shell[0]) if not shutil.which(name)]
        if missing:
            pytest.skip(f"needs {' and '.join(missing)}")
        self._socket = str(folder / "tmux")
        variables = {name: value for name, value in {**os.environ, **environment}.items() if value}
        variables.pop("TMUX", None)
        self._environment = {**variables, "PS1": "$ ", "TERM": "xterm-256color"}
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "50", "-c", str(folder), *shell)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")

    def send(self, *keys: str) -> None:
        """Press keys, by tmux's names: ``n``, ``C-z``, ``Enter``, ``F12``."""
        self._tmux("send-keys", *keys)

    def type(self, line: str) -> None:
        """Type a line, and Enter."""
        self._tmux("send-keys", "-l", line)
        self.send("Enter")

    def text(self) -> str:
        """All that the terminal has shown; a line that was too long for it in one piece."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def wait_for(self, text: str) -> None:
        """Wait until the terminal shows this."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while text not in self.text():
            assert time.monotonic() < give_up_at_s, f"{text!r} never came:\n{self.text()}"
            time.sleep(0.05)

    def send_until(self, key: str, text: str) -> None:
        """Press a key again and again, once a second, until the terminal shows this."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while text not in self.text():
            assert time.monotonic() < give_up_at_s, f"{text!r} never came:\n{self.text()}"
            self.send(key)
            time.sleep(1)

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        return subprocess.run(
            command, env=self._environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout
