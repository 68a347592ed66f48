from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.errors import ConfigError, SourceError
from streamer.sources import CameraRequest, open_source
from streamer.sources.pictures import SequenceSource, StillSource, find_pictures, read_picture


def save(path: Path, stored: np.ndarray) -> Path:
    """``stored`` is in OpenCV's order: blue first."""
    ok, data = cv2.imencode(path.suffix, stored)
    assert ok
    path.write_bytes(data.tobytes())
    return path


def solid(red: int, green: int, blue: int, width: int = 16, height: int = 12) -> np.ndarray:
    return np.full((height, width, 3), (blue, green, red), np.uint8)


def turned_by_exif(jpeg: bytes) -> bytes:
    """The same JPEG with an EXIF note that it must be turned a quarter clockwise."""
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + struct.pack("<I", 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_still_is_one_rgb_frame(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"still{suffix}", solid(220, 120, 20))
    source = open_source(str(path))
    assert source.info.is_still
    assert source.info.frame_count == 1
    assert not source.info.is_live
    (frame,) = source
    assert frame.size == source.info.size == (16, 12)
    assert np.abs(frame.image.astype(int) - (220, 120, 20)).max() <= 6


def test_exif_turns_a_photo_upright(tmp_path: Path) -> None:
    stored = solid(0, 0, 0, width=40, height=20)
    stored[:, :20] = 255  # the left half, which a quarter turn clockwise brings to the top
    path = save(tmp_path / "photo.jpg", stored)
    path.write_bytes(turned_by_exif(path.read_bytes()))
    image = read_picture(path)
    assert image.shape == (40, 20, 3)
    assert image[5].min() > 200
    assert image[35].max() < 50


def test_transparent_parts_become_black_and_half_transparent_ones_darker(tmp_path: Path) -> None:
    stored = np.full((4, 6, 4), (50, 100, 200, 255), np.uint8)
    stored[:, 2:4, 3] = 0
    stored[:, 4:, 3] = 128
    image = read_picture(save(tmp_path / "cut.png", stored))
    assert [tuple(image[0, x]) for x in (0, 2, 4)] == [(200, 100, 50), (0, 0, 0), (100, 50, 25)]


def test_sixteen_bits_and_grey_are_brought_to_eight_bit_rgb(tmp_path: Path) -> None:
    deep = save(tmp_path / "deep.png", np.full((4, 4, 3), (0x1000, 0x8000, 0xFF00), np.uint16))
    grey = save(tmp_path / "grey.png", np.full((4, 4), 77, np.uint8))
    deep_alpha = save(tmp_path / "deep_alpha.png", np.full((4, 4, 4), (0, 0, 0xFFFF, 0x8000), np.uint16))
    assert tuple(read_picture(deep)[0, 0]) == (255, 128, 16)
    assert tuple(read_picture(grey)[0, 0]) == (77, 77, 77)
    assert tuple(read_picture(deep_alpha)[0, 0]) == (128, 0, 0)


@pytest.mark.parametrize(
    ("data", "told"), [(b"", "is empty"), (b"not a picture", "cannot be read as a picture"), (None, "does not exist")]
)
def test_a_picture_that_cannot_be_read_is_one_line(
    tmp_path: Path, data: bytes | None, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SourceError, match=told) as caught:
        open_source(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_paced_still_goes_on_until_it_is_closed(tmp_path: Path) -> None:
    source = StillSource(save(tmp_path / "still.png", solid(1, 2, 3)), is_endless=True)
    assert not source.info.is_still
    seen = []
    for frame in source:
        seen.append((frame.index, frame.pts_s))
        if frame.index == 3:
            source.close()
    assert seen == [(0, 0.0), (1, 0.04), (2, 0.08), (3, 0.12)]


def save_numbered(folder: Path, numbers: list[int], name: str = "{:06d}.png") -> None:
    for number in numbers:
        save(folder / name.format(number), solid(number, 0, 0))


def test_a_pattern_takes_its_numbers_in_order_and_skips_gaps(tmp_path: Path) -> None:
    save_numbered(tmp_path, [7, 3, 11])
    save(tmp_path / "other_000001.png", solid(99, 0, 0))
    source = open_source(str(tmp_path / "%06d.png"))
    frames = list(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [3, 7, 11]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.pts_s for frame in frames] == [0.0, 0.04, 0.08]
    assert source.info.frame_count == 3
    assert source.info.fps == 25
    assert not source.info.is_still


def test_a_folder_is_read_in_natural_order_and_other_files_are_left_alone(tmp_path: Path) -> None:
    save_numbered(tmp_path, [1, 2, 10], name="shot {}.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_bytes(b"")
    frames = list(open_source(str(tmp_path), camera=CameraRequest(fps=10.0)))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 2, 10]
    assert frames[2].pts_s == 0.2


def test_names_of_every_kind_can_be_sorted(tmp_path: Path) -> None:
    for name in ("1a.png", "a1.png", "²b.png", "b.png", "10.png", "2.png"):
        save(tmp_path / name, solid(0, 0, 0))
    assert [path.name for path in find_pictures(str(tmp_path))][:3] == ["1a.png", "2.png", "10.png"]


def test_a_part_of_a_sequence_keeps_its_times(tmp_path: Path) -> None:
    save_numbered(tmp_path, list(range(10)))
    source = open_source(str(tmp_path), start_s=0.08, end_s=0.2)
    frames = list(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [2, 3, 4]
    assert [frame.pts_s for frame in frames] == pytest.approx([0.08, 0.12, 0.16])
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert source.info.frame_count == 3
    with pytest.raises(SourceError, match=r"no picture at 9 s: it is 0\.4 s long"):
        open_source(str(tmp_path), start_s=9.0)


def test_the_picture_of_another_size_is_named(tmp_path: Path) -> None:
    save_numbered(tmp_path, [1, 2])
    save(tmp_path / "000003.png", solid(0, 0, 0, width=20))
    source = open_source(str(tmp_path))
    with pytest.raises(SourceError, match=r"000003\.png is 20x12, but 000001\.png is 16x12"):
        list(source)


def test_a_sequence_reads_a_picture_only_when_it_is_wanted(tmp_path: Path) -> None:
    save_numbered(tmp_path, [1, 2])
    source = SequenceSource([tmp_path / "000001.png", tmp_path / "000002.png"], name="two", fps=Fraction(5))
    frames = iter(source)
    next(frames)
    (tmp_path / "000002.png").unlink()
    with pytest.raises(SourceError, match=r"000002\.png cannot be read: No such file"):
        next(frames)


@pytest.mark.parametrize(
    ("spec", "error", "told"),
    [
        ("none/%06d.png", SourceError, "there is no folder"),
        ("%06d.png", SourceError, "no picture in .* has such a name"),
        ("%06d_%d.png", ConfigError, "one number"),
        ("%06d.txt", ConfigError, "must end in one of"),
        ("empty", SourceError, "a folder without pictures"),
    ],
)
def test_what_names_no_pictures_is_told(tmp_path: Path, spec: str, error: type[Exception], told: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=told):
        open_source(str(tmp_path / spec))
