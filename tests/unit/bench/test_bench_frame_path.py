"""The frame path alone: our rounds are real, the peer's answers are scripted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from networks import red_means_person

from streamer.bench import frame_path, peer_process
from streamer.bench.clips import write_demo_clip
from streamer.bench.frame_path import GENERAL, LANDSCAPE, SEGMENT, WHOLE, OurPath, measure_frame_path, ratios_to
from streamer.bench.inputs import background_for
from streamer.bench.peer_process import PeerProcess
from streamer.bench.report import open_console
from streamer.bench.settings import FramePath
from streamer.config import StreamConfig
from streamer.errors import StreamerError
from streamer.frames import Size

PEER = """
import sys
print("INFO: a library says something", flush=True)
print('{"what": "Fake 1.0", "frames": 4}', flush=True)
for line in sys.stdin:
    print('{"frame_ms": %s}' % (10 + int(line)), flush=True)
"""


def peer_that_runs(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "peer.py"
    path.write_text(script)
    monkeypatch.setattr(peer_process, "SCRIPT", path)
    return Path(sys.executable)


def test_ratios_are_ours_over_the_peers() -> None:
    times_ms = {SEGMENT: 10.0, WHOLE: 18.0, LANDSCAPE: 5.0, GENERAL: 10.0}
    assert ratios_to(LANDSCAPE, times_ms) == {"segment": 2.0, "whole": 3.6}
    assert ratios_to(GENERAL, times_ms) == {"segment": 1.0, "whole": 1.8}


def test_the_peer_answers_round_by_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = peer_that_runs(PEER, tmp_path, monkeypatch)
    with PeerProcess(python, tmp_path / "clip.mp4", tmp_path) as peer:
        assert peer.what == "Fake 1.0"
        assert [peer.frame_ms(1), peer.frame_ms(0), peer.frame_ms(1)] == [11.0, 10.0, 11.0]


@pytest.mark.parametrize(
    "script",
    ["raise SystemExit('no such model')", PEER.replace("for line", "raise SystemExit('no such model')\nfor line")],
)
def test_a_peer_that_ends_says_why_in_one_line(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = peer_that_runs(script, tmp_path, monkeypatch)
    with (
        pytest.raises(StreamerError, match=r"^MediaPipe's process failed in the bench: no such model$"),
        PeerProcess(python, tmp_path / "clip.mp4", tmp_path) as peer,
    ):
        peer.frame_ms(1)


@pytest.mark.slow
def test_ours_and_the_peer_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = peer_that_runs(PEER, tmp_path, monkeypatch)
    clip = tmp_path / "given.mp4"
    write_demo_clip(clip, Size(160, 90), 4)
    settings = FramePath(input=clip, frames=4, rounds=2, peer_python=python)
    outcome = measure_frame_path(settings, tmp_path, open_console())
    facts = outcome.details["frame_path"]["given.mp4, 160x90, 4 frames"]  # type: ignore[index]
    assert {name: len(each) for name, each in facts["rounds_ms"].items()} == dict.fromkeys(
        (SEGMENT, WHOLE, LANDSCAPE, GENERAL), 2
    )
    ours_ms = facts["frame_ms"]
    assert ours_ms[SEGMENT] > 0
    assert outcome.figures["frame-path/cpu/given.mp4/segment"] == pytest.approx(ours_ms[SEGMENT] / 11)
    assert outcome.figures["frame-path/cpu/given.mp4/whole"] == pytest.approx(ours_ms[WHOLE] / 11)
    assert "MediaPipe process, model 0: 10.00 ms a frame (10.0 10.0)" in capsys.readouterr().out


def test_frames_whose_matte_is_not_believed_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "clip.mp4"
    write_demo_clip(clip, Size(160, 90), 3)
    weights = red_means_person(tmp_path / "red.safetensors")
    config = StreamConfig(device="cpu", runtime="torch", weights=weights)
    path = OurPath(config, clip, background_for("picture", tmp_path))
    try:
        path._stats.count("implausible_frames")
        with pytest.raises(StreamerError, match="measure nothing"):
            path.whole_ms()
    finally:
        path.close()


def test_the_peers_script_imports_nothing_of_ours() -> None:
    script = Path(frame_path.__file__).parent / "peers" / "mediapipe_segment.py"
    assert "streamer" not in script.read_text()
