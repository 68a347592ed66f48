from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import psutil
import pytest

from streamer.interfaces import VideoTraits
from streamer.sinks.audio import AudioCopy


def test_sound_is_read_only_as_far_as_the_video_is(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    expected = media.sound_packets(source)
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 12800)), output, None)
        seen = []
        for step in range(50):
            now_s = Fraction(step, 25)
            packets = list(copy.up_to(now_s))
            assert not list(copy.up_to(now_s))
            seen += [bytes(packet) for packet in packets]
            assert len(packets) <= 4
            assert len(seen) == sum(time <= now_s for time, _ in expected)
        seen += [bytes(packet) for packet in copy.rest(Fraction(49, 25), Fraction(2))]
        copy.close()
        copy.close()
    assert seen == [data for _, data in expected]


def test_a_gap_in_the_sound_does_not_make_the_whole_file_be_read(tmp_path: Path) -> None:
    clip = media.Clip(count=100, sounds=(media.Sound(seconds=0.5),))
    source = clip.write(tmp_path / "in.mp4")
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 12800)), output, None)
        list(copy.up_to(Fraction(1)))
        assert copy._video_seen_s < Fraction(3, 2)
        copy.close()


def test_a_file_without_sound_is_not_kept_open(tmp_path: Path) -> None:
    silent, loud = media.constant(tmp_path / "silent.mp4"), media.with_sound(tmp_path / "loud.mp4")
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copies = [AudioCopy(VideoTraits(source, Fraction(1, 12800)), output, None) for source in (silent, loud)]
        held = {Path(file.path).name for file in psutil.Process().open_files()}
        assert "silent.mp4" not in held
        assert "loud.mp4" in held
        assert not list(copies[0].up_to(Fraction(1)))
        assert not list(copies[0].rest(Fraction(1), Fraction(2)))
        for copy in copies:
            copy.close()


def test_other_tracks_are_left_out_with_a_note(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    clip = media.constant(tmp_path / "plain.mkv")
    with av.open(str(clip)) as plain, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(plain.streams.video[0])
        container.add_stream("ass").codec_context.extradata = b"[Script Info]\n"
        for packet in plain.demux(plain.streams.video[0]):
            if packet.size:
                packet.stream = video
                container.mux(packet)
    with av.open(io.BytesIO(), "w", format="mp4") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 1000)), output, None)
        copy.close()
    assert copy.notes == ["in.mkv: 1 subtitle track left out."]


def trimmed(path: Path, by_s: Fraction) -> Path:
    """A copy whose edit list cuts the first ``by_s`` seconds away, as a telephone does; they are still in the file."""
    source = media.with_sound(path.with_name("whole.mp4"))
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        streams = [container.add_stream_from_template(stream) for stream in whole.streams]
        for packet in whole.demux():
            if packet.size:
                packet.pts -= round(by_s / packet.time_base)
                packet.dts -= round(by_s / packet.time_base)
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    return path


