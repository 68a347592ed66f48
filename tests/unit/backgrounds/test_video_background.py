from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import media
import numpy as np
import pytest

from streamer.backgrounds import open_background
from streamer.backgrounds.looped import LoopReader
from streamer.backgrounds.video import AHEAD_FRAMES, AheadShots, Shot, VideoBackground
from streamer.frames import Frame, Image, Size
from streamer.interfaces import Background
from streamer.sources import open_source

SIZE = Size(64, 48)
NOBODY = np.zeros((48, 64), np.float32)
WAIT_S = 20.0


def write_video(
    path: Path, levels: list[int], *, pts: list[int] | None = None, size: Size = SIZE, title: str = ""
) -> Path:
    """Plain grey frames, 10 a second unless ``pts`` (tenths of a second) says otherwise; lossless."""
    with av.open(str(path), "w") as container:
        if title:
            container.metadata["title"] = title
        codec, pixels = ("gif", "rgb8") if path.suffix == ".gif" else ("ffv1", "bgr0")
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, pixels
        for index, level in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((size.height, size.width, 3), level, np.uint8), "rgb24")
            frame.pts, frame.time_base = (pts[index] if pts else index), Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def frame_at(time_s: float, size: Size = SIZE) -> Frame:
    return Frame(np.zeros((size.height, size.width, 3), np.uint8), 0, time_s, time_s)


def levels_at(background: Background, times_s: list[float]) -> list[int]:
    images = [background.image_for(frame_at(time_s), NOBODY) for time_s in times_s]
    return [int(image[0, 0, 0]) for image in images if image is not None]


@pytest.fixture
def opened() -> Iterator[Callable[[Path, bool], Background]]:
    backgrounds: list[Background] = []

    def open_one(path: Path, is_live: bool = False) -> Background:
        backgrounds.append(open_background(str(path), size=SIZE, is_live=is_live))
        return backgrounds[-1]

    yield open_one
    for background in backgrounds:
        background.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "background-video"]


def test_video_runs_by_the_time_of_the_frames_and_loops(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "steps.mkv", [10, 20, 30]))
    times_s = [0.0, 0.04, 0.11, 0.19, 0.22, 0.31, 0.41, 0.51, 0.61, 0.99]
    assert levels_at(background, times_s) == [10, 10, 20, 20, 30, 10, 20, 30, 10, 10]


def test_time_counts_from_the_first_frame_shown(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "steps.mkv", [10, 20, 30]))
    assert levels_at(background, [100.0, 100.11, 100.21]) == [10, 20, 30]


def test_variable_frame_rate_is_kept(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "vfr.mkv", [10, 20, 30], pts=[0, 1, 8]))
    assert levels_at(background, [0.0, 0.15, 0.5, 0.75, 0.81]) == [10, 20, 20, 20, 30]


def test_same_frames_same_pictures(tmp_path: Path, opened: Callable[..., Background]) -> None:
    path = write_video(tmp_path / "steps.mkv", list(range(0, 250, 10)))
    times_s = np.random.default_rng(0).uniform(0, 9, 50)
    runs = [levels_at(opened(path), sorted(times_s.tolist())) for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 10


def test_animated_gif_is_a_video(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "steps.gif", [0, 255]))
    assert [level > 127 for level in levels_at(background, [0.0, 0.11, 0.21, 0.31])] == [False, True, False, True]


def test_single_frame_stays(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "one.mkv", [70]))
    assert levels_at(background, [0.0, 5.0, 5000.0]) == [70, 70, 70]


def test_video_fills_the_frame_without_distortion(tmp_path: Path) -> None:
    path = tmp_path / "disc.mkv"
    disc = np.zeros((120, 320, 3), np.uint8)
    cv2.circle(disc, (160, 60), 30, (255, 255, 255), -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 120, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(disc, "rgb24")))
        container.mux(stream.encode())
    background = open_background(str(path), size=Size(90, 160), is_live=False)
    inside = background.safe_image(Size(90, 160))[..., 0] > 127
    background.close()
    width, height = int(inside.any(axis=0).sum()), int(inside.any(axis=1).sum())
    assert abs(width - 80) <= 2
    assert abs(height - 80) <= 2


def test_safe_picture_is_the_first_then_the_one_shown(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "steps.mkv", [10, 20, 30]))
    assert background.safe_image(SIZE)[0, 0, 0] == 10
    levels_at(background, [0.0, 0.21])
    assert np.all(background.safe_image(Size(20, 30)) == 30)


