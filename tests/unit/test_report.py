"""What is said at the end of a run, with sources and segmenters that follow a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from fakes import ScriptedSegmenter, ScriptedSource

from streamer import cli, networks, sources
from streamer.errors import SourceError


class DescribedSegmenter(ScriptedSegmenter):
    description = "a script"
    steps = 1


Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program in an empty folder with the given parts in place of its own."""

    def run(source: ScriptedSource, segmenter: ScriptedSegmenter, *args: str) -> int:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: source)
        monkeypatch.setattr(networks, "open_matte", lambda config, stats, **_: segmenter)
        return cli.main([*args, "--background", "color:#204060"])

    return run


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_whole_run_tells_where_the_output_lies(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ScriptedSource(9), DescribedSegmenter(), "--output", "out.mp4", "null") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"wrote {tmp_path / 'out.mp4'}: 9 frames in ")
    assert said.out.endswith(", a script\n")
    assert said.err == ""


def test_a_source_that_fails_midway_keeps_what_it_gave(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ScriptedSource(9, fault_at=5, fault=SourceError("the disk was pulled out"))
    assert run(source, DescribedSegmenter(), "--output", "out.mp4", "--stats", "stats.json") == 2
    said = capsys.readouterr()
    assert said.err == "error: the disk was pulled out\n"
    assert said.out.startswith(f"wrote {tmp_path / 'out.mp4'}: 5 frames in ")
    assert frames_in(tmp_path / "out.mp4") == 5
    assert json.loads((tmp_path / "stats.json").read_text())["frames"] == 5


def test_a_frame_without_a_matte_is_told_and_is_an_error(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segmenter = DescribedSegmenter({2: RuntimeError("out of memory")})
    assert run(ScriptedSource(5), segmenter, "--output", "out.mp4", "--log-level", "error") == 2
    said = capsys.readouterr()
    assert said.err == "error: 1 frame could not be matted and is shown as the safe picture\n"
    assert frames_in(tmp_path / "out.mp4") == 5


def test_frames_that_could_not_be_read_are_counted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    source = ScriptedSource(5)
    source.bad_frames = 3
    assert run(source, DescribedSegmenter(), "--output", "null") == 2
    assert capsys.readouterr().err == "error: 3 frames of scripted could not be decoded and are missing\n"


def test_a_live_run_tells_drops_and_latency_and_forgives_bad_frames(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ScriptedSource(5, is_live=True)
    source.bad_frames = 3
    assert run(source, DescribedSegmenter(), "--output", "null") == 0
    said = capsys.readouterr()
    assert said.out.startswith("null: ")
    assert " dropped, latency p95 " in said.out
    assert said.err == ""


def test_a_source_without_a_frame_leaves_nothing(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ScriptedSource(0), DescribedSegmenter(), "--output", "out.mp4") == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "error: scripted holds no frame that can be shown\n")
    assert list(tmp_path.iterdir()) == []


def test_statistics_that_cannot_be_written_leave_no_half_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stats.json").mkdir()
    assert run(ScriptedSource(2), DescribedSegmenter(), "--output", "null", "--stats", "stats.json") == 2
    assert capsys.readouterr().err.startswith("error: statistics cannot be written to stats.json: ")
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]
