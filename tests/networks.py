"""A network whose matte is known beforehand: what is red is the person."""

from __future__ import annotations

from pathlib import Path

import torch

from models.checkpoints import save_network
from models.unet import UNet
from models.unet_config import UNetConfig

SHARPNESS = 40.0


def red_means_person(path: Path) -> Path:
    """Weights of a network small enough to run anywhere, whose alpha is 1 where red is above one half, else 0."""
    network = UNet(UNetConfig(channels=(1, 1), classes=1, input_area_px=160 * 96))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        middle = (slice(0, 1), slice(0, 1), 1, 1)
        network.get_parameter("enc1.conv_block.conv1.weight")[middle] = 1  # takes the red channel
        network.get_parameter("enc1.conv_block.conv2.weight")[middle] = 1
        network.get_parameter("dec1.conv_block.conv1.weight")[0, 1, 1, 1] = (
            1  # channel 1 comes from the skip connection
        )
        network.get_parameter("dec1.conv_block.conv2.weight")[middle] = 1
        network.get_parameter("final_conv.weight")[0, 0] = SHARPNESS
        network.get_parameter("final_conv.bias")[0] = -SHARPNESS / 2
    save_network(network, path)
    return path
