import pytest

from streamer.cues import read_cues
from streamer.errors import ConfigError


def write(tmp_path, text):
    path = tmp_path / "cues.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_prompt_holds_from_its_time_on(tmp_path):
    sheet = read_cues(write(tmp_path, "00:00: a beach\n00:12.5: a library, at dusk\n1:00:00: 'the end: night'\n"))
    assert [cue.at_s for cue in sheet.cues] == [0, 12.5, 3600]
    assert sheet.prompt_at(12.49) == "a beach"
    assert sheet.prompt_at(12.5) == "a library, at dusk"
    assert sheet.prompt_at(7200) == "the end: night"


def test_first_prompt_holds_from_the_beginning(tmp_path):
    assert read_cues(write(tmp_path, "5: a beach\n")).prompt_at(0) == "a beach"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a cue file holds lines such as"),
        ("- a beach\n", "a cue file holds lines such as"),
        ("0: a beach\nsoon: a library\n", r"cues.yaml:2: 'soon' is no time"),
        ("0: a beach\n5:\n", r"cues.yaml:2: a line is a time and a prompt"),
        ("0: a beach\n5: [a, b]\n", r"cues.yaml:2: a line is a time and a prompt"),
        ("5: a beach\n5: a library\n", r"cues.yaml:2: 5 does not come after"),
        ("0: a beach\n  1: [\n", r"broken YAML"),
    ],
)
def test_bad_cue_files_are_refused_in_one_line_with_file_and_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read_cues(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_cue_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml cannot be read"):
        read_cues(tmp_path / "nowhere.yaml")
