"""What a measurement gives: figures that rows of the table ask for, bars for the picture, and everything in detail."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from streamer.errors import ConfigError, SinkError


@dataclass(frozen=True, slots=True)
class Bar:
    """One value to draw. Those of one chart and unit stand together."""

    chart: str
    group: str
    """Under which they stand side by side: a size, a background."""
    program: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that was measured."""

    details: Mapping[str, object]
    figures: Mapping[str, float] = field(default_factory=dict)
    """By key of the row in ``rows.py`` that asks for it."""
    bars: Sequence[Bar] = ()
    status: int = 0
    """Exit status: 1 = something that must hold does not."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of results, read again."""

    machine: str
    figures: Mapping[str, float]
    bars: Sequence[Bar]


def write_json(
    path: Path, word: str, machine: Mapping[str, str], settings: Mapping[str, object], outcome: Outcome
) -> Path:
    """Everything measured, under the final name only when whole.

    Args:
        path: the file, or a folder that exists: then the file there is named after the word and the machine.
        word: what was measured.
        machine: on what.
        settings: those that were asked for.
        outcome: what it gave.

    Returns:
        The file.

    Raises:
        SinkError: it cannot be written.
    """
    if path.is_dir():
        path = path / f"{word}-{_as_file_name(machine_name(machine))}.json"
    facts = {
        "what": word,
        "machine": machine,
        "settings": settings,
        "figures": outcome.figures,
        "bars": [asdict(bar) for bar in outcome.bars],
        **outcome.details,
    }
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(facts, indent=2, default=str) + "\n")
        part.replace(path)
    except OSError as error:
        raise SinkError(f"--json {path} cannot be written: {error.strerror}") from error
    return path


def read_results(folder: Path) -> list[Kept]:
    """All files that ``write_json`` wrote into a folder, by name.

    Raises:
        ConfigError: there is no such folder, or a file in it is not one of those.
    """
    if not folder.is_dir():
        raise ConfigError(f"--results {folder} is not a folder: make it, then streamer bench WORD --json {folder}")
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def machine_name(machine: Mapping[str, str]) -> str:
    """Short: the GPU, or the processor with its cores."""
    return machine.get("gpu") or f"{machine['cpu']}, {machine['cores']} cores"


def _read(path: Path) -> Kept:
    try:
        facts = json.loads(path.read_text())
        bars = [Bar(**bar) for bar in facts["bars"]]
        return Kept(machine_name(facts["machine"]), facts["figures"], bars)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} holds no results of streamer bench: remove it or measure anew") from error


def _as_file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
