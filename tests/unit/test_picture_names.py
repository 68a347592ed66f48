from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import ConfigError
from streamer.picture_names import NumberedNames, is_pattern, is_picture, numbered


def test_a_pattern_fills_in_the_number_with_its_zeros() -> None:
    assert NumberedNames("out/a_%04d.b.png").path(7) == Path("out/a_0007.b.png")
    assert NumberedNames("%d.jpg").path(7) == Path("7.jpg")
    assert NumberedNames("%02d.jpg").path(12345) == Path("12345.jpg")


def test_existing_pictures_come_by_number_and_only_with_the_zeros_of_the_pattern(tmp_path: Path) -> None:
    for name in ("010.png", "9.png", "009.png", "1000.png", "0010.png", "011.jpg", "x012.png"):
        (tmp_path / name).touch()
    found = NumberedNames(str(tmp_path / "%03d.png")).existing()
    assert [path.name for path in found] == ["009.png", "010.png", "1000.png"]


@pytest.mark.parametrize("pattern", ["a.png", "%s.png", "%d_%d.png", "100%_%d.png", "%06d.mp4", "%06d"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="is no pattern for pictures"):
        NumberedNames(pattern)


def test_only_the_file_name_makes_a_pattern() -> None:
    assert is_pattern("a/%06d.png")
    assert not is_pattern("%06d/a.png")
    assert is_picture(Path("A.PNG"))
    assert not is_picture(Path("png"))


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("a/out.png", "a/out_%06d.png"),
        ("a/%3d.png", "a/%06d.png"),
        ("%x.jpg", "%06d.jpg"),
        ("shot_%3d.png", "shot_%06d.png"),
        ("100%.png", "100_%06d.png"),
        ("%", "%06d"),
    ],
)
def test_the_pattern_that_is_named_for_one_picture_is_one(path: str, pattern: str) -> None:
    assert numbered(Path(path)) == Path(pattern)
    assert is_pattern(str(numbered(Path(path))))
