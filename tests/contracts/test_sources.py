"""What every source promises (``FrameSource``), asked of every source."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamer.interfaces import FrameSource
from streamer.sources.camera import CameraSource
from streamer.sources.demo import DemoSource
from streamer.sources.network import NetworkSource
from streamer.sources.paced import PacedSource
from streamer.sources.pictures import SequenceSource, StillSource
from streamer.sources.video_file import VideoFileSource

COUNT = 4


class Endless:
    """A camera with an endless supply of pictures."""

    def __init__(self, *_: object) -> None:
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, prop: int, value: float) -> bool:
        return True

    def get(self, prop: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.001)  # the pace of the device
        return not self.is_released, np.zeros((24, 32, 3), np.uint8)

    def release(self) -> None:
        self.is_released = True


def clip(folder: Path) -> Path:
    path = folder / "clip.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=100)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for index in range(COUNT):
            image = np.full((24, 32, 3), 50 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def pictures(folder: Path) -> list[Path]:
    paths = [folder / f"{index}.png" for index in range(COUNT)]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((24, 32, 3), np.uint8))
    return paths


Opener = Callable[[Path], FrameSource]
OPENERS: dict[str, Opener] = {
    "video file": lambda folder: VideoFileSource(clip(folder)),
    "still": lambda folder: StillSource(pictures(folder)[0]),
    "endless still": lambda folder: StillSource(pictures(folder)[0], is_endless=True),
    "sequence": lambda folder: SequenceSource(pictures(folder), name="pictures", fps=Fraction(100)),
    "demo": lambda folder: DemoSource(end_s=0.1),
    "paced file": lambda folder: PacedSource(VideoFileSource(clip(folder))),
    "paced demo": lambda folder: PacedSource(DemoSource(is_endless=True)),
    "camera": lambda folder: CameraSource(0, open_capture=Endless),
    "network": lambda folder: NetworkSource(str(clip(folder))),
}


@pytest.fixture(params=list(OPENERS))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> FrameSource:
    return OPENERS[request.param](tmp_path)


def test_info_tells_name_size_and_rate(source: FrameSource) -> None:
    source.close()
    info = source.info
    assert info.name
    assert info.size.width > 0
    assert info.size.height > 0
    assert isinstance(info.fps, Fraction)
    assert info.fps > 0
    assert info.frame_count is None or info.frame_count > 0
    assert not (info.is_still and info.is_live)


def test_frames_are_upright_rgb_of_the_size_that_info_tells_in_order_of_time(source: FrameSource) -> None:
    frames = list(islice(iter(source), COUNT))
    source.close()
    assert frames
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (source.info.size.height, source.info.size.width, 3)
        assert frame.captured_at_s <= time.monotonic()
    for one, next_one in pairwise(frames):
        assert next_one.index > one.index
        assert next_one.pts_s > one.pts_s
        assert next_one.captured_at_s >= one.captured_at_s
        if not source.info.is_live:
            assert next_one.index == one.index + 1
    if not source.info.is_live:
        assert frames[0].index == 0


def test_a_known_number_of_frames_is_true(source: FrameSource) -> None:
    if source.info.frame_count is None or source.info.is_live:
        source.close()
        pytest.skip("it does not say how many frames come, or drops some")
    assert len(list(source)) == source.info.frame_count
    source.close()


def test_pixels_that_were_given_never_change(source: FrameSource) -> None:
    frames = islice(iter(source), 3)
    first = next(frames)
    copy = first.image.copy()
    for _ in frames:
        pass
    np.testing.assert_array_equal(first.image, copy)
    source.close()


def test_nothing_was_bad(source: FrameSource) -> None:
    list(islice(iter(source), COUNT))
    assert source.bad_frames == 0
    source.close()


def test_it_may_be_closed_twice_and_unread_and_gives_nothing_afterwards(source: FrameSource) -> None:
    source.close()
    source.close()
    assert list(source) == []


def test_close_from_another_thread_ends_the_iteration(source: FrameSource) -> None:
    frames = iter(source)
    next(frames)
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join(20)
    assert not closer.is_alive()
    assert len(list(islice(frames, 50))) <= 1, "at most the frame that was under way may still come"
    source.close()
