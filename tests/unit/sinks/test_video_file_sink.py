from __future__ import annotations

import errno
import os
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest

from streamer.errors import ConfigError, SinkError, StreamerError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import ColorTags, SourceInfo, VideoTraits
from streamer.sinks.encoders import Encoding, choose_encoder
from streamer.sinks.video_file import VideoFileSink
from streamer.sources.video_file import VideoFileSource
from streamer.yuv import to_planes

PLAIN = Encoding()
INFO = SourceInfo("test", Size(160, 96), Fraction(25), is_live=False)


def frame(image: Image, index: int = 0, pts_s: float | None = None) -> Frame:
    return Frame(image, index, index / 25 if pts_s is None else pts_s, 0.0)


def numbered(index: int) -> Frame:
    return frame(media.numbered(index), index)


def info_of(path: Path, **traits: object) -> SourceInfo:
    """As a file source would describe an untagged clip of 25 frames a second."""
    video = VideoTraits(path, Fraction(1, 12800), **traits)  # type: ignore[arg-type]
    return SourceInfo(path.name, Size(160, 96), Fraction(25), is_live=False, video=video)


def write(path: Path, images: list[Image], info: SourceInfo = INFO, encoding: Encoding = PLAIN) -> VideoFileSink:
    has_alpha = images[0].ndim == 3 and images[0].shape[2] == 4
    sink = VideoFileSink(path, info, encoding, has_alpha=has_alpha)
    for index, image in enumerate(images):
        sink.write(frame(image, index))
    sink.close()
    return sink


