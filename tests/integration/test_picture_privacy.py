"""No pixel of the room leaves with the picture mirrored, cropped, sized, moved and lit: all of these at once.

As in ``test_privacy.py``, the room is noise in 128..255 and no background holds a value above 127. The person here is
dark, too, so that whatever is bright in the output is the room.
"""

from __future__ import annotations

import numpy as np
import pytest
from fakes import RecordingSink, ScriptedBackground, ScriptedSegmenter, ScriptedSource, left_half, make_frame
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamer.auto_center import WHOLE, AutoCenter
from streamer.backgrounds.blur import BlurBackground
from streamer.blending import Blending
from streamer.controls import Controls
from streamer.frames import Alpha, Frame, Image, Size
from streamer.interfaces import Background
from streamer.pipeline import Pipeline
from streamer.rendering import Renderer
from streamer.segmentation.within import within
from streamer.sources.framed import PictureRules, framed
from streamer.stats import Stats

BRIGHT = 128
SIZE = Size(64, 48)
RULES = PictureRules(mirror=True, crop=(3, 4, 5, 6), zoom=1.2, size=Size(80, 60), fit="contain")


def make_renderer(segmenter: object, background: Background | None = None, picture: object = None) -> Renderer:
    return Renderer(
        within(segmenter, picture),  # type: ignore[arg-type]
        [background or ScriptedBackground()],
        Controls(),
        Stats(),
        auto_center=AutoCenter(),
        blending=Blending(1.0, 1.0),
    )


def block(left: int, top: int, right: int, size: Size = SIZE, edge: float = 1.0) -> Alpha:
    """A person between two columns and from a row down to the lower edge."""
    alpha = np.zeros((size.height, size.width), np.float32)
    alpha[top:, left:right] = 1
    alpha[top, left:right] = edge
    return alpha


