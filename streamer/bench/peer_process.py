"""MediaPipe's model in a process that stays, so that its rounds and ours take turns without loading it anew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from streamer.errors import StreamerError

SCRIPT = Path(__file__).parent / "peers" / "mediapipe_segment.py"
LEAVE_S = 10.0
"""Longest time that it is given to end by itself."""


class PeerProcess:
    """The script ``mediapipe_segment.py`` over one clip; it loads the clip and both models at once.

    Args:
        python: an interpreter that has MediaPipe.
        clip: the video whose frames it keeps.
        folder: for what it says on standard error.

    Raises:
        StreamerError: it could not begin; the message is the last line of what it said.
    """

    def __init__(self, python: Path, clip: Path, folder: Path) -> None:
        self._said = folder / "peer.txt"
        with self._said.open("w") as errors:
            self._process = subprocess.Popen(
                [str(python), str(SCRIPT), str(clip)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            self.what = str(self._answer()["what"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def frame_ms(self, model: int) -> float:
        """One round over all frames: milliseconds a frame of model 0 (general) or 1 (landscape)."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{model}\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._failed() from error
        return float(self._answer()["frame_ms"])

    def close(self) -> None:
        """End the process. May be called twice."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:  # it has ended with a question unread
                    continue
        try:
            process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # its libraries may say something, too
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise self._failed()

    def _failed(self) -> StreamerError:
        status = self._process.wait()
        lines = self._said.read_text(errors="replace").strip().splitlines() or [f"exit status {status}"]
        return StreamerError(f"MediaPipe's process failed in the bench: {lines[-1]}")
