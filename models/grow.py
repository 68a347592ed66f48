"""Carry trained weights over into a larger network of the same kind, to go on from there.

::

    python -m models.grow OLD.safetensors --model compact --out GROWN.safetensors

Convolutions that the old network does not have begin as what changes nothing: with a residual and a last normalisation
of zero they hand their input on ("Net2Net", arXiv 1511.05641; zero-initialised residuals, arXiv 1706.02677), and so
does an attention whose last layer is zero. A kernel
that becomes 1x1 gets the sum of the old one, as if its input were even: that does change the matte, and needs some
training.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoints import CheckpointError, load_network, save_network
from models.unet import SeparableConv, UNet
from models.unet_config import CONFIGS, UNetConfig


def grow(old: UNet, config: UNetConfig) -> UNet:
    """A network of those sizes with the old one's weights.

    Raises:
        CheckpointError: it would not be the old network with more convolutions: the message names what does not fit.
    """
    torch.manual_seed(0)  # the new convolutions' first weights
    new = UNet(config)
    there, state = old.state_dict(), new.state_dict()
    if old.config.attention not in (0, config.attention):
        raise CheckpointError(f"an attention of {old.config.attention} heads cannot become one of {config.attention}")
    surplus = sorted(there.keys() - state.keys())
    if surplus:
        raise CheckpointError(f"the larger network has no '{surplus[0]}': it can only be the smaller one and more")
    added = [
        f"{name}."
        for name, module in new.named_modules()
        if isinstance(module, SeparableConv) and module.is_residual and f"{name}.pointwise.weight" not in there
    ]
    for name, wanted in state.items():
        if name in there:
            state[name] = _fitted(there[name], wanted.shape, name)
        elif not name.startswith((*added, "attention.")):
            raise CheckpointError(
                f"the smaller network has no '{name}', and it is no residual that could begin as nothing"
            )
    new.load_state_dict(state)
    for prefix in added:
        nn.init.zeros_(new.get_submodule(f"{prefix}norm2").weight)  # type: ignore[arg-type]
    if config.attention and not old.config.attention:
        nn.init.zeros_(new.attention.outward.weight)
        nn.init.zeros_(new.attention.outward.bias)
    return new.eval()


def _fitted(tensor: Tensor, shape: torch.Size, name: str) -> Tensor:
    """The same, or the sum of each kernel."""
    if tensor.shape == shape:
        return tensor
    if tensor.ndim == 4 and shape == (*tensor.shape[:2], 1, 1):
        return tensor.sum(dim=(2, 3), keepdim=True)
    raise CheckpointError(f"'{name}' is {tuple(tensor.shape)}, which cannot become {tuple(shape)}")


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.grow", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--model", default="compact", help="whose sizes to grow to: compact or accurate")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        old = load_network(args.model, args.old)
        save_network(grow(old, CONFIGS[args.model]), args.out, note=f"grown from {args.old.name}")
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
