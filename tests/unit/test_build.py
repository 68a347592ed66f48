from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from fakes import ScriptedSource
from media import constant
from networks import red_means_person

from streamer import build, chosen_outputs, segmentation, sinks, sources
from streamer.config import StreamConfig
from streamer.errors import ConfigError, MissingExtra, SinkError, StreamerError, WeightsError
from streamer.frames import Frame, Size
from streamer.interfaces import SourceInfo
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.sinks.null import NullSink


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return constant(tmp_path / "clip.mp4", count=6)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return red_means_person(tmp_path / "red.safetensors")


def ignore(frame: Frame) -> None:
    """Nobody watches."""


def refused(**settings: object) -> str:
    with pytest.raises(StreamerError) as caught:
        build.check(StreamConfig(**settings))  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def info(*, is_live: bool = False, is_still: bool = False) -> SourceInfo:
    return SourceInfo("something", Size(160, 96), Fraction(25), is_live, is_still=is_still)


def test_outputs_in_folders_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    for name in ("no/out.mp4", "no/out.png", "no/deeper/%06d.png"):
        assert "does not exist" in refused(output=str(tmp_path / name))
    assert "does not exist" in refused(output="null", stats=tmp_path / "no" / "s.json")


def test_a_network_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "check --segmenter onnx:FILE" in refused(segmenter=f"onnx:{tmp_path / 'none.onnx'}")


def test_the_last_folder_of_numbered_pictures_may_be_missing(tmp_path: Path) -> None:
    build.check(StreamConfig(output=(str(tmp_path / "mattes" / "%06d.png"),)))
    assert not (tmp_path / "mattes").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(output=str(tmp_path / "file" / "out.mp4"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        assert "no permission" in refused(output=str(tmp_path / "out.mp4"))
    finally:
        tmp_path.chmod(0o755)


def test_no_permission_is_seen_before_anything_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "no permission to write in" in refused(output=str(tmp_path / "out.mp4"))


def test_an_output_that_exists_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    old = tmp_path / "out.mp4"
    old.write_bytes(b"old")
    assert refused(output=str(old)) == f"output {old} exists: choose another name, or --overwrite to replace it"
    build.check(StreamConfig(output=(str(old),), overwrite=True))
    assert old.read_bytes() == b"old"


def test_numbered_pictures_that_exist_are_refused(tmp_path: Path) -> None:
    pattern = str(tmp_path / "%04d.png")
    build.check(StreamConfig(output=(pattern,)))
    (tmp_path / "0007.png").touch()
    assert "0007.png" in refused(output=pattern)
    build.check(StreamConfig(output=(pattern,), overwrite=True))


@pytest.mark.parametrize("setting", ["input", "background", "weights"])
def test_what_is_read_is_never_overwritten(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"precious")
    message = refused(**{setting: "mine.mp4", "output": str(mine), "overwrite": True})
    assert message == f"output {mine} is also what is read: choose another name"


@pytest.mark.parametrize("setting", ["background", "clean_plate", "lora"])
def test_what_is_read_from_home_is_never_overwritten(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"precious")
    assert "is also what is read" in refused(**{setting: "~/mine.png", "output": str(mine), "overwrite": True})


@pytest.mark.parametrize("setting", ["weights", "cues", "api_token_file", "segmenter", "mediapipe_python"])
def test_statistics_replace_no_file_that_is_read(setting: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"precious")
    value = f"onnx:{mine}" if setting == "segmenter" else mine
    assert "choose another" in refused(**{setting: value, "write": "alpha", "output": "null", "stats": mine})


def test_statistics_do_not_replace_the_weights_of_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.profiles.profiles_folder", lambda: tmp_path)
    (tmp_path / "desk").mkdir()
    weights = tmp_path / "desk" / "compact.safetensors"
    weights.write_bytes(b"precious")
    assert "choose another" in refused(profile="desk", output="null", stats=weights)


@pytest.mark.parametrize("name", ["mine.yaml", "mine.YML", "frame_3.png", "out.mp4"])
def test_statistics_do_not_end_as_a_preset_or_an_output_does(name: str, tmp_path: Path) -> None:
    message = refused(output=str(tmp_path / "frame_%d.png"), stats=tmp_path / name)
    assert f"would be JSON, which does not end in {Path(name).suffix.lower()}: choose another" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["", "%06d.png", "000001.png"], ids=["folder", "pattern", "one"])
def test_pictures_that_are_read_are_never_overwritten(tmp_path: Path, source: str) -> None:
    for number in range(3):
        (tmp_path / f"{number:06d}.png").write_bytes(b"precious")
    spec = str(tmp_path / source) if source else str(tmp_path)
    assert "is also what is read" in refused(input=spec, output=str(tmp_path / "%06d.png"), overwrite=True)
    build.check(StreamConfig(input=spec, output=(str(tmp_path / "matte_%06d.png"),)))


def test_the_statistics_cost_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"precious")
    for stats in ("clip.mp4", str(tmp_path / "clip.mp4"), "out.mp4", "./out.mp4"):
        assert "choose another" in refused(input="clip.mp4", output="out.mp4", stats=stats)
    build.check(StreamConfig(input="clip.mp4", output=("out.mp4",), stats=Path("stats.json")))


