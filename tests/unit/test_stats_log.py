from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path

import pytest
from fakes import wait

from streamer.errors import SinkError
from streamer.stats_log import StatsLog


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_in_the_file_while_it_runs_and_one_more_at_the_end(tmp_path: Path) -> None:
    path, third = tmp_path / "stats.jsonl", threading.Event()
    count = 0

    def facts() -> dict[str, object]:
        nonlocal count
        count += 1
        if count == 3:
            third.set()
        return {"frames": count}

    with StatsLog(path, facts, every_s=0.01):
        wait(third)
        before = [line["frames"] for line in lines_of(path)]
        assert before[:2] == [1, 2], "a line was kept back"
    assert [line["frames"] for line in lines_of(path)] == list(range(1, count + 1))
    assert datetime.fromisoformat(str(lines_of(path)[0]["time"])).tzinfo is not None


def test_a_short_run_leaves_one_line_after_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text('{"of": "yesterday"}\n', encoding="utf-8")
    with StatsLog(path, lambda: {"frames": 3}):
        pass
    assert [line.get("frames") for line in lines_of(path)] == [None, 3]


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="statistics cannot be written to"):
        StatsLog(tmp_path, dict)


def test_a_full_disk_is_told_at_the_end_and_stops_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    reached = False
    with pytest.raises(SinkError, match="statistics cannot be written to /dev/full"), StatsLog(full, dict):
        reached = True
    assert reached


def test_a_disk_that_hangs_is_told_at_the_end_and_does_not_hold_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.stats_log.LEAVE_S", 0.01)
    disk_is_free, count = threading.Event(), 0

    def facts() -> dict[str, object]:
        nonlocal count
        count += 1
        wait(disk_is_free)
        return {"frames": count}

    path = tmp_path / "stats.jsonl"
    log = StatsLog(path, facts)
    try:
        with pytest.raises(SinkError, match="the disk does not answer"), log:
            pass
        assert lines_of(path) == []
    finally:
        disk_is_free.set()
        log._thread.join()
    assert [line["frames"] for line in lines_of(path)] == [1]
