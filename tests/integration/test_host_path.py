"""The frame path on the CPU, with the program's own network: what it composes, and that no failure shows the room."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fakes import ScriptedBackground

from streamer.backgrounds.still import StillBackground
from streamer.controls import Controls
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Frame, Image
from streamer.host_path import HeldHere, HostPath
from streamer.interfaces import ComposingMatte
from streamer.rendering import Renderer
from streamer.segmentation import open_segmenter
from streamer.segmentation.predictor import NetworkSegmenter, Settled
from streamer.sources.demo import DemoSource
from streamer.stats import Stats
from streamer.yuv import to_planes


@pytest.fixture
def segmenter() -> Iterator[NetworkSegmenter]:
    opened = open_segmenter(device="cpu", clean_plate="learn", steadiness=0.9)
    yield opened
    opened.close()


def frames(count: int) -> list[Frame]:
    """Of the demo, as RGB and as YUV."""
    pairs = zip(range(count), DemoSource(), strict=False)
    return [frame.with_image(frame.image, to_planes(frame.image, 1, full_range=False)) for _, frame in pairs]


def test_what_is_held_is_composed_as_the_matte_of_the_segmenter_is(segmenter: NetworkSegmenter) -> None:
    plain = open_segmenter(device="cpu", clean_plate="learn", steadiness=0.9)
    renderers = [
        Renderer(
            each,
            [StillBackground(np.full((9, 16, 3), 90, np.uint8))],
            Controls(),
            Stats(),
            failures_allowed=0,
            hold=hold,
        )
        for each, hold in ((segmenter, HostPath(segmenter).hold), (plain, None))
    ]
    for frame in frames(4):
        held, matted = (renderer.render(frame.with_image(frame.image)) for renderer in renderers)
        assert np.array_equal(held.image, matted.image)
    plain.close()


def test_what_was_decoded_as_yuv_is_never_made_rgb_and_comes_out_the_same(segmenter: NetworkSegmenter) -> None:
    behind = StillBackground(np.full((9, 16, 3), 90, np.uint8))
    first, *others = frames(4)

    def rendered(wanted: list[Frame]) -> list[Frame]:
        segmenter.reset()
        renderer = Renderer(segmenter, [behind], Controls(), Stats(), failures_allowed=0, hold=HostPath(segmenter).hold)
        return [renderer.render(frame) for frame in wanted][1:]

    unasked = [frame.with_image(lambda: pytest.fail("nobody wants it"), frame.planes) for frame in others]
    plain = rendered([first, *(frame.with_image(frame.image) for frame in others)])
    for decoded, expected in zip(rendered([first, *unasked]), plain, strict=True):
        assert decoded.planes is not None
        again = to_planes(expected.image, 1, full_range=False)
        assert np.abs(decoded.planes.y.astype(int) - again.y).mean() < 0.2
        assert (np.abs(decoded.planes.y.astype(int) - again.y) > 12).mean() < 0.001


def test_the_rgb_of_what_was_composed_as_yuv_is_made_when_somebody_wants_it(segmenter: NetworkSegmenter) -> None:
    renderer = Renderer(
        segmenter,
        [StillBackground(np.full((9, 16, 3), 90, np.uint8))],
        Controls(),
        Stats(),
        hold=HostPath(segmenter).hold,
    )
    first, second, *_ = (renderer.render(frame) for frame in frames(2))
    assert first.planes is None
    assert callable(second.drawing)
    image = second.image
    assert second.drawing is image
    assert second.planes is not None
    assert np.abs(to_planes(image, 1, full_range=False).y.astype(int) - second.planes.y).mean() < 0.2


def test_the_full_alpha_of_what_is_held_is_the_segmenters(segmenter: NetworkSegmenter) -> None:
    frame = frames(1)[0]
    held = HostPath(segmenter).hold(frame)
    assert isinstance(held, ComposingMatte)
    segmenter.reset()
    levels = segmenter.refined(frame.pixels, segmenter.settled(frame.pixels))
    assert np.array_equal(held.full(), levels * np.float32(1 / 255))
    assert held.size == frame.size


@pytest.mark.parametrize("fault", [SegmentationError("lost"), ValueError("no such size"), MemoryError()], ids=repr)
def test_live_the_safe_picture_stands_in_where_the_edges_fail(
    segmenter: NetworkSegmenter, monkeypatch: pytest.MonkeyPatch, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refined(image: Image, small: Alpha) -> None:
        raise fault

    stats = Stats()
    background = ScriptedBackground()
    renderer = Renderer(segmenter, [background], Controls(), stats, hold=HostPath(segmenter).hold)
    first, second, third = frames(3)
    assert not np.array_equal(renderer.render(first).image, background.safe_image(first.size)), "the person is there"
    with monkeypatch.context() as broken:
        broken.setattr(segmenter, "refined", refined)
        assert np.array_equal(renderer.render(second).image, background.safe_image(second.size))
    assert stats.snapshot().counters["failed_frames"] == 1
    assert "no composite" in caplog.text
    caplog.clear()
    assert not np.array_equal(renderer.render(third).image, background.safe_image(third.size))


@pytest.mark.parametrize("value", [np.nan, 1.0, -3.0])
def test_a_small_alpha_that_cannot_be_true_is_never_composed(
    segmenter: NetworkSegmenter, monkeypatch: pytest.MonkeyPatch, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(segmenter, "settled", lambda image: Settled(np.full((180, 320), value, np.float32)))
    monkeypatch.setattr(HeldHere, "over", lambda held, background: pytest.fail("it was composed"))
    background = ScriptedBackground()
    renderer = Renderer(segmenter, [background], Controls(), Stats(), hold=HostPath(segmenter).hold)
    frame = frames(1)[0]
    assert np.array_equal(renderer.render(frame).image, background.safe_image(frame.size))
    assert caplog.text
    caplog.clear()
