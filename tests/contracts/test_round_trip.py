"""Every kind of video through source and sink: frames, times, sound, colour, shape. What users lose elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest

from streamer.interfaces import SourceInfo
from streamer.sinks.encoders import Encoding
from streamer.sinks.video_file import VideoFileSink
from streamer.sources.video_file import VideoFileSource

CLIPS: dict[str, Callable[[Path], Path]] = {
    "constant": lambda folder: media.constant(folder / "constant.mp4"),
    "variable rate": lambda folder: media.variable_rate(folder / "vfr.mp4"),
    "b-frames": lambda folder: media.b_frames(folder / "b.mp4"),
    "odd size": lambda folder: media.odd_size(folder / "odd.mp4"),
    "turned": lambda folder: media.rotated(folder / "turned.mp4", 90),
    "ten bits": lambda folder: media.ten_bit(folder / "ten.mkv"),
    "one frame": lambda folder: media.one_frame(folder / "one.mp4"),
    "sound": lambda folder: media.with_sound(folder / "sound.mp4"),
    "two sounds": lambda folder: media.two_sounds(folder / "two.mp4"),
    "ntsc": lambda folder: media.constant(folder / "ntsc.mov", fps=Fraction(30000, 1001)),
    "avi": lambda folder: media.constant(folder / "old.avi", codec="mpeg4", options={"b": "2000000"}),
    "webm": lambda folder: media.constant(folder / "in.webm", codec="libvpx-vp9", options={"deadline": "realtime"}),
}
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm"]
SHARED_CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips"


def round_trip(path: Path, output: Path, **cut: float) -> tuple[SourceInfo, list[str]]:
    source = VideoFileSource(path, **cut)
    sink = VideoFileSink(output, source.info, Encoding(speed="ultrafast"))
    for frame in source:
        sink.write(frame)
    sink.close()
    source.close()
    assert source.bad_frames == 0
    return source.info, sink.notes


def assert_same_times(path: Path, output: Path) -> None:
    expected, actual = media.frame_times(path), media.frame_times(output)
    if output.suffix in (".mkv", ".webm"):
        assert len(actual) == len(expected)
        assert all(abs(a - b) <= Fraction(1, 2000) for a, b in zip(actual, expected, strict=True))
    else:
        assert actual == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("clip", CLIPS)
def test_frames_and_times_survive(tmp_path: Path, clip: str, suffix: str) -> None:
    path = CLIPS[clip](tmp_path)
    output = tmp_path / f"out{suffix}"
    round_trip(path, output)
    assert_same_times(path, output)
    again = VideoFileSource(output)
    numbers = [media.read_number(np.rot90(f.image, 1 if clip == "turned" else 0)) for f in again]
    again.close()
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("clip", ["sound", "two sounds"])
def test_sound_survives_bit_by_bit(tmp_path: Path, clip: str, suffix: str) -> None:
    path = CLIPS[clip](tmp_path)
    output = tmp_path / f"out{suffix}"
    round_trip(path, output)
    for track in range(2 if clip == "two sounds" else 1):
        expected, actual = media.sound_packets(path, track), media.sound_packets(output, track)
        assert [data for _, data in actual] == [data for _, data in expected]
        tolerance = Fraction(1, 1000) if suffix == ".mkv" else 0
        assert all(abs(a[0] - b[0]) <= tolerance for a, b in zip(actual, expected, strict=True))


def test_a_turned_video_comes_out_upright_and_untagged(tmp_path: Path) -> None:
    path = media.rotated(tmp_path / "phone.mp4", 90, pixel_aspect=Fraction(4, 3))
    source = VideoFileSource(path)
    upright = next(iter(source)).image
    source.close()
    output = tmp_path / "out.mp4"
    round_trip(path, output)
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        picture = next(container.decode(stream))
        assert (picture.width, picture.height, picture.rotation) == (96, 160, 0)
        assert stream.sample_aspect_ratio == Fraction(3, 4)
        assert np.abs(picture.to_ndarray(format="rgb24").astype(int) - upright).mean() < 6


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
def test_colours_and_their_tags_survive(tmp_path: Path, matrix: int, full_range: bool, suffix: str) -> None:
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]], np.uint8)
    bars = np.repeat(colors, 32, axis=0)[None].repeat(96, axis=0)
    tags = {"color_primaries": matrix, "color_trc": matrix, "colorspace": matrix, "color_range": 1 + full_range}
    clip = media.Clip(tags=tags, count=3, codec="ffv1", pixel_format="yuv444p", options={})
    clip.write(tmp_path / "in.mkv", lambda _: bars)
    info, _ = round_trip(tmp_path / "in.mkv", tmp_path / f"out{suffix}")
    before, after = VideoFileSource(tmp_path / "in.mkv"), VideoFileSource(tmp_path / f"out{suffix}")
    for old, new in zip(before, after, strict=True):
        assert np.abs(old.image[48, 16::32].astype(int) - new.image[48, 16::32]).max() <= 4
    before.close()
    after.close()
    assert after.info.video is not None
    assert info.video is not None
    assert after.info.video.color == info.video.color
    assert (info.video.color.matrix, info.video.color.full_range) == (matrix, full_range)


def test_untagged_stays_untagged(tmp_path: Path) -> None:
    info, _ = round_trip(media.constant(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    after = VideoFileSource(tmp_path / "out.mp4")
    after.close()
    assert info.video is not None
    assert after.info.video is not None
    assert after.info.video.color == info.video.color
    assert info.video.color.matrix == 2


def test_a_cut_begins_at_zero_with_its_sound(tmp_path: Path) -> None:
    path = media.with_sound(tmp_path / "in.mp4")
    round_trip(path, tmp_path / "out.mp4", start_s=0.5, end_s=1.5)
    times, packets = media.frame_times(tmp_path / "out.mp4"), media.sound_packets(tmp_path / "out.mp4")
    assert (times[0], len(times)) == (0, 25)
    assert 0 <= packets[0][0] < Fraction(1, 20)
    assert Fraction(9, 10) < packets[-1][0] < 1


def test_more_than_eight_bits_are_noted(tmp_path: Path) -> None:
    _, notes = round_trip(media.ten_bit(tmp_path / "in.mkv"), tmp_path / "out.mp4")
    assert any("10 bits" in note for note in notes)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_CLIPS.is_dir(), reason="the shared clips are not here")
def test_real_clips_survive(tmp_path: Path) -> None:
    for path in sorted(SHARED_CLIPS.glob("*.mp4")):
        output = tmp_path / path.name
        round_trip(path, output)
        assert_same_times(path, output)
        with av.open(str(path)) as container:
            tracks = len(container.streams.audio)
        for track in range(tracks):
            assert media.sound_packets(output, track) == media.sound_packets(path, track)
