"""Frames that wait for those behind them: none is lost, none comes twice, and nothing is mended across a gap."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.framing import Framing
from streamer.ahead import FramesAhead
from streamer.frames import Frame, Levels, Pixels
from streamer.host_path import HeldHere, HostPath
from streamer.plausibility import EVERYTHING
from streamer.rendering import Matted
from streamer.segmentation.predictor import NetworkSegmenter, Settled
from streamer.segmentation.rules import MatteRules

SIZE = 36, 64


class Segmenter:
    """Finds somebody in every frame whose number is not among those it misses."""

    def __init__(self, missed: frozenset[int] = frozenset()) -> None:
        self._missed, self._count = missed, 0

    def settled(self, pixels: Pixels) -> Settled:
        alpha = np.zeros(SIZE, np.float32)
        if self._count not in self._missed:
            alpha[6:36, 20:44] = 1
        self._count += 1
        return Settled(alpha, pixels)

    def refined(self, pixels: Pixels, settled: Settled) -> Levels:
        return settled.alpha * np.float32(255)


def frame(index: int, *, scene: int = 0) -> Frame:
    image = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    return Frame(image, index, index / 30, 0.0, scene=scene)


def through(ahead: FramesAhead, matted: list[Matted]) -> Iterator[Matted]:
    for each in matted:
        yield from ahead.put(each)
    yield from ahead.rest()


def shown(matted: Matted) -> bool:
    assert isinstance(matted.alpha, HeldHere)
    assert matted.alpha.small is matted.alpha.settled.alpha
    return bool(matted.alpha.full()[10:30, 25:40].min() > 0.9)


def test_who_is_missed_in_one_frame_is_drawn_by_what_the_others_tell():
    path = HostPath(Segmenter(frozenset({5})))
    matted = [Matted(each, path.hold(each)) for each in map(frame, range(12))]
    assert [shown(each) for each in matted].count(False) == 1
    mended = list(through(FramesAhead(4), matted))
    assert [each.frame.index for each in mended] == list(range(12))
    assert all(map(shown, mended))


@pytest.mark.parametrize("gap", ["scene", "no matte"])
def test_nothing_is_mended_across_a_gap(gap):
    path = HostPath(Segmenter(frozenset({6})))
    matted = []
    for index in range(7):
        each = frame(index, scene=int(gap == "scene" and index >= 6))
        held = path.hold(each)
        matted.append(Matted(each, None if gap == "no matte" and index == 5 else held))
    mended = list(through(FramesAhead(3), matted))
    assert [each.frame.index for each in mended] == list(range(7))
    assert not shown(mended[6])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["matte", "none", "scene"]), max_size=20), st.integers(1, 5))
def test_every_frame_comes_once_in_its_order(kinds, waiting):
    path, scene, matted = HostPath(Segmenter()), 0, []
    for index, kind in enumerate(kinds):
        scene += kind == "scene"
        each = frame(index, scene=scene)
        matted.append(Matted(each, None if kind == "none" else path.hold(each)))
    mended = list(through(FramesAhead(waiting), matted))
    assert [each.frame.index for each in mended] == list(range(len(kinds)))
    assert [each.alpha is None for each in mended] == [kind == "none" for kind in kinds]


def test_what_all_of_them_say_together_is_not_believed_if_it_is_everything():
    class Halves(Segmenter):
        def settled(self, pixels: Pixels) -> Settled:
            alpha = np.zeros(SIZE, np.float32)
            alpha[:, :40] = self._count % 2
            alpha[:, 24:] += 1 - self._count % 2
            self._count += 1
            return Settled(alpha, pixels)

    path = HostPath(Halves())
    matted = [Matted(each, path.hold(each)) for each in map(frame, range(20))]
    for before, after in zip(matted, through(FramesAhead(6), matted), strict=True):
        assert isinstance(after.alpha, HeldHere)
        assert after.alpha.small.mean() <= EVERYTHING
        assert after.frame is before.frame


@pytest.mark.parametrize("rules", [MatteRules(people="largest"), MatteRules(min_island=5)])
def test_whom_the_rules_drop_is_not_brought_back(rules):
    height, width = 180, 320

    class Two:
        name, is_fast, has_memory, count = "two people", True, False, 0

        def alpha(self, batch: np.ndarray) -> np.ndarray:
            alpha = np.zeros((height, width), np.float32)
            alpha[40:, 20:120] = 1
            grown = 10 + 3 * self.count
            alpha[max(20, height - grown) :, 180 : 180 + min(grown, 130)] = 1
            self.count += 1
            return alpha

        def reset(self) -> None: ...

        def prepare(self, shape: tuple[int, ...]) -> None: ...

        def close(self) -> None: ...

    segmenter = NetworkSegmenter(
        "two", lambda w, h: Framing((width, height), (width, height)), Two(), steadiness=0.9, rules=rules
    )
    path, picture = HostPath(segmenter), np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    matted = [Matted(each, path.hold(each)) for each in (Frame(picture, index, 0.0, 0.0) for index in range(50))]
    for before, after in zip(matted, through(FramesAhead(8), matted), strict=True):
        assert isinstance(before.alpha, HeldHere)
        assert isinstance(after.alpha, HeldHere)
        dropped = cv2.dilate(before.alpha.small, np.ones((5, 5), np.uint8)) == 0
        assert after.alpha.small[dropped].max() < 0.05
