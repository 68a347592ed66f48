from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.doubt import Looks
from models.framing import STRETCH, WHOLE, Box, Framing, framing, looking_at, settling
from models.region import REST
from models.unet_config import CLASSIC, COMPACT
from streamer.errors import SegmentationError
from streamer.frames import Alpha, Image, Size
from streamer.segmentation.clean_plate import CleanPlate
from streamer.segmentation.predictor import NetworkSegmenter, as_batch
from streamer.segmentation.rules import MatteRules
from streamer.segmentation.runtimes import Runtime
from streamer.stats import Stats

SIZES = [Size(1280, 720), Size(640, 480), Size(720, 1280), Size(641, 359), Size(320, 192), Size(500, 500), Size(97, 61)]


FITTING = partial(framing, config=COMPACT)


class RedIsPerson(Runtime):
    """A runtime whose alpha is the red channel."""

    name = "CPU (red)"

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        return batch[0, 0].copy()


class Blinking(Runtime):
    """A runtime whose alpha is 1 and another one, 0 if not said otherwise, in turns."""

    name = "CPU (blinking)"

    def __init__(self, *, other: float = 0, has_memory: bool = True) -> None:
        self.calls = 0
        self.has_memory = has_memory
        self._other = other

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        self.calls += 1
        return np.full(batch.shape[2:], 1 if self.calls % 2 else self._other, np.float32)


class Shimmering(Runtime):
    """A runtime whose alpha is the red channel, with noise of its own wherever that is neither 0 nor 1 all around."""

    name = "CPU (shimmering)"
    has_memory = True

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        noise = self._rng.normal(0, 0.15, batch.shape[2:])
        return np.clip(0.5 + 0.6 * (batch[0, 0] - 0.5) + noise, 0, 1).astype(np.float32)


class Broken(Runtime):
    name = "CPU (broken)"

    def __init__(self, result: Alpha | Exception) -> None:
        self._result = result

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        if isinstance(self._result, Exception):
            raise self._result
        return np.broadcast_to(self._result, batch.shape[2:])


def red_rectangle(size: Size) -> tuple[Image, Alpha]:
    truth = np.zeros((size.height, size.width), np.float32)
    truth[size.height // 4 :, size.width // 3 : -size.width // 4] = 1
    image = np.full((size.height, size.width, 3), (0, 40, 40), np.uint8)
    image[truth == 1] = (255, 40, 40)
    return image, truth


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_alpha_lies_where_the_person_is_at_any_size_and_aspect(size: Size) -> None:
    image, truth = red_rectangle(size)
    alpha = NetworkSegmenter("compact", FITTING, RedIsPerson()).segment(image)
    assert alpha.shape == truth.shape
    assert alpha.dtype == np.float32
    assert np.abs(alpha - truth).mean() < 0.01


@pytest.mark.parametrize("config", [COMPACT, CLASSIC], ids=["compact", "classic"])
@given(width=st.integers(1, 4000), height=st.integers(1, 4000))
def test_network_input_keeps_aspect_and_area(config: object, width: int, height: int) -> None:
    assert config in (COMPACT, CLASSIC)
    unet = COMPACT if config is COMPACT else CLASSIC
    fitted = framing(width, height, unet)
    content, padded = Size(*fitted.content), Size(*fitted.padded)
    assert padded.width % unet.multiple_px == padded.height % unet.multiple_px == 0
    assert content.width <= padded.width < content.width + unet.multiple_px
    assert content.height <= padded.height < content.height + unet.multiple_px
    assert padded.width * padded.height <= 1.07 * unet.input_area_px
    if 0.4 < width / height < 2.5:
        assert content.width * content.height > 0.6 * unet.input_area_px
        assert abs(content.width / content.height / (width / height) - 1) < STRETCH - 1 + 0.01


def test_sixteen_to_nine_is_matted_at_448x256_drawn_out_a_little() -> None:
    assert framing(1920, 1080, COMPACT) == Framing((448, 256), (448, 256))
    assert framing(320, 192, COMPACT) == Framing((427, 256), (448, 256)), "that would be too much: it is padded"


def test_padding_repeats_the_lower_edge() -> None:
    image = np.zeros((216, 384, 3), np.uint8)
    image[-1] = (255, 0, 0)
    batch = as_batch(image, Size(448, 256))
    assert batch.shape == (1, 3, 256, 448)
    assert np.allclose(batch[0, 0, 215:], 1)
    assert np.all(batch[0, 1:] == 0)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 3.0, -0.5])
