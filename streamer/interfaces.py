"""The contracts between the rooms of the program. Read this first: everything else implements or connects these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

from streamer.frames import Alpha, Area, Drawing, Frame, Image, Keyframe, Planes, Plate, Size


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How a video's numbers mean colours: code points of ITU-T H.273 (2 = unspecified)."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False


@dataclass(frozen=True, slots=True)
class VideoTraits:
    """What a file sink needs in order to write a video like the one that was read."""

    path: Path
    """The file that was read; its audio is copied from here."""
    time_base: Fraction
    """Length of one tick of the video stream, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height, after the frames were turned upright."""
    color: ColorTags = ColorTags()
    is_interlaced: bool = False
    """Whether each picture is made of two fields, taken one after the other."""
    clock_start_s: float = 0.0
    """Presentation time that is 0 in a whole output: where the clock of a broadcast recording begins, else 0."""
    begins_s: float = 0.0
    """Presentation time at which the file begins; times that people give count from there."""
    start_s: float = 0.0
    """First presentation time asked for (``--start``), on the source's clock; 0 = from the beginning."""
    end_s: float | None = None
    """Presentation time at which reading stops (``--end``); None = to the end."""

    @property
    def is_part(self) -> bool:
        """Whether what is read begins after the file's own beginning."""
        return self.start_s > self.clock_start_s + self.time_base


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open."""

    name: str
    """For people: a file name, ``camera 0``."""
    size: Size
    """Of the upright frames."""
    fps: Fraction
    """Nominal rate; a variable-rate file gives its average."""
    is_live: bool
    """True: frames come at their own pace and old ones may be dropped. False: every frame counts."""
    frame_count: int | None = None
    """How many frames will come, if that is known; a container's claim, for progress only."""
    is_still: bool = False
    """True for one picture: the output is one picture too."""
    picture: Area | None = None
    """Where the picture lies in the frames if it does not fill them; beside it they are black, and nobody is there."""
    video: VideoTraits | None = None
    """Set when the source is a video file."""


class FrameSource(Protocol):
    """Where frames come from. The end of the iteration is the end of the source; a failure raises ``SourceError``."""

    info: SourceInfo

    @property
    def bad_frames(self) -> int:
        """Frames so far that could not be decoded and are missing from the iteration."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in presentation order. May be called once."""
        ...

    def close(self) -> None:
        """Release the device or file. May be called twice, and from another thread to unblock a read."""
        ...


class Sink(Protocol):
    """Where rendered frames go. Used from the main thread only."""

    def write(self, frame: Frame) -> None:
        """Take one frame: RGB, RGBA with straight alpha, or grey. Raises ``SinkError``."""
        ...

    def close(self) -> None:
        """Finish the output: flush, and give a file its final name. May be called twice. Raises ``SinkError``."""
        ...

    def abort(self) -> None:
        """Give up after a failure: release everything and leave nothing under the final name. May be called twice."""
        ...


@runtime_checkable
class WatchedSink(Protocol):
    """A sink that somebody looks at while it runs: a window, a virtual camera.

    It alone is shown the safe picture when a live source stalls: a recording has no gap to fill.
    """

    def idle(self) -> None:
        """Called some 60 times a second while no frame comes: handle window events, keep the device fed."""
        ...


@runtime_checkable
class ReplacingSink(Protocol):
    """A sink whose output may take the place of an older one."""

    def close_early(self) -> None:
        """As ``close``, but of a run that ended before its time: an older output stays, and this one lies beside it."""
        ...


class Segmenter(Protocol):
    """Finds the person in a frame."""

    def segment(self, image: Image) -> Alpha:
        """The matte of this very picture, at its own size: RGB uint8 ``(h, w, 3)`` to float32 ``(h, w)`` in [0, 1].

        Raises ``SegmentationError`` when the matte cannot be computed.
        """
        ...

    def reset(self) -> None:
        """Forget earlier frames: the next one starts a new scene."""
        ...

    def close(self) -> None:
        """Release the runtime. May be called twice."""
        ...


@runtime_checkable
class HeldMatte(Protocol):
    """A frame and its matte, whose edges at full size are left to whoever wants them, on another thread perhaps."""

    size: Size
    """Of the frame."""
    small: Alpha
    """The matte by which all that follows is drawn, but for detail where it is neither 0 nor 1 all around: float32
    ``(h', w')`` in [0, 1]. It is judged."""

    def full(self) -> Alpha:
        """The matte at the frame's size: float32 ``(h, w)`` in [0, 1]. ``SegmentationError``: it fails."""
        ...


@runtime_checkable
class ComposingMatte(HeldMatte, Protocol):
    """A frame and its matte that can be composed where they are."""

    def over(self, background: Image) -> tuple[Drawing, Planes | None]:
        """The person over a background, RGB uint8 of the frame's size: the same ``(h, w, 3)``.

        The result comes also as YUV where the frame did. ``SegmentationError``: it fails.
        """
        ...


class Background(Protocol):
    """What the viewer sees behind the person."""

    shows_room: bool
    """Whether its pictures are made of the live room: none of them may be shown for another frame than its own."""

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        """The background for this frame, at its size: RGB uint8; None = transparent. Never blocks when live.

        Args:
            frame: the frame.
            alpha: its matte, float32 in [0, 1], at its size; a background that does not show the room may be given a
                smaller one of the whole frame.
        """
        ...

    def safe_image(self, size: Size) -> Image:
        """A picture that holds no pixel of the real room, of that size: shown whenever there is no usable matte."""
        ...

    def close(self) -> None:
        """Release files. May be called twice."""
        ...


class PlateGenerator(Protocol):
    """Paints backgrounds. Slow; owns no thread, and one thread at a time uses it."""

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        """A complete plate without a person, for frames like this one. The same arguments give the same plate.

        Args:
            keyframe: the room, and where the person is in it.
            prompt: what to paint.
            seed: of the random numbers, 0 or more.
            should_stop: asked between two steps; True = give up.

        Raises:
            GenerationCancelled: ``should_stop`` said so.
            GenerationError: it cannot be painted (out of memory, no plate without a person).
        """
        ...

    def close(self) -> None:
        """Release the models. May be called twice."""
        ...
