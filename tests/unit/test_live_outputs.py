from __future__ import annotations

import logging

import pytest

from streamer import live_outputs as module
from streamer.devices import Device
from streamer.errors import SinkError
from streamer.live_outputs import live_outputs


class Machine:
    """A machine that has what a test gives it; at first everything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        self.has_package = self.has_device = self.has_display = True
        self._caplog = caplog
        caplog.set_level(logging.INFO)
        monkeypatch.setattr(module, "find_spec", lambda name: object() if self.has_package else None)
        monkeypatch.setattr("streamer.devices.list_virtual_cameras", self._devices)
        monkeypatch.setattr("streamer.sinks.preview.check_display", self._check_display)
        monkeypatch.setattr(module.sys, "platform", "linux")

    @property
    def said(self) -> list[str]:
        return [record.getMessage() for record in self._caplog.records]

    def _devices(self) -> list[Device]:
        return [Device("/dev/video10", "Backlot")] if self.has_device else []

    def _check_display(self) -> None:
        if not self.has_display:
            raise SinkError("no display for a preview window")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Machine:
    return Machine(monkeypatch, caplog)


def test_a_virtual_camera_and_a_display_are_both_used(machine: Machine) -> None:
    assert live_outputs(None) == ("virtual", "preview")
    assert machine.said == []


def test_without_a_display_the_virtual_camera_stands_alone_so_that_the_camera_can_rest(machine: Machine) -> None:
    machine.has_display = False
    assert live_outputs(None) == ("virtual",)


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [("has_package", "pyvirtualcam is not installed"), ("has_device", "this machine has none that is free")],
)
def test_what_keeps_a_run_from_the_virtual_camera_is_said_once_with_its_mend(
    lacks: str, reason: str, machine: Machine
) -> None:
    setattr(machine, lacks, False)
    assert live_outputs(None) == ("preview",)
    assert machine.said == [f"nothing goes to a virtual camera: {reason}; `streamer doctor` says how to mend it"]


def test_a_virtual_camera_that_the_user_names_is_tried_whatever_is_listed(machine: Machine) -> None:
    machine.has_device = machine.has_package = False  # which is an error then, see build.py
    assert live_outputs("/dev/video10") == ("virtual", "preview")


def test_where_virtual_cameras_cannot_be_listed_one_is_tried(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has_device = False
    monkeypatch.setattr(module.sys, "platform", "win32")
    assert live_outputs(None) == ("virtual", "preview")
