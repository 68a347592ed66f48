"""Whether another program has a device open: then somebody may be looking at what is sent to it. Linux only.

inotify tells at once that something was opened or closed. It cannot tell how often: two equal events that nobody has
fetched yet become one. So an event is only the sign to look at what all processes hold open (/proc). Processes of one's
own that hide even that, as browsers' sandboxes do, are judged by the events alone.
"""

from __future__ import annotations

import ctypes
import logging
import os
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

SETTLE_S = 0.2
"""How long it must have been quiet before we look: a program that lists cameras closes them faster than that."""
LONGEST_SETTLE_S = 0.6
"""We look after so long even if it never gets quiet."""
LOOK_AGAIN_S = 10.0
"""We look so often even without an event, so that a lost one does not count for ever."""
LINGER_S = 5.0
"""How long a device stays wanted after its last reader: programs close a camera only to open it again."""
FIRST_USER = 1000
"""People have numbers from here on; below are the system's own services, which read no camera."""

_OPEN, _CLOSE_WRITE, _CLOSE_NOWRITE, _IGNORED = 0x20, 0x08, 0x10, 0x8000
_EVENT = struct.Struct("iIII")


class ReaderWatch:
    """Says whether programs other than this one hold a device open. Used from one thread; closed from any.

    When it cannot be told any more, the answer is yes.

    Args:
        path: of the device; any file will do.
        proc: where the kernel lists its processes.
        clock: the time in seconds.

    Raises:
        OSError: readers cannot be told here: this is no Linux, inotify is used up, there is no such device.
    """

    def __init__(self, path: str, *, proc: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._name = os.path.basename(path).encode()
        self._identity = _identity(os.stat(path))
        self._proc = proc
        self._clock = clock
        self._opened = self._closed = 0
        self._seen = self._unseen = self._own = 0
        self._holder = ""
        self._inotify = _inotify_on(path)
        now_s = clock()
        self._quiet_since_s = now_s
        self._first_event_s: float | None = None
        self._has_reader = False
        self._look(now_s)
        self._wanted_until_s = now_s + LINGER_S

    def has_reader(self) -> bool:
        """Whether another program holds the device open, by the last look; looks again when it is due."""
        if self._inotify < 0:
            return True
        now_s = self._clock()
        if self._fetch_events():
            self._quiet_since_s = now_s
            self._first_event_s = now_s if self._first_event_s is None else self._first_event_s
        if self._is_due(now_s):
            self._look(now_s)
        return self._has_reader

    def is_wanted(self) -> bool:
        """Whether it has a reader, or had one (or was opened by us) within the last ``LINGER_S``."""
        if self.has_reader():
            self._wanted_until_s = self._clock() + LINGER_S
            return True
        return self._clock() < self._wanted_until_s

    def close(self) -> None:
        """Stop watching. May be called twice."""
        inotify, self._inotify = self._inotify, -1
        if inotify >= 0:
            os.close(inotify)

    def _is_due(self, now_s: float) -> bool:
        if self._first_event_s is None:
            return now_s - self._looked_at_s >= LOOK_AGAIN_S
        is_quiet = now_s - self._quiet_since_s >= SETTLE_S
        return is_quiet or now_s - self._first_event_s >= LONGEST_SETTLE_S

    def _fetch_events(self) -> bool:
        """Note what happened since the last time; whether anything did."""
        if self._inotify < 0:
            return False
        events = b""
        with suppress(BlockingIOError):
            events = os.read(self._inotify, 65536)
        for mask in _masks(events):
            if mask & _OPEN:
                self._opened += 1
            elif mask & (_CLOSE_WRITE | _CLOSE_NOWRITE):
                self._closed += 1
            elif mask & _IGNORED:
                logger.warning("%s is gone: whether a program reads it cannot be told any more", self._path)
                self.close()
                return False
        return bool(events)

    def _look(self, now_s: float) -> None:
        """See which processes hold the device open; without an event whoever had it may have it still."""
        self._looked_at_s, self._first_event_s = now_s, None
        if not self._opened and not self._closed and self._is_device(self._holder):
            return  # to look through all processes takes as long as several frames
        links, own, hides_something = self._holders()
        if hides_something and self._fetch_events():  # what changed while we looked was seen, or not: once more
            self._quiet_since_s = self._first_event_s = now_s
            return
        self._unseen = self._still_unseen(len(links), own) if hides_something else 0
        self._seen, self._own, self._holder = len(links), own, next(iter(links), "")
        self._opened = self._closed = 0
        has_reader = self._seen > 0 or self._unseen > 0
        if has_reader != self._has_reader:
            logger.debug("%s: %s", self._path, "a program reads it" if has_reader else "no program reads it")
        self._has_reader = has_reader

    def _still_unseen(self, seen: int, own: int) -> int:
        """How often it is held open by those that hide it: by what was opened and closed, without what is seen of that.

        Nor do our own openings count: a virtual camera that fails is closed and opened again.

        More come only by an opening and fewer by a closing: several events that became one tell nothing of them.
        """
        unseen = self._unseen + self._opened - self._closed - (seen - self._seen) - (own - self._own)
        if not self._opened:
            unseen = min(unseen, self._unseen)
        if not self._closed:
            unseen = max(unseen, self._unseen)
        return max(0, unseen)

    def _holders(self) -> tuple[list[str], int, bool]:
        """The links by which other processes are seen to hold it, how many we have, whether a user's one hides any."""
        links, own, hides_something = [], 0, False
        with os.scandir(self._proc) as processes:
            for process in processes:
                if not process.name.isdigit():
                    continue
                folder = f"{process.path}/fd"
                try:
                    found = [link for name in os.listdir(folder) if self._is_device(link := f"{folder}/{name}")]
                    if int(process.name) == os.getpid():
                        own = len(found)
                    else:
                        links += found
                except PermissionError:
                    hides_something |= any(user == os.getuid() or user >= FIRST_USER for user in _users(process))
                except OSError:
                    continue  # it has ended
        return links, own, hides_something

    def _is_device(self, link: str) -> bool:
        """Whether this link of a process leads to the device; no link leads nowhere."""
        with suppress(OSError):  # closed meanwhile
            is_named_so = os.path.basename(os.fsencode(os.readlink(link))) == self._name
            return is_named_so and _identity(os.stat(link)) == self._identity
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    """What tells this device from others, by whatever path it is opened."""
    if stat.S_ISCHR(status.st_mode):
        return -1, status.st_rdev
    return status.st_dev, status.st_ino


def _users(process: os.DirEntry[str]) -> Iterator[int]:
    """To whom a process belongs, and who started it: one that hides what it holds shows root as its owner."""
    with suppress(OSError):  # it has ended
        yield process.stat().st_uid
        with open(f"{process.path}/status", encoding="utf-8", errors="replace") as lines:
            yield from (int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def _inotify_on(path: str) -> int:
    """A descriptor that tells, without blocking, of each opening and closing of that file; raises ``OSError``."""
    if not sys.platform.startswith("linux"):
        raise OSError("inotify is a part of Linux")
    libc = ctypes.CDLL(None, use_errno=True)
    inotify: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if inotify < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if libc.inotify_add_watch(inotify, os.fsencode(path), _OPEN | _CLOSE_WRITE | _CLOSE_NOWRITE) < 0:
        error = ctypes.get_errno()
        os.close(inotify)
        raise OSError(error, os.strerror(error), path)
    return inotify


def _masks(events: bytes) -> Iterator[int]:
    """What happened, of each event in a block that was read from inotify."""
    position = 0
    while position < len(events):
        _, mask, _, name_length = _EVENT.unpack_from(events, position)
        yield mask
        position += _EVENT.size + name_length
