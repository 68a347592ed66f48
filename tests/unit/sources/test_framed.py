from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedSource

from streamer.frames import Area, Frame, Image, Size
from streamer.interfaces import FrameSource, VideoTraits
from streamer.sources.framed import PictureRules, contained, cropped_area, framed


def framed_image(image: Image, rules: PictureRules, pixel_aspect: Fraction | None = None) -> Image:
    """One picture through the rules; what the source's info says of it is checked on the way."""
    source = OnePicture(image, pixel_aspect)
    result = framed(source, rules)
    (frame,) = list(result)
    assert frame.size == result.info.size
    assert (frame.index, frame.pts_s) == (7, 0.28)
    return frame.image


class OnePicture(ScriptedSource):
    def __init__(self, image: Image, pixel_aspect: Fraction | None = None) -> None:
        super().__init__(1)
        self._image = image
        video = VideoTraits(Path("v.mp4"), Fraction(1, 25), pixel_aspect) if pixel_aspect else None
        self.info = replace(self.info, size=Size(image.shape[1], image.shape[0]), video=video)

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield Frame(self._image, 7, 0.28, 0.0)


def ramp(width: int, height: int) -> Image:
    """Red counts the columns, green the rows."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 50)], axis=-1).astype(np.uint8)


def test_a_picture_of_which_nothing_is_wanted_comes_from_the_very_source() -> None:
    source = ScriptedSource(1)
    assert framed(source, PictureRules()) is source
    assert framed(source, PictureRules(fit="contain")) is source


def test_a_mirrored_picture_mirrored_again_is_the_picture() -> None:
    image = ramp(40, 30)
    once = framed_image(image, PictureRules(mirror=True))
    np.testing.assert_array_equal(once, image[:, ::-1])
    np.testing.assert_array_equal(framed_image(once, PictureRules(mirror=True)), image)


def test_cropping_takes_the_percentages_off_the_sides() -> None:
    image = framed_image(ramp(100, 80), PictureRules(crop=(10, 25, 20, 5)))
    assert image.shape == (56, 70, 3)
    assert image[0, 0, :2].tolist() == [10, 20]
    assert image[-1, -1, :2].tolist() == [79, 75]


def test_left_is_the_left_of_what_is_shown() -> None:
    image = framed_image(ramp(100, 80), PictureRules(mirror=True, crop=(10, 0, 30, 0)))
    assert image.shape == (80, 60, 3)
    assert image[0, [0, -1], 0].tolist() == [89, 30]


@pytest.mark.parametrize("width", range(20, 60, 7))
def test_what_cropping_leaves_lies_inside_and_is_even(width: int) -> None:
    for crop in ((33.3, 0, 0, 0), (0, 0, 90, 0), (45, 0, 45, 0), (1, 0, 1, 0)):
        area = cropped_area(Size(width, 40), PictureRules(crop=crop))
        assert area.left >= 0
        assert 1 <= area.width <= width - area.left
        assert area.width % 2 == 0 or area.width == 1
        assert (area.top, area.height) == (0, 40)


def test_zoom_enlarges_the_middle_and_keeps_the_size() -> None:
    image = framed_image(ramp(100, 80), PictureRules(zoom=2))
    assert image.shape == (80, 100, 3)
    assert image[0, 0, :2].tolist() == [25, 20]
    assert image[-1, -1, :2].tolist() == [74, 59]


def test_cover_fills_the_size_and_cuts_off_evenly() -> None:
    image = framed_image(ramp(100, 80), PictureRules(size=Size(80, 80)))
    assert image.shape == (80, 80, 3)
    assert image[0, [0, -1], 0].tolist() == [10, 89]
    assert image[[0, -1], 0, 1].tolist() == [0, 79]


def test_contain_shows_all_of_it_standing_on_the_lower_edge_and_black_beside() -> None:
    tall = framed_image(ramp(100, 80) + 1, PictureRules(size=Size(100, 120), fit="contain"))
    np.testing.assert_array_equal(tall[40:], ramp(100, 80) + 1)
    assert not tall[:40].any()
    wide = framed_image(ramp(100, 80) + 1, PictureRules(size=Size(200, 80), fit="contain"))
    np.testing.assert_array_equal(wide[:, 50:150], ramp(100, 80) + 1)
    assert not wide[:, :50].any()
    assert not wide[:, 150:].any()


def test_the_source_says_where_the_picture_lies() -> None:
    source = OnePicture(ramp(100, 80))
    assert framed(source, PictureRules(size=Size(100, 120), fit="contain")).info.picture == Area(0, 40, 100, 80)
    assert framed(source, PictureRules(size=Size(200, 160), fit="contain")).info.picture is None
    assert framed(source, PictureRules(size=Size(90, 120))).info.picture is None


def test_contained_in_hand_checked_numbers() -> None:
    assert contained(Size(1280, 720), Fraction(1), Size(1080, 1920)) == Area(0, 1312, 1080, 608)
    assert contained(Size(720, 576), Fraction(16, 15), Size(1280, 720)) == Area(160, 0, 960, 720)


def test_pixels_that_are_not_square_keep_their_aspect_without_a_size_and_become_square_with_one() -> None:
    source = OnePicture(ramp(72, 57), Fraction(2))
    kept = framed(source, PictureRules(mirror=True, zoom=1.5)).info
    assert kept.size == (72, 57)
    assert kept.video is not None
    assert kept.video.pixel_aspect == 2
    sized = framed(source, PictureRules(size=Size(144, 57)))
    assert sized.info.video is not None
    assert sized.info.video.pixel_aspect == 1
    # 72 columns, each twice as wide as high, fill 144 square ones exactly: nothing may be cut off.
    (frame,) = list(sized)
    assert frame.image[0, [0, -1], 0].tolist() == [0, 71]
    assert frame.image[[0, -1], 0, 1].tolist() == [0, 56]


def test_times_audio_and_the_rest_of_what_is_known_stay() -> None:
    source = OnePicture(ramp(72, 57), Fraction(2))
    result = framed(source, PictureRules(size=Size(64, 48), mirror=True)).info
    assert replace(result, size=source.info.size, picture=None, video=source.info.video) == source.info
    assert result.video is not None
    assert replace(result.video, pixel_aspect=Fraction(2)) == source.info.video


@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_every_frame_has_one_size_whatever_the_sources_own(fit: str) -> None:
    source: FrameSource = ScriptedSource(4, sizes={1: Size(20, 8), 2: Size(8, 20), 3: Size(2, 1)})
    result = framed(source, PictureRules(size=Size(30, 30), fit=fit))  # type: ignore[arg-type]
    assert [frame.size for frame in result] == [Size(30, 30)] * 4


def test_closing_and_bad_frames_are_those_of_the_source() -> None:
    source = ScriptedSource(3)
    source.bad_frames = 4
    result = framed(source, PictureRules(mirror=True))
    assert result.bad_frames == 4
    result.close()
    assert source.closed == 1
