from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from media import b_frames, constant
from networks import red_means_person

from streamer import bench
from streamer.bench import report
from streamer.bench.clips import cut_clip, repeat_clip, write_demo_clip, write_picture
from streamer.bench.contest import OURS, PEER, Contest, Run, compete, run_ours, run_peer, take_turns
from streamer.bench.machine import describe_machine, peak_rss_mb
from streamer.bench.settings import WORDS
from streamer.errors import ConfigError, SourceError, StreamerError
from streamer.frames import Size
from streamer.peer_python import find_peer


def a_run(fps: float, peak_rss_mb: float | None = None) -> Run:
    stages = {"render": [1.0, 2.0, 3.0]}
    return Run("x", frames=100, seconds=100 / fps, cpu_s=1, startup_s=2, stages=stages, peak_rss_mb=peak_rss_mb)


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


# -- clips -----------------------------------------------------------------------------------------------------------


def test_the_demo_clip_has_the_size_and_frames_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "demo.mp4"
    write_demo_clip(path, Size(320, 180), 5)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 5
    assert pictures[0].shape == (180, 320, 3)
    assert pictures[0].std() > 20


def test_the_background_is_a_picture_with_detail(tmp_path: Path) -> None:
    path = tmp_path / "background.png"
    write_picture(path)
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (1080, 1920, 3)
    assert picture.std() > 20


