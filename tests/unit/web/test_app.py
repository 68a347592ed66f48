"""What can be asked, and what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from remote_parts import ScriptedRemote, client_of

pytest.importorskip("fastapi", reason="needs the extra web")

from starlette.testclient import TestClient

from streamer.controls import ACTIONS
from streamer.errors import ConfigError


@pytest.fixture
def parts(tmp_path: Path) -> ScriptedRemote:
    return ScriptedRemote(folder=tmp_path, plate_age_s=lambda: 12.5)


@pytest.fixture
def client(parts: ScriptedRemote) -> Iterator[TestClient]:
    with client_of(parts.remote) as client:
        yield client


def test_the_state_tells_what_is_shown_and_how_it_goes(client: TestClient, parts: ScriptedRemote) -> None:
    parts.stats.record("segment", 0.02)
    assert client.get("/api/state").json() == {
        "background": 0,
        "backgrounds": ["beach.jpg", "blur"],
        "prompt": "a library",
        "prompts": ["a library", "a beach"],
        "seed_shift": 0,
        "frozen": False,
        "view": "composite",
        "paused": False,
        "panic": False,
        "hud": True,
        "stills": 0,
        "figures": {
            "fps": 0.0,
            "latency_p50_ms": 0.0,
            "latency_p95_ms": 0.0,
            "matte_ms": 20.0,
            "dropped": 0,
            "plate_age_s": 12.5,
            "device": 'a "script"',
        },
    }


@pytest.mark.parametrize(
    ("path", "body", "changed"),
    [
        ("/api/prompt", {"text": " an attic "}, {"prompt": "an attic"}),
        ("/api/prompt", {"text": "屋根裏" * 333}, {"prompt": "屋根裏" * 333}),
        ("/api/prompt", {"index": 1}, {"prompt": "a beach"}),
        ("/api/background", {"index": 1.0}, {"background": 1}),
        ("/api/background", {"index": 1}, {"background": 1}),
        ("/api/background", {"spec": "blur"}, {"background": 1}),
        ("/api/background", {"spec": "color:#204060"}, {"background": 2}),
        ("/api/pause", {"paused": True}, {"paused": True}),
        ("/api/panic", {"on": True}, {"panic": True}),
        ("/api/action", {"action": "matte"}, {"view": "alpha"}),
        ("/api/action", {"action": "prompt-2"}, {"prompt": "a beach"}),
        ("/api/still", None, {"stills": 1}),
    ],
)
def test_a_wish_is_fulfilled_and_the_answer_is_the_new_state(
    client: TestClient, path: str, body: object, changed: dict[str, object]
) -> None:
    before = client.get("/api/state").json()
    answer = client.post(path, json=body)
    assert answer.status_code == 200
    state = answer.json()
    assert {name: state[name] for name in changed} == changed
    kept = before.keys() - changed.keys() - {"backgrounds", "figures"}
    assert {name: state[name] for name in kept} == {name: before[name] for name in kept}


def test_a_file_of_the_folder_is_shown(client: TestClient, parts: ScriptedRemote, tmp_path: Path) -> None:
    (tmp_path / "sky.jpg").write_bytes(b"a picture")
    assert client.post("/api/background", json={"spec": "sky.jpg"}).json()["backgrounds"][2] == "sky.jpg"
    assert parts.opened.specs == [str(tmp_path / "sky.jpg")]


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_can_be_asked_for(client: TestClient, action: str) -> None:
    assert client.post("/api/action", json={"action": action}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/api/prompt", {"text": ""}, 422, "text: String should have at least 1 character"),
        ("/api/prompt", {"text": " \n"}, 422, "text: "),
        ("/api/prompt", {"text": "x" * 1001}, 422, "text: String should have at most 1000 characters"),
        ("/api/prompt", {"text": 7}, 422, "text: "),
        ("/api/prompt", {}, 422, "the body must be JSON and hold text or index"),
        ("/api/prompt", {"index": -1}, 422, "index: "),
        ("/api/prompt", {"index": 2}, 404, "there is no prompt 2: they go from 0 to 1"),
        ("/api/prompt", {"index": 10**30}, 404, "there is no prompt"),
        ("/api/prompt", {"index": "1"}, 422, "index: "),
        ("/api/prompt", {"text": "a", "index": 1}, 422, "not beside the others"),
        ("/api/background", {"index": 9}, 404, "there is no background 9"),
        ("/api/background", {"index": True}, 422, "index: "),
        ("/api/background", {"spec": "x" * 501}, 422, "spec: "),
        ("/api/background", {"spec": "../secret.png"}, 403, "does not lie in the folder"),
        ("/api/background", {"spec": "/etc/hostname"}, 403, "does not lie in the folder"),
        ("/api/background", {"spec": "none.png"}, 404, "there is no background 'none.png'"),
        ("/api/background", {"spec": "\0"}, 404, "there is no background"),
        ("/api/background", {"spec": "transparent"}, 409, "transparent"),
        ("/api/pause", {"paused": "yes"}, 422, "paused: "),
        ("/api/pause", {"paused": 1}, 422, "paused: "),
        ("/api/pause", None, 422, "the body must be JSON"),
        ("/api/panic", {"on": True, "off": 1}, 422, "'off' is not known here"),
        ("/api/panic", [], 422, "body: "),
        ("/api/action", {"action": "explode"}, 422, "action: no such action; there are next-prompt,"),
        ("/api/action", {"action": ""}, 422, "action: no such action"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    client: TestClient, parts: ScriptedRemote, path: str, body: object, status: int, told: str
) -> None:
    before = parts.controls.state
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
    assert parts.controls.state == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"nonsense",
        b"[" * 10_000,
        b'{"text": ' + b"9" * 5000 + b"}",
        b'{"text": NaN}',
        b'{"text": "\\ud800"}',
        b'{"\\ud800": 1}',
    ],
)
@pytest.mark.parametrize("path", ["/api/prompt", "/api/action"])
def test_what_is_no_json_is_refused_and_breaks_nothing(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "\n" not in answer.json()["detail"]


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    parts = ScriptedRemote(("b\udcff.png",), ("caf\udce9",), tmp_path)  # so Python reads other bytes than UTF-8
    parts.opened.faults["blur:999"] = ConfigError("b\udcff.png is damaged")
    with client_of(parts.remote) as client:
        state = client.get("/api/state").json()
        assert (state["backgrounds"], state["prompts"], state["prompt"]) == (
            ["b\\udcff.png"],
            ["caf\\udce9"],
            "caf\\udce9",
        )
        answer = client.post("/api/background", json={"spec": "blur:999"})
        assert (answer.status_code, answer.json()) == (422, {"detail": "b\\udcff.png is damaged"})


def test_a_form_of_a_web_page_is_no_wish(client: TestClient, parts: ScriptedRemote) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post("/api/panic", content=b'{"on": true}', headers={"Content-Type": kind})
        assert answer.status_code == 422
    assert not parts.controls.state.panic


def test_other_paths_and_methods_are_refused(client: TestClient) -> None:
    assert client.get("/").status_code == 404
    assert client.get("/api/state/").status_code == 404
    assert client.get("/api/panic").status_code == 405
    assert client.put("/api/state").status_code == 405


def test_prompts_of_a_run_that_paints_nothing_are_refused() -> None:
    with client_of(ScriptedRemote(prompts=()).remote) as client:
        for body in ({"text": "a beach"}, {"index": 0}):
            answer = client.post("/api/prompt", json=body)
            assert (answer.status_code, answer.json()) == (
                409,
                {"detail": "nothing is painted by --prompt in this run"},
            )


def test_a_fault_of_the_program_is_told_and_logged(
    parts: ScriptedRemote, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(parts.remote.figures, "now", fail)
    with client_of(parts.remote) as client:
        quiet = TestClient(client.app, base_url=client.base_url, headers=client.headers, raise_server_exceptions=False)
        answer = quiet.get("/api/state")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "the remote control failed; the program's log says how"}
    assert "a fault of our own" in caplog.text


SAMPLE = re.compile(r'[a-z_:][a-z0-9_:]*(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? \S+')


def test_metrics_are_prometheus_text(client: TestClient, parts: ScriptedRemote) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    parts.stats.record("segment", 0.02)
    parts.stats.record_latency(0)
    parts.stats.count("stalls", 3)
    parts.controls.set_panic(True)
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in answer.text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    families = text_string_to_metric_families(answer.text)
    values = {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}
    assert values["backlot_stage_seconds", "0.5", "segment"] == pytest.approx(0.02)
    assert values["backlot_stage_runs_total", "segment"] == 1
    assert values["backlot_frames_total",] == 1
    assert values["backlot_events_total", "stalls"] == 3
    assert values["backlot_plate_age_seconds",] == 12.5
    assert values["backlot_info", 'a "script"'] == 1
    assert (values["backlot_panic",], values["backlot_paused",]) == (1, 0)


def test_without_a_plate_there_is_no_age_of_it() -> None:
    with client_of(ScriptedRemote().remote) as client:
        assert "plate_age" not in client.get("/metrics").text


def test_the_page_names_every_route_and_action(client: TestClient) -> None:
    page = client.get("/docs").text
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"<h2>{method.upper()} {path}</h2>" in page
    assert all(f"<code>{action}</code>" in page for action in ACTIONS)