def write_noise(sink: VideoFileSink) -> None:
    """About 1.5 MB that no encoder makes smaller."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 96, 160, 3)).astype(np.uint8)
    for index, image in enumerate(noise):
        sink.write(frame(image, index))
    sink.close()


def decoded(path: Path, pixel_format: str, codec: str | None = None) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if codec is None:
            return [picture.to_ndarray(format=pixel_format) for picture in container.decode(stream)]
        decoder = av.CodecContext.create(codec, "r")
        pictures = [p for packet in container.demux(stream) if packet.size for p in decoder.decode(packet)]
        return [picture.to_ndarray(format=pixel_format) for picture in [*pictures, *decoder.decode(None)]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_final_name_appears_only_at_close(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / "out.mp4", INFO)
    for index in range(20):
        sink.write(numbered(index))
        (part,) = names(tmp_path)
        assert part.startswith(".out.part-")
        assert part.endswith(".mp4")
    sink.close()
    sink.close()
    assert names(tmp_path) == ["out.mp4"]


def test_an_existing_output_is_kept_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    path.write_text("old")
    sink = VideoFileSink(path, INFO)
    sink.write(numbered(0))
    assert path.read_text() == "old"
    sink.close()
    assert len(decoded(path, "rgb24")) == 1
    assert names(tmp_path) == ["out.mkv"]


def test_abort_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    sink = VideoFileSink(path, INFO)
    sink.write(numbered(0))
    sink.abort()
    sink.abort()
    sink.close()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.mp4"]


def test_abort_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    VideoFileSink(tmp_path / "out.mp4", INFO).abort()
    assert names(tmp_path) == []


def test_a_video_without_frames_is_an_error_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="not one frame"):
        VideoFileSink(tmp_path / "out.mp4", INFO).close()
    assert names(tmp_path) == []


def test_writing_after_close_is_refused(tmp_path: Path) -> None:
    sink = write(tmp_path / "out.mp4", [media.numbered(0)])
    with pytest.raises(SinkError, match="already closed"):
        sink.write(numbered(1))


@pytest.mark.parametrize("link", [None, "hard", "symbolic"])
def test_the_input_is_never_replaced(tmp_path: Path, link: str | None) -> None:
    source = media.constant(tmp_path / "in.mp4")
    output = source if link is None else tmp_path / "other.mp4"
    if link == "hard":
        output.hardlink_to(source)
    if link == "symbolic":
        output.symlink_to(source)
    with pytest.raises(ConfigError, match="same file"):
        VideoFileSink(output, info_of(source))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="does not exist"):
        VideoFileSink(tmp_path / "nowhere" / "out.mp4", INFO)


def test_a_folder_cannot_be_the_output(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="folder"):
        VideoFileSink(tmp_path / "out.mp4", INFO)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SinkError, match="cannot write into"):
            VideoFileSink(tmp_path / "out.mp4", INFO)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit there")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_file_that_cannot_grow_ends_in_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    import resource

    sink = VideoFileSink(tmp_path / name, INFO)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SinkError, match="writing failed"):
            write_noise(sink)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


@pytest.mark.parametrize("room", [5_000, 100_000])
def test_a_full_disk_is_called_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    class FullDisk:
        """A file on a disk with little room left."""

        def __init__(self, path: str) -> None:
            self.file = Path(path).open("r+b")  # noqa: SIM115

        def write(self, data: bytes) -> int:
            if self.file.tell() + len(data) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

        def seek(self, offset: int, whence: int = 0) -> int:
            return self.file.seek(offset, whence)

        def tell(self) -> int:
            return self.file.tell()

    real_open, disks = av.open, []

    def open_on_full_disk(path: str, mode: str, **options: object) -> object:
        disks.append(FullDisk(path))
        return real_open(disks[-1], mode, **options)

    monkeypatch.setattr("streamer.sinks.video_file.av.open", open_on_full_disk)
    sink = VideoFileSink(tmp_path / "out.mkv", INFO)
    with pytest.raises(SinkError, match="the disk is full"):
        write_noise(sink)
    for disk in disks:
        disk.file.close()
    assert names(tmp_path) == []


def test_a_frame_of_another_size_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / "out.mp4", INFO)
    sink.write(numbered(0))
    with pytest.raises(SinkError, match="320x200 came into a video of 160x96"):
        sink.write(frame(np.zeros((200, 320, 3), np.uint8), 1))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "encoding", "has_alpha", "message"),
    [
        ("out.mp4", Encoding(), True, r"\.mov, \.mkv and \.webm"),
        ("out.gif", Encoding(), False, r"not '\.gif'"),
        ("out", Encoding(), False, "no ending"),
        ("out.mp4", Encoding("libvpx-vp9"), False, "does not write video to .mp4"),
        ("out.mov", Encoding("libx264"), True, "does not write transparent video to .mov"),
        ("out.mp4", Encoding("h265"), False, "Unknown encoder 'h265'"),
        ("out.mp4", Encoding(crf=99), False, "0 to 51"),
        ("out.mp4", Encoding(speed="warp"), False, "Unknown encoder speed 'warp'"),
    ],
)
def test_settings_that_do_not_fit_are_explained(
    tmp_path: Path, name: str, encoding: Encoding, has_alpha: bool, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoFileSink(tmp_path / name, INFO, encoding, has_alpha=has_alpha)
    assert names(tmp_path) == []


@pytest.mark.parametrize("short", ["nvenc", "qsv", "vaapi", "videotoolbox"])
def test_a_hardware_encoder_works_or_says_why_not(tmp_path: Path, short: str) -> None:
    refusal = None
    try:
        write(tmp_path / "out.mp4", [media.numbered(n) for n in range(5)], encoding=Encoding(short))
    except StreamerError as error:
        refusal = str(error)
    if refusal is None:
        assert len(decoded(tmp_path / "out.mp4", "rgb24")) == 5
    else:
        assert f"h264_{short}" in refusal
        assert "\n" not in refusal
        assert names(tmp_path) == []


def test_crf_and_speed_reach_the_encoder(tmp_path: Path) -> None:
    images = [media.numbered(n) for n in range(10)]
    write(tmp_path / "fine.mp4", images, encoding=Encoding(crf=5))
    write(tmp_path / "coarse.mp4", images, encoding=Encoding(crf=45))
    assert (tmp_path / "fine.mp4").stat().st_size > 2 * (tmp_path / "coarse.mp4").stat().st_size
    assert choose_encoder(tmp_path / "a.mp4", Encoding(speed="slow"), has_alpha=False).options["preset"] == "slow"


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_grey_frames_keep_black_white_and_every_step_between(tmp_path: Path, name: str) -> None:
    ramp = np.repeat(np.linspace(0, 255, 10).round().astype(np.uint8), 16)[None].repeat(96, 0)
    write(tmp_path / name, [ramp] * 3)
    for image in decoded(tmp_path / name, "gray"):
        assert np.abs(image[48, 8::16].astype(int) - ramp[48, 8::16]).max() <= 1
        assert (image[48, 8], image[48, 152]) == (0, 255)


def test_grey_frames_of_odd_size_are_written(tmp_path: Path) -> None:
    info = SourceInfo("odd", Size(161, 95), Fraction(25), is_live=False)
    for name in ("out.mp4", "out.webm"):
        write(tmp_path / name, [np.full((95, 161), 200, np.uint8)] * 2, info)
        assert (decoded(tmp_path / name, "gray")[0][:95, :161] == 200).all()


def test_grey_and_colour_do_not_mix(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / "out.mp4", INFO)
    sink.write(frame(np.zeros((96, 160), np.uint8)))
    with pytest.raises(SinkError, match="cannot be mixed"):
        sink.write(numbered(1))


@pytest.mark.parametrize(
    ("name", "decoder", "tolerance"), [("out.mov", None, 8), ("out.webm", "libvpx-vp9", 16), ("out.mkv", None, 0)]
)
def test_transparency_is_kept(tmp_path: Path, name: str, decoder: str | None, tolerance: int) -> None:
    image = np.zeros((96, 160, 4), np.uint8)
    image[..., :3] = (200, 60, 30)
    image[:, 40:80, 3], image[:, 80:120, 3], image[:, 120:, 3] = 90, 180, 255
    write(tmp_path / name, [image] * 3)
    pictures = decoded(tmp_path / name, "rgba", decoder)
    assert len(pictures) == 3
    for picture in pictures:
        difference = np.abs(picture[48, 20::40].astype(int) - image[48, 20::40])
        assert difference[:, 3].max() <= min(tolerance, 2)
        assert difference[:, :3].max() <= tolerance
        assert (picture[48, 20, 3], picture[48, 140, 3]) == (0, 255)


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.mkv"])
def test_transparent_video_of_a_full_range_source_keeps_its_levels(tmp_path: Path, name: str) -> None:
    info = info_of(media.constant(tmp_path / "in.mp4"), color=ColorTags(matrix=5, full_range=True))
    image = np.full((96, 160, 4), 255, np.uint8)
    image[:, :80, :3] = 60
    write(tmp_path / name, [image] * 2, info)
    source = VideoFileSource(tmp_path / name)
    seen = next(iter(source)).image[48]
    source.close()
    assert abs(seen[20].astype(int) - 60).max() <= 4
    assert seen[140].min() >= 250


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("source_is_full", [False, True])
def test_rgb_is_tagged_full_range_whatever_the_source_is(
    tmp_path: Path, channels: int, *, source_is_full: bool
) -> None:
    info = info_of(media.constant(tmp_path / "in.mp4"), color=ColorTags(matrix=1, full_range=source_is_full))
    write(tmp_path / "out.mkv", [np.full((96, 160, channels), 200, np.uint8)], info, Encoding("ffv1"))
    with av.open(str(tmp_path / "out.mkv")) as written:
        context = written.streams.video[0].codec_context
        assert context.format.is_rgb
        assert context.color_range == 2  # full, of MPEG and JPEG the latter


def test_an_opaque_frame_among_transparent_ones_is_opaque(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / "out.mkv", INFO, has_alpha=True)
    sink.write(frame(np.zeros((96, 160, 4), np.uint8)))
    sink.write(numbered(1))
    sink.close()
    assert [image[0, 0, 3] for image in decoded(tmp_path / "out.mkv", "rgba")] == [0, 255]


def test_a_camera_s_video_begins_at_zero_and_keeps_its_gaps(tmp_path: Path) -> None:
    times = [1000.0, 1000.033, 1000.2, 1000.233]
    sink = VideoFileSink(tmp_path / "out.mp4", INFO)
    for index, time_s in enumerate(times):
        sink.write(frame(media.numbered(index), index, time_s))
    sink.close()
    assert [float(t) for t in media.frame_times(tmp_path / "out.mp4")] == pytest.approx(
        [0, 0.033, 0.2, 0.233], abs=1e-4
    )


def test_times_that_do_not_grow_are_moved_apart(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / "out.mp4", INFO)
    for index, time_s in enumerate([0.0, 0.04, 0.04, 0.02, 0.08]):
        sink.write(frame(media.numbered(index), index, time_s))
    sink.close()
    times = media.frame_times(tmp_path / "out.mp4")
    assert len(times) == 5
    assert times == sorted(set(times))


def test_the_last_frame_is_shown_as_long_as_the_others(tmp_path: Path) -> None:
    write(tmp_path / "out.mp4", [media.numbered(0)])
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == Fraction(1, 25)


@pytest.mark.parametrize("is_interlaced", [True, False])
def test_fields_that_are_lost_are_told(tmp_path: Path, is_interlaced: bool) -> None:
    options = {"preset": "ultrafast", "x264-params": "interlaced=1"} if is_interlaced else {"preset": "ultrafast"}
    source = VideoFileSource(media.constant(tmp_path / "in.mp4", options=options))
    sink = VideoFileSink(tmp_path / "out.mp4", source.info)
    for picture in source:
        sink.write(picture)
    sink.close()
    source.close()
    assert any("interlaced" in note for note in sink.notes) == is_interlaced


def test_an_odd_size_is_filled_up_with_a_note(tmp_path: Path) -> None:
    info = SourceInfo("odd", Size(641, 359), Fraction(25), is_live=False)
    image = media.numbered(3, (641, 359))
    sink = write(tmp_path / "out.mp4", [image], info)
    assert any("641x359 is odd" in note and "642x360" in note for note in sink.notes)
    (picture,) = decoded(tmp_path / "out.mp4", "rgb24")
    assert picture.shape == (360, 642, 3)
    assert media.read_number(picture) == 3
    assert np.abs(picture[-1, :-1].astype(int) - image[-1]).mean() < 8


def test_vp9_keeps_an_odd_size(tmp_path: Path) -> None:
    info = SourceInfo("odd", Size(641, 359), Fraction(25), is_live=False)
    sink = write(tmp_path / "out.webm", [media.numbered(3, (641, 359))], info)
    assert sink.notes == []
    assert decoded(tmp_path / "out.webm", "rgb24")[0].shape == (359, 641, 3)


def test_an_mp4_can_be_played_before_it_is_loaded_whole(tmp_path: Path) -> None:
    write(tmp_path / "out.mp4", [media.numbered(n) for n in range(5)])
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_umask_rules_who_may_read_the_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write(tmp_path / "out.mp4", [media.numbered(0)])
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_matrix_that_cannot_be_computed_is_replaced_by_one_that_can(tmp_path: Path) -> None:
    source = media.constant(tmp_path / "in.mp4")
    info = info_of(source, color=ColorTags(1, 1, matrix=0))
    write(tmp_path / "out.mkv", [np.full((96, 160, 3), (250, 10, 10), np.uint8)], info)
    with av.open(str(tmp_path / "out.mkv")) as container:
        picture = next(container.decode(container.streams.video[0]))
        assert picture.colorspace == 5
        rgb = picture.to_ndarray(format="rgb24", src_colorspace="ITU601")
    assert np.abs(rgb[48, 80].astype(int) - (250, 10, 10)).max() <= 3


def copied(source: Path, output: Path, count: int, encoding: Encoding = PLAIN, **traits: object) -> VideoFileSink:
    """Write the first frames of a source's video, as if its pictures had been processed."""
    sink = VideoFileSink(output, info_of(source, **traits), encoding)
    for index in range(count):
        sink.write(frame(media.numbered(index), index, index / 25 + float(traits.get("start_s", 0.0))))  # type: ignore[arg-type]
    sink.close()
    return sink


