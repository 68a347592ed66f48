"""The server on its thread, asked over real connections."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from remote_parts import TOKEN, ScriptedRemote

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from streamer import web
from streamer.config import StreamConfig
from streamer.errors import ConfigError, MissingExtra
from streamer.web import guard, server
from streamer.web.server import GRACE_S, MOST_CONNECTIONS, Api


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN, encoding="utf-8")
    return path


@contextmanager
def served(token_file: Path, parts: ScriptedRemote | None = None, **settings: object) -> Iterator[Api]:
    config = StreamConfig(**{"api": 0, "api_token_file": token_file, **settings})  # type: ignore[arg-type]
    api = web.open_api(config)
    try:
        with api.serving((parts or ScriptedRemote()).remote):
            yield api
    finally:
        api.close()


def ask(api: Api, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def until_closed(connection: socket.socket) -> bytes:
    """What the other side says before it closes the connection."""
    return b"".join(iter(lambda: connection.recv(1000), b""))


def refused(**settings: object) -> str:
    with pytest.raises(ConfigError) as caught:
        web.open_api(StreamConfig(**settings))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_requests_are_answered_until_the_end_and_then_the_port_is_free(token_file: Path) -> None:
    parts = ScriptedRemote()
    with served(token_file, parts) as api:
        assert [thread.name for thread in threading.enumerate()].count("api") == 1
        status, state = ask(api, "POST", "/api/panic", {"on": True})
        assert (status, state["panic"], parts.controls.state.panic) == (200, True, True)
    assert "api" not in [thread.name for thread in threading.enumerate()]
    socket.create_server(("127.0.0.1", api.port)).close()


def test_the_port_is_taken_before_anybody_is_answered(token_file: Path) -> None:
    api = web.open_api(StreamConfig(api=0, api_token_file=token_file))
    try:
        assert refused(api=api.port, api_token_file=token_file) == (
            f"the remote control cannot have port {api.port} at 127.0.0.1: "
            "another program uses it; choose another port, or 0 for any that is free"
        )
    finally:
        api.close()


def test_a_port_that_the_system_keeps_is_one_clear_line(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(*args: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", keep)
    message = refused(api=80, api_token_file=token_file)
    assert message.endswith("port 80 at 127.0.0.1: the system keeps it for itself; choose one from 1024 on")


@pytest.mark.parametrize("host", ["no such host", "a..b", "x" * 70])
def test_a_host_that_cannot_be_resolved_is_one_clear_line(token_file: Path, host: str) -> None:
    assert "cannot be resolved" in refused(api=0, api_host=host, api_token_file=token_file)


def test_an_address_of_another_machine_is_one_clear_line(token_file: Path) -> None:
    message = refused(api=0, api_host="192.0.2.1", api_token_file=token_file)  # of a range kept for examples
    assert "192.0.2.1 is no address of this machine" in message


def test_only_what_other_machines_can_reach_is_warned_of(token_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served(token_file):
        pass
    assert caplog.text == ""
    with served(token_file, api_host="0.0.0.0") as api:
        assert f"http://0.0.0.0:{api.port}" in caplog.text
        assert ask(api, "GET", "/api/state")[0] == 200


def test_the_notice_names_address_and_token_file_but_not_the_token(token_file: Path) -> None:
    with served(token_file) as api:
        assert api.notice == f"remote control at {api.url} (see {api.url}/docs), token in {token_file}"


def test_without_a_file_the_token_is_kept_for_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    api = web.open_api(StreamConfig(api=0))
    api.close()
    assert api.token_file == tmp_path / "backlot" / "api-token"
    assert api.token_file.is_file()


def test_the_end_does_not_wait_for_a_client_that_says_nothing_more(token_file: Path) -> None:
    with served(token_file) as api:
        silent = socket.create_connection(("127.0.0.1", api.port), timeout=20)
        half = socket.create_connection(("127.0.0.1", api.port), timeout=20)
        head = f"POST /api/panic HTTP/1.1\r\nHost: localhost:{api.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        half.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert ask(api, "GET", "/api/state")[0] == 200  # so both connections were taken in
        ending_at_s = time.monotonic()
    assert time.monotonic() - ending_at_s < GRACE_S + 5
    silent.close()
    half.close()


@pytest.mark.parametrize(("silence_s", "closed"), [(60.0, slice(MOST_CONNECTIONS, None)), (0.3, slice(None))])
def test_silent_connections_take_no_file_descriptors_from_the_camera(
    token_file: Path, monkeypatch: pytest.MonkeyPatch, silence_s: float, closed: slice
) -> None:
    monkeypatch.setattr(server, "SILENCE_S", silence_s)
    with served(token_file) as api:
        crowd = [socket.create_connection(("127.0.0.1", api.port), timeout=20) for _ in range(MOST_CONNECTIONS + 3)]
        try:
            for silent in crowd[closed]:
                assert silent.recv(1) == b""
        finally:
            for connection in crowd:
                connection.close()


@pytest.mark.parametrize("is_authorised", [False, True], ids=["half a head", "no body"])
def test_half_sent_requests_do_not_keep_others_out(
    token_file: Path, monkeypatch: pytest.MonkeyPatch, is_authorised: bool
) -> None:
    monkeypatch.setattr(server, "SILENCE_S", 0.3)
    monkeypatch.setattr(guard, "BODY_S", 0.3)
    with served(token_file) as api:
        head = f"POST /api/panic HTTP/1.1\r\nHost: localhost:{api.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        sent = f"{head}Content-Length: 10\r\n\r\n" if is_authorised else "GET /api/st"
        crowd = [socket.create_connection(("127.0.0.1", api.port), timeout=20) for _ in range(MOST_CONNECTIONS)]
        try:
            for stalled in crowd:
                stalled.sendall(sent.encode())
            for stalled in crowd:
                answer = until_closed(stalled)
                assert answer.startswith(b"HTTP/1.1 408") if is_authorised else answer == b""
            assert ask(api, "GET", "/api/state")[0] == 200
        finally:
            for stalled in crowd:
                stalled.close()


def test_a_request_that_comes_in_drops_is_given_no_more_time_for_each(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENCE_S", 0.3)
    with served(token_file) as api, socket.create_connection(("127.0.0.1", api.port), timeout=0.05) as slow:
        ends_at_s = time.monotonic() + 20
        is_open = True
        while is_open:
            assert time.monotonic() < ends_at_s
            try:
                slow.sendall(b"G")
                is_open = slow.recv(1) != b""
            except TimeoutError:
                continue
            except ConnectionError:
                is_open = False


def test_a_refused_body_that_goes_on_is_given_no_more_time_either(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENCE_S", 0.3)
    with served(token_file) as api, socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        head = f"POST /api/panic HTTP/1.1\r\nHost: localhost:{api.port}\r\nContent-Length: 10\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 401")
        connection.sendall(b"{")
        assert b"HTTP" not in until_closed(connection)


def test_a_request_in_two_parts_is_answered_and_the_connection_kept(token_file: Path) -> None:
    with served(token_file) as api, socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        request = f"GET /api/state HTTP/1.1\r\nHost: localhost:{api.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        for _ in range(2):
            connection.sendall(request[:20].encode())
            assert ask(api, "GET", "/api/state")[0] == 200  # so the first part was taken in
            connection.sendall(request[20:].encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, "prompts" in json.loads(answer.read())) == (200, True)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"])
def test_what_is_no_request_is_answered_without_a_word_on_the_terminal(
    token_file: Path, garbage: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with served(token_file) as api, socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall(garbage + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 4")
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_signals_stay_with_the_program(token_file: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with served(token_file):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_background_that_opens_slowly_keeps_nobody_else_waiting(token_file: Path) -> None:
    parts = ScriptedRemote()
    entered, may_open = threading.Event(), threading.Event()
    add = parts.opened.add

    def add_slowly(spec: str, name: str) -> int:
        entered.set()
        assert may_open.wait(20)
        return add(spec, name)

    parts.remote._add_background = add_slowly
    answers: list[int] = []
    with served(token_file, parts) as api:
        slow = threading.Thread(
            target=lambda: answers.append(ask(api, "POST", "/api/background", {"spec": "gradient"})[0])
        )
        slow.start()
        assert entered.wait(20)
        assert ask(api, "POST", "/api/panic", {"on": True})[0] == 200
        assert answers == []
        may_open.set()
        slow.join(20)
    assert answers == [200]


def test_missing_libraries_are_told_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "find_spec", lambda name: None if name == "uvicorn" else True)
    with pytest.raises(MissingExtra, match=r"the remote control needs uvicorn: pip install "):
        web.check(StreamConfig(api=8765))
    web.check(StreamConfig())


def test_a_folder_or_token_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no folder; check --api-backgrounds"):
        web.check(StreamConfig(api=0, api_backgrounds=tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"token file .* does not exist"):
        web.check(StreamConfig(api=0, api_token_file=tmp_path / "none"))
    web.check(StreamConfig(api_backgrounds=tmp_path / "none"))  # without the remote control nobody needs it


def test_the_rest_of_the_program_does_not_load_the_libraries() -> None:
    import subprocess
    import sys

    code = "import sys, streamer.build; sys.exit(bool({'fastapi', 'uvicorn', 'prometheus_client'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0
