"""A recording beside a watched sink, with a disk that a test stops and lets go."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from streamer.errors import SinkError
from streamer.frames import Frame
from streamer.sinks import beside
from streamer.sinks.beside import WAITING_FRAMES, Beside

WAIT_S = 20.0


class Disk:
    """A sink that a test stops."""

    def __init__(self) -> None:
        self.notes = ["a note"]
        self.written: list[int] = []
        self.error: Exception | None = None
        self.answers, self.reached = threading.Event(), threading.Event()
        self.answers.set()
        self.ended: list[str] = []

    def write(self, frame: Frame) -> None:
        self.reached.set()
        assert self.answers.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        self.written.append(frame.index)

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.answers.set()


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, index / 25, 0.0)


def test_every_frame_is_written_in_order_and_the_sink_closed(disk: Disk) -> None:
    recording = Beside(disk, "rec.mp4")
    for index in range(WAITING_FRAMES):
        recording.write(frame(index))
    recording.close()
    assert disk.written == list(range(WAITING_FRAMES))
    assert disk.ended == ["closed"]
    assert recording.notes == ["a note"]


def test_a_disk_that_stands_still_holds_nothing_up_and_the_loss_is_told(disk: Disk) -> None:
    disk.answers.clear()
    recording = Beside(disk, "rec.mp4")
    recording.write(frame(0))
    assert disk.reached.wait(WAIT_S)
    for index in range(1, WAITING_FRAMES + 4):
        recording.write(frame(index))
    disk.answers.set()
    recording.close()
    assert disk.written == list(range(WAITING_FRAMES + 1))
    assert recording.notes[1:] == ["3 frames are missing in rec.mp4: it could not be written as fast."]


def test_a_failure_comes_with_the_next_frame_and_with_the_end(disk: Disk) -> None:
    disk.error = SinkError("the disk is full")
    recording = Beside(disk, "rec.mp4")
    recording.write(frame(0))
    with pytest.raises(SinkError, match="full"):
        recording.close()
    with pytest.raises(SinkError, match="full"):
        recording.write(frame(1))
    recording.abort()
    assert disk.ended == ["aborted"]


def test_giving_up_drops_what_waits(disk: Disk) -> None:
    disk.answers.clear()
    recording = Beside(disk, "rec.mp4")
    for index in range(5):
        recording.write(frame(index))
    assert disk.reached.wait(WAIT_S)
    recording._given_up.set()
    disk.answers.set()
    recording.abort()
    recording.abort()
    assert disk.written == [0]
    assert disk.ended == ["aborted", "aborted"]


def test_a_disk_that_never_answers_does_not_hold_up_the_end(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(beside, "FINISH_S", 0.01)
    monkeypatch.setattr(beside, "LEAVE_S", 0.01)
    disk.answers.clear()
    recording = Beside(disk, "rec.mp4")
    for index in range(WAITING_FRAMES + 2):
        recording.write(frame(index))
    with pytest.raises(SinkError, match="the disk does not answer"):
        recording.close()
    recording.abort()
    assert disk.ended == []
    assert "left behind" in caplog.text
    disk.answers.set()
    recording._thread.join(WAIT_S)


def test_nothing_written_is_nothing_to_wait_for(disk: Disk) -> None:
    recording = Beside(disk, "rec.mp4")
    recording.abort()
    assert disk.ended == ["aborted"]
