"""The plain loop that is the limit of a run from file to file."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from networks import red_means_person

from streamer import bench
from streamer.bench import transcode
from streamer.bench.clips import write_demo_clip
from streamer.bench.contest import OURS, Contest, Run
from streamer.bench.inputs import BenchClip
from streamer.bench.plain_transcode import transcode as plain
from streamer.bench.transcode import PLAIN, ffmpeg_command, run_ffmpeg, run_plain, time_ratio
from streamer.errors import StreamerError
from streamer.frames import Size
from streamer.sinks.encoders import Encoding, choose_encoder

ENCODER = choose_encoder(Path("out.mp4"), Encoding(), has_alpha=False)


def a_run(seconds: float) -> Run:
    return Run("x", frames=10, seconds=seconds, cpu_s=1, startup_s=1, stages={})


def test_the_ratio_is_of_median_times() -> None:
    runs = {OURS: [a_run(3), a_run(9), a_run(4)], PLAIN: [a_run(2), a_run(1), a_run(30)]}
    assert time_ratio(Contest("clip", PLAIN, runs)) == 2.0


def test_the_plain_loop_keeps_every_frame_and_forces_no_key_frame(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "1"})
        stream.width, stream.height = 64, 48
        for index in range(6):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")) if index < 5 else stream.encode(None))
    measured = plain(clip, out, ENCODER.name, ENCODER.pixel_format, ENCODER.options)
    with av.open(str(out)) as container:
        kinds = [frame.key_frame for frame in container.decode(video=0)]
    assert kinds == [True, False, False, False, False]
    assert measured["frames"] == 4
    assert float(str(measured["seconds"])) > 0


def test_ffmpeg_gets_the_same_settings(tmp_path: Path) -> None:
    words = ffmpeg_command("/bin/ffmpeg", Path("clip.mp4"), ENCODER, Path("out.mp4"))
    shown = " ".join(words)
    assert "-i clip.mp4" in shown
    assert f"-c:v libx264 -crf 20 -preset superfast -pix_fmt {ENCODER.pixel_format}" in shown
    assert words[-1] == "out.mp4"


def test_an_ffmpeg_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho some >&2\necho 'Unknown encoder' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(StreamerError, match=r"^ffmpeg failed in the bench: Unknown encoder$"):
        run_ffmpeg(str(fake), BenchClip(tmp_path / "clip.mp4", "720p", Size(64, 48), 3), ENCODER, tmp_path)


def test_a_plain_loop_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match=r"^decode and encode \(PyAV\) failed in the bench: .*missing\.mp4"):
        run_plain(tmp_path / "missing.mp4", ENCODER, tmp_path)


@pytest.mark.slow
def test_the_bench_runs_ours_beside_the_plain_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transcode.shutil, "which", lambda name: None)
    clip, weights = tmp_path / "given.mp4", red_means_person(tmp_path / "red.safetensors")
    write_demo_clip(clip, Size(160, 90), 6)
    assert bench.main(["transcode", "--input", str(clip), "--rounds", "1", "--weights", str(weights)]) == 0
    said = capsys.readouterr().out
    assert "decode and encode (PyAV): PyAV" in said
    assert "round 1 of 1: backlot" in said


def test_a_bit_rate_is_the_videos_for_ffmpeg() -> None:
    nvenc = choose_encoder(Path("out.mp4"), Encoding(encoder="nvenc"), has_alpha=False)
    assert " -b:v 0 " in " ".join(ffmpeg_command("ffmpeg", Path("a.mp4"), nvenc, Path("b.mp4")))
