"""The mean of two networks' weights, as good as both where one went on from the other.

::

    python -m models.average FIRST.safetensors SECOND.safetensors --out MEAN.safetensors

Weights of one network that was trained on with other data lie in one valley: their mean often scores better than
either ("robust fine-tuning", arXiv 2109.01903).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from models.checkpoints import CheckpointError, load_network, save_network
from models.unet import UNet


def average(first: UNet, second: UNet, share: float = 0.5) -> UNet:
    """A network whose weights are ``share`` of the second's and the rest of the first's.

    Raises:
        CheckpointError: they are not of one size.
    """
    if first.config != second.config:
        raise CheckpointError("the two are networks of different sizes: only weights of one can be averaged")
    mean, there = UNet(first.config), second.state_dict()
    mean.load_state_dict(
        {name: here.lerp(there[name], share) if here.is_floating_point() else there[name]
         for name, here in first.state_dict().items()}
    )  # fmt: skip
    return mean.eval()


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.average", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the second, 0 to 1")
    parser.add_argument("--model", default="compact", help="compact, accurate or classic")
    args = parser.parse_args()
    if not 0 <= args.share <= 1:
        parser.error(f"--share must be from 0 to 1, not {args.share:g}")
    try:
        networks = [load_network(args.model, path) for path in (args.first, args.second)]
        mean = average(networks[0], networks[1], args.share)
        save_network(mean, args.out, note=f"mean of {args.first.name} and {args.second.name}")
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
