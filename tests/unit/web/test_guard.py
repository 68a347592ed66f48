"""Who gets in, asked of the application behind its guard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from remote_parts import BEARER, PORT, TOKEN, ScriptedRemote, client_of, guarded

pytest.importorskip("fastapi", reason="needs the extra web")

from starlette.testclient import TestClient

from streamer.web.guard import LARGEST_BODY, Guard

EVERYTHING = [
    ("GET", "/api/state"),
    ("GET", "/metrics"),
    ("POST", "/api/prompt"),
    ("POST", "/api/background"),
    ("POST", "/api/pause"),
    ("POST", "/api/panic"),
    ("POST", "/api/action"),
    ("POST", "/api/still"),
    ("GET", "/no-such-page"),
    ("GET", "/docs/"),
    ("POST", "/docs"),
    ("OPTIONS", "/api/panic"),
]


@pytest.fixture
def parts() -> ScriptedRemote:
    return ScriptedRemote()


@pytest.fixture
def client(parts: ScriptedRemote) -> Iterator[TestClient]:
    with client_of(parts.remote, shows_token=False) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-token-of-some-length"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \xff"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Cookie": f"token={TOKEN}"},
    ],
)
def test_without_the_token_nothing_is_told_or_done(
    client: TestClient, parts: ScriptedRemote, headers: dict[str, str]
) -> None:
    before = parts.controls.state
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for method, path in EVERYTHING:
        answer = client.request(method, path, headers=raw, json={"on": True})
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert list(answer.json()) == ["detail"]
    assert parts.controls.state is before


def test_two_tokens_are_none(client: TestClient) -> None:
    both = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer another-token-of-it")]
    assert client.get("/api/state", headers=both).status_code == 401


def test_the_token_may_not_be_in_the_address(client: TestClient) -> None:
    assert client.get(f"/api/state?token={TOKEN}").status_code == 401


def test_the_description_may_be_read_without_the_token(client: TestClient) -> None:
    page, description = client.get("/docs"), client.get("/openapi.json")
    assert (page.status_code, description.status_code) == (200, 200)
    assert "<script" not in page.text
    assert "://" not in page.text, "the page must load nothing from elsewhere"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"localhost.evil.example:{PORT}",
        f"evil.example#@localhost:{PORT}",
        f"192.168.1.7:{PORT}",
        f"0.0.0.0:{PORT}",
        f"2130706433:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1:0{PORT}",
        "127.0.0.1:",
        "",
        f"[::1:{PORT}",
        f":{PORT}",
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(client: TestClient, host: str) -> None:
    for path in ("/api/state", "/docs", "/openapi.json", "/metrics"):
        assert client.get(path, headers={**BEARER, "Host": host}).status_code == 421, path


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "127.0.0.5", "[::1]"])
def test_every_name_of_this_machine_is_good(client: TestClient, host: str) -> None:
    assert client.get("/api/state", headers={**BEARER, "Host": f"{host}:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    ("configured", "host", "status"),
    [
        ("192.168.1.7", "192.168.1.7", 200),
        ("192.168.1.7", "192.168.1.8", 421),
        ("studio.local", "Studio.local", 200),
        ("studio.local", "evil.example", 421),
        ("0.0.0.0", "192.168.1.8", 200),
        ("::", "[fe80::1]", 200),
        ("0.0.0.0", "evil.example", 421),
    ],
)
def test_other_addresses_are_good_only_where_the_settings_say_so(configured: str, host: str, status: int) -> None:
    with guarded(ScriptedRemote().remote, host=configured) as app:
        client = TestClient(app, headers=BEARER)
        assert client.get("/api/state", headers={"Host": f"{host}:{PORT}"}).status_code == status


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        f"http://evil.example:{PORT}",
        f"https://127.0.0.1:{PORT}",
        "http://127.0.0.1:3000",
        "http://localhost",
        f"http://localhost:{PORT}.evil.example",
        "file://",
        f"chrome-extension://127.0.0.1:{PORT}",
    ],
)
def test_foreign_pages_are_refused_even_with_the_token(client: TestClient, parts: ScriptedRemote, origin: str) -> None:
    for method, path in (("POST", "/api/panic"), ("GET", "/api/state"), ("GET", "/docs")):
        answer = client.request(method, path, headers={**BEARER, "Origin": origin}, json={"on": True})
        assert answer.status_code == 403, path
        assert not any(name.startswith("access-control") for name in answer.headers)
    assert not parts.controls.state.panic


def test_its_own_page_is_not_foreign(client: TestClient) -> None:
    headers = {**BEARER, "Origin": f"http://localhost:{PORT}"}
    assert client.post("/api/panic", headers=headers, json={"on": True}).status_code == 200


def test_no_page_is_ever_invited(client: TestClient) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/panic", headers=asks)
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_long_body_is_refused_whether_or_not_it_says_so(client: TestClient) -> None:
    fits = b'{"on": true}'.ljust(LARGEST_BODY)
    headers = {**BEARER, "Content-Type": "application/json"}
    assert client.post("/api/panic", headers=headers, content=fits).status_code == 200
    assert client.post("/api/panic", headers=headers, content=fits + b" ").status_code == 413
    pieces = (fits[:1000] for _ in range(20))
    assert client.post("/api/panic", headers=headers, content=pieces).status_code == 413


def test_the_token_comes_before_the_body(client: TestClient) -> None:
    assert client.post("/api/panic", content=b" " * (LARGEST_BODY + 1)).status_code == 401


def test_who_leaves_before_the_body_is_whole_changes_nothing() -> None:
    import asyncio

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("half a body was taken for a whole one")

    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        raise AssertionError("there is nobody to answer")

    headers = [(b"host", f"localhost:{PORT}".encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/panic", "headers": headers}
    asyncio.run(Guard(app, token=TOKEN, host="127.0.0.1", port=PORT)(scope, receive, send))  # type: ignore[arg-type]
    assert not messages
