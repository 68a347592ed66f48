"""No pixel of the room leaves but where its own frame's alpha says person: one test for each way it could.

The room is noise in 128..255, no background here holds a value above 127: what is bright in the output is the room.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from fakes import (
    SIZE,
    WAIT_S,
    RecordingSink,
    ScriptedBackground,
    ScriptedSegmenter,
    ScriptedSource,
    WindowSink,
    left_half,
    make_frame,
    secret_image,
    wait,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streamer.backgrounds.generated import GeneratedBackground
from streamer.backgrounds.keyframes import RoomWatch
from streamer.backgrounds.plate_orders import PlatesInBackground, Scene
from streamer.backgrounds.plate_shelf import PlateShelf
from streamer.backgrounds.still import StillBackground, solid
from streamer.controls import Controls
from streamer.errors import GenerationCancelled
from streamer.frames import Alpha, Frame, Image, Keyframe, Plate, Size
from streamer.pipeline import Pipeline
from streamer.rendering import Renderer, Write
from streamer.stats import Stats

BRIGHT = 128
HALF = SIZE.width // 2
WRITES: tuple[Write, ...] = ("composite", "alpha", "foreground")


def make_renderer(
    segmenter: ScriptedSegmenter,
    background: ScriptedBackground | None = None,
    controls: Controls | None = None,
    write: Write = "composite",
) -> Renderer:
    return Renderer(segmenter, [background or ScriptedBackground()], controls or Controls(), Stats(), write=write)


def assert_nothing_of_the_room(image: Image) -> None:
    assert image.max() < BRIGHT


def assert_room_only_where(seen: Alpha, image: Image) -> None:
    """Nothing bright where the alpha is 0. In the matte itself (grey) there is no picture to leak."""
    if image.ndim == 3:
        assert image[seen == 0].max(initial=0) < BRIGHT


BROKEN: dict[str, Exception | Callable[[Image], object]] = {
    "raises": RuntimeError("CUDA error: an illegal memory access"),
    "raises_memory_error": MemoryError(),
    "all_nan": lambda image: np.full(image.shape[:2], np.nan, np.float32),
    "one_nan": lambda image: _with(left_half(image), np.nan),
    "infinite": lambda image: _with(left_half(image), np.inf),
    "minus_infinite": lambda image: _with(left_half(image), -np.inf),
    "of_255": lambda image: left_half(image) * np.float32(255),
    "logits": lambda image: left_half(image) * np.float32(20) - np.float32(10),
    "float64": lambda image: left_half(image).astype(np.float64),
    "uint8": lambda image: np.ones(image.shape[:2], np.uint8),
    "bool": lambda image: np.ones(image.shape[:2], bool),
    "too_small": lambda image: np.ones((3, 4), np.float32),
    "transposed": lambda image: np.ones(image.shape[1::-1], np.float32),
    "three_dimensional": lambda image: np.ones((*image.shape[:2], 1), np.float32),
    "none": lambda image: None,
    "a_number": lambda image: 1.0,
}


def _with(alpha: Alpha, value: float) -> Alpha:
    alpha[-1, -1] = value
    return alpha


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.filterwarnings("error")
def test_frame_without_a_usable_alpha_shows_nothing_of_the_room(fault: str, write: Write) -> None:
    renderer = make_renderer(ScriptedSegmenter({0: BROKEN[fault], 2: BROKEN[fault]}), write=write)
    for index in (0, 1, 2):  # at the start, and after a good frame whose alpha must not be used again
        rendered = renderer.render(make_frame(index)).image
        if index != 1:
            assert_nothing_of_the_room(rendered)
        assert_room_only_where(left_half(rendered), rendered)


@pytest.mark.parametrize("write", WRITES)
def test_paused_shows_nothing_of_the_room_and_asks_no_segmenter(write: Write) -> None:
    controls = Controls()
    segmenter = ScriptedSegmenter()
    renderer = make_renderer(segmenter, controls=controls, write=write)
    renderer.render(make_frame(0))
    controls.act("camera-off")
    assert_nothing_of_the_room(renderer.render(make_frame(1)).image)
    assert len(segmenter.calls) == 1


@pytest.mark.parametrize("write", WRITES)
def test_new_size_in_mid_stream_is_matted_at_its_own_size(write: Write) -> None:
    renderer = make_renderer(ScriptedSegmenter(), write=write)
    for index, size in enumerate((SIZE, Size(20, 8), Size(8, 20), SIZE)):
        rendered = renderer.render(make_frame(index, size)).image
        assert rendered.shape[:2] == (size.height, size.width)
        assert_room_only_where(left_half(rendered), rendered)


def test_alpha_of_the_old_size_after_a_size_change_shows_nothing_of_the_room() -> None:
    old = np.ones((SIZE.height, SIZE.width), np.float32)
    renderer = make_renderer(ScriptedSegmenter({1: lambda image: old, 2: lambda image: old}))
    renderer.render(make_frame(0))
    assert_nothing_of_the_room(renderer.render(make_frame(1, Size(20, 8))).image)


@pytest.mark.parametrize("shows_room", [False, True])
def test_background_that_raises_shows_nothing_of_the_room(shows_room: bool) -> None:
    renderer = make_renderer(ScriptedSegmenter(), ScriptedBackground(fault_at=frozenset({0, 2}), shows_room=shows_room))
    for index in range(3):
        rendered = renderer.render(make_frame(index)).image
        assert_room_only_where(left_half(rendered), rendered)


def test_blurred_room_is_never_shown_for_a_later_frame() -> None:
    class Blur(ScriptedBackground):
        """Shows the live room, and says so."""

        def image_for(self, frame: Frame, alpha: Alpha) -> Image:
            if frame.index:
                raise OSError("out of memory")
            return frame.image

    renderer = make_renderer(ScriptedSegmenter(), Blur(shows_room=True))
    renderer.render(make_frame(0))
    rendered = renderer.render(make_frame(1)).image
    assert_room_only_where(left_half(rendered), rendered)


def test_each_frame_is_laid_by_its_own_alpha() -> None:
    def right_half(image: Image) -> Alpha:
        return np.ascontiguousarray(left_half(image)[:, ::-1])

    renderer = make_renderer(ScriptedSegmenter({1: right_half}))
    for index, alpha_of in enumerate((left_half, right_half, left_half)):
        rendered = renderer.render(make_frame(index)).image
        assert_room_only_where(alpha_of(rendered), rendered)


@settings(max_examples=60, deadline=None)
@given(
    alpha=arrays.arrays(
        np.float32,
        (SIZE.height, SIZE.width),
        elements=st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.25, 0.5, 0.998, 1.0]),
    ),
    write=st.sampled_from(WRITES),
    transparent=st.booleans(),
)
def test_whatever_the_alpha_no_pixel_leaves_where_it_is_zero(alpha: Alpha, write: Write, transparent: bool) -> None:
    segmenter = ScriptedSegmenter({0: lambda image: alpha.copy()})
    renderer = make_renderer(segmenter, ScriptedBackground(transparent=transparent), write=write)
    assert_room_only_where(alpha, renderer.render(make_frame()).image)


@settings(max_examples=60, deadline=None)
@given(
    alpha=arrays.arrays(
        np.float32, (SIZE.height, SIZE.width), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    ),
    write=st.sampled_from(WRITES),
)
def test_whatever_numbers_the_segmenter_returns_no_pixel_leaves_where_they_are_not_above_zero(
    alpha: Alpha, write: Write
) -> None:
    renderer = make_renderer(ScriptedSegmenter({0: lambda image: alpha.copy()}), write=write)
    seen = np.where(np.isfinite(alpha), np.clip(alpha, 0, 1), 0).astype(np.float32)
    assert_room_only_where(seen, renderer.render(make_frame()).image)


# -- the whole engine ----------------------------------------------------------------------------------------------


def run_live(source: ScriptedSource, renderer: Renderer, sink: RecordingSink, controls: Controls) -> None:
    Pipeline(
        source,
        renderer.compose,
        [sink],
        Stats(),
        matte=renderer.matte,
        is_live=True,
        on_stall=renderer.safe_image,
        should_stop=controls.stop_requested,
        stall_after_s=0.02,
    ).run()


def test_start_up_shows_the_safe_picture_before_the_first_matte() -> None:
    network_is_warm = threading.Event()
    controls = Controls()

    def idled(count: int) -> None:
        if count == 2:
            network_is_warm.set()

    window = WindowSink(on_idle=idled)
    source = ScriptedSource(1, is_live=True)
    run_live(source, make_renderer(ScriptedSegmenter(gate=network_is_warm), controls=controls), window, controls)
    first, *_, last = (frame.image for frame in window.frames)
    assert_nothing_of_the_room(first)
    assert first.shape == (SIZE.height, SIZE.width, 3)
    assert last.max() >= BRIGHT  # the matted person, in the end
    for frame in window.frames:
        assert_room_only_where(left_half(frame.image), frame.image)


def test_lost_camera_shows_the_safe_picture_not_the_last_one() -> None:
    never = threading.Event()
    controls = Controls()
    source = ScriptedSource(2, is_live=True, gates={1: never})
    renderer = make_renderer(ScriptedSegmenter(), controls=controls)
    window = WindowSink()

    def stop_after_the_stall(count: int) -> None:
        shown = [frame.image.max() >= BRIGHT for frame in window.frames]
        if True in shown and not shown[-1]:
            controls.request_stop()

    window._on_idle = stop_after_the_stall
    run_live(source, renderer, window, controls)
    assert_nothing_of_the_room(window.frames[-1].image)


def test_segmenter_hung_in_mid_stream_leaves_the_safe_picture_in_the_window() -> None:
    hung, released = threading.Event(), threading.Event()
    controls = Controls()

    def hang(image: Image) -> Alpha:
        hung.set()
        wait(released)
        return left_half(image)

    window = WindowSink()

    def release_after_the_stall(count: int) -> None:
        if hung.is_set() and window.frames[-1].image.max() < BRIGHT:
            controls.request_stop()
            released.set()

    window._on_idle = release_after_the_stall
    source = ScriptedSource(2, is_live=True)
    seen_first = threading.Event()
    source._gates[1] = seen_first
    window._on_write = lambda frame: seen_first.set() if frame.image.max() >= BRIGHT else None
    run_live(source, make_renderer(ScriptedSegmenter({1: hang}), controls=controls), window, controls)
    shown = [frame.image.max() >= BRIGHT for frame in window.frames]
    assert shown.index(True) < len(shown) - 1 - shown[::-1].index(False)


def test_every_frame_of_a_faulty_file_run_keeps_the_room_in() -> None:
    script = {index: fault for index, fault in enumerate(BROKEN.values())}
    sink = RecordingSink()
    renderer = make_renderer(ScriptedSegmenter(script), ScriptedBackground(fault_at=frozenset(range(20, 25))))
    count = len(script) + 12
    Pipeline(ScriptedSource(count), renderer.compose, [sink], Stats(), matte=renderer.matte, is_live=False).run()
    assert len(sink.frames) == count
    for frame in sink.frames[: len(script)]:
        assert_nothing_of_the_room(frame.image)
    for frame in sink.frames:
        assert_room_only_where(left_half(frame.image), frame.image)


def test_stop_in_the_middle_of_a_frame_lets_nothing_unmatted_out() -> None:
    controls = Controls()

    def stop_and_fail(image: Image) -> Alpha:
        controls.request_stop()
        raise RuntimeError("torn down under the segmenter")

    window = WindowSink()
    renderer = make_renderer(ScriptedSegmenter({3: stop_and_fail}), controls=controls)
    run_live(ScriptedSource(1000, is_live=True), renderer, window, controls)
    for frame in window.frames:
        assert_room_only_where(left_half(frame.image), frame.image)


def test_the_room_of_these_tests_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        assert_nothing_of_the_room(secret_image())
    with pytest.raises(AssertionError):
        assert_room_only_where(left_half(secret_image()), secret_image())


class DarkPlates:
    """A generator whose plates are dark; each prompt says what happens to it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        self.begun.set()
        while prompt == "wait" and not self.go_on.wait(0.005):
            if should_stop():
                raise GenerationCancelled("not wanted")
        if prompt == "fail":
            raise RuntimeError("CUDA error: an illegal memory access")
        return Plate(np.full((6, 8, 3), 90, np.uint8), prompt, seed, keyframe.frame.index, 0.0)

    def close(self) -> None:
        self.go_on.set()


