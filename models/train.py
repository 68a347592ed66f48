"""Train a matte network on folders of pictures and masks.

::

    python -m models.train configs/train/compact.yaml --data DATA --out runs/compact
    python -m models.train configs/train/compact.yaml --data DATA --out runs/compact --resume runs/compact/last.pt
    python -m models.train configs/train/compact.yaml --data DATA --out runs/gpu --minutes 9  # stop on time

``DATA`` is the folder that the configuration's folder names start from. The run's folder receives ``last.pt``
(everything needed to go on), ``best.safetensors`` and ``last.safetensors`` (averaged weights, ready for ``--weights``),
``metrics.csv``, ``curves.png`` and a picture of samples for each evaluation.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models import plots
from models.augment import Composer, CutOutSet, PairSet
from models.checkpoints import CheckpointError, load_network, save_network
from models.datasets import DatasetError, Pair, cut_outs, load_backgrounds, load_pairs
from models.losses import matte_loss, side_loss
from models.matting import matte_picture
from models.metrics import score
from models.training_config import TrainConfig, left_out_rooms, read_config
from models.unet import UNet
from models.unet_config import CONFIGS

T = TypeVar("T")


class Batches(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Endless batches: image uint8 ``(n, h, w, 3)``, alpha and known uint8 ``(n, h, w)``."""

    def __init__(self, composer: Composer, config: TrainConfig, first_step: int) -> None:
        self._composer = composer
        self._config = config
        self._first_step = first_step

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._config.seed, self._first_step, worker.id if worker else 0])
        shapes = self._config.shapes
        odds = np.array([shape.share for shape in shapes])
        while True:
            shape = shapes[int(rng.choice(len(shapes), p=odds / odds.sum()))]
            samples = [self._composer.draw(rng, shape.width, shape.height) for _ in range(self._config.batch)]
            yield (
                torch.from_numpy(np.stack([sample.image for sample in samples])),
                torch.from_numpy(np.stack([sample.alpha for sample in samples])),
                torch.from_numpy(np.stack([sample.known for sample in samples])),
            )


class SideHeads(nn.Module):
    """One logit from each coarse decoder level, in training only: the coarse shape is learnt sooner."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        widths = network.config.channels[-2:0:-1]
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)

    def forward(self, ladder: list[Tensor]) -> list[Tensor]:
        return [head(features) for head, features in zip(self.heads, ladder, strict=False)]


class Run:
    """A training run: network, optimiser, averaged weights, and where it has got to."""

    def __init__(self, config: TrainConfig, out: Path, device: torch.device, initial: UNet | None) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out, self.device = config, out, device
        network = initial or UNet(CONFIGS[config.model])
        self.network = network.train().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.frozen_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        self.heads = SideHeads(self.network).to(device)
        average = get_ema_multi_avg_fn(config.average_decay)
        self.average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.step, self.elapsed_s, self.best_iou = 0, 0.0, 0.0

    def learning_rate(self, progress: float) -> float:
        """Warm up, hold, then fall in a line to zero; ``progress`` is the share of the run that is done."""
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup_steps))
        cool = min(1.0, (1 - progress) / max(1e-9, self.config.cooldown_share))
        return self.config.learning_rate * warm * max(0.0, cool)

    def update(self, batch: tuple[Tensor, Tensor, Tensor], progress: float) -> float:
        """One step; returns the loss."""
        image, alpha, known = (plane.to(self.device, non_blocking=True) for plane in batch)
        x = image.permute(0, 3, 1, 2).float().div(255)
        target, trust = alpha[:, None].float() / 255, known[:, None].float() / 255
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=_fast_bfloat16(self.device)):
            ladder, logits = self.network.features(x)
            sides = self.heads(ladder) if self.config.side_share else []
        person = logits if logits.shape[1] == 1 else logits[:, 1:2] - logits[:, 0:1]
        loss = matte_loss(person.float(), target, trust)
        for side in sides:
            loss = loss + self.config.side_share * side_loss(side.float(), target, trust)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def averaged(self) -> UNet:
        """The averaged weights as a network of their own, ready to evaluate."""
        network = UNet(self.network.config)
        network.load_state_dict(self.average.module.state_dict())
        return network.eval().to(self.device)

    def save(self) -> None:
        """Write ``last.pt`` (to go on from) and ``last.safetensors`` (to use)."""
        state = {
            "network": self.network.state_dict(),
            "heads": self.heads.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "best_iou": self.best_iou,
        }
        part = self.out / "last.pt.part"
        torch.save(state, part)
        part.replace(self.out / "last.pt")
        save_network(self.averaged(), self.out / "last.safetensors", note=f"step {self.step}")

    def resume(self, path: Path) -> None:
        """Go on from a ``last.pt``. ``CheckpointError``: it is none, or of another model."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name in ("network", "heads", "average", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
            self.step, self.elapsed_s, self.best_iou = state["step"], state["elapsed_s"], state["best_iou"]
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
        except Exception as error:  # torch raises whatever the damage leads to
            raise CheckpointError(f"{path} is no last.pt of a run of {self.config.model}; start without it") from error


