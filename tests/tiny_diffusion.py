"""A tiny Stable Diffusion 1.5 with its ControlNet: the real structure and sizes, random weights, about 1 MB.

Written when a test needs it, in the hub's folder layout, so that the program's own loader reads it. Like the real one
it has four levels, 77 tokens, and an autoencoder and a condition network of factor 8; only the channels are few.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from streamer.bench.random_diffusion import (
    TINY,
    TOKENS,
    random_base,
    random_controlnet,
    random_denoiser,
    random_tiny_autoencoder,
)


def write_base(folder: Path, *, seed: int = 0, variant: str | None = None) -> Path:
    """The pipeline without its ControlNet, as ``stable-diffusion-v1-5`` lies on the hub."""
    torch.manual_seed(seed)
    pipeline = random_base(TINY)
    if variant == "fp16":
        pipeline = pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant=variant)
    return folder


def write_controlnet(folder: Path, *, seed: int = 1, variant: str | None = None) -> Path:
    """The ControlNet."""
    torch.manual_seed(seed)
    network = random_controlnet(TINY)
    if variant == "fp16":
        network = network.half()
    network.save_pretrained(folder, variant=variant)
    return folder


def write_tiny_autoencoder(folder: Path, *, seed: int = 2) -> Path:
    """A TAESD."""
    torch.manual_seed(seed)
    random_tiny_autoencoder(TINY).save_pretrained(folder)
    return folder


def write_lora(file: Path, *, seed: int = 3) -> Path:
    """A LoRA for the attention of the denoiser, as distilled ones come."""
    torch.manual_seed(seed)
    tensors = {}
    for name, layer in random_denoiser(TINY).named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(("to_q", "to_v")):
            tensors[f"unet.{name}.lora_A.weight"] = torch.randn(2, layer.in_features)
            tensors[f"unet.{name}.lora_B.weight"] = torch.randn(layer.out_features, 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"format": "pt"})
    return file


def write_depth(folder: Path, *, seed: int = 4) -> Path:
    """A Depth Anything."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    torch.manual_seed(seed)
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[4, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


def age(base: Path) -> None:
    """Turn a pipeline's folder into the layout that the hub still serves, written by much older libraries."""
    weights = base / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    old = {name if name.startswith("text_model.") else f"text_model.{name}": data for name, data in tensors.items()}
    old["text_model.embeddings.position_ids"] = torch.arange(TOKENS)[None]
    save_file(old, weights, metadata={"format": "pt"})
    new_vocabulary = base / "tokenizer" / "tokenizer.json"
    vocabulary = json.loads(new_vocabulary.read_text(encoding="utf-8"))["model"]["vocab"]
    new_vocabulary.unlink()
    (base / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (base / "tokenizer" / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    index = json.loads((base / "model_index.json").read_text(encoding="utf-8"))
    index["_diffusers_version"] = "0.6.0"
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    index.pop("requires_safety_checker", None)
    index.pop("image_encoder", None)
    (base / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
