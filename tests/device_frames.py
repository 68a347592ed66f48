"""Frames for the path that keeps them on a device, and what the CPU makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import red_means_person

from streamer import edge_colours
from streamer.color_matrix import BT601, BT709, BT2020, FCC, LUMA_SHARES, SMPTE240M
from streamer.device_path import open_device_path
from streamer.device_path.path import DevicePath
from streamer.frames import Alpha, Frame, Image, Planes, Size
from streamer.segmentation import open_segmenter
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.yuv import to_planes

MATRICES = (BT709, FCC, BT601, SMPTE240M, BT2020)


def open_path(folder: Path, device: str = "cpu") -> tuple[NetworkSegmenter, DevicePath]:
    """With a network for which red is the person."""
    weights = red_means_person(folder / "red.safetensors")
    segmenter = open_segmenter(weights=weights, device=device, runtime="torch")
    return segmenter, open_device_path(segmenter)


def textured(seed: int, size: Size) -> Image:
    """Waves and noise, green and blue, hardly any red."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size.height, 0 : size.width] / 15
    waves = [np.sin(rows * rng.uniform(0.2, 1) + columns * rng.uniform(0.2, 1) + rng.uniform(0, 6)) for _ in range(3)]
    picture = 100 + 60 * np.stack(waves, axis=-1) + rng.uniform(-15, 15, (size.height, size.width, 3))
    picture[..., 0] *= 0.3
    return np.rint(picture).astype(np.uint8)


def matte(size: Size, softness_px: float = 3.0) -> Alpha:
    """Somebody roundish in the middle of the picture, with a soft edge."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    distance = np.hypot((rows - size.height * 0.55) / 0.4 / size.height, (columns - size.width / 2) / 0.3 / size.width)
    return np.clip((1 - distance) * 0.3 * min(size) / softness_px + 0.5, 0, 1).astype(np.float32)


def frame_of(seed: int, size: Size) -> Frame:
    """A room with a red person in it."""
    room, person, alpha = textured(seed, size), textured(seed + 100, size), matte(size)[..., None]
    person[..., 0] = 180 + person[..., 0] // 3
    return Frame(
        np.rint(room + alpha * (person.astype(np.float32) - room)).astype(np.uint8), seed, seed / 25, seed / 25
    )


def as_decoded(frame: Frame, matrix: int, *, full_range: bool) -> Frame:
    """The frame as it comes from a video: planes, and the RGB that these mean."""
    planes = to_planes(frame.image, matrix, full_range=full_range)
    return frame.with_image(to_rgb(planes), planes)


def to_rgb(planes: Planes) -> Image:
    """By the formula of ITU-T H.273, each chroma sample for its block of four."""
    red_share, blue_share = LUMA_SHARES[planes.matrix]
    offset, scale, chroma = (0, 255, 255) if planes.full_range else (16, 219, 224)
    luma = (planes.y.astype(float) - offset) / scale
    u, v = ((plane.astype(float).repeat(2, axis=0).repeat(2, axis=1) - 128) / chroma for plane in (planes.u, planes.v))
    blue, red = luma + u * (2 - 2 * blue_share), luma + v * (2 - 2 * red_share)
    green = (luma - red_share * red - blue_share * blue) / (1 - red_share - blue_share)
    return np.rint(np.clip(np.stack((red, green, blue), axis=-1), 0, 1) * 255).astype(np.uint8)


def farthest(have: Image | Alpha, want: Image | Alpha) -> float:
    """The largest difference of two values."""
    assert have.shape == want.shape
    return float(np.abs(have.astype(float) - want).max())


def compute_whole_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU sample colours all over the picture, as the device does, and not only around the person."""
    monkeypatch.setattr(edge_colours, "_even_span", lambda start, stop, margin, end: slice(0, end))