def all_sound(source: Path) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of every packet that is carried over."""
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 12800)), output, None)
        packets = [(packet.pts * packet.time_base, bytes(packet)) for packet in copy.rest(Fraction(10), Fraction(11))]
        copy.close()
    assert copy.losses() == []
    return packets


def test_sound_that_an_edit_list_cuts_away_is_not_heard(tmp_path: Path) -> None:
    source = trimmed(tmp_path / "in.mp4", Fraction(1))
    stored, carried = media.sound_packets(source), all_sound(source)
    assert stored[0][0] < -0.9, "it is in the file"
    assert carried == stored[-len(carried) :]
    assert -0.08 < carried[0][0] < -0.02, "no more than what the decoder needs before the first sample"


def test_the_run_up_of_an_ordinary_file_is_carried_whole(tmp_path: Path) -> None:
    source = trimmed(tmp_path / "in.mp4", Fraction(1088, 44100))  # with AAC's own 1024 samples as many as Apple writes
    with av.open(str(source)) as container:
        assert sum(packet.is_discard for packet in container.demux(audio=0)) == 2
    assert all_sound(source) == media.sound_packets(source)


def joined(path: Path) -> Path:
    """Two recordings put one behind the other, each with a clock of its own."""
    part = media.Clip(count=50, sounds=(media.Sound(),)).write(path.with_name("part.ts"))
    path.write_bytes(2 * part.read_bytes())
    return path


def test_the_sound_of_recordings_put_together_goes_on_and_never_back(tmp_path: Path) -> None:
    source = joined(tmp_path / "joined.ts")
    once = len(media.sound_packets(tmp_path / "part.ts"))
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 90000)), output, None)
        times_s = [packet.dts * packet.time_base for packet in copy.rest(Fraction(10), Fraction(11))]
        copy.close()
    assert times_s == sorted(set(times_s))
    left_out = 2 * once - len(times_s)
    assert left_out <= 12, "what lies before the first picture of the second one"
    assert times_s[-1] - times_s[0] > 3.6
    assert copy.losses() == (
        [f"joined.ts: {left_out} packets of sound left out: damaged, or back in time."] if left_out else []
    )


def test_what_the_output_refuses_is_counted(tmp_path: Path) -> None:
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(media.with_sound(tmp_path / "in.mp4"), Fraction(1, 12800)), output, None)
        assert copy.losses() == []
        copy.note_unfit()
        assert copy.losses() == ["in.mp4: 1 packet of sound left out: damaged, or back in time."]
        copy.close()


def test_pictures_beyond_the_end_do_not_tell_how_far_the_user_came(tmp_path: Path) -> None:
    source = media.b_frames(tmp_path / "in.mp4")
    with av.open(str(source)) as container:
        shown_s = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None]
    assert shown_s != sorted(shown_s), "one that is referred to comes first"
    clip = media.Clip(count=50, options={"preset": "medium"}, sounds=(media.Sound(),))
    source = clip.write(tmp_path / "sound.mp4")
    with av.open(io.BytesIO(), "w", format="matroska") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 12800), end_s=1.0), output, None)
        list(copy.up_to(Fraction(2)))
        assert 0.8 < copy._video_seen_s < 1
        copy.close()


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_sound_that_is_mixed_down_is_noted(tmp_path: Path, layout: str, channels: int) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        sound = container.add_stream("ac3", rate=48000)
        sound.codec_context.layout = layout
        frame = av.AudioFrame.from_ndarray(np.zeros((channels, 1536), np.float32), "fltp", layout)
        frame.sample_rate, frame.pts = 48000, 0
        picture = av.VideoFrame.from_ndarray(media.numbered(0), "rgb24")
        for stream, each in ((video, picture), (video, None), (sound, frame), (sound, None)):
            container.mux(stream.encode(each))
    with av.open(io.BytesIO(), "w", format="webm") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 1000)), output, None)
        copy.close()
    mixed_down = ["in.mkv: sound track 1 has 6 channels, which are mixed down to stereo."]
    assert copy.notes[1:] == (mixed_down if channels > 2 else [])


def test_sound_that_changes_its_channels_is_encoded_on(tmp_path: Path) -> None:
    source = media.with_sound(tmp_path / "in.mp4")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as output:
        copy = AudioCopy(VideoTraits(source, Fraction(1, 12800)), output, None)
        assert "encoded anew as libopus" in copy.notes[0]
        output.start_encoding()
        (track,) = copy._tracks.values()
        for number, (layout, channels, rate) in enumerate(
            [("stereo", 2, 48000), ("5.1", 6, 48000), ("mono", 1, 44100)]
        ):
            for part in range(10):
                samples = np.full((channels, 1024), 0.1, np.float32)
                frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = (10 * number + part) * 1024
                for packet in track._encoded(frame):
                    output.mux(packet)
        for packet in track.flushed():
            output.mux(packet)
        copy.close()
    buffer.seek(0)
    with av.open(buffer) as written:
        assert sum(frame.samples for frame in written.decode(audio=0)) > 28 * 1024
