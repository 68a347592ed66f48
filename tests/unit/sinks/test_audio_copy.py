from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import media
import psutil

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
