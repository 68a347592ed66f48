"""A tiny Stable Diffusion 1.5 with its ControlNet: the real structure and sizes, random weights, about 1 MB.

Written when a test needs it, in the hub's folder layout, so that the program's own loader reads it. Like the real one
it has four levels, 77 tokens, and an autoencoder and a condition network of factor 8; only the channels are few.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTHS = (8, 16, 16, 16)
TEXT_WIDTH = 32
TOKENS = 77


def write_base(folder: Path, *, seed: int = 0, variant: str | None = None) -> Path:
    """The pipeline without its ControlNet, as ``stable-diffusion-v1-5`` lies on the hub."""
    torch.manual_seed(seed)
    tokenizer = byte_tokenizer()
    pipeline = StableDiffusionPipeline(
        vae=_autoencoder(),
        text_encoder=_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    if variant == "fp16":
        pipeline = pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant=variant)
    return folder


def write_controlnet(folder: Path, *, seed: int = 1, variant: str | None = None) -> Path:
    """The ControlNet. A fresh one starts at zero and is deaf: its connections are drawn anew."""
    torch.manual_seed(seed)
    network = ControlNetModel.from_unet(_unet(), conditioning_embedding_out_channels=(4, 8, 8, 8))
    for layer in (*network.controlnet_down_blocks, network.controlnet_mid_block):
        nn.init.normal_(layer.weight, std=0.2)
    embedding = network.controlnet_cond_embedding
    for layer in (embedding.conv_in, *embedding.blocks, embedding.conv_out):
        nn.init.kaiming_normal_(layer.weight)
    if variant == "fp16":
        network = network.half()
    network.save_pretrained(folder, variant=variant)
    return folder


def write_tiny_autoencoder(folder: Path, *, seed: int = 2) -> Path:
    """A TAESD."""
    torch.manual_seed(seed)
    AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).save_pretrained(folder)
    return folder


def write_lora(file: Path, *, seed: int = 3) -> Path:
    """A LoRA for the attention of the denoiser, as distilled ones come."""
    torch.manual_seed(seed)
    tensors = {}
    for name, layer in _unet().named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(("to_q", "to_v")):
            tensors[f"unet.{name}.lora_A.weight"] = torch.randn(2, layer.in_features)
            tensors[f"unet.{name}.lora_B.weight"] = torch.randn(layer.out_features, 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"format": "pt"})
    return file


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


def byte_tokenizer() -> CLIPTokenizer:
    """One token a byte: any prompt can be encoded."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable]
    letters += [chr(256 + index) for index in range(256 - len(printable))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=[], model_max_length=TOKENS)


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=64,
        layers_per_block=1,
        block_out_channels=WIDTHS,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def _text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_attention_heads=4,
            num_hidden_layers=2,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        latent_channels=4,
        sample_size=512,
    )


def _scheduler() -> PNDMScheduler:
    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    )
