"""MediaPipe's selfie models, run by a process of their own under an interpreter that has MediaPipe."""

from __future__ import annotations

import logging
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

import numpy as np
from numpy.typing import NDArray

from models.framing import Framing
from streamer.errors import SegmentationError
from streamer.frames import Alpha
from streamer.peer_python import PEER_HINT
from streamer.segmentation.runtimes import Runtime
from streamer.signals import interrupts_held_back

logger = logging.getLogger(__name__)

WORKER = Path(__file__).parent / "peers" / "mediapipe_worker.py"
QUESTION = struct.Struct("<?HH")
"""As the worker reads it: whether to forget earlier pictures, width, height."""
LANDSCAPE, GENERAL = (256, 144), (256, 256)
"""What the two models take: pictures wider than high, and others; both squeeze the picture."""
START_S = 60.0
"""How long the process may take to load MediaPipe: 3 s, many times as long on a busy machine."""
ANSWER_S = 4.0
"""How long one picture may take: 0.01 s, or 0.1 for the first one."""
AGAIN_S = 10.0
"""A process that ends sooner than that after its start is started again only then."""
LEAVE_S = 1.0
"""How long the thread may take to see that the process is gone."""


def mediapipe_framing(width: int, height: int) -> Framing:
    """How a picture of that size enters."""
    size = LANDSCAPE if width > height else GENERAL
    return Framing(size, size)


class MediapipeRuntime(Runtime):
    """Asks the process for each picture. One that died or hangs costs the picture, and is started again.

    Args:
        python: the interpreter that has MediaPipe.
        start_s: how long the process may take until it is ready.
        answer_s: how long it may take for a picture.
        again_s: shortest time between two starts.
        clock: the time in seconds.

    Raises:
        SegmentationError: that interpreter cannot run it; the message is its own.
    """

    has_memory = True  # its graph smooths over time

    def __init__(
        self,
        python: Path,
        *,
        start_s: float = START_S,
        answer_s: float = ANSWER_S,
        again_s: float = AGAIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._python = python
        self._start_s, self._answer_s, self._again_s = start_s, answer_s, again_s
        self._clock = clock
        self._lock = threading.Lock()
        self._is_closed = False
        self._forgets = False
        self._worker: _Worker | None = None
        self._newest: _Worker | None = None  # the same, or one that is not ready yet
        self._started_at_s = 0.0
        try:
            version = self._started().version
        except SegmentationError as error:
            raise SegmentationError(f"{python} cannot run MediaPipe: {error}; make one that can: {PEER_HINT}") from None
        self.name = f"CPU (MediaPipe {version})"

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        """See ``Runtime``; raises ``SegmentationError`` when the process has ended or gives no answer."""
        height, width = batch.shape[2:]
        pixels = np.rint(batch[0] * 255).astype(np.uint8).transpose(1, 2, 0)
        worker = self._worker or self._started_again()
        question = QUESTION.pack(self._forgets, width, height) + np.ascontiguousarray(pixels).tobytes()
        try:
            answer = worker.ask(question, 4 * width * height, self._answer_s)
        except SegmentationError:
            self._worker = None
            raise
        self._forgets = False
        return np.frombuffer(answer, np.float32).reshape(height, width)

    def reset(self) -> None:
        """Forget earlier frames: the models steady their mattes by them."""
        self._forgets = True

    def close(self) -> None:
        """End the process at once, also one that is being asked. May be called twice."""
        with self._lock:
            self._is_closed = True
            worker, self._newest = self._newest, None
        if worker is not None:
            worker.close()

    def _started_again(self) -> _Worker:
        if self._clock() - self._started_at_s < self._again_s:
            raise SegmentationError("MediaPipe's process has ended, and is started again in a few seconds")
        return self._started()

    def _started(self) -> _Worker:
        with self._lock:
            if self._is_closed:
                raise SegmentationError("the segmenter is closed")
            self._started_at_s = self._clock()
            worker = self._newest = _Worker(self._python)
        worker.wait_until_ready(self._start_s)
        self._worker = worker
        return worker


class _Worker:
    """One process, and the thread that talks with it: a pipe to a process that hangs may block for good."""

    def __init__(self, python: Path) -> None:
        self.version = ""
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            with interrupts_held_back():
                self._process = subprocess.Popen(
                    [str(python), str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
                )
        except OSError as error:
            self._said.close()
            raise SegmentationError(error.strerror or str(error)) from error
        self._questions: SimpleQueue[tuple[bytes, int] | None] = SimpleQueue()
        self._answers: SimpleQueue[bytes | None] = SimpleQueue()  # None = there will be no more
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._talk, name="mediapipe", daemon=True)
        self._thread.start()

    def wait_until_ready(self, patience_s: float) -> None:
        """Wait for the process to say its version."""
        self.version = self._answer(patience_s).decode(errors="replace").strip()

    def ask(self, question: bytes, length: int, patience_s: float) -> bytes:
        """The answer of that many bytes; after a ``SegmentationError`` the process is gone."""
        self._questions.put((question, length))
        return self._answer(patience_s)

    def close(self) -> None:
        """End the process and the thread. May be called twice, from any thread."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._process.kill()
            self._questions.put(None)
            self._thread.join(LEAVE_S)
            with suppress(subprocess.TimeoutExpired):  # stuck in the kernel; it goes when it can
                self._process.wait(LEAVE_S)
            for pipe in (self._process.stdin, self._process.stdout, self._said):
                with suppress(OSError):  # what was not sent yet cannot be sent any more
                    if pipe is not None:
                        pipe.close()

    def _answer(self, patience_s: float) -> bytes:
        try:
            answer = self._answers.get(timeout=patience_s)
        except Empty:
            self.close()
            raise SegmentationError(f"MediaPipe's process gave no answer for {patience_s:g} s and was ended") from None
        if answer is None:
            reason = self._last_words()
            self.close()
            raise SegmentationError(f"MediaPipe's process has ended{reason}")
        return answer

    def _last_words(self) -> str:
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):  # it was ended meanwhile
            self._process.wait(LEAVE_S)
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            return f" ({lines[-1].strip()})" if lines else f" (exit status {self._process.returncode})"
        return ""

    def _talk(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            self._give(stdout.readline())
            while (asked := self._questions.get()) is not None:
                question, length = asked
                stdin.write(question)
                stdin.flush()
                answer = stdout.read(length)
                self._give(answer if len(answer) == length else b"")
        except (OSError, ValueError) as error:  # ValueError: of a pipe that was closed meanwhile
            logger.debug("MediaPipe's process is gone: %s", error)
        finally:
            self._answers.put(None)

    def _give(self, answer: bytes) -> None:
        if not answer:
            raise OSError("the process has ended")
        self._answers.put(answer)
