from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from streamer import cli
from streamer.config import StreamConfig
from streamer.devices import Device
from streamer.errors import ConfigError, SourceError
from streamer.presets import load_preset, read_yaml


def refusal(*args: str) -> str:
    with pytest.raises(ConfigError) as caught:
        cli.read_command(args)
    return str(caught.value)


def settings(*args: str) -> dict[str, object]:
    config = cli.read_command(args)
    assert config is not None
    return config.model_dump(exclude_defaults=True)


def test_flags_override_the_preset_and_the_preset_the_defaults() -> None:
    config = cli.read_command(["webcam", "--camera-fps", "15"])
    assert config is not None
    preset = load_preset("webcam")
    assert (config.camera_fps, config.camera_size, config.crf) == (15, preset.camera_size, StreamConfig().crf)


def test_a_flag_can_take_a_preset_back() -> None:
    assert settings("demo", "--no-overwrite", "--background", "blur") == {"output": ("demo.mp4",)}


def test_flags_are_checked_and_converted_by_the_settings() -> None:
    assert settings(
        "--start",
        "1:30",
        "--end=2:00",
        "--crf",
        "7",
        "--background",
        "a b.png",
        "blur",
        "--overwrite",
        "--camera-fps=29.97",
    ) == {
        "start": 90.0,
        "end": 120.0,
        "crf": 7,
        "background": ("a b.png", "blur"),
        "overwrite": True,
        "camera_fps": 29.97,
    }


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--backgroun", "blur"], "unknown option --backgroun (did you mean '--background'?)"),
        (["--strat=3"], "unknown option --strat (did you mean '--stats'?)"),
        (["--crf", "abc"], "--crf: should be a valid integer, not 'abc'"),
        (["--crf", "64"], "--crf: should be less than or equal to 63, not '64'"),
        (["--write", "matte"], "--write: should be 'composite', 'alpha' or 'foreground', not 'matte'"),
        (["--camera-fps", "x"], "--camera-fps: should be a valid number, not 'x'"),
        (["--start", "9", "--end", "3"], "end (3 s) must come after start (9 s)"),
        (["--input", "a.mp4", "video"], "'video' must be the first word: streamer video [OPTIONS]"),
        (["--input", "a.mp4", "b.mp4"], "'b.mp4' belongs to no option (streamer --help lists them)"),
        (["--crf"], "Missing value for argument '--crf'. Expected 1 values. (streamer --help lists them)"),
        (["--background"], "--background: should have at least 1 item, not 0"),
        (["vidoe"], "unknown preset 'vidoe' (did you mean 'video'?)"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(args: list[str], message: str) -> None:
    assert refusal(*args).startswith(message)


@pytest.mark.parametrize(
    "lines",
    [
        [
            "+- Missing argument ----+",
            "| Missing value for |",
            "| argument '--crf'. |",
            "| ----------- |",
            "| For full |",
        ],
        ["\x1b[31m╭─\x1b[0m Missing ─╮", "│ Missing value for\x1b[1m │", "│ argument '--crf'. │", "│ ─── │", "│ For │"],
        ["———————", "+ Missing value for +", "+ argument '--crf'. +"],
    ],
    ids=["plain", "colours", "other signs"],
)
def test_a_box_becomes_one_line_on_any_console(lines: list[str]) -> None:
    assert cli._refusal(SystemExit(2), "\n".join(lines)).startswith("Missing value for argument '--crf'. (")


def test_a_name_that_the_console_cannot_spell_is_spelt_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(console, encoding="cp1252"))

    def run(config: object) -> int:
        sys.stdout.write("wrote \u65e5.mp4\n")
        return 0

    monkeypatch.setattr(cli, "_stream", run)
    assert cli.main([]) == 0
    sys.stdout.flush()
    assert console.getvalue() == b"wrote \\u65e5.mp4\n"


