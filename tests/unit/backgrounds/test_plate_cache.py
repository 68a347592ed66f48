from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.backgrounds.plate_cache import (
    STALE_AFTER_S,
    PlateCache,
    default_cache_folder,
    plate_key,
)
from streamer.errors import ConfigError
from streamer.frames import Alpha, Image

PLENTY = 10**9
A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
ABOUT = {"prompt": "a library at dusk", "seed": 7}


def plate(seed: int = 0, height: int = 20) -> Image:
    """Noise: it cannot be compressed, so every plate of one height is as large as the next, within a few bytes."""
    return np.random.default_rng(seed).integers(0, 256, (height, 30, 3), np.uint8)


def left_half(keyframe: Image) -> Alpha:
    alpha = np.zeros(keyframe.shape[:2], np.float32)
    alpha[:, : alpha.shape[1] // 2] = 1
    return alpha


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some" / "plates"


def room_for(count: int, folder: Path) -> int:
    """A limit that so many plates just fit."""
    PlateCache(folder, PLENTY).put(A, plate(), ABOUT)
    size_bytes = PlateCache(folder, PLENTY).entries()[0].size_bytes
    PlateCache(folder, PLENTY).clear()
    return count * (size_bytes + 20)


def keys(cache: PlateCache) -> list[str]:
    return [entry.key for entry in cache.entries()]


def age(path: Path, by_s: float) -> None:
    then_s = time.time() - by_s
    os.utime(path, (then_s, then_s))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


# -- put and get -----------------------------------------------------------------------------------------------------


def test_a_plate_comes_back_with_every_pixel_and_red_as_red(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    red = np.zeros((9, 16, 3), np.uint8)
    red[..., 0] = 255
    cache.put(A, plate(), ABOUT)
    cache.put(B, red, {})
    got = cache.get(A)
    assert got is not None
    assert got.dtype == np.uint8
    assert np.array_equal(got, plate())
    assert np.array_equal(cache.get(B), red)
    on_disk = cv2.imread(str(folder / f"{B}.plate.png"))
    assert on_disk is not None
    assert tuple(on_disk[0, 0]) == (0, 0, 255), "other programs see it blue"


def test_nothing_is_created_before_the_first_put(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    assert cache.get(A) is None
    assert cache.entries() == []
    assert cache.clear() == 0
    assert not folder.parent.exists()


def test_a_folder_outside_ascii_is_used(tmp_path: Path) -> None:
    cache = PlateCache(tmp_path / "Büro 北", PLENTY)
    cache.put(A, plate(), ABOUT)
    assert np.array_equal(cache.get(A), plate())


def test_a_view_of_another_array_is_kept_as_it_looks(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate()[::2, ::-1, ::-1], {})
    assert np.array_equal(cache.get(A), plate()[::2, ::-1, ::-1])


def test_the_next_process_finds_what_this_one_put(folder: Path) -> None:
    PlateCache(folder, PLENTY).put(A, plate(), ABOUT)
    assert np.array_equal(PlateCache(folder, PLENTY).get(A), plate())


def test_entries_tell_size_time_and_facts_of_each_plate(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    (entry,) = cache.entries()
    assert (entry.key, entry.about) == (A, ABOUT)
    assert entry.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert abs(entry.last_used_at_s - time.time()) < 60


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_plate_with_a_damaged_side_car_is_a_plate_without_facts(folder: Path, text: str) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    (folder / f"{A}.plate.json").write_bytes(text.encode("latin-1"))
    assert [entry.about for entry in cache.entries()] == [{}]
    assert cache.get(A) is not None


@pytest.mark.parametrize("key", ["", "../" + 29 * "a", 31 * "a", 33 * "a", 32 * "A", 32 * "a" + "\n"])
def test_what_is_no_key_never_becomes_a_path(folder: Path, key: str) -> None:
    cache = PlateCache(folder, PLENTY)
    with pytest.raises(ValueError, match="is no key of a plate"):
        cache.get(key)
    with pytest.raises(ValueError, match="is no key of a plate"):
        cache.put(key, plate(), {})


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 4), (0, 5, 3)])
def test_what_is_no_plate_is_refused(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a plate is uint8"):
        PlateCache(folder, PLENTY).put(A, np.zeros(shape, np.uint8), {})
    assert not folder.exists()


def test_facts_that_are_not_json_are_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(TypeError):
        PlateCache(folder, PLENTY).put(A, plate(), {"prompt": Path("a")})
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions elsewhere")
def test_plates_are_for_the_eyes_of_their_user_only(folder: Path) -> None:
    PlateCache(folder, PLENTY).put(A, plate(), ABOUT)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


# -- the limit -------------------------------------------------------------------------------------------------------


def test_the_plate_that_was_put_first_goes_first(folder: Path) -> None:
    cache = PlateCache(folder, room_for(2, folder))
    for seed, key in enumerate((A, B, C)):
        cache.put(key, plate(seed), ABOUT)
    assert keys(cache) == [C, B]
    assert cache.get(A) is None
    assert len(list(folder.iterdir())) == 4, "a side-car is left"


def test_a_plate_that_is_used_stays(folder: Path) -> None:
    cache = PlateCache(folder, room_for(2, folder))
    cache.put(A, plate(0), ABOUT)
    cache.put(B, plate(1), ABOUT)
    assert cache.get(A) is not None
    cache.put(C, plate(2), ABOUT)
    assert keys(cache) == [C, A]


def test_as_many_go_as_it_takes(folder: Path) -> None:
    cache = PlateCache(folder, room_for(4, folder))
    for seed, key in enumerate((A, B, C)):
        cache.put(key, plate(seed), ABOUT)
    cache.put(D, plate(3, height=56), ABOUT)  # nearly three plates large
    assert keys(cache) == [D, C]


def test_a_smaller_limit_holds_from_the_next_put(folder: Path) -> None:
    limit_bytes = room_for(1, folder)
    for seed, key in enumerate((A, B, C)):
        PlateCache(folder, PLENTY).put(key, plate(seed), ABOUT)
    cache = PlateCache(folder, limit_bytes)
    cache.put(D, plate(3), ABOUT)
    assert keys(cache) == [D]


def test_a_plate_larger_than_the_limit_costs_the_others_nothing(folder: Path) -> None:
    cache = PlateCache(folder, room_for(2, folder))
    cache.put(A, plate(0), ABOUT)
    cache.put(B, plate(1, height=400), ABOUT)
    assert keys(cache) == [A]


def test_the_newest_plate_stays_though_the_clock_was_set_back(folder: Path) -> None:
    cache = PlateCache(folder, room_for(1, folder))
    cache.put(A, plate(0), ABOUT)
    age(folder / f"{A}.plate.png", by_s=-86400)
    cache.put(B, plate(1), ABOUT)
    assert keys(cache) == [B]


@settings(max_examples=25, deadline=None)
@given(puts=st.lists(st.tuples(st.sampled_from([A, B, C, D]), st.integers(1, 60)), max_size=8), room=st.integers(1, 4))
def test_the_limit_holds_after_every_put_and_nothing_goes_without_need(
    puts: list[tuple[str, int]], room: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("plates")
    limit_bytes = room * 2500
    cache = PlateCache(folder, limit_bytes)
    recent: dict[str, int] = {}  # what a plain model of the cache holds, the least recently put first
    for key, height in puts:
        cache.put(key, plate(height, height), {})
        everything = {path.name: path.stat().st_size for path in folder.iterdir()}
        assert sum(everything.values()) <= limit_bytes
        size_bytes = len(cv2.imencode(".png", plate(height, height)[..., ::-1])[1]) + len("{}")
        if size_bytes <= limit_bytes:
            recent.pop(key, None)
            recent[key] = size_bytes
            while sum(recent.values()) > limit_bytes:
                recent.pop(next(iter(recent)))
        assert keys(cache) == list(reversed(recent))


# -- damage, crashes and full disks ----------------------------------------------------------------------------------


def cut_short(data: bytes) -> bytes:
    return data[: len(data) // 2]


def with_a_flipped_bit(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: list[Callable[[bytes], bytes]] = [
    cut_short,
    with_a_flipped_bit,
    lambda data: b"",
    lambda data: b"no picture",
    lambda data: data[:-1],
    lambda data: data + b"x",
    lambda data: data[:8],
    lambda data: data[:8] + data[-12:],  # sound chunks that are no picture
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plate_is_absent_removed_and_told_in_one_line(
    folder: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    cache.put(B, plate(1), ABOUT)
    path = folder / f"{A}.plate.png"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(A) is None
    assert len(warnings(caplog)) == 1
    assert str(path) in warnings(caplog)[0]
    assert "\n" not in warnings(caplog)[0]
    assert cache.get(A) is None, "a second time"
    assert len(warnings(caplog)) == 1
    assert keys(cache) == [B]


@pytest.mark.parametrize("damage", [cut_short, with_a_flipped_bit])
def test_the_picture_library_does_not_speak_of_the_damage_itself(
    folder: Path, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    path = folder / f"{A}.plate.png"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(A) is None
    assert "PNG" not in capfd.readouterr().err.replace(str(path), "")


def stop_at(monkeypatch: pytest.MonkeyPatch, ending: str, error: BaseException) -> None:
    """Fail when the file with this ending is about to get its name."""
    replace = os.replace

    def failing(source: Any, target: Any) -> None:
        if str(target).endswith(ending):
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)


@pytest.mark.parametrize("ending", [".png", ".json"])
def test_a_crash_before_the_file_has_its_name_leaves_the_old_plate(
    folder: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(0), ABOUT)
    with monkeypatch.context() as patch:
        stop_at(patch, ending, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            cache.put(A, plate(1), ABOUT)
    assert np.array_equal(cache.get(A), plate(0))
    assert sorted(path.name for path in folder.iterdir()) == [f"{A}.plate.json", f"{A}.plate.png"]


def test_a_plate_is_never_seen_without_its_side_car(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, ".png", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        PlateCache(folder, PLENTY).put(A, plate(), ABOUT)
    assert [path.name for path in folder.iterdir()] == [f"{A}.plate.json"]
    assert PlateCache(folder, PLENTY).get(A) is None
    assert PlateCache(folder, PLENTY).entries() == []


def killed_while_writing(folder: Path) -> None:
    os.replace = lambda source, target: os._exit(9)  # type: ignore[assignment]
    PlateCache(folder, PLENTY).put(B, plate(1), ABOUT)


def leave_a_part(folder: Path) -> Path:
    """Die as a process does that is killed: no ``except`` and no ``finally`` runs."""
    process = multiprocessing.get_context("spawn").Process(target=killed_while_writing, args=(folder,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    (part,) = folder.glob(f"{B}*")
    return part


def test_what_a_killed_process_left_is_no_plate_and_goes_when_it_is_old(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    part = leave_a_part(folder)
    assert keys(cache) == [A]
    cache.put(C, plate(2), ABOUT)
    assert part.exists(), "another process may be writing it still"
    age(part, by_s=STALE_AFTER_S + 60)
    cache.put(D, plate(3), ABOUT)
    assert not part.exists()
    assert keys(cache) == [D, C, A]


def test_an_old_side_car_without_a_plate_goes_and_a_fresh_one_stays(folder: Path) -> None:
    cache = PlateCache(folder, PLENTY)
    folder.mkdir(parents=True)
    old, fresh = folder / f"{A}.plate.json", folder / f"{B}.plate.json"
    old.write_text("{}")
    fresh.write_text("{}")
    age(old, by_s=STALE_AFTER_S + 60)
    cache.put(C, plate(), ABOUT)
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("ending", [".png", ".json"])
def test_a_full_disk_costs_one_warning_and_leaves_no_part(
    folder: Path, ending: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(0), ABOUT)
    stop_at(monkeypatch, ending, OSError(errno.ENOSPC, "No space left on device"))
    for seed in range(3):
        cache.put(B, plate(seed), ABOUT)
    assert [line for line in warnings(caplog) if "No space left on device" in line] == warnings(caplog)
    assert len(warnings(caplog)) == 1
    assert not list(folder.glob("*.part"))
    assert np.array_equal(cache.get(A), plate(0))
    assert cache.get(B) is None


def test_a_smaller_limit_holds_on_a_full_disk_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_bytes = room_for(1, folder)
    for seed, key in enumerate((A, B, C)):
        PlateCache(folder, PLENTY).put(key, plate(seed), ABOUT)
    stop_at(monkeypatch, ".json", OSError(errno.ENOSPC, "No space left on device"))
    cache = PlateCache(folder, limit_bytes)
    cache.put(D, plate(3), ABOUT)
    assert keys(cache) == [C]


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "plates"):
        caplog.clear()
        cache = PlateCache(folder, PLENTY)
        for _ in range(2):
            cache.put(A, plate(), ABOUT)
            assert cache.get(A) is None
        assert len(warnings(caplog)) == 1
        assert str(folder) in warnings(caplog)[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_read_and_not_written(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)
    folder.chmod(0o500)
    try:
        cache.put(B, plate(1), ABOUT)
        cache.put(C, plate(2), ABOUT)
        assert np.array_equal(cache.get(A), plate())
        assert len(warnings(caplog)) == 1
    finally:
        folder.chmod(0o700)


def test_a_plate_that_cannot_be_marked_as_used_is_shown_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(), ABOUT)

    def refuse(path: Any, **times: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    assert np.array_equal(cache.get(A), plate())
    assert warnings(caplog) == []


# -- several processes -----------------------------------------------------------------------------------------------


def test_two_caches_on_one_folder_see_each_other_and_keep_to_the_limit_together(folder: Path) -> None:
    limit_bytes = room_for(2, folder)
    one, other = PlateCache(folder, limit_bytes), PlateCache(folder, limit_bytes)
    one.put(A, plate(0), ABOUT)
    other.put(B, plate(1), ABOUT)
    assert np.array_equal(other.get(A), plate(0))
    one.put(C, plate(2), ABOUT)
    assert keys(one) == keys(other) == [C, A]
    assert other.get(B) is None
    assert other.clear() > 0
    assert one.get(C) is None


def busy(folder: Path, limit_bytes: int, seed: int) -> None:
    """Put and get as fast as it goes; leave with an error when anything but a whole plate comes back."""
    caught: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: caught.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("streamer").addHandler(handler)
    cache = PlateCache(folder, limit_bytes)
    for turn in range(60):
        number = (turn * (seed + 2)) % 4
        cache.put((A, B, C, D)[number], plate(number), ABOUT)
        for other, key in enumerate((A, B, C, D)):
            got = cache.get(key)
            assert got is None or np.array_equal(got, plate(other))
        cache.entries()
    assert not caught, caught


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses to replace what is being read: that warns")
def test_processes_that_write_and_read_at_once_get_whole_plates_and_no_warning(folder: Path) -> None:
    limit_bytes = room_for(2, folder)
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=busy, args=(folder, limit_bytes, seed)) for seed in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert not list(folder.glob("*.part"))


# -- clear -----------------------------------------------------------------------------------------------------------


def test_clear_frees_every_plate_and_leaves_foreign_files_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = PlateCache(folder, PLENTY)
    cache.put(A, plate(0), ABOUT)
    cache.put(B, plate(1), ABOUT)
    written = list(folder.iterdir())
    part = folder / f"{C}.plate.png.0a_b1c2d.part"
    part.write_bytes(b"half a plate")
    foreign = [
        "holiday.png",
        f"{A}.png",  # a thumbnail is named by a digest, too
        "notes.json",
        f"{A}.plate.png.bak",
        f"my {A}.plate.png",
        f"{A.upper()}2.plate.png",
        "0a_b1c2d.part",
        ".hidden",
    ]
    for name in foreign:
        (folder / name).write_text("mine")
    (folder / f"{D}.plate.png").mkdir()
    assert keys(cache) == [B, A]
    expected = sum(path.stat().st_size for path in [*written, part])
    assert cache.clear() == expected
    assert sorted(path.name for path in folder.iterdir()) == sorted([*foreign, f"{D}.plate.png"])
    assert cache.clear() == 0
    assert warnings(caplog) == []


def test_clear_removes_what_a_killed_process_left(folder: Path) -> None:
    part = leave_a_part(folder)
    assert PlateCache(folder, PLENTY).clear() > 0
    assert not part.exists()


def test_foreign_files_do_not_count_towards_the_limit_and_are_not_evicted(folder: Path) -> None:
    cache = PlateCache(folder, room_for(1, folder))
    (folder / "holiday.png").write_bytes(bytes(10**6))
    cache.put(A, plate(0), ABOUT)
    cache.put(B, plate(1), ABOUT)
    assert keys(cache) == [B]
    assert (folder / "holiday.png").stat().st_size == 10**6


# -- keys ------------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=6
)
SETTINGS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
KEYFRAME = np.random.default_rng(5).integers(0, 256, (72, 128, 3), np.uint8)


def key_of(settings: dict[str, Any]) -> str:
    return plate_key(settings, KEYFRAME, left_half(KEYFRAME))


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(value)}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


@given(SETTINGS)
def test_the_order_of_settings_does_not_matter_and_the_key_is_one(settings: dict[str, Any]) -> None:
    key = key_of(settings)
    assert key == key_of(reordered(settings))
    PlateCache(Path("nowhere"), PLENTY).get(key)  # raises on what is no key


@given(SETTINGS, SETTINGS)
def test_other_settings_give_another_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    is_equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(one) == key_of(other)) == is_equal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"seed": 1}, {"seed": 2}),
        ({"seed": 1}, {"seed": "1"}),
        ({"seed": None}, {}),
        ({"a": "b"}, {"b": "a"}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1, "c": 2}}),
    ],
)
def test_settings_that_look_alike_are_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    "value",
    [Path("a"), {1, 2}, b"bytes", float("nan"), float("inf"), np.float32(1), {1: "a"}, [{"a": {None: 1}}], object()],
    ids=repr,
)
def test_settings_that_are_not_json_raise_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        key_of({"value": value})


def test_the_key_follows_the_keyframe_and_its_matte() -> None:
    alpha = left_half(KEYFRAME)
    key = plate_key({}, KEYFRAME, alpha)
    assert plate_key({}, KEYFRAME[::-1], alpha) != key
    assert plate_key({}, KEYFRAME[..., ::-1], alpha) != key
    assert plate_key({}, KEYFRAME, 1 - alpha) != key


@given(
    level=st.integers(1, 14),
    noise=st.integers(0, 2**32 - 1),
    size=st.sampled_from([(360, 640), (450, 800), (719, 1281)]),
)
@settings(max_examples=20, deadline=None)
def test_noise_whose_average_stays_within_a_level_keeps_the_key(level: int, noise: int, size: tuple[int, int]) -> None:
    """Averages stay off the borders of a level here, which is what a real keyframe cannot promise."""
    calm = np.full((*size, 3), 16 * level + 8, np.uint8)
    noisy = (calm + np.random.default_rng(noise).integers(-14, 15, calm.shape)).astype(np.uint8)
    soft = (left_half(calm) * 0.7 + 0.1).astype(np.float32)
    assert plate_key({}, calm, left_half(calm)) == plate_key({}, noisy, soft)


def test_the_key_is_the_same_tomorrow() -> None:
    """Plates on users' disks are found by it: when this fails, raise ``SCHEMA`` and write down the new key."""
    grey = np.full((36, 64, 3), 100, np.uint8)
    assert plate_key({"prompt": "ä", "seed": 1}, grey, left_half(grey)) == "9bba84126eccb36ea0bec24949e5b6fe"


# -- where it lies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "{home}/.cache/backlot/plates"),
        ("linux", {"XDG_CACHE_HOME": "{home}/elsewhere"}, "{home}/elsewhere/backlot/plates"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "{home}/.cache/backlot/plates"),
        ("linux", {"XDG_CACHE_HOME": ""}, "{home}/.cache/backlot/plates"),
        ("darwin", {"XDG_CACHE_HOME": "{home}/elsewhere"}, "{home}/Library/Caches/backlot/plates"),
        ("win32", {"LOCALAPPDATA": "{home}/Local"}, "{home}/Local/backlot/plates"),
        ("win32", {}, "{home}/AppData/Local/backlot/plates"),
    ],
)
def test_the_folder_is_where_the_system_wants_caches(
    platform: str, variables: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    assert default_cache_folder() == Path(expected.format(home=tmp_path))
    assert not any(tmp_path.iterdir())


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(ConfigError, match="no home folder"):
        default_cache_folder()
