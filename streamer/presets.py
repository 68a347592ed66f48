"""Settings in YAML: the presets that come with the program, and a user's own."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from streamer.config import StreamConfig, first_problem, nearest
from streamer.errors import ConfigError
from streamer.yaml_files import read_text, yaml_errors

SUFFIXES = (".yaml", ".yml")
"""Endings of a preset file."""


BOOL, NULL, TEXT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "null", "str"))


class _Loader(yaml.SafeLoader):
    """Only true and false are truth values: ``off`` is a word of some settings, and ``yes`` the name of one."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the parser's own name, and its kind of table
        first: [(tag, pattern) for tag, pattern in found if tag != BOOL]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def preset_names() -> list[str]:
    """The presets that come with the program, in alphabetical order."""
    names = (entry.name for entry in files("configs").iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """The YAML of a preset that comes with the program."""
    return files("configs").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def load_preset(word: str) -> StreamConfig:
    """The defaults changed by a preset: the name of one that comes with the program, or the path of a YAML file.

    Raises:
        ConfigError: there is no such preset or file, or something in it is wrong; the message names file, line and key.
    """
    if word in preset_names():
        return read_yaml(preset_text(word), f"{word}.yaml")
    path = Path(word).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        if path.exists():
            raise ConfigError(f"{word} is no preset (FILE.yaml); to read it, say --input {word}")
        known = preset_names()
        raise ConfigError(
            f"unknown preset '{word}'{nearest(word, known)}; there are {', '.join(known)}, or a FILE.yaml"
        )
    return read_yaml(read_text(path, "preset"), str(path))


def read_yaml(text: str, name: str) -> StreamConfig:
    """The defaults changed by the settings in a YAML text.

    Args:
        text: a mapping from names of settings to values, or nothing.
        name: of the file, for messages.

    Raises:
        ConfigError: not YAML, not a mapping, a key that is unknown or given twice, a value out of range.
    """
    with yaml_errors(name):
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return StreamConfig()
            if not isinstance(root, yaml.MappingNode):
                raise ConfigError(f"{name}: a preset holds lines such as 'background: blur', and nothing else")
            _take_null_for_an_output(root)
            values = loader.construct_document(root)
        finally:
            loader.dispose()
    lines: dict[str, int] = {}
    for key, _ in root.value:
        word, line = str(key.value), key.start_mark.line + 1
        if word in lines:
            raise ConfigError(f"{name}:{line}: '{word}' is set twice, first in line {lines[word]}")
        lines[word] = line
    values = {str(key): value for key, value in values.items()}
    try:
        return StreamConfig.model_validate(values)
    except ValidationError as error:
        key, reason = first_problem(error)
        where = f"{name}:{lines[key]}" if key in lines else name
        raise ConfigError(f"{where}: {reason}") from error


def _take_null_for_an_output(root: yaml.MappingNode) -> None:
    """There is one of that name."""
    for key, value in root.value:
        if key.value != "output":
            continue
        for word in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if word.tag == NULL and word.value == "null":
                word.tag = TEXT