def test_truncated_video_loops_over_what_is_whole(tmp_path: Path, opened: Callable[..., Background]) -> None:
    path = write_video(tmp_path / "steps.mkv", [10, 20, 30, 40, 50, 60])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 7 // 10])
    levels = levels_at(opened(path), [index / 10 + 0.01 for index in range(12)])
    assert levels[:3] == [10, 20, 30]
    assert levels.count(10) >= 2


def test_live_video_never_waits_and_arrives(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "steps.mkv", [10, 20, 30]), True)
    seen: list[int] = []
    begun_at_s = time.monotonic()
    while set(seen) != {10, 20, 30} and time.monotonic() - begun_at_s < 60:
        seen += levels_at(background, [time.monotonic() - begun_at_s])
        time.sleep(0)  # each call answers at once; let the decoder's thread have the processor in between
    assert set(seen) == {10, 20, 30}


class Endless:
    """A reader that gives picture after picture, and notes when it has been asked for more than fit the queue."""

    def __init__(self) -> None:
        self.given = 0
        self.ended = False
        self.queue_is_full = threading.Event()

    def frames(self) -> Iterator[tuple[float, int]]:
        try:
            while True:
                self.given += 1
                if self.given > AHEAD_FRAMES:
                    self.queue_is_full.set()
                yield self.given / 10, self.given
        finally:
            self.ended = True

    def picture(self, level: int) -> Image:
        return np.full((48, 64, 3), level, np.uint8)


def test_live_decoder_stays_a_few_pictures_ahead_and_stops_when_told() -> None:
    reader = Endless()
    shots = AheadShots(reader)  # type: ignore[arg-type]
    assert shots.due(0.0) is None
    assert reader.queue_is_full.wait(WAIT_S)
    shots.close()
    shots.close()
    assert reader.given <= AHEAD_FRAMES + 2  # one in the thread's hand, one taken out by due() if it came in time
    assert reader.ended
    assert shots.due(1.0) is not None, "what was decoded is still there"


def test_live_decoder_that_was_never_asked_starts_no_thread() -> None:
    shots = AheadShots(Endless())  # type: ignore[arg-type]
    shots.close()
    assert shots.due(1.0) is None


@pytest.mark.expects_error_log
def test_live_decoder_that_fails_keeps_the_last_picture() -> None:
    class Failing(Endless):
        def picture(self, level: int) -> Image:
            raise MemoryError("no room")

    shots = AheadShots(Failing())  # type: ignore[arg-type]
    background = VideoBackground(np.full((48, 64, 3), 9, np.uint8), shots, is_live=True)
    assert levels_at(background, [0.0]) == [9]
    shots._thread.join(WAIT_S)
    assert levels_at(background, [50.0]) == [9]
    background.close()


class Script:
    """Shots that become due only when a test puts them there."""

    def __init__(self) -> None:
        self.ready: list[Shot] = []

    def due(self, now_s: float) -> Shot | None:
        latest = None
        while self.ready and self.ready[0].at_s <= now_s:
            latest = self.ready.pop(0)
        return latest

    def close(self) -> None:
        self.ready.clear()