def test_an_unknown_flag_without_a_near_one_gets_the_whole_list() -> None:
    message = refusal("--qqqqqqq")
    assert all(f"--{name.replace('_', '-')}" in message for name in StreamConfig.model_fields)


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_help_fits_the_terminal_and_shows_every_default(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines() if line[:1] in "│╭|+" or columns >= 80) <= columns
    assert shown.count("(default:") == len(cli.Command.model_fields)
    for name in StreamConfig.model_fields:
        assert f"--{name.replace('_', '-')}" in shown


def test_help_after_a_preset_shows_the_defaults_of_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["webcam", "--help"]) == 0
    assert "(default: 1280x720)" in " ".join(capsys.readouterr().out.replace("│", "").split())


def test_dry_run_prints_the_settings_as_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["video", "--input", "clip.mp4", "--dry-run"]) == 0
    shown = read_yaml(capsys.readouterr().out, "dry run")
    assert shown == StreamConfig(**{**load_preset("video").model_dump(), "input": "clip.mp4"})


def failing(error: BaseException) -> Callable[..., int]:
    def fail(config: object) -> int:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SourceError("camera 3 is gone;\nplug it in"), 2, "error: camera 3 is gone; plug it in\n"),
        (KeyboardInterrupt(), 130, "error: interrupted: nothing more is written\n"),
        (ZeroDivisionError("float division"), 1, "error: the program failed (ZeroDivisionError: float division); "),
        (OSError(36, "File name too long", "a" * 300), 2, f"error: {'a' * 300}: File name too long\n"),
        (OSError(5, "Input/output error"), 1, "error: the program failed ([Errno 5] Input/output error); "),
        (AssertionError(), 1, "error: the program failed (AssertionError); STREAMER_DEBUG=1 shows where\n"),
    ],
)
def test_every_failure_is_one_line_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STREAMER_DEBUG", raising=False)
    monkeypatch.setattr(cli, "_stream", failing(error))
    assert cli.main([]) == code
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert shown.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_DEBUG", "1")
    monkeypatch.setattr(cli, "_stream", failing(SourceError("gone")))
    assert cli.main([]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: gone\n")


def test_devices_are_listed_with_the_flag_that_takes_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.devices.list_cameras", lambda: [Device("2", "Desk camera", "busy")])
    monkeypatch.setattr("streamer.devices.list_virtual_cameras", lambda: [])
    assert cli.main(["devices"]) == 0
    assert capsys.readouterr().out == "cameras, for --input:\n  2  Desk camera  (busy)\nvirtual cameras: none found\n"


def test_devices_take_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "--input"]) == 2
    assert "takes no options" in capsys.readouterr().err


def test_bench_gets_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr("streamer.bench.main", lambda args: given.append(list(args)) or 7)
    assert cli.main(["bench", "--frames", "3"]) == 7
    assert given == [["--frames", "3"]]


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from streamer.cli import main; main(['--dry-run']); main(['--crf', 'x'])\n"
        "heavy = {'torch', 'cv2', 'av', 'numpy', 'onnxruntime', 'openvino', 'skimage'} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "error: --crf: should be a valid integer, not 'x'\n")


@pytest.mark.parametrize("mode", ["quality", "fast", "fastest"])
def test_short_flags_choose_how_plates_are_painted(mode: str) -> None:
    config = cli.read_command(["--prompt", "a library", f"--{mode}"])
    assert config is not None
    assert config.plate_mode == mode
    assert config.prompt == ("a library",)


def test_other_words_go_to_their_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from streamer import cache, download, plate

    monkeypatch.setattr(cache, "main", lambda args: 5 if list(args) == ["clear"] else 0)
    monkeypatch.setattr(download, "main", lambda args: 6 if list(args) == ["sd15"] else 0)
    monkeypatch.setattr(plate, "paint_one", lambda config: f"{config.prompt[0]} is painted")
    assert cli.main(["cache", "clear"]) == 5
    assert cli.main(["download", "sd15"]) == 6
    assert cli.main(["plate", "--prompt", "a library"]) == 0
    assert capsys.readouterr().out == "a library is painted\n"
