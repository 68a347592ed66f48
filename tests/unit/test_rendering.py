from __future__ import annotations

import logging

import numpy as np
import pytest
from fakes import SIZE, ScriptedBackground, ScriptedSegmenter, left_half, make_frame

from streamer.blending import Blending
from streamer.color_matrix import BT709
from streamer.compositing import over
from streamer.controls import Controls
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Frame, Image, Size
from streamer.rendering import LAST_RESORT_GREY, Renderer, Write
from streamer.stats import Stats
from streamer.yuv import to_planes

HALF = SIZE.width // 2


def make_renderer(
    segmenter: ScriptedSegmenter,
    *backgrounds: ScriptedBackground,
    controls: Controls | None = None,
    stats: Stats | None = None,
    write: Write = "composite",
    failures_allowed: int | None = None,
) -> Renderer:
    shown = backgrounds or (ScriptedBackground(),)
    return Renderer(
        segmenter,
        shown,
        controls or Controls([str(number) for number in range(len(shown))]),
        stats or Stats(),
        write=write,
        failures_allowed=failures_allowed,
    )


def raising(error: Exception) -> ScriptedSegmenter:
    return ScriptedSegmenter(dict.fromkeys(range(1000), error))


def test_person_is_over_the_background_and_the_moment_is_kept() -> None:
    background = ScriptedBackground()
    frame = make_frame(3)
    rendered = make_renderer(ScriptedSegmenter(), background).render(frame)
    assert np.array_equal(rendered.image[:, HALF + 1 :], background.given[0][:, HALF + 1 :])
    assert np.array_equal(rendered.image[:, : HALF - 2], frame.image[:, : HALF - 2])
    assert (rendered.index, rendered.pts_s, rendered.captured_at_s) == (3, frame.pts_s, frame.captured_at_s)


def test_written_alpha_is_grey_and_rounded() -> None:
    columns = np.where(np.arange(SIZE.width) < 5, 0.4, 0).astype(np.float32)
    segmenter = ScriptedSegmenter({0: lambda image: np.tile(columns, (len(image), 1))})
    matte = make_renderer(segmenter, write="alpha").render(make_frame()).image
    assert matte.shape == (SIZE.height, SIZE.width)
    assert matte.dtype == np.uint8
    assert (matte[:, :5] == 102).all()
    assert (matte[:, 5:] == 0).all()


def test_written_foreground_has_straight_alpha_and_is_black_where_nothing_is_seen() -> None:
    picture = make_renderer(ScriptedSegmenter(), write="foreground").render(make_frame()).image
    assert picture.shape == (SIZE.height, SIZE.width, 4)
    assert (picture[:, : HALF - 2, 3] == 255).all()
    assert (picture[:, HALF + 1 :] == 0).all()


def test_transparent_background_gives_the_person_with_straight_alpha() -> None:
    picture = make_renderer(ScriptedSegmenter(), ScriptedBackground(transparent=True)).render(make_frame()).image
    assert picture.shape == (SIZE.height, SIZE.width, 4)
    assert (picture[:, HALF + 1 :] == 0).all()


def test_failed_frame_over_a_transparent_background_keeps_the_kind_of_picture() -> None:
    segmenter = ScriptedSegmenter({1: RuntimeError("gone")})
    renderer = make_renderer(segmenter, ScriptedBackground(transparent=True))
    renderer.render(make_frame(0))
    failed = renderer.render(make_frame(1)).image
    assert failed.shape == (SIZE.height, SIZE.width, 4)
    assert (failed == 0).all()


def test_matte_view_shows_the_matte_in_the_kind_of_picture_that_is_written() -> None:
    controls = Controls()
    controls.act("matte")
    picture = make_renderer(ScriptedSegmenter(), controls=controls).render(make_frame()).image
    assert picture.shape == (SIZE.height, SIZE.width, 3)
    assert (picture[:, :HALF] == 255).all()
    assert (picture[:, HALF + 1 :] == 0).all()


def test_matte_view_does_not_change_what_is_written_as_foreground() -> None:
    controls = Controls()
    controls.act("matte")
    picture = make_renderer(ScriptedSegmenter(), controls=controls, write="foreground").render(make_frame()).image
    assert picture.shape == (SIZE.height, SIZE.width, 4)