def _fast_bfloat16(device: torch.device) -> bool:
    """Half-length floats pay off on a GPU, and on CPUs that multiply them natively."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


def make_composer(config: TrainConfig, config_path: Path, data: Path) -> Composer:
    """Load every folder that the configuration names."""
    people = [
        CutOutSet(_any(list(cut_outs(load_pairs(data / group.folder, validation=False))), group.folder), group.share)
        for group in config.people
    ]
    whole = [
        PairSet(_any(load_pairs(data / group.folder, validation=False), group.folder), group.share)
        for group in config.whole
    ]
    left_out = left_out_rooms(config, config_path)
    rooms = [_any(load_backgrounds(data / folder, left_out, validation=False), folder) for folder in config.backgrounds]
    return Composer(people, whole, list(chain.from_iterable(rooms)), empty_share=config.empty_share)


def _any(found: list[T], folder: str) -> list[T]:
    if not found:
        raise DatasetError(f"{folder} holds nothing to train on: a file whose number ends in 9 is for validation")
    return found


def choose_device(name: str) -> torch.device:
    """That device. ``DatasetError``: there is none of that name, or not here."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts that it has it
        raise DatasetError(f"--device {name}: {str(error).splitlines()[0]}; cpu is always there") from error
    return device


def evaluate(run: Run, pairs: list[Pair]) -> dict[str, float]:
    """Mean metrics of the averaged weights over the validation pairs, and a picture of some."""
    network = run.averaged()
    mattes = [matte_picture(network, pair.image) for pair in pairs]
    plots.save_samples(run.out / f"samples_{run.step:06d}.png", pairs, mattes)
    rows = [score(matte, pair.mask.astype(np.float32) / 255) for matte, pair in zip(mattes, pairs, strict=True)]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def train(run: Run, composer: Composer, pairs: list[Pair], minutes: float | None) -> None:
    """The loop: until the steps are done or, if ``minutes`` is given, until the time is up."""
    config = run.config
    torch.set_float32_matmul_precision("high")
    loader = DataLoader(
        Batches(composer, config, run.step), batch_size=None, num_workers=config.workers,
        prefetch_factor=4 if config.workers else None, pin_memory=run.device.type == "cuda",
    )  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    losses: list[float] = []
    started_s = time.monotonic() - run.elapsed_s
    saved_s = time.monotonic()
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=config.steps, completed=run.step)
        for batch in loader:
            run.elapsed_s = time.monotonic() - started_s
            progress = run.elapsed_s / (60 * minutes) if minutes else run.step / config.steps
            if progress >= 1:
                break
            losses.append(run.update(batch, progress))
            bar.update(task, completed=run.step, description=f"loss {np.mean(losses[-100:]):.3f}")
            if run.step % config.evaluate_every == 0:
                report(run, pairs, losses, started_s)
                losses.clear()
            if time.monotonic() - saved_s > 120:
                run.save()
                saved_s = time.monotonic()
    if losses:
        report(run, pairs, losses, started_s)
    run.save()


def report(run: Run, pairs: list[Pair], losses: list[float], started_s: float) -> None:
    """Evaluate, print, keep the curve and the best weights."""
    row = {"step": run.step, "minutes": (time.monotonic() - started_s) / 60, "loss": float(np.mean(losses))}
    row |= evaluate(run, pairs)
    print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
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
        composer = make_composer(config, args.config, args.data)
        pairs = [pair for folder in config.validation for pair in load_pairs(args.data / folder, validation=True)]
        initial = load_network(config.model, args.initial) if args.initial else None
        args.out.mkdir(parents=True, exist_ok=True)
        run = Run(config, args.out, device, initial)
        if args.resume:
            run.resume(args.resume)
    except (DatasetError, CheckpointError) as error:
        print(error, file=sys.stderr)
        return 2
    train(run, composer, pairs, args.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
