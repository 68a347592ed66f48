"""``streamer bench plot``: one picture of ours beside the peers, from kept results."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamer.bench.contest import OURS
from streamer.bench.outcome import Bar, Kept
from streamer.errors import ConfigError, MissingExtra, SinkError

COLUMNS = 2
OUR_COLOURS, PEER_COLOURS = ("#00798c", "#4fb3bf"), ("#9a9a9a", "#c4c4c4", "#d9d9d9")


def draw(results: Sequence[Kept], out: Path) -> None:
    """A panel for each chart of each machine; ours in colour, peers in grey.

    Raises:
        MissingExtra: matplotlib is missing.
        ConfigError: there is nothing to draw, or the picture's ending is unknown.
        SinkError: it cannot be written.
    """
    panels = panels_of(results)
    if not panels:
        raise ConfigError(
            "there are no results to draw: measure first, as in streamer bench speed --json bench/results"
        )
    if out.suffix not in (".png", ".svg"):
        raise ConfigError(f"--out {out} must end in .png or .svg")
    if find_spec("matplotlib") is None:
        raise MissingExtra("streamer bench plot needs matplotlib: pip install 'backlot[train]'")
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    rows = -(-len(panels) // COLUMNS)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(5.5 * COLUMNS, 3.2 * rows), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, ((machine, chart, unit), bars) in zip(axes.flat, panels.items(), strict=False):
        _panel(axis, bars)
        axis.set_title(f"{chart}\n{machine}", fontsize=9)
        axis.set_ylabel(f"{unit} ({'more' if unit == 'fps' else 'less'} is better)", fontsize=8)
    figure.tight_layout()
    try:
        figure.savefig(out, dpi=90)
    except OSError as error:
        raise SinkError(f"--out {out} cannot be written: {error.strerror}") from error
    finally:
        pyplot.close(figure)


def panels_of(results: Sequence[Kept]) -> dict[tuple[str, str, str], list[Bar]]:
    """Bars by machine, chart and unit, in the order of the results."""
    panels: dict[tuple[str, str, str], list[Bar]] = {}
    for kept in results:
        for bar in kept.bars:
            panels.setdefault((kept.machine, bar.chart, bar.unit), []).append(bar)
    return panels


def _panel(axis: Any, bars: Sequence[Bar]) -> None:
    groups, programs = list(dict.fromkeys(bar.group for bar in bars)), list(dict.fromkeys(bar.program for bar in bars))
    width = 0.8 / len(programs)
    ours, peers = iter(OUR_COLOURS * len(programs)), iter(PEER_COLOURS * len(programs))
    for index, program in enumerate(programs):
        own = [bar for bar in bars if bar.program == program]
        places = [groups.index(bar.group) + (index - (len(programs) - 1) / 2) * width for bar in own]
        colour = next(ours if program.startswith(OURS) else peers)
        drawn = axis.bar(places, [bar.value for bar in own], width * 0.94, color=colour, label=program)
        axis.bar_label(drawn, fmt="{:.3g}", fontsize=7)
    axis.set_xticks(range(len(groups)), groups, fontsize=8)
    axis.margins(y=0.25)
    axis.legend(fontsize=7, frameon=False, loc="upper center", ncols=2)
    axis.spines[["top", "right"]].set_visible(False)
