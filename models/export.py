"""Write a network as ONNX, for the CPU runtimes.

::

    python -m models.export --model compact --out models/weights/compact.onnx [--weights FILE]

The graph takes ``image`` float32 ``(1, 3, h, w)``, RGB in [0, 1], sides multiples of ``UNetConfig.multiple_px``, and
gives ``alpha`` float32 ``(1, 1, h, w)`` in [0, 1]. Its metadata carries the network's sizes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoints import CheckpointError, load_network, save_network
from models.unet import UNet


class AlphaOnly(nn.Module):
    """The network with its last step, logits to alpha, inside the graph."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network.alpha(image)


def export_onnx(network: UNet, path: Path) -> None:
    """Write ``network`` to ``path``, under that name only when whole. Needs the ``train`` extra."""
    import onnx

    side = 4 * network.config.multiple_px
    step = network.config.multiple_px
    size = {
        2: step * torch.export.Dim("rows", min=1, max=256),
        3: step * torch.export.Dim("columns", min=1, max=256),
    }
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        draft = Path(folder) / "network.onnx"
        program = torch.onnx.export(
            AlphaOnly(network).eval(), (torch.rand(1, 3, side, 2 * side),), dynamo=True, verbose=False,
            input_names=["image"], output_names=["alpha"], dynamic_shapes={"image": size}, external_data=False,
        )  # fmt: skip
        if program is None:
            raise CheckpointError("torch.onnx wrote no graph: install the 'train' extra")
        program.save(str(draft))
        model = onnx.load(str(draft))
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # torch notes there which line of which file on this machine made each node
        part.doc_string = ""
    onnx.helper.set_model_props(model, {"config": json.dumps(asdict(network.config))})
    onnx.checker.check_model(model)
    draft_beside = path.with_name(path.name + ".part")
    onnx.save(model, str(draft_beside))
    draft_beside.replace(path)


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="compact")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path, required=True, help=".onnx, or .safetensors for half precision")
    args = parser.parse_args()
    try:
        network = load_network(args.model, args.weights)
        if args.out.suffix == ".safetensors":
            save_network(network, args.out, half=True)
        else:
            export_onnx(network, args.out)
    except (CheckpointError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
