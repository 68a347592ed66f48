"""What is learnt from: small pictures of the empty room and of the person, which are never written to a disk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streamer import sources
from streamer.errors import ConfigError, EnrolmentError, SourceError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import FrameSource
from streamer.picture_names import is_picture
from streamer.scaling import shrink
from streamer.sources import CameraRequest

LONGEST_SIDE_PX = 448
"""Pictures are shrunk to this: larger than the network's input, so that training may come closer."""
ROOM_FRAMES, PERSON_FRAMES = 30, 120
"""About how many frames of each are used, evenly over the time."""
ROOM_S, PERSON_S = 3.0, 20.0
"""How long a camera records each."""
PAUSE_S = 5.0
"""Time to leave the picture, and to come back."""
SHORTEST_S = 4.0
"""With less of the person there is nothing to hold back for an honest score."""
MOST_UNLIKE = 0.02
"""How far the shapes of the two recordings may differ."""
CAMERA = CameraRequest(1280, 720, 30)
"""As in the preset webcam: the network is to see what it will see later."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """RGB uint8 pictures ``(h, w, 3)`` of the empty room and, all of one size, of the person; in order."""

    room: list[Image]
    person: list[Image]

    @property
    def size(self) -> Size:
        """Of the pictures of the person."""
        height, width = self.person[0].shape[:2]
        return Size(width, height)


@dataclass
class Thinned:
    """Keeps frames evenly over a time whose length is not known beforehand: at most twice ``limit``."""

    limit: int
    frames: list[Frame] = field(default_factory=list)
    _stride: int = 1
    _seen: int = 0

    def add(self, frame: Frame) -> None:
        """Take the frame, or leave it out."""
        if self._seen % self._stride == 0:
            self.frames.append(frame.with_image(_small(frame.image)))
        self._seen += 1
        if len(self.frames) >= 2 * self.limit:
            self.frames = self.frames[::2]
            self._stride *= 2

    def pictures(self) -> list[Image]:
        """At most ``limit`` pictures, evenly chosen."""
        count = len(self.frames)
        step = max(1.0, count / self.limit)
        return [self.frames[int(step * number)].image for number in range(min(count, self.limit))]


def read_files(room: str, person: str, on_frame: Callable[[], None]) -> Recordings:
    """Both recordings from files: videos, or for the room a picture.

    Raises:
        SourceError: a file does not exist or cannot be read.
        ConfigError: the person's is a picture, or either is a camera.
        EnrolmentError: the person's is too short, or the two do not show the same picture.
    """
    if is_picture(Path(person)):
        raise ConfigError(f"--person {person} is a picture: give a video of {SHORTEST_S:g} s or more")
    before = _read(room, "--room", ROOM_FRAMES, on_frame)
    during = _read(person, "--person", PERSON_FRAMES, on_frame)
    lasted_s = during.frames[-1].pts_s - during.frames[0].pts_s
    if lasted_s < SHORTEST_S - 0.5 or len(during.frames) < 20:
        raise EnrolmentError(f"{person} is too short ({lasted_s:.1f} s): give {SHORTEST_S:g} s or more, better 20")
    return _checked(before, during, room, person)


def record(camera: str, on_frame: Callable[[], None], say: Callable[[str], None]) -> Recordings:
    """Both recordings from a camera, one after the other; ``say`` tells the person what to do.

    Raises:
        SourceError: it cannot be opened.
        ConfigError: it is no camera.
    """
    source = sources.open_source(camera, camera=CAMERA)
    with closing(source):
        if not source.info.is_live:
            raise ConfigError(f"--camera {camera} is no camera; files are named with --room and --person")
        frames = iter(source)
        say(
            f"Leave the picture: in {PAUSE_S:g} s the empty room is recorded. Light, chair and camera stay as they are."
        )
        _skip(frames, PAUSE_S)
        before, during = Thinned(ROOM_FRAMES), Thinned(PERSON_FRAMES)
        say(f"Recording the empty room, {ROOM_S:g} s.")
        _collect(frames, ROOM_S, before, on_frame)
        say(f"Come back, in {PAUSE_S:g} s it is your turn.")
        _skip(frames, PAUSE_S)
        say(f"Recording you, {PERSON_S:g} s: talk, turn, lean, raise your hands, hold what you usually hold.")
        _collect(frames, PERSON_S, during, on_frame)
        say("Done.")
    return _checked(before, during, "the empty room", "the person")


def _read(spec: str, flag: str, limit: int, on_frame: Callable[[], None]) -> Thinned:
    found = Thinned(limit)
    source: FrameSource = sources.open_source(spec)
    with closing(source):
        if source.info.is_live:
            raise ConfigError(f"{flag} {spec} is no file; a camera is named with --camera, and records both")
        for frame in source:
            found.add(frame)
            on_frame()
    if not found.frames:
        raise SourceError(f"{spec} holds no frame")
    return found


def _skip(frames: Iterator[Frame], seconds: float) -> None:
    for _ in _during(frames, seconds):
        pass


def _collect(frames: Iterator[Frame], seconds: float, into: Thinned, on_frame: Callable[[], None]) -> None:
    for frame in _during(frames, seconds):
        into.add(frame)
        on_frame()


def _during(frames: Iterator[Frame], seconds: float) -> Iterator[Frame]:
    """The next frames, for so long on their own clock."""
    first = next(frames, None)
    if first is None:
        raise SourceError("the camera gave no picture")
    yield first
    yield from itertools.takewhile(lambda frame: frame.captured_at_s - first.captured_at_s < seconds, frames)


def _checked(before: Thinned, during: Thinned, room: str, person: str) -> Recordings:
    found = Recordings(before.pictures(), during.pictures())
    height, width = found.room[0].shape[:2]
    if abs(width / height / (found.size.width / found.size.height) - 1) > MOST_UNLIKE:
        raise EnrolmentError(
            f"{room} and {person} do not show the same picture: their shapes are {width}x{height} and {found.size}"
        )
    return found


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
    return shrink(image, Size(round(width * scale), round(height * scale)))
