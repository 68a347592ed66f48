"""Stacks as a flame graph: an SVG that any browser shows, small enough for the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

from streamer.bench.stacks import Stack

WIDTH_PX, ROW_PX, TITLE_PX = 1200, 18, 28
LETTER_PX = 6.6
"""About the width of a letter."""
LEAST_SHARE = 0.002
"""What is narrower than this is left out: nobody could read it."""


@dataclass
class _Node:
    seconds: float = 0.0
    below: dict[str, _Node] = field(default_factory=dict)


def flame_svg(seconds: Mapping[Stack, float], title: str) -> str:
    """The graph: each thread and below it what it called, as wide as the time that was spent there."""
    root = _Node()
    for stack, took_s in seconds.items():
        node = root
        node.seconds += took_s
        for name in stack:
            node = node.below.setdefault(name, _Node())
            node.seconds += took_s
    boxes: list[str] = []
    depth = _draw(root, 0.0, 0, max(root.seconds, 1e-9), boxes)
    height_px = TITLE_PX + depth * ROW_PX + 4
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height_px}" width="{WIDTH_PX}" '
        f'height="{height_px}" font-family="monospace" font-size="11">'
    )
    back = f'<rect width="{WIDTH_PX}" height="{height_px}" fill="#fff"/>'
    return "\n".join([head, back, f'<text x="4" y="18" font-size="14">{escape(title)}</text>', *boxes, "</svg>", ""])


def _draw(node: _Node, left_s: float, depth: int, total_s: float, boxes: list[str]) -> int:
    """Add what lies below a node; gives how many rows there are."""
    deepest = depth
    for name, child in sorted(node.below.items(), key=lambda item: -item[1].seconds):
        if child.seconds / total_s >= LEAST_SHARE:
            boxes.append(_box(name, child.seconds, left_s, depth, total_s))
            deepest = max(deepest, _draw(child, left_s, depth + 1, total_s, boxes))
        left_s += child.seconds
    return deepest


def _box(name: str, seconds: float, left_s: float, depth: int, total_s: float) -> str:
    left_px, width_px = left_s / total_s * WIDTH_PX, seconds / total_s * WIDTH_PX
    top_px = TITLE_PX + depth * ROW_PX
    letters = int((width_px - 6) / LETTER_PX)
    shown = name if len(name) <= letters else name[: letters - 1] + "…" if letters > 3 else ""
    text = f'<text x="{left_px + 3:.1f}" y="{top_px + 13}">{escape(shown)}</text>' if shown else ""
    hue = 200 if depth == 0 else 20 + crc32(name.encode()) % 40  # threads blue, functions from red to yellow
    return (
        f"<g><title>{escape(name)}: {seconds:.2f} s, {seconds / total_s:.1%}</title>"
        f'<rect x="{left_px:.1f}" y="{top_px}" width="{max(width_px - 0.5, 0.5):.1f}" height="{ROW_PX - 1}" '
        f'fill="hsl({hue},80%,72%)"/>{text}</g>'
    )
