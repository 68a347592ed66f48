"""Makes docs/configuration.md out of the settings: ``python -m streamer.config_docs`` from the root of a clone.

A test compares the page with what this makes, so that it is never out of date.
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from streamer.config import StreamConfig
from streamer.presets import preset_names, preset_text

PAGE = Path("docs/configuration.md")
KINDS: dict[Any, str] = {bool: "true, false", int: "whole number", float: "number", str: "text", Path: "file"}
INTRODUCTION = """\
<!-- Made by `python -m streamer.config_docs` from streamer/config.py and configs/: change those. -->

# Configuration

A setting is a flag (`--camera-size 1280x720`) and a key of a YAML file (`camera_size: 1280x720`). The flag counts
before the preset, and the preset before the default.

A preset is the first word: the name of one below, or the path of a YAML file with some of the settings.

```
streamer video --input clip.mp4 --output out.mp4
streamer call.yaml --background blur
```

`--dry-run` prints all settings as they would be used, as YAML that can be kept as a preset. An unknown key or flag and
a value out of range are answered with the nearest or the allowed ones, and the exit code is 2.

An output that is watched while it runs (`preview`, `virtual`) makes a file play at its own speed;
frames for which the machine is too slow are then dropped, also from a file written beside it.
"""


def page() -> str:
    """The whole page, in Markdown."""
    lines = [INTRODUCTION, "## Settings", "", "| key | values | default | meaning |", "|---|---|---|---|"]
    for name, field in StreamConfig.model_fields.items():
        cells = (f"`{name}`", _values(field), _default(field.default), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "## Presets", ""]
    for name in preset_names():
        lines += [f"### {name}", "", "```yaml", preset_text(name).strip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _values(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(kind for kind in get_args(annotation) if kind is not NoneType)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "one or several texts"
    return KINDS[annotation] + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    bounds = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le") if hasattr(rule, name)
    }
    words = {"ge": "from", "gt": "above", "le": "to"}
    return "".join(f" {words[name]} {bounds[name]:g}" for name in words if name in bounds)


def _default(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