def test_controls_choose_the_background() -> None:
    first, second = ScriptedBackground(), ScriptedBackground(shows_room=True)
    controls = Controls(("first", "second"))
    renderer = make_renderer(ScriptedSegmenter(), first, second, controls=controls)
    renderer.render(make_frame(0))
    controls.next_background()
    renderer.render(make_frame(1))
    assert (len(first.given), len(second.given)) == (1, 1)


def test_controls_for_another_number_of_backgrounds_are_refused() -> None:
    with pytest.raises(ValueError, match="1 backgrounds, but controls for 2"):
        make_renderer(ScriptedSegmenter(), controls=Controls(("first", "second")))


def test_a_little_overshoot_is_clipped() -> None:
    def overshooting(image: Image) -> Alpha:
        return left_half(image) * np.float32(1.1) - np.float32(0.05)

    picture = make_renderer(ScriptedSegmenter({0: overshooting}), write="alpha").render(make_frame()).image
    assert (picture[:, :HALF] == 255).all()
    assert (picture[:, HALF + 1 :] == 0).all()


def test_each_step_is_timed_by_name() -> None:
    stats = Stats()
    make_renderer(ScriptedSegmenter(), stats=stats).render(make_frame())
    assert {"segment", "background", "composite"} <= set(stats.snapshot().stages)


def test_failed_frames_are_counted_each_and_logged_once_per_run_of_them(caplog: pytest.LogCaptureFixture) -> None:
    stats = Stats()
    error = RuntimeError("the card is gone")
    renderer = make_renderer(ScriptedSegmenter({1: error, 2: error, 4: error}), stats=stats)
    with caplog.at_level(logging.INFO, "streamer.rendering"):
        for index in range(6):
            renderer.render(make_frame(index))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert all("RuntimeError: the card is gone" in line for line in warnings)
    assert "the matte is back after 2 frames" in caplog.text
    assert stats.snapshot().counters["failed_frames"] == 3


def test_more_failures_in_a_row_than_allowed_end_in_an_error_with_the_cause() -> None:
    cause = RuntimeError("the card is gone")
    renderer = make_renderer(raising(cause), failures_allowed=2)
    renderer.render(make_frame(0))
    renderer.render(make_frame(1))
    with pytest.raises(SegmentationError, match=r"3 frames in a row .* the card is gone") as caught:
        renderer.render(make_frame(2))
    assert caught.value.__cause__ is cause


def test_failures_that_are_not_in_a_row_never_end_the_run() -> None:
    segmenter = ScriptedSegmenter(dict.fromkeys(range(0, 40, 2), RuntimeError("now and then")))
    renderer = make_renderer(segmenter, failures_allowed=1)
    for index in range(40):
        renderer.render(make_frame(index))


def test_live_work_survives_any_number_of_failures() -> None:
    renderer = make_renderer(raising(RuntimeError("gone")), failures_allowed=None)
    for index in range(100):
        renderer.render(make_frame(index))


def test_segmenter_forgets_the_scene_after_a_failure_a_pause_and_a_new_size_but_not_otherwise() -> None:
    controls = Controls()
    segmenter = ScriptedSegmenter({1: RuntimeError("once")})
    renderer = make_renderer(segmenter, controls=controls)
    resets = []

    def render(size: Size = SIZE) -> None:
        renderer.render(make_frame(0, size))
        resets.append(segmenter.resets)

    render()
    render()  # fails
    render()
    render()
    controls.act("camera-off")
    render()
    controls.act("camera-off")
    render()
    render(Size(8, 20))
    render(Size(8, 20))
    assert resets == [0, 0, 1, 1, 1, 2, 3, 3]


def test_a_reset_that_fails_costs_the_frame_and_is_tried_again() -> None:
    segmenter = ScriptedSegmenter({0: RuntimeError("once")})
    renderer = make_renderer(segmenter, write="alpha")
    renderer.render(make_frame(0))
    works = segmenter.reset

    def broken() -> None:
        raise RuntimeError("cannot reset")

    segmenter.reset = broken  # type: ignore[method-assign]
    assert (renderer.render(make_frame(1)).image == 0).all()
    segmenter.reset = works  # type: ignore[method-assign]
    assert renderer.render(make_frame(2)).image.any()
    assert segmenter.resets == 1


