"""What the program is for, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import cv2
import media
import numpy as np
import pytest
from media import frame_times
from program import PATIENCE_S, PERSON, ROOM, SIZE, Program, decoded, room_clip, square_at, wait_for

from models.checkpoints import WEIGHTS_FOLDER
from streamer.config import StreamConfig
from streamer.presets import read_yaml

HELP = Path(__file__).with_name("help.txt")
BEHIND = (32, 64, 96)
NOT_ON_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="one process cannot send these to another there")
SLACK = 12
"""Of 255: what H.264 and the conversions to and from YUV may change."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def assert_coloured(region: np.ndarray, color: tuple[int, int, int], slack: int = SLACK) -> None:
    worst = np.abs(region.reshape(-1, 3).astype(int) - color).max()
    assert worst <= slack, f"{worst} from {color}, mean {region.reshape(-1, 3).mean(axis=0)}"


def test_the_person_stays_and_the_room_goes(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4")
    ended = program.matte("--input", clip.name, "--output", "out.mp4", "--background", "color:#204060")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"wrote {program.folder / 'out.mp4'}: 20 frames in ")
    assert ended.out.rstrip().endswith("on CPU (torch)")
    frames = decoded(program.folder / "out.mp4")
    assert len(frames) == 20
    for number, frame in enumerate(frames):
        left = square_at(number)
        assert_coloured(frame[26:74, left + 6 : left + 34], PERSON, 30)
        assert_coloured(frame[:, left + 48 :], BEHIND)
        assert_coloured(frame[:12], BEHIND)
        assert np.abs(frame.astype(int) - ROOM).max(axis=2).min() > 40, "a pixel of the room is left"
    assert frame_times(program.folder / "out.mp4") == frame_times(clip)


def test_the_matte_is_written_as_numbered_pictures(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=3)
    ended = program.matte("--input", clip.name, "--output", "mattes/%04d.png", "--write", "alpha")
    assert ended.code == 0
    assert [name for name in program.files() if "mattes/" in name] == [f"mattes/{n:04}.png" for n in range(3)]
    matte = cv2.imread(str(program.folder / "mattes/0000.png"), cv2.IMREAD_UNCHANGED)
    assert matte.shape == (SIZE[1], SIZE[0])
    assert matte[26:74, 16:44].min() >= 250
    assert matte[:, 60:].max() <= 5


def test_the_person_is_cut_out_of_a_picture(program: Program) -> None:
    picture = np.full((96, 160, 3), ROOM[::-1], np.uint8)
    picture[20:80, 50:90] = PERSON[::-1]
    cv2.imwrite(str(program.folder / "in.png"), picture)
    ended = program.matte("--input", "in.png", "--output", "out.png", "--write", "foreground")
    assert ended.code == 0
    cut_out = cv2.imread(str(program.folder / "out.png"), cv2.IMREAD_UNCHANGED)
    assert cut_out.shape == (96, 160, 4)
    assert cut_out[30:70, 56:84, 3].min() >= 250
    assert_coloured(cut_out[30:70, 56:84, 2::-1], PERSON)
    assert not cut_out[:, :40].any()


def test_the_demo_needs_no_input_and_may_be_repeated(program: Program) -> None:
    (program.folder / "demo.mp4").write_bytes(b"of an earlier run")
    ended = program.matte("demo", "--end", "0.2")
    assert (ended.code, ended.err) == (0, "")
    assert f"wrote {program.folder / 'demo.mp4'}: 6 frames" in ended.out
    frames = decoded(program.folder / "demo.mp4")
    assert (len(frames), frames[0].shape) == (6, (540, 960, 3))


@pytest.mark.skipif(not (WEIGHTS_FOLDER / "compact.safetensors").exists(), reason="no weights are shipped yet")
def test_the_shipped_network_finds_the_person_of_the_demo(program: Program) -> None:
    from streamer.sources.demo import DemoScene

    ended = program.run("demo", "--device", "cpu", "--end", "0.1", "--output", "demo.mp4")
    assert (ended.code, ended.err) == (0, "")
    scene = DemoScene()
    for index, frame in enumerate(decoded(program.folder / "demo.mp4")):
        truth = scene.alpha(index)
        far = cv2.dilate(truth, np.ones((25, 25))) == 0
        inside = cv2.erode(truth, np.ones((25, 25))) == 1
        behind = np.abs(frame.astype(int) - BEHIND).max(axis=2) <= SLACK
        same = np.abs(frame.astype(int) - scene.image(index)).max(axis=2) <= 40
        assert behind[far].mean() > 0.98
        assert same[inside].mean() > 0.95


