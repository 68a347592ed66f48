from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from streamer.errors import SourceError
from streamer.sources.camera_place import CameraPlace

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists its cameras as files")


class Sysfs:
    """The part of the kernel's tree in which cameras are listed."""

    def __init__(self, root: Path) -> None:
        self.cameras = root / "class"
        self.cameras.mkdir()
        self._sockets = root / "usb"

    def plug(self, number: int, name: str, socket: str, node: int = 0) -> None:
        place = self._sockets / socket
        place.mkdir(parents=True, exist_ok=True)
        folder = self.cameras / f"video{number}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "index").write_text(f"{node}\n")
        (folder / "device").symlink_to(place)

    def unplug(self, number: int) -> None:
        shutil.rmtree(self.cameras / f"video{number}")


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    sysfs = Sysfs(tmp_path)
    sysfs.plug(0, "Desk Cam", "1-3")
    sysfs.plug(1, "Desk Cam", "1-3", node=1)  # its metadata
    sysfs.plug(2, "Laptop Cam", "1-7")
    return sysfs


@pytest.mark.parametrize(("given", "found"), [(0, 5), ("/dev/video0", "/dev/video5")])
def test_a_camera_is_found_under_another_index(given: int | str, found: int | str, sysfs: Sysfs) -> None:
    place = CameraPlace(given, sysfs=sysfs.cameras)
    assert place.find() == given
    sysfs.unplug(0)
    sysfs.unplug(1)
    with pytest.raises(SourceError, match=r"camera \S+ \(Desk Cam\) is not plugged in"):
        place.find()
    sysfs.plug(4, "Desk Cam", "1-3", node=1)
    sysfs.plug(5, "Desk Cam", "1-3")
    assert place.find() == found


def test_another_camera_that_got_the_index_is_not_taken(sysfs: Sysfs) -> None:
    place = CameraPlace(0, sysfs=sysfs.cameras)
    sysfs.unplug(0)
    sysfs.plug(0, "Bedroom Cam", "2-1")
    with pytest.raises(SourceError, match="not plugged in"):
        place.find()


def test_in_another_socket_it_is_known_by_its_name(sysfs: Sysfs) -> None:
    place = CameraPlace(0, sysfs=sysfs.cameras)
    sysfs.unplug(0)
    sysfs.plug(6, "Desk Cam", "2-4")
    assert place.find() == 6


def test_another_camera_of_the_same_make_is_never_taken_for_it(sysfs: Sysfs) -> None:
    sysfs.plug(3, "Desk Cam", "1-9")
    place = CameraPlace(0, sysfs=sysfs.cameras)
    sysfs.unplug(0)
    with pytest.raises(SourceError, match="not plugged in"):
        place.find()
    sysfs.plug(6, "Desk Cam", "2-4")
    sysfs.plug(7, "Desk Cam", "2-5")
    with pytest.raises(SourceError, match="not plugged in"):
        place.find()  # which of the two new ones?


def test_what_the_kernel_does_not_list_is_its_index(sysfs: Sysfs, tmp_path: Path) -> None:
    assert CameraPlace(9, sysfs=sysfs.cameras).find() == 9
    assert CameraPlace("/dev/video9", sysfs=tmp_path / "none").find() == "/dev/video9"


def test_elsewhere_a_camera_is_its_index(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    place = CameraPlace(0, sysfs=sysfs.cameras)
    sysfs.unplug(0)
    assert place.find() == 0
