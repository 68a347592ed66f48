"""Cue files: which prompt from which moment of a video on. A YAML file with lines such as ``00:12.5: a library``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from streamer.config import parse_time
from streamer.errors import ConfigError
from streamer.yaml_files import read_text, yaml_errors

EXAMPLE = "00:00: a beach at noon"


@dataclass(frozen=True, slots=True)
class Cue:
    """From ``at_s`` on, in seconds of presentation time, ``prompt`` is painted."""

    at_s: float
    prompt: str


class CueSheet:
    """The prompts of a video by its time. The first one holds from the beginning, whatever its time.

    Args:
        cues: at least one, in the order of their times.
    """

    def __init__(self, cues: Sequence[Cue]) -> None:
        self.cues = tuple(cues)
        self._times_s = [cue.at_s for cue in cues]

    def prompt_at(self, pts_s: float) -> str:
        """The prompt that holds at that presentation time."""
        return self.cues[max(0, bisect_right(self._times_s, pts_s) - 1)].prompt


def read_cues(path: Path) -> CueSheet:
    """Read a cue file.

    Raises:
        ConfigError: it cannot be read, or a line is no time with a prompt; the message names file and line.
    """
    text = read_text(path, "cues")
    with yaml_errors(str(path)):
        # The base loader leaves all as text: YAML would take 00:12 for a number to the base of 60.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ConfigError(f"{path}: a cue file holds lines such as '{EXAMPLE}'")
    cues: list[Cue] = []
    for key, value in root.value:
        where = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise ConfigError(f"{where}: a line is a time and a prompt, such as '{EXAMPLE}'")
        try:
            at_s = float(str(parse_time(str(key.value))))
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
        if cues and at_s <= cues[-1].at_s:
            raise ConfigError(f"{where}: {key.value} does not come after the line before")
        cues.append(Cue(at_s, value.value.strip()))
    return CueSheet(cues)
