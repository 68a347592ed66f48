"""Fine-tuning the network that ships on one person, camera and room, and judging whether that was any good.

Imports torch: import this only when there is something to train.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from models.augment import Composer, CutOutSet, PairSet
from models.batches import Batches
from models.checkpoints import CheckpointError, load_network, save_network
from models.datasets import Pair, cut_out
from models.export import export_onnx
from models.framing import framing
from models.learning import Lesson, Run
from models.matting import matte_picture
from models.metrics import iou, mad
from models.scenery import curtain
from models.training_config import TrainConfig
from models.unet import UNet
from models.unet_config import CONFIGS
from streamer.enrolling.labelling import Label, Verdict
from streamer.errors import EnrolmentError, WeightsError
from streamer.frames import Alpha, Image

MODEL = "compact"
LEARNING_RATE = 4e-4
BATCH = 8
LABELLED_SHARE, ROOM_SHARE, EMPTY_SHARE = 0.45, 0.12, 0.08
"""Shares of the samples: labelled frames, frames of the empty room, and composites without anybody."""
DRAWN_ROOMS = 8
"""How many rooms are drawn, beside the user's own, for the cut-outs to be pasted into."""
NO_WORSE = 0.0005
"""Share of the empty room by which the new weights may take more of it for a person: what nobody sees."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How good some weights are on frames that were held back."""

    iou: float
    """Mean intersection over union with the labels, where they are known."""
    mad: float
    """Mean absolute difference to them, times 1000."""
    room_share: float
    """Share of the empty room that is taken for a person."""

    def beats(self, old: Scores) -> bool:
        """Whether these weights are worth keeping in place of the old ones."""
        is_no_worse = self.iou >= old.iou and self.mad <= old.mad and self.room_share <= old.room_share + NO_WORSE
        return is_no_worse and (self.iou > old.iou or self.mad < old.mad)


def shipped_network() -> UNet:
    """The network that ships; raises ``WeightsError`` if it is damaged."""
    try:
        return load_network(MODEL)
    except CheckpointError as error:
        raise WeightsError(str(error)) from error


def mattes_of(network: UNet, pictures: Sequence[Image], on_picture: Callable[[], None]) -> list[Alpha]:
    """The alpha of each picture, as ``matte_picture`` makes it of the network's: float32 ``(h, w)``."""
    mattes = []
    for picture in pictures:
        mattes.append(np.asarray(matte_picture(network, picture), np.float32))
        on_picture()
    return mattes


def fine_tune(
    labels: Sequence[Label],
    rooms: Sequence[Image],
    *,
    device: str,
    minutes: float,
    steps: int | None,
    on_progress: Callable[[float], None],
) -> UNet:
    """The network that ships, trained on.

    Args:
        labels: kept ones, without those held back.
        rooms: pictures of the empty room.
        device: a name that torch knows.
        minutes: how long.
        steps: how many steps at most; None = as many as there is time for.
        on_progress: told the share that is done.

    Raises:
        EnrolmentError: no label holds a person whole enough to be cut out.
    """
    config = _config(labels[0].picture, steps)
    run = Run(config, Path(), torch.device(device), shipped_network())
    begun_at_s = time.monotonic()
    for batch in Batches(_composer(labels, rooms), config, 0):
        progress = (time.monotonic() - begun_at_s) / (60 * minutes)
        if steps is not None:
            progress = max(progress, run.step / steps)
        on_progress(min(1.0, progress))
        if progress >= 1:
            break
        run.update(Lesson.of(batch, run.device), progress)
    return run.averaged().cpu()


def _config(picture: Image, steps: int | None) -> TrainConfig:
    """One short run at the size at which this camera's pictures enter the network."""
    height, width = picture.shape[:2]
    padded = framing(width, height, CONFIGS[MODEL]).padded
    return TrainConfig.model_validate(
        {
            "model": MODEL,
            "people": (),
            "backgrounds": (),
            "validation": (),
            "shapes": [{"width": padded[0], "height": padded[1], "share": 1.0}],
            "batch": BATCH,
            "steps": steps or 10**6,
            "learning_rate": LEARNING_RATE,
            "warmup_steps": 10,
            "cooldown_share": 0.6,
            "average_decay": 0.97,
            "side_share": 0.0,
            # Measured, on a clip's people who were not learnt, after 120 steps: MAD 4.26 before, 2.40 with frozen
            # statistics, 5.69 with statistics that follow this one scene.
            "frozen_norm": True,
        }
    )


