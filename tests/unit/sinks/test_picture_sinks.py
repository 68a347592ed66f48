from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import make_frame

from streamer.errors import ConfigError, SinkError
from streamer.frames import Frame, Image
from streamer.sinks.pictures import PictureSink, SequenceSink

RGB = np.full((12, 16, 3), (200, 100, 50), np.uint8)
RGBA = np.dstack([RGB, np.full((12, 16), 128, np.uint8)])
GREY = np.arange(192, dtype=np.uint8).reshape(12, 16)


def frame(image: Image = RGB, index: int = 0) -> Frame:
    return make_frame(index, image=image)


def stored(path: Path) -> np.ndarray:
    """What lies in the file, as it lies there, but red first."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return np.asarray(picture)


@pytest.mark.parametrize("image", [RGB, RGBA, GREY], ids=["rgb", "rgba", "grey"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_picture_is_stored_exactly_with_its_channels(tmp_path: Path, image: Image, suffix: str) -> None:
    sink = PictureSink(tmp_path / f"out{suffix}", has_alpha=image.shape[2:] == (4,))
    sink.write(frame(image))
    assert not (tmp_path / f"out{suffix}").exists(), "the name appeared before the sink was closed"
    sink.close()
    sink.close()
    np.testing.assert_array_equal(stored(tmp_path / f"out{suffix}"), image)
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


def test_webp_is_lossless_and_keeps_transparency(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "out.webp", has_alpha=True)
    sink.write(frame(RGBA))
    sink.close()
    np.testing.assert_array_equal(stored(tmp_path / "out.webp"), RGBA)


def test_jpeg_is_close_and_refuses_transparency(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "out.jpg")
    sink.write(frame(RGB))
    sink.close()
    assert np.abs(stored(tmp_path / "out.jpg").astype(int) - RGB).max() <= 4
    for open_it in (
        lambda: PictureSink(tmp_path / "b.jpg", has_alpha=True),
        lambda: SequenceSink(str(tmp_path / "%d.jpeg"), has_alpha=True),
    ):
        with pytest.raises(ConfigError, match=r"cannot hold transparency; use one of \.png"):
            open_it()
    late = PictureSink(tmp_path / "c.jpg")
    with pytest.raises(SinkError, match="cannot hold transparency"):
        late.write(frame(RGBA))
    late.abort()
    assert [path.name for path in tmp_path.iterdir()] == ["out.jpg"]


def test_a_second_frame_is_refused_with_the_pattern_to_use(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "out.png")
    sink.write(frame())
    with pytest.raises(SinkError, match=r"out_%06d\.png"):
        sink.write(frame(index=1))
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_abort_leaves_nothing_and_an_older_picture_stands(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"older")
    sink = PictureSink(path)
    sink.write(frame())
    sink.abort()
    sink.abort()
    sink.close()
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_no_frame_at_all_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "out.png")
    with pytest.raises(SinkError, match="not one frame came"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_sequence_is_numbered_by_the_frames_and_makes_its_last_folder(tmp_path: Path) -> None:
    sink = SequenceSink(str(tmp_path / "mattes" / "%06d.png"))
    for index in (0, 1, 5):
        sink.write(frame(GREY, index))
    sink.close()
    sink.close()
    names = sorted(path.name for path in (tmp_path / "mattes").iterdir())
    assert names == ["000000.png", "000001.png", "000005.png"]
    np.testing.assert_array_equal(stored(tmp_path / "mattes" / "000005.png"), GREY)


def test_a_folder_is_not_made_in_one_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"the folder .*none does not exist"):
        SequenceSink(str(tmp_path / "none" / "mattes" / "%06d.png"))
    with pytest.raises(SinkError, match=r"the folder .*none does not exist"):
        PictureSink(tmp_path / "none" / "out.png")
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="file"):
        SequenceSink(str(tmp_path / "file" / "%06d.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_older_pictures_that_no_frame_replaces_stay_and_are_noted(tmp_path: Path) -> None:
    for name in ("0.png", "1.png", "2.png", "3.png", "02.png", "other.png"):
        (tmp_path / name).write_bytes(b"old")
    sink = SequenceSink(str(tmp_path / "%d.png"))
    sink.write(frame())
    sink.write(frame(index=1))
    sink.close()
    assert sink.notes == [f"2 older pictures are still among the new ones, such as {tmp_path / '2.png'}."]
    assert (tmp_path / "3.png").read_bytes() == b"old"
    sink = SequenceSink(str(tmp_path / "%d.png"))
    for number in range(3):
        sink.write(frame(index=number))
    assert sink.notes == [f"1 older picture is still among the new ones, such as {tmp_path / '3.png'}."]
    sink.write(frame(index=3))
    assert sink.notes == []


def test_a_full_disk_is_one_line_and_leaves_only_whole_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SequenceSink(str(tmp_path / "%06d.png"))
    sink.write(frame())

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SinkError, match=r"000001\.png cannot be written: No space left on device"):
        sink.write(frame(index=1))
    assert [path.name for path in tmp_path.iterdir()] == ["000000.png"]


def test_a_closed_sink_takes_no_frame(tmp_path: Path) -> None:
    single, numbered = PictureSink(tmp_path / "out.png"), SequenceSink(str(tmp_path / "%d.png"))
    single.write(frame())
    for sink in (single, numbered):
        sink.close()
        with pytest.raises(SinkError, match="closed already"):
            sink.write(frame())
