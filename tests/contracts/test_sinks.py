"""What every sink promises (``Sink``), asked of every sink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import make_frame

from streamer.errors import SinkError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import Sink, SourceInfo
from streamer.sinks import preview
from streamer.sinks.null import NullSink
from streamer.sinks.pictures import PictureSink, SequenceSink
from streamer.sinks.preview import PreviewSink
from streamer.sinks.video_file import VideoFileSink
from streamer.sinks.virtual_camera import VirtualCameraSink

SIZE = Size(64, 48)
INFO = SourceInfo("source", SIZE, Fraction(25), is_live=False)


class Camera:
    device = "virtual"

    def __init__(self, *_: object) -> None: ...
    def send(self, image: Image) -> None: ...
    def close(self) -> None: ...


@dataclass
class Case:
    open: Callable[[Path], Sink]
    files: int = 0
    """How many files two frames (of a still: one) leave."""
    takes: int = 2
    keeps_after_abort: bool = False
    """Each file is a result of its own."""
    refuses_after_close: bool = True


CASES = {
    "null": Case(lambda folder: NullSink(), refuses_after_close=False),
    "picture": Case(lambda folder: PictureSink(folder / "out.png"), files=1, takes=1),
    "sequence": Case(lambda folder: SequenceSink(str(folder / "%06d.png")), files=2, keeps_after_abort=True),
    "preview": Case(lambda folder: PreviewSink(SIZE), refuses_after_close=False),
    "virtual camera": Case(lambda folder: VirtualCameraSink(SIZE, Fraction(25), open_camera=Camera)),
    "video .mp4": Case(lambda folder: VideoFileSink(folder / "out.mp4", INFO), files=1),
    "video .mov": Case(lambda folder: VideoFileSink(folder / "out.mov", INFO), files=1),
    "video .mkv": Case(lambda folder: VideoFileSink(folder / "out.mkv", INFO), files=1),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(preview, "check_display", lambda: None)
    for name in ("namedWindow", "resizeWindow", "imshow", "destroyWindow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "waitKeyEx", lambda *_: -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    return CASES[request.param]


def frames(count: int, grey: bool = False) -> list[Frame]:
    made = [make_frame(index, size=SIZE) for index in range(count)]
    return [frame.with_image(frame.image[..., 0].copy()) for frame in made] if grey else made


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_frames_are_taken_and_left_as_they_are(case: Case, tmp_path: Path, grey: bool) -> None:
    sink = case.open(tmp_path)
    for frame in frames(case.takes, grey):
        copy = frame.image.copy()
        sink.write(frame)
        np.testing.assert_array_equal(frame.image, copy)
    sink.close()
    assert len(list(tmp_path.iterdir())) == case.files


def test_a_frame_that_may_not_be_written_to_is_taken(case: Case, tmp_path: Path) -> None:
    sink = case.open(tmp_path)
    for frame in frames(case.takes):
        frame.image.flags.writeable = False
        sink.write(frame)
    sink.close()


def test_it_may_be_closed_twice_and_aborted_afterwards_without_loss(case: Case, tmp_path: Path) -> None:
    sink = case.open(tmp_path)
    for frame in frames(case.takes):
        sink.write(frame)
    sink.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    sink.close()
    sink.abort()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert len(before) == case.files


def test_abort_leaves_nothing_unfinished_and_may_be_called_twice(case: Case, tmp_path: Path) -> None:
    sink = case.open(tmp_path)
    for frame in frames(case.takes):
        sink.write(frame)
    sink.abort()
    sink.abort()
    sink.close()
    assert len(list(tmp_path.iterdir())) == (case.files if case.keeps_after_abort else 0)


def test_abort_before_the_first_frame_leaves_nothing(case: Case, tmp_path: Path) -> None:
    case.open(tmp_path).abort()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_sink_takes_no_frame_silently(case: Case, tmp_path: Path) -> None:
    if not case.refuses_after_close:
        pytest.skip("nothing can be lost here")
    sink = case.open(tmp_path)
    for frame in frames(case.takes):
        sink.write(frame)
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        sink.write(frames(1)[0])
