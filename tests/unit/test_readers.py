"""inotify and /proc are the real ones; the device is an ordinary file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamer.readers import LINGER_S, LONGEST_SETTLE_S, LOOK_AGAIN_S, SETTLE_S, ReaderWatch

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "video10"
    path.touch()
    return path


@pytest.fixture
def watch(device: Path, clock: Clock) -> Iterator[ReaderWatch]:
    watch = ReaderWatch(str(device), clock=clock)
    yield watch
    watch.close()


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Another program reads it."""
    command = ["sh", "-c", f"exec 3<'{path}'; echo open; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield
        process.communicate(b"\n", timeout=20)


def after(seconds: float, watch: ReaderWatch, clock: Clock) -> bool:
    """What it says now and, if something has just happened, once it has settled."""
    watch.has_reader()
    clock.now_s += seconds
    return watch.has_reader()


def test_a_reader_counts_once_it_has_kept_the_device_open(device: Path, watch: ReaderWatch, clock: Clock) -> None:
    assert not watch.has_reader()
    with held_open(device):
        assert not watch.has_reader()
        clock.now_s += SETTLE_S / 2
        assert not watch.has_reader()
        clock.now_s += SETTLE_S / 2 + 0.01
        assert watch.has_reader()
        with held_open(device):
            assert after(SETTLE_S + 0.01, watch, clock)
        assert after(SETTLE_S + 0.01, watch, clock), "one of two is left"
    assert not after(SETTLE_S + 0.01, watch, clock)


def test_a_reader_that_was_there_before_is_seen_at_once(device: Path, clock: Clock) -> None:
    with held_open(device):
        watch = ReaderWatch(str(device), clock=clock)
        assert watch.has_reader()
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()


def test_a_short_look_is_no_reader(device: Path, watch: ReaderWatch, clock: Clock) -> None:
    with held_open(device):
        pass
    device.read_bytes()
    assert not after(SETTLE_S + 0.01, watch, clock)


def test_ceaseless_openings_do_not_hide_a_reader(device: Path, watch: ReaderWatch, clock: Clock) -> None:
    with held_open(device):
        for _ in range(round(LONGEST_SETTLE_S / (SETTLE_S / 2)) + 2):
            device.read_bytes()
            clock.now_s += SETTLE_S / 2
            seen = watch.has_reader()
        assert seen


def test_our_own_descriptors_do_not_count(device: Path, clock: Clock) -> None:
    with device.open("rb"):
        watch = ReaderWatch(str(device), clock=clock)
        assert not watch.has_reader()
        watch.close()


def test_another_file_of_that_name_is_not_the_device(device: Path, watch: ReaderWatch, clock: Clock) -> None:
    (device.parent / "other").mkdir()
    other = device.parent / "other" / device.name
    other.touch()
    with held_open(other):
        assert not after(LOOK_AGAIN_S, watch, clock)


def test_it_stays_wanted_for_a_while_after_the_start_and_after_its_last_reader(
    device: Path, watch: ReaderWatch, clock: Clock
) -> None:
    assert watch.is_wanted()
    clock.now_s += LINGER_S
    assert not watch.is_wanted()
    with held_open(device):
        watch.is_wanted()
        clock.now_s += SETTLE_S + 0.01
        assert watch.is_wanted()
    watch.is_wanted()
    clock.now_s += SETTLE_S + 0.01
    assert watch.is_wanted()
    clock.now_s += LINGER_S
    assert not watch.is_wanted()


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    """A list of processes with none in it."""
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "meminfo").touch()
    return folder


def test_a_lost_event_is_made_good_by_looking_again(device: Path, processes: Path, clock: Clock) -> None:
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    (processes / "77" / "fd").mkdir(parents=True)
    (processes / "77" / "fd" / "3").symlink_to(device)  # a reader, of whose opening nothing was heard
    assert not watch.has_reader()
    assert after(LOOK_AGAIN_S, watch, clock)
    (processes / "77" / "fd" / "3").unlink()
    assert watch.has_reader()
    assert not after(LOOK_AGAIN_S, watch, clock)
    watch.close()


def test_where_a_process_of_ours_hides_its_files_the_events_decide(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (processes / "77").mkdir()

    def refuse(path: str) -> list[str]:
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", refuse)
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    assert not watch.has_reader()
    with device.open("rb"):
        assert after(SETTLE_S + 0.01, watch, clock)
        assert after(LOOK_AGAIN_S, watch, clock)
    assert not after(SETTLE_S + 0.01, watch, clock)
    with device.open("rb"):
        assert after(SETTLE_S + 0.01, watch, clock)
        monkeypatch.undo()
        shown = processes / "77" / "fd"
        shown.mkdir()
        assert not after(LOOK_AGAIN_S, watch, clock), "nothing is hidden any more"
    watch.close()


def test_a_device_that_is_gone_counts_as_read(device: Path, watch: ReaderWatch, clock: Clock) -> None:
    device.unlink()
    assert after(SETTLE_S, watch, clock)
    clock.now_s += 1000
    assert watch.is_wanted()


def test_where_readers_cannot_be_told_it_says_so(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="none"):
        ReaderWatch(str(device.parent / "none"))
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="Linux"):
        ReaderWatch(str(device))


