"""The remote control of a real run: what is asked for is what the sink gets, and the run does not suffer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import SIZE, RecordingSink, ScriptedSegmenter, ScriptedSource, wait
from remote_parts import TOKEN

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from streamer import build, cli, networks, sinks, sources
from streamer.config import StreamConfig
from streamer.errors import ConfigError
from streamer.frames import Frame

GREEN = (20, 90, 40)


class DescribedSegmenter(ScriptedSegmenter):
    description = "a script"
    steps = 1


class Run:
    """A run of gated frames, and its remote control."""

    def __init__(self, stream: build.Stream, gates: list[threading.Event], sink: RecordingSink) -> None:
        self.stream, self.sink = stream, sink
        self.thread = threading.Thread(target=stream.pipeline.run, name="run")
        self._gates = gates
        self._written = [threading.Event() for _ in gates]
        self._port = int(stream.remote_notice.split(" (")[0].rpartition(":")[2])

    def note(self, frame: Frame) -> None:
        self._written[frame.index].set()

    def let_through(self, index: int) -> Frame:
        """The frame of that number, as the sink gets it."""
        self._gates[index].set()
        wait(self._written[index])
        return next(frame for frame in self.sink.frames if frame.index == index)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, text if path == "/metrics" else json.loads(text)
        finally:
            connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    cv2.imwrite(str(folder / "green.png"), np.full((24, 32, 3), GREEN[::-1], np.uint8))
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "damaged.mp4").write_bytes(b"no video")
    cv2.imwrite(str(tmp_path / "secret.png"), np.full((24, 32, 3), 255, np.uint8))
    return folder


@pytest.fixture
def start(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Starts a run on a thread of its own; it ends with the ``with``, its sources and sinks closed."""
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(TOKEN, encoding="utf-8")

    @contextmanager
    def start(*, is_live: bool = True, count: int = 8, **settings: object) -> Iterator[Run]:
        gates = [threading.Event() for _ in range(count)]
        source = ScriptedSource(count, is_live=is_live, gates=dict(enumerate(gates)))
        sink = RecordingSink()
        monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: source)
        monkeypatch.setattr(networks, "open_matte", lambda config, stats, **_: DescribedSegmenter())
        monkeypatch.setattr(sinks, "open_sink", lambda spec, info, **wishes: sink)
        base = {"output": "null", "api": 0, "api_token_file": token_file, "api_backgrounds": folder}
        config = StreamConfig(**{**base, "background": "color:#000040", **settings})  # type: ignore[arg-type]
        runs: list[Run] = []
        with build.opened(config, on_written=lambda frame: runs[0].note(frame)) as stream:
            runs.append(Run(stream, gates, sink))
            runs[0].thread.start()
            try:
                yield runs[0]
            finally:
                stream.pipeline.stop()
                runs[0].thread.join(20)
        assert source.closed

    return start