def test_sound_is_left_out_when_asked(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mp4", 50, Encoding(audio="none"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_sound_that_outlasts_the_video_is_kept(tmp_path: Path) -> None:
    clip = media.Clip(count=25, sounds=(media.Sound(seconds=3.0),))
    source = clip.write(tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mp4", 25)
    assert media.sound_packets(tmp_path / "out.mp4") == media.sound_packets(source)


def test_sound_stops_with_the_video_when_the_user_stops_early(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mp4", 20)
    packets = media.sound_packets(tmp_path / "out.mp4")
    assert packets == media.sound_packets(source)[: len(packets)]
    assert Fraction(7, 10) < packets[-1][0] < Fraction(8, 10)


def test_sound_that_the_container_cannot_hold_is_encoded_anew_with_a_note(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    sink = copied(source, tmp_path / "out.webm", 50)
    assert any("libopus" in note and "aac" in note for note in sink.notes)
    with av.open(str(tmp_path / "out.webm")) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(container.streams.audio[0])], axis=1)[0]
    assert len(samples) / 48000 == pytest.approx(2.0, abs=0.1)
    middle = samples[24000:72000]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == pytest.approx(440, abs=2)


def test_plain_sound_whose_channels_have_no_names_is_copied_into_mp4(tmp_path: Path) -> None:
    """As in every Matroska file with PCM; MP4 wants names, and says so only when all is written."""
    source = media.Clip(sounds=(media.Sound("pcm_s16le", 48000),)).write(tmp_path / "in.mkv")
    sink = copied(source, tmp_path / "out.mp4", 20)
    assert sink.notes == []
    written, read = (media.sound_packets(path) for path in (tmp_path / "out.mp4", source))
    assert [data for _, data in written] == [data for _, data in read]


def test_plain_sound_that_mp4_cannot_hold_is_encoded_anew(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=48000)
        sound.codec_context.layout = "6.1"
        for number in range(20):
            picture = av.VideoFrame.from_ndarray(media.numbered(number), "rgb24")
            picture.pts = number
            container.mux(video.encode(picture))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 7 * 38400), np.int16), "s16", "6.1")
        samples.sample_rate, samples.pts, samples.time_base = 48000, 0, Fraction(1, 48000)
        for packet in (*video.encode(None), *sound.encode(samples), *sound.encode(None)):
            container.mux(packet)
    assert any("aac" in note for note in copied(source, tmp_path / "out.mp4", 20).notes)


