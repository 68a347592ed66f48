"""Score mattes on labelled pictures, beside a peer's in the same run, or just write them.

::

    python -m models.evaluate --images DIR [--masks DIR] [--save DIR] [--model compact] [--weights FILE]
    python -m models.evaluate --images people/vhs/image --masks people/vhs/mask --validation
        --against mediapipe --peer-python .venv-peer/bin/python

The second is one line. Without ``--masks`` only the latency is reported. The mattes are the network's own, resized
linearly, without the full-resolution refinement that the program adds. ``--save`` writes 8-bit alpha PNGs named as
the pictures. MediaPipe lives in a virtual environment of its own; see ``models/peers/mediapipe_matte.py``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoints import CheckpointError, load_network
from models.datasets import DatasetError, Picture, is_validation, pictures_in, read_grey, read_rgb
from models.framing import framing
from models.metrics import boundary_iou, iou, mad, mse
from models.unet import UNet

Matte = NDArray[np.floating]
PEER_SCRIPT = Path(__file__).parent / "peers" / "mediapipe_matte.py"


def matte_picture(network: UNet, image: Picture) -> Matte:
    """Alpha float32 ``(h, w)`` of an RGB picture, straight from the network: resized linearly, without refinement."""
    height, width = image.shape[:2]
    (content_w, content_h), (padded_w, padded_h) = framing(width, height, network.config)
    small = cv2.resize(image, (content_w, content_h), interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 0, padded_h - content_h, 0, padded_w - content_w, cv2.BORDER_REPLICATE)
    device = next(network.parameters()).device
    x = torch.from_numpy(small).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        alpha = network.alpha(x)[0, 0, :content_h, :content_w].float().cpu().numpy()
    return cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def score(predicted: Matte, truth: Matte) -> dict[str, float]:
    """The metrics of one still."""
    return {
        "iou": iou(predicted, truth),
        "boundary_iou": boundary_iou(predicted, truth),
        "mad": mad(predicted, truth),
        "mse": mse(predicted, truth),
    }


def mean_scores(mattes: dict[str, Matte], masks: Path) -> dict[str, float]:
    """Mean metrics over pictures, by name; a missing mask is an error."""
    rows = []
    for name, matte in mattes.items():
        path = masks / f"{name}.png"
        if not path.is_file():
            raise DatasetError(f"no mask for '{name}': expected {path}")
        truth = read_grey(path).astype(np.float32) / 255
        if truth.shape != matte.shape:
            truth = cv2.resize(truth, matte.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
        rows.append(score(matte, truth))
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def our_mattes(network: UNet, pictures: list[Path]) -> tuple[dict[str, Matte], float]:
    """Mattes by picture name, and the median milliseconds of one, resizing included."""
    mattes: dict[str, Matte] = {}
    durations_ms = []
    for path in pictures:
        image = read_rgb(path)
        if not mattes:
            matte_picture(network, image)  # the first call also sets the runtime up
        started_s = time.perf_counter()
        mattes[path.stem] = matte_picture(network, image)
        durations_ms.append((time.perf_counter() - started_s) * 1e3)
    return mattes, statistics.median(durations_ms)


def peer_mattes(pictures: list[Path], interpreter: Path) -> dict[str, tuple[dict[str, Matte], float]]:
    """The same from each of MediaPipe's two selfie models, run by the interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        chosen, out = Path(folder) / "in", Path(folder) / "out"
        chosen.mkdir()
        for path in pictures:
            shutil.copyfile(path, chosen / path.name)
        command = [str(interpreter), str(PEER_SCRIPT), str(chosen), str(out)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise DatasetError(f"--peer-python {interpreter} cannot be run: {error.strerror}") from error
        if done.returncode:
            raise DatasetError(f"MediaPipe failed under {interpreter}: {(done.stderr.strip() or '?').splitlines()[-1]}")
        timing = json.loads((out / "timing.json").read_text())
        return {
            f"mediapipe {name}": (
                {path.stem: read_grey(path).astype(np.float32) / 255 for path in pictures_in(out / name)},
                timing[name]["median_ms"],
            )
            for name in timing
        }


def save_mattes(mattes: dict[str, Matte], folder: Path) -> None:
    """8-bit alpha PNGs named as the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, matte in mattes.items():
        cv2.imwrite(str(folder / f"{name}.png"), (matte * 255 + 0.5).astype(np.uint8))


def evaluate(args: argparse.Namespace) -> None:
    """Matte, save, score and print, ours first."""
    network = load_network(args.model, args.weights)
    pictures = [path for path in pictures_in(args.images) if not args.validation or is_validation(path.stem)]
    if not pictures:
        raise DatasetError(f"{args.images} holds no picture whose number ends in 9, which --validation asks for")
    results = {args.model: our_mattes(network, pictures)}
    if args.against:
        results |= peer_mattes(pictures, args.peer_python)
    if args.save:
        save_mattes(results[args.model][0], args.save)
    print(f"{len(pictures)} pictures, {torch.get_num_threads()} threads")
    for name, (mattes, latency_ms) in results.items():
        row = mean_scores(mattes, args.masks) if args.masks else {}
        columns = [f"{metric} {value:.4f}" for metric, value in row.items()] + [f"latency {latency_ms:.1f} ms"]
        print(f"{name:20} " + "  ".join(columns))


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, help="NAME.png for each picture NAME.*, 255 = person")
    parser.add_argument("--save", type=Path, help="folder that receives the mattes")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--validation", action="store_true", help="only files whose number ends in 9")
    parser.add_argument("--against", choices=["mediapipe"])
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="interpreter that has the peer")
    try:
        evaluate(parser.parse_args())
    except (CheckpointError, DatasetError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
