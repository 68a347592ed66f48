from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer import config_docs, rendering, segmentation
from streamer.backgrounds import check_spec
from streamer.config import Speed, StreamConfig, first_problem, parse_time
from streamer.errors import ConfigError
from streamer.presets import load_preset, preset_names, preset_text, read_yaml
from streamer.sinks.encoders import SPEEDS, Encoding

ROOT = Path(__file__).parents[2]


def problem_of(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        StreamConfig(**settings)
    return first_problem(caught.value)[1]


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "my.yaml")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1:30", 90),
        ("0:05.25", 5.25),
        ("1:02:03.5", 3723.5),
        ("100:00:00", 360000),
    ],
)
def test_times_are_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds
    assert StreamConfig(start=text).start == seconds


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "1:60", "1:75:00", "-3", "1:-3", "1e3", "nan", "1:", ":30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    assert problem_of(start=text) == f"start: '{text}' is no time: give seconds, mm:ss or hh:mm:ss"


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_written_time_is_read_back(hours: int, minutes: int, seconds: int) -> None:
    assert parse_time(f"{hours}:{minutes:02}:{seconds:02}") == 3600 * hours + 60 * minutes + seconds


def test_yaml_reads_an_unquoted_time_as_the_same_seconds() -> None:
    assert read_yaml("start: 1:30\nend: 1:02:03.5", "my.yaml").model_dump(exclude_defaults=True) == {
        "start": 90.0,
        "end": 3723.5,
    }


def test_one_text_stands_for_a_list_of_one_and_numbers_are_texts() -> None:
    config = read_yaml("input: 0\noutput: out.mp4\nbackground: [blur, 'color:#000000']", "my.yaml")
    assert (config.input, config.output, config.background) == ("0", ("out.mp4",), ("blur", "color:#000000"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crf": 99}, "crf: should be less than or equal to 63, not 99"),
        ({"crf": "abc"}, "crf: should be a valid integer, not 'abc'"),
        ({"write": "matte"}, "write: should be 'composite', 'alpha' or 'foreground', not 'matte'"),
        ({"start": -1}, "start: should be greater than or equal to 0, not -1"),
        (
            {"camera_size": "720p"},
            "camera_size: should be WIDTHxHEIGHT, such as 1280x720, both from 10 to 99999, not '720p'",
        ),
        (
            {"output_size": "2x2"},
            "output_size: should be WIDTHxHEIGHT, such as 1280x720, both from 10 to 9999, not '2x2'",
        ),
        (
            {"output_size": "17000x200"},
            "output_size: should be WIDTHxHEIGHT, such as 1280x720, both from 10 to 9999, not '17000x200'",
        ),
        ({"camera_fourcc": "MJPEG"}, "camera_fourcc: should be four letters, such as MJPG, not 'MJPEG'"),
        ({"camera_fps": float("nan")}, "camera_fps: should be a finite number, not nan"),
        ({"output": ("a", "b", "c")}, "output: should have at most 2 items, not 3"),
        ({"output": ("a", "a")}, "output: 'a' is named twice"),
        ({"background": ()}, "background: should have at least 1 item, not 0"),
        ({"start": 5, "end": 4}, "end (4 s) must come after start (5 s)"),
        ({"require_gpu": True, "device": "cpu"}, "require_gpu and device cpu exclude each other: leave one out"),
        ({"inptu": "x"}, "unknown setting 'inptu' (did you mean 'input'?)"),
    ],
)
def test_a_wrong_setting_is_answered_with_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    assert problem_of(**settings) == message


def test_transparent_does_not_take_turns_with_other_backgrounds() -> None:
    assert "transparent cannot take turns" in problem_of(background=("blur", "transparent"))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        StreamConfig().crf = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("background: [", "my.yaml:1: broken YAML: expected the node content, but found '<stream end>'"),
        ("input: demo\nbackgroud: blur", "my.yaml:2: unknown setting 'backgroud' (did you mean 'background'?)"),
        ("# mine\n\ncrf: 99", "my.yaml:3: crf: should be less than or equal to 63, not 99"),
        ("crf: 3\ninput: x\ncrf: 4", "my.yaml:3: 'crf' is set twice, first in line 1"),
        ("- blur", "my.yaml: a preset holds lines such as 'background: blur', and nothing else"),
        ("blur", "my.yaml: a preset holds lines such as 'background: blur', and nothing else"),
        ("? [a]\n: b", "my.yaml:1: broken YAML: found unhashable key"),
        ("input: 2024-31-12", "my.yaml: broken YAML: month must be in 1..12; put a text in quotes"),
        ("seed: " + 2000 * "[", "my.yaml: broken YAML: it is nested too deeply"),
        ("start: 9\nend: 3", "my.yaml: end (3 s) must come after start (9 s)"),
    ],
)
def test_a_wrong_yaml_file_is_answered_with_file_and_line(text: str, message: str) -> None:
    assert error_of(text) == message


def test_a_preset_may_name_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    names = ("model_dir", "cues", "weights", "mediapipe_python", "still_folder", "stats")
    config = read_yaml("\n".join(f"{name}: ~/{name}" for name in names), "my.yaml")
    assert [getattr(config, name) for name in names] == [tmp_path / name for name in names]


