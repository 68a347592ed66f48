"""Train a matte network on folders of pictures and masks.

::

    python -m models.train configs/train/compact.yaml --data DATA --out runs/compact
    python -m models.train configs/train/compact.yaml --data DATA --out runs/compact --resume runs/compact/last.pt
    python -m models.train configs/train/compact.yaml --data DATA --out runs/gpu --minutes 9  # stop on time

``DATA`` is the folder that the configuration's folder names start from. The run's folder receives ``last.pt``
(everything needed to go on), ``best.safetensors`` and ``last.safetensors`` (averaged weights, ready for ``--weights``),
``metrics.csv``, ``curves.png`` and a picture of samples for each evaluation; so does a folder in it for each student.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from models import plots
from models.batches import Batches, Lessons, make_composer
from models.checkpoints import CheckpointError, load_network, save_network
from models.datasets import DatasetError, Pair, load_pairs
from models.learning import Lesson, Run
from models.matting import matte_picture
from models.metrics import score
from models.training_config import Student, TrainConfig, read_config
from models.unet import UNet

SHOW_EVERY = 20
"""Steps between two looks at the loss."""
SAVE_EVERY_S = 180


def choose_device(name: str) -> torch.device:
    """That device. ``DatasetError``: there is none of that name, or not here."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts that it has it
        raise DatasetError(f"--device {name}: {str(error).splitlines()[0]}; cpu is always there") from error
    return device


def _student_network(student: Student, config_path: Path) -> UNet | None:
    return load_network(student.model, config_path.parent / student.initial) if student.initial else None


def assemble(
    config: TrainConfig,
    out: Path,
    device: torch.device,
    initial: UNet | None,
    students: Sequence[tuple[Student, UNet | None]] = (),
) -> Class:
    """The run and its students, each with the network to start from; their folders are made."""
    out.mkdir(parents=True, exist_ok=True)
    runs = []
    for student, network in students:
        folder = out / student.model
        folder.mkdir(exist_ok=True)
        own = config.model_copy(update={"model": student.model, "learning_rate": student.learning_rate})
        runs.append((student, Run(own, folder, device, network)))
    return Class(Run(config, out, device, initial), tuple(runs))


