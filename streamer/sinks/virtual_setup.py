"""How a virtual camera is made on this operating system: the lines that error messages and ``streamer doctor`` give."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

LOAD_LOOPBACK = "sudo modprobe v4l2loopback video_nr=10 exclusive_caps=1 card_label=Backlot"
MODULES = Path("/lib/modules")
LOADED = Path("/sys/module/v4l2loopback")
PACKAGES = {
    "debian": "sudo apt-get install -y v4l2loopback-dkms",
    "ubuntu": "sudo apt-get install -y v4l2loopback-dkms",
    "fedora": "sudo dnf install -y akmod-v4l2loopback",  # from RPM Fusion
    "arch": "sudo pacman -S --needed v4l2loopback-dkms",
    "suse": "sudo zypper install -y v4l2loopback-kmp-default",
}
"""What installs the driver, by the distribution or the one that it is made from."""
REMARKS = {"fedora": " (RPM Fusion must be enabled)", "arch": " (and the headers of your kernel)"}


def how_to_make_one() -> str:
    """The commands that make a virtual camera here, in one line."""
    if sys.platform.startswith("linux"):
        return _on_linux()
    if sys.platform == "win32":
        return (
            "install OBS Studio (`winget install OBSProject.OBSStudio`), start its virtual camera once and stop it, "
            "or install Unity Capture"
        )
    if sys.platform == "darwin":
        return (
            "install OBS Studio 30 or later (`brew install --cask obs`), start its virtual camera once, allow it in "
            "the system settings, and stop it"
        )
    return "this system has no virtual cameras: use preview"


def why_not_opened(device: str | None) -> str:
    """What to do when a virtual camera could not be opened: make one, free one or name another one, in one line.

    Args:
        device: which was asked for; None = any.
    """
    if not sys.platform.startswith("linux"):
        return f"{how_to_make_one()}; if there is one, end the program that sends to it"
    if device is not None and os.path.exists(device) and not os.access(device, os.R_OK | os.W_OK):
        return "you have no permission: run `sudo usermod -aG video $USER`, then log in again"
    if LOADED.exists():
        return "end the program that sends to it, or name another one: `streamer devices` lists them"
    return how_to_make_one()


def _on_linux() -> str:
    if any(MODULES.glob(f"{platform.release()}/**/v4l2loopback.ko*")):
        return f"load the driver: `{LOAD_LOOPBACK}`"
    for name in _distributions():
        if name in PACKAGES:
            return f"install and load the driver: `{PACKAGES[name]} && {LOAD_LOOPBACK}`{REMARKS.get(name, '')}"
    return f"install v4l2loopback with your package manager, then load it: `{LOAD_LOOPBACK}`"


def _distributions() -> list[str]:
    """This distribution and those that it is made from, the nearest first."""
    with suppress(OSError):
        release = platform.freedesktop_os_release()
        names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
        return ["suse" if "suse" in name else name for name in names]
    return []