def test_unusable_alpha_is_refused(spoilt: float) -> None:
    segmenter = NetworkSegmenter("compact", FITTING, Broken(np.float32([[spoilt]])))
    with pytest.raises(SegmentationError, match="unusable"):
        segmenter.segment(np.zeros((90, 160, 3), np.uint8))


def test_one_nan_among_good_values_is_refused() -> None:
    alpha = np.full((256, 448), 0.5, np.float32)
    alpha[50, 60] = np.nan
    with pytest.raises(SegmentationError, match="unusable"):
        NetworkSegmenter("compact", FITTING, Broken(alpha)).segment(np.zeros((90, 160, 3), np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (216, 320), (100, 384)])
def test_an_alpha_that_is_too_small_is_refused(shape: tuple[int, int]) -> None:
    segmenter = NetworkSegmenter("compact", FITTING, Broken(np.float32(0)), steadiness=0.9)
    segmenter.runtime.alpha = lambda batch: np.ones(shape, np.float32)  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(SegmentationError, match="too small"):
            segmenter.segment(np.zeros((90, 160, 3), np.uint8))


def test_failure_of_the_runtime_is_one_line() -> None:
    segmenter = NetworkSegmenter("compact", FITTING, Broken(RuntimeError("out of memory\nstack...")))
    with pytest.raises(SegmentationError, match=r"^the matte failed on CPU \(broken\): out of memory$"):
        segmenter.segment(np.zeros((90, 160, 3), np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 16), np.uint8),
        np.zeros((9, 16, 4), np.uint8),
        np.zeros((9, 16, 3), np.float32),
        np.zeros((0, 16, 3), np.uint8),
    ],
    ids=["grey", "rgba", "float", "empty"],
)
def test_what_is_no_rgb_picture_is_refused(image: Image) -> None:
    with pytest.raises(SegmentationError, match="uint8 RGB"):
        NetworkSegmenter("compact", FITTING, RedIsPerson()).segment(image)


def test_description_says_what_runs() -> None:
    segmenter = NetworkSegmenter("compact", FITTING, RedIsPerson())
    assert segmenter.description == "compact on CPU (red)"
    segmenter.segment(np.zeros((720, 1280, 3), np.uint8))
    assert segmenter.description == "compact 448x256 on CPU (red)"


def test_a_still_picture_is_steadied_a_moving_one_and_one_after_a_reset_are_not() -> None:
    segmenter = NetworkSegmenter("compact", FITTING, Blinking(other=0.6), steadiness=0.8)
    image = np.random.default_rng(0).integers(0, 256, (216, 384, 3), dtype=np.uint8)
    assert segmenter.segment(image).mean() == 1
    assert segmenter.segment(image).mean() == 1, "0.8 of certain, and then the contrast curve"
    assert segmenter.segment(255 - image).mean() == 1
    assert 0.7 < segmenter.segment(image).mean() < 0.95
    segmenter.reset()
    assert segmenter.segment(image).mean() == 1
    assert 0.7 < segmenter.segment(image[:, ::-1].copy()).mean() < 0.95


def test_a_picture_that_came_twice_is_matted_once_unless_the_network_remembers() -> None:
    image = np.random.default_rng(0).integers(0, 256, (216, 384, 3), dtype=np.uint8)
    for has_memory, calls in ((False, 3), (True, 5)):
        runtime = Blinking(has_memory=has_memory)
        segmenter = NetworkSegmenter("compact", FITTING, runtime)
        same = [segmenter.segment(image) for _ in range(3)]
        assert not np.array_equal(same[0], segmenter.segment(255 - image))
        assert has_memory or np.array_equal(same[0], same[2])
        segmenter.reset()
        segmenter.segment(255 - image)
        assert runtime.calls == calls


def test_another_picture_in_the_same_array_is_matted_anew() -> None:
    image = np.full((256, 448, 3), (255, 40, 40), np.uint8)  # of the network's own size: it is not copied on the way
    segmenter = NetworkSegmenter("compact", FITTING, RedIsPerson())
    assert segmenter.segment(image).min() == 1
    image[:] = (0, 40, 40)
    assert segmenter.segment(image).max() == 0


