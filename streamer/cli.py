"""The command line: words and flags to settings, settings to a run, and how it ended to one line and an exit code.

Exit codes: 0 all is done; 2 bad input, or an output with frames missing; 130 Ctrl-C; 143 SIGTERM or SIGHUP while a
file was made; 1 a fault of the program itself.
``STREAMER_DEBUG=1`` shows the traceback of any of them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TextIO, Union, get_args, get_origin

from pydantic import ValidationError

from streamer.config import StreamConfig, first_problem, nearest
from streamer.errors import ConfigError, StreamerError
from streamer.presets import load_preset, preset_names

if TYPE_CHECKING:
    from rich.console import Console
    from tyro.constructors import PrimitiveConstructorSpec, PrimitiveTypeInfo

OK, PROGRAM_FAULT, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
METAVARS: dict[Any, str] = {int: "N", float: "X", str: "TEXT", Path: "FILE"}
"""What stands for a value in --help, by its type."""
MODE_FLAGS = {f"--{mode}": ("--plate-mode", mode) for mode in ("quality", "fast", "fastest")}
"""Short for the setting that is changed most."""
WORDS = ("plate", "download", "cache", "devices", "doctor", "bench", "hotkeys", "enroll")
"""What the first word may be beside a preset."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What colours a terminal's text."""
DESCRIPTION = """Puts a person before another background, live or in a video.

streamer [PRESET] [OPTIONS]: run; options override the preset.

Presets: {presets}, or the path of a FILE.yaml.

streamer plate [OPTIONS]: paint the background for one picture, to try prompts.

streamer download: fetch the models that paint, ahead of time.

streamer cache: list or clear the painted backgrounds that are kept.

streamer devices: list cameras and virtual cameras.

streamer doctor [OPTIONS]: say what would really run here, and what is missing.

streamer hotkeys [PRESET] [OPTIONS]: list the keys that work while it runs live.

streamer bench [WORD] [OPTIONS]: measure this machine.

streamer enroll NAME: learn this person, camera and room, for --profile NAME."""
"""One line a paragraph: tyro breaks none of them."""


class Command(StreamConfig):
    """The settings, and what is asked of the command line alone."""

    dry_run: bool = False
    """Print the settings that would be used, as YAML for a preset, and stop."""


def entry_point() -> None:
    """The console script ``streamer``."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the result is its exit code.

    Args:
        argv: words and flags; None = those this process was started with.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold letters that the console has not
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except StreamerError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted: nothing more is written", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has left, as in `streamer --help | head -1`
        _leave(sys.stdout)
        return OK
    except OSError as error:
        if error.filename is None:
            return _fail(f"the program failed ({error}); STREAMER_DEBUG=1 shows where", PROGRAM_FAULT)
        # A name that is too long, a folder that is closed.
        return _fail(f"{error.filename}: {error.strerror}", BAD_INPUT)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _fail(f"the program failed ({cause}); STREAMER_DEBUG=1 shows where", PROGRAM_FAULT)


def _fail(message: str, code: int) -> int:
    if os.environ.get("STREAMER_DEBUG") == "1":
        traceback.print_exc()
    _say(["error: " + " ".join(message.split())], sys.stderr)
    return code


def _say(lines: Sequence[str], stream: TextIO) -> None:
    """Print them; where nobody reads them any more, or the disk is full, the exit status still tells how it went."""
    try:
        for line in lines:
            print(line, file=stream)
        stream.flush()
    except OSError:
        _leave(stream)


def _leave(stream: TextIO) -> None:
    """Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _dispatch(args: list[str]) -> int:
    word = args[0] if args and not args[0].startswith("-") else ""
    if word == "devices":
        return _devices(args[1:])
    if word == "bench":
        return _bench(args[1:])
    if word == "download":
        from streamer import download

        return download.main(args[1:])
    if word == "cache":
        from streamer import cache

        return cache.main(args[1:])
    if word == "enroll":
        from streamer import enrolling

        return enrolling.main(args[1:])
    config = read_command(args[1:] if word in ("doctor", "plate", "hotkeys") else args)
    if config is None:
        return OK
    if config.dry_run:
        print(StreamConfig(**config.model_dump(exclude={"dry_run"})).as_yaml(), end="")
        return OK
    if word == "doctor":
        from streamer.doctor import examine

        return examine(config)
    if word == "hotkeys":
        from streamer.hotkeys import Bindings

        print("\n".join(Bindings(config.hotkeys).table()))
        return OK
    if word == "plate":
        from streamer.plate import paint_one

        print(paint_one(config))
        return OK
    return _stream(config)


# -- words and flags to settings -------------------------------------------------------------------------------------


def read_command(args: Sequence[str]) -> Command | None:
    """The settings that ``[PRESET] [OPTIONS]`` mean; None = help was printed, and there is nothing to do.

    Raises:
        ConfigError: an unknown preset or flag, or a value that cannot be; the message names the nearest or the allowed.
    """
    args = [word for flag in args for word in MODE_FLAGS.get(flag, (flag,))]
    preset = StreamConfig()
    if args and not args[0].startswith("-"):
        preset, args = load_preset(args[0]), args[1:]
    config, unknown = _parsed(args, preset)
    if unknown:
        raise ConfigError(_unknown(unknown[0]))
    return config


