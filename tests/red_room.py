"""A scene in which a leak shows by its colour, and all in it can fail on cue: for the fault bench and the soak.

The room is red, the person green and moving, every background dark: what is red in a picture that reaches the virtual
camera is the room. The segmenter finds the person by their colour, so its alpha is exact; then it fails as the script
says. Camera, virtual camera, painter, background and controls fail or change likewise. The engine between them is real.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from streamer.auto_center import AutoCenter
from streamer.backgrounds.generated import GeneratedBackground, Scene
from streamer.backgrounds.keyframes import RoomWatch
from streamer.backgrounds.plate_orders import PlatesInBackground
from streamer.backgrounds.still import StillBackground, solid
from streamer.blending import Blending
from streamer.controls import Controls
from streamer.errors import GenerationCancelled, SourceError
from streamer.frames import Alpha, Frame, Image, Keyframe, Plate, Size
from streamer.interfaces import SourceInfo
from streamer.pipeline import Pipeline
from streamer.rendering import Renderer
from streamer.sinks.virtual_camera import VirtualCameraSink
from streamer.sources.kept_camera import KeptCamera
from streamer.stats import Stats

ROOM, PERSON = (250, 0, 20), (0, 180, 0)
RED = 50
"""More red than this is the room, be it a veil of a few percent: neither the person nor a background has it."""
PROMPTS = ("sea", "fog", "ice")

SEGMENTER_FAULTS = (
    "raises", "hangs", "nan", "everything", "almost everything", "unsure", "wrong size", "last matte", "wrong type",
)  # fmt: skip
CAMERA_FAULTS = ("camera hangs", "camera lost", "other size")
PROGRAM_FAULTS = (
    "camera off", "panic", "prompt changes", "background changes", "plate fails", "background fails", "seeds change",
    "sink slow", "sink lost",
)  # fmt: skip
FAULTS = (*SEGMENTER_FAULTS, *CAMERA_FAULTS, *PROGRAM_FAULTS)


class Script(Protocol):
    """Which faults are in force, as all parts of the scene see it."""

    active: frozenset[str]
    """Now."""
    calm: threading.Event
    """Set while no fault is in force: what hangs waits for it."""
    ready: threading.Event
    """Set once the network is loaded: the first matte waits for it."""

    def advance(self, index: int) -> tuple[frozenset[str], frozenset[str]]:
        """The faults that begin and those that end before the frame of that index is taken."""
        ...


def picture_of(index: int, size: Size) -> Image:
    """The person somewhere in the room, further right with each frame, so that no other frame's matte fits."""
    image = np.full((size.height, size.width, 3), ROOM, np.uint8)
    wide, step = size.width // 4, max(3, size.width // 24)
    left = index * step % (size.width - wide)
    image[size.height // 4 :, left : left + wide] = PERSON
    return image


def true_alpha(image: Image) -> Alpha:
    return (image[..., 1] > 90).astype(np.float32)


class RedRoom:
    """A camera in that room; it also works the controls, when its frame is due.

    Args:
        wait: paces the frames; told the index of the one that was given last.
    """

    def __init__(self, size: Size, script: Script, controls: Controls, wait: Callable[[int], None]) -> None:
        self.size = size
        self._script, self._controls, self._wait = script, controls, wait
        self._index = 0

    def open(self) -> RedCamera:
        """As opening a device; ``SourceError`` while it is lost."""
        if "camera lost" in self._script.active:
            self.advance()
            raise SourceError("camera 0 does not exist")
        return RedCamera(self)

    def advance(self) -> Image | None:
        """The next picture; None while the camera hangs."""
        index, self._index = self._index, self._index + 1
        begun, ended = self._script.advance(index)
        for fault, action in (("camera off", "camera-off"), ("panic", "panic")):
            if fault in begun | ended:
                self._controls.act(action)
        for fault, action in (
            ("prompt changes", "next-prompt"),
            ("background changes", "next-background"),
            ("seeds change", "new-seed"),
        ):
            if fault in self._script.active and index % 4 == 0:
                self._controls.act(action)
        self._wait(index)
        active = self._script.active
        if "camera lost" in active:
            raise SourceError("camera 0 stopped giving pictures")
        if "camera hangs" in active:
            return None
        other = Size(self.size.width * 3 // 4, self.size.height * 5 // 6)
        return picture_of(index, other if "other size" in active else self.size)


class RedCamera:
    """The room's camera while it is open."""

    def __init__(self, room: RedRoom) -> None:
        self.info = SourceInfo("camera 0", room.size, Fraction(30), is_live=True)
        self.bad_frames = 0
        self._room = room
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in itertools.count():
            if self._closed.is_set():
                return
            image = self._room.advance()
            if image is not None:
                now_s = time.monotonic()
                yield Frame(image, index, now_s, now_s)

    def close(self) -> None:
        self._closed.set()


class FaultySegmenter:
    """Finds the green person, unless the script says otherwise.

    Args:
        longest_hang_s: for what hangs longer than any fault lasts.
        work: does what a real network would do to the picture; its result is not used.
    """

    def __init__(self, script: Script, longest_hang_s: float, work: Callable[[Image], object]) -> None:
        self._script = script
        self._longest_hang_s = longest_hang_s
        self._work = work
        self._last: Alpha | None = None

    def segment(self, image: Image) -> Alpha:
        self._work(image)
        self._script.ready.wait(self._longest_hang_s)
        active, true = self._script.active, true_alpha(image)
        last, self._last = self._last, true
        if "raises" in active:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if "hangs" in active:
            self._script.calm.wait(self._longest_hang_s)
        if "nan" in active:
            return np.full_like(true, np.nan)
        if "everything" in active:
            return np.ones_like(true)
        if "almost everything" in active:
            almost = np.ones_like(true)
            almost[: len(almost) // 12] = 0
            return almost
        if "unsure" in active:
            return np.full_like(true, 0.5)
        if "wrong size" in active:
            return np.ones((7, 9), np.float32)
        if "wrong type" in active:
            return np.full(true.shape, 255, np.uint8)  # type: ignore[return-value]
        if "last matte" in active and last is not None:
            return last
        return true

    def reset(self) -> None:
        """Keeps the last matte: the point of that fault."""

    def close(self) -> None:
        """Holds nothing."""


class DarkPlates:
    """A painter of dark plates, one grey for each prompt and seed."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        if should_stop():
            raise GenerationCancelled("not wanted")
        if "plate fails" in self._script.active:
            raise RuntimeError("CUDA out of memory")
        grey = 20 + 5 * len(prompt) + seed % 10
        return Plate(np.full((12, 16, 3), grey, np.uint8), prompt, seed, keyframe.frame.index, 0.0)

    def close(self) -> None:
        """Holds nothing."""


class FaultyStill(StillBackground):
    """A dark picture whose file is gone at times."""

    def __init__(self, script: Script) -> None:
        super().__init__(solid((10, 60, 90)))
        self._script = script

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        if "background fails" in self._script.active:
            raise OSError("the background file is gone")
        return super().image_for(frame, alpha)


class Viewer:
    """A virtual camera's other end: counts red pixels in what is sent to it.

    Args:
        on_picture: told after each picture whether the person is in it.
        slow_s: how long it takes a picture while it is slow.
        most_red: more than this is the room.
    """

    device = "/dev/video10"

    def __init__(self, script: Script, on_picture: Callable[[bool], None], slow_s: float, most_red: int = RED) -> None:
        self._most_red = most_red
        self.pictures = self.leaked_px = self.with_person = self.refused = 0
        self._script, self._on_picture, self._slow_s = script, on_picture, slow_s

    def open(self, width: int, height: int, fps: float, device: str | None) -> Viewer:
        """Stands in for ``pyvirtualcam.Camera``."""
        if "sink lost" in self._script.active:
            raise RuntimeError("no virtual camera")
        return self

    def send(self, image: Image) -> None:
        if "sink lost" in self._script.active:
            self.refused += 1
            raise RuntimeError("the device is gone")
        self.pictures += 1
        self.leaked_px += int((image[..., 0] > self._most_red).sum())
        has_person = bool((image[..., 1] > 150).any())
        self.with_person += has_person
        if "sink slow" in self._script.active:
            self._script.calm.wait(self._slow_s)
        self._on_picture(has_person)

    def close(self) -> None:
        """Is a device: stays."""


def play(
    script: Script,
    controls: Controls,
    viewer: Viewer,
    wait: Callable[[int], None],
    *,
    size: Size,
    renderer_type: type[Renderer] = Renderer,
    stall_after_s: float = 1.0,
    pause_s: float = 0.5,
    longest_hang_s: float = 60.0,
    work: Callable[[Image], object] = lambda image: None,
    auto_center: AutoCenter | None = None,
    blending: Blending | None = None,
) -> Stats:
    """The whole live engine in that room, until the controls stop it; what it measured."""
    stats = Stats()
    painted = GeneratedBackground(
        PlatesInBackground(DarkPlates(script), stats),
        lambda pts_s: Scene(controls.state.prompt, controls.state.seed_shift),
        StillBackground(solid((5, 20, 40))),
        watch=RoomWatch(),
        fade_s=0.1,
    )
    backgrounds = [painted, FaultyStill(script)]
    segmenter = FaultySegmenter(script, longest_hang_s, work)
    renderer = renderer_type(segmenter, backgrounds, controls, stats, auto_center=auto_center, blending=blending)
    room = RedRoom(size, script, controls, wait)
    source = KeptCamera(room.open, first_pause_s=pause_s / 10, longest_pause_s=pause_s)
    sink: Any = VirtualCameraSink(size, Fraction(30), open_camera=viewer.open, reopen_s=pause_s)
    try:
        Pipeline(
            source,
            renderer.compose,
            [sink],
            stats,
            matte=renderer.matte,
            is_live=True,
            on_stall=renderer.safe_image,
            last_look=renderer.last_look,
            state=lambda: controls.state,
            should_stop=controls.stop_requested,
            is_resting=lambda: source.is_asleep,
            stall_after_s=stall_after_s,
        ).run()
    finally:
        renderer.close()
    return stats
