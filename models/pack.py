"""A small copy of the training data, to carry to a machine with a GPU.

::

    python -m models.pack configs/train/compact.yaml --data DATA --out packed
    python -m models.train configs/train/compact.yaml --data packed --out runs/gpu --minutes 9 --device cuda

Only what the configuration uses is copied: of the folders it trains on one side of the split, of those it validates on
the other, no rooms that it leaves out. Pictures are no larger than ``--side`` and WebP, masks PNG.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

from models.datasets import DatasetError, is_validation, pictures_in
from models.training_config import TrainConfig, left_out_rooms, read_config


def pack(config: TrainConfig, config_path: Path, data: Path, out: Path, *, side_px: int, quality: int) -> int:
    """Copy what ``config`` uses from ``data`` to ``out``; returns the bytes written."""
    wanted = {(group.folder, False) for group in (*config.people, *config.whole)}
    wanted |= {(folder, True) for folder in config.validation}
    skipped = left_out_rooms(config, config_path)
    jobs: list[tuple[Path, Path]] = []
    for folder, validation in sorted(wanted):
        for part in ("image", "mask", "ignore"):
            if (data / folder / part).is_dir():
                paths = [path for path in pictures_in(data / folder / part) if is_validation(path.stem) == validation]
                suffix = ".webp" if part == "image" else ".png"
                jobs += [(path, out / folder / part / f"{path.stem}{suffix}") for path in paths]
    for folder in config.backgrounds:
        pictures = [path for path in pictures_in(data / folder) if path.name not in skipped]
        jobs += [(path, out / folder / f"{path.stem}.webp") for path in pictures]
    with ThreadPoolExecutor() as pool:
        return sum(pool.map(lambda job: _copy(*job, side_px=side_px, quality=quality), jobs))


def _copy(source: Path, target: Path, *, side_px: int, quality: int) -> int:
    # As training reads them: a JPEG turned upright, 16 bits as 8, without transparency.
    image = cv2.imread(str(source), cv2.IMREAD_COLOR if target.suffix == ".webp" else cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DatasetError(f"{source} cannot be read as a picture")
    scale = side_px / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    target.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_WEBP_QUALITY, quality] if target.suffix == ".webp" else []
    cv2.imwrite(str(target), image, options)
    return target.stat().st_size


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.pack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=576, help="longest side of a picture, in pixels")
    parser.add_argument("--quality", type=int, default=80, help="WebP quality")
    args = parser.parse_args()
    try:
        config = read_config(args.config)
        size = pack(config, args.config, args.data, args.out, side_px=args.side, quality=args.quality)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{args.out}: {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