@pytest.mark.parametrize("follows", [False, True])
def test_what_a_late_network_says_first_of_a_new_scene_is_not_kept_for_the_second_look(follows: bool) -> None:
    class Late(RedIsPerson):
        before = np.ones((256, 448), np.float32)

        def alpha(self, batch: NDArray[np.float32]) -> Alpha:
            late, self.before = self.before, super().alpha(batch)
            return late

    nobody, somebody = (np.full((256, 448, 3), (red, 40, 40), np.uint8) for red in (0, 255))
    segmenter = follower(Late()) if follows else NetworkSegmenter("compact", FITTING, Late())
    segmenter.segment(somebody)
    segmenter.reset()
    assert segmenter.segment(nobody).min() == 1, "the old scene's: the renderer throws it away"
    assert segmenter.segment(nobody).max() == 0


def test_an_unusable_alpha_is_asked_for_again() -> None:
    image = np.zeros((216, 384, 3), np.uint8)
    runtime = Broken(np.float32("nan"))
    segmenter = NetworkSegmenter("compact", FITTING, runtime)
    with pytest.raises(SegmentationError):
        segmenter.segment(image)
    runtime._result = np.float32(1)
    assert segmenter.segment(image).mean() == 1


def test_the_users_rules_are_applied() -> None:
    image = np.full((216, 384, 3), (0, 40, 40), np.uint8)
    image[20:60, 20:60, 0] = 255
    image[60:180, 140:260, 0] = 255
    rules = MatteRules(people="largest", edge_shift_px=-4)
    alpha = NetworkSegmenter("compact", FITTING, RedIsPerson(), rules=rules).segment(image)
    assert np.all(alpha[:, :120] == 0)
    assert np.all(alpha[70:170, 150:250] == 1)
    assert np.all(alpha[100, 140:143] == 0)


class Saying(Runtime):
    """A runtime whose alpha is always this one."""

    name = "CPU (saying)"

    def __init__(self, alpha: Alpha) -> None:
        self._alpha = alpha

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        return self._alpha


def as_seen(picture: Image) -> Image:
    """With the softness and the noise of a camera."""
    noisy = picture + np.random.default_rng(0).normal(0, 3, picture.shape)
    return cv2.GaussianBlur(noisy.clip(0, 255).astype(np.uint8), (0, 0), 0.7).astype(np.uint8)


@pytest.mark.parametrize("clean_plate", [CleanPlate("learn"), None], ids=["learnt", "off"])
def test_an_edge_drawn_too_far_out_goes_back_to_the_colours_if_a_room_is_learnt(clean_plate: CleanPlate | None) -> None:
    picture = np.full((256, 448, 3), (200, 198, 190), np.uint8)
    picture[80:, 120:220] = (40, 150, 90)
    found = np.zeros((256, 448), np.float32)
    found[79:, 119:221] = 1  # strips are wider
    alpha = NetworkSegmenter("compact", FITTING, Saying(found), clean_plate=clean_plate).settled(as_seen(picture)).alpha
    rim = alpha[100:240, [119, 220]].mean()
    assert rim < 0.3 if clean_plate else rim == 1


def test_smaller_sizes_are_used_as_soon_as_they_are_chosen_and_closing_closes_the_runtime() -> None:
    class Closed(RedIsPerson):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    runtime = Closed()
    segmenter = NetworkSegmenter("compact", FITTING, runtime, smaller=[partial(framing, config=COMPACT, share=0.37)])
    image, truth = red_rectangle(Size(1280, 720))
    assert (segmenter.steps, segmenter.input_size) == (2, None)
    segmenter.segment(image)
    assert segmenter.input_size == Size(448, 256)
    segmenter.step = 1
    alpha = segmenter.segment(image)
    assert segmenter.description == "compact 256x160 on CPU (red)"
    assert np.abs(alpha - truth).mean() < 0.01
    segmenter.close()
    segmenter.close()
    assert runtime.closed == 1