def _composer(labels: Sequence[Label], rooms: Sequence[Image]) -> Composer:
    """Labelled frames as they are, the person pasted into rooms, and rooms without anybody."""
    pairs = [_pair(number, label) for number, label in enumerate(labels)]
    whole_people = [pair for pair, label in zip(pairs, labels, strict=True) if label.verdict is Verdict.PERSON]
    people = [found for found in map(cut_out, whole_people) if found is not None]
    if not people:
        raise EnrolmentError("no frame shows enough of the person: come closer to the camera, or into its middle")
    empty = [Pair(f"room {number}", room, np.zeros(room.shape[:2], np.uint8)) for number, room in enumerate(rooms)]
    return Composer(
        [CutOutSet(people, 1.0)],
        [PairSet(pairs, LABELLED_SHARE), PairSet(empty, ROOM_SHARE)],
        [*rooms, *_drawn_rooms(rooms[0])],
        empty_share=EMPTY_SHARE,
        coat_share=0.0,  # the only clothes at hand are the person's own, and those are person
    )


def _pair(number: int, label: Label) -> Pair:
    return Pair(f"frame {number}", label.picture, label.mask, label.known)


def _drawn_rooms(like: Image) -> list[Image]:
    """Soft patches of colour behind curtains: others than the user's own, so that the person alone is learnt."""
    rng = np.random.default_rng(2)
    height, width = like.shape[:2]
    rooms = []
    for _ in range(DRAWN_ROOMS):
        coarse = rng.uniform(10, 245, (int(rng.integers(2, 6)), int(rng.integers(2, 8)), 3)).astype(np.float32)
        walls = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
        rooms.append(curtain(rng, walls))
    return rooms


# -- judging ---------------------------------------------------------------------------------------------------------


def judge(network: UNet, held_back: Sequence[Label], rooms: Sequence[Image]) -> Scores:
    """Score weights on labels and pictures of the empty room that nobody trained on."""
    ious, mads = [], []
    for label in held_back:
        known = label.known > 0
        if not known.any():
            continue
        matte, truth = matte_picture(network, label.picture)[known], label.mask[known].astype(np.float32) / 255
        ious.append(iou(matte, truth))
        mads.append(mad(matte, truth))
    taken = [float((matte_picture(network, room) > 0.5).mean()) for room in rooms]
    return Scores(float(np.mean(ious)), float(np.mean(mads)), float(np.mean(taken)))


def before_and_after(old: UNet, new: UNet, held_back: Sequence[Label], rows: int = 4) -> Image:
    """Frames that were held back, from each part of the time that which changed most: as it came, before, after.

    Returns:
        RGB uint8, ``rows`` frames high (or fewer) and three wide.
    """
    plain = np.array([60, 170, 90], np.float32)
    rows = min(rows, len(held_back))
    lines = []
    for row in range(rows):
        part = held_back[row * len(held_back) // rows : (row + 1) * len(held_back) // rows]
        pairs = [[matte_picture(network, label.picture) for network in (old, new)] for label in part]
        most = int(np.argmax([np.abs(before - after).mean() for before, after in pairs]))
        picture, shares = part[most].picture, [matte[..., None] for matte in pairs[most]]
        cut = [(picture * share + plain * (1 - share)).round().astype(np.uint8) for share in shares]
        lines.append(np.hstack([picture, *cut]))
    return np.vstack(lines)


def save(network: UNet, folder: Path, weights: str, graph: str) -> None:
    """Write the network as weights and, for the CPU runtimes, as ONNX, which must not be older.

    Raises:
        EnrolmentError: they cannot be written.
    """
    try:
        save_network(network, folder / weights, note=json.dumps({"made by": "streamer enroll"}))
        export_onnx(network, folder / graph)
    except CheckpointError as error:
        raise EnrolmentError(f"the profile cannot be kept: {error}") from error
