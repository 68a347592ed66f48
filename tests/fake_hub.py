"""A Hugging Face hub on this machine: folders are served as models, and every request is written down."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import pytest


@dataclass(frozen=True)
class Request:
    """One request that came in; ``file`` is empty unless it is for a file of a model."""

    method: str
    path: str
    file: str
    range: str | None


@dataclass
class FakeHub:
    """Serves folders as models while its ``with`` lasts.

    Attributes:
        repos: folder of each model's id.
        gated: ids that want a login.
        status: if set, the error that answers everything.
        requests: all that came in.
    """

    repos: Mapping[str, Path]
    gated: set[str] = field(default_factory=set)
    status: int | None = None
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cuts: dict[str, list[int]] = {}

    def __enter__(self) -> FakeHub:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()  # joins the threads that still answer
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def fetched(self) -> list[str]:
        """Names of the files that were asked for, sorted."""
        return sorted(request.file for request in self.requests if request.method == "GET" and request.file)

    def cut(self, name: str, *, after_bytes: int, times: int = 1) -> None:
        """Break the connection off so far into the file, and do so that many times."""
        self._cuts[name] = [after_bytes] * times

    def sent_of(self, name: str, content: bytes) -> bytes:
        """What of this content leaves the hub."""
        cuts = self._cuts.get(name)
        return content[: cuts.pop()] if cuts else content


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for them

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: object, client_address: object) -> None:
        """A fault in here must not pass for one of the network."""
        if not isinstance(sys.exception(), ConnectionError):
            logging.getLogger("fake_hub").exception("the fake hub failed")


class _Handler(BaseHTTPRequestHandler):
    """Closes the connection after one answer, as its version of HTTP has it, so that no thread waits for a second."""

    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """The hub keeps a list of its own."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        found = re.fullmatch(r"(/api/models)?/([^/]+/[^/]+)(?:/(tree|revision|resolve)/([^/]+))?/?(.*)", path)
        is_api, repo, kind, revision, file = found.groups() if found else (None, "", None, None, "")
        hub.requests.append(Request(self.command, path, file if kind == "resolve" else "", self.headers.get("Range")))
        folder = hub.repos.get(repo)
        if hub.status is not None:
            self._answer(hub.status, {})
        elif repo in hub.gated:
            self._answer(403, {"X-Error-Code": "GatedRepo"})
        elif folder is None:
            self._answer(401, {"X-Error-Code": "RepoNotFound"})
        elif revision not in (None, "main", sha_of(folder)):
            self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif not is_api:
            self._send_file(folder, file)
        elif kind == "tree":
            self._send_json([_tree_entry(name, path) for name, path in files_in(folder).items()])
        else:
            siblings = [{"rfilename": name, "size": path.stat().st_size} for name, path in files_in(folder).items()]
            self._send_json({"id": repo, "sha": sha_of(folder), "siblings": siblings})

    def _send_file(self, folder: Path, name: str) -> None:
        path, headers = folder / name, {"X-Repo-Commit": sha_of(folder)}
        if not path.is_file():
            self._answer(404, {**headers, "X-Error-Code": "EntryNotFound"})
            return
        content, status = path.read_bytes(), 200
        headers["ETag"] = f'"{_sha1(path)}"'
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            first, status = int(wanted[1]), 206
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            content = content[first:]
        is_sent = self.command == "GET"
        self._answer(status, headers, len(content), self.server.hub.sent_of(name, content) if is_sent else b"")

    def _send_json(self, data: object) -> None:
        content = json.dumps(data).encode()
        self._answer(200, {"Content-Type": "application/json"}, len(content), content)

    def _answer(self, status: int, headers: Mapping[str, str], length: int = 0, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def sha_of(folder: Path) -> str:
    """The commit that the folder is served as."""
    return hashlib.sha1(str(folder).encode()).hexdigest()


def _sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def _tree_entry(name: str, path: Path) -> dict[str, object]:
    return {"type": "file", "path": name, "size": path.stat().st_size, "oid": _sha1(path)}


def files_in(folder: Path) -> dict[str, Path]:
    """All files below the folder by their names in it, without the notes that the library keeps in ``.cache``."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in paths.items() if not name.startswith(".cache/")}


def write_model(folder: Path, names: Iterable[str], size_bytes: int = 40) -> Path:
    """Write a file of so many bytes for each name, each with a content of its own."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((f"{name} " * size_bytes).encode()[:size_bytes])
    return folder


def closed_url() -> str:
    """An address of this machine where nobody answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def library_asks(url: str, cache: Path) -> Iterator[None]:
    """Within the ``with``, the hub's library is online, asks this address and has its cache in this folder.

    The library read all that from the environment long ago, when it was imported, hence by its constants.
    """
    import huggingface_hub
    from huggingface_hub import constants

    settings = {
        "HF_HUB_OFFLINE": False,
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": True,  # it asks the hub, too, and writes into the home folder
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": True,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setattr(constants, name, value)
        huggingface_hub.close_session()
        try:
            yield
        finally:
            huggingface_hub.close_session()