def test_one_file_is_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(output=("q.mp4", "./q.mp4")) == "output ./q.mp4 is named twice"


def test_backgrounds_weights_and_encoders_are_checked_before_anything_is_opened(tmp_path: Path) -> None:
    assert "color '#12'" in refused(background="color:#12")
    assert "neither a known form nor a file" in refused(background=("blur", "beach"))
    assert "weights nowhere.pth do not exist" in refused(weights="nowhere.pth")
    assert "is a folder; name what to write in it" in refused(output=str(tmp_path))
    assert "is no output: use a video" in refused(output="out.avi")
    assert "vp10" in refused(output=str(tmp_path / "out.mp4"), encoder="vp10")
    assert ".mp4 cannot hold transparency" in refused(output=str(tmp_path / "out.mp4"), background="transparent")
    assert ".mp4 cannot hold transparency" in refused(output=str(tmp_path / "out.mp4"), write="foreground")


def test_the_default_outputs_fit_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen_outputs, "live_outputs", lambda device: ("virtual", f"preview beside {device}"))
    plain, cut_out = StreamConfig(virtual_device="/dev/video7"), StreamConfig(write="foreground")
    assert chosen_outputs.default_outputs(plain, info(is_live=True)) == ("virtual", "preview beside /dev/video7")
    assert chosen_outputs.default_outputs(plain, info(is_still=True)) == ("out.png",)
    assert chosen_outputs.default_outputs(plain, info()) == ("out.mp4",)
    assert chosen_outputs.default_outputs(cut_out, info()) == ("out.mov",)


