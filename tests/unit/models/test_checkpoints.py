import re

import pytest
import torch
from safetensors.torch import save_file

from models import average, checkpoints
from models.checkpoints import CheckpointError, load_config, load_network, save_network
from models.unet import UNet
from models.unet_config import CLASSIC, CONFIGS, UNetConfig

TINY = UNetConfig(channels=(4, 8, 16), classes=1, norm=True, stem=2, context=True, input_area_px=64 * 64)
SMALL_CLASSIC = UNetConfig(channels=(4, 8, 16, 32, 64))


@pytest.fixture
def small_classic(monkeypatch):
    """The recipe's network at a sixteenth of its width: the names are what matters here."""
    monkeypatch.setattr(checkpoints, "CLASSIC", SMALL_CLASSIC)
    return UNet(SMALL_CLASSIC).eval()


def test_weights_come_back_as_they_were_saved_and_say_their_own_sizes(tmp_path):
    network = UNet(TINY).eval()
    save_network(network, tmp_path / "tiny.safetensors")
    loaded = load_network("compact", tmp_path / "tiny.safetensors")
    assert loaded.config == TINY
    picture = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded.alpha(picture), network.alpha(picture))
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_recipes_state_dict_loads(tmp_path, small_classic):
    torch.save(small_classic.state_dict(), tmp_path / "unet_weights.pth")
    loaded = load_network("classic", tmp_path / "unet_weights.pth")
    picture = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded.alpha(picture), small_classic.alpha(picture))


def test_recipes_other_spellings_load(tmp_path, small_classic):
    def respell(name):
        name = re.sub(r"^dec(\d)", lambda found: f"dec{5 - int(found[1])}", name)
        return "module." + name.replace("bottleneck.", "bottleneck.conv_block.")

    state = {respell(name): tensor for name, tensor in small_classic.state_dict().items()}
    torch.save({"model_state_dict": state}, tmp_path / "unet_weights.pth")
    loaded = load_network("classic", tmp_path / "unet_weights.pth")
    picture = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded.alpha(picture), small_classic.alpha(picture))


def test_full_size_classic_loads_from_a_recipes_file(tmp_path):
    network = UNet(CLASSIC)
    torch.save(network.state_dict(), tmp_path / "unet_weights.pth")
    assert load_network("classic", tmp_path / "unet_weights.pth").config == CLASSIC


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a file of weights"),
        (b"not weights at all", "not a file of weights"),
    ],
)
def test_damaged_pickle_is_explained(tmp_path, content, message):
    (tmp_path / "broken.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_network("classic", tmp_path / "broken.pth")


def test_pickle_that_would_run_code_is_refused(tmp_path):
    torch.save({"weights": torch.nn.Linear(1, 1)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="safely"):
        load_network("classic", tmp_path / "evil.pth")


def test_pickle_of_something_else_is_explained(tmp_path):
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="no state dict"):
        load_network("classic", tmp_path / "list.pth")


def test_damaged_safetensors_is_explained(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(CheckpointError, match="not a readable safetensors"):
        load_network("compact", tmp_path / "broken.safetensors")


def test_weights_of_another_network_name_the_first_difference(tmp_path, small_classic):
    torch.save({"layer.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"lacks 'bottleneck\.conv1\.bias'.*--model"):
        load_network("classic", tmp_path / "other.pth")


def test_weights_of_another_width_name_both_shapes(tmp_path, small_classic):
    state = small_classic.state_dict()
    state["final_conv.weight"] = torch.zeros(3, 4, 1, 1)
    torch.save(state, tmp_path / "wide.pth")
    with pytest.raises(CheckpointError, match=r"\(3, 4, 1, 1\), expected \(2, 4, 1, 1\)"):
        load_network("classic", tmp_path / "wide.pth")


def test_missing_file_and_unknown_model_are_explained(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist: check --weights"):
        load_network("compact", tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="choose one of accurate, classic, compact"):
        load_network("huge")


@pytest.mark.parametrize("model", ["compact"])
def test_shipped_weights_load_and_a_flipped_byte_is_noticed(tmp_path, monkeypatch, model):
    shipped = checkpoints.WEIGHTS_FOLDER / f"{model}.safetensors"
    assert load_network(model).config == load_config(model) == CONFIGS[model]
    content = bytearray(shipped.read_bytes())
    content[-1] ^= 1
    (tmp_path / shipped.name).write_bytes(content)
    (tmp_path / "SHA256SUMS").write_text((checkpoints.WEIGHTS_FOLDER / "SHA256SUMS").read_text())
    monkeypatch.setattr(checkpoints, "WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match="is damaged"):
        load_network(model)


@pytest.mark.parametrize("sizes", ["{", "[1]", '{"channels": 5}', '{"width": 3}', '{"classes": "one"}'])
def test_sizes_that_are_not_ours_are_explained(tmp_path, sizes):
    save_file(UNet(TINY).state_dict(), tmp_path / "other.safetensors", metadata={"config": sizes})
    for load in (load_network, load_config):
        with pytest.raises(CheckpointError, match="does not say the sizes"):
            load("compact", tmp_path / "other.safetensors")


def test_weights_that_cannot_be_written_are_one_line(tmp_path, monkeypatch, capsys):
    first = tmp_path / "first.safetensors"
    save_network(UNet(TINY), first)
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_network(UNet(TINY), tmp_path / "none/mean.safetensors")
    monkeypatch.setattr(
        "sys.argv", ["average", str(first), str(first), "--out", str(tmp_path / "none/mean.safetensors")]
    )
    assert average.main() == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