class Watched(RedIsPerson):
    """Remembers the sizes of what it has seen, and of what it was to get ready for."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.prepared: list[tuple[int, int]] = []

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        self.sizes.append((batch.shape[3], batch.shape[2]))
        return super().alpha(batch)

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        self.prepared.append((shape[3], shape[2]))


def person_at(left: int) -> Image:
    """720p, with a person of red, 300 px wide, who is cut off by the lower edge."""
    image = np.zeros((720, 1280, 3), np.uint8)
    image[200:, left : left + 300, 0] = 255
    return image


def follower(runtime: Runtime, clean_plate: CleanPlate | None = None) -> NetworkSegmenter:
    """One that looks where the person is."""
    return NetworkSegmenter(
        "compact",
        FITTING,
        runtime,
        clean_plate=clean_plate,
        smaller=[partial(framing, config=COMPACT, share=0.52)],
        settling=settling,
        parts=[partial(looking_at, config=COMPACT, share=share) for share in (1.0, 0.52)],
    )


def test_the_network_sees_the_part_where_the_person_is_and_the_matte_is_the_whole_picture_s() -> None:
    runtime = Watched()
    segmenter = follower(runtime)
    for left in (500, 503, 506):
        image = person_at(left)
        settled = segmenter.settled(image)
        truth = image[..., 0] / np.float32(255)
        detailed = segmenter.detailed(settled)
        assert settled.alpha.shape == (180, 320)
        assert detailed.shape[1] > 1.1 * 448, "it is larger"
        assert np.abs(segmenter.refined(image, settled) / 255 - truth).mean() < 0.003
    whole, *parts = runtime.sizes
    assert whole == (448, 256)
    assert len(parts) == 3
    assert len(set(parts)) == 1
    width, height = parts[0]
    assert width / height < 1
    assert width * height <= 1.07 * COMPACT.input_area_px
    assert segmenter.description == "compact 448x256 on CPU (red)"


def test_somebody_who_comes_in_beside_that_part_is_there_at_once() -> None:
    segmenter = follower(RedIsPerson())
    segmenter.settled(person_at(200))
    segmenter.settled(person_at(200))
    both = np.maximum(person_at(200), person_at(900))
    alpha = segmenter.settled(both).alpha
    assert alpha[120, 80] == alpha[120, 250] == 1


def test_whoever_comes_in_in_doubt_is_there_at_once_and_not_learnt_as_a_part_of_the_room() -> None:
    segmenter = follower(RedIsPerson(), CleanPlate("learn"))
    segmenter.settled(np.zeros_like(person_at(500)))
    for number in range(REST):
        doubtful = person_at(500).clip(0, 240 + number % 2)
        assert segmenter.settled(doubtful).alpha[120, 160] > 0.9


def test_the_very_same_picture_is_not_computed_again_in_a_part_either() -> None:
    runtime = Watched()
    segmenter = follower(runtime)
    segmenter.settled(person_at(500))
    looks = len(runtime.sizes)
    segmenter.settled(person_at(500))
    segmenter.settled(person_at(500))
    assert len(runtime.sizes) == looks


def test_both_the_whole_and_the_part_are_prepared_at_another_size() -> None:
    runtime = Watched()
    segmenter = follower(runtime)
    segmenter.prepare(1)
    assert not runtime.prepared, "nothing is known of the picture"
    segmenter.settled(person_at(500))
    segmenter.prepare(1)
    seen = len(runtime.sizes)
    segmenter.step = 1
    segmenter.settled(person_at(502))
    assert (320, 192) in runtime.prepared
    assert len(runtime.prepared) == 2
    assert runtime.sizes[seen:] == [size for size in runtime.prepared if size != (320, 192)]


def test_a_new_scene_is_seen_whole_first() -> None:
    runtime = Watched()
    segmenter = follower(runtime)
    segmenter.settled(person_at(500))
    segmenter.reset()
    seen = len(runtime.sizes)
    segmenter.settled(person_at(900))
    assert runtime.sizes[seen] == (448, 256)


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.05, 1),
    st.floats(0.05, 1),
    st.integers(64, 4000),
    st.integers(64, 4000),
)
def test_a_part_holds_what_it_is_to_show_larger_and_without_padding(
    left: float, top: float, wide: float, high: float, width: int, height: int
) -> None:
    box = Box(left * (1 - wide), top * (1 - high), left * (1 - wide) + wide, top * (1 - high) + high)
    part = looking_at(box, width, height, COMPACT, 1.0)
    if part is None:
        return
    whole = framing(width, height, COMPACT)
    (content_w, content_h), (input_w, input_h), (x, y) = part
    assert input_w % COMPACT.multiple_px == input_h % COMPACT.multiple_px == 0
    assert input_w * input_h <= 1.07 * COMPACT.input_area_px
    assert 0 <= x <= content_w - input_w
    assert 0 <= y <= content_h - input_h
    scale = content_w / width
    assert 1.05 < scale / (whole.content[0] * whole.content[1] / (width * height)) ** 0.5 < 1.8
    assert abs(content_h / height / scale - 1) < 0.02
    shown = part.box
    slack = 1.5 / min(content_w, content_h)
    assert shown.left - slack <= box.left
    assert box.right <= shown.right + slack
    assert shown.top - slack <= box.top
    assert box.bottom <= shown.bottom + slack


def test_the_whole_is_no_part() -> None:
    assert looking_at(WHOLE, 1280, 720, COMPACT, 1.0) is None


class ErringToTheRight(Runtime):
    """A runtime whose alpha is the red channel, some pixels too far to the right."""

    name = "CPU (erring)"

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        return np.roll(batch[0, 0], 6, axis=1)


@pytest.mark.parametrize("size", [Size(160, 96), Size(150, 90)], ids=str)
def test_what_errs_to_one_side_errs_to_neither_when_the_mirror_image_is_looked_at_too(size: Size) -> None:
    image = np.zeros((size.height, size.width, 3), np.uint8)
    image[:, size.width // 3 : size.width - size.width // 3, 0] = 255
    looks: tuple[Looks, ...] = ("once", "in doubt", "twice")
    once, in_doubt, twice = (
        NetworkSegmenter("compact", FITTING, ErringToTheRight(), looks=each).settled(image).alpha for each in looks
    )
    assert np.array_equal(in_doubt, once), "there is no doubt"
    assert np.abs(once - once[:, ::-1]).mean() > 0.05
    assert np.abs(twice - twice[:, ::-1]).max() < 0.01
    assert twice[:, twice.shape[1] // 2].min() > 0.99


class Doubting(Runtime):
    """A runtime that finds what is red, doubts what is half as red if that lies to the right, and counts its looks."""

    name = "CPU (doubting)"

    def __init__(self) -> None:
        self.looks = 0

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        self.looks += 1
        alpha = batch[0, 0].copy()
        half = alpha.shape[1] // 2
        alpha[:, :half][alpha[:, :half] < 0.9] = 0
        return alpha


@pytest.mark.parametrize(("redness", "step", "looks"), [(128, 0, 2), (128, 1, 1), (255, 0, 1), (0, 0, 1)], ids=str)
def test_a_doubtful_picture_is_looked_at_twice_at_the_first_size(redness: int, step: int, looks: int) -> None:
    image = np.zeros((96, 160, 3), np.uint8)
    image[30:, 20:60, 0] = 255
    image[30:, 110:140, 0] = redness
    runtime = Doubting()
    segmenter = NetworkSegmenter("compact", FITTING, runtime, looks="in doubt", smaller=(FITTING,))
    segmenter.settled(image)
    segmenter.reset()  # the first picture of a scene is looked at anew
    segmenter.step = step
    runtime.looks = 0
    alpha = segmenter.settled(image).alpha
    assert runtime.looks == looks
    height, width = alpha.shape
    assert alpha[2 * height // 3, width // 4] > 0.99
    doubted = alpha[2 * height // 3, 25 * width // 32]
    assert doubted == pytest.approx({(128, 2): 0.2, (128, 1): 0.5}.get((redness, looks), redness / 255), abs=0.06)


def test_times_of_network_and_refinement_are_noted() -> None:
    stats = Stats()
    NetworkSegmenter("compact", FITTING, RedIsPerson(), stats=stats).segment(np.zeros((90, 160, 3), np.uint8))
    assert {name: stage.count for name, stage in stats.snapshot().stages.items()} == {
        "network": 1,
        "settle": 1,
        "refine": 1,
    }


def test_closed_segmenter_says_so() -> None:
    segmenter = NetworkSegmenter("compact", FITTING, RedIsPerson())
    segmenter.close()
    segmenter.close()
    with pytest.raises(SegmentationError, match="closed"):
        segmenter.segment(np.zeros((90, 160, 3), np.uint8))


def test_a_larger_input_is_settled_at_a_smaller_size_and_keeps_its_detail() -> None:
    size = Size(1280, 720)
    image, _ = red_rectangle(size)
    image[100:140, 60:64:2] = (255, 40, 40)  # lines of less than a pixel where mattes are settled
    larger = partial(framing, config=COMPACT, share=1.8)
    plain = NetworkSegmenter("compact", larger, RedIsPerson())
    fine = NetworkSegmenter("compact", larger, RedIsPerson(), settling=settling, steadiness=0.9)
    for _ in range(3):
        settled = fine.settled(image)
        detailed = fine.detailed(settled)
    assert settled.alpha.shape == (180, 320)
    assert detailed.shape == plain.settled(image).alpha.shape == (352, 608)
    assert np.abs(detailed - plain.settled(image).alpha).max() < 0.01


def test_what_is_let_go_of_where_mattes_are_settled_is_gone_at_the_larger_size() -> None:
    image, _ = red_rectangle(Size(1280, 720))
    image[20:60, 20:60] = (255, 40, 40)
    rules = MatteRules(min_island=1.0)
    larger = partial(framing, config=COMPACT, share=1.8)
    segmenter = NetworkSegmenter("compact", larger, RedIsPerson(), settling=settling, rules=rules)
    detailed = segmenter.detailed(segmenter.settled(image))
    assert not detailed[:60, :60].any()
    assert detailed[200:, 250:400].min() == 1


def at(left: int) -> Image:
    """A red square, its left edge there, and a fence of thin lines beside it."""
    image = np.full((720, 1280, 3), (0, 40, 40), np.uint8)
    image[200:500, left : left + 300] = (255, 40, 40)
    image[200:500, left + 320 : left + 400 : 5] = (255, 40, 40)
    return image


def finely(segmenter: NetworkSegmenter, image: Image) -> Alpha:
    return segmenter.detailed(segmenter.settled(image))


def fine_segmenter(runtime: Runtime, steadiness: float = 0.9) -> NetworkSegmenter:
    larger = partial(framing, config=COMPACT, share=1.8)
    return NetworkSegmenter("compact", larger, runtime, settling=settling, steadiness=steadiness)


def test_no_detail_of_a_scene_before_the_cut_is_drawn() -> None:
    segmenter = fine_segmenter(RedIsPerson())
    for _ in range(5):
        finely(segmenter, at(100))
    segmenter.reset()
    segmenter.settled(at(700))  # as the renderer does: the first one of a scene is thrown away
    assert np.array_equal(finely(segmenter, at(700)), finely(fine_segmenter(RedIsPerson()), at(700)))


def test_no_detail_is_drawn_of_a_frame_before_one_that_was_dropped() -> None:
    segmenter = fine_segmenter(RedIsPerson())
    for _ in range(5):
        finely(segmenter, at(100))
    segmenter.settled(at(140))
    fresh = fine_segmenter(RedIsPerson())
    fresh.settled(at(100))
    fresh.settled(at(140))
    assert np.abs(finely(segmenter, at(140)) - finely(fresh, at(140))).max() < 0.02


def test_the_same_frame_is_drawn_the_same_twice() -> None:
    segmenter = fine_segmenter(Shimmering())
    for _ in range(3):
        settled = segmenter.settled(at(100))
    assert np.array_equal(segmenter.detailed(settled), segmenter.detailed(settled))


def test_detail_is_averaged_as_the_matte_is() -> None:
    """Of a fence that shimmers in every pixel, where the picture stands still."""
    shimmer = []
    for steadiness in (0.0, 0.9):
        segmenter = fine_segmenter(Shimmering(), steadiness)
        drawn = [finely(segmenter, at(100)) for _ in range(20)]
        shimmer.append(float(np.std(drawn[8:], axis=0)[100:230, 205:230].mean()))
    assert shimmer[1] < 0.4 * shimmer[0]


def test_an_input_that_is_hardly_larger_is_settled_at_its_own_size() -> None:
    usual = partial(framing, config=CLASSIC)
    segmenter = NetworkSegmenter("classic", usual, RedIsPerson(), settling=settling)
    assert segmenter.settled(at(100)).network is None


def test_a_smaller_input_is_settled_at_its_own_size() -> None:
    image, _ = red_rectangle(Size(1280, 720))
    smaller = partial(framing, config=COMPACT, share=0.5)
    settled = NetworkSegmenter("compact", smaller, RedIsPerson(), settling=settling, steadiness=0.9).settled(image)
    assert settled.network is None
    assert settled.alpha.shape[1] < FITTING(1280, 720).content[0]
