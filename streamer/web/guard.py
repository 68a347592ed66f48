"""Who gets in: every request passes here before anything of it is looked at."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 16 * 1024
"""Bytes of a request's body: the longest prompt, each character of it written as two escapes, fits."""
BODY_S = 5.0
"""So long may a request's body take to come."""
OPEN_PATHS = ("/docs", "/openapi.json")
"""May be read without the token: they say what there is to ask, and nothing of this run."""


class Guard:
    """Lets a request through to ``app`` that names this machine, comes from no foreign page and shows the token.

    - A ``Host`` that is no name of this machine (421): a page whose name was made to lead here (DNS rebinding).
    - A foreign ``Origin`` (403): a page that somebody has open in a browser.
    - Without the token, or with a wrong one (401).
    - A body of more than ``LARGEST_BODY`` bytes (413), or one that is not there after ``BODY_S`` (408).

    Args:
        app: answers what is let through.
        token: what ``Authorization: Bearer`` must show.
        host: the address that the settings name.
        port: the one that is listened at.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._host = host.lower()
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # there is nothing else here
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await _body(receive)
        except TimeoutError:
            await _refuse(send, 408, f"the body was not there after {BODY_S:g} s")
            return
        if body is None:
            return  # whoever asked has left
        if len(body) > LARGEST_BODY:
            await _refuse(send, 413, f"a body may have {LARGEST_BODY} bytes at most")
            return
        await self._app(scope, _replayed(body, receive), send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or not self._is_here(hosts[0]):
            return 421, "the Host header must name this machine and port, such as 127.0.0.1:" + str(self._port)
        if not all(self._is_own_page(origin) for origin in origins):
            return 403, "requests from other web pages are refused"
        if scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN_PATHS:
            return None
        if not self._shows_token(_values(scope, b"authorization")):
            return 401, "the token is missing or wrong: send it as 'Authorization: Bearer TOKEN'"
        return None

    def _is_here(self, authority: bytes) -> bool:
        """Whether ``host:port`` is this machine and no name that somebody else had lead here."""
        text = authority.decode("latin-1").lower()
        host, colon, port = text.rpartition(":")
        if not colon or "]" in port:
            host, port = text, "80"  # which nobody writes
        if port != str(self._port):
            return False
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            return False
        if host in ("localhost", self._host):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or _is_any_address(self._host)  # a number cannot be made to lead elsewhere

    def _is_own_page(self, origin: bytes) -> bool:
        scheme, separator, authority = origin.partition(b"://")
        return scheme == b"http" and bool(separator) and self._is_here(authority)

    def _shows_token(self, shown: list[bytes]) -> bool:
        if len(shown) != 1:
            return False
        scheme, _, token = shown[0].partition(b" ")
        return scheme.lower() == b"bearer" and secrets.compare_digest(token.strip(), self._token)


def _is_any_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _values(scope: Scope, name: bytes) -> list[bytes]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value for key, value in headers if key == name]


async def _body(receive: Receive) -> bytes | None:
    """A request's body, or as much of it as is too much; None = whoever asked has left."""
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then what else comes."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 408:
        headers.append((b"connection", b"close"))  # the rest of the body may still come
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