def test_background_that_fails_is_replaced_by_its_last_picture(caplog: pytest.LogCaptureFixture) -> None:
    stats = Stats()
    background = ScriptedBackground(fault_at=frozenset({1, 2}))
    renderer = make_renderer(ScriptedSegmenter(), background, stats=stats)
    renderer.render(make_frame(0))
    frame = make_frame(1)
    expected = over(frame.image, (left_half(frame.image) == 1).astype(np.float32), background.given[0])
    rendered = renderer.render(frame).image
    renderer.render(make_frame(2))
    clear = [column for column in range(SIZE.width) if abs(column - HALF) > 1]
    assert np.array_equal(rendered[:, clear], expected[:, clear])
    assert stats.snapshot().counters["failed_backgrounds"] == 2
    assert caplog.text.count("the background failed") == 1


@pytest.mark.parametrize("shows_room", [False, True])
def test_background_that_fails_from_the_start_is_replaced_by_its_safe_picture(shows_room: bool) -> None:
    background = ScriptedBackground(fault_at=frozenset({0}), shows_room=shows_room)
    rendered = make_renderer(ScriptedSegmenter(), background).render(make_frame(0)).image
    safe = background.safe_image(SIZE)
    assert np.array_equal(rendered[:, HALF + 1 :], safe[:, HALF + 1 :])


def test_background_of_the_live_room_is_not_shown_again_when_it_fails() -> None:
    background = ScriptedBackground(fault_at=frozenset({1}), shows_room=True)
    renderer = make_renderer(ScriptedSegmenter(), background)
    renderer.render(make_frame(0))
    rendered = renderer.render(make_frame(1)).image
    assert np.array_equal(rendered[:, HALF + 1 :], background.safe_image(SIZE)[:, HALF + 1 :])


def test_background_picture_of_another_size_is_not_used() -> None:
    class Small(ScriptedBackground):
        def image_for(self, frame: object, alpha: Alpha) -> Image:
            return np.zeros((2, 2, 3), np.uint8)

    background = Small()
    rendered = make_renderer(ScriptedSegmenter(), background).render(make_frame()).image
    assert np.array_equal(rendered[:, HALF + 1 :], background.safe_image(SIZE)[:, HALF + 1 :])


def test_last_background_of_another_size_is_not_used() -> None:
    background = ScriptedBackground(fault_at=frozenset({1}))
    renderer = make_renderer(ScriptedSegmenter(), background)
    renderer.render(make_frame(0))
    size = Size(20, 8)
    rendered = renderer.render(make_frame(1, size)).image
    assert np.array_equal(rendered[:, 11:], background.safe_image(size)[:, 11:])


def test_grey_is_shown_when_even_the_safe_picture_fails(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedBackground):
        def safe_image(self, size: Size) -> Image:
            raise OSError("the file is gone")

    renderer = make_renderer(raising(RuntimeError("gone")), Broken())
    for index in range(3):
        assert (renderer.render(make_frame(index)).image == LAST_RESORT_GREY).all()
    assert caplog.text.count("safe picture failed") == 1


def test_closing_closes_the_segmenter_and_every_background() -> None:
    segmenter, first, second = ScriptedSegmenter(), ScriptedBackground(), ScriptedBackground()
    make_renderer(segmenter, first, second).close()
    assert (segmenter.closed, first.closed, second.closed) == (1, 1, 1)


@pytest.mark.parametrize("action", ["panic", "camera-off"])
def test_a_frame_composed_before_the_key_is_not_shown_after_it(action: str) -> None:
    controls = Controls()
    renderer = make_renderer(ScriptedSegmenter(), controls=controls)
    composed = renderer.render(make_frame())
    assert renderer.last_look(composed) is composed
    controls.act(action)
    assert np.array_equal(renderer.last_look(composed).image, renderer.safe_image(composed.size))


def test_panic_shows_one_colour_and_mattes_nothing() -> None:
    controls = Controls()
    segmenter = ScriptedSegmenter()
    renderer = make_renderer(segmenter, controls=controls)
    controls.act("panic")
    assert (renderer.render(make_frame()).image == LAST_RESORT_GREY).all()
    assert not segmenter.calls
    controls.act("panic")
    assert len(np.unique(renderer.render(make_frame()).image)) > 1


