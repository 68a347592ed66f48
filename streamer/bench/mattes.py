"""``streamer bench mattes``: the program's mattes beside MediaPipe's, on pictures whose true mattes are known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from models.datasets import DatasetError, Picture
from models.scoreboard import compete, validation_sets
from models.training_config import read_config
from streamer.bench import report
from streamer.bench.inputs import program_settings
from streamer.bench.outcome import Outcome
from streamer.bench.settings import Mattes
from streamer.config import StreamConfig
from streamer.errors import ConfigError
from streamer.frames import Alpha
from streamer.networks import open_matte
from streamer.peer_python import find_peer

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.segmentation.predictor import NetworkSegmenter


def measure_mattes(settings: Mattes, console: Console) -> Outcome:
    """Score every set; a line for each entrant as it comes. ``ConfigError``: there is nothing to score with."""
    peer = None if settings.no_peer else find_peer(settings.peer_python)
    if peer is None and not settings.no_peer:
        report.show_missing_peer(console)
    say = partial(console.print, markup=False, soft_wrap=True)
    try:
        sets = validation_sets(read_config(settings.config), settings.config, settings.data)
        segmenter = open_matte(StreamConfig.model_validate({**program_settings(settings), "model": settings.model}))
        try:
            board = compete(partial(_scene, segmenter), settings.model, sets, peer=peer, on_line=say)
        finally:
            segmenter.close()
    except DatasetError as error:
        raise ConfigError(str(error)) from error
    return Outcome({"mattes": board})


def _scene(segmenter: NetworkSegmenter, pictures: Sequence[Picture]) -> list[Alpha]:
    """Its mattes of one scene, that nothing came before."""
    segmenter.reset()
    return [segmenter.segment(picture) for picture in pictures]
