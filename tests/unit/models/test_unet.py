import pytest
import torch

from models.unet import Attention, UNet, fold_norms
from models.unet_config import ACCURATE, CLASSIC, COMPACT, CONFIGS, UNetConfig

TINY = UNetConfig(channels=(4, 8, 16), classes=1, norm=True, stem=2, context=True, input_area_px=64 * 64)


def test_classic_is_the_recipes_network():
    network = UNet(CLASSIC)
    names = set(network.state_dict())
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(31e6, rel=0.01)
    assert {"enc1.conv_block.conv1.weight", "dec1.upconv.weight", "final_conv.weight", "bottleneck.conv2.bias"} <= names
    assert not any("norm" in name for name in names)
    assert network.state_dict()["dec1.upconv.weight"].shape == (1024, 512, 2, 2)
    assert network.state_dict()["final_conv.weight"].shape == (2, 64, 1, 1)


@pytest.mark.parametrize("config", [COMPACT, TINY, UNetConfig(channels=(4, 8, 8))])
def test_alpha_has_the_pictures_size_and_lies_between_zero_and_one(config):
    network = UNet(config).eval()
    step = config.multiple_px
    picture = torch.rand(2, 3, 2 * step, 3 * step)
    with torch.inference_mode():
        alpha = network.alpha(picture)
    assert alpha.shape == (2, 1, 2 * step, 3 * step)
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1


def test_attention_sees_the_whole_picture_and_adds_to_what_it_gets():
    torch.manual_seed(0)
    attention = Attention(16, 4).eval()
    features = torch.rand(2, 16, 3, 5)
    far = features.clone()
    far[0, :, 2, 4] += 5
    change = (attention(far) - attention(features)).abs().amax(dim=1)
    assert change.shape == (2, 3, 5)
    assert change[0].min() > 0
    assert change[1].max() == 0, "pictures of a batch do not see one another"
    torch.nn.init.zeros_(attention.outward.weight)
    torch.nn.init.zeros_(attention.outward.bias)
    assert torch.equal(attention(features), features)


def test_networks_fit_in_the_shipped_sizes():
    assert 4 * sum(parameter.numel() for parameter in UNet(COMPACT).parameters()) < 8e6
    assert 2 * sum(parameter.numel() for parameter in UNet(ACCURATE).parameters()) < 16e6, "in half precision"


def test_network_learns_four_pictures_by_heart():
    torch.manual_seed(0)
    pictures = torch.rand(4, 3, 32, 32) * 0.3
    masks = torch.zeros(4, 1, 32, 32)
    for index, (top, left) in enumerate([(2, 3), (12, 5), (8, 14), (4, 10)]):
        pictures[index, :, top : top + 14, left : left + 12] += 0.6
        masks[index, :, top : top + 14, left : left + 12] = 1
    network = UNet(TINY).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(120):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(pictures), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predicted = network.alpha(pictures) > 0.5
    overlap = (predicted & (masks > 0.5)).sum() / (predicted | (masks > 0.5)).sum()
    assert float(overlap) > 0.95


def test_decoder_features_come_deepest_first():
    ladder, logits = UNet(TINY).eval().features(torch.rand(1, 3, 32, 32))
    assert [features.shape[1] for features in ladder] == [8, 4]
    assert logits.shape == (1, 1, 32, 32)


@pytest.mark.parametrize("model", ["compact", "accurate"])
def test_a_network_without_its_norms_gives_the_same_matte(model):
    torch.manual_seed(0)
    network = UNet(CONFIGS[model]).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    picture = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        before = network.alpha(picture)
        fold_norms(network)
        after = network.alpha(picture)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert (before - after).abs().max() < 1e-4
    assert before.std() > 1e-3
