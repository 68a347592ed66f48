"""What the pages say is checked where a machine can: links lead somewhere, commands are understood."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from streamer.backgrounds import FORMS
from streamer.cli import read_command
from streamer.config import StreamConfig
from streamer.presets import preset_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PROGRAM = re.compile(
    r"(?:streamer|(?:\.venv/bin/)?python run_stream\.py) "
    r"(?!devices|doctor|bench|download|cache|plate|hotkeys|enroll)(.+)"
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code_lines(page: Path) -> list[str]:
    """The lines of the fenced blocks that are not of another language."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.split("     #")[0].strip() for block in blocks for line in block.splitlines()]


def commands(page: Path) -> list[str]:
    """What the page gives to the program, without the program's name."""
    found = (PROGRAM.fullmatch(part) for line in code_lines(page) for part in re.split(r" && |; ", line))
    return [match[1].replace("\\", "/") for match in found if match]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/quickstart.md"], ids=name_of)
def test_commands_of_a_page_are_understood(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "call.yaml").write_text(
        "input: 0\noutput: virtual\n", encoding="utf-8"
    )  # the page has the reader write it
    found = commands(page)
    assert len(found) >= 8
    for command in found:
        assert read_command(shlex.split(command)) is not None, command


def test_readme_names_every_preset_and_background() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    forms = [form for form in ("blur", "blur:STRENGTH", "color:#rrggbb", "transparent") if form in FORMS]
    assert len(forms) == 4
    assert [name for name in [*preset_names(), *forms] if f"`{name}`" not in text] == []


def test_flags_that_the_pages_name_exist() -> None:
    flags = {f"--{name.replace('_', '-')}" for name in StreamConfig.model_fields} | {
        "--dry-run",
        "--help",
        "--quality",
        "--fast",
        "--fastest",
    }
    pages = [ROOT / "README.md", ROOT / "docs/quickstart.md", ROOT / "docs/architecture.md"]
    named = {flag for page in pages for flag in re.findall(r"`(--[a-z][a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named - flags - {"--group"} == set()


def test_readme_installs_extras_and_groups_that_exist() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    extras = {extra for found in re.findall(r'"\.\[([\w,]+)\]"', text) for extra in found.split(",")}
    assert extras
    assert extras <= metadata["project"]["optional-dependencies"].keys()
    assert set(re.findall(r"--group (\w+)", text)) <= metadata["dependency-groups"].keys()


def test_constraints_hold_plain_pins_of_every_requirement() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line for line in lines if not line.startswith("#")}
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = metadata["project"]
    required = [*project["dependencies"], *metadata["dependency-groups"]["dev"]]
    for extra in project["optional-dependencies"].values():
        required += extra
    names = {re.split(r"[<>=\[ ]", requirement)[0].lower() for requirement in required}
    assert names - pinned == set()
