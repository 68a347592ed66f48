from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from networks import red_means_person
from rich.console import Console

from streamer import doctor
from streamer.config import StreamConfig
from streamer.devices import Device
from streamer.doctor import Finding
from streamer.segmentation.predictor import NetworkSegmenter


@pytest.fixture
def config(tmp_path: Path) -> StreamConfig:
    return StreamConfig(weights=red_means_person(tmp_path / "red.safetensors"), device="cpu")


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own cameras and display are nothing to depend on."""
    monkeypatch.setattr("streamer.devices.list_cameras", lambda: [])
    monkeypatch.setattr("streamer.devices.list_virtual_cameras", lambda: [])
    monkeypatch.delenv("DISPLAY", raising=False)


def report(config: StreamConfig) -> tuple[int, str]:
    shown = io.StringIO()
    code = doctor.examine(config, Console(file=shown, width=40))
    return code, shown.getvalue()


def test_doctor_says_what_really_runs_the_matte_by_running_it(config: StreamConfig) -> None:
    code, shown = report(config)
    assert code == 0
    assert "ok  matte            compact" in shown
    assert "on CPU (torch): " in shown
    assert "ms a frame of 1280x720" in shown
    assert "encoders         x264, vp9, prores, ffv1" in shown
    assert all(
        subject in shown for subject in ("system", "torch", "CPU runtimes", "preview", "virtual camera", "camera")
    )


def test_the_network_runs_for_every_picture_that_is_timed(
    config: StreamConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    open_matte = doctor.open_matte

    def counting(config: StreamConfig) -> NetworkSegmenter:
        segmenter = open_matte(config)
        alpha = segmenter.runtime.alpha
        monkeypatch.setattr(segmenter.runtime, "alpha", lambda batch: calls.append(1) or alpha(batch))
        return segmenter

    monkeypatch.setattr(doctor, "open_matte", counting)
    assert [finding.state for finding in doctor._matte(config)] == ["ok"]
    assert len(calls) == 1 + doctor.TRIALS


def test_lines_that_are_to_be_copied_are_not_broken(config: StreamConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert "-> pip install pyvirtualcam\n" in report(config)[1]


def test_doctor_fails_when_the_matte_cannot_run_as_asked() -> None:
    code, shown = report(StreamConfig(weights=Path("nowhere.safetensors")))
    assert code == 2
    assert "failed  matte            nowhere.safetensors" in shown


def test_a_gpu_that_is_required_and_missing_fails(config: StreamConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    code, shown = report(config.model_copy(update={"device": "auto", "require_gpu": True}))
    assert code == 2
    assert "failed  matte            no GPU" in shown
    assert "the CPU does the work" in shown


def test_a_gpu_that_does_not_compute_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*shape: int, device: str) -> None:
        raise RuntimeError("no kernel image is available\nmore about it")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Old card")
    monkeypatch.setattr("torch.ones", fail)
    findings = list(doctor._torch())
    assert findings[1] == Finding(
        "GPU", "no", "Old card (cuda) is there but does not compute: no kernel image is available", "update its driver"
    )


def test_a_missing_runtime_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.segmentation.runtimes.is_installed", lambda name: name == "torch")
    openvino = next(found for found in doctor._runtimes() if "openvino is not installed" in found.text)
    assert openvino.mend == "pip install openvino"


def test_painter_on_the_cpu_says_how_much_of_it_the_frames_are_left(
    config: StreamConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    monkeypatch.setattr("streamer.painter.check_painter", lambda config: None)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(6)), raising=False)
    (painter,) = doctor._painter(config.model_copy(update={"plate_device": "cpu"}))
    assert painter.text.endswith("on cpu with 3 of 6 cores while frames run, at niceness 19")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    (painter,) = doctor._painter(config.model_copy(update={"plate_device": "cuda:1"}))
    assert painter.text.endswith("on cuda:1")


def test_a_device_to_paint_on_that_is_not_there_is_no_device(
    config: StreamConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    monkeypatch.setattr("streamer.painter.check_painter", lambda config: None)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    (painter,) = doctor._painter(config.model_copy(update={"plate_device": "cuda:2"}))
    assert (painter.state, painter.text.partition(":")[0]) == ("no", "plate_device cuda")


def test_cameras_are_listed_with_their_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Device("0", "Lid"), Device("1", "Desk", "no permission")]
    monkeypatch.setattr("streamer.devices.list_cameras", lambda: found)
    assert list(doctor._cameras()) == [
        Finding("camera", "ok", "0  Lid"),
        Finding("camera", "no", "1  Desk  (no permission)"),
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the driver is that of Linux")
def test_a_virtual_camera_that_another_program_has_is_not_mended_by_loading_the_driver_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    monkeypatch.setattr("streamer.sinks.virtual_setup.LOADED", tmp_path)
    (finding,) = doctor._virtual_camera()
    assert finding.state == "no"
    assert "modprobe" not in finding.mend
    assert finding.mend.startswith("end the program that sends to it")


def test_a_look_that_fails_does_not_hide_the_others(config: StreamConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def _cameras() -> Iterator[Finding]:
        raise OSError("the bus is on fire")
        yield

    monkeypatch.setattr(doctor, "_cameras", _cameras)
    monkeypatch.setattr(doctor, "_matte", lambda config: iter(()))
    code, shown = report(config)
    assert code == 2
    assert "failed  cameras          OSError('the bus is on fire')" in shown
    assert "encoders" in shown
