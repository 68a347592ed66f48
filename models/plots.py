"""Pictures of a training run: curves and sample mattes, as PNG."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.datasets import Pair


def save_curves(table: Path, out: Path) -> None:
    """Draw every column of a run's ``metrics.csv`` over its steps."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with table.open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("step", "minutes")]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3))
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        axis.plot([float(row["step"]) for row in rows], [float(row[name]) for row in rows])
        axis.set_title(name)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=80)
    pyplot.close(figure)


def save_samples(out: Path, pairs: Sequence[Pair], mattes: Sequence[NDArray[np.float32]], *, count: int = 24) -> None:
    """A sheet of picture, true mask and matte side by side, ``count`` of them spread over the set."""
    chosen = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
    tiles = [_tile(pairs[index], mattes[index]) for index in chosen]
    columns = 4
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    cv2.imwrite(str(out), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _tile(pair: Pair, matte: NDArray[np.float32], height: int = 160, width: int = 360) -> NDArray[np.uint8]:
    grey = [pair.mask, (matte * 255).astype(np.uint8)]
    strip = np.hstack([pair.image, *(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB) for plane in grey)])
    scale = min(width / strip.shape[1], height / strip.shape[0])
    small = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.zeros((height, width, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile
