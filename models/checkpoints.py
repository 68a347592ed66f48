"""Network weights on disk: what is shipped, what training writes, and what the old recipe left behind.

torch is loaded only by what really reads or writes weights: a CPU runtime that has its own file needs but the sizes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from models.unet_config import CLASSIC, CONFIGS, UNetConfig

if TYPE_CHECKING:
    from torch import Tensor

    from models.unet import UNet

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


class CheckpointError(Exception):
    """Weights are missing, damaged or of another network; the message says which and what to do."""


def save_network(network: UNet, path: Path, *, note: str = "", half: bool = False) -> None:
    """Write weights and sizes as one safetensors file, under the final name only when whole.

    Args:
        network: whose.
        path: the file.
        note: kept in the file.
        half: kernels in float16, half as large; biases and statistics stay as they are.

    Raises:
        CheckpointError: it cannot be written.
    """
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().float().contiguous() for name, tensor in network.state_dict().items()}
    if half:
        state = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in state.items()}
    part = path.with_name(path.name + ".part")
    try:
        save_file(state, part, metadata={"config": json.dumps(asdict(network.config)), "note": note})
        part.replace(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be written: {error}") from error


def load_network(model: str, weights: Path | None = None) -> UNet:
    """The named network in evaluation mode, on the CPU.

    Args:
        model: a name in ``CONFIGS``; says which shipped weights are meant, or the sizes of a file that does not say.
        weights: a ``.safetensors`` of ours, or a state dict ``.pth`` of the recipe's network; None = the shipped ones.

    Raises:
        CheckpointError: unknown model, no such file, damaged file, checksum or sizes that do not fit.
    """
    from models.unet import UNet

    path = _found(model, weights)
    is_ours = path.suffix == ".safetensors"
    state = _read_safetensors(path) if is_ours else _recipe_names(_read_pickle(path))
    network = UNet(_config_in(path, CONFIGS[model]) if is_ours else CLASSIC)
    _fill(network, state, path)
    return network.eval()


def load_config(model: str, weights: Path | None = None) -> UNetConfig:
    """The sizes of the network that ``load_network`` would load, without its weights; the same arguments and errors."""
    path = _found(model, weights)
    return _config_in(path, CONFIGS[model]) if path.suffix == ".safetensors" else CLASSIC


def _found(model: str, weights: Path | None) -> Path:
    """The file of weights; if it is a shipped one, its checksum fits."""
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
    return path


def verify_shipped(path: Path) -> None:
    """Compare a shipped file with the checksum listed for it; ``CheckpointError`` if they differ."""
    rows = (line.split() for line in (WEIGHTS_FOLDER / "SHA256SUMS").read_text().splitlines() if line)
    listed = {name: digest for digest, name in rows}
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if listed.get(path.name) != actual:
        raise CheckpointError(f"{path} is damaged: its sha256 is {actual[:12]}..., not the listed one; fetch it anew")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with _opened(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def _config_in(path: Path, fallback: UNetConfig) -> UNetConfig:
    with _opened(path, "numpy") as file:
        metadata = file.metadata() or {}
    if "config" not in metadata:
        return fallback
    try:
        sizes: dict[str, Any] = json.loads(metadata["config"])
        tuples = {name: tuple(value) for name, value in sizes.items() if isinstance(value, list)}
        config = UNetConfig(**{**sizes, **tuples})
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} does not say the sizes of a network of ours: {error}") from error
    if any(type(getattr(config, field.name)) is not type(field.default) for field in fields(UNetConfig)):
        raise CheckpointError(f"{path} does not say the sizes of a network of ours: {metadata['config'][:100]}")
    return config


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error


def _read_pickle(path: Path) -> Mapping[str, Tensor]:
    import torch
    from torch import Tensor

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
