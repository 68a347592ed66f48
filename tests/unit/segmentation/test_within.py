from __future__ import annotations

import numpy as np
import pytest
from fakes import ScriptedSegmenter, secret_image

from streamer.frames import Area, Size
from streamer.segmentation.within import within

PICTURE = Area(4, 5, 16, 10)


def test_a_picture_that_fills_the_frame_needs_nothing() -> None:
    segmenter = ScriptedSegmenter()
    assert within(segmenter, None) is segmenter


def test_the_segmenter_sees_the_picture_alone_and_nobody_is_in_the_bars() -> None:
    segmenter = ScriptedSegmenter({0: lambda image: np.ones(image.shape[:2], np.float32)})
    frame = secret_image(Size(24, 15))
    alpha = within(segmenter, PICTURE).segment(frame)
    np.testing.assert_array_equal(segmenter.calls[0], frame[5:15, 4:20])
    assert alpha.shape == (15, 24)
    assert alpha.dtype == np.float32
    assert alpha.sum() == alpha[5:15, 4:20].sum() == 160


def test_an_alpha_of_another_size_is_not_spread_over_the_picture() -> None:
    segmenter = ScriptedSegmenter({0: lambda image: np.ones((1, 1), np.float32)})
    with pytest.raises(ValueError, match="alpha of shape"):
        within(segmenter, PICTURE).segment(secret_image(Size(24, 15)))


def test_reset_and_close_reach_the_segmenter() -> None:
    segmenter = ScriptedSegmenter()
    inside = within(segmenter, PICTURE)
    inside.reset()
    inside.close()
    assert (segmenter.resets, segmenter.closed) == (1, 1)
