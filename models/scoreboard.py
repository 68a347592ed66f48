"""All validation sets of a training configuration in one run: stills, composited clips and empty rooms.

Each entrant is a way to matte a sequence of pictures: our network with its mattes kept steady, the whole program
(``streamer bench mattes``), or a peer. A still is a sequence of one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from models.clips import ROOM_FIRST, make_clips, make_entrances, make_walks
from models.datasets import DatasetError, Picture, cut_outs, load_backgrounds, load_pairs, pictures_in, read_grey
from models.matting import Matte
from models.metrics import boundary_iou, connectivity, dtssd, flicker, gradient, iou, mad, mse
from models.peers.runner import run_mediapipe
from models.training_config import TrainConfig, left_out_rooms

Sequences: TypeAlias = Sequence[Sequence[Picture]]
Entrant: TypeAlias = Callable[[Sequence[Picture]], Sequence[Matte]]
"""RGB pictures of one scene, in their order, to their alpha, float32 ``(h, w)`` in [0, 1] of each one's size."""
CLIPS, CLIP_LENGTH = 24, 24
ENTRANCES, ENTRANCE_LENGTH = 16, 40
WALKS, WALK_LENGTH = 16, 40
EMPTY_ROOMS = 100
VIDEO_FRAMES, VIDEO_WIDTH_PX = 300, 512
"""What is looked at of a real video."""


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """Sequences of RGB pictures with their true mattes in [0, 1]; ``truths`` is empty for rooms without a person."""

    name: str
    sequences: Sequences
    truths: Sequence[Sequence[Matte]] = ()
    lead_in: int = 0
    """So many of each sequence's first pictures only show the room: they have no truth, and are not scored."""


@dataclass(slots=True)
class Entry:
    """What one entrant gave for one set."""

    mattes: Sequence[Sequence[Matte]]
    median_ms: float
    """Of one picture, resizing included."""


def validation_sets(config: TrainConfig, config_path: Path, data: Path) -> list[ValidationSet]:
    """What the configuration validates on, its people in clips over rooms that are not trained on, and empty rooms."""
    pairs = {folder: load_pairs(data / folder, validation=True) for folder in config.validation}
    left_out = left_out_rooms(config, config_path)
    rooms = list(
        chain.from_iterable(load_backgrounds(data / folder, left_out, validation=True) for folder in config.backgrounds)
    )
    people = list(cut_outs(list(chain.from_iterable(pairs.values()))))
    if not rooms or not people:
        raise DatasetError(f"{data} holds no {'people' if rooms else 'room'} whose number ends in 9 to validate with")
    sets = [
        ValidationSet(folder, [[pair.image] for pair in found], [[pair.mask / np.float32(255)] for pair in found])
        for folder, found in pairs.items()
    ]
    clips = list(make_clips(people, rooms, count=CLIPS, length=CLIP_LENGTH))
    entrances = list(make_entrances(people, rooms, count=ENTRANCES, length=ENTRANCE_LENGTH))
    for name, made in (("clips", clips), ("entrances", entrances)):
        truths = [list(clip.mattes / np.float32(255)) for clip in made]
        sets.append(ValidationSet(name, [list(clip.frames) for clip in made], truths))
    walks = list(make_walks(people, rooms, count=WALKS, length=WALK_LENGTH))
    truths = [list(clip.mattes[ROOM_FIRST:] / np.float32(255)) for clip in walks]
    sets.append(ValidationSet("walks", [list(clip.frames) for clip in walks], truths, ROOM_FIRST))
    sets.append(ValidationSet("empty rooms", [[cv2.resize(room, (384, 288))] for room in rooms[:EMPTY_ROOMS]]))
    return sets


def our_entry(entrant: Entrant, sequences: Sequences) -> Entry:
    """Ours of all sequences."""
    entrant(sequences[0][:1])  # the first call also sets the runtime up
    mattes, durations_ms = [], []
    for pictures in sequences:
        started_s = time.perf_counter()
        mattes.append(entrant(pictures))
        durations_ms.append((time.perf_counter() - started_s) * 1e3 / len(pictures))
    return Entry(mattes, statistics.median(durations_ms))