def _parsed(args: Sequence[str], preset: StreamConfig) -> tuple[Command | None, list[str]]:
    import tyro

    registry = tyro.constructors.ConstructorRegistry()
    registry.primitive_rule(_as_text)
    said = io.StringIO()
    with registry, contextlib.redirect_stderr(said):
        try:
            return tyro.cli(
                Command,
                prog="streamer",
                description=DESCRIPTION.format(presets=", ".join(preset_names())),
                args=args,
                default=Command(**preset.model_dump()),
                return_unknown_args=True,
                config=(tyro.conf.OmitArgPrefixes,),
            )
        except SystemExit as end:
            if not end.code:
                return None, []
            raise ConfigError(_refusal(end, said.getvalue())) from end


def _as_text(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Hand every value to the settings as it was written, so that flags and YAML files are checked by the same code."""
    from tyro.constructors import PrimitiveConstructorSpec

    is_union = get_origin(info.type) in (Union, UnionType)
    kinds = [kind for kind in (get_args(info.type) if is_union else (info.type,)) if kind is not NoneType]
    kind = kinds[0] if len(kinds) == 1 else None
    if kind == tuple[str, ...]:
        return PrimitiveConstructorSpec(
            nargs="*", metavar="TEXT...", instance_from_str=tuple, is_instance=_is_any, str_from_instance=_shown
        )
    if get_origin(kind) is Literal:
        metavar = "{" + ",".join(get_args(kind)) + "}"
    elif kind in METAVARS:
        metavar = METAVARS[kind]
    else:
        return None
    return PrimitiveConstructorSpec(
        nargs=1, metavar=metavar, instance_from_str=_only, is_instance=_is_any, str_from_instance=_shown
    )


def _only(words: list[str]) -> str:
    return words[0]


def _is_any(value: object) -> bool:
    return True


def _shown(value: object) -> list[str]:
    """A default in --help."""
    if value is None or value == ():
        return ["none"]
    if isinstance(value, tuple):
        return [str(word) for word in value]
    return [f"{value:g}" if isinstance(value, float) else str(value)]


def _refusal(end: SystemExit, said: str) -> str:
    """Why the flags were refused, in one line: by the settings' own check, or else as tyro said it in its box."""
    cause: BaseException | None = end
    while cause is not None:
        if isinstance(cause, ValidationError):
            return _as_flags(first_problem(cause)[1])
        cause = cause.__context__
    boxed = [COLOURS.sub("", line).strip() for line in said.splitlines()]
    lines = [line.strip("│╭╮╰╯─|+-— ") for line in boxed]  # the last four: where the terminal knows no boxes
    reasons = list(takewhile(bool, dropwhile(lambda line: not line, lines[1:])))  # the first line is a title
    return f"{' '.join(reasons) or 'the flags cannot be read'} (streamer --help lists them)"


def _as_flags(reason: str) -> str:
    """``camera_fps: should...`` as ``--camera-fps should...``."""
    key, colon, rest = reason.partition(": ")
    return f"--{key.replace('_', '-')}{colon}{rest}" if key in StreamConfig.model_fields else reason


def _unknown(word: str) -> str:
    if not word.startswith("-"):
        if word in (*preset_names(), *WORDS):
            return f"'{word}' must be the first word: streamer {word} [OPTIONS]"
        return f"'{word}' belongs to no option (streamer --help lists them)"
    flag = word.partition("=")[0]
    flags = [f"--{name.replace('_', '-')}" for name in Command.model_fields]
    return f"unknown option {flag}" + (nearest(flag, flags) or f"; there are {' '.join(flags)}")


# -- the run ---------------------------------------------------------------------------------------------------------


def _stream(config: StreamConfig) -> int:
    from rich.console import Console

    from streamer.build import opened
    from streamer.progress import ProgressBar
    from streamer.report import Report

    console = Console(stderr=True)
    _log_to(console, config.log_level)
    with ProgressBar(console) as bar, opened(config, on_written=bar.advance) as stream:
        report = Report(stream, bar)
        if stream.remote_notice:
            print(stream.remote_notice, file=sys.stderr)
        with report.kept_in(config.stats):
            bar.begin(stream.info)
            try:
                ending = stream.pipeline.run()
            finally:
                bar.end()
                report.finish()
                _say(report.lines(), sys.stdout)
        if ending == "interrupted":
            return _fail(report.interruption(ending), INTERRUPTED)
        if ending == "terminated" and not stream.info.is_live:  # a live run has no other end
            return _fail(report.interruption(ending), TERMINATED)
        trouble = report.trouble()
        return _fail(trouble, BAD_INPUT) if trouble else OK


def _log_to(console: Console, level: str) -> None:
    """Messages of the program go to stderr, above the progress bar if there is one."""
    if level == "auto":
        level = "info" if console.is_terminal else "warning"
    handler: logging.Handler
    if console.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_time=False, show_path=False)
        form = "%(message)s"
    else:
        handler, form = logging.StreamHandler(sys.stderr), "%(levelname)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logger = logging.getLogger("streamer")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())


# -- other words -----------------------------------------------------------------------------------------------------


def _devices(args: Sequence[str]) -> int:
    if args:
        raise ConfigError(f"streamer devices takes no options, so not {args[0]}")
    from streamer.devices import list_cameras, list_virtual_cameras

    for title, found, flag in (
        ("cameras", list_cameras(), "--input"),
        ("virtual cameras", list_virtual_cameras(), "--output"),
    ):
        print(f"{title}, for {flag}:" if found else f"{title}: none found")
        for device in found:
            print(f"  {device}")
    return OK


def _bench(args: Sequence[str]) -> int:
    try:
        from streamer import bench
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("streamer"):
            raise
        raise ConfigError("this installation has no bench: install the program anew") from error
    return bench.main(args)
