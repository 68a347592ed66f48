"""The fault-injection bench: whatever goes wrong, alone or two at a time, no pixel of the room is shown.

Each scenario plays in the red room (``tests/red_room.py``): the whole live engine, with one fault, then two, then the
other one. It goes on until the person is seen again and enough pictures were judged.
"""

from __future__ import annotations

import itertools
import threading

import pytest
from fakes import WAIT_S
from red_room import FAULTS, PROMPTS, RED, Viewer, play

from streamer.auto_center import AutoCenter
from streamer.blending import Blending
from streamer.controls import Controls
from streamer.frames import Alpha, Frame, Image, Size
from streamer.plausibility import PlausibilityGate
from streamer.rendering import Matted, Renderer

SIZE = Size(64, 48)
PICTURES = 40
"""Pictures judged in each scenario, at least."""
FIRST, SECOND = range(6, 20), range(13, 27)
"""Frames during which the first and the second fault are in force: alone, together, alone."""
PACE_S = 0.005
"""Longest wait of the camera for a frame to be shown before it takes the next one."""
PAIRS = list(itertools.permutations(FAULTS, 2))


class TwoFaults:
    """One fault, then both, then the other, by the number of the frame."""

    def __init__(self, first: str, second: str) -> None:
        self._faults = (first, second)
        self.active: frozenset[str] = frozenset()
        self.calm = threading.Event()
        self.ready = threading.Event()

    def advance(self, index: int) -> tuple[frozenset[str], frozenset[str]]:
        before = self.active
        spans = zip(self._faults, (FIRST, SECOND), strict=True)
        self.active = frozenset(fault for fault, span in spans if index in span)
        if index >= SECOND.stop:
            self.calm.set()
        return self.active - before, before - self.active


def scenario(
    first: str,
    second: str,
    renderer_type: type[Renderer] = Renderer,
    *,
    is_moved_and_lit: bool = False,
    shown_before_ready: int = 0,
) -> Viewer:
    """The pair of faults in the whole live engine, whose network is ready after so many pictures."""
    script, shown = TwoFaults(first, second), threading.Event()
    controls = Controls(("painted", "still"), PROMPTS)
    if "background fails" in (first, second):
        controls.choose_background(1)
    seen_again = 0

    def judge(has_person: bool) -> None:
        nonlocal seen_again
        seen_again = seen_again + 1 if has_person and script.calm.is_set() else 0
        if viewer.pictures >= PICTURES and seen_again > 3:
            controls.request_stop()
        if viewer.pictures >= shown_before_ready:
            script.ready.set()
        shown.set()

    def wait(index: int) -> None:
        shown.wait(PACE_S)
        shown.clear()

    # Who is moved has edges between pixels, and in them a little of the room that was beside them.
    viewer = Viewer(script, judge, slow_s=2 * PACE_S, most_red=2 * RED if is_moved_and_lit else RED)
    if not shown_before_ready:
        script.ready.set()
    overdue = threading.Timer(WAIT_S, controls.request_stop)
    overdue.start()
    try:
        play(
            script,
            controls,
            viewer,
            wait,
            size=SIZE,
            renderer_type=renderer_type,
            stall_after_s=0.02,
            pause_s=0.02,
            longest_hang_s=WAIT_S,
            auto_center=AutoCenter() if is_moved_and_lit else None,
            blending=Blending(0.5, 0.5) if is_moved_and_lit else None,
        )
    finally:
        overdue.cancel()
        overdue.join()
    return viewer


@pytest.mark.parametrize("first", FAULTS)
def test_no_pair_of_faults_shows_the_room(first: str) -> None:
    for second in (second for one, second in PAIRS if one == first):
        viewer = scenario(first, second)
        assert viewer.leaked_px == 0, f"{first} and {second}"
        assert viewer.pictures >= PICTURES, f"{first} and {second}: it did not recover"
        assert viewer.with_person > 5, f"{first} and {second}: a program that shows nobody keeps the room in, too"
        assert bool(viewer.refused) == ("sink lost" in (first, second))


def test_no_fault_shows_the_room_beside_a_person_who_is_moved_to_the_middle_and_lit() -> None:
    for fault in FAULTS:
        viewer = scenario(fault, "prompt changes", is_moved_and_lit=True)
        assert viewer.leaked_px == 0, fault
        assert viewer.pictures >= PICTURES, f"{fault}: it did not recover"


def test_no_fault_shows_the_room_when_the_camera_runs_before_the_network_is_ready() -> None:
    for fault in FAULTS:
        viewer = scenario(fault, "prompt changes", shown_before_ready=4)
        assert viewer.leaked_px == 0, fault
        assert viewer.pictures >= PICTURES, f"{fault}: it did not recover"


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

    def doubt(self, frame: Frame, alpha: Alpha | None) -> str | None:
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
        (FreezesRawFrame, "camera off"),
        (BelievesEveryMatte, "everything"),
        (BelievesEveryMatte, "almost everything"),
        (BelievesEveryMatte, "unsure"),
        (BelievesEveryMatte, "last matte"),
    ],
)
def test_a_program_that_shows_the_room_is_caught(mutant: type[Renderer], fault: str) -> None:
    assert scenario(fault, "prompt changes", mutant).leaked_px > 0
