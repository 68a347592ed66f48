from __future__ import annotations

from pathlib import Path

import media
import numpy as np
import pytest

from streamer.sources.matroska import EBML, is_sound
from streamer.sources.video_file import VideoFileSource

HEADER = EBML + b"\x80"
SEGMENT, CLUSTER, CUES = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b"
SIMPLE_BLOCK, GROUP, BLOCK, TIMESTAMP, VOID = b"\xa3", b"\xa0", b"\xa1", b"\xe7", b"\xec"
UNKNOWN = b"\xff"


def element(name: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return name + (0x4000 | len(inside)).to_bytes(2, "big") + inside


def written(folder: Path, *parts: bytes) -> Path:
    path = folder / "a.mkv"
    path.write_bytes(b"".join(parts))
    return path


BLOCKS = element(TIMESTAMP, b"\0"), element(SIMPLE_BLOCK, bytes(9)), element(GROUP, element(BLOCK, bytes(9)))
WHOLE = {
    "each length known": element(
        SEGMENT, element(VOID, bytes(3)), element(CLUSTER, *BLOCKS), element(CLUSTER, *BLOCKS)
    ),
    "ends with its index": element(SEGMENT, element(CLUSTER, *BLOCKS), element(CUES, bytes(20))),
    "as it is streamed": SEGMENT + UNKNOWN + (CLUSTER + UNKNOWN + b"".join(BLOCKS)) * 3 + element(CUES, bytes(2)),
    "something behind its end": element(SEGMENT, element(CLUSTER, *BLOCKS)) + b"and a trailer",
    "no clusters": element(SEGMENT),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=list(WHOLE))
def test_a_whole_file_is_sound(tmp_path: Path, content: bytes) -> None:
    assert is_sound(written(tmp_path, HEADER, content))


UNSOUND = {
    "no element": element(SEGMENT, element(CLUSTER, *BLOCKS, b"\x01\x02\x03\x04\x05\x06\x07\x08\x09")),
    "no element in a group": element(SEGMENT, element(CLUSTER, element(GROUP, element(TIMESTAMP, b"\0")))),
    "a block outside a cluster": element(SEGMENT, element(SIMPLE_BLOCK, bytes(9))),
    "a block longer than its cluster": element(SEGMENT, element(CLUSTER, SIMPLE_BLOCK + b"\x8a" + bytes(9)), BLOCKS[1]),
    "a cluster longer than the segment": element(SEGMENT, CLUSTER + b"\x50\x00" + b"".join(BLOCKS)),
    "zeros": element(SEGMENT, element(CLUSTER, *BLOCKS), bytes(30)),
    "a cluster in another of known length": element(SEGMENT, element(CLUSTER, element(CLUSTER, *BLOCKS)), *BLOCKS),
}


@pytest.mark.parametrize("content", UNSOUND.values(), ids=list(UNSOUND))
def test_damage_is_found(tmp_path: Path, content: bytes) -> None:
    assert not is_sound(written(tmp_path, HEADER, content))


CODECS = {"a.mkv": "libx264", "a.webm": "libvpx-vp9", "b.webm": "libvpx", "b.mkv": "mjpeg"}


def clip(name: str, **changes: object) -> media.Clip:
    codec = CODECS[name]
    options = {"deadline": "realtime"} if codec.startswith("libvpx") else {}
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return media.Clip(count=60, codec=codec, pixel_format=pixel_format, options=options, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("container_options", [{}, {"live": "1"}], ids=["indexed", "live"])
def test_what_ffmpeg_writes_is_sound(tmp_path: Path, name: str, container_options: dict[str, str]) -> None:
    sounds = [media.Sound("libopus", rate=48000)]
    path = clip(name, sounds=sounds, container_options=container_options).write(tmp_path / name)
    assert is_sound(path)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
def test_every_frame_of_a_damaged_file_is_delivered_or_counted(tmp_path: Path, name: str, at: float) -> None:
    options = {"cluster_time_limit": "400"}
    whole = clip(name, container_options=options).write(tmp_path / name)
    path = media.damaged(tmp_path / f"bad_{name}", whole, at, length=1500)
    source = VideoFileSource(path)
    good = sum(1 for _ in source)
    source.close()
    assert not is_sound(path)
    assert good < 60
    assert good + source.bad_frames == 60


def test_gaps_of_a_sound_recording_are_no_damage(tmp_path: Path) -> None:
    ticks = [int(tick) for tick in np.cumsum(np.random.default_rng(1).integers(20, 900, 40))]
    path = media.Clip(count=40, ticks=ticks, time_base=media.Fraction(1, 1000)).write(tmp_path / "screen.mkv")
    source = VideoFileSource(path)
    assert sum(1 for _ in source) == 40
    source.close()
    assert source.bad_frames == 0


def test_a_file_that_is_removed_while_it_is_read_is_not_called_damaged(tmp_path: Path) -> None:
    path = media.Clip(count=20, ticks=[9 * number**2 for number in range(20)], time_base=media.Fraction(1, 100)).write(
        tmp_path / "screen.mkv"
    )
    source = VideoFileSource(path)
    frames = iter(source)
    next(frames)
    try:
        path.unlink()
    except OSError:
        pytest.skip("what is open cannot be removed here")
    assert sum(1 for _ in frames) == 19
    source.close()
    assert source.bad_frames == 0
