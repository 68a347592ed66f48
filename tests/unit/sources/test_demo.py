from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.sources import open_source
from streamer.sources.demo import FRAME_COUNT, SIZE, DemoScene, DemoSource, demo_alpha


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene()


def test_the_demo_is_five_seconds_at_thirty_frames(scene: DemoScene) -> None:
    source = open_source("demo")
    assert (source.info.size, source.info.frame_count) == (SIZE, FRAME_COUNT)
    assert source.info.fps == 30
    first, second = islice(iter(source), 2)
    assert (first.index, second.index) == (0, 1)
    assert second.pts_s == pytest.approx(1 / 30)
    np.testing.assert_array_equal(first.image, scene.image(0))


def test_the_same_index_gives_the_same_pixels(scene: DemoScene) -> None:
    other = DemoScene()
    np.testing.assert_array_equal(scene.image(17), other.image(17))
    np.testing.assert_array_equal(scene.alpha(17), demo_alpha(17))


def test_the_matte_is_soft_at_the_edge_solid_inside_and_nothing_outside(scene: DemoScene) -> None:
    for index in range(0, FRAME_COUNT, 25):
        alpha = scene.alpha(index)
        assert alpha.shape == (540, 960)
        assert alpha.dtype == np.float32
        assert alpha.min() >= 0.0
        assert alpha.max() <= 1.0
        assert 0.2 < alpha.mean() < 0.45
        soft = (alpha > 0.02) & (alpha < 0.98)
        assert 0.003 < soft.mean() < 0.02
        assert not alpha[:30].any(), "there is air above the hair"
        assert (alpha[-1, 300:620] == 1.0).all(), "the portrait ends within the frame"


def test_she_moves_smoothly_and_ends_where_she_began(scene: DemoScene) -> None:
    columns = np.arange(SIZE.width)
    middles = [
        float((scene.alpha(index)[150] * columns).sum() / scene.alpha(index)[150].sum())
        for index in range(0, FRAME_COUNT + 1, 2)
    ]
    steps = np.abs(np.diff(middles))
    assert max(middles) - min(middles) > 40
    assert steps.max() < 8
    assert middles[-1] == pytest.approx(middles[0], abs=1e-3)


def test_the_flag_behind_her_does_not_show(scene: DemoScene) -> None:
    # In the portrait dark red and blue cloth touch her sleeve; the wall beside the sleeve must stay grey.
    image, alpha = scene.image(0).astype(int), scene.alpha(0)
    beside = (alpha == 0.0)[420:, 120:215]
    wall = image[420:, 120:215][beside]
    assert np.abs(wall.max(axis=1) - wall.min(axis=1)).max() < 40


def test_noise_differs_from_frame_to_frame_and_is_mild(scene: DemoScene) -> None:
    corner = [scene.image(index)[480:, 800:].astype(int) for index in (0, 1)]
    spread = (corner[0] - corner[1]).std()
    assert 1.5 < spread < 3.5


def test_a_part_of_the_demo_keeps_its_times() -> None:
    source = DemoSource(start_s=1.0, end_s=1.1)
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.pts_s for frame in frames] == pytest.approx([1.0, 31 / 30, 32 / 30])
    np.testing.assert_array_equal(frames[1].image, source.scene.image(31))
    with pytest.raises(SourceError, match="5 s long"):
        DemoSource(start_s=5.0)


def test_an_endless_demo_begins_again_with_the_times_going_on() -> None:
    source = DemoSource(start_s=4.9, is_endless=True)
    assert source.info.frame_count is None
    frames = list(islice(iter(source), 5))
    assert frames[-1].pts_s == pytest.approx(151 / 30)
    np.testing.assert_array_equal(frames[-1].image, source.scene.image(1))
    source.close()