def test_part_of_a_file_is_written_and_measured(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=50)
    args = ("--input", clip.name, "--output", "out.mkv", "--start", "0:01", "--end", "1.4", "--stats", "stats.json")
    assert program.matte(*args).code == 0
    assert len(decoded(program.folder / "out.mkv")) == 10
    stats = json.loads((program.folder / "stats.json").read_text())
    assert (stats["frames"], stats["dropped"], stats["counters"]["bad_frames"]) == (10, 0, 0)
    assert stats["stages"]["segment"]["count"] == 10
    assert {"p50_ms", "p95_ms", "p99_ms"} <= stats["stages"]["render"].keys()
    assert stats["matte"].endswith("on CPU (torch)")
    assert (stats["input"], stats["outputs"], stats["size"]) == ("clip.mp4", ["out.mkv"], "160x96")


def test_dry_run_touches_nothing(program: Program) -> None:
    before = program.files()
    ended = program.run("demo", "--input", "nowhere.mp4", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert read_yaml(ended.out, "dry run") == StreamConfig(
        input="nowhere.mp4", output=("demo.mp4",), overwrite=True, background=("color:#204060",)
    )
    assert program.files() == before


def test_help_is_as_it_was_last_looked_at(program: Program) -> None:
    """After a wanted change: COLUMNS=80 PYTHONIOENCODING=utf-8 python run_stream.py --help > tests/e2e/help.txt."""
    ended = program.run("--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == HELP.read_text(encoding="utf-8")


@NOT_ON_WINDOWS
def test_ctrl_c_finishes_what_is_done_and_says_so(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=3000)
    with program.running("--input", clip.name, "--output", "out.mp4", "shots/%06d.png") as process:
        wait_for(program.folder / "shots" / "000005.png", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    frames = decoded(program.folder / "out.mp4")
    assert 6 <= len(frames) < 3000
    assert f"{len(frames)} frames in" in out
    assert err == f"error: interrupted after {len(frames)} frames, which are in out.mp4 and shots/%06d.png\n"
    assert not [name for name in program.files() if "part" in name]


@NOT_ON_WINDOWS
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 143), ("SIGINT", 130)])
def test_a_run_that_a_signal_ends_is_no_success_and_replaces_nothing(program: Program, name: str, code: int) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=3000)
    (program.folder / "out.mp4").write_bytes(b"an older one")
    with program.running("--input", clip.name, "--output", "out.mp4", "shots/%06d.png", "--overwrite") as process:
        wait_for(program.folder / "shots" / "000005.png", process)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=PATIENCE_S)
    count = len(decoded(program.folder / "out.partial.mp4"))
    assert process.returncode == code, err
    assert f"{program.folder / 'out.partial.mp4'}: {count} frames in" in out
    assert "note: the run ended early, so out.mp4 stays as it was." in out
    how = "interrupted" if name == "SIGINT" else "terminated"
    assert err == f"error: {how} after {count} frames, which are in shots/%06d.png and out.partial.mp4\n"
    assert (program.folder / "out.mp4").read_bytes() == b"an older one"


@NOT_ON_WINDOWS
def test_a_run_whose_terminal_is_closed_keeps_what_is_done(program: Program) -> None:
    clip = room_clip(program.folder / "clip.mp4", count=3000)
    ours, theirs = os.openpty()
    with program.running("--input", clip.name, "--output", "out.mp4", "shots/%06d.png", terminal=theirs) as process:
        os.close(theirs)
        wait_for(program.folder / "shots" / "000005.png", process)
        os.close(ours)
        process.wait(PATIENCE_S)
    assert process.returncode == 143
    assert 6 <= len(decoded(program.folder / "out.mp4")) < 3000


@NOT_ON_WINDOWS
def test_a_closed_standard_output_does_not_hide_damage(program: Program) -> None:
    whole = media.Clip(count=100, options={"preset": "ultrafast", "crf": "12", "g": "10"})
    media.damaged(program.folder / "clip.mp4", whole.write(program.folder / "whole.mp4"), length=6000)
    reader, writer = os.pipe()
    os.close(reader)
    with program.running("--input", "clip.mp4", "--output", "out.mp4", stdout=writer) as process:
        os.close(writer)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "could not be decoded" in err
