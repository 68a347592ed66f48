"""Score mattes on labelled pictures, beside a peer's in the same run, or just write them.

::

    python -m models.evaluate configs/train/compact.yaml --data DATA
        --against mediapipe --peer-python .venv-peer/bin/python
    python -m models.evaluate --images DIR [--masks DIR] [--save DIR] [--model compact] [--weights FILE]
    python -m models.evaluate --video FILE [--against mediapipe --peer-python .venv-peer/bin/python]

The first is one line: everything that the configuration validates on, clips and empty rooms in one run. The second
takes any pictures; without ``--masks`` only the latency is reported. The third says how steady the matte of a real
video is. The mattes are what ``models.matting.matte_clip`` makes of the network's, without refined edges (those of the
whole program are scored by ``streamer bench mattes``); it
looks closer at the part with somebody in it, as the program does on a CPU, but with ``--whole``. ``--save`` writes
8-bit alpha PNGs named as the pictures. MediaPipe lives in a virtual environment of its own; see
``models/peers/mediapipe_matte.py``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from models.checkpoints import CheckpointError, load_network
from models.datasets import DatasetError, is_validation, pictures_in, read_grey, read_rgb
from models.doubt import Looks
from models.matting import USUALLY, Matte, Seeing, matte_clip, matte_picture
from models.metrics import score
from models.peers.runner import run_mediapipe
from models.scoreboard import Entrant, compete, score_video, validation_sets
from models.training_config import read_config
from models.unet import UNet

LOOKS: dict[str, Looks] = {"once": "once", "doubt": "in doubt", "twice": "twice"}


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


def our_mattes(network: UNet, pictures: list[Path], seeing: Seeing = USUALLY) -> tuple[dict[str, Matte], float]:
    """Mattes by picture name, and the median milliseconds of one, resizing included."""
    mattes: dict[str, Matte] = {}
    durations_ms = []
    for path in pictures:
        image = read_rgb(path)
        if not mattes:
            matte_picture(network, image, seeing)  # the first call also sets the runtime up
        started_s = time.perf_counter()
        mattes[path.stem] = matte_picture(network, image, seeing)
        durations_ms.append((time.perf_counter() - started_s) * 1e3)
    return mattes, statistics.median(durations_ms)


def peer_mattes(pictures: list[Path], interpreter: Path) -> dict[str, tuple[dict[str, Matte], float]]:
    """The same from each of MediaPipe's two selfie models, run by the interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        chosen, out = Path(folder) / "in", Path(folder) / "out"
        chosen.mkdir()
        for path in pictures:
            shutil.copyfile(path, chosen / path.name)
        return {
            f"mediapipe {name}": (
                {path.stem: read_grey(path).astype(np.float32) / 255 for path in pictures_in(out / name)},
                median_ms,
            )
            for name, median_ms in run_mediapipe(chosen, out, interpreter).items()
        }


