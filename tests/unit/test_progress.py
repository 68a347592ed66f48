from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from rich.console import Console

from streamer.frames import Frame, Size
from streamer.interfaces import SourceInfo
from streamer.progress import ProgressBar

FRAME = Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0, 0.0)


def run(console: Console, frame_count: int | None) -> ProgressBar:
    info = SourceInfo("clip.mp4", Size(2, 2), Fraction(25), frame_count is None, frame_count=frame_count)
    with ProgressBar(console) as bar:
        bar.begin(info)
        for _ in range(7):
            bar.advance(FRAME)
    return bar


@pytest.mark.parametrize(("frame_count", "said"), [(9, "7/9 frames"), (None, "7 frames")])
def test_a_terminal_shows_frames_rate_and_name(frame_count: int | None, said: str) -> None:
    shown = io.StringIO()
    bar = run(Console(file=shown, force_terminal=True, width=80), frame_count)
    assert bar.frames == 7
    assert said in shown.getvalue()
    assert "fps" in shown.getvalue()
    assert "clip.mp4" in shown.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    shown = io.StringIO()
    assert run(Console(file=shown), 9).frames == 7
    assert shown.getvalue() == ""


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    shown = io.StringIO()
    info = SourceInfo("take [/b] [red]1.mp4", Size(2, 2), Fraction(25), is_live=False, frame_count=2)
    with ProgressBar(Console(file=shown, force_terminal=True, width=120)) as bar:
        bar.begin(info)
        bar.advance(FRAME)
    assert "take [/b] [red]1.mp4" in shown.getvalue()
