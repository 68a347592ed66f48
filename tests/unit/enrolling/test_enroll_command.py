"""The words after ``streamer enroll``, and what is refused before anybody records anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer import cli, profiles
from streamer.config import StreamConfig
from streamer.enrolling import command
from streamer.errors import ConfigError, MissingExtra, SegmentationError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def fail(*_: object) -> None:
        raise AssertionError("something was recorded")

    monkeypatch.setattr(profiles, "user_folder", lambda kind, mend: tmp_path / "backlot")
    monkeypatch.setattr(command, "record", fail)
    monkeypatch.setattr(command, "read_files", fail)
    return tmp_path / "backlot" / "profiles"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ([], "needs a name"),
        (["a/b"], "a name is made of"),
        (["desk", "--room", "room.png"], "--room needs --person too"),
        (["desk", "--person", "me.mp4"], "--person needs --room too"),
        (["desk", "--minutes", "0"], "--minutes must be above 0"),
        (["desk", "--minutes", "nan"], "--minutes must be above 0"),
        (["desk", "--minutes", "long"], "invalid float value"),
        (["desk", "--sofa"], "unrecognized arguments: --sofa"),
        (["--forget", "desk"], "there is no profile 'desk', there are none yet"),
    ],
)
def test_bad_words_are_one_line(args: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["enroll", *args]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


def test_what_writes_onnx_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install onnx onnxscript"):
        command.main(["desk"])


def test_a_device_that_is_missing_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(device: str) -> str:
        raise SegmentationError(f"no GPU for --device {device}")

    monkeypatch.setattr("streamer.segmentation.choose_device", missing)
    with pytest.raises(SegmentationError, match="no GPU for --device cuda"):
        command.main(["desk", "--device", "cuda"])


def test_help_and_an_empty_list(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert command.main(["--help"]) == 0
    assert "--forget" in capsys.readouterr().out
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out == f"0 profiles in {folder}\n"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"weights": "a.safetensors"}, "leave weights and model out"),
        ({"model": "classic"}, "leave weights and model out"),
        ({"segmenter": "onnx:a.onnx"}, "exclude each other"),
    ],
)
def test_a_profile_excludes_other_weights(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StreamConfig.model_validate({"profile": "desk", **settings})


def test_a_profile_that_is_not_there_is_said_before_anything_is_opened(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--input", "nowhere.mp4", "--profile", "desk"]) == 2
    assert "there is no profile 'desk'" in capsys.readouterr().err
    assert cli.main(["--profile", "a/b"]) == 2
    assert "a name of letters" in capsys.readouterr().err


def test_check_raises_for_a_name_that_exists(folder: Path) -> None:
    (folder / "desk").mkdir(parents=True)
    with pytest.raises(ConfigError, match="exists"):
        command.main(["desk"])