def save_mattes(mattes: dict[str, Matte], pictures: list[Path], folder: Path) -> None:
    """8-bit alpha PNGs named as the pictures, and of their size, though scored at that at which training reads them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in pictures:
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            assert picture is not None  # it was scored
            size = (picture.shape[1], picture.shape[0])
            matte = cv2.resize(mattes[path.stem], size, interpolation=cv2.INTER_LINEAR)
            packed = cv2.imencode(".png", (matte * 255 + 0.5).astype(np.uint8))[1]
            (folder / f"{path.stem}.png").write_bytes(packed.tobytes())
    except OSError as error:
        raise DatasetError(f"the mattes cannot be saved in {folder}: {error.strerror or error}") from error


def _seeing(args: argparse.Namespace) -> Seeing:
    return Seeing(args.input_share, not args.whole, LOOKS[args.looks], 0 if args.whole else args.look_ahead)


def _entrant(network: UNet, args: argparse.Namespace) -> Entrant:
    return partial(matte_clip, network, seeing=_seeing(args), steadiness=args.steadiness)


def score_configuration(args: argparse.Namespace) -> None:
    """Score all that the configuration validates on."""
    config = read_config(args.config)
    model = args.model or config.model
    network = load_network(model, args.weights)
    print(f"{model}, {torch.get_num_threads()} threads; in brackets: times the best peer's")
    peer = args.peer_python if args.against else None
    sets = validation_sets(config, args.config, args.data)
    show = partial(print, flush=True)
    board = compete(_entrant(network, args), model, sets, peer=peer, on_line=show)
    if args.json:
        args.json.write_text(json.dumps(board, indent=2) + "\n")


def score_clip(args: argparse.Namespace) -> None:
    """Flicker of a real video."""
    model = args.model or "compact"
    peer = args.peer_python if args.against else None
    network = load_network(model, args.weights)
    for name, value in score_video(_entrant(network, args), model, args.video, peer=peer).items():
        print(f"{name:20} flicker {value:.3f}")


def score_pictures(args: argparse.Namespace) -> None:
    """Matte, save, score and print, ours first."""
    args.model = args.model or "compact"
    network = load_network(args.model, args.weights)
    pictures = [path for path in pictures_in(args.images) if not args.validation or is_validation(path.stem)]
    if not pictures:
        raise DatasetError(f"{args.images} holds no picture whose number ends in 9, which --validation asks for")
    results = {args.model: our_mattes(network, pictures, _seeing(args))}
    if args.against:
        results |= peer_mattes(pictures, args.peer_python)
    if args.save:
        save_mattes(results[args.model][0], pictures, args.save)
    print(f"{len(pictures)} pictures, {torch.get_num_threads()} threads")
    for name, (mattes, latency_ms) in results.items():
        row = mean_scores(mattes, args.masks) if args.masks else {}
        columns = [f"{metric} {value:.4f}" for metric, value in row.items()] + [f"latency {latency_ms:.1f} ms"]
        print(f"{name:20} " + "  ".join(columns))


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path, nargs="?", help="training configuration whose validation sets are scored")
    parser.add_argument("--data", type=Path, help="folder that the configuration's names start from")
    parser.add_argument("--steadiness", type=float, default=0.97, help="of the mattes of clips, as in the program")
    parser.add_argument("--json", type=Path, help="file that receives the scores of a configuration's sets")
    parser.add_argument("--video", type=Path, help="report how much the matte flickers where this video stands still")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--masks", type=Path, help="NAME.png for each picture NAME.*, 255 = person")
    parser.add_argument("--save", type=Path, help="folder that receives the mattes")
    parser.add_argument("--model", help="compact or classic; not given: the configuration's, else compact")
    parser.add_argument("--weights", type=Path)
    parser.add_argument(
        "--input-share",
        type=float,
        default=1.0,
        help="of the network's usual input, as far as the picture has it; 1.8 is the program's fine detail",
    )
    parser.add_argument(
        "--whole", action="store_true", help="never look closer at the part with somebody in it, nor ahead, as on a GPU"
    )
    parser.add_argument(
        "--looks",
        choices=LOOKS,
        default="doubt",
        help="whether mirror images are looked at, too: after doubtful mattes, as the program does; with 1.8 and twice "
        "it is its finest detail",
    )
    parser.add_argument(
        "--look-ahead",
        type=int,
        default=0,
        help="frames of clips that wait for those behind them; the preset video has 12",
    )
    parser.add_argument("--validation", action="store_true", help="only files whose number ends in 9")
    parser.add_argument("--against", choices=["mediapipe"])
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="interpreter that has the peer")
    args = parser.parse_args()
    asked = [args.config, args.images, args.video]
    if asked.count(None) != 2 or (args.config is not None and args.data is None):
        parser.error("name a configuration with --data, or --images, or --video")
    if args.look_ahead < 0:
        parser.error("--look-ahead takes 0 or more frames")
    if not 0 <= args.steadiness < 1:
        parser.error(f"--steadiness must be from 0 to below 1, not {args.steadiness:g}")
    if not 0.1 <= args.input_share <= 16:
        parser.error(f"--input-share must be from 0.1 to 16, not {args.input_share:g}")
    score = score_configuration if args.config else score_pictures if args.images else score_clip
    try:
        score(args)
    except (CheckpointError, DatasetError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
