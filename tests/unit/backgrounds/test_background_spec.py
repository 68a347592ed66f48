from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.backgrounds import check_spec, open_background
from streamer.errors import ConfigError
from streamer.frames import Size

SIZE = Size(64, 48)


@pytest.mark.parametrize(
    "spec", ["blur", "blur:1", "blur:100", "color:#204060", "color:#ABCDEF", "gradient", "transparent"]
)
def test_known_forms_are_accepted(spec: str) -> None:
    check_spec(spec)
    open_background(spec, size=SIZE, is_live=False).close()


@pytest.mark.parametrize("strength", ["", "0", "101", "-5", "5.5", "strong", " 5", "1e2", "٣"])
def test_a_wrong_strength_names_the_range(strength: str) -> None:
    with pytest.raises(ConfigError, match=rf"^blur strength '{strength}' is not a whole number from 1 to 100$"):
        check_spec(f"blur:{strength}")


@pytest.mark.parametrize("color", ["", "204060", "#20406", "#2040600", "#20406g", "red", "#fff"])
def test_a_wrong_color_shows_the_form(color: str) -> None:
    with pytest.raises(ConfigError, match=rf"^color '{color}' is not of the form #rrggbb, e\.g\. color:#204060$"):
        check_spec(f"color:{color}")


@pytest.mark.parametrize("spec", ["", "beach.jpg", "blurr", "colour:#204060", "Transparent", "/no/such/file.mp4"])
def test_what_is_neither_form_nor_file_lists_the_forms(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"blur:STRENGTH \(1 to 100\), color:#rrggbb, transparent, or the path"):
        check_spec(spec)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a file"):
        check_spec(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"), [("text.mp4", b"hello"), ("empty.jpg", b""), ("cut.png", b"\x89PNG\r\n\x1a\n")]
)
def test_a_file_that_is_no_picture_is_one_clear_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^[^\n]*{name}[^\n]*$"):
        open_background(str(path), size=SIZE, is_live=False)


@given(st.text(max_size=20))
def test_any_text_is_accepted_or_refused_with_a_config_error(spec: str) -> None:
    try:
        check_spec(spec)
    except ConfigError:
        return
    assert spec.startswith(("blur", "color:", "gradient", "transparent")) or Path(spec).expanduser().is_file()
