"""The fault-injection bench: whatever goes wrong, alone or two at a time, no pixel of the room is shown.

The room is red, the person green and moving, every background dark. What is red in a picture that reaches the sink is
the room. The segmenter finds the person by their colour, so its alpha is exact; then it fails as the script says. Each
scenario runs the whole live engine, and goes on until the person is seen again and enough pictures were judged.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from fakes import WAIT_S

from streamer.backgrounds.generated import GeneratedBackground, Scene
from streamer.backgrounds.keyframes import RoomWatch
from streamer.backgrounds.plate_orders import PlatesInBackground
from streamer.backgrounds.still import StillBackground, solid
from streamer.controls import Controls
from streamer.errors import GenerationCancelled
from streamer.frames import Alpha, Frame, Image, Keyframe, Plate, Size
from streamer.interfaces import SourceInfo
from streamer.pipeline import Pipeline
from streamer.plausibility import PlausibilityGate
from streamer.rendering import Matted, Renderer
from streamer.stats import Stats

SIZE, OTHER_SIZE = Size(64, 48), Size(48, 40)
ROOM, PERSON = (250, 0, 20), (0, 180, 0)
RED = 100
"""More red than this is the room: neither the person nor a background has it."""
STEP_PX = 3
"""The person moves so far from one frame to the next, so that no other frame's matte fits."""
PICTURES = 40
"""Pictures judged in each scenario, at least."""
FIRST, SECOND = range(6, 20), range(13, 27)
"""Frames during which the first and the second fault are in force: alone, together, alone."""
PACE_S = 0.005
"""Longest wait of the source for a frame to be shown before it gives the next one."""

SEGMENTER_FAULTS = (
    "raises", "hangs", "nan", "everything", "almost everything", "unsure", "wrong size", "last matte", "wrong type",
)  # fmt: skip
CAMERA_FAULTS = ("camera hangs", "camera lost", "other size")
PROGRAM_FAULTS = (
    "camera off", "panic", "prompt changes", "background changes", "plate fails", "background fails", "seeds change",
    "sink slow",
)  # fmt: skip
FAULTS = (*SEGMENTER_FAULTS, *CAMERA_FAULTS, *PROGRAM_FAULTS)
PAIRS = list(itertools.permutations(FAULTS, 2))


class Script:
    """Which faults are in force now, as all parts of the scene see it."""

    def __init__(self, first: str, second: str) -> None:
        self._faults = (first, second)
        self.active: frozenset[str] = frozenset()
        self.over = threading.Event()

    def advance(self, index: int) -> tuple[frozenset[str], frozenset[str]]:
        """The faults that begin and those that end with the frame of that index."""
        before = self.active
        spans = zip(self._faults, (FIRST, SECOND), strict=True)
        self.active = frozenset(fault for fault, span in spans if index in span)
        if index >= SECOND.stop:
            self.over.set()
        return self.active - before, before - self.active


