"""A remote control without a run behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.controls import Controls
from streamer.figures import RunningFigures
from streamer.stats import Stats
from streamer.web.remote import Remote

if TYPE_CHECKING:
    from starlette.testclient import TestClient

TOKEN = "a-token-for-the-tests-only"
HOST, PORT = "127.0.0.1", 8765
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class OpenedBackgrounds:
    """Opens whatever it is told to, but for the specs in ``faults``."""

    def __init__(self, controls: Controls) -> None:
        self.specs: list[str] = []
        self.faults: dict[str, Exception] = {}
        self._controls = controls

    def add(self, spec: str, name: str) -> int:
        if spec in self.faults:
            raise self.faults[spec]
        self.specs.append(spec)
        return self._controls.add_background(name)


class ScriptedRemote:
    """A remote, and what it works on.

    Args:
        backgrounds: names of those that are open.
        prompts: that can be painted.
        folder: files may be chosen from here.
        can_add: other backgrounds may be shown.
    """

    def __init__(
        self,
        backgrounds: tuple[str, ...] = ("beach.jpg", "blur"),
        prompts: tuple[str, ...] = ("a library", "a beach"),
        folder: Path | None = None,
        *,
        can_add: bool = True,
        plate_age_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.stats, self.controls = Stats(), Controls(backgrounds, prompts)
        self.opened = OpenedBackgrounds(self.controls)
        figures = RunningFigures(self.stats.snapshot, device=lambda: 'a "script"', plate_age_s=plate_age_s)
        add = self.opened.add if can_add else None
        self.remote = Remote(self.controls, figures, add_background=add, folder=folder)


@contextmanager
def guarded(remote: Remote, *, host: str = HOST, port: int = PORT) -> Iterator[Any]:
    """The application behind its guard."""
    from streamer.web.app import make_app
    from streamer.web.guard import Guard

    with ThreadPoolExecutor(1) as opener:
        yield Guard(make_app(remote, opener), token=TOKEN, host=host, port=port)


@contextmanager
def client_of(remote: Remote, *, shows_token: bool = True) -> Iterator[TestClient]:
    """Asks the application without a network."""
    from starlette.testclient import TestClient

    with guarded(remote) as app:
        yield TestClient(app, base_url=f"http://{HOST}:{PORT}", headers=BEARER if shows_token else {})
