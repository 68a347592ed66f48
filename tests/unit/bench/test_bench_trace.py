"""Pictures of where the time goes."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest

from streamer import bench
from streamer.bench.device_trace import FRAMES, check_out, trace_device
from streamer.bench.flame import WIDTH_PX, flame_svg
from streamer.bench.stacks import StackSampler, largest
from streamer.channels import Channel
from streamer.errors import ConfigError, SinkError
from streamer.stats import Stats

SECONDS = {("matte", "a: one", "b: two"): 3.0, ("matte", "a: one"): 1.0, ("render", "c: <three>"): 4.0}
SVG = "{http://www.w3.org/2000/svg}"


def test_the_largest_costs_are_those_of_the_functions_themselves() -> None:
    assert largest(SECONDS, 2) == [("c: <three>", 4.0), ("b: two", 3.0)]


def test_boxes_are_as_wide_as_the_time() -> None:
    root = ElementTree.fromstring(flame_svg(SECONDS, "Title & more"))
    boxes = {}
    for group in root.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert title.text is not None
        assert box is not None
        boxes[title.text.rsplit(":", 1)[0]] = (
            float(box.get("x", "")),
            float(box.get("width", "")),
            int(box.get("y", "")),
        )
    assert {name: round((box[1] + 0.5) / WIDTH_PX, 3) for name, box in boxes.items()} == {
        "matte": 0.5, "render": 0.5, "a: one": 0.5, "b: two": 0.375, "c: <three>": 0.5
    }  # fmt: skip
    assert boxes["a: one"][0] == boxes["matte"][0] == boxes["b: two"][0]
    assert boxes["matte"][2] < boxes["a: one"][2] < boxes["b: two"][2]


def test_what_is_too_narrow_to_read_is_left_out() -> None:
    assert "tiny" not in flame_svg({("a", "long"): 1.0, ("a", "tiny"): 0.001}, "x")
    assert ElementTree.fromstring(flame_svg({}, "nothing")) is not None


def test_a_thread_that_waits_for_another_costs_nothing() -> None:
    """One thread stands in a function of ours, another waits at a channel."""
    sampler, stats, channel = StackSampler(), Stats(), Channel[int](1)
    inside, enough = threading.Event(), threading.Event()

    def works() -> None:
        with stats.time("x"):
            inside.set()
            while not enough.is_set():
                stats.count("rounds")

    def waits() -> None:
        for _ in channel:
            pass

    threads = [threading.Thread(target=works, name="works"), threading.Thread(target=waits, name="waits")]
    for thread in threads:
        thread.start()
    try:
        inside.wait(10)
        give_up_at_s = time.monotonic() + 10
        while not sampler.seconds and time.monotonic() < give_up_at_s:  # threads take turns of some milliseconds
            sampler.look(0.5)
    finally:
        enough.set()
        channel.close()
        for thread in threads:
            thread.join()
    assert {stack[0] for stack in sampler.seconds} == {"works"}
    assert {stack[1] for stack in sampler.seconds} <= {"stats.py: Stats.count"}


@pytest.mark.slow
def test_the_program_is_drawn_as_a_flame_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "trace.svg"
    assert bench.main(["trace", "--out", str(out), "--frames", "20", "--json", str(tmp_path / "t.json")]) == 0
    text = out.read_text()
    assert len(text) < 300_000
    assert "Renderer.matte" in text
    assert str(Path.cwd()) not in text
    costs = json.loads((tmp_path / "t.json").read_text())["trace"]
    assert 1 <= len(costs) <= 3
    assert costs[0]["frame_ms"] > 0
    assert costs[0]["name"] in capsys.readouterr().out


@pytest.mark.parametrize("name", ["t.json", "t.png", "t.svg"])
def test_a_devices_work_is_recorded(name: str, tmp_path: Path, one_torch_thread: None) -> None:
    import torch

    if name != "t.json":
        pytest.importorskip("matplotlib")
    left = torch.rand(200, 200)
    costs = trace_device(lambda: left @ left, "cpu", tmp_path / name)
    assert costs[0].name == "aten::mm"
    assert 0 < costs[0].share <= 1
    assert costs[0].ms_a_frame > 0
    if name == "t.json":
        events = json.loads((tmp_path / name).read_text())["traceEvents"]
        assert sum(event.get("name") == "aten::mm" for event in events) == FRAMES
    if name == "t.png":
        assert cv2.imread(str(tmp_path / name)).std() > 5


def test_files_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.png, \.svg or \.json"):
        check_out(Path("trace.txt"))
    with pytest.raises(ConfigError, match=r"must end in \.svg"):
        bench.main(["trace", "--out", str(tmp_path / "x.png")])
    with pytest.raises(SinkError, match="there is no such folder"):
        bench.main(["trace", "--out", str(tmp_path / "none" / "x.svg")])
