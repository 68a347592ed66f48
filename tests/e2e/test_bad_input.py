"""Every bad input gets one clear line and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from media import damaged, truncated
from program import Program, decoded, room_clip

from models.checkpoints import save_network
from models.unet import UNet
from models.unet_config import UNetConfig


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


Prepare = Callable[[Path], list[str]]


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.name


def empty_file(folder: Path) -> list[str]:
    (folder / "empty.mp4").touch()
    return ["--input", "empty.mp4"]


def folder_without_pictures(folder: Path) -> list[str]:
    (folder / "videos").mkdir()
    return ["--input", "videos"]


def headless_video(folder: Path) -> list[str]:
    whole = room_clip(folder / "whole.mp4")
    return ["--input", truncated(folder / "cut.mp4", whole).name]


def input_that_exists(folder: Path) -> list[str]:
    return ["--input", room_clip(folder / "clip.mp4").name]


def file_as_folder(folder: Path) -> list[str]:
    (folder / "file").touch()
    return [*input_that_exists(folder), "--output", "file/out.mp4"]


def other_network(folder: Path) -> list[str]:
    save_network(UNet(UNetConfig(channels=(2, 2))), folder / "sizes.safetensors")
    data = (folder / "sizes.safetensors").read_bytes()
    (folder / "other.safetensors").write_bytes(data.replace(b"[2, 2]", b"[2, 4]"))
    return [*input_that_exists(folder), "--weights", "other.safetensors", "--device", "cpu"]


CASES: dict[str, tuple[Prepare, str]] = {
    "missing file": (lambda folder: ["--input", "nowhere.mp4"], "nowhere.mp4"),
    "folder": (folder_without_pictures, "videos"),
    "text named mp4": (lambda folder: ["--input", written(folder / "text.mp4", "no video\n" * 99)], "text.mp4"),
    "truncated mp4": (headless_video, "cut.mp4"),
    "zero bytes": (empty_file, "empty.mp4: the file is empty"),
    "no such camera": (lambda folder: ["--input", "87", "--output", "null"], "camera 87"),
    "no output folder": (lambda folder: [*input_that_exists(folder), "--output", "no/out.mp4"], "folder no does not"),
    "output under a file": (file_as_folder, "file is not a folder"),
    "output is a folder": (lambda folder: [*input_that_exists(folder), "--output", "."], "folder"),
    "output of unknown kind": (lambda folder: [*input_that_exists(folder), "--output", "out.avi"], "out.avi"),
    "unknown background": (lambda folder: [*input_that_exists(folder), "--background", "beach"], "'beach'"),
    "malformed colour": (lambda folder: ["--background", "color:#12345"], "'#12345' is not of the form #rrggbb"),
    "broken background": (
        lambda folder: [*input_that_exists(folder), "--background", written(folder / "b.png", "no picture")],
        "b.png",
    ),
    "broken yaml": (lambda folder: [written(folder / "bad.yaml", "input: [")], "bad.yaml:1: broken YAML"),
    "unknown key": (lambda folder: [written(folder / "bad.yaml", "backgroud: blur")], "did you mean 'background'?"),
    "unknown preset": (lambda folder: ["webcan"], "did you mean 'webcam'?"),
    "unknown flag": (lambda folder: ["--outptu", "x.mp4"], "did you mean '--output'?"),
    "missing weights": (lambda folder: [*input_that_exists(folder), "--weights", "no.pth"], "no.pth"),
    "weights that are none": (
        lambda folder: [*input_that_exists(folder), "--device", "cpu", "--weights", written(folder / "w.pth", "text")],
        "w.pth",
    ),
    "weights of another network": (other_network, "other.safetensors"),
    "missing network file": (lambda folder: [*input_that_exists(folder), "--segmenter", "onnx:no.onnx"], "no.onnx"),
    "segmenter of no kind": (lambda folder: ["--segmenter", "magic"], "unet, mediapipe or onnx:FILE"),
    "missing clean plate": (lambda folder: [*input_that_exists(folder), "--clean-plate", "no.png"], "no.png"),
    "patch of all the picture": (lambda folder: ["--min-island", "200"], "less than or equal to 50"),
    "crop of three": (lambda folder: ["--crop", "10,0,10"], "--crop: should be LEFT,TOP,RIGHT,BOTTOM in percent"),
    "crop of everything": (lambda folder: ["--crop", "50,0,45,0"], "must leave at least 10 percent"),
    "zoom outward": (lambda folder: ["--zoom", "0.5"], "greater than or equal to 1"),
    "output size in words": (lambda folder: ["--output-size", "720p"], "WIDTHxHEIGHT, such as 1280x720"),
    "fit of no kind": (lambda folder: ["--picture-fit", "stretch"], "'cover' or 'contain'"),
    "light beyond all": (lambda folder: ["--color-match", "2"], "less than or equal to 1"),
    "no gpu": (lambda folder: [*input_that_exists(folder), "--require-gpu", "--device", "mps"], "no GPU"),
    "models that are not here": (
        lambda folder: [*input_that_exists(folder), "--prompt", "a beach", "--model-dir", "models"],
        "2.9 GB from stable-diffusion-v1-5/stable-diffusion-v1-5",
    ),
    "model that left the hub": (
        lambda folder: [
            *input_that_exists(folder),
            "--prompt",
            "a beach",
            "--sd-model",
            "runwayml/stable-diffusion-v1-5",
        ],
        "use its copy, stable-diffusion-v1-5/stable-diffusion-v1-5",
    ),
    "broken cues": (
        lambda folder: [*input_that_exists(folder), "--cues", written(folder / "cues.yaml", "soon: a beach\n")],
        "cues.yaml:1: 'soon' is no time",
    ),
    "missing LoRA": (
        lambda folder: [*input_that_exists(folder), "--prompt", "a beach", "--lora", "no.safetensors"],
        "no.safetensors",
    ),
    "plate without a prompt": (lambda folder: ["plate", *input_that_exists(folder)], "needs --prompt"),
    "no display": (lambda folder: [*input_that_exists(folder), "--output", "preview"], "display"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_input_is_one_line_and_exit_code_2(case: str, program: Program) -> None:
    prepare, said = CASES[case]
    args = prepare(program.folder)
    before = program.files()
    ended = program.run(*args) if "--weights" in args or "--device" in args else program.matte(*args)
    assert ended.code == 2, ended
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1, ended.err
    assert said in ended.err
    assert program.files() == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no file, not even from root")
def test_a_folder_that_takes_no_files_is_one_line(program: Program) -> None:
    ended = program.matte(*input_that_exists(program.folder), "--output", "/proc/out.mp4")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended
    assert "/proc" in ended.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(program: Program) -> None:
    args = input_that_exists(program.folder)
    (program.folder / "locked").mkdir(mode=0o555)
    ended = program.matte(*args, "--output", "locked/out.mp4")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "no permission to write" in ended.err


def limit_file_size() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))


def test_a_full_disk_is_one_line_and_costs_nothing_that_was_there(program: Program) -> None:
    pytest.importorskip("resource", reason="the limit that stands for a full disk is one of Unix")
    clip = room_clip(program.folder / "clip.mp4", count=60)
    (program.folder / "out.mp4").write_bytes(b"mine")
    before = program.files()
    args = ("--input", clip.name, "--output", "out.mp4", "--overwrite", "--crf", "0")
    ended = program.matte(*args, before=limit_file_size)
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.count("\n") == 1, ended.err
    assert "out.mp4" in ended.err
    assert program.files() == before
    assert (program.folder / "out.mp4").read_bytes() == b"mine"


def test_a_damaged_video_gives_its_good_frames_a_count_and_exit_code_2(program: Program) -> None:
    whole = room_clip(program.folder / "whole.mp4", count=60, options={"preset": "ultrafast", "crf": "0", "g": "5"})
    broken = damaged(program.folder / "broken.mp4", whole)
    ended = program.matte("--input", broken.name, "--output", "out.mp4")
    assert ended.code == 2
    kept = len(decoded(program.folder / "out.mp4"))
    assert 20 <= kept < 60
    assert f"out.mp4: {kept} frames" in ended.out
    assert ended.err.count("\n") == 1
    assert "frames of broken.mp4 could not be decoded and are missing" in ended.err