def test_sound_at_a_rate_that_the_encoder_does_not_know_is_written_at_the_nearest(tmp_path: Path) -> None:
    source = media.Clip(sounds=(media.Sound("pcm_u8", 192000),), codec="mpeg4").write(tmp_path / "in.avi")
    copied(source, tmp_path / "out.mp4", 20)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].rate == 96000
        samples = np.concatenate([f.to_ndarray() for f in container.decode(container.streams.audio[0])], axis=1)[0]
    assert np.argmax(np.abs(np.fft.rfft(samples[9600 : 9600 + 48000]))) == pytest.approx(220, abs=2)


def test_a_cut_moves_video_and_sound_alike(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mp4", 20, start_s=0.8, end_s=1.6)
    packets, original = media.sound_packets(tmp_path / "out.mp4"), media.sound_packets(source)
    times = media.frame_times(tmp_path / "out.mp4")
    assert (times[0], len(times)) == (0, 20)
    matching = [(time, data) for time, data in original if Fraction(8, 10) <= time < Fraction(16, 10)]
    assert [data for _, data in packets] == [data for _, data in matching]
    assert all(
        abs(new + Fraction(8, 10) - old) < Fraction(1, 1000)
        for (new, _), (old, _) in zip(packets, matching, strict=True)
    )


def test_languages_of_the_tracks_are_kept(tmp_path: Path) -> None:
    source = media.two_sounds(tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mkv", 50)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.language for stream in container.streams.audio] == ["eng", "deu"]


def test_an_input_that_vanished_is_named(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    sink = VideoFileSink(tmp_path / "out.mp4", info_of(source))
    source.unlink()
    with pytest.raises(SinkError, match=r"in\.mp4"):
        sink.write(numbered(0))
    assert names(tmp_path) == []


def test_planes_are_written_as_they_are_if_they_fit_and_else_the_picture(tmp_path: Path) -> None:
    grey, red = np.full((96, 160, 3), 128, np.uint8), np.zeros((96, 160, 3), np.uint8)
    red[..., 0] = 255
    info = info_of(tmp_path / "in.mp4", color=ColorTags(1, 1, 1, False))
    media.constant(tmp_path / "in.mp4")
    written = {}
    for name, matrix, full_range in (("fits", 1, False), ("another matrix", 5, False), ("another range", 1, True)):
        sink = VideoFileSink(tmp_path / f"{name}.mkv", info, Encoding(encoder="libx264", crf=0, audio="none"))
        sink.write(Frame(grey, 0, 0.0, 0.0, planes=to_planes(red, matrix, full_range=full_range)))
        sink.close()
        written[name] = decoded(tmp_path / f"{name}.mkv", "rgb24")[0].mean(axis=(0, 1))
    assert np.abs(written["fits"] - (255, 0, 0)).max() < 4
    assert np.abs(written["another matrix"] - 128).max() < 4
    assert np.abs(written["another range"] - 128).max() < 4


@pytest.mark.parametrize(("start_s", "expected_s"), [(7.0, 3.0), (9.5, 0.0)], ids=["all of it", "a part"])
def test_a_broadcast_begins_with_its_clock_and_a_part_with_its_first_frame(
    tmp_path: Path, start_s: float, expected_s: float
) -> None:
    source = media.constant(tmp_path / "clip.ts")
    sink = VideoFileSink(
        tmp_path / "out.mkv", info_of(source, clock_start_s=7.0, start_s=start_s), Encoding(audio="none")
    )
    sink.write(frame(media.numbered(0), 0, 10.0))
    sink.close()
    assert media.frame_times(tmp_path / "out.mkv") == [pytest.approx(expected_s)]


def test_sound_that_the_container_refuses_costs_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    sink = VideoFileSink(tmp_path / "out.mp4", info_of(source))
    sink.write(numbered(0))
    muxer, refused = sink._muxer, []

    class Refusing:
        def mux(self, packets: object) -> None:
            if isinstance(packets, av.Packet) and packets.stream.type == "audio" and not refused:
                refused.append(packets)
                raise av.error.ArgumentError(22, "Invalid argument")
            muxer.mux(packets)  # type: ignore[union-attr]

        def close(self) -> None:
            muxer.close()  # type: ignore[union-attr]

    monkeypatch.setattr(sink, "_muxer", Refusing())
    for index in range(1, 20):
        sink.write(numbered(index))
    sink.close()
    assert len(refused) == 1
    assert len(media.frame_times(tmp_path / "out.mp4")) == 20
    assert "in.mp4: 1 packet of sound left out: damaged, or back in time." in sink.notes


@pytest.mark.parametrize(("name", "is_told"), [("out.webm", True), ("out.mkv", False), ("out.mp4", False)])
def test_wide_pixels_that_are_lost_are_told(tmp_path: Path, name: str, is_told: bool) -> None:
    source = media.constant(tmp_path / "in.mp4", pixel_aspect=Fraction(64, 45))
    sink = write(tmp_path / name, [media.numbered(0)], info_of(source, pixel_aspect=Fraction(64, 45)))
    assert any("64:45" in note for note in sink.notes) == is_told
    with av.open(str(tmp_path / name)) as written:
        assert (written.streams.video[0].sample_aspect_ratio == Fraction(64, 45)) != is_told


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("speed", ["ultrafast", "medium"])  # without and with pictures in another order than shown
def test_a_video_is_as_long_as_its_last_picture_is_shown(tmp_path: Path, name: str, speed: str) -> None:
    encoding = PLAIN if name == "out.webm" else Encoding(speed=speed)
    sink = VideoFileSink(tmp_path / name, INFO, encoding)
    for index in range(12):
        length_s = 5.0 if index == 11 else None
        sink.write(replace(numbered(index), duration_s=length_s))
    sink.close()
    with av.open(str(tmp_path / name)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(11 / 25 + 5, abs=0.002)
        times = [float(picture.pts * picture.time_base) for picture in container.decode(video=0)]
    assert times == pytest.approx([index / 25 for index in range(12)], abs=0.001)


def test_an_output_that_ends_early_leaves_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    for name in ("out.partial.mp4", "out.partial-2.mp4"):
        sink = VideoFileSink(path, INFO)
        sink.write(numbered(0))
        sink.close_early()
        sink.close_early()
        assert sink.partial == tmp_path / name
        assert len(decoded(tmp_path / name, "rgb24")) == 1
        assert sink.notes == [f"the run ended early, so {path} stays as it was."]
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 3
    new = VideoFileSink(tmp_path / "new.mp4", INFO)
    new.write(numbered(0))
    new.close_early()
    assert (new.partial, new.notes) == (None, [])
    assert len(decoded(tmp_path / "new.mp4", "rgb24")) == 1
