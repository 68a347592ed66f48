from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models import grow
from models.checkpoints import CheckpointError, load_network, save_network
from models.unet import UNet
from models.unet_config import COMPACT, UNetConfig

SMALL = UNetConfig(
    channels=(4, 8, 16), classes=1, norm=True, stem=2, context=True, depths=(1, 1, 1), kernels=(3, 3, 3),
    input_area_px=64 * 64,
)  # fmt: skip
LARGER = replace(SMALL, depths=(1, 1, 3), up_depths=(2, 3), input_area_px=96 * 64)


def trained() -> UNet:
    """As if it were: the statistics of its normalisations are not those that it began with."""
    torch.manual_seed(1)
    network = UNet(SMALL).train()
    for _ in range(3):
        network(torch.rand(2, 3, 64, 64))
    return network.eval()


def test_the_grown_network_gives_the_very_matte_of_the_old_one_and_can_learn_more() -> None:
    old, picture = trained(), torch.rand(1, 3, 64, 96)
    grown = grow.grow(old, LARGER)
    assert sum(p.numel() for p in grown.parameters()) > sum(p.numel() for p in old.parameters())
    assert torch.equal(grown.alpha(picture), old.alpha(picture))
    grown.train()(picture).square().mean().backward()
    added = grown.get_parameter("bottleneck.2.norm2.weight")
    assert added.abs().max() == 0
    assert added.grad is not None
    assert added.grad.abs().max() > 0


def test_an_attention_that_is_added_begins_as_nothing_and_can_learn() -> None:
    old, picture = trained(), torch.rand(1, 3, 64, 96)
    grown = grow.grow(old, replace(LARGER, attention=2))
    assert torch.equal(grown.alpha(picture), old.alpha(picture))
    grown.train()(picture).square().mean().backward()
    outward = grown.get_parameter("attention.outward.weight")
    assert outward.abs().max() == 0
    assert outward.grad is not None
    assert outward.grad.abs().max() > 0


def test_a_last_kernel_of_one_pixel_answers_an_even_picture_as_the_old_one_did() -> None:
    old = trained()
    grown = grow.grow(old, replace(LARGER, final_kernel=1))
    even = torch.full((1, 3, 64, 96), 0.4)
    middle = (..., slice(24, 40), slice(40, 56))
    assert torch.allclose(grown(even)[middle], old(even)[middle], atol=1e-4)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(SMALL, depths=(1, 1, 0)), "has no 'bottleneck"),
        (replace(LARGER, channels=(4, 8, 24)), "cannot become"),
        (replace(LARGER, channels=(4, 8, 16, 32), depths=(1, 1, 1, 1), kernels=(3, 3, 3, 3), up_depths=()), "no "),
    ],
    ids=["smaller", "wider", "another level"],
)
def test_what_is_not_the_old_network_and_more_is_refused(config: UNetConfig, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        grow.grow(trained(), config)


def test_an_attention_keeps_its_number_of_heads() -> None:
    old = grow.grow(trained(), replace(LARGER, attention=2))
    assert grow.grow(old, replace(LARGER, attention=2)).config.attention == 2
    with pytest.raises(CheckpointError, match="attention of 2 heads"):
        grow.grow(old, replace(LARGER, attention=4))


def test_the_command_writes_a_file_to_train_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, out = tmp_path / "small.safetensors", tmp_path / "grown.safetensors"
    save_network(UNet(replace(COMPACT, depths=(1, 2, 2, 3, 3), up_depths=(), final_kernel=0)), small)
    monkeypatch.setattr(sys, "argv", ["grow", str(small), "--out", str(out)])
    assert grow.main() == 0
    assert load_network("compact", out).config == COMPACT


@pytest.mark.parametrize(("model", "old"), [("compact", "missing"), ("huge", "small")])
def test_bad_input_is_one_line_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str, old: str
) -> None:
    save_network(trained(), tmp_path / "small.safetensors")
    out = tmp_path / "grown.safetensors"
    monkeypatch.setattr(
        sys, "argv", ["grow", str(tmp_path / f"{old}.safetensors"), "--model", model, "--out", str(out)]
    )
    assert grow.main() == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()