def dark_person(alpha: Alpha, seed: int) -> Image:
    """The bright room with a dark person wherever the alpha is not 0."""
    image = make_frame(seed, Size(alpha.shape[1], alpha.shape[0])).image
    return np.where(alpha[..., None] > 0, image // 4, image)


@settings(max_examples=40, deadline=None)
@given(
    left=st.integers(0, 40),
    width=st.integers(4, 30),
    top=st.integers(0, 40),
    step=st.integers(-3, 3),
    seed=st.integers(0, 1000),
)
def test_wherever_the_person_goes_nothing_bright_is_seen(left: int, width: int, top: int, step: int, seed: int) -> None:
    """A pixel with no person in it is seen nowhere; at the person's own edge a warp mixes it with its neighbours."""
    alphas = []
    for index in range(8):
        begin = int(np.clip(left + step * index, 0, SIZE.width - 4))
        alphas.append(block(begin, top, min(SIZE.width, begin + width)))
    renderer = make_renderer(ScriptedSegmenter({index: lambda image, a=a: a.copy() for index, a in enumerate(alphas)}))
    follower = AutoCenter()
    for index, alpha in enumerate(alphas):
        frame = make_frame(index, SIZE, dark_person(alpha, seed + index))
        rendered = renderer.render(frame).image
        own = follower.place(frame, alpha, with_room=False).alpha
        background = ScriptedBackground().image_for(frame, alpha)
        np.testing.assert_array_equal(rendered[own == 0], background[own == 0])
        assert (rendered >= BRIGHT).any(axis=2)[own > 0.999].sum() == 0


@settings(max_examples=40, deadline=None)
@example(seed=687, filled=0.59765625)
@given(seed=st.integers(0, 10_000), filled=st.floats(0.02, 0.6))
def test_whatever_the_alpha_the_background_is_exact_where_it_is_zero(seed: int, filled: float) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.where(rng.random((48, 64)) < filled, rng.random((48, 64)), 0).astype(np.float32)
    renderer = make_renderer(ScriptedSegmenter({0: lambda image: alpha.copy()}))
    frame = make_frame(0, SIZE)
    own = AutoCenter().place(frame, alpha, with_room=False).alpha
    rendered = renderer.render(frame).image
    if np.array_equal(rendered, ScriptedBackground().safe_image(SIZE)):  # a matte so unsure is not believed
        assert ((alpha > 0.1) & (alpha < 0.9)).mean() > 0.45
        return
    background = ScriptedBackground().image_for(frame, alpha)
    unseen = np.rint(own * 255) == 0
    np.testing.assert_array_equal(rendered[unseen], background[unseen])


def test_the_alpha_of_a_frame_moves_with_its_own_pixels() -> None:
    """Frame and alpha change sides on every frame: one laid on the other's would show the room."""
    alphas = [block(4, 10, 20) if index % 2 else block(44, 10, 60) for index in range(12)]
    renderer = make_renderer(ScriptedSegmenter({index: lambda image, a=a: a.copy() for index, a in enumerate(alphas)}))
    for index, alpha in enumerate(alphas):
        rendered = renderer.render(make_frame(index, SIZE, dark_person(alpha, index))).image
        bright = (rendered >= BRIGHT).any(axis=2)
        assert bright.sum() <= 6, "a few mixed pixels of the edge at most"


def test_the_person_really_moves_in_these_tests() -> None:
    operator = AutoCenter()
    operator.place(make_frame(0, SIZE), block(4, 10, 20), with_room=False)
    assert operator.view != WHOLE


def test_a_whole_run_with_all_of_it_on_shows_the_room_nowhere() -> None:
    """The bars too: the segmenter calls everything person that it is shown, so only the picture may be seen."""
    source = framed(ScriptedSource(12), RULES)
    area = source.info.picture
    assert area is not None
    broken = {3: RuntimeError("gone"), 5: lambda image: np.full(image.shape[:2], np.nan, np.float32)}
    segmenter = ScriptedSegmenter(broken)
    sink = RecordingSink()
    renderer = make_renderer(segmenter, picture=area)
    Pipeline(source, renderer.compose, [sink], Stats(), matte=renderer.matte, is_live=False).run()
    assert [frame.size for frame in sink.frames] == [Size(80, 60)] * 12
    follower = AutoCenter()
    given_frames = list(framed(ScriptedSource(12), RULES))
    for shown, frame in zip(sink.frames, given_frames, strict=True):
        if frame.index in broken:
            assert shown.image.max() < BRIGHT
            continue
        alpha = np.zeros((60, 80), np.float32)
        alpha[area.slices] = left_half(frame.image[area.slices])
        own = follower.place(frame, alpha, with_room=False).alpha
        assert shown.image[own == 0].max(initial=0) < BRIGHT
        assert shown.image.max() >= BRIGHT, "the person is seen"


def test_bars_show_the_background_even_if_everything_is_called_person() -> None:
    source = framed(ScriptedSource(1), PictureRules(size=Size(32, 40), fit="contain"))
    area = source.info.picture
    assert area is not None
    everything = ScriptedSegmenter({0: lambda image: np.ones(image.shape[:2], np.float32)})
    (frame,) = list(source)
    renderer = Renderer(within(everything, area), [ScriptedBackground()], Controls(), Stats())
    rendered = renderer.render(frame).image
    background = ScriptedBackground().image_for(frame, np.zeros((40, 32), np.float32))
    np.testing.assert_array_equal(rendered[: area.top], background[: area.top])
    np.testing.assert_array_equal(rendered[area.top + 3 :], frame.image[area.top + 3 :])


class GivenAlphas(ScriptedBackground):
    """Notes the frame and alpha that it is asked with."""

    def __init__(self, *, shows_room: bool) -> None:
        super().__init__(shows_room=shows_room)
        self.asked: list[tuple[Frame, Alpha]] = []

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        self.asked.append((frame, alpha))
        return super().image_for(frame, alpha)


@pytest.mark.parametrize("shows_room", [False, True])
def test_a_background_that_stands_still_is_made_of_the_frame_and_one_of_the_room_moves_along(shows_room: bool) -> None:
    background = GivenAlphas(shows_room=shows_room)
    alpha = block(4, 10, 20)
    renderer = make_renderer(ScriptedSegmenter({0: lambda image: alpha.copy()}), background)
    frame = make_frame(0, SIZE, dark_person(alpha, 0))
    renderer.render(frame)
    ((asked, asked_alpha),) = background.asked
    placed = AutoCenter().place(frame, alpha, with_room=shows_room)
    np.testing.assert_array_equal(asked.image, placed.image if shows_room else frame.image)
    np.testing.assert_array_equal(asked_alpha, placed.alpha_behind if shows_room else alpha)
    assert (asked.index, asked.pts_s) == (frame.index, frame.pts_s)


def test_before_the_blurred_room_nothing_is_lit_anew() -> None:
    alpha = block(20, 10, 44)
    results = []
    for blending in (None, Blending(1.0, 1.0)):
        renderer = Renderer(
            ScriptedSegmenter({0: lambda image: alpha.copy()}),
            [BlurBackground(50)],
            Controls(),
            Stats(),
            blending=blending,
        )
        results.append(renderer.render(make_frame(0, SIZE)).image)
    np.testing.assert_array_equal(results[0], results[1])