def resume(learners: Class, path: Path) -> None:
    """Go on from ``path`` and what lies in the students' folders beside it. ``CheckpointError``: it cannot be."""
    learners.teacher.resume(path)
    for student, run in learners.students:
        beside = path.parent / student.model / path.name
        run.resume(beside)
        if run.step != -(-learners.teacher.step // student.every):
            raise CheckpointError(f"{beside} was written at another step than {path}: start without them")


def evaluate(run: Run, pairs: list[Pair]) -> dict[str, float]:
    """Mean metrics of the averaged weights over the validation pairs, and a picture of some."""
    network = run.averaged()
    mattes = [matte_picture(network, pair.image) for pair in pairs]
    plots.save_samples(run.out / f"samples_{run.step:06d}.png", pairs, mattes)
    rows = [score(matte, pair.mask.astype(np.float32) / 255) for matte, pair in zip(mattes, pairs, strict=True)]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


class Class(NamedTuple):
    """Who learns together: the network of the configuration, and its students."""

    teacher: Run
    students: tuple[tuple[Student, Run], ...] = ()

    @property
    def runs(self) -> list[Run]:
        """All of them."""
        return [self.teacher, *(run for _, run in self.students)]

    def learn(self, lesson: Lesson, progress: float) -> list[Tensor | None]:
        """A step of each; the losses, still on the device, None of whom this batch was not for."""
        batch = self.teacher.step
        loss, teacher = self.teacher.update(lesson, progress)
        losses: list[Tensor | None] = [loss.clone()]
        teacher = teacher.clone()  # a student's step may write over it, and the next one wants it, too
        for student, run in self.students:
            if batch % student.every:
                losses.append(None)
                continue
            scale = student.scales[batch // student.every % len(student.scales)]
            own = lesson
            if student.taught:
                weight = torch.full((), student.taught * min(1.0, max(0.0, 2 * progress - 0.5)), device=run.device)
                own = lesson._replace(teacher=teacher, taught=weight)
            losses.append(run.update(own.shrunk(scale, run.network.config.multiple_px), progress)[0].clone())
        return losses


def train(
    learners: Class, batches: IterableDataset[tuple[Tensor, ...]], pairs: list[Pair], minutes: float | None
) -> None:
    """The loop: until the steps are done or, if ``minutes`` is given, until the time is up."""
    run = learners.teacher
    config = run.config
    torch.set_float32_matmul_precision("high")
    taught = config.teaching.weight if config.teaching else 0.0
    loader = DataLoader(
        batches, batch_size=None, num_workers=config.workers,
        prefetch_factor=4 if config.workers else None, pin_memory=run.device.type == "cuda",
    )  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    losses: list[list[Tensor]] = [[] for _ in learners.runs]
    started_s = time.monotonic() - run.elapsed_s
    saved_s = time.monotonic()
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=config.steps, completed=run.step)
        for batch in loader:
            run.elapsed_s = time.monotonic() - started_s
            progress = run.elapsed_s / (60 * minutes) if minutes else run.step / config.steps
            if progress >= 1:
                break
            for kept, loss in zip(losses, learners.learn(Lesson.of(batch, run.device, taught), progress), strict=True):
                kept += [] if loss is None else [loss]
            if run.step % SHOW_EVERY == 0:  # a look at the loss waits for the device
                bar.update(task, completed=run.step, description=f"loss {mean(losses[0][-100:]):.3f}")
            if run.step % config.evaluate_every == 0:
                report(learners, pairs, losses, started_s)
                losses = [[] for _ in learners.runs]
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                for each in learners.runs:
                    each.save()
                saved_s = time.monotonic()
    if losses[0]:
        report(learners, pairs, losses, started_s)
    for each in learners.runs:
        each.save()


def mean(losses: list[Tensor]) -> float:
    """Of losses that lie on the device."""
    return float(torch.stack(losses).mean()) if losses else math.nan


def report(learners: Class, pairs: list[Pair], losses: list[list[Tensor]], started_s: float) -> None:
    """Evaluate each, print, keep its curve and its best weights."""
    for run, kept in zip(learners.runs, losses, strict=True):
        row = {"step": run.step, "minutes": (time.monotonic() - started_s) / 60, "loss": mean(kept)}
        row |= evaluate(run, pairs)
        print(run.config.model, *(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
        keep(run, row)


def keep(run: Run, row: dict[str, float]) -> None:
    """Add to the table and the curve; the weights too if they are the best so far."""
    table = run.out / "metrics.csv"
    is_new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    plots.save_curves(table, run.out / "curves.png")
    if row["iou"] > run.best_iou:
        run.best_iou = row["iou"]
        save_network(run.averaged(), run.out / "best.safetensors", note=f"step {run.step}")


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder that the configuration's names start from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--lessons", type=Path, help="what models.lessons wrote, to learn from instead of new pictures")
    parser.add_argument("--resume", type=Path, help="a last.pt to go on from")
    parser.add_argument("--initial", type=Path, help="weights to start from (.safetensors)")
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    parser.add_argument("--minutes", type=float, help="stop after so long, the learning rate cooled down by then")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    cv2.setNumThreads(1)  # a forked worker would wait for ever for OpenCV's threads, which do not survive the fork
    try:
        device = choose_device(args.device)
        config = read_config(args.config)
        if args.steps:
            config = config.model_copy(update={"steps": args.steps})
        pairs = [pair for folder in config.validation for pair in load_pairs(args.data / folder, validation=True)]
        initial = load_network(config.model, args.initial) if args.initial else None
        students = [(each, _student_network(each, args.config)) for each in config.students]
        learners = assemble(config, args.out, device, initial, students)
        if args.resume:
            resume(learners, args.resume)
        step = learners.teacher.step
        batches: IterableDataset[tuple[Tensor, ...]]
        if args.lessons:
            batches = Lessons(args.lessons, (config.seed, step))
        else:
            batches = Batches(make_composer(config, args.config, args.data), config, step)
    except (DatasetError, CheckpointError) as error:
        print(error, file=sys.stderr)
        return 2
    train(learners, batches, pairs, args.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