def right_half(frame: Frame) -> tuple[int, ...]:
    """The colour where nobody stands."""
    found = np.unique(frame.image[:, SIZE.width // 2 + 2 :].reshape(-1, 3), axis=0)
    assert len(found) == 1
    return tuple(int(value) for value in found[0])


@pytest.mark.parametrize("is_live", [True, False])
def test_a_background_chosen_meanwhile_is_what_the_sink_gets(start: Callable[..., Any], is_live: bool) -> None:
    with start(is_live=is_live) as run:
        assert right_half(run.let_through(0)) == (0, 0, 0x40)
        status, state = run.ask("POST", "/api/background", {"spec": "green.png"})
        assert (status, state["backgrounds"][state["background"]]) == (200, "green.png")
        assert right_half(run.let_through(1)) == GREEN
        run.ask("POST", "/api/background", {"spec": "color:#204060"})
        assert right_half(run.let_through(2)) == (0x20, 0x40, 0x60)
        run.ask("POST", "/api/background", {"index": 0})
        assert right_half(run.let_through(3)) == (0, 0, 0x40)
        run.ask("POST", "/api/background", {"spec": "green.png"})
        assert right_half(run.let_through(4)) == GREEN
        names = run.ask("GET", "/api/state")[1]["backgrounds"]
        assert names.count("green.png") == 1


def test_the_room_is_not_shown_once_the_camera_is_off(start: Callable[..., Any]) -> None:
    with start() as run:
        run.let_through(0)
        assert run.ask("POST", "/api/pause", {"paused": True})[0] == 200
        np.testing.assert_array_equal(run.let_through(1).image, np.full((12, 16, 3), (0, 0, 0x40), np.uint8))
        run.ask("POST", "/api/panic", {"on": True})
        assert len(np.unique(run.let_through(2).image)) == 1
        run.ask("POST", "/api/pause", {"paused": False})
        run.ask("POST", "/api/panic", {"on": False})
        assert run.let_through(3).image.max() >= 128, "the person is back"


@pytest.mark.parametrize(
    ("spec", "status"),
    [("../secret.png", 403), ("damaged.png", 422), ("damaged.mp4", 422), ("blur:999", 422), ("color:red", 422)],
)
def test_what_cannot_be_shown_leaves_the_run_as_it_was(start: Callable[..., Any], spec: str, status: int) -> None:
    with start() as run:
        run.let_through(0)
        before = run.ask("GET", "/api/state")[1]
        answered, problem = run.ask("POST", "/api/background", {"spec": spec})
        assert answered == status
        assert "\n" not in problem["detail"]
        after = run.ask("GET", "/api/state")[1]
        assert after["backgrounds"] == before["backgrounds"]
        assert right_half(run.let_through(1)) == (0, 0, 0x40)


@pytest.mark.parametrize("settings", [{"background": "transparent"}, {"write": "alpha"}, {"write": "foreground"}])
def test_without_a_background_behind_none_can_be_added(start: Callable[..., Any], settings: dict[str, str]) -> None:
    with start(**settings) as run:
        assert run.ask("POST", "/api/background", {"spec": "gradient"})[0] == 409


def test_figures_and_metrics_are_of_this_run(start: Callable[..., Any]) -> None:
    with start() as run:
        run.let_through(0)
        run.let_through(1)
        figures = run.ask("GET", "/api/state")[1]["figures"]
        assert figures["device"] == "a script"
        assert figures["plate_age_s"] is None
        assert figures["latency_p95_ms"] >= figures["latency_p50_ms"] > 0
        status, text = run.ask("GET", "/metrics")
        assert status == 200
        assert 'backlot_info{device="a script"} 1.0' in text
        assert "backlot_frames_total 2.0" in text


def test_quit_ends_the_run(start: Callable[..., Any]) -> None:
    with start() as run:
        run.let_through(0)
        assert run.ask("POST", "/api/action", {"action": "quit"})[0] == 200
        run.thread.join(20)
        assert not run.thread.is_alive()


def test_many_requests_at_once_while_frames_pass(start: Callable[..., Any]) -> None:
    count, askers = 60, 6
    with start(is_live=False, count=count) as run:
        statuses: list[int] = []
        names: list[list[str]] = []

        def ask_much(number: int) -> None:
            for turn in range(8):
                spec = f"color:#0000{number * 8 + turn % 4:02x}"
                for method, path, body in (
                    ("POST", "/api/background", {"spec": spec}),
                    ("GET", "/api/state", None),
                    ("POST", "/api/background", {"index": turn % 2}),
                    ("GET", "/metrics", None),
                ):
                    status, answer = run.ask(method, path, body)
                    statuses.append(status)
                    if path == "/api/state":
                        names.append(answer["backgrounds"])
                        assert answer["background"] < len(answer["backgrounds"])

        threads = [threading.Thread(target=ask_much, args=(number,)) for number in range(askers)]
        for thread in threads:
            thread.start()
        for index in range(count):
            red, green, blue = right_half(run.let_through(index))
            assert (red, green) == (0, 0)
            assert blue <= 0x40
        for thread in threads:
            thread.join(60)
        assert len(statuses) == askers * 8 * 4
        assert set(statuses) == {200}
        assert max(len(found) for found in names) == 1 + askers * 4, "a background was opened twice, or lost"
        assert [frame.index for frame in run.sink.frames] == list(range(count))
        snapshot = run.stream.pipeline.snapshot()
        assert snapshot.counters.get("failed_frames", 0) == snapshot.counters.get("failed_backgrounds", 0) == 0


def test_backgrounds_that_were_added_are_closed_at_the_end(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.backgrounds.still import StillBackground

    opened, closed = [], []
    open_background = build.backgrounds.open_background

    def noted(spec: str, **more: Any) -> Any:
        background = open_background(spec, **more)
        opened.append(background)
        return background

    monkeypatch.setattr(build.backgrounds, "open_background", noted)
    monkeypatch.setattr(StillBackground, "close", lambda self: closed.append(self))
    with start() as run:
        for spec in ("green.png", "color:#204060"):
            assert run.ask("POST", "/api/background", {"spec": spec})[0] == 200
    stills = [background for background in opened if isinstance(background, StillBackground)]
    assert len(stills) == 3
    assert all(any(background is other for other in closed) for background in stills)


def test_a_port_in_use_is_one_clear_line_before_anything_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    opened: list[str] = []
    monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: opened.append(spec))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["--output", "out.mp4", "--api", str(port)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: the remote control cannot have port {port} at 127.0.0.1: another program uses")
    assert said.err.count("\n") == 1
    assert opened == []
    assert not (tmp_path / "out.mp4").exists()


def test_the_program_says_where_it_listens_and_never_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: ScriptedSource(3))
    monkeypatch.setattr(networks, "open_matte", lambda config, stats, **_: DescribedSegmenter())
    args = ["--output", "null", "--background", "color:#204060", "--log-level", "debug", "--api", "0"]
    assert cli.main(args) == 0
    said = capsys.readouterr()
    token_file = tmp_path / "backlot" / "api-token"
    assert said.err.count(str(token_file)) == 1
    assert said.err.startswith("remote control at http://127.0.0.1:")
    assert token_file.read_text(encoding="utf-8").strip() not in said.err + said.out


def test_a_wrong_setting_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        build.check(StreamConfig(api=0, api_backgrounds=tmp_path / "none"))


def test_the_log_of_measurements_grows_and_ends_with_the_last_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: ScriptedSource(5))
    monkeypatch.setattr(networks, "open_matte", lambda config, stats, **_: DescribedSegmenter())
    path = tmp_path / "stats.jsonl"
    for _ in range(2):
        assert cli.main(["--output", "null", "--background", "color:#204060", "--stats", str(path)]) == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["frames"] for line in lines][-1] == 5
    assert sum(line["frames"] == 5 for line in lines) >= 2
    assert {"time", "input", "latency", "stages", "dropped", "plate_age_s", "matte"} <= lines[-1].keys()
    single = tmp_path / "stats.json"
    assert cli.main(["--output", "null", "--background", "color:#204060", "--stats", str(single)]) == 0
    assert json.loads(single.read_text(encoding="utf-8")).keys() == lines[-1].keys() - {"time"}
