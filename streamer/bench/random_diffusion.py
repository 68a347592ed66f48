"""Stable Diffusion 1.5 and its ControlNet with random weights: as large as the real ones, or tiny.

Speed and memory do not depend on what weights say, and no real ones are needed. The pictures are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOKENS = 77


@dataclass(frozen=True, slots=True)
class DiffusionSizes:
    """Widths of the networks; all else is as in Stable Diffusion 1.5."""

    denoiser: tuple[int, int, int, int]
    layers: int
    heads: int
    groups: int
    autoencoder: tuple[int, int, int, int]
    autoencoder_layers: int
    autoencoder_groups: int
    small_autoencoder: int
    condition: tuple[int, int, int, int]
    text: int
    text_inner: int
    text_layers: int
    text_heads: int


FULL = DiffusionSizes(
    denoiser=(320, 640, 1280, 1280),
    layers=2,
    heads=8,
    groups=32,
    autoencoder=(128, 256, 512, 512),
    autoencoder_layers=2,
    autoencoder_groups=32,
    small_autoencoder=64,
    condition=(16, 32, 96, 256),
    text=768,
    text_inner=3072,
    text_layers=12,
    text_heads=12,
)
TINY = DiffusionSizes(
    denoiser=(8, 16, 16, 16),
    layers=1,
    heads=2,
    groups=4,
    autoencoder=(4, 4, 8, 8),
    autoencoder_layers=1,
    autoencoder_groups=2,
    small_autoencoder=8,
    condition=(4, 8, 8, 8),
    text=32,
    text_inner=64,
    text_layers=2,
    text_heads=4,
)


def random_denoiser(sizes: DiffusionSizes) -> Any:
    """The U-Net that takes the noise away."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=64,
        layers_per_block=sizes.layers,
        block_out_channels=sizes.denoiser,
        cross_attention_dim=sizes.text,
        attention_head_dim=sizes.heads,
        norm_num_groups=sizes.groups,
    )


def random_controlnet(sizes: DiffusionSizes) -> Any:
    """The ControlNet. A fresh one starts at zero and is deaf: its connections are drawn anew."""
    from diffusers import ControlNetModel
    from torch import nn

    network = ControlNetModel.from_unet(
        random_denoiser(sizes), conditioning_embedding_out_channels=sizes.condition, load_weights_from_unet=False
    )
    for layer in (*network.controlnet_down_blocks, network.controlnet_mid_block):
        nn.init.normal_(layer.weight, std=0.8 / sizes.denoiser[-1] ** 0.5)
    embedding = network.controlnet_cond_embedding
    for layer in (embedding.conv_in, *embedding.blocks, embedding.conv_out):
        nn.init.kaiming_normal_(layer.weight)
    return network


def random_base(sizes: DiffusionSizes) -> Any:
    """The pipeline without its ControlNet, as it lies on the hub."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = byte_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=sizes.text,
            intermediate_size=sizes.text_inner,
            num_attention_heads=sizes.text_heads,
            num_hidden_layers=sizes.text_layers,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    autoencoder = AutoencoderKL(
        block_out_channels=sizes.autoencoder,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=sizes.autoencoder_layers,
        norm_num_groups=sizes.autoencoder_groups,
        latent_channels=4,
        sample_size=512,
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    )
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=random_denoiser(sizes),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def random_tiny_autoencoder(sizes: DiffusionSizes) -> Any:
    """A TAESD."""
    from diffusers import AutoencoderTiny

    widths = (sizes.small_autoencoder,) * 4
    return AutoencoderTiny(encoder_block_out_channels=widths, decoder_block_out_channels=widths)


def byte_tokenizer() -> Any:
    """One token a byte: any prompt can be encoded, and no vocabulary is needed."""
    from transformers import CLIPTokenizer

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable]
    letters += [chr(256 + index) for index in range(256 - len(printable))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=[], model_max_length=TOKENS)
