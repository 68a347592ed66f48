"""A network that learns: its optimiser, its averaged weights, and where it has got to."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checkpoints import CheckpointError, save_network
from models.losses import matte_loss, side_loss, taught_loss
from models.recorded import Recorded
from models.training_config import TrainConfig
from models.unet import UNet
from models.unet_config import CONFIGS


class Lesson(NamedTuple):
    """A batch on the device, all in [0, 1]: picture ``(n, 3, h, w)``, alpha and known ``(n, 1, h, w)``."""

    picture: Tensor
    alpha: Tensor
    known: Tensor
    teacher: Tensor | None = None
    """Another network's alpha ``(n, 1, h, w)``."""
    taught: Tensor | None = None
    """How much that counts, one number."""

    @classmethod
    def of(cls, batch: Sequence[Tensor], device: torch.device, taught: float = 0.0) -> Lesson:
        """From image uint8 ``(n, h, w, 3)``, alpha and known uint8 ``(n, h, w)``, and perhaps what others see in it.

        Args:
            batch: these.
            device: where the lesson is to lie.
            taught: how much the last of the four counts.
        """
        image, *planes = (plane.to(device, non_blocking=True) for plane in batch)
        picture = image.permute(0, 3, 1, 2).float().div(255)
        alpha, known, *seen = (plane[:, None].float() / 255 for plane in planes)
        if not seen:
            return cls(picture, alpha, known)
        return cls(picture, alpha, known, seen[0], torch.full((), taught, device=device))

    def shrunk(self, scale: float, multiple_px: int) -> Lesson:
        """The same with sides smaller by about ``scale``, in whole multiples."""
        height, width = (max(1, round(side * scale / multiple_px)) * multiple_px for side in self.alpha.shape[2:])
        size = (height, width)
        if size == self.alpha.shape[2:]:
            return self
        planes = [None if plane is None else F.adaptive_avg_pool2d(plane, size) for plane in self[:4]]
        picture, alpha, known, teacher = planes
        assert picture is not None
        assert alpha is not None
        assert known is not None
        return Lesson(picture.contiguous(memory_format=torch.channels_last), alpha, known, teacher, self.taught)


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
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        self._fit_optimizer()
        self.step, self.elapsed_s, self.best_iou = 0, 0.0, -1.0  # the first is the best so far
        self._recorded = Recorded(self._learn, device)

    def learning_rate(self, progress: float) -> float:
        """Warm up, hold, then fall in a line to zero; ``progress`` is the share of the run that is done."""
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup_steps))
        cool = min(1.0, (1 - progress) / max(1e-9, self.config.cooldown_share))
        return self.config.learning_rate * warm * max(0.0, cool)

    def _fit_optimizer(self) -> None:
        """Let it work as its device wants it, which a checkpoint may not say: it may be another device's."""
        on_gpu = self.device.type == "cuda"
        for group in self.optimizer.param_groups:
            rate = float(group["lr"])
            group["lr"] = torch.tensor(rate, device=self.device) if on_gpu else rate  # recorded steps read it there
            group["fused"], group["capturable"] = on_gpu or None, on_gpu
        for state in self.optimizer.state.values():
            state["step"] = state["step"].to(self.device if on_gpu else "cpu")

    def update(self, lesson: Lesson, progress: float) -> tuple[Tensor, Tensor]:
        """One step; returns the loss and the alpha ``(n, 1, h, w)`` before it, both still on the device.

        On CUDA the next update may write over them.
        """
        rate = self.learning_rate(progress)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self.step += 1
        return self._recorded(*lesson)

    def _learn(
        self, picture: Tensor, alpha: Tensor, known: Tensor, teacher: Tensor | None, taught: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        # Without the cache: a recording would keep the casts of weights that have changed since.
        half = _fast_bfloat16(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half, cache_enabled=False):
            ladder, logits = self.network.features(picture)
            sides = self.heads(ladder) if self.config.side_share else []
        person = (logits if logits.shape[1] == 1 else logits[:, 1:2] - logits[:, 0:1]).float()
        loss = matte_loss(person, alpha, known)
        if teacher is not None and taught is not None:
            loss = loss + taught * taught_loss(person, teacher)
        for side in sides:
            loss = loss + self.config.side_share * side_loss(side.float(), alpha, known)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        return loss.detach(), person.detach().sigmoid()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights, and the statistics of the normalisation, a little towards the present ones."""
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        floats = [(mean, now) for mean, now in pairs if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in floats], [now for _, now in floats], 1 - self.config.average_decay)

    def averaged(self) -> UNet:
        """The averaged weights as a network of their own, ready to evaluate."""
        network = UNet(self.network.config)
        network.load_state_dict(self.average.state_dict())
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
            self._fit_optimizer()
            self.step, self.elapsed_s, self.best_iou = state["step"], state["elapsed_s"], state["best_iou"]
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
        except Exception as error:  # torch raises whatever the damage leads to
            raise CheckpointError(f"{path} is no last.pt of a run of {self.config.model}; start without it") from error


def _fast_bfloat16(device: torch.device) -> bool:
    """Half-length floats pay off on a GPU, and on CPUs that multiply them natively."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())
