"""``streamer bench``: how fast the program is on this machine, beside what a user would run instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.bench.outcome import Outcome
    from streamer.bench.settings import Measuring, Plot, Table

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run the bench for the words after ``streamer bench``.

    Returns:
        0; 1 if something that must hold does not (see ``streamer bench length``).

    Raises:
        StreamerError: a setting is wrong, or a run failed.
        SystemExit: after ``--help``, or on words that are no flags.
    """
    import shlex

    import tyro

    from streamer.bench.settings import WORDS, Measuring, Plot, Table
    from streamer.errors import ConfigError

    word, flags = next(iter(WORDS)), list(argv)
    if flags and not flags[0].startswith("-"):
        word = flags.pop(0)
    if word not in WORDS:
        raise ConfigError(f"streamer bench knows no '{word}': there are {', '.join(WORDS)}")
    settings: object = tyro.cli(
        WORDS[word],
        prog=f"streamer bench {word}",
        description=_description(word),
        args=flags,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if isinstance(settings, Table):
        return _table(settings)
    if isinstance(settings, Plot):
        return _plot(settings)
    assert isinstance(settings, Measuring)
    return _run(word, settings, shlex.join(["streamer", "bench", *argv]))


def _run(word: str, settings: Measuring, command: str) -> int:
    """Measure, say it, and keep it."""
    import tempfile
    from dataclasses import asdict

    from streamer.bench import report
    from streamer.bench.inputs import check
    from streamer.bench.machine import describe_machine
    from streamer.bench.outcome import write_json
    from streamer.bench.rows import verdicts

    check(settings, command)
    console, machine = report.open_console(), describe_machine(getattr(settings, "device", "cpu"))
    places = ("json", "peer_python", "data")  # of this machine: they say nothing about what was measured
    values = {name: value for name, value in asdict(settings).items() if name not in places}
    asked = {name: value for name, value in values.items() if value not in (None, False)}
    report.show_machine(console, machine, asked)
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as name:
        outcome = _measure(settings, Path(name), console)
    for line in verdicts(outcome.figures):
        console.print(line, style="bold", soft_wrap=True)
    if settings.json is not None:
        console.print(f"written: {write_json(settings.json, word, machine, asked, outcome)}", soft_wrap=True)
    return outcome.status


def _measure(settings: Measuring, folder: Path, console: Console) -> Outcome:
    """Each measurement is loaded only when it is asked for: some need much."""
    from streamer.bench import settings as words

    match settings:
        case words.Speed():
            from streamer.bench.speed import measure_speed

            return measure_speed(settings, folder, console)
        case words.FramePath():
            from streamer.bench.frame_path import measure_frame_path

            return measure_frame_path(settings, folder, console)
        case words.Transcode():
            from streamer.bench.transcode import measure_transcode

            return measure_transcode(settings, folder, console)
        case words.StartUp():
            from streamer.bench.start_up import measure_start_up

            return measure_start_up(settings, folder, console)
        case words.Length():
            from streamer.bench.length import measure_length

            return measure_length(settings, folder, console)
        case words.Live():
            from streamer.bench.beside_painter import measure_live

            return measure_live(settings, folder, console)
        case words.Mattes():
            from streamer.bench.mattes import measure_mattes

            return measure_mattes(settings, console)
        case words.Plates():
            from streamer.bench.plates import measure_painting

            return measure_painting(settings, console)
        case words.Gpu():
            from streamer.bench.gpu import measure_gpu

            return measure_gpu(settings, console)
        case words.Trace():
            from streamer.bench.trace import measure_trace

            return measure_trace(settings, folder, console)
        case _:
            raise TypeError(f"nothing measures {type(settings).__name__}")


def _table(settings: Table) -> int:
    from streamer.bench import report, rows
    from streamer.bench.outcome import read_results

    lines = rows.table(read_results(settings.results))
    if settings.page is None:
        report.open_console().print(lines, markup=False, soft_wrap=True)
    else:
        rows.put_into(settings.page, lines)
    return 0


def _plot(settings: Plot) -> int:
    from streamer.bench.outcome import read_results
    from streamer.bench.plot import draw

    draw(read_results(settings.results), settings.out)
    return 0


def _description(word: str) -> str:
    """What a word does, and which others there are. One line a paragraph: tyro breaks none of them."""
    import inspect

    from streamer.bench.settings import WORDS

    paragraphs = [" ".join(part.split()) for part in (inspect.getdoc(WORDS[word]) or "").split("\n\n")]
    others = f"streamer bench WORD [OPTIONS] measures: {', '.join(WORDS)}; with --help each says what it does."
    return "\n\n".join([*paragraphs, others])