def picture_of(index: int, size: Size = SIZE) -> Image:
    """The person somewhere in the room, further right with each frame."""
    image = np.full((size.height, size.width, 3), ROOM, np.uint8)
    left = index * STEP_PX % (size.width - 16)
    image[size.height // 4 :, left : left + 16] = PERSON
    return image


def true_alpha(image: Image) -> Alpha:
    return (image[..., 1] > 90).astype(np.float32)


class Room:
    """A camera in that room; it also works the controls, when its frame is due."""

    def __init__(self, script: Script, controls: Controls, screen: Screen) -> None:
        self.info = SourceInfo("room", SIZE, Fraction(30), is_live=True)
        self.bad_frames = 0
        self._script, self._controls, self._screen = script, controls, screen
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in itertools.count():
            begun, ended = self._script.advance(index)
            self._work_controls(index, begun, ended)
            active = self._script.active
            self._screen.shown.clear()
            if not active & {"camera hangs", "camera lost"}:
                image = picture_of(index, OTHER_SIZE if "other size" in active else SIZE)
                yield Frame(image, index, index / 30, index / 30)
            self._screen.shown.wait(PACE_S)
            if self._closed.is_set():
                return

    def close(self) -> None:
        self._closed.set()

    def _work_controls(self, index: int, begun: frozenset[str], ended: frozenset[str]) -> None:
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


class FaultySegmenter:
    """Finds the green person, unless the script says otherwise."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._last: Alpha | None = None

    def segment(self, image: Image) -> Alpha:
        active, true = self._script.active, true_alpha(image)
        last, self._last = self._last, true
        if "raises" in active:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if "hangs" in active:
            self._script.over.wait(WAIT_S)
        if "nan" in active:
            return np.full_like(true, np.nan)
        if "everything" in active:
            return np.ones_like(true)
        if "almost everything" in active:
            almost = np.ones_like(true)
            almost[:4] = 0
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
        """Keeps the last matte: the point of the fault."""

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


class Screen:
    """A watched sink that counts red pixels, and ends the run when all is over and the person is back."""

    def __init__(self, script: Script, controls: Controls) -> None:
        self.pictures = self.leaked_px = self.with_person = 0
        self.shown = threading.Event()
        self._script, self._controls = script, controls
        self._back = 0

    def write(self, frame: Frame) -> None:
        self.pictures += 1
        self.leaked_px += int((frame.image[..., 0] > RED).sum())
        has_person = bool((frame.image[..., 1] > 150).any())
        self.with_person += has_person
        self._back = self._back + 1 if has_person and self._script.over.is_set() else 0
        if self.pictures >= PICTURES and self._back > 3:
            self._controls.request_stop()
        if "sink slow" in self._script.active:
            self._script.over.wait(2 * PACE_S)
        self.shown.set()

    def idle(self) -> None:
        """Has no window to care for."""

    def close(self) -> None:
        """Holds nothing."""

    def abort(self) -> None:
        """Holds nothing."""


def play(first: str, second: str, renderer_type: type[Renderer] = Renderer) -> Screen:
    """One scenario in the whole live engine."""
    script, stats = Script(first, second), Stats()
    controls = Controls(("painted", "still"), ("sea", "forest"))
    screen = Screen(script, controls)
    painted = GeneratedBackground(
        PlatesInBackground(DarkPlates(script), stats),
        lambda pts_s: Scene(controls.state.prompt, controls.state.seed_shift),
        StillBackground(solid((5, 20, 40))),
        watch=RoomWatch(),
        fade_s=0.1,
    )
    renderer = renderer_type(FaultySegmenter(script), [painted, FaultyStill(script)], controls, stats)
    if "background fails" in (first, second):
        controls.choose_background(1)
    overdue = threading.Timer(WAIT_S, controls.request_stop)
    overdue.start()
    try:
        Pipeline(
            Room(script, controls, screen),
            renderer.compose,
            [screen],
            stats,
            matte=renderer.matte,
            is_live=True,
            on_stall=renderer.safe_image,
            last_look=renderer.last_look,
            state=lambda: controls.state,
            should_stop=controls.stop_requested,
            stall_after_s=0.02,
        ).run()
    finally:
        overdue.cancel()
        overdue.join()
        renderer.close()
    return screen


@pytest.mark.parametrize("first", FAULTS)
def test_no_pair_of_faults_shows_the_room(first: str) -> None:
    for second in (second for one, second in PAIRS if one == first):
        screen = play(first, second)
        assert screen.leaked_px == 0, f"{first} and {second}"
        assert screen.pictures >= PICTURES, f"{first} and {second}: it did not recover"
        assert screen.with_person > 10, f"{first} and {second}: a program that shows nobody keeps the room in, too"


def test_the_bench_judges_ten_thousand_pictures() -> None:
    assert len(PAIRS) * PICTURES >= 10_000


class ShowsRawFrame(Renderer):
    """The usual mistake: no matte, so show the camera's picture."""

    def compose(self, matted: Matted) -> Frame:
        return matted.frame if matted.alpha is None else super().compose(matted)


class UsesLastAlpha(Renderer):
    """Another: no matte, so lay the frame by the last one."""

    def matte(self, frame: Frame) -> Matted:
        matted = super().matte(frame)
        last = getattr(self, "_last_alpha", None)
        self._last_alpha = matted.alpha if matted.alpha is not None else last
        usable = self._last_alpha is not None and self._last_alpha.shape == frame.image.shape[:2]
        return Matted(frame, self._last_alpha if usable else None)


class FreezesRawFrame(Renderer):
    """Another: when the camera stalls, show its last picture."""

    def matte(self, frame: Frame) -> Matted:
        self._last_image = frame.image
        return super().matte(frame)

    def safe_image(self, size: Size) -> Image:
        return getattr(self, "_last_image", super().safe_image(size))


class Believes(PlausibilityGate):
    """A gate that lets everything through."""

    def doubt(self, frame: Frame, alpha: Alpha) -> str | None:
        return None


class BelievesEveryMatte(Renderer):
    """Another: whatever has the right shape is a matte."""

    def matte(self, frame: Frame) -> Matted:
        self._gate = Believes()
        return super().matte(frame)


@pytest.mark.parametrize(
    ("mutant", "fault"),
    [
        (ShowsRawFrame, "raises"),
        (ShowsRawFrame, "nan"),
        (UsesLastAlpha, "raises"),
        (UsesLastAlpha, "wrong size"),
        (FreezesRawFrame, "hangs"),
        (FreezesRawFrame, "camera lost"),
        (BelievesEveryMatte, "everything"),
        (BelievesEveryMatte, "almost everything"),
        (BelievesEveryMatte, "unsure"),
        (BelievesEveryMatte, "last matte"),
    ],
)
def test_a_program_that_shows_the_room_is_caught(mutant: type[Renderer], fault: str) -> None:
    assert play(fault, "prompt changes", mutant).leaked_px > 0