def test_a_reader_that_still_reads_is_not_looked_for_among_all_processes_again(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (processes / "77" / "fd").mkdir(parents=True)
    (processes / "77" / "fd" / "3").symlink_to(device)
    looks: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or scandir(path))
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    assert len(looks) == 1
    for _ in range(3):  # while frames run: on a desktop such a look takes as long as several of them
        assert after(LOOK_AGAIN_S, watch, clock)
    assert len(looks) == 1
    (processes / "78" / "fd").mkdir(parents=True)
    (processes / "78" / "fd" / "5").symlink_to(device)
    (processes / "77" / "fd" / "3").unlink()
    assert after(LOOK_AGAIN_S, watch, clock), "another one reads it"
    (processes / "78" / "fd" / "5").unlink()
    assert not after(LOOK_AGAIN_S, watch, clock)
    assert len(looks) == 3
    watch.close()


class Processes:
    """One process that hides what it holds, and one that does not; what either opens is really opened."""

    def __init__(self, device: Path, processes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (processes / "77").mkdir()
        self._device = device
        self._shown = processes / "78" / "fd"
        self._shown.mkdir(parents=True)
        listdir = os.listdir

        def refuse(path: str) -> list[str]:
            if "/77/" in path:
                raise PermissionError(path)
            return listdir(path)

        monkeypatch.setattr(os, "listdir", refuse)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        with self._device.open("rb"):
            yield

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._device.open("rb"):
            (self._shown / "3").symlink_to(self._device)
            yield
            (self._shown / "3").unlink()


def test_a_hidden_reader_is_not_forgotten_when_another_comes_and_goes(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Processes(device, processes, monkeypatch)
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    with readers.hidden():
        assert after(SETTLE_S + 0.01, watch, clock)
        with readers.shown():
            assert after(SETTLE_S + 0.01, watch, clock)
        assert after(SETTLE_S + 0.01, watch, clock), "the call in the sandbox goes on"
        assert after(LOOK_AGAIN_S, watch, clock)
    assert not after(SETTLE_S + 0.01, watch, clock)
    with readers.shown():
        assert after(SETTLE_S + 0.01, watch, clock)
        with readers.hidden():
            assert after(SETTLE_S + 0.01, watch, clock)
        assert after(SETTLE_S + 0.01, watch, clock)
    assert not after(SETTLE_S + 0.01, watch, clock)
    came, goes_on = readers.shown(), readers.hidden()
    came.__enter__()
    assert after(SETTLE_S + 0.01, watch, clock)
    goes_on.__enter__()
    assert after(SETTLE_S + 0.01, watch, clock)
    came.__exit__(None, None, None)
    assert after(SETTLE_S + 0.01, watch, clock), "it came while the other one was there"
    goes_on.__exit__(None, None, None)
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()


def test_our_own_closing_and_reopening_makes_no_hidden_reader(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Processes(device, processes, monkeypatch)
    (processes / str(os.getpid())).symlink_to("/proc/self")
    sink = device.open("r+b")
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    sink.close()  # it has failed
    assert not after(SETTLE_S + 0.01, watch, clock)
    with device.open("r+b"):
        assert not after(SETTLE_S + 0.01, watch, clock)
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()


def test_a_hidden_reader_outlives_our_own_reopening(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Processes(device, processes, monkeypatch)
    (processes / str(os.getpid())).symlink_to("/proc/self")
    sink = device.open("r+b")
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    with held_open(device):  # by a process that is not in the list
        assert after(SETTLE_S + 0.01, watch, clock)
        sink.close()
        assert after(SETTLE_S + 0.01, watch, clock)
        with device.open("r+b"):
            assert after(SETTLE_S + 0.01, watch, clock)
        assert after(SETTLE_S + 0.01, watch, clock)
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()


def test_closings_that_became_one_event_make_no_hidden_reader(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Processes(device, processes, monkeypatch)
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    with readers.shown():
        assert after(SETTLE_S + 0.01, watch, clock)
        second = device.open("rb")
        (processes / "78" / "fd" / "4").symlink_to(device)
        assert after(SETTLE_S + 0.01, watch, clock)
        (processes / "78" / "fd" / "4").unlink()
        second.close()
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()


def test_what_is_opened_while_we_look_is_no_hidden_reader(
    device: Path, processes: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Processes(device, processes, monkeypatch)
    watch = ReaderWatch(str(device), proc=processes, clock=clock)
    scandir, reader = os.scandir, readers.shown()
    assert not watch.has_reader()

    def open_before(path: str) -> object:
        monkeypatch.setattr(os, "scandir", scandir)
        reader.__enter__()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", open_before)
    assert not after(LOOK_AGAIN_S, watch, clock)
    assert after(SETTLE_S + 0.01, watch, clock)
    reader.__exit__(None, None, None)
    assert not after(SETTLE_S + 0.01, watch, clock)
    watch.close()
