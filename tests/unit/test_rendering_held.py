"""Frames that were left on a GPU: whether they may be shown is decided as for all others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from device_frames import frame_of, open_path
from fakes import SIZE, ScriptedBackground, ScriptedSegmenter, left_half, make_frame

from streamer.auto_center import AutoCenter
from streamer.blending import Blending
from streamer.compositing import replace_background
from streamer.controls import Controls
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Frame, Image, Planes, Size
from streamer.rendering import Renderer
from streamer.stats import Stats

LARGE = Size(160, 96)


class ScriptedMatte:
    """Half of the picture, left elsewhere; it keeps count of what was fetched.

    Args:
        frame: whose matte it is.
        small: what is judged, instead of half a picture.
        full: what is fetched, or raised.
        fault: raised when it is to be composed.
    """

    def __init__(
        self,
        frame: Frame,
        *,
        size: Size | None = None,
        small: Alpha | None = None,
        full: Alpha | Exception | None = None,
        fault: Exception | None = None,
    ) -> None:
        self.size = size or frame.size
        self.small = left_half(frame.image)[::2, ::2] if small is None else small
        self.fetched = self.composed = 0
        self._frame = frame
        self._full = left_half(frame.image) if full is None else full
        self._fault = fault

    def full(self) -> Alpha:
        self.fetched += 1
        if isinstance(self._full, Exception):
            raise self._full
        return self._full

    def over(self, background: Image) -> tuple[Image, Planes | None]:
        self.composed += 1
        if self._fault is not None:
            raise self._fault
        return replace_background(self._frame.image, left_half(self._frame.image), background), None


class Holding:
    """Leaves every frame elsewhere, with the matte that a script makes of it."""

    def __init__(self, script: Callable[[Frame], ScriptedMatte | Alpha] = ScriptedMatte) -> None:
        self.given: list[ScriptedMatte | Alpha] = []
        self._script = script

    def __call__(self, frame: Frame) -> ScriptedMatte | Alpha:
        self.given.append(self._script(frame))
        return self.given[-1]

    @property
    def last(self) -> ScriptedMatte:
        assert isinstance(self.given[-1], ScriptedMatte)
        return self.given[-1]


def rendering(hold: Holding, background: ScriptedBackground | None = None, **settings: object) -> Renderer:
    controls = settings.pop("controls", None) or Controls()
    stats = settings.pop("stats", None) or Stats()
    return Renderer(ScriptedSegmenter(), [background or ScriptedBackground()], controls, stats, hold=hold, **settings)  # type: ignore[arg-type]


def is_safe(picture: Image) -> bool:
    """Nothing of ``secret_image`` is in it, whose values are all above 127."""
    return bool((picture < 128).all())


def test_a_plain_composite_is_made_where_the_frame_lies_and_nothing_is_fetched() -> None:
    hold, background = Holding(), ScriptedBackground()
    picture = rendering(hold, background).render(make_frame(2)).image
    assert (hold.last.composed, hold.last.fetched) == (1, 0)
    assert not is_safe(picture[:, :4])
    assert np.array_equal(picture[:, -4:], background.given[0][:, -4:])


class Seeing(ScriptedBackground):
    """Keeps the last alpha that it is given."""

    seen: Alpha

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        self.seen = alpha
        return super().image_for(frame, alpha)


def test_a_background_that_is_not_of_the_room_sees_the_small_alpha_and_one_that_is_sees_it_all() -> None:
    for shows_room in (False, True):
        hold, background = Holding(), Seeing(shows_room=shows_room)
        rendering(hold, background).render(make_frame(1))
        assert np.array_equal(background.seen, left_half(make_frame(1).image) if shows_room else hold.last.small)


OTHER_WORK = {
    "alpha": lambda: {"write": "alpha"},
    "foreground": lambda: {"write": "foreground"},
    "auto_center": lambda: {"auto_center": AutoCenter()},
    "blending": lambda: {"blending": Blending(0.5, 0.5)},
}


@pytest.mark.parametrize("settings", OTHER_WORK.values(), ids=OTHER_WORK)
def test_all_else_fetches_the_alpha_and_is_what_it_was_before(settings: Callable[[], dict[str, object]]) -> None:
    hold = Holding()
    held = rendering(hold, **settings()).render(make_frame(1)).image
    assert (hold.last.composed, hold.last.fetched) == (0, 1)
    plain = Renderer(ScriptedSegmenter(), [ScriptedBackground()], Controls(), Stats(), **settings())  # type: ignore[arg-type]
    assert np.array_equal(held, plain.render(make_frame(1)).image)


@pytest.mark.parametrize("view", ["matte", "composite"])
def test_the_view_of_the_matte_and_backgrounds_of_the_room_fetch_the_alpha(view: str) -> None:
    controls, hold = Controls(), Holding()
    if view == "matte":
        controls.act("matte")
    rendering(hold, ScriptedBackground(shows_room=view == "composite"), controls=controls).render(make_frame(1))
    assert (hold.last.composed, hold.last.fetched) == (0, 1)


def test_over_a_transparent_background_the_person_is_cut_out() -> None:
    hold = Holding()
    picture = rendering(hold, ScriptedBackground(transparent=True)).render(make_frame(1)).image
    assert picture.shape == (SIZE.height, SIZE.width, 4)
    assert (picture[:, -4:] == 0).all()
    assert (hold.last.composed, hold.last.fetched) == (0, 1)


SPOILT = {
    "nan": {"small": np.full((6, 8), np.nan, np.float32)},
    "infinite": {"small": np.full((6, 8), np.inf, np.float32)},
    "out of range": {"small": np.full((6, 8), 200, np.float32)},
    "a little out of range": {"small": np.full((6, 8), 1.1, np.float32)},
    "everything": {"small": np.ones((6, 8), np.float32)},
    "unsure": {"small": np.full((6, 8), 0.5, np.float32)},
    "another type": {"small": np.zeros((6, 8), np.float64)},
    "no picture": {"small": np.zeros(48, np.float32)},
    "another size": {"size": Size(8, 6)},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_without_a_matte_that_can_be_true_nothing_is_composed(spoilt: dict[str, object]) -> None:
    hold, stats = Holding(lambda frame: ScriptedMatte(frame, **spoilt)), Stats()  # type: ignore[arg-type]
    assert is_safe(rendering(hold, stats=stats).render(make_frame(1)).image)
    assert (hold.last.composed, hold.last.fetched) == (0, 0)
    assert sum(stats.snapshot().counters.get(name, 0) for name in ("failed_frames", "implausible_frames")) == 1


def test_an_alpha_that_is_spoilt_only_at_full_size_shows_nothing() -> None:
    hold = Holding(lambda frame: ScriptedMatte(frame, full=np.full((SIZE.height, SIZE.width), 200, np.float32)))
    assert is_safe(rendering(hold, ScriptedBackground(shows_room=True)).render(make_frame(1)).image)


def test_live_a_composite_that_fails_is_the_safe_picture_and_a_file_is_given_up() -> None:
    def failing(frame: Frame) -> ScriptedMatte:
        return ScriptedMatte(frame, fault=RuntimeError("CUDA error: out of memory"))

    stats = Stats()
    live = rendering(Holding(failing), stats=stats)
    assert is_safe(live.render(make_frame(1)).image)
    assert stats.snapshot().counters["failed_frames"] == 1
    with pytest.raises(RuntimeError, match="out of memory"):
        rendering(Holding(failing), failures_allowed=30).render(make_frame(1))


def test_while_the_camera_is_off_and_in_a_panic_nothing_is_composed() -> None:
    for action in ("camera-off", "panic"):
        hold, controls = Holding(), Controls()
        renderer = rendering(hold, controls=controls)
        matted = renderer.matte(make_frame(1))
        controls.act(action)
        assert is_safe(renderer.compose(matted).image)
        assert hold.last.composed == 0


def test_a_segmenter_that_takes_over_again_is_judged_as_ever() -> None:
    hold = Holding(lambda frame: np.full((SIZE.height, SIZE.width), np.nan, np.float32))
    assert is_safe(rendering(hold).render(make_frame(1)).image)
    assert not is_safe(rendering(Holding(lambda frame: left_half(frame.image))).render(make_frame(1)).image)


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("fault", ["nan", "everything", "shape", "none"])
def test_a_network_that_fails_on_the_device_shows_no_pixel_of_the_frame(fault: str, tmp_path: Path) -> None:
    segmenter, path = open_path(tmp_path)
    network = segmenter.runtime.network  # type: ignore[attr-defined]
    good = network.alpha
    network.alpha = {
        "nan": lambda batch: good(batch) * float("nan"),
        "everything": lambda batch: good(batch) * 0 + 1,
        "shape": lambda batch: good(batch)[..., 2:],
        "none": good,
    }[fault]
    background = ScriptedBackground()
    renderer = Renderer(segmenter, [background], Controls(), Stats(), hold=path.hold)
    frame = frame_of(1, LARGE)
    composed = renderer.render(frame)
    if fault == "none":
        assert not np.array_equal(composed.image, background.given[0])
        assert composed.image[LARGE.height // 2, LARGE.width // 2, 0] > 128
    else:
        assert np.array_equal(composed.image, background.safe_image(LARGE))
        assert composed.planes is None
    renderer.close()
    with pytest.raises(SegmentationError):
        _ = segmenter.runtime