def test_an_unknown_key_without_a_near_one_gets_the_whole_list() -> None:
    message = error_of("zzzz: 1")
    assert all(name in message for name in StreamConfig.model_fields)


@pytest.mark.parametrize("text", ["", "# nothing\n", "input: demo"])
def test_an_empty_preset_is_the_defaults(text: str) -> None:
    assert read_yaml(text, "my.yaml") == StreamConfig()


def test_a_dry_run_can_be_kept_as_a_preset() -> None:
    config = StreamConfig(start="1:30", weights=Path("a b.pth"), background=("color:#102030", "ä.png"), camera_fps=30)
    assert read_yaml(config.as_yaml(), "kept.yaml") == config


def test_a_preset_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("crf: 12\n", encoding="utf-8")
    assert load_preset(str(path)) == StreamConfig(crf=12)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("webcma", "unknown preset 'webcma' (did you mean 'webcam'?); there are cpu, demo,"),
        ("missing.yaml", "preset missing.yaml cannot be read: No such file or directory"),
    ],
)
def test_an_unknown_preset_is_answered_with_those_there_are(word: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_preset(word)
    assert str(caught.value).startswith(message)


def test_a_video_in_place_of_the_preset_is_told_its_flag(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    with pytest.raises(ConfigError, match=f"to read it, say --input {clip}"):
        load_preset(str(clip))


def test_a_preset_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match=r"binary\.yaml is not a text file"):
        load_preset(str(path))


def test_the_presets_are_those_that_are_promised() -> None:
    assert preset_names() == ["cpu", "demo", "low_vram", "video", "webcam"]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_a_short_delta_with_a_reason_a_line(name: str) -> None:
    config = load_preset(name)
    for spec in config.background:
        check_spec(spec)
    lines = preset_text(name).splitlines()
    assert len(lines) <= 15
    assert lines[0].startswith("# ")
    assert config != StreamConfig()
    unexplained = [line for line in lines[1:] if " # " not in line]
    assert unexplained in ([], ["output: demo.mp4"])
    assert config.model_fields_set == set(yaml.safe_load(preset_text(name)))


def test_every_setting_is_explained_in_one_line() -> None:
    for name, field in StreamConfig.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name


def test_choices_are_those_of_the_parts_that_take_them() -> None:
    choices = {name: get_args(field.annotation) for name, field in StreamConfig.model_fields.items()}
    assert choices["write"] == get_args(rendering.Write)
    assert choices["device"] == segmentation.DEVICES
    assert set(choices["runtime"]) == set(segmentation.RUNTIMES)
    assert get_args(Speed) == SPEEDS
    assert Encoding(encoder=StreamConfig().encoder, audio=StreamConfig().audio) == Encoding()


def test_the_page_of_settings_is_current() -> None:
    made = config_docs.page()
    assert made == (ROOT / config_docs.PAGE).read_text(encoding="utf-8"), "run python -m streamer.config_docs"
    assert all(f"| `{name}` |" in made for name in StreamConfig.model_fields)
    assert all(f"### {name}\n" in made for name in preset_names())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prompt": "a beach", "background": "transparent"}, "background transparent and a prompt exclude each other"),
        ({"prompt": "a beach", "cues": "cues.yaml"}, "prompt and cues exclude each other"),
        ({"prompt": " "}, "prompt: it must say what to paint"),
        ({"plate_size": "768x440"}, "both sides must be multiples of 64"),
        ({"plate_size": "64x64"}, "both sides must be multiples of 64, from 256 to 2048"),
        ({"plate_mode": "fastest", "steps": 51}, "plate_mode fastest takes at most 50 steps, not 51"),
        ({"plate_size": "large"}, "plate_size: should be WIDTHxHEIGHT in multiples of 64"),
        ({"plate_device": "gpu"}, "plate_device: should be auto, cpu, cuda, cuda:1 or mps"),
        ({"seed": -1}, "seed: should be greater than or equal to 0"),
    ],
)
def test_settings_of_the_painter_are_checked(settings: dict[str, Any], said: str) -> None:
    assert said in problem_of(**settings)


def test_a_prompt_or_cues_mean_that_something_is_painted() -> None:
    assert StreamConfig(prompt="a beach").is_painted
    assert StreamConfig(cues=Path("cues.yaml")).is_painted
    assert not StreamConfig().is_painted


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("yes: true", "yes", True),
        ("yes: on", "yes", True),
        ("clean_plate: off", "clean_plate", "off"),
        ("global_hotkeys: off", "global_hotkeys", "off"),
        ("output: null", "output", ("null",)),
        ("output: [virtual, null]", "output", ("virtual", "null")),
        ("output: [no, on]", "output", ("no", "on")),
        ("adaptive_quality: no", "adaptive_quality", False),
    ],
)
def test_words_of_a_preset_are_what_the_settings_mean_by_them(line: str, key: str, value: object) -> None:
    assert getattr(read_yaml(line, "mine.yaml"), key) == value


def test_an_output_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="output"):
        read_yaml("output:", "mine.yaml")
