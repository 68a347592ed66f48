"""From the start of a process to the first frame written, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from networks import red_means_person

from streamer.bench import start_up
from streamer.bench.clips import write_demo_clip
from streamer.bench.contest import OURS
from streamer.bench.inputs import BenchClip
from streamer.bench.report import open_console
from streamer.bench.settings import StartUp
from streamer.bench.start_up import command_line, measure_start_up
from streamer.cli import read_command
from streamer.frames import Size


def test_the_command_line_is_one_of_the_programs(tmp_path: Path) -> None:
    clip = BenchClip(tmp_path / "clip.mp4", "720p", Size(1280, 720), 30)
    settings = StartUp(device="cuda", weights=Path("w.safetensors"), runtime="torch", matte_detail="fine")
    words = command_line(settings, clip, "behind.png", tmp_path)
    command = read_command(words)
    assert command is not None
    assert (command.input, command.output) == (str(clip.path), (str(tmp_path / "ours.mp4"),))
    assert (command.device, command.background, command.weights) == ("cuda", ("behind.png",), Path("w.safetensors"))
    assert (command.runtime, command.matte_detail) == ("torch", "fine")


def test_the_first_run_warms_the_caches_and_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times_s = iter([60.0, 1.5, 1.0, 3.0])
    monkeypatch.setattr(start_up, "run_alone", lambda *_: {"startup_s": next(times_s)})
    clip = tmp_path / "given.mp4"
    write_demo_clip(clip, Size(160, 90), 3)
    outcome = measure_start_up(StartUp(input=clip, rounds=3, no_peer=True), tmp_path, open_console())
    assert outcome.figures == {"start-up/cpu": 1.5}
    assert [(bar.program, bar.value) for bar in outcome.bars] == [(OURS, 1.5)]
    assert "1.50 s to the first frame written (1.50 1.00 3.00)" in capsys.readouterr().out


@pytest.mark.slow
def test_a_real_start_is_timed(tmp_path: Path) -> None:
    clip, weights = tmp_path / "given.mp4", red_means_person(tmp_path / "red.safetensors")
    write_demo_clip(clip, Size(160, 90), 4)
    settings = StartUp(input=clip, rounds=1, no_peer=True, runtime="torch", weights=weights)
    outcome = measure_start_up(settings, tmp_path, open_console())
    assert 0.1 < outcome.figures["start-up/cpu"] < 200
    assert (tmp_path / "ours.mp4").exists()
