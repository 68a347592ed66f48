"""Mirror, crop, zoom, size, centring and light, as a user runs them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import Sound, frame_times, sound_packets
from program import PERSON, ROOM, SIZE, Program, decoded, room_clip, square_at

BEHIND = (32, 64, 96)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def is_person(frame: np.ndarray) -> np.ndarray:
    return np.abs(frame.astype(int) - PERSON).max(axis=2) < 60


def test_a_mirrored_cropped_and_sized_video_keeps_its_times_and_its_sound(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", sounds=(Sound(),), pixel_aspect=Fraction(4, 3))
    args = ("--mirror", "--crop", "5,0,5,0", "--output-size", "240x136", "--background", "color:#204060")
    ended = program.matte("--input", clip.name, "--output", "out.mp4", *args)
    assert (ended.code, ended.err) == (0, "")
    out = program.folder / "out.mp4"
    assert frame_times(out) == frame_times(clip)
    assert sound_packets(out) == sound_packets(clip)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (240, 136)
        assert stream.codec_context.sample_aspect_ratio in (None, 1)
    shown = 96 * (240 / 136) / (4 / 3)  # so many of the 144 columns that are left fill 240:136 with all 96 rows
    for number, frame in enumerate(decoded(out)):
        assert np.abs(frame.astype(int) - ROOM).max(axis=2).min() > 30, "a pixel of the room is left"
        if number >= 8:  # from here on all of the person is in the picture
            middle = (SIZE[0] - (square_at(number) + 20)) - (SIZE[0] - shown) / 2
            assert np.flatnonzero(is_person(frame)[60]).mean() == pytest.approx(middle * 240 / shown, abs=4)


def test_a_contained_picture_stands_before_the_background(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=4)
    args = ("--output-size", "160x200", "--picture-fit", "contain", "--background", "color:#204060")
    assert program.matte("--input", clip.name, "--output", "out.mp4", *args).code == 0
    for frame in decoded(program.folder / "out.mp4"):
        assert frame.shape == (200, 160, 3)
        assert np.abs(frame[:98].astype(int) - BEHIND).max() <= 12
        assert is_person(frame[104:]).sum() > 1800


def test_the_person_is_kept_in_the_middle_and_lit_by_the_background(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=40)
    args = ("--auto-center", "--color-match", "0.5", "--light-wrap", "0.5", "--background", "color:#204060")
    ended = program.matte("--input", clip.name, "--output", "out.mp4", *args)
    assert (ended.code, ended.err) == (0, "")
    frames = decoded(program.folder / "out.mp4")
    assert len(frames) == 40
    assert frame_times(program.folder / "out.mp4") == frame_times(clip)
    first = np.abs(frames[0].astype(int) - BEHIND).max(axis=2) > 60
    assert np.flatnonzero(first.any(axis=0)).mean() == pytest.approx(SIZE[0] / 2, abs=6), "not at 30, where they stand"
    for frame in frames:
        assert np.abs(frame.astype(int) - ROOM).max(axis=2).min() > 25, "a pixel of the room is left"
