"""``streamer download``: fetch the weights of Stable Diffusion, before they are needed and only when that is wanted."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from streamer.backgrounds.hub import LICENCE_NOTE, PACKS, Pack, download, locate, pack, plan, size_text, target_folder
from streamer.errors import ConfigError

DESCRIPTION = """Download the weights of Stable Diffusion 1.5, for backgrounds that are made from words.

sd15 is all that is needed; fast adds what halves the steps, fastest what takes four steps and a smaller autoencoder."""


@dataclass
class _Options(argparse.Namespace):
    pack: Pack = "sd15"
    model_dir: Path | None = None
    yes: bool = False
    safety_checker: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (streamer download --help lists them)")


def main(args: Sequence[str]) -> int:
    """Run the command for the words after ``streamer download``.

    Returns:
        0: all is there, or was not wanted after all.

    Raises:
        ConfigError: a word is wrong, or there is nobody to ask and no ``--yes``.
        WeightsError: the download failed.
        MissingExtra: the hub's library is not installed.
    """
    try:
        options = _parser().parse_args(args, _Options())
    except SystemExit:  # after --help alone; what is wrong with the words is a ConfigError
        return 0
    say = partial(Console().print, markup=False, highlight=False, soft_wrap=True)
    missing = []
    for files in pack(options.pack, safety_checker=options.safety_checker):
        folder = locate(files, options.model_dir)
        if folder is None:
            missing.append(files)
        else:
            say(f"{files.repo}: is here already, in {folder}")
    if not missing:
        return 0
    size = size_text(sum(plan(files).size_bytes for files in missing))
    say(f"{size} from {', '.join(files.repo for files in missing)} to {target_folder(options.model_dir)}")
    say(LICENCE_NOTE)
    if not options.yes and not _is_wanted():
        say("nothing was downloaded")
        return 0
    for files in missing:
        say(f"{files.repo}: is now in {download(files, options.model_dir, say=say)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="streamer download",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("pack", nargs="?", default="sd15", choices=PACKS, help="what to download (default: sd15)")
    parser.add_argument("--model-dir", type=_path, metavar="DIR", help="put it there (default: the hub's own cache)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--safety-checker", action="store_true", help="with the safety checker, 608 MB more")
    return parser


def _path(text: str) -> Path:
    return Path(os.path.expanduser(text))  # not every shell does that after --model-dir=


def _is_wanted() -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("nobody is here to say whether to download that: add --yes")
    try:
        return input("download? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
