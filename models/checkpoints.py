"""Network weights on disk: what is shipped, what training writes, and what the old recipe left behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.unet import CLASSIC, CONFIGS, UNet, UNetConfig

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


class CheckpointError(Exception):
    """Weights are missing, damaged or of another network; the message says which and what to do."""


def save_network(network: UNet, path: Path, *, note: str = "") -> None:
    """Write weights and sizes as one safetensors file, under the final name only when whole."""
    state = {name: tensor.detach().cpu().float().contiguous() for name, tensor in network.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file(state, part, metadata={"config": json.dumps(asdict(network.config)), "note": note})
    part.replace(path)


def load_network(model: str, weights: Path | None = None) -> UNet:
    """The named network in evaluation mode, on the CPU.

    Args:
        model: a name in ``CONFIGS``; says which shipped weights are meant, or the sizes of a file that does not say.
        weights: a ``.safetensors`` of ours, or a state dict ``.pth`` of the recipe's network; None = the shipped ones.

    Raises:
        CheckpointError: unknown model, no such file, damaged file, checksum or sizes that do not fit.
    """
    if model not in CONFIGS:
        raise CheckpointError(f"unknown model '{model}': choose one of {', '.join(sorted(CONFIGS))}")
    path = weights or WEIGHTS_FOLDER / f"{model}.safetensors"
    if not path.is_file():
        hint = (
            "check --weights" if weights else f"no weights are shipped for '{model}': train them or give --weights FILE"
        )
        raise CheckpointError(f"{path} does not exist: {hint}")
    if weights is None:
        verify_shipped(path)
    if path.suffix == ".safetensors":
        config, state = _read_safetensors(path, CONFIGS[model])
    else:
        config, state = CLASSIC, _recipe_names(_read_pickle(path))
    network = UNet(config)
    _fill(network, state, path)
    return network.eval()


def verify_shipped(path: Path) -> None:
    """Compare a shipped file with the checksum listed for it; ``CheckpointError`` if they differ."""
    rows = (line.split() for line in (WEIGHTS_FOLDER / "SHA256SUMS").read_text().splitlines() if line)
    listed = {name: digest for digest, name in rows}
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if listed.get(path.name) != actual:
        raise CheckpointError(f"{path} is damaged: its sha256 is {actual[:12]}..., not the listed one; fetch it anew")


def _read_safetensors(path: Path, fallback: UNetConfig) -> tuple[UNetConfig, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    if "config" not in metadata:
        return fallback, state
    sizes = json.loads(metadata["config"])
    tuples = {name: tuple(value) for name, value in sizes.items() if isinstance(value, list)}
    return UNetConfig(**{**sizes, **tuples}), state


def _read_pickle(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no pickle make the unpickler stumble in any way it likes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is not a file of weights that can be loaded safely: {reason}") from error
    if isinstance(state, Mapping) and isinstance(state.get("model_state_dict"), Mapping):
        state = state["model_state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state dict: expected names such as 'enc1.conv_block.conv1.weight'")
    return state


def _recipe_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring the recipe's names to ours: some versions wrap the bottleneck, or count the decoders from the other end."""
    names = {name: name.removeprefix("module.") for name in state}
    renamed = {new: state[old] for old, new in names.items()}
    for wrapped in ("bottleneck.conv_block.", "enc5.conv_block."):
        renamed = {name.replace(wrapped, "bottleneck."): tensor for name, tensor in renamed.items()}
    first = renamed.get("dec1.upconv.weight")
    if first is not None and first.shape[0] == CLASSIC.channels[1]:  # dec1 is the shallowest there
        flipped = {f"dec{level}.": f"dec{5 - level}." for level in range(1, 5)}
        renamed = {flipped.get(name[:5], name[:5]) + name[5:]: tensor for name, tensor in renamed.items()}
    return renamed


def _fill(network: UNet, state: Mapping[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    missing, surplus = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or surplus:
        what = f"lacks '{missing[0]}'" if missing else f"holds '{surplus[0]}', which the network does not have"
        raise CheckpointError(f"{path} is not for this network: it {what}; is --model right?")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            sizes = f"{tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            raise CheckpointError(f"{path} is not for this network: '{name}' is {sizes}")
    network.load_state_dict(dict(state))
