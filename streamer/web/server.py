"""The server on its thread: a port that is taken first, requests that are answered later, and a prompt end."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from streamer.config import StreamConfig
from streamer.errors import ConfigError
from streamer.web.app import make_app
from streamer.web.guard import Guard
from streamer.web.remote import Remote
from streamer.web.tokens import kept_token, read_token, state_folder

GRACE_S = 1
"""So long may answers that are under way take when the run ends."""
POLL_S = 0.005
MOST_CONNECTIONS = 32
"""So many at once: each takes a file descriptor, and without one left the camera cannot be opened again."""
SILENCE_S = 5
"""So long may a connection be silent between two requests, and before the first; so long may a head take to come."""
BACKLOG = 64
"""Connections that may wait while the run is still being opened."""

logger = logging.getLogger(__name__)


class Api:
    """Has the port from the start, and answers on the thread ``api`` within ``serving``.

    Args:
        config: names port, host, token file and folder; ``api`` must be set.

    Raises:
        ConfigError: the address or port cannot be had, or the token is none.
    """

    def __init__(self, config: StreamConfig) -> None:
        assert config.api is not None
        if config.api_token_file is not None:
            self.token_file: Path = config.api_token_file.expanduser()
            self._token = read_token(self.token_file)
        else:
            self._token, self.token_file = kept_token(state_folder())
        self._host = config.api_host
        self._socket = _listening(config.api_host, config.api)
        self.port: int = self._socket.getsockname()[1]
        if not _is_loopback(self._socket):
            logger.warning("other machines can reach the remote control at %s, unencrypted", self.url)

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def notice(self) -> str:
        """For whoever started the program: where it listens and where the token lies, but never the token."""
        return f"remote control at {self.url} (see {self.url}/docs), token in {self.token_file}"

    @contextmanager
    def serving(self, remote: Remote) -> Iterator[None]:
        """Answer within the ``with``; at its end the port is free. May be entered once."""
        with ThreadPoolExecutor(1, thread_name_prefix="api-opener") as opener:
            guarded = Guard(make_app(remote, opener), token=self._token, host=self._host, port=self.port)
            server = uvicorn.Server(_settings(guarded))
            thread = threading.Thread(target=server.run, args=([self._socket],), name="api", daemon=True)
            thread.start()
            while thread.is_alive() and not server.started:
                time.sleep(POLL_S)
            try:
                yield
            finally:
                server.should_exit = True
                thread.join()

    def close(self) -> None:
        """Give the port back. May be called twice."""
        self._socket.close()


class _FewConnections(H11Protocol):
    """Whoever connects needs no token for that, so there are few at a time, and who asks for nothing does not stay."""

    _half_sent: asyncio.TimerHandle | None = None
    """Runs from the first byte of a request until its head is whole; ``Guard`` waits for the body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(SILENCE_S, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # stops the timer of a silent connection, whatever comes
        is_being_answered = self.cycle is not None and not self.cycle.response_complete
        if is_being_answered and self._half_sent is not None:
            self._half_sent.cancel()
            self._half_sent = None
        elif not is_being_answered and self._half_sent is None:
            self._half_sent = self.loop.call_later(SILENCE_S, self.timeout_keep_alive_handler)


def _settings(app: Guard) -> uvicorn.Config:
    """Plain HTTP/1.1, and silent: what a client does wrong is the client's to know."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_FewConnections,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=SILENCE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"api_host '{host}' cannot be resolved: give an address of this machine") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "another program uses it; choose another port, or 0 for any that is free",
            errno.EACCES: "the system keeps it for itself; choose one from 1024 on",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine; check --api-host",
        }
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        raise ConfigError(f"the remote control cannot have port {port} at {host}: {reason}") from error


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback
