"""Requests made up from the API's own description: none of them may break it, and every answer is as described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from remote_parts import BEARER, ScriptedRemote, guarded

schemathesis = pytest.importorskip("schemathesis", reason="needs the dev group")
pytest.importorskip("fastapi", reason="needs the extra web")

GETS = ["/api/state", "/metrics"]
POSTS = ["/api/prompt", "/api/background", "/api/pause", "/api/panic", "/api/action"]
SOME = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def parts(tmp_path: Path) -> ScriptedRemote:
    (tmp_path / "beach.jpg").write_bytes(b"a picture")
    return ScriptedRemote(folder=tmp_path)


@pytest.fixture
def schema(parts: ScriptedRemote) -> Iterator[Any]:
    with guarded(parts.remote, host="testserver", port=80) as app:  # so schemathesis calls it
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


def ask(operation: Any, mode: Any) -> list[int]:
    """The numbers of the answers to some requests."""
    statuses: list[int] = []

    @SOME
    @given(case=operation.as_strategy(generation_mode=mode, headers=BEARER))
    def each(case: Any) -> None:
        answer = case.call_and_validate()
        assert answer.status_code < 500
        statuses.append(answer.status_code)

    each()
    return statuses


def test_every_operation_is_asked_below(schema: Any) -> None:
    described = {(result.ok().method.upper(), result.ok().path) for result in schema.get_all_operations()}
    asked = {("GET", path) for path in GETS} | {("POST", path) for path in [*POSTS, "/api/still"]}
    assert described == asked


@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in GETS), *(("POST", path) for path in POSTS)])
def test_good_requests_are_answered_as_described(schema: Any, method: str, path: str) -> None:
    statuses = ask(schema[path][method], schemathesis.GenerationMode.POSITIVE)
    expected = {200, 403, 404, 409} if path in ("/api/prompt", "/api/background") else {200}
    assert set(statuses) <= expected


@pytest.mark.parametrize("path", POSTS)
def test_wrong_requests_are_refused_as_described(schema: Any, parts: ScriptedRemote, path: str) -> None:
    before = parts.controls.state
    statuses = ask(schema[path]["POST"], schemathesis.GenerationMode.NEGATIVE)
    assert statuses
    assert set(statuses) <= {400, 422}
    assert parts.controls.state is before