@pytest.mark.parametrize("make", [constant, b_frames])
def test_a_repeated_clip_decodes_to_all_its_frames_at_an_even_pace(make: object, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make(clip)  # type: ignore[operator]
    once = times_of(clip)
    count = repeat_clip(clip, tmp_path / "long.mp4", seconds=3 * (once[-1] + once[1]) - 0.01)
    times = times_of(tmp_path / "long.mp4")
    assert len(times) == count == 3 * len(once)
    assert np.allclose(np.diff(times), once[1] - once[0], atol=2e-3)


def test_a_repeated_clip_lasts_at_least_as_long_as_asked(tmp_path: Path) -> None:
    clip = constant(tmp_path / "clip.mp4", count=7)
    for seconds in (0.01, 1.0, 2.345):
        repeat_clip(clip, tmp_path / "long.mp4", seconds)
        with av.open(str(tmp_path / "long.mp4")) as container:
            assert (container.duration or 0) / 1e6 >= seconds


@pytest.mark.parametrize(("limit", "expected"), [(4, 4), (1000, 9)])
def test_a_cut_clip_has_the_first_frames_of_the_video(limit: int, expected: int, tmp_path: Path) -> None:
    video = constant(tmp_path / "video.mp4", count=9)
    size, count = cut_clip(video, tmp_path / "clip.mp4", limit)
    assert count == expected
    assert times_of(tmp_path / "clip.mp4") == times_of(video)[:expected]
    with av.open(str(video)) as container:
        assert size == (container.streams.video[0].width, container.streams.video[0].height)


def test_what_is_no_video_cannot_be_cut(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(SourceError, match=r"text\.mp4 cannot be used for the bench"):
        cut_clip(text, tmp_path / "clip.mp4", 3)


# -- the contest -----------------------------------------------------------------------------------------------------


def test_the_programs_take_turns_in_going_first() -> None:
    order: list[str] = []

    def program(name: str) -> Run:
        order.append(name)
        return a_run(30)

    said: list[str] = []
    compete("clip", {"a": lambda: program("a"), "b": lambda: program("b")}, 3, said.append)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert said[1] == "clip, round 1 of 3: b 30.0 fps"


def test_turns_keep_what_every_round_gave() -> None:
    numbers = iter(range(10))
    seen: list[tuple[str, int, int]] = []
    measured = take_turns({"a": lambda: next(numbers), "b": lambda: next(numbers)}, 2, lambda *one: seen.append(one))
    assert measured == {"a": [0, 3], "b": [1, 2]}
    assert seen == [("a", 0, 0), ("b", 0, 1), ("b", 1, 2), ("a", 1, 3)]


def test_the_ratio_is_that_of_the_median_rounds() -> None:
    ours, peers = [a_run(fps) for fps in (10, 40, 90)], [a_run(fps) for fps in (1, 20, 30)]
    assert Contest("clip", runs={OURS: ours, PEER: peers}).ratio == pytest.approx(2.0)


def test_without_a_peer_there_is_no_ratio() -> None:
    assert Contest("clip", runs={OURS: [a_run(10)]}).ratio is None


def test_rates_and_processor_time_are_for_the_frames_after_the_first() -> None:
    run = Run("x", frames=50, seconds=2.0, cpu_s=3.0, startup_s=9.0, stages={})
    assert (run.fps, run.cpu_ms) == (25.0, 60.0)


def test_an_interpreter_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--peer-python .*nowhere does not exist; make it with"):
        find_peer(tmp_path / "nowhere")


def test_the_peer_is_looked_for_in_its_virtual_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("streamer.peer_python.find_spec", lambda name: None)
    assert find_peer(None) is None
    python = tmp_path / ".venv-peer" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert find_peer(None) == Path(".venv-peer/bin/python")


def test_a_peer_that_fails_says_why_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mediapipe.py").write_text("raise ImportError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(StreamerError, match=r"^MediaPipe loop failed in the bench: ImportError: broken on purpose$"):
        run_peer(Path(sys.executable), tmp_path / "clip.mp4", "blur", tmp_path)


def test_the_program_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match=r"^backlot failed in the bench: .*missing\.mp4"):
        run_ours({"input": str(tmp_path / "missing.mp4"), "output": ["null"]}, tmp_path)


# -- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(peak_rss_mb() is None, reason="this system does not tell")
def test_peak_memory_rises_with_what_is_held() -> None:
    before = peak_rss_mb()
    held = np.ones(300_000_000, np.uint8)
    after = peak_rss_mb()
    assert held[-1] == 1
    assert before is not None
    assert after is not None
    assert after >= 300
    assert after - before <= 310


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_bench_runs_the_whole_program_and_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, weights = constant(tmp_path / "clip.mp4", count=8), red_means_person(tmp_path / "red.safetensors")
    result = tmp_path / "bench.json"
    flags = [
        "--input",
        str(clip),
        "--backgrounds",
        "blur",
        "--no-peer",
        "--rounds",
        "1",
        "--weights",
        str(weights),
        "--json",
        str(result),
    ]
    assert bench.main(flags) == 0
    measured = json.loads(result.read_text())
    program = measured["contests"][0]["programs"][OURS]
    run = program["runs"][0]
    assert run["frames"] == 7
    assert run["fps"] == pytest.approx(7 / run["seconds"])
    assert {"capture", "segment", "network", "refine", "composite", "output"} <= program["stages_ms"].keys()
    assert all(times["p50"] <= times["p95"] <= times["p99"] for times in program["stages_ms"].values())
    assert measured["contests"][0]["ratio"] is None
    assert measured["machine"]["cores"] == describe_machine()["cores"]
    assert measured["figures"] == {}
    assert [(bar["group"], bar["program"]) for bar in measured["bars"]] == [("clip.mp4, blur", OURS)]
    assert not {"json", "peer_python"} & measured["settings"].keys()
    said = capsys.readouterr().out
    assert "frames a second, from file to file" in said
    assert "MediaPipe" not in said


def test_every_program_has_its_row_and_the_table_is_not_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Contest("desk.mp4", runs={OURS: [a_run(50, 512.0), a_run(60)], PEER: [a_run(44), a_run(46)]})
    report.show_contest(report.open_console(), shown)
    said = capsys.readouterr().out
    assert "…" not in said
    row = next(line for line in said.splitlines() if "50.0 60.0" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        OURS, "55.0", "50.0 60.0", "1.22", "10.0", "2.0", "512"
    ]  # fmt: skip


def test_a_missing_peer_is_answered_with_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    report.show_missing_peer(report.open_console())
    assert "pip install mediapipe==0.10.21" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--frames", "1"], "--frames must be 2 or more, not 1"),
        (["--rounds", "0"], "--rounds must be 1 or more, not 0"),
        (["--backgrounds", "beach"], "--backgrounds are picture, blur or a picture file, not 'beach'"),
        (["length", "--minutes", "9", "3"], "--minutes must be two or more lengths, the shorter first, not 9 3"),
        (["length", "--minutes", "3"], "--minutes must be two or more lengths, the shorter first, not 3"),
        (["gpu", "--device", "cpu", "--streams", "-2"], "--streams must be 0 or more, not -2"),
        (["frame-path", "--weights", "missing.st"], "missing.st does not exist"),
        (["memory"], "streamer bench knows no 'memory': there are speed, frame-path, transcode"),
        (["--input", "missing.mp4"], "missing.mp4 does not exist"),
        (["--peer-python", "missing"], "--peer-python missing does not exist"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(flags: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bench.main(flags)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", [["speed"], ["transcode"], ["gpu"], ["trace"], ["plates"]])
def test_without_a_cuda_device_what_needs_one_is_refused_in_one_line(
    word: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"^not measured here.*run: streamer bench {word[0]} --device cuda$"):
        bench.main([*word, "--device", "cuda"])


@pytest.mark.parametrize("word", WORDS)
def test_every_word_says_what_it_does(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main([word, "--help"])
    assert caught.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"usage: streamer bench {word}" in said
    assert "frame-path" in said


def test_no_word_means_speed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    assert "usage: streamer bench speed" in capsys.readouterr().out