def test_live_video_that_fell_behind_plays_on_from_where_it_is() -> None:
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in range(60)]
    script = Script()
    background = VideoBackground(pictures[0], script, is_live=True)
    assert levels_at(background, [0.0, 5.0]) == [0, 0]
    script.ready = [Shot(0.1, pictures[1])]
    assert levels_at(background, [5.0]) == [1]
    script.ready = [Shot(0.2, pictures[2]), Shot(0.3, pictures[3])]
    assert levels_at(background, [5.05, 5.11, 5.21]) == [1, 2, 3]


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_video_lies_as_it_does_as_an_input(
    tmp_path: Path, opened: Callable[..., Background], clockwise: int, mirrored: bool
) -> None:
    def corners(number: int) -> Image:
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :32], picture[:24, 32:], picture[24:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
        return picture

    path = media.rotated(tmp_path / "clip.mp4", clockwise, corners, mirrored=mirrored, size=(64, 48))
    source = open_source(str(path))
    seen = next(iter(source)).image
    source.close()
    size = Size(seen.shape[1], seen.shape[0])
    shown = opened(path).safe_image(size)
    if clockwise % 180 == 0:  # else it is cut to the size it was opened for
        assert np.abs(shown.astype(int) - seen).mean() < 4
    height, width = shown.shape[:2]
    for y, x in ((0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8)):
        there, expected = (image[int(y * height), int(x * width)].astype(int) for image in (shown, seen))
        assert np.abs(there - expected).max() < 60


def test_metadata_of_another_alphabet_is_no_reason_to_fail(tmp_path: Path, opened: Callable[..., Background]) -> None:
    path = write_video(tmp_path / "old.mkv", [10, 20, 30], title="B?cher am See")
    path.write_bytes(path.read_bytes().replace(b"B?cher", b"B\xfccher"))
    assert levels_at(opened(path), [0.0, 0.11]) == [10, 20]


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize("name", ["12:30 sunset.mkv", "file:sunset.mkv", "http:sunset.mkv"])
def test_a_name_with_a_colon_is_that_of_a_file(
    tmp_path: Path, opened: Callable[..., Background], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_video(tmp_path / name, [10, 20])
    monkeypatch.chdir(tmp_path)
    assert levels_at(opened(Path(name)), [0.0, 0.11]) == [10, 20]


def test_a_video_without_times_runs_at_its_rate(tmp_path: Path, opened: Callable[..., Background]) -> None:
    raw = tmp_path / "camera.h264"
    with av.open(str(raw), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            picture = np.full((48, 64, 3), 5 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    shown = np.array(levels_at(opened(raw), [0.0, 0.5, 1.0, 1.5]))
    assert np.abs(shown - [0, 60, 125, 185]).max() <= 12


def test_a_clock_that_jumps_ahead_holds_nothing_up(tmp_path: Path, opened: Callable[..., Background]) -> None:
    background = opened(write_video(tmp_path / "cut.mkv", [10, 20, 30, 40, 50], pts=[0, 1, 2, 36000, 36001]))
    assert levels_at(background, [0.0, 0.11, 0.21, 0.31, 0.41]) == [10, 20, 30, 40, 50]


def test_recordings_put_one_behind_the_other_are_all_shown(tmp_path: Path, opened: Callable[..., Background]) -> None:
    joined = b""
    for levels in ((10, 60, 110), (160, 200, 240)):
        part = tmp_path / "part.ts"
        with av.open(str(part), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25, options={"g": "1", "qmin": "1", "qmax": "1"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for level in levels:
                picture = np.full((48, 64, 3), level, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
        joined += part.read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(joined)
    shown = np.array(levels_at(opened(path), [number / 25 + 0.001 for number in range(6)]))
    assert np.abs(shown - [10, 60, 110, 160, 200, 240]).max() <= 4


def test_a_decoder_that_hangs_is_left_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.backgrounds.video.LEAVE_S", 0.01)
    answers, hangs = threading.Event(), threading.Event()

    class Hanging(LoopReader):
        def frames(self) -> Generator[tuple[float, av.VideoFrame], None, None]:
            hangs.set()
            answers.wait(WAIT_S)
            yield from ()

    shots = AheadShots(Hanging(tmp_path / "on a drive that is gone.mp4", SIZE))
    assert shots.due(0.0) is None
    assert hangs.wait(WAIT_S)
    shots.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the background video does not answer, and is left behind"
    ]
    answers.set()
    shots._thread.join(WAIT_S)


@pytest.mark.parametrize(("name", "begins_s"), [("b.mkv", 0.0), ("b.mp4", 0.0), ("b.mp4", 0.2)])
def test_at_the_rate_of_the_frames_every_picture_is_shown_once(tmp_path: Path, name: str, begins_s: float) -> None:
    path, size = media.Clip(count=30, fps=Fraction(30)).write(tmp_path / name), Size(*media.SIZE)
    shown = open_background(str(path), size=size, is_live=False)
    images = [shown.image_for(frame_at(begins_s + number / 30, size), NOBODY) for number in range(90)]  # three loops
    shown.close()
    assert [media.read_number(image) for image in images if image is not None] == [*range(30)] * 3


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_a_matrix_that_the_converter_does_not_know_is_read_like_an_input(
    opened: Callable[[Path, bool], Background], tmp_path: Path, matrix: int
) -> None:
    path = media.Clip(count=2, tags={"colorspace": matrix}).write(tmp_path / "b.mp4")
    assert levels_at(opened(path, False), [0.0])
