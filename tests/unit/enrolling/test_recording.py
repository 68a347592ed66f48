"""Which frames are taken from files and cameras, and what does not do."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import Clip

from streamer import sources
from streamer.enrolling.recording import LONGEST_SIDE_PX, Thinned, read_files, record
from streamer.errors import ConfigError, EnrolmentError, SourceError
from streamer.frames import Frame, Size
from streamer.interfaces import SourceInfo


def nothing() -> None:
    pass


def frame(number: int, size: tuple[int, int] = (64, 36), at_s: float = 0.0) -> Frame:
    return Frame(np.full((size[1], size[0], 3), number % 256, np.uint8), number, at_s, at_s)


@pytest.mark.parametrize("count", [5, 30, 31, 61, 1000])
def test_frames_are_taken_evenly_and_not_too_many(count: int) -> None:
    thinned = Thinned(30)
    for number in range(count):
        thinned.add(frame(number))
        assert len(thinned.frames) < 60
    found = thinned.pictures()
    assert min(count, 30) == len(found) or 15 <= len(found) <= 30
    numbers = [one.index for one in thinned.frames]
    assert len(set(np.diff(numbers))) == 1
    assert numbers[-1] >= 0.9 * (count - 1) - 2


def test_pictures_are_shrunk() -> None:
    thinned = Thinned(3)
    thinned.add(frame(1, (1280, 720)))
    assert thinned.pictures()[0].shape == (252, LONGEST_SIDE_PX, 3)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), np.full((96, 160, 3), 90, np.uint8))
    return path


def test_two_files(room: Path, tmp_path: Path) -> None:
    person = Clip(count=40, fps=Fraction(8)).write(tmp_path / "me.mp4")
    found = read_files(str(room), str(person), nothing)
    assert len(found.room) == 1
    assert len(found.person) == 40
    assert found.size == Size(160, 96)


@pytest.mark.parametrize(
    ("name", "expected", "reason"),
    [
        ("short.mp4", EnrolmentError, r"short.mp4 is too short \(1.9 s\)"),
        ("wide.mp4", EnrolmentError, "do not show the same picture: their shapes are 160x96 and 192x96"),
        ("nowhere.mp4", SourceError, "nowhere.mp4 does not exist"),
        ("me.png", ConfigError, "me.png is a picture"),
        ("0", ConfigError, "0 is no file"),
    ],
)
def test_recordings_that_do_not_do(
    name: str, expected: type[Exception], reason: str, room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Clip(count=16, fps=Fraction(8)).write(tmp_path / "short.mp4")
    Clip(count=40, fps=Fraction(8), size=(192, 96)).write(tmp_path / "wide.mp4")
    cv2.imwrite("me.png", np.zeros((96, 160, 3), np.uint8))
    if name == "0":
        monkeypatch.setattr(sources, "open_source", lambda spec, **_: FakeCamera() if spec == "0" else StillRoom())
    with pytest.raises(expected, match=reason):
        read_files(str(room), name, nothing)


class FakeCamera:
    """Ten frames a second, each showing its own number."""

    def __init__(self, is_live: bool = True) -> None:
        self.info = SourceInfo("camera 0", Size(64, 36), Fraction(10), is_live=is_live)
        self.is_closed = False
        self.bad_frames = 0

    def __iter__(self) -> Iterator[Frame]:
        return (frame(number, at_s=100 + number / 10) for number in range(1000))

    def close(self) -> None:
        self.is_closed = True


class StillRoom(FakeCamera):
    def __init__(self) -> None:
        super().__init__(is_live=False)

    def __iter__(self) -> Iterator[Frame]:
        return iter([frame(0)])


def test_a_camera_records_the_room_and_then_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    camera, said = FakeCamera(), []
    monkeypatch.setattr(sources, "open_source", lambda spec, **_: camera)
    found = record("0", nothing, said.append)
    room, person = ([int(picture[0, 0, 0]) for picture in pictures] for pictures in (found.room, found.person))
    assert 50 <= room[0] < room[-1] <= 83  # after 5 s, for 3
    assert person[0] >= 130  # after 5 s more, for 20: all of them
    assert len(person) == 120
    assert camera.is_closed
    assert [line.split()[0] for line in said] == ["Leave", "Recording", "Come", "Recording", "Done."]


def test_what_is_no_camera_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = FakeCamera(is_live=False)
    monkeypatch.setattr(sources, "open_source", lambda spec, **_: camera)
    with pytest.raises(ConfigError, match="is no camera"):
        record("me.mp4", nothing, lambda line: None)
    assert camera.is_closed