class Openings:
    """Opens outputs of a live run; the virtual camera fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: StreamerError | None = None) -> None:
        self.opened: list[str] = []
        self._error = error or SinkError("a virtual camera cannot be opened (busy); end the program that sends to it")
        monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: ScriptedSource(3, is_live=True))
        monkeypatch.setattr(sinks, "open_sink", self._open)
        monkeypatch.setattr("streamer.live_outputs.find_spec", lambda name: name)
        monkeypatch.setattr("streamer.devices.list_virtual_cameras", lambda: ["/dev/video10"])
        monkeypatch.setattr("streamer.sinks.preview.check_display", lambda: None)

    def _open(self, spec: str, info: SourceInfo, **wishes: object) -> NullSink:
        self.opened.append(spec)
        if spec == "virtual":
            raise self._error
        return NullSink()


@pytest.mark.parametrize("kind", [SinkError, MissingExtra])
def test_a_virtual_camera_that_nobody_asked_for_and_that_cannot_be_opened_is_done_without(
    kind: type[StreamerError], weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    openings = Openings(monkeypatch, kind("a virtual camera cannot be opened"))
    caplog.set_level("INFO", "streamer")
    with build.opened(StreamConfig(input="0", weights=weights, device="cpu"), on_written=ignore) as stream:
        assert stream.outputs == ("preview",)
        assert len(stream.sinks) == 1
    assert openings.opened == ["virtual", "preview"]
    assert (
        len([record for record in caplog.records if "virtual camera: a virtual camera cannot" in record.message]) == 1
    )


@pytest.mark.parametrize(
    "wish", [{"output": ("virtual", "preview")}, {"virtual_device": "/dev/video10"}], ids=["output", "device"]
)
def test_a_virtual_camera_that_was_asked_for_and_cannot_be_opened_is_an_error(
    wish: dict[str, object], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Openings(monkeypatch)
    config = StreamConfig.model_validate({"input": "0", "weights": weights, "device": "cpu", **wish})
    with pytest.raises(SinkError, match="busy"), build.opened(config, on_written=ignore):
        pass


def test_a_matte_over_a_transparent_background_has_no_alpha() -> None:
    assert chosen_outputs.has_alpha(StreamConfig(background=("transparent",)))
    assert not chosen_outputs.has_alpha(StreamConfig(background=("transparent",), write="alpha"))


@pytest.mark.parametrize(
    ("output", "is_file", "is_watched"),
    [
        ("out.mp4", True, False),
        ("a/%d.png", True, False),
        ("preview", False, True),
        ("virtual", False, True),
        ("/dev/video7", False, True),
        ("null", False, False),
    ],
)
def test_only_watched_outputs_make_a_file_play_at_its_own_speed(output: str, is_file: bool, is_watched: bool) -> None:
    assert (sinks.is_file(output), chosen_outputs.is_watched(output)) == (is_file, is_watched)


def test_a_file_is_not_live_and_every_frame_counts(clip: Path, weights: Path, tmp_path: Path) -> None:
    config = StreamConfig(input=str(clip), output=(str(tmp_path / "out.mp4"),), weights=weights, device="cpu")
    written: list[int] = []
    with build.opened(config, on_written=lambda frame: written.append(frame.index)) as stream:
        assert not stream.info.is_live
        assert stream.pipeline.run() == "finished"
    assert written == list(range(6))
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("asked", "of_still", "of_video"),
    [
        ("auto", "finest", "normal"),
        ("normal", "normal", "normal"),
        ("fine", "fine", "fine"),
        ("finest", "finest", "finest"),
    ],
)
def test_a_still_picture_is_looked_at_as_closely_as_can_be_unless_something_else_is_asked_for(
    asked: Literal["auto", "normal", "fine", "finest"],
    of_still: str,
    of_video: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.zeros((96, 160, 3), np.uint8))
    details: list[str] = []
    opened = segmentation.open_segmenter

    def noted(*, detail: str, **rest: Any) -> NetworkSegmenter:
        details.append(detail)
        return opened(detail=detail, **rest)

    monkeypatch.setattr(segmentation, "open_segmenter", noted)
    for source, output in ((picture, "out.png"), (clip, "out.mp4")):
        config = StreamConfig(
            input=str(source), output=(str(tmp_path / output),), device="cpu", background=("blur",), matte_detail=asked
        )
        with build.opened(config, on_written=ignore) as stream:
            assert stream.pipeline.run() == "finished"
    assert details == [of_still, of_video]


def test_the_camera_gets_what_the_settings_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def open_source(spec: str, **wishes: object) -> ScriptedSource:
        asked.update(wishes, spec=spec)
        raise SinkError("far enough")

    monkeypatch.setattr(sources, "open_source", open_source)
    config = StreamConfig(
        input="0", output=("null",), camera_size="1280x720", camera_fps=30, camera_fourcc="MJPG", start=2, end=3
    )
    with pytest.raises(SinkError, match="far enough"), build.opened(config, on_written=ignore):
        pass
    camera = sources.CameraRequest(1280, 720, 30, "MJPG")
    assert asked == {"spec": "0", "start_s": 2.0, "end_s": 3.0, "camera": camera, "paced": False}


def test_a_preview_makes_a_file_live(clip: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: dict[str, object] = {}

    def open_sink(spec: str, info: SourceInfo, **wishes: object) -> NullSink:
        keys.update(wishes)
        return NullSink()

    monkeypatch.setattr(sinks, "open_sink", open_sink)
    config = StreamConfig(input=str(clip), output=("preview",), weights=weights, device="cpu")
    with build.opened(config, on_written=ignore) as stream:
        assert stream.info.is_live
        press, hud = keys["on_key"], keys["hud"]
        assert callable(press)
        assert callable(hud)
        assert hud()[-1] == stream.segmenter.description
        assert "fps   latency" in hud()[0]
        for key in ("b", "m", "closed"):
            press(key)
        assert stream.pipeline.run() == "stopped"


@pytest.mark.parametrize(
    ("output", "frames", "waits"),
    [("out.mp4", 12, [12]), ("out.mp4", 3, [3]), ("out.mp4", 0, []), ("preview", 12, [])],
)
def test_frames_of_a_recording_wait_for_those_behind_them_and_live_none_does(
    output: str, frames: int, waits: list[int], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []

    class Noted(build.FramesAhead):
        def __init__(self, frames: int) -> None:
            waited.append(frames)
            super().__init__(frames)

    monkeypatch.setattr(build, "FramesAhead", Noted)
    monkeypatch.setattr(sinks, "open_sink", lambda spec, info, **wishes: NullSink())
    where = output if output == "preview" else str(tmp_path / output)
    config = StreamConfig(input=str(clip), output=(where,), device="cpu", look_ahead=frames)
    with build.opened(config, on_written=ignore):
        assert waited == waits


def test_wrong_weights_close_the_source_and_leave_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ScriptedSource(3)
    monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: source)
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no weights")
    before = sorted(tmp_path.iterdir())
    config = StreamConfig(input=str(clip), output=(str(tmp_path / "mattes" / "%d.png"),), weights=wrong, device="cpu")
    with pytest.raises(WeightsError, match=r"wrong\.safetensors"), build.opened(config, on_written=ignore):
        pass
    assert source.closed == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_second_output_that_fails_takes_the_first_with_it(clip: Path, weights: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    config = StreamConfig(
        input=str(clip), output=(str(tmp_path / "out.mp4"), str(tmp_path / "one.png")), weights=weights, device="cpu"
    )
    with pytest.raises(ConfigError, match="is one picture"), build.opened(config, on_written=ignore):
        pass
    assert sorted(tmp_path.iterdir()) == before


def test_leaving_without_a_run_leaves_nothing(clip: Path, weights: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    config = StreamConfig(input=str(clip), output=(str(tmp_path / "out.mp4"),), weights=weights, device="cpu")
    with pytest.raises(KeyboardInterrupt), build.opened(config, on_written=ignore):
        raise KeyboardInterrupt
    assert sorted(tmp_path.iterdir()) == before


def test_the_default_output_is_refused_too_when_it_exists(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out.mp4").write_bytes(np.zeros(4, np.uint8).tobytes())
    with (
        pytest.raises(ConfigError, match=r"output out\.mp4 exists"),
        build.opened(StreamConfig(input=str(clip)), on_written=ignore),
    ):
        pass


def test_building_loads_torch_only_for_the_matte() -> None:
    import subprocess

    code = "import sys, streamer.build; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
