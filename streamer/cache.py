"""``streamer cache``: what the cache of plates holds, and how to empty it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.filesize import decimal

from streamer.backgrounds.plate_cache import Entry, PlateCache, default_cache_folder
from streamer.errors import ConfigError


def main(args: Sequence[str]) -> int:
    """List the plates, or remove them, as the words after ``streamer cache`` say.

    Returns:
        0.

    Raises:
        ConfigError: a wrong word, a folder that is none, or plates that cannot be listed or removed.
        SystemExit: after ``--help``.
    """
    parser = _Parser(prog="streamer cache", description="List the plates that were painted and kept.")
    parser.add_argument("words", nargs="*", metavar="clear", help="remove them all")
    parser.add_argument("--folder", metavar="DIR", help="where they lie, if not in the usual place")
    asked = parser.parse_args(list(args))
    if asked.words not in ([], ["clear"]):
        wrong = next((word for word in asked.words if word != "clear"), "clear clear")
        raise ConfigError(f"streamer cache takes only the word clear, so not '{wrong}'")
    folder = default_cache_folder() if asked.folder is None else _folder(asked.folder)
    cache = PlateCache(folder, limit_bytes=0)  # the limit is for what is put, and nothing is
    show = _clear if asked.words else _list
    show(cache, folder, Console(soft_wrap=True, markup=False, emoji=False, highlight=False))
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"streamer cache: {message} (streamer cache --help lists what there is)")


def _folder(text: str) -> Path:
    path = os.path.expanduser(text)  # unlike pathlib, os.path takes any text without raising
    if not os.path.isdir(path):
        raise ConfigError(f"--folder {text} is not a folder")
    return Path(path)


def _entries(cache: PlateCache, folder: Path) -> list[Entry]:
    try:
        return cache.entries()
    except OSError as error:
        raise ConfigError(f"the plates in {folder} cannot be listed: {error.strerror or error}") from error


def _list(cache: PlateCache, folder: Path, console: Console) -> None:
    entries = _entries(cache, folder)
    if entries:
        console.print(_row("size", "last used", "seed", "prompt"))
    for entry in entries:
        used_at = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.last_used_at_s))
        console.print(_row(decimal(entry.size_bytes), used_at, _fact(entry, "seed"), _fact(entry, "prompt")))
    plates = {0: "no plates", 1: "1 plate"}.get(len(entries), f"{len(entries)} plates")
    total = f", {decimal(sum(entry.size_bytes for entry in entries))}" if entries else ""
    console.print(f"{plates}{total} in {folder}")


def _row(size: str, used_at: str, seed: str, prompt: str) -> str:
    return f"{size:>10}  {used_at:<16}  {seed:>10}  {prompt}".rstrip()


def _fact(entry: Entry, name: str) -> str:
    """One line; whatever stands in the side-car, it does not command the terminal."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(entry.about.get(name, "")))
    return " ".join(text.split())


def _clear(cache: PlateCache, folder: Path, console: Console) -> None:
    before = {entry.key for entry in _entries(cache, folder)}
    freed_bytes = cache.clear()
    left = before & {entry.key for entry in _entries(cache, folder)}
    if left:
        raise ConfigError(f"{len(left)} of {len(before)} plates in {folder} cannot be removed: see who owns the folder")
    console.print(f"{decimal(freed_bytes)} freed in {folder}")
