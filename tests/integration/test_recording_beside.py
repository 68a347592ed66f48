"""Which outputs are written beside the others, on a thread of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from media import constant
from networks import red_means_person

from streamer import build
from streamer.config import StreamConfig
from streamer.sinks.beside import Beside
from streamer.sinks.null import NullSink


@pytest.mark.parametrize(
    ("outputs", "beside"),
    [
        (("preview", "rec.mp4"), [False, True]),
        (("rec.mp4", "preview"), [True, False]),
        (("null", "preview"), [False, False]),
        (("rec.mp4",), [False]),
        (("rec.mp4", "rec.mkv"), [False, False]),
    ],
    ids=["preview and file", "file and preview", "no file", "a file alone", "files alone"],
)
def test_a_recording_is_written_beside_what_somebody_watches(
    outputs: tuple[str, ...], beside: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FarEnoughError(Exception):
        pass

    def look(source: object, compose: object, sinks: list[object], *arguments: object, **options: object) -> None:
        assert [isinstance(sink, Beside) for sink in sinks] == beside
        raise FarEnoughError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "Pipeline", look)
    monkeypatch.setattr(build, "_open_sink", lambda *arguments: NullSink())
    clip = constant(tmp_path / "clip.mp4", count=2)
    weights = red_means_person(tmp_path / "red.safetensors")
    config = StreamConfig(input=str(clip), output=outputs, weights=weights, device="cpu")
    with pytest.raises(FarEnoughError), build.opened(config, on_written=lambda frame: None):
        pass
