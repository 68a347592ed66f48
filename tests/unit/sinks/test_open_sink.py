from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from streamer.errors import ConfigError
from streamer.frames import Size
from streamer.interfaces import Sink, SourceInfo
from streamer.sinks import open_sink
from streamer.sinks.encoders import Encoding
from streamer.sinks.null import NullSink
from streamer.sinks.pictures import PictureSink, SequenceSink
from streamer.sinks.video_file import VideoFileSink

VIDEO = SourceInfo("clip.mp4", Size(64, 48), Fraction(25), is_live=False, frame_count=10)
STILL = SourceInfo("photo.jpg", Size(64, 48), Fraction(25), is_live=False, frame_count=1, is_still=True)


def opened(spec: str | Path, info: SourceInfo = VIDEO, *, has_alpha: bool = False) -> Sink:
    return open_sink(str(spec), info, encoding=Encoding(), has_alpha=has_alpha)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "OUT.MP4"])
def test_a_video_suffix_is_a_video(tmp_path: Path, name: str) -> None:
    sink = opened(tmp_path / name)
    assert isinstance(sink, VideoFileSink)
    sink.abort()


@pytest.mark.parametrize(("name", "encoder"), [("out.mov", "prores_ks"), ("out.mkv", "ffv1")])
def test_settings_of_a_preset_that_the_encoder_lacks_are_left_away_with_a_note(
    tmp_path: Path, name: str, encoder: str
) -> None:
    sink = open_sink(str(tmp_path / name), VIDEO, encoding=Encoding(crf=18, speed="medium"), has_alpha=True)
    assert isinstance(sink, VideoFileSink)
    assert sink.notes == [
        f"{encoder} has no constant quality to set: crf 18 is left away.",
        f"{encoder} has no speed to set: medium is left away.",
    ]
    sink.abort()


def test_settings_that_the_encoder_has_need_no_note(tmp_path: Path) -> None:
    sink = open_sink(str(tmp_path / "out.mp4"), VIDEO, encoding=Encoding(crf=18, speed="medium"), has_alpha=False)
    assert isinstance(sink, VideoFileSink)
    assert sink.notes == []
    sink.abort()


def test_numbered_pictures_one_picture_and_nothing(tmp_path: Path) -> None:
    assert isinstance(opened(tmp_path / "%06d.png"), SequenceSink)
    assert isinstance(opened("null"), NullSink)
    single = opened(tmp_path / "out.png", STILL)
    assert isinstance(single, PictureSink)
    single.abort()


def test_one_picture_of_a_video_is_refused_with_the_pattern_to_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.png is one picture, but clip\.mp4 is a video.*out_%06d\.png"):
        opened(tmp_path / "out.png")


@pytest.mark.parametrize("spec", ["out.avi", "out.gif", "out", "screen", "outmp4", "%06d.mp4x", "1"])
def test_an_unknown_output_is_answered_with_the_allowed_ones(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(spec)
    assert spec in str(caught.value)
    if "%" not in spec:
        for allowed in (".mp4 .mov .mkv .webm", ".png .jpg", "preview", "virtual", "null"):
            assert allowed in str(caught.value)


def test_a_folder_is_answered_with_what_to_write_in_it(tmp_path: Path) -> None:
    for spec in (str(tmp_path), "new_folder/"):
        with pytest.raises(ConfigError, match=r"is a folder; name what to write in it.*%06d\.png"):
            opened(spec)


def test_transparency_into_jpeg_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot hold transparency"):
        opened(tmp_path / "new" / "%06d.jpg", has_alpha=True)
    assert list(tmp_path.iterdir()) == []
