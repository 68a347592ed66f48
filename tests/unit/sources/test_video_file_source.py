from __future__ import annotations

import os
import sys
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import media
import numpy as np
import PIL.Image
import pytest

from streamer.errors import ConfigError, SourceError
from streamer.frames import Frame, Size
from streamer.orientation import Orientation
from streamer.sources.truncation import is_cut_short
from streamer.sources.video_file import VideoFileSource
from streamer.yuv import to_planes

MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
BARS = np.array(
    [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 180, 200], [120, 120, 120]],
    np.uint8,
)


def read(path: Path, start_s: float = 0.0, end_s: float | None = None) -> list[Frame]:
    source = VideoFileSource(path, start_s=start_s, end_s=end_s)
    try:
        return list(source)
    finally:
        source.close()


def bad_frames(path: Path) -> tuple[int, int]:
    source = VideoFileSource(path)
    good = sum(1 for _ in source)
    source.close()
    return good, source.bad_frames


def bars_clip(path: Path, matrix: int, full_range: bool, *, height: int = 96, tagged: bool = True) -> Path:
    """Colour bars put into YUV by the defining formula, losslessly stored."""
    red_weight, blue_weight = MATRICES[matrix]
    red, green, blue = BARS.astype(float).T / 255
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    chroma = (blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)
    scale, offset, chroma_scale = (255, 0, 255) if full_range else (219, 16, 224)
    planes = [luma * scale + offset, *(plane * chroma_scale + 128 for plane in chroma)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32 * len(BARS), height, "yuv420p"
        stream.codec_context.color_range = 2 if full_range else 1
        if tagged:
            stream.codec_context.colorspace = matrix
        frame = av.VideoFrame(32 * len(BARS), height, "yuv420p")
        for plane, values in zip(frame.planes, planes, strict=True):
            row = np.repeat(np.clip(np.rint(values), 0, 255), plane.width // len(BARS)).astype(np.uint8)
            buffer = np.zeros((plane.height, plane.line_size), np.uint8)
            buffer[:, : plane.width] = row
            plane.update(buffer)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def bar_colors(image: np.ndarray) -> np.ndarray:
    return image[image.shape[0] // 2, 16::32].astype(int)


def test_frames_come_in_order_of_presentation_with_the_container_s_times(tmp_path: Path) -> None:
    path = media.b_frames(tmp_path / "b.mp4")
    frames = read(path)
    assert [media.read_number(frame.image) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert [Fraction(frame.pts_s).limit_denominator(90000) for frame in frames] == media.frame_times(path)


def test_variable_rate_times_are_found_again_by_rounding_to_the_time_base(tmp_path: Path) -> None:
    path = media.variable_rate(tmp_path / "vfr.mp4")
    source = VideoFileSource(path)
    video = source.info.video
    assert video is not None
    times = [round(frame.pts_s / video.time_base) * video.time_base for frame in source]
    source.close()
    assert times == media.frame_times(path)


def test_the_source_describes_its_video(tmp_path: Path) -> None:
    tags = {"color_primaries": 1, "color_trc": 1, "colorspace": 1, "color_range": 2}
    path = media.constant(tmp_path / "tagged.mp4", tags=tags, pixel_aspect=Fraction(4, 3))
    source = VideoFileSource(path)
    info, video = source.info, source.info.video
    source.close()
    assert (info.name, info.size, info.fps, info.frame_count, info.is_live) == (
        "tagged.mp4",
        Size(160, 96),
        25,
        20,
        False,
    )
    assert video is not None
    assert (video.path, video.pixel_aspect) == (path, Fraction(4, 3))
    assert (video.color.primaries, video.color.transfer, video.color.matrix, video.color.full_range) == (1, 1, 1, True)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_colours_are_read_with_the_tagged_matrix_and_range(tmp_path: Path, matrix: int, full_range: bool) -> None:
    (frame,) = read(bars_clip(tmp_path / "bars.mkv", matrix, full_range))
    assert np.abs(bar_colors(frame.image) - BARS).max() <= 3


@pytest.mark.parametrize(("height", "matrix"), [(480, 6), (720, 1)])
def test_untagged_colours_are_read_as_players_do(tmp_path: Path, height: int, matrix: int) -> None:
    (frame,) = read(bars_clip(tmp_path / "bars.mkv", matrix, False, height=height, tagged=False))
    assert np.abs(bar_colors(frame.image) - BARS).max() <= 3


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_a_turned_video_is_delivered_upright(tmp_path: Path, clockwise: int) -> None:
    upright = np.zeros((128, 64, 3) if clockwise in (90, 270) else (64, 128, 3), np.uint8)
    upright[:24, :24] = (250, 20, 20)
    upright[:24, -24:] = (20, 250, 20)
    stored = np.rot90(upright, clockwise // 90)
    path = media.rotated(
        tmp_path / "phone.mp4", clockwise, lambda _: stored, size=(128, 64), pixel_aspect=Fraction(4, 3)
    )
    source = VideoFileSource(path)
    image = next(iter(source)).image
    source.close()
    assert source.info.size == Size(upright.shape[1], upright.shape[0])
    assert np.abs(image.astype(int) - upright)[::8, ::8].max() < 40
    assert image.flags.c_contiguous
    assert source.info.video is not None
    assert source.info.video.pixel_aspect == (Fraction(3, 4) if clockwise in (90, 270) else Fraction(4, 3))


def test_a_mirrored_display_matrix_is_undone() -> None:
    mirrored = np.array([-1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], np.int32)
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert (Orientation.from_display_matrix(mirrored.tobytes()).upright(image) == image[:, ::-1]).all()


def test_ten_bit_video_is_read_as_eight(tmp_path: Path) -> None:
    frames = read(media.ten_bit(tmp_path / "ten.mkv"))
    assert [media.read_number(frame.image) for frame in frames] == list(range(20))
    assert frames[0].image.dtype == np.uint8
    assert np.abs(frames[3].image.astype(int) - media.numbered(3)).mean() < 6


def test_odd_sizes_are_read_whole(tmp_path: Path) -> None:
    frames = read(media.odd_size(tmp_path / "odd.mp4"))
    assert [media.read_number(frame.image) for frame in frames] == list(range(6))
    assert np.abs(frames[5].image.astype(int) - media.numbered(5, (641, 359)))[:, -8:].mean() < 12
    assert frames[0].image.shape == (359, 641, 3)


def test_a_video_of_one_frame_yields_it(tmp_path: Path) -> None:
    (frame,) = read(media.one_frame(tmp_path / "one.mp4"))
    assert frame.pts_s == 0


def test_start_and_end_pick_the_frames_between_them(tmp_path: Path) -> None:
    path = media.constant(tmp_path / "long.mp4", count=100)
    frames = read(path, start_s=1.2, end_s=2.0)
    assert [media.read_number(frame.image) for frame in frames] == list(range(30, 50))
    assert frames[0].pts_s == pytest.approx(1.2)
    assert frames[0].index == 0


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".mkv"])
@pytest.mark.parametrize("start_s", [0.4, 1.2, 3.0])
def test_a_start_far_behind_the_last_key_frame_loses_nothing(tmp_path: Path, suffix: str, start_s: float) -> None:
    """Broadcast recordings have no index: a seek may land where nothing can be decoded yet."""
    options = {"preset": "ultrafast", "crf": "20", "g": "250"}
    path = media.constant(tmp_path / f"in{suffix}", count=90, options=options)
    source = VideoFileSource(path, start_s=start_s)
    assert [media.read_number(frame.image) for frame in source] == list(range(round(start_s * 25), 90))
    assert source.bad_frames == 0
    source.close()


@pytest.mark.parametrize(("start_s", "end_s", "numbers"), [(0.5, 0.7, range(13, 18)), (0.56, 1.1, range(14, 28))])
def test_a_cut_between_two_ticks_takes_nothing_from_before_it(
    tmp_path: Path, start_s: float, end_s: float, numbers: range
) -> None:
    """In this container a tick is as long as a frame, 0.04 s."""
    path = media.Clip(count=40, codec="mpeg4", options={}).write(tmp_path / "in.avi")
    source = VideoFileSource(path, start_s=start_s, end_s=end_s)
    assert [media.read_number(frame.image) for frame in source] == list(numbers)
    source.close()


def test_start_and_end_are_told_in_the_traits(tmp_path: Path) -> None:
    source = VideoFileSource(media.constant(tmp_path / "long.mp4", count=100), start_s=1.2, end_s=2.0)
    source.close()
    assert source.info.video is not None
    assert (source.info.video.start_s, source.info.video.end_s) == (pytest.approx(1.2), pytest.approx(2.0))
    assert source.info.frame_count == 20


def test_a_start_behind_the_end_of_the_video_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no frame at or after 99 s"):
        VideoFileSource(media.constant(tmp_path / "short.mp4"), start_s=99)


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (2.0, 2.0), (3.0, 1.0), (float("nan"), None)])
def test_a_range_that_makes_no_sense_is_refused(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    with pytest.raises(ConfigError):
        VideoFileSource(tmp_path / "any.mp4", start_s=start_s, end_s=end_s)


def test_a_broadcast_recording_counts_from_its_own_beginning(tmp_path: Path) -> None:
    path = media.constant(tmp_path / "tv.ts", count=50)
    frames = read(path, start_s=0.4, end_s=0.8)
    assert [media.read_number(frame.image) for frame in frames] == list(range(10, 20))


def test_times_grow_where_the_file_has_none(tmp_path: Path) -> None:
    path = media.b_frames(tmp_path / "raw.h264")
    frames = read(path)
    assert [media.read_number(frame.image) for frame in frames] == list(range(40))
    assert all(b.pts_s > a.pts_s for a, b in pairwise(frames))


def test_times_grow_where_the_file_repeats_one(tmp_path: Path) -> None:
    ticks = [0, 4, 8, 100, 104, 200]  # tenths of a millisecond; Matroska counts whole ones
    clip = media.Clip(count=6, ticks=ticks, time_base=Fraction(1, 10000), codec="ffv1", options={})
    path = clip.write(tmp_path / "repeated.mkv")
    stored = media.frame_times(path)
    assert len(set(stored)) < 6
    frames = read(path)
    assert [media.read_number(frame.image) for frame in frames] == list(range(6))
    assert all(b.pts_s > a.pts_s for a, b in pairwise(frames))
    assert frames[-1].pts_s == float(stored[-1])


@pytest.mark.parametrize("name", ["moved.mp4", "moved.mkv"])
def test_damage_in_the_middle_costs_only_the_frames_it_hits(tmp_path: Path, name: str) -> None:
    clip = media.Clip(count=100, options={"preset": "ultrafast", "crf": "12", "g": "10"})
    path = media.damaged(tmp_path / f"bad_{name}", clip.write(tmp_path / name), length=6000)
    good, bad = bad_frames(path)
    assert bad > 0
    assert 60 <= good < 100


def test_a_damaged_mp4_accounts_for_every_frame(tmp_path: Path) -> None:
    whole = media.Clip(count=100, options={"preset": "ultrafast", "crf": "12", "g": "10"}).write(tmp_path / "a.mp4")
    good, bad = bad_frames(media.damaged(tmp_path / "b.mp4", whole, length=6000))
    assert good + bad == 100


def test_a_picture_that_the_decoder_drops_without_a_word_is_counted(tmp_path: Path) -> None:
    whole = media.constant(tmp_path / "a.avi", count=100, codec="mjpeg", pixel_format="yuvj420p", options={})
    good, bad = bad_frames(media.damaged(tmp_path / "b.avi", whole, at=0.31, length=1024))
    assert good < 100
    assert good + bad == 100


def test_a_truncated_mp4_with_its_index_in_front_counts_what_is_missing(tmp_path: Path) -> None:
    whole = media.constant(tmp_path / "a.mp4", count=100, container_options={"movflags": "+faststart"})
    good, bad = bad_frames(media.truncated(tmp_path / "b.mp4", whole))
    assert 30 < good < 90
    assert good + bad == 100


def test_a_truncated_matroska_file_yields_its_frames_and_is_not_called_whole(tmp_path: Path) -> None:
    whole = media.constant(tmp_path / "a.mkv", count=100)
    good, bad = bad_frames(media.truncated(tmp_path / "b.mkv", whole))
    assert 30 < good < 90
    assert bad >= 1


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mkv", "whole.mov", "whole.avi", "whole.ts"])
def test_a_whole_file_has_no_bad_frames(tmp_path: Path, name: str) -> None:
    path = media.constant(tmp_path / name, codec="mpeg4", options={"b": "2000000"})
    assert bad_frames(path) == (20, 0)
    assert not is_cut_short(path)


def test_a_recording_of_unknown_length_counts_as_whole(tmp_path: Path) -> None:
    path = media.constant(tmp_path / "live.mkv", container_options={"live": "1"})
    assert bad_frames(path) == (20, 0)


def text_file(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("This is not a video.\n" * 50)
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def pipe(folder: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


BAD_FILES = {
    "device or pipe": pipe,
    "no such file": lambda folder: folder / "missing.mp4",
    "this is a folder": lambda folder: folder,
    "not a video file": text_file,
    "0 bytes": empty_file,
    "without its index": lambda folder: media.truncated(folder / "cut.mp4", media.constant(folder / "whole.mp4")),
    "only sound": lambda folder: media.only_sound(folder / "song.m4a"),
}


@pytest.mark.parametrize("message", BAD_FILES)
def test_a_file_that_is_no_video_is_refused_in_one_line(tmp_path: Path, message: str) -> None:
    path = BAD_FILES[message](tmp_path)
    with pytest.raises(SourceError, match=message) as caught:
        VideoFileSource(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_video_without_one_good_frame_is_refused(tmp_path: Path) -> None:
    whole = media.constant(tmp_path / "a.mkv", count=4)
    data = bytearray(whole.read_bytes())
    begin = data.index(b"\x1f\x43\xb6\x75") + 40  # behind the header of the cluster
    data[begin:] = bytes(len(data) - begin)
    (tmp_path / "b.mkv").write_bytes(data)
    with pytest.raises(SourceError):
        VideoFileSource(tmp_path / "b.mkv")


@pytest.mark.skipif(sys.platform == "win32", reason="no such name there")
def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media.constant(tmp_path / "x.mp4").rename(tmp_path / "http:x.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("http:x.mp4"))) == 20


def test_close_from_another_thread_ends_the_iteration(tmp_path: Path) -> None:
    source = VideoFileSource(media.constant(tmp_path / "long.mp4", count=200))
    first_read, closed = threading.Event(), threading.Event()
    seen: list[int] = []

    def consume() -> None:
        for frame in source:
            seen.append(frame.index)
            first_read.set()
            assert closed.wait(10)

    reader = threading.Thread(target=consume)
    reader.start()
    assert first_read.wait(10)
    source.close()
    source.close()
    closed.set()
    reader.join(10)
    assert not reader.is_alive()
    assert seen == [0]


def test_a_closed_source_yields_nothing(tmp_path: Path) -> None:
    source = VideoFileSource(media.constant(tmp_path / "a.mp4"))
    source.close()
    assert list(source) == []


def test_planes_are_the_decoders_and_mean_the_picture(tmp_path: Path) -> None:
    for matrix, full_range in ((1, False), (5, True)):
        frame = read(bars_clip(tmp_path / f"{matrix}.mkv", matrix, full_range))[0]
        assert frame.planes is not None
        assert (frame.planes.matrix, frame.planes.full_range) == (matrix, full_range)
        again = to_planes(frame.image, matrix, full_range=full_range)
        assert np.abs(frame.planes.y.astype(int) - again.y).max() <= 3
        assert np.abs(frame.planes.u.astype(int) - again.u).max() <= 3


def test_a_picture_that_is_stored_bottom_up_has_no_planes(tmp_path: Path) -> None:
    path = tmp_path / "bottom_up.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.extradata = b"BottomUp\0"
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    frame = read(path)[0]
    assert frame.image[:20].max() < 5 < 250 < frame.image[-20:].min(), "upside down, as the file says"
    assert frame.planes is None, "they would be the other way around"


def test_a_turned_an_odd_and_a_ten_bit_picture_have_no_planes(tmp_path: Path) -> None:
    odd, turned = media.odd_size(tmp_path / "odd.mp4"), media.rotated(tmp_path / "turned.mp4", 90)
    for path in (odd, turned, media.ten_bit(tmp_path / "ten.mkv")):
        assert read(path)[0].planes is None


def test_a_part_begins_with_what_has_been_on_the_screen_for_a_while(tmp_path: Path) -> None:
    screen = media.Clip(count=6, ticks=[0, 1, 2, 50, 51, 100], time_base=Fraction(1, 25)).write(tmp_path / "in.mkv")
    cases: list[tuple[float, float | None, list[tuple[int, float]]]] = [
        (1.0, 1.6, [(2, 1.0)]),
        (1.0, 2.02, [(2, 1.0), (3, 2.0)]),
        (2.0, 2.06, [(3, 2.0), (4, 2.04)]),
        (0.05, 0.1, [(2, 0.08)]),
    ]
    for start_s, end_s, expected in cases:
        source = VideoFileSource(screen, start_s=start_s, end_s=end_s)
        seen = [(media.read_number(frame.image), round(frame.pts_s, 2)) for frame in source]
        source.close()
        assert seen == expected, (start_s, end_s)
        assert source.bad_frames == 0


def test_recordings_put_together_run_on(tmp_path: Path) -> None:
    part = media.Clip(count=50, options={"preset": "ultrafast", "crf": "12", "g": "10"}).write(tmp_path / "part.ts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(2 * part.read_bytes())
    source = VideoFileSource(joined)
    frames = [(media.read_number(frame.image), frame.pts_s) for frame in source]
    source.close()
    assert [number for number, _ in frames] == [*range(50), *range(50)]
    assert source.bad_frames == 0
    times_s = np.array([time_s for _, time_s in frames])
    assert np.diff(times_s).max() < 0.13
    assert np.diff(times_s).min() > 0.03


@pytest.mark.parametrize("loses_all", [False, True])
def test_a_hole_in_a_broadcast_costs_the_picture_it_hits_and_not_the_one_before(
    tmp_path: Path, *, loses_all: bool
) -> None:
    clip = media.Clip(count=50, codec="mpeg2video", options={"b": "4000000", "g": "1"})
    whole = clip.write(tmp_path / "in.ts").read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    begins = [at for at, packet in enumerate(packets) if packet[1:3] == b"\x41\x00"]  # a picture's, on the first PID
    assert len(begins) == 50
    first, last = (begins[20], begins[21]) if loses_all else (begins[20] + 2, begins[20] + 3)
    (tmp_path / "hole.ts").write_bytes(b"".join(packets[:first] + packets[last:]))
    source = VideoFileSource(tmp_path / "hole.ts")
    assert [media.read_number(frame.image) for frame in source] == [*range(20), *range(21, 50)]
    assert source.bad_frames == 1
    source.close()


@pytest.mark.parametrize("trailer", [b"made with love, 2024", b"TAG" + bytes(125)])
def test_a_trailer_is_no_damage(tmp_path: Path, trailer: bytes) -> None:
    path = media.constant(tmp_path / "in.mp4")
    path.write_bytes(path.read_bytes() + trailer)
    source = VideoFileSource(path)
    assert len(list(source)) == 20
    assert source.bad_frames == 0
    source.close()


def test_what_is_lost_before_the_start_does_not_count(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "crf": "12", "g": "25"}
    whole = media.Clip(count=150, options=options).write(tmp_path / "in.ts").read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    hole = len(packets) // 2
    (tmp_path / "hole.ts").write_bytes(b"".join(packets[:hole] + packets[hole + 4 :]))
    for start_s, is_told in ((0.0, True), (4.5, False)):
        source = VideoFileSource(tmp_path / "hole.ts", start_s=start_s)
        assert len(list(source)) > 20
        assert (source.bad_frames > 0) == is_told
        source.close()


def test_looking_for_the_key_frame_of_a_broadcast_is_no_jump_of_its_clock(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "crf": "12", "g": "150", "keyint_min": "150", "sc_threshold": "0"}
    path = media.Clip(count=200, options=options).write(tmp_path / "in.ts")
    source = VideoFileSource(path, start_s=5.0, end_s=5.2)
    seen = [media.read_number(frame.image) for frame in source]
    source.close()
    assert seen == [125, 126, 127, 128, 129]


def test_a_start_or_an_end_within_a_long_gap_shows_what_is_on_the_screen(tmp_path: Path) -> None:
    screen = media.Clip(count=6, ticks=[0, 1, 2, 500, 501, 1000], time_base=Fraction(1, 25)).write(tmp_path / "in.mp4")
    cases: list[tuple[float, float | None, list[tuple[int, float]]]] = [
        (10.0, 10.5, [(2, 10.0)]),
        (19.5, 20.06, [(2, 19.5), (3, 20.0), (4, 20.04)]),
        (19.95, 20.02, [(3, 20.0)]),
        (0.05, 0.07, [(1, 0.05)]),
    ]
    for start_s, end_s, expected in cases:
        seen = [(media.read_number(frame.image), round(frame.pts_s, 2)) for frame in read(screen, start_s, end_s)]
        assert seen == expected, (start_s, end_s)


def test_frames_say_for_how_long_they_are_shown(tmp_path: Path) -> None:
    clip = media.Clip(count=4, ticks=[0, 1, 2, 50], time_base=Fraction(1, 25)).write(tmp_path / "in.mp4")
    with_gap = [frame.duration_s for frame in read(clip)]
    assert with_gap[:3] == pytest.approx([0.04, 0.04, 1.92])
    assert [frame.duration_s for frame in read(clip, 0.5, 1.0)] == pytest.approx([0.5])
    gif = tmp_path / "slow.gif"
    durations_ms = [100, 100, 3000]
    pictures = [PIL.Image.fromarray(media.numbered(number)) for number in range(3)]
    pictures[0].save(gif, save_all=True, append_images=pictures[1:], duration=durations_ms)
    assert [frame.duration_s for frame in read(gif)] == pytest.approx([0.1, 0.1, 3.0])
    assert [frame.duration_s for frame in read(gif, 1.0)] == pytest.approx([2.2])


def test_times_that_people_give_count_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    ticks = [3600 * 25 + number for number in range(50)]
    clip = media.Clip(count=50, ticks=ticks, time_base=Fraction(1, 25)).write(tmp_path / "cut.mkv")
    assert [round(frame.pts_s, 2) for frame in read(clip, 1.0, 1.1)] == [3601.0, 3601.04, 3601.08]
    assert len(read(clip, 0.0, 1.0)) == 25
    source = VideoFileSource(clip)
    source.close()
    assert source.info.video is not None
    assert (source.info.video.begins_s, source.info.video.clock_start_s, source.info.video.is_part) == (3600, 0, False)
