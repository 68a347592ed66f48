"""Write down pictures to learn from, with what trained networks see in them when they look several times.

::

    python -m models.lessons configs/train/compact_taught.yaml --data DATA --out LESSONS --minutes 15 [--part 1]
    python -m models.train configs/train/compact_taught.yaml --data DATA --lessons LESSONS --out runs/taught ...

A network errs otherwise in a mirror image, and otherwise at another size, so the mean of such looks is better than any
of them; so is that of two networks ("Distilling the Knowledge in a Neural Network", arXiv 1503.02531; the mean over
transformed pictures as in "Data Distillation", arXiv 1712.04440). What they see together is worth learning beside the
true masks, which are rough at hair and hems, and can be had for pictures that have none. It takes longer than a step of
training, so it is written down and learnt from more than once. One command for each core, with its own ``--part``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.augment import Composer, PairSet, Sample
from models.batches import make_composer
from models.checkpoints import CheckpointError, load_network
from models.datasets import DatasetError, Pair, Picture, load_backgrounds
from models.export import export_onnx
from models.training_config import Teaching, TrainConfig, read_config
from models.unet_config import CONFIGS

See = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""RGB in [0, 1], float32 ``(1, 3, h, w)``, to alpha ``(h, w)``."""
BATCHES_A_SIZE = 6
"""So many of one size are written one after the other: a network is compiled for each size."""


def taught_matte(picture: Picture, sees: Sequence[See], scales: Sequence[float], multiple_px: int) -> Picture:
    """The mean matte of some networks that look at a picture and its mirror image, at several sizes.

    Args:
        picture: RGB uint8 ``(h, w, 3)``.
        sees: the networks.
        scales: of the sides that they see, which are rounded to multiples.
        multiple_px: of what the sides must be a multiple.

    Returns:
        uint8 ``(h, w)``, 255 = person.
    """
    height, width = picture.shape[:2]
    total = np.zeros((height, width), np.float32)
    for scale in scales:
        across, down = (max(1, round(side * scale / multiple_px)) * multiple_px for side in (width, height))
        seen = cv2.resize(picture, (across, down), interpolation=cv2.INTER_LINEAR)
        batch = seen.transpose(2, 0, 1)[None].astype(np.float32) / 255
        for see in sees:
            alpha = see(batch) + see(np.ascontiguousarray(batch[..., ::-1]))[:, ::-1]
            total += cv2.resize(np.ascontiguousarray(alpha), (width, height), interpolation=cv2.INTER_AREA)
    mean = total / (2 * len(scales) * len(sees))
    return np.rint(255 * mean.clip(0, 1)).astype(np.uint8)


def openvino_network(onnx: Path) -> See:
    """A network that OpenVINO runs on one core of the CPU: ten times as fast as torch does."""
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # it reports to its makers
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}

    @lru_cache(4)
    def compiled(shape: tuple[int, ...]) -> Any:
        model = core.read_model(onnx)
        model.reshape(list(shape))
        return core.compile_model(model, "CPU", settings).create_infer_request()

    def see(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        request = compiled(batch.shape)
        request.infer({0: batch})
        alpha: NDArray[np.float32] = request.get_output_tensor(0).data[0, 0].copy()
        return alpha

    return see


def without_masks(teaching: Teaching, data: Path) -> list[PairSet]:
    """The pictures of which nobody knows the truth: nothing of their masks is trusted."""
    sets = []
    for group in teaching.unlabelled:
        pictures = load_backgrounds(data / group.folder, (), validation=False)
        if not pictures:
            raise DatasetError(f"{group.folder} holds no pictures")
        blank = [np.zeros(picture.shape[:2], np.uint8) for picture in pictures]
        pairs = [Pair("", picture, nothing, nothing) for picture, nothing in zip(pictures, blank, strict=True)]
        sets.append(PairSet(pairs, group.share))
    return sets


def write_lessons(composer: Composer, config: TrainConfig, sees: Sequence[See], out: Path, part: int) -> Iterator[Path]:
    """Draw batches, have them looked at and write them, for ever: each a file of uint8 arrays, whole under its name."""
    assert config.teaching is not None
    rng = np.random.default_rng([config.seed, part, len(list(out.glob(f"{part}_*.npz")))])
    odds = np.array([shape.share for shape in config.shapes])
    multiple_px = CONFIGS[config.model].multiple_px
    number = 0
    while True:
        shape = config.shapes[int(rng.choice(len(odds), p=odds / odds.sum()))]
        for _ in range(BATCHES_A_SIZE):
            samples = [composer.draw(rng, shape.width, shape.height) for _ in range(config.batch)]
            mattes = [taught_matte(each.image, sees, config.teaching.scales, multiple_px) for each in samples]
            while (path := out / f"{part}_{number:05d}.npz").exists():
                number += 1
            _save(path, samples, mattes)
            yield path


def _save(path: Path, samples: Sequence[Sample], mattes: Sequence[Picture]) -> None:
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        np.savez(
            file,
            image=np.stack([sample.image for sample in samples]),
            alpha=np.stack([sample.alpha for sample in samples]),
            known=np.stack([sample.known for sample in samples]),
            taught=np.stack(mattes),
        )
    draft.replace(path)


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.lessons", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder that the configuration's names start from")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the lessons, beside older ones")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--part", type=int, default=0, help="number of this command, if several write at a time")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        config = read_config(args.config)
        if config.teaching is None:
            raise DatasetError(f"{args.config}: teaching: it says nothing of who teaches")
        composer = make_composer(config, args.config, args.data, without_masks(config.teaching, args.data))
        args.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            sees = []
            for number, teacher in enumerate(config.teaching.teachers):
                onnx = Path(folder) / f"{number}.onnx"
                export_onnx(load_network(teacher.model, args.config.parent / teacher.weights), onnx)
                sees.append(openvino_network(onnx))
            ends_s = time.monotonic() + 60 * args.minutes
            count = 0
            for _ in write_lessons(composer, config, sees, args.out, args.part):
                count += config.batch
                if time.monotonic() >= ends_s:
                    break
    except (DatasetError, CheckpointError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{count} pictures in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
