"""Kept results: the files, the table and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from streamer import bench
from streamer.bench.outcome import Bar, Kept, Outcome, machine_name, read_results, write_json
from streamer.bench.plot import draw, panels_of
from streamer.bench.rows import BEGIN, END, ROWS, put_into, table, verdicts
from streamer.bench.settings import WORDS
from streamer.errors import ConfigError, SinkError

MACHINE = {"cpu": "AMD EPYC 7B12", "cores": "2"}
BARS = [Bar("file to file", "720p", "backlot", 46.0, "fps"), Bar("file to file", "720p", "MediaPipe loop", 41.0, "fps")]
OUTCOME = Outcome({"contests": [1]}, {"speed/cpu/720p/picture": 1.12}, BARS)
ROOT = Path(__file__).parents[3]


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = write_json(tmp_path, "speed", MACHINE, {"rounds": 5}, OUTCOME)
    assert path.name == "speed-amd-epyc-7b12-2-cores.json"
    assert read_results(tmp_path) == [Kept("AMD EPYC 7B12, 2 cores", OUTCOME.figures, BARS)]
    assert json.loads(path.read_text())["contests"] == [1]


def test_a_file_that_is_named_gets_that_name(tmp_path: Path) -> None:
    assert write_json(tmp_path / "x.json", "speed", MACHINE, {}, OUTCOME) == tmp_path / "x.json"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_gpu_gives_the_machine_its_name() -> None:
    assert machine_name({**MACHINE, "gpu": "NVIDIA L4"}) == "NVIDIA L4"


def test_measurements_that_cannot_be_written_are_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"--json .* cannot be written"):
        write_json(tmp_path / "no" / "bench.json", "speed", {}, {}, OUTCOME)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"machine": {}, "figures": {}, "bars": [{}]}'])
def test_a_file_that_holds_no_results_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.json holds no results"):
        read_results(tmp_path)


def test_results_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        read_results(tmp_path / "none")


# -- the table -------------------------------------------------------------------------------------------------------


def row_of(lines: str, what: str) -> list[str]:
    line = next(line for line in lines.splitlines() if line.startswith(f"| {what} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_row_has_its_figure_or_the_command() -> None:
    lines = table([Kept("this machine", {"speed/cpu/720p/picture": 1.12}, [])])
    assert row_of(lines, "CPU, 720p, file to file, behind: picture")[2:] == ["at least 1.50x", "1.12x (this machine)"]
    missing = row_of(lines, "GPU, 1080p, frame path")
    assert missing[3] == "not measured here, run: `streamer bench gpu --json bench/results`"
    assert len(lines.splitlines()) == 2 + len(ROWS)


def test_two_machines_stand_in_one_row() -> None:
    lines = table([Kept("a", {"start-up/cpu": 1.0}, []), Kept("b", {"start-up/cpu": 2.0}, [])])
    assert row_of(lines, "CPU, start to first frame written")[3] == "1.00 s (a); 2.00 s (b)"


def test_commands_of_the_table_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(bench, "_run", lambda word, settings, command: asked.append(word) or 0)
    for row in ROWS:
        assert bench.main([*row.command.split(), "--json", "bench/results"]) == 0
    assert set(asked) <= WORDS.keys()


def test_keys_of_the_table_are_used_once() -> None:
    assert len({row.key for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        ({"speed/cpu/720p/blur": 1.5}, "1.50x (goal at least 1.50x: met)"),
        ({"speed/cpu/720p/blur": 1.49}, "1.49x (goal at least 1.50x: missed)"),
        ({"frame-path/cpu/720p/whole": 1.61}, "1.61x (goal at most 1.60x: missed)"),
        ({"start-up/cpu": 2.0}, "CPU, start to first frame written: 2.00 s (goal at most 2.00 s: met)"),
        ({"transcode/cpu/1080p": 3.0}, "3.00x"),
    ],
)
def test_a_figure_is_judged_by_its_goal(figures: dict[str, float], line: str) -> None:
    (said,) = verdicts(figures)
    assert said.endswith(line)


def test_a_figure_without_a_row_is_not_judged() -> None:
    assert verdicts({"speed/cpu/mine.mp4/blur": 9.0}) == []


def test_the_table_takes_its_place_in_a_page(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert bench.main(["table", "--results", str(tmp_path / "r"), "--page", str(page)]) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| what |")
    assert text.endswith(f" |\n{END}\nafter\n")
    assert "old" not in text


def test_a_page_without_a_place_for_the_table_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ConfigError, match="has no place for the table"):
        put_into(page, "x")
    with pytest.raises(ConfigError, match="cannot be read"):
        put_into(tmp_path / "none.md", "x")


def test_the_table_in_the_docs_is_that_of_the_kept_results() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    lines = table(read_results(ROOT / "bench/results"))
    assert f"{BEGIN}\n{lines}\n{END}" in page, "run: streamer bench table --page docs/performance.md"


# -- the picture -----------------------------------------------------------------------------------------------------


def test_bars_are_gathered_by_machine_and_chart() -> None:
    other = Bar("frame path alone", "720p", "backlot, matte", 9.0, "ms a frame")
    panels = panels_of([Kept("a", {}, [*BARS, other]), Kept("b", {}, BARS)])
    assert list(panels) == [
        ("a", "file to file", "fps"), ("a", "frame path alone", "ms a frame"), ("b", "file to file", "fps")
    ]  # fmt: skip
    assert panels["b", "file to file", "fps"] == BARS


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_json(tmp_path, "speed", MACHINE, {}, OUTCOME)
    out = tmp_path / "bench.png"
    assert bench.main(["plot", "--results", str(tmp_path), "--out", str(out)]) == 0
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.std() > 5
    assert out.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("results", "name", "message"),
    [([], "x.png", "no results to draw"), ([Kept("a", {}, BARS)], "x.bmp", r"must end in \.png or \.svg")],
)
def test_a_picture_that_cannot_be_drawn_is_refused(
    results: list[Kept], name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(results, tmp_path / name)