@pytest.mark.parametrize("prompts", [("wait",), ("fail",), ("good",), ("good", "fail", "wait", "good")])
def test_painted_background_shows_nothing_of_the_room_before_between_and_after_its_plates(
    prompts: tuple[str, ...],
) -> None:
    generator, stats = DarkPlates(), Stats()
    prompt_of = {index: prompts[min(index // 10, len(prompts) - 1)] for index in range(60)}
    painted = GeneratedBackground(
        PlatesInBackground(generator, stats),
        lambda pts_s: Scene(prompt_of[round(pts_s * 25)], 1),
        StillBackground(solid((10, 20, 30))),
        watch=RoomWatch(),
    )
    broken = {index: BROKEN["all_nan"] for index in range(5, 60, 7)}
    renderer = Renderer(ScriptedSegmenter(broken), [painted], Controls(), stats)
    for index in range(60):
        rendered = renderer.render(make_frame(index)).image
        if index in broken:
            assert_nothing_of_the_room(rendered)
        assert_room_only_where(left_half(rendered), rendered)
        if index == 0 or prompt_of[index] != prompt_of[index - 1]:
            wait(generator.begun)
            generator.begun.clear()
    renderer.close()


class PlatesThatGiveTheKeyframeAway:
    """A generator whose plates are dark for one prompt, and the keyframe itself for the other."""

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        image = keyframe.frame.image if prompt == "copy" else np.full((6, 8, 3), 90, np.uint8)
        return Plate(image, prompt, seed, keyframe.frame.index, 0.0)

    def close(self) -> None:
        pass


def show_until_ready(painted: GeneratedBackground, renderer: Renderer, ready: str) -> int:
    """Render frames until both prompts are at hand; the index of the next frame."""
    deadline_s = time.monotonic() + WAIT_S
    index = 0
    while ready not in painted.status:
        assert time.monotonic() < deadline_s, painted.status
        renderer.render(make_frame(index))
        index += 1
        time.sleep(0.002)
    return index


@pytest.mark.parametrize("prompts", [("one", "two", "three"), ("one", "fail", "two")])
def test_plates_made_ahead_show_nothing_of_the_room_when_they_are_switched_to(prompts: tuple[str, ...]) -> None:
    controls = Controls(("painted",), prompts)
    painted = GeneratedBackground(
        PlatesInBackground(DarkPlates(), Stats()),
        lambda pts_s: Scene(controls.state.prompt, 1),
        StillBackground(solid((10, 20, 30))),
        watch=RoomWatch(),
        shelf=PlateShelf(prompts),
    )
    ready = f"ready: {len(prompts) - prompts.count('fail')} of"
    index = show_until_ready(painted, Renderer(ScriptedSegmenter(), [painted], controls, Stats()), ready)
    broken = {call: BROKEN["all_nan"] for call in range(5, 60, 7)}
    renderer = Renderer(ScriptedSegmenter(broken), [painted], controls, Stats())
    for call in range(60):
        if call % 10 == 3:
            controls.step_prompt(1)
        rendered = renderer.render(make_frame(index + call)).image
        if call in broken:
            assert_nothing_of_the_room(rendered)
        assert_room_only_where(left_half(rendered), rendered)
    renderer.close()


@pytest.mark.parametrize("keeps_room", [True, False])
def test_restyled_room_made_ahead_is_no_safe_picture(keeps_room: bool) -> None:
    """The second case shows that this test would notice: there the copy of the room is taken for a safe picture."""
    controls = Controls(("painted",), ("dark", "copy"))
    painted = GeneratedBackground(
        PlatesInBackground(PlatesThatGiveTheKeyframeAway(), Stats()),
        lambda pts_s: Scene(controls.state.prompt, 1),
        StillBackground(solid((10, 20, 30))),
        watch=RoomWatch(),
        shelf=PlateShelf(controls.prompts),
        keeps_room=keeps_room,
    )
    renderer = Renderer(ScriptedSegmenter(), [painted], controls, Stats())
    index = show_until_ready(painted, renderer, "ready: 2 of 2")
    controls.step_prompt(1)
    renderer.render(make_frame(index + 1))
    renderer.render(make_frame(index + 50))
    if keeps_room:
        assert_nothing_of_the_room(renderer.safe_image(SIZE))
    else:
        with pytest.raises(AssertionError):
            assert_nothing_of_the_room(renderer.safe_image(SIZE))
    renderer.close()
