from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import make_frame, wait

from streamer.frames import Image
from streamer.sinks.pictures import encoded
from streamer.sinks.stills import Stills

MOMENT = time.strptime("2026-01-31 23:59:58", "%Y-%m-%d %H:%M:%S")


class Asked:
    count = 0

    def __call__(self) -> int:
        return self.count


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_each_wish_saves_the_next_frame_and_nothing_is_replaced(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "backlot-20260131-235958.png").write_bytes(b"of an earlier run")
    stills = Stills(tmp_path, asked, now=lambda: MOMENT)
    with caplog.at_level(logging.INFO):
        for index in range(6):
            asked.count = (index + 1) // 2  # one wish before the frames 1, 3 and 5
            stills.look(make_frame(index))
            stills.close()
    names = ["backlot-20260131-235958.png", *(f"backlot-20260131-235958-{n}.png" for n in (2, 3, 4))]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert (tmp_path / names[0]).read_bytes() == b"of an earlier run"
    for name, index in zip(names[1:], (1, 3, 5), strict=True):
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / name))[..., ::-1], make_frame(index).image)
        assert f"still saved: {tmp_path / name}" in caplog.text


def test_wishes_of_before_do_not_count(tmp_path: Path, asked: Asked) -> None:
    asked.count = 3
    stills = Stills(tmp_path, asked)
    stills.look(make_frame())
    stills.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [4, 1])
def test_transparency_and_grey_are_kept(tmp_path: Path, asked: Asked, channels: int) -> None:
    shape = (12, 16, 4) if channels == 4 else (12, 16)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    stills = Stills(tmp_path / "new", asked)
    asked.count = 1
    stills.look(make_frame(image=image))
    stills.close()
    (path,) = (tmp_path / "new").iterdir()
    saved = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(saved if channels == 1 else saved[..., [2, 1, 0, 3]], image)


def test_a_still_that_cannot_be_written_is_a_warning(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    stills = Stills(tmp_path / "file", asked)
    asked.count = 1
    with caplog.at_level(logging.WARNING):
        stills.look(make_frame())
        stills.close()
    assert len(caplog.records) == 1
    assert "no still: " in caplog.text
    assert str(tmp_path / "file") in caplog.text


def test_a_wish_while_the_disk_is_busy_takes_no_later_picture(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk_is_free = threading.Event()

    def slowly(path: Path, image: Image) -> bytes:
        wait(disk_is_free)
        return encoded(path, image)

    monkeypatch.setattr("streamer.sinks.stills.encoded", slowly)
    stills = Stills(tmp_path, asked)
    for index in range(3):
        asked.count = min(index + 1, 2)
        stills.look(make_frame(index))
    disk_is_free.set()
    stills.close()
    stills.look(make_frame(9))
    stills.close()
    assert len(list(tmp_path.iterdir())) == 1
    assert "no still: the one before is still being saved" in caplog.text


def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk_is_free = threading.Event()

    def hang(path: Path, image: Image) -> bytes:
        wait(disk_is_free)
        return encoded(path, image)

    monkeypatch.setattr("streamer.sinks.stills.encoded", hang)
    monkeypatch.setattr("streamer.sinks.stills.LEAVE_S", 0.01)
    stills = Stills(tmp_path, asked)
    asked.count = 1
    stills.look(make_frame())
    (saving,) = (thread for thread in threading.enumerate() if thread.name == "still")
    try:
        assert saving.daemon, "the interpreter would wait for it"
        stills.close()
        assert saving.is_alive()
        assert "the disk does not answer" in caplog.text
    finally:
        disk_is_free.set()
        saving.join()
