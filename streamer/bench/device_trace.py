"""What a device does for a few frames, by torch's profiler: a timeline as a picture, or all for a trace viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from torch.profiler import profile

FRAMES = 3
LARGEST = 3
COLOURS = ("#d1495b", "#edae49", "#00798c")
OTHERS = "#c8c8c8"


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of kernel or operation."""

    name: str
    ms_a_frame: float
    share: float
    """Of all that the device did."""


def check_out(out: Path) -> None:
    """Refuse a file that cannot be drawn. Raises ``ConfigError``, or ``MissingExtra`` without matplotlib."""
    if out.suffix not in (".png", ".svg", ".json"):
        raise ConfigError(f"--out {out} must end in .png, .svg or .json")
    if out.suffix != ".json" and find_spec("matplotlib") is None:
        raise MissingExtra("the timeline is drawn by matplotlib: pip install 'backlot[train]', or --out FILE.json")


def trace_device(one_frame: Callable[[], object], device: str, out: Path) -> list[Cost]:
    """Record a few frames, write them to ``out``, and give the largest costs, the largest first.

    Args:
        one_frame: works on the next frame and comes back when it is done; it has run before.
        device: ``cuda``; on ``cpu`` torch's operations are recorded instead of kernels.
        out: ``.json`` for a trace viewer (chrome://tracing, Perfetto), else a picture of the timeline.
    """
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as recorded:
        for _ in range(FRAMES):
            one_frame()
    costs = _costs(recorded, device)
    if out.suffix == ".json":
        recorded.export_chrome_trace(str(out))
    else:
        _draw(_spans(recorded, device), costs[:LARGEST], out)
    return costs[:LARGEST]


def _spans(recorded: profile, device: str) -> list[tuple[int, str, float, float]]:
    """What ran: row (stream or thread), name, begin and length in milliseconds."""
    events: list[Any] = [event for event in recorded.events() or () if event.device_type.name == device.upper()]
    row = "device_resource_id" if device == "cuda" else "thread"
    begin_us = min((event.time_range.start for event in events), default=0.0)
    return [
        (
            getattr(event, row),
            event.name,
            (event.time_range.start - begin_us) / 1e3,
            event.time_range.elapsed_us() / 1e3,
        )
        for event in events
    ]


def _costs(recorded: profile, device: str) -> list[Cost]:
    own = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    averages = [each for each in recorded.key_averages() if each.device_type.name == device.upper()]
    took_us = {average.key: float(getattr(average, own)) for average in averages}
    total_us = sum(took_us.values()) or 1.0
    ordered = sorted(took_us.items(), key=lambda item: -item[1])
    return [Cost(name, each_us / 1e3 / FRAMES, each_us / total_us) for name, each_us in ordered if each_us > 0]


def _draw(spans: list[tuple[int, str, float, float]], costs: list[Cost], out: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    colours = dict(zip((cost.name for cost in costs), COLOURS, strict=False))
    rows = sorted({span[0] for span in spans})
    figure, axis = pyplot.subplots(figsize=(12, 1.6 + 0.5 * len(rows)))
    for name, colour in {**colours, "everything else": OTHERS}.items():
        axis.broken_barh([], (0, 0), color=colour, label=name[:70])
        for place, row in enumerate(rows):
            bars = [
                (begin, length) for where, what, begin, length in spans if where == row and _kind(what, colours) == name
            ]
            axis.broken_barh(bars, (place - 0.4, 0.8), color=colour, linewidth=0)
    axis.set_yticks(range(len(rows)), [f"row {row}" for row in rows])
    axis.set_xlabel(f"ms, {FRAMES} frames")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(out, dpi=100)
    pyplot.close(figure)


def _kind(name: str, colours: dict[str, str]) -> str:
    return name if name in colours else "everything else"