def test_after_a_new_scene_the_segmenter_has_forgotten_and_a_matte_that_is_late_is_not_used() -> None:
    def nobody(image: Image) -> Alpha:
        return np.zeros(image.shape[:2], np.float32)

    segmenter = ScriptedSegmenter({1: nobody})
    renderer = make_renderer(segmenter)
    renderer.render(make_frame(0))
    first = make_frame(1)
    rendered = renderer.render(Frame(first.image, 1, first.pts_s, first.captured_at_s, scene=1)).image
    assert segmenter.resets == 1
    assert np.array_equal(segmenter.calls[1], segmenter.calls[2])
    assert np.array_equal(rendered[:, :4], first.image[:, :4])


@pytest.mark.parametrize("action", ["camera-off", "panic"])
def test_who_left_while_the_camera_was_off_leaves_no_hole_that_shows_the_room(action: str) -> None:
    def nobody(image: Image) -> Alpha:
        return np.zeros(image.shape[:2], np.float32)

    controls = Controls()
    segmenter = ScriptedSegmenter({1: left_half, **dict.fromkeys(range(2, 9), nobody)})  # it is a picture late
    renderer = make_renderer(segmenter, controls=controls)
    renderer.render(make_frame(0))
    controls.act(action)
    renderer.render(make_frame(1))
    controls.act(action)
    for index in (2, 3):
        assert renderer.render(make_frame(index)).image.max() <= 127


class StillPicture(ScriptedBackground):
    """The same array for every frame."""

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        return self.given[0] if self.given else super().image_for(frame, alpha)


def with_planes(index: int) -> Frame:
    frame = make_frame(index)
    return frame.with_image(frame.image, to_planes(frame.image, BT709, full_range=False))


def test_what_was_decoded_as_yuv_is_composed_as_yuv_over_a_background_that_stays() -> None:
    renderer = make_renderer(ScriptedSegmenter(), StillPicture())
    rendered = [renderer.render(with_planes(index)) for index in range(3)]
    assert rendered[0].planes is None  # nobody knows yet that it stays
    for frame, result in zip(map(with_planes, (1, 2)), rendered[1:], strict=True):
        assert frame.planes is not None
        assert result.planes is not None
        assert np.array_equal(result.planes.y[:, : HALF - 4], frame.planes.y[:, : HALF - 4])
        again = to_planes(result.image, BT709, full_range=False)
        differences = np.abs(result.planes.y.astype(int) - again.y)
        assert np.delete(differences, range(HALF - 2, HALF + 2), axis=1).max() <= 1
        assert differences.mean() <= 0.5, "their chroma is coarser than the picture's: at the edge that shows"


def test_over_a_background_that_changes_and_without_a_matte_nothing_is_composed_as_yuv() -> None:
    renderer = make_renderer(ScriptedSegmenter(), ScriptedBackground())
    assert [renderer.render(with_planes(index)).planes for index in range(3)] == [None] * 3
    failing = make_renderer(ScriptedSegmenter({2: ValueError("no matte")}), StillPicture())
    rendered = [failing.render(with_planes(index)) for index in range(3)]
    assert rendered[1].planes is not None
    assert rendered[2].planes is None


def test_live_a_composite_that_fails_is_the_safe_picture_and_a_file_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Blending):
        def blend(self, *_: object) -> Image:
            raise RuntimeError("out of memory")

    background, stats = ScriptedBackground(), Stats()

    def rendering(failures_allowed: int | None) -> Renderer:
        blending = Broken(color_match=0.5, light_wrap=0)
        return Renderer(
            ScriptedSegmenter(), [background], Controls(), stats, failures_allowed=failures_allowed, blending=blending
        )

    live = rendering(None)
    for index in range(3):
        assert np.array_equal(live.render(make_frame(index)).image, background.safe_image(SIZE))
    assert stats.snapshot().counters["failed_frames"] == 3
    assert [record.message for record in caplog.records] == [
        "no composite, showing the safe picture instead: RuntimeError: out of memory"
    ]
    with pytest.raises(RuntimeError, match="out of memory"):
        rendering(30).render(make_frame(1))
