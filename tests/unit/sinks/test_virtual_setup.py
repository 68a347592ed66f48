from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from streamer.sinks import virtual_setup
from streamer.sinks.virtual_setup import how_to_make_one, why_not_opened

LOAD = "sudo modprobe v4l2loopback video_nr=10 exclusive_caps=1 card_label=Backlot"


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Linux without the driver; the result is where its modules lie."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "release", lambda: "6.1")
    monkeypatch.setattr(virtual_setup, "MODULES", tmp_path)
    monkeypatch.setattr(virtual_setup, "LOADED", tmp_path / "loaded")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian"})
    return tmp_path


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "sudo apt-get install -y v4l2loopback-dkms && "),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "sudo apt-get install -y v4l2loopback-dkms && "),
        ({"ID": "fedora"}, "sudo dnf install -y akmod-v4l2loopback && "),
        ({"ID": "manjaro", "ID_LIKE": "arch"}, "sudo pacman -S --needed v4l2loopback-dkms && "),
        ({"ID": "opensuse-tumbleweed", "ID_LIKE": "opensuse suse"}, "sudo zypper install -y v4l2loopback"),
        ({"ID": "homemade"}, "install v4l2loopback with your package manager"),
        ({}, "install v4l2loopback with your package manager"),
    ],
    ids=lambda value: value.get("ID", "none") if isinstance(value, dict) else "",
)
def test_each_distribution_is_told_its_own_commands(
    release: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    told = how_to_make_one()
    assert command in told
    assert LOAD in told
    assert "\n" not in told


def test_a_driver_that_is_installed_is_only_loaded(linux: Path) -> None:
    folder = linux / "6.1" / "updates" / "dkms"
    folder.mkdir(parents=True)
    (folder / "v4l2loopback.ko.xz").touch()
    assert how_to_make_one() == f"load the driver: `{LOAD}`"


def test_a_driver_that_is_loaded_has_no_free_camera(linux: Path) -> None:
    (linux / "loaded").mkdir()
    assert "end the program that sends to it" in why_not_opened(None)


def test_a_camera_that_may_not_be_opened_is_told(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (linux / "video10").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "usermod -aG video" in why_not_opened(str(linux / "video10"))


@pytest.mark.parametrize(("system", "told"), [("win32", "winget install OBSProject"), ("darwin", "OBS Studio 30")])
def test_elsewhere_obs_brings_one(system: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert told in why_not_opened(None)
    assert "end the program that sends to it" in why_not_opened(None)
