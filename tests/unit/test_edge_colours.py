from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.edge_colours import FAINT, NARROW_PX, WIDE_PX, Colours, carried, edge_of
from streamer.frames import Levels
from streamer.yuv import to_planes


def plainly(colours: Colours, levels: Levels) -> Colours:
    """The definition, by whole-array calls."""
    weight = ((levels / 255.0) ** 8)[..., None]
    result = colours.astype(np.float64)
    for radius in (WIDE_PX, NARROW_PX):
        window = (2 * radius + 1, 2 * radius + 1)
        seen, share = cv2.blur(colours * weight, window), cv2.blur(weight, window)[..., None]
        result = (seen + FAINT * result) / (share + FAINT)
    return result.astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.0, 0.3, 0.9]))
def test_colours_are_carried_as_defined(seed: int, height: int, width: int, most_nobody: float) -> None:
    random = np.random.default_rng(seed)
    colours = random.uniform(0, 255, (height, width, 3)).astype(np.float32)
    levels = np.where(random.random((height, width)) < most_nobody, 0, random.integers(0, 256, (height, width)))
    levels = levels.astype(np.uint8)
    assert np.abs(carried(colours, levels) - plainly(colours, levels)).max() < 0.05


def test_a_certain_colour_reaches_into_the_edge_and_leaves_its_source_alone() -> None:
    colours = np.zeros((40, 60, 3), np.float32)
    colours[:, :20] = (200, 40, 30)
    levels = np.zeros((40, 60), np.uint8)
    levels[:, :20] = 255
    spread = carried(colours, levels)
    assert np.abs(spread[:, : 20 + WIDE_PX - 1] - (200, 40, 30)).max() < 25
    assert spread[:, 20 + WIDE_PX + NARROW_PX + 1 :].max() == 0, "too far away to have seen any"


def test_nobody_has_no_edge_and_the_box_holds_the_person_on_even_bounds() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    levels = np.zeros((120, 200), np.uint8)
    assert edge_of(image, levels) is None
    levels[41:60, 71:90] = 255
    edge = edge_of(image, levels)
    assert edge is not None
    assert edge.top % 2 == edge.left % 2 == 0
    assert edge.top + edge.inside.shape[0] >= 60
    assert edge.left + edge.inside.shape[1] >= 90
    assert edge.inside[50 - edge.top, 80 - edge.left] == 255
    assert edge.inside[41 - edge.top, 80 - edge.left] == 0, "the rim is not deep inside"


@pytest.mark.parametrize("full_range", [False, True])
def test_planes_give_about_the_colours_of_their_picture(full_range: bool) -> None:
    rows, columns = np.mgrid[0:120, 0:200] / 30
    image = np.rint(127 + 100 * np.stack([np.sin(rows), np.cos(columns), np.sin(rows + columns)], axis=-1))
    image = image.astype(np.uint8)
    levels = np.zeros((120, 200), np.uint8)
    levels[30:90, 60:140] = 255
    of_image, of_planes = edge_of(image, levels), edge_of(to_planes(image, 1, full_range=full_range), levels)
    assert of_image is not None
    assert of_planes is not None
    assert np.array_equal(of_image.inside, of_planes.inside)
    assert np.abs(of_image.person - of_planes.person).mean() < 1.5, "8 bits of chroma"
    assert np.abs(of_image.room - of_planes.room).mean() < 1.5