def score_video(ours: Entrant, name: str, video: Path, *, peer: Path | None) -> dict[str, float]:
    """``flicker`` of a real video's first seconds, whose truth nobody knows, by the entrants' names."""
    pictures = _read_video(video)
    entries = {name: our_entry(ours, [pictures])}
    if peer is not None:
        entries |= peer_entries([pictures], peer)
    return {name: flicker(np.stack(entry.mattes[0]), np.stack(pictures)) for name, entry in entries.items()}


def _read_video(path: Path) -> list[Picture]:
    capture = cv2.VideoCapture(str(path))
    pictures: list[Picture] = []
    while len(pictures) < VIDEO_FRAMES:
        is_read, frame = capture.read()
        if not is_read:
            break
        height = round(frame.shape[0] * VIDEO_WIDTH_PX / frame.shape[1])
        small = cv2.resize(frame, (VIDEO_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        pictures.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.uint8))
    capture.release()
    if len(pictures) < 2:
        raise DatasetError(f"{path} is no video that can be read")
    return pictures


def peer_entries(sequences: Sequences, interpreter: Path) -> dict[str, Entry]:
    """The same from each of MediaPipe's two selfie models, run by the interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        chosen, out = Path(folder) / "in", Path(folder) / "out"
        for number, pictures in enumerate(sequences):
            clip = chosen / f"{number:04d}"
            clip.mkdir(parents=True)
            for index, picture in enumerate(pictures):
                cv2.imwrite(str(clip / f"{index:04d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return {
            f"mediapipe {name}": Entry(
                [[_grey(path) for path in pictures_in(clip)] for clip in sorted((out / name).iterdir())], median_ms
            )
            for name, median_ms in run_mediapipe(chosen, out, interpreter).items()
        }


def _grey(path: Path) -> Matte:
    return read_grey(path).astype(np.float32) / 255


def scores(found: ValidationSet, mattes: Sequence[Sequence[Matte]]) -> dict[str, float]:
    """Means over the set's pictures and, of ``dtssd``, over its clips.

    Errors are such that less is better: 1 - IoU, 1 - boundary IoU, MAD and MSE x 1000, gradient, connectivity, dtSSD
    x 100. ``kept`` is the percentage of pixels that are taken for a person in rooms where there is none.
    """
    if not found.truths:
        return {"kept": float(np.mean([100 * (matte > 0.5).mean() for matte in chain.from_iterable(mattes)]))}
    each: Mapping[str, Callable[[Matte, Matte], float]] = {
        "iou_error": lambda ours, truth: 1 - iou(ours, truth),
        "boundary_iou_error": lambda ours, truth: 1 - boundary_iou(ours, truth),
        "mad": mad,
        "mse": mse,
        "gradient": gradient,
        "connectivity": connectivity,
    }
    mattes = [ours[found.lead_in :] for ours in mattes]
    pairs = list(zip(chain.from_iterable(mattes), chain.from_iterable(found.truths), strict=True))
    result = {name: float(np.mean([metric(*pair) for pair in pairs])) for name, metric in each.items()}
    clips = [(ours, truth) for ours, truth in zip(mattes, found.truths, strict=True) if len(truth) > 1]
    if clips:
        result["dtssd"] = float(np.mean([dtssd(np.stack(ours), np.stack(truth)) for ours, truth in clips]))
    return result


def compete(
    ours: Entrant, name: str, sets: Sequence[ValidationSet], *, peer: Path | None, on_line: Callable[[str], None]
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by set and entrant, ``median_ms`` among them; told in lines for people as they come."""
    board: dict[str, dict[str, dict[str, float]]] = {}
    for found in sets:
        entries = {name: our_entry(ours, found.sequences)}
        if peer is not None:
            entries |= peer_entries(found.sequences, peer)
        board[found.name] = {
            who: {**scores(found, entry.mattes), "median_ms": entry.median_ms} for who, entry in entries.items()
        }
        for line in _lines(found, board[found.name]):
            on_line(line)
    return board


def _lines(found: ValidationSet, rows: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield f"{found.name}: {sum(len(pictures) for pictures in found.sequences)} pictures"
    best = {
        metric: min((row[metric] for name, row in rows.items() if name.startswith("mediapipe")), default=0.0)
        for metric in next(iter(rows.values()))
    }
    for name, row in rows.items():
        columns = [
            f"{metric} {value:.4g}" + (f" ({value / best[metric]:.2f}x)" if best[metric] else "")
            for metric, value in row.items()
        ]
        yield f"  {name:20} " + "  ".join(columns)
