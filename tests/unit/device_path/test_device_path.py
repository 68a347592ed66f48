"""Whole frames on the path that keeps them on a device; the device here is the CPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from device_frames import MATRICES, as_decoded, compute_whole_pictures, farthest, frame_of, open_path, textured

from streamer import networks
from streamer.compositing import replace_background
from streamer.config import StreamConfig
from streamer.device_path import open_device_path
from streamer.device_path.path import DevicePath, Held
from streamer.errors import SegmentationError
from streamer.frames import Area, Frame, Image, Planes, Size
from streamer.interfaces import HeldMatte
from streamer.segmentation import MatteRules, open_segmenter
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.yuv import to_planes

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SIZE = Size(160, 96)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[NetworkSegmenter, DevicePath]]:
    segmenter, path = open_path(tmp_path)
    yield segmenter, path
    segmenter.close()


@pytest.fixture
def path(opened: tuple[NetworkSegmenter, DevicePath]) -> DevicePath:
    return opened[1]


def held(path: DevicePath, frame: Frame) -> Held:
    matte = path.hold(frame)
    assert isinstance(matte, Held)
    assert isinstance(matte, HeldMatte)
    return matte


@pytest.mark.parametrize("size", [SIZE, Size(213, 121), Size(60, 90)], ids=str)
def test_the_matte_is_the_segmenters(opened: tuple[NetworkSegmenter, DevicePath], size: Size) -> None:
    segmenter, path = opened
    frame = frame_of(1, size)
    matte = held(path, frame)
    assert matte.size == size
    plain = segmenter.segment(frame.image)
    assert 0.1 < plain.mean() < 0.9
    assert np.abs(matte.full() - plain).mean() < 0.5 / 255
    assert matte.small.dtype == np.float32
    assert 0 <= matte.small.min() <= matte.small.max() <= 1


def test_what_errs_to_one_side_errs_to_neither_where_the_segmenter_looks_twice(
    opened: tuple[NetworkSegmenter, DevicePath], monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, _ = opened
    network = segmenter.runtime.network  # type: ignore[attr-defined]

    def middle() -> float:
        segmenter.reset()
        full = held(open_device_path(segmenter), frame_of(1, SIZE)).full()
        return float((full * np.arange(SIZE.width)).sum() / full.sum())

    truth, see = middle(), network.alpha
    monkeypatch.setattr(network, "alpha", lambda picture: torch.roll(see(picture), 30, dims=3))
    assert middle() > truth + 5
    segmenter.looks = "twice"
    assert abs(middle() - truth) < 1


@pytest.mark.parametrize("size", [SIZE, Size(213, 121), Size(61, 90)], ids=str)
def test_a_composite_is_the_cpus_with_the_same_alpha(
    path: DevicePath, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_whole_pictures(monkeypatch)
    frame, background = frame_of(1, size), textured(2, size)
    matte = held(path, frame)
    image, planes = matte.over(background)
    assert planes is None
    assert farthest(image, replace_background(frame.image, matte.full(), background)) <= 1


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_what_was_decoded_as_planes_is_composed_as_planes(
    path: DevicePath, matrix: int, full_range: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_whole_pictures(monkeypatch)
    frame, background = as_decoded(frame_of(1, SIZE), matrix, full_range=full_range), textured(2, SIZE)
    assert frame.planes is not None
    matte = held(path, frame)
    image, planes = matte.over(background)
    plain = replace_background(frame.image, matte.full(), background)
    assert farthest(image, plain) <= 1
    assert planes is not None
    assert (planes.matrix, planes.full_range) == (matrix, full_range)
    expected = to_planes(plain, matrix, full_range=full_range)
    for name in ("y", "u", "v"):
        have, want, own = (getattr(each, name) for each in (planes, expected, frame.planes))
        assert ((np.abs(have.astype(int) - want) <= 1) | (have == own)).all()
    assert farthest(planes.y, expected.y) <= 2
    middle = np.s_[SIZE.height // 2 : SIZE.height // 2 + 8, SIZE.width // 2 : SIZE.width // 2 + 8]
    assert np.array_equal(planes.y[middle], frame.planes.y[middle])
    assert farthest(planes.y[:4], to_planes(background, matrix, full_range=full_range).y[:4]) <= 1


def test_a_plate_goes_up_once_and_another_one_takes_its_place(path: DevicePath) -> None:
    first, second = np.full((96, 160, 3), 10, np.uint8), np.full((96, 160, 3), 90, np.uint8)
    corners = [int(held(path, frame_of(1, SIZE)).over(plate)[0][0, 0, 0]) for plate in (first, first, second, first)]
    assert corners == [10, 10, 90, 10]


def test_a_frame_takes_one_copy_of_its_size_each_way(path: DevicePath, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, background = as_decoded(frame_of(1, SIZE), MATRICES[0], full_range=False), textured(2, SIZE)
    held(path, frame).over(background)
    copies: list[int] = []
    take = path._empty

    def counted(*shape: int, dtype: torch.dtype = torch.uint8) -> torch.Tensor:
        place = take(*shape, dtype=dtype)
        copies.append(place.nbytes)
        return place

    monkeypatch.setattr(path, "_empty", counted)
    matte = held(path, frame)
    matte.over(background)
    pixels, small = SIZE.width * SIZE.height, matte.small.size
    assert copies == [pixels * 3 // 2, small * (4 + 3), small * 4, pixels * 3 // 2 + pixels * 3]


def test_frames_in_flight_are_their_own_when_the_size_changes_between_them(path: DevicePath) -> None:
    other = Size(120, 80)
    frames = [frame_of(1, SIZE), frame_of(2, other), frame_of(3, SIZE)]
    mattes = [held(path, frame) for frame in frames]
    composed: list[tuple[Image, Planes | None]] = []
    for frame, matte in zip(frames, mattes, strict=True):
        composed.append(matte.over(np.zeros_like(frame.image)))
    for frame, (image, _) in zip(frames, composed, strict=True):
        assert image.shape == frame.image.shape
        middle = np.s_[frame.size.height // 2, frame.size.width // 2]
        assert np.array_equal(image[middle], frame.image[middle])
        assert (image[0] == 0).all()


def test_what_was_composed_is_not_changed_by_the_frame_after_it(path: DevicePath) -> None:
    image, _ = held(path, frame_of(1, SIZE)).over(textured(2, SIZE))
    kept = image.copy()
    held(path, frame_of(5, SIZE)).over(textured(6, SIZE))
    assert np.array_equal(image, kept)


def test_memory_and_rules_of_the_segmenter_are_heeded(tmp_path: Path) -> None:
    from networks import red_means_person

    weights = red_means_person(tmp_path / "red.safetensors")
    rules = MatteRules(people="largest")
    segmenter = open_segmenter(weights=weights, device="cpu", runtime="torch", rules=rules)
    image = np.full((96, 160, 3), (0, 40, 40), np.uint8)
    image[10:30, 10:30, 0] = 255
    image[30:90, 70:130, 0] = 255
    alpha = held(open_device_path(segmenter), Frame(image, 0, 0.0, 0.0)).full()
    segmenter.close()
    assert (alpha[:, :50] == 0).all()
    assert alpha[60, 100] == 1


def test_what_cannot_be_an_alpha_is_refused_and_costs_the_path_nothing(
    opened: tuple[NetworkSegmenter, DevicePath], monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, path = opened
    network = segmenter.runtime.network  # type: ignore[attr-defined]
    good = network.alpha
    cases = [
        (lambda batch: good(batch) * float("nan"), "unusable"),
        (lambda batch: good(batch) * 3, "unusable"),
        (lambda batch: good(batch)[..., 1:], "shape"),
    ]
    for broken, said in cases:
        with monkeypatch.context() as patched:
            patched.setattr(network, "alpha", broken)
            with pytest.raises(SegmentationError, match=said):
                path.hold(frame_of(1, SIZE))
    held(path, frame_of(2, SIZE))
    with pytest.raises(SegmentationError, match="uint8 RGB"):
        path.hold(Frame(np.zeros((9, 16), np.uint8), 0, 0.0, 0.0))
    with pytest.raises(ValueError, match="a background of"):
        held(path, frame_of(1, SIZE)).over(textured(1, Size(8, 8)))


def test_after_a_failure_of_the_device_the_segmenter_mattes_alone(
    path: DevicePath, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*shape: int, dtype: torch.dtype = torch.uint8) -> torch.Tensor:
        raise RuntimeError("CUDA error: out of memory\nmore of it")

    earlier = held(path, frame_of(3, SIZE))
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
        patched.setattr(path, "_empty", fail)
        alpha = path.hold(frame_of(1, SIZE))
        with pytest.raises(SegmentationError, match=r"^the composite failed on CPU \(torch\): CUDA error"):
            earlier.over(textured(1, SIZE))
        with pytest.raises(SegmentationError, match=r"out of memory$"):
            earlier.full()
    assert isinstance(alpha, np.ndarray)
    assert alpha.shape == (96, 160)
    assert isinstance(path.hold(frame_of(2, SIZE)), np.ndarray)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["frames no longer stay on CPU (torch): CUDA error: out of memory"]


def test_only_torch_and_an_edge_that_stays_can_be_kept_on_a_device(tmp_path: Path) -> None:
    from networks import red_means_person

    weights = red_means_person(tmp_path / "red.safetensors")
    feathered = open_segmenter(weights=weights, device="cpu", runtime="torch", rules=MatteRules(feather_px=3))
    with pytest.raises(ValueError, match="feathered"):
        open_device_path(feathered)
    assert networks.open_frame_path(StreamConfig(frame_path="gpu"), feathered, info()) is None
    feathered.close()


def info(picture: Area | None = None):  # type: ignore[no-untyped-def]
    from fractions import Fraction

    from streamer.interfaces import SourceInfo

    return SourceInfo("test", SIZE, Fraction(25), is_live=False, picture=picture)


def test_frames_stay_only_where_cuda_mattes_and_nothing_needs_the_cpu(
    opened: tuple[NetworkSegmenter, DevicePath],
) -> None:
    segmenter, _ = opened
    config = StreamConfig(frame_path="gpu")
    assert networks.open_frame_path(config, segmenter, info()) is None
    segmenter.runtime.device = torch.device("cuda")  # type: ignore[attr-defined]  # never touched here
    assert networks.open_frame_path(config, segmenter, info()) is not None
    assert networks.open_frame_path(config, segmenter, info(Area(0, 0, 80, 96))) is None
    assert networks.open_frame_path(StreamConfig(), segmenter, info()) is None
    assert networks.open_frame_path(config.model_copy(update={"write": "alpha"}), segmenter, info()) is None
