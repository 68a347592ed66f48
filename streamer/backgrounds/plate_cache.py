"""Plates on disk: what was painted once for a keyframe and these settings is not painted again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from streamer.frames import Alpha, Image, Size
from streamer.user_folders import user_folder

SCHEMA = 2
"""Part of every key: raise it when the same settings come to mean another plate."""
COARSE = Size(64, 36)
"""What a key sees of the keyframe and of its matte."""
STALE_AFTER_S = 3600.0
"""A temporary file or a side-car without a plate is no longer another process's work in progress at this age."""

KEY = re.compile(r"[0-9a-f]{32}")
PICTURE, SIDE_CAR, PART = ".plate.png", ".plate.json", ".part"
"""Endings of what lies in the folder. The middle word keeps thumbnails and the like, named by a digest too, safe."""
OURS = re.compile(rf"{KEY.pattern}\.plate\.(png|json)(\.[a-z0-9_]{{8}}\.part)?")

PNG_BEGIN, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One plate in a cache."""

    key: str
    size_bytes: int
    """On disk, with the side-car."""
    last_used_at_s: float
    """Seconds since the epoch."""
    about: Mapping[str, object]
    """What was said of the plate when it was put; empty if that cannot be read."""


class PlateCache:
    """Plates in one folder, at most so many bytes of them; the least recently used go first.

    Several processes may use one folder: a file appears under its name only when it is whole, and the time of the last
    use is the file's own. Nothing is opened or created until the first ``put``. The disk's troubles never stop the
    video: the first is logged as a warning, and a plate that cannot be kept is painted again next time.

    Args:
        folder: holds the plates; made when it is needed, for this user's eyes only. Other files in it are left alone.
        limit_bytes: size of all plates together with their side-cars; a plate that is larger alone is not kept.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._has_complained = False

    def get(self, key: str) -> Image | None:
        """The plate, RGB uint8 ``(h, w, 3)``, which then counts as just used; None = there is none.

        A damaged file counts as none. It is removed, and a warning is logged.

        Raises:
            ValueError: the key is not of the kind that ``plate_key`` makes.
        """
        path = self._path(key, PICTURE)
        try:
            data = path.read_bytes()
            plate = _decoded(data)
            if plate is None:
                logger.warning("the plate %s is damaged: it is removed and counts as absent", path)
                self._remove(key)
                return None
            _mark_as_used(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        return plate

    def find(self, family: str, is_like: Callable[[Mapping[str, object]], bool]) -> Image | None:
        """The plate last used of those whose key begins so and of which ``is_like`` says yes; see ``get``.

        Args:
            family: what ``plate_family`` made.
            is_like: told what was said of a plate when it was put.
        """
        try:
            plates = _plates(self._files(family))
        except OSError as error:
            self._complain(error)
            return None
        for _, key, _ in reversed(plates):
            if is_like(self._about(key)) and (found := self.get(key)) is not None:
                return found
        return None

    def put(self, key: str, image: Image, about: Mapping[str, object]) -> None:
        """Keep a plate; one under the same key is replaced.

        Args:
            key: what ``plate_key`` made, or one of a ``plate_family``.
            image: RGB uint8 ``(h, w, 3)``.
            about: facts for people, as JSON; ``prompt`` and ``seed`` are shown by ``streamer cache``.

        Raises:
            ValueError: no such key or no such picture.
            TypeError: ``about`` is not JSON.
        """
        facts = _as_json(about).encode()
        picture = _encoded(image)
        path, side_car = self._path(key, PICTURE), self._path(key, SIDE_CAR)
        try:
            self._trim(newest=key)  # first, too: on a full disk a lowered limit must make room
            if len(picture) + len(facts) <= self._limit_bytes:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(side_car, facts)  # first, so that no plate is seen without
                _write(path, picture)
            self._trim(newest=key)
        except OSError as error:
            self._complain(error)

    def entries(self) -> list[Entry]:
        """Every plate that is there, the last used first.

        Raises:
            OSError: the folder is there and cannot be listed.
        """
        plates = _plates(self._files())
        return [Entry(key, size, used_at_ns / 1e9, self._about(key)) for used_at_ns, key, size in reversed(plates)]

    def clear(self) -> int:
        """Remove every plate, and what a crash left of one; nothing else in the folder.

        A file that cannot be removed stays, with a warning.

        Returns:
            How many bytes that freed.

        Raises:
            OSError: the folder is there and cannot be listed.
        """
        freed = 0
        for name, facts in self._files().items():
            try:
                (self._folder / name).unlink()
            except FileNotFoundError:
                continue  # another process was faster
            except OSError as error:
                logger.warning("%s cannot be removed: %s", self._folder / name, error.strerror or error)
            else:
                freed += facts.st_size
        return freed

    def _path(self, key: str, ending: str) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError(f"'{key}' is no key of a plate: 32 hexadecimal digits")
        return self._folder / f"{key}{ending}"

    def _files(self, beginning: str = "") -> dict[str, os.stat_result]:
        """Every file here that a cache wrote and whose name begins so, by name."""
        try:
            with os.scandir(self._folder) as listing:
                ours = [item for item in listing if item.name.startswith(beginning) and OURS.fullmatch(item.name)]
                names = [item.name for item in ours if item.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return {}
        found = {}
        for name in names:
            try:
                found[name] = (self._folder / name).stat()  # Windows lists old times
            except FileNotFoundError:
                continue  # another process removed it
        return found

    def _about(self, key: str) -> Mapping[str, object]:
        try:
            about = json.loads(self._path(key, SIDE_CAR).read_bytes())
        except (OSError, ValueError):  # a plate is as good without
            return {}
        return about if isinstance(about, dict) else {}

    def _trim(self, newest: str) -> None:
        """Remove what a crash left, then the least recently used plates; ``newest`` last, whatever the clock says."""
        files = self._files()
        for name in _left_over(files):
            (self._folder / name).unlink(missing_ok=True)
        plates = _plates(files)
        total = sum(size for _, _, size in plates)
        for _, key, size in sorted(plates, key=lambda plate: (plate[1] == newest, plate[0])):
            if total <= self._limit_bytes:
                break
            self._remove(key)
            total -= size

    def _remove(self, key: str) -> None:
        self._path(key, PICTURE).unlink(missing_ok=True)  # first: a plate is never seen without its side-car
        self._path(key, SIDE_CAR).unlink(missing_ok=True)

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            reason = error.strerror or error
            logger.warning("the plates in %s cannot be kept or read (%s): going on without", self._folder, reason)


def plate_key(settings: Mapping[str, object], keyframe: Image, alpha: Alpha) -> str:
    """What a plate is found by: a digest of the settings and of a coarse view of the keyframe, 32 hexadecimal digits.

    The keyframe is seen at 64x36 in 16 levels and its matte at 64x36 in two, so recompressed copies mostly agree.
    A live camera's keyframes rarely do, even of a room where nothing moves: of 6912 values some lie at the border of
    two levels, and the sensor's noise flips one of them. For them there is ``plate_family``.

    Args:
        settings: everything else that the plate depends on, its size included, as JSON; the order does not matter.
        keyframe: RGB uint8 ``(h, w, 3)``.
        alpha: its matte, float32 ``(h, w)`` in [0, 1].

    Raises:
        TypeError: the settings are not JSON (a number that is not finite and a key that is no text are not).
    """
    seen = cv2.resize(keyframe, COARSE, interpolation=cv2.INTER_AREA) >> 4
    person = cv2.resize(alpha, COARSE, interpolation=cv2.INTER_AREA) > 0.5
    digest = hashlib.sha256(f"{SCHEMA}\n{_as_json(settings)}\n".encode())
    digest.update(seen.tobytes())
    digest.update(person.tobytes())
    return digest.hexdigest()[:32]


def plate_family(settings: Mapping[str, object]) -> str:
    """What the keys of all plates for these settings begin with, whatever the room: 16 hexadecimal digits.

    The other 16 are for whoever puts one to choose. Raises ``TypeError`` as ``plate_key`` does.
    """
    return hashlib.sha256(f"{SCHEMA} family\n{_as_json(settings)}\n".encode()).hexdigest()[:16]


def default_cache_folder() -> Path:
    """Where this system wants caches of this user, and in it ``backlot/plates``. It need not exist.

    Raises:
        ConfigError: the user has no home folder.
    """
    return user_folder("cache", "the cache of plates: set HOME") / "plates"


def _plates(files: Mapping[str, os.stat_result]) -> list[tuple[int, str, int]]:
    """Time of the last use (ns), key and bytes of each plate, the least recently used first."""
    plates = []
    for name, facts in files.items():
        if name.endswith(PICTURE):
            key = name.removesuffix(PICTURE)
            side_car = files.get(key + SIDE_CAR)
            plates.append((facts.st_mtime_ns, key, facts.st_size + (side_car.st_size if side_car else 0)))
    return sorted(plates)


def _left_over(files: Mapping[str, os.stat_result]) -> Iterator[str]:
    """Names of what a crash left: old, and either temporary or a side-car without its plate."""
    for name, facts in files.items():
        is_orphan = name.endswith(SIDE_CAR) and name.removesuffix(SIDE_CAR) + PICTURE not in files
        if (is_orphan or name.endswith(PART)) and time.time() - facts.st_mtime > STALE_AFTER_S:
            yield name


def _mark_as_used(path: Path) -> None:
    now_ns = time.time_ns()  # the system's own stamp is some milliseconds coarse, too coarse for an order
    with suppress(OSError):  # somebody else's, or just gone: what was read of it is as good
        os.utime(path, ns=(now_ns, now_ns))


def _write(path: Path, data: bytes) -> None:
    """Write the file whole or not at all. Raises ``OSError``; no temporary file is left then."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=PART, dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        _mark_as_used(part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _encoded(image: Image) -> bytes:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"a plate is uint8 (h, w, 3), not {image.dtype} {image.shape}")
    ok, data = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR))
    if not ok:
        raise ValueError(f"OpenCV cannot write a PNG of {image.shape[1]}x{image.shape[0]}")
    encoded: bytes = data.tobytes()
    return encoded


def _decoded(data: bytes) -> Image | None:
    """The picture; None if it is damaged."""
    if not _is_whole(data):
        return None
    try:
        # Not imread: it fails on names outside the system's code page on Windows.
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _is_whole(data: bytes) -> bool:
    """Whether every chunk of the PNG agrees with its checksum. OpenCV looks too, but tells stderr in its own words."""
    at, kind = len(PNG_BEGIN), b""
    while data.startswith(PNG_BEGIN) and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body_end = data[at + 4 : at + 8], at + 8 + length
        if data[body_end : body_end + 4] != struct.pack(">I", zlib.crc32(data[at + 4 : body_end])):
            return False
        at = body_end + 4
    return kind == PNG_END and at == len(data)


def _as_json(value: Mapping[str, object]) -> str:
    """Equal content gives equal text. Raises ``TypeError`` for what JSON does not have."""
    try:
        text = json.dumps(dict(value), sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise TypeError(f"{value!r} is not JSON: {error}") from error
    _check_names(value)
    return text


def _check_names(value: object) -> None:
    """Refuse what ``json.dumps`` would turn into a text unasked: 1 and "1" are two names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"the name {name!r} is not JSON: it must be a text")
            _check_names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_names(inner)
