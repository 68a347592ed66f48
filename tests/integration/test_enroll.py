"""``streamer enroll`` as a whole, on the demo's person: a profile comes of it and is used, or nothing is left."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from media import Clip

from models.checkpoints import load_network
from models.unet import UNet
from streamer import cli, enrolling, networks, profiles
from streamer.config import StreamConfig
from streamer.enrolling import training
from streamer.errors import EnrolmentError
from streamer.frames import Image
from streamer.sources.demo import FRAME_COUNT, DemoScene

SIZE = (320, 180)
FRAMES = 32
"""Five and a third seconds, at 6 a second."""


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene()


@pytest.fixture(scope="module")
def person(scene: DemoScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def picture(number: int) -> Image:
        return cv2.resize(scene.image(number * FRAME_COUNT // FRAMES), SIZE, interpolation=cv2.INTER_AREA)

    path = tmp_path_factory.mktemp("person") / "me.mp4"
    return Clip(size=SIZE, count=FRAMES, fps=Fraction(6)).write(path, picture)


@pytest.fixture(scope="module")
def room(scene: DemoScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("room") / "room.png"
    empty = cv2.resize(scene._room.astype(np.uint8), SIZE, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.cvtColor(empty, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_torch_thread: None) -> Path:
    monkeypatch.setattr(profiles, "user_folder", lambda kind, mend: tmp_path / "backlot")
    return tmp_path


def timid() -> UNet:
    """The network that ships, made to see too little: whatever is learnt from these recordings makes it better."""
    network = load_network("compact")
    with torch.no_grad():
        network.get_parameter("final_conv.bias").sub_(1.0)
    return network


@pytest.mark.slow
def test_a_profile_is_made_used_listed_and_forgotten(
    scene: DemoScene,
    person: Path,
    room: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(training, "shipped_network", timid)
    assert enrolling.main(["desk", "--room", str(room), "--person", str(person), "--device", "cpu"], steps=3) == 0
    said = capfd.readouterr()
    assert "profile 'desk' is kept in" in said.out
    assert said.err == ""  # no bar where there is no terminal

    folder = home / "backlot" / "profiles" / "desk"
    assert {path.name for path in folder.iterdir()} == {
        profiles.WEIGHTS,
        profiles.GRAPH,
        profiles.ABOUT,
        profiles.PICTURE,
    }
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    about = json.loads((folder / profiles.ABOUT).read_text())
    assert about["new"]["mad"] < about["old"]["mad"]
    assert about["frames"]["person"] >= 20
    before_after = cv2.imread(str(folder / profiles.PICTURE))
    assert before_after.shape[1] == 3 * SIZE[0]

    config = StreamConfig(
        profile="desk", device="cpu", runtime="openvino", steadiness=0, matte_detail="fine"
    )  # of one size
    segmenter = networks.open_matte(config)
    picture = cv2.resize(scene.image(20), SIZE, interpolation=cv2.INTER_AREA)
    ours = segmenter.segment(picture)
    segmenter.close()
    assert "openvino" in segmenter.description
    by_torch = networks.open_matte(config.model_copy(update={"runtime": "torch"}))
    np.testing.assert_allclose(by_torch.segment(picture), ours, atol=0.05)
    by_torch.close()
    shipped = networks.open_matte(config.model_copy(update={"profile": None}))
    assert np.abs(shipped.segment(picture) - ours).max() > 1e-3
    shipped.close()

    assert cli.main(["enroll", "--list"]) == 0
    assert "desk" in capfd.readouterr().out
    assert cli.main(["enroll", "desk", "--room", str(room), "--person", str(person)]) == 2
    assert "exists" in capfd.readouterr().err
    assert cli.main(["enroll", "--forget", "desk"]) == 0
    assert not (home / "backlot" / "profiles").exists()
    assert cli.main(["--profile", "desk"]) == 2
    assert "there is no profile 'desk'" in capfd.readouterr().err


@pytest.mark.slow
def test_weights_that_are_no_better_are_not_kept(person: Path, room: Path, home: Path) -> None:
    def spoilt(*_: object) -> UNet:
        network = load_network("compact")
        with torch.no_grad():
            network.get_parameter("final_conv.weight").zero_()
        return network

    with pytest.raises(EnrolmentError, match="no profile is kept"):
        enrolling.main(["desk", "--room", str(room), "--person", str(person), "--device", "cpu"], train=spoilt)
    assert not (home / "backlot").exists()


@pytest.mark.slow
def test_ctrl_c_while_it_trains_leaves_no_trace(
    person: Path, room: Path, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> UNet:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fine_tune", interrupted)
    assert cli.main(["enroll", "desk", "--room", str(room), "--person", str(person), "--device", "cpu"]) == 130
    assert "Traceback" not in capfd.readouterr().err
    assert not (home / "backlot").exists()


@pytest.mark.slow
def test_somebody_in_the_empty_room_is_noticed(person: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["enroll", "desk", "--room", str(person), "--person", str(person), "--device", "cpu"]) == 2
    assert "somebody is in the recording of the empty room" in capfd.readouterr().err
    assert not (home / "backlot").exists()
