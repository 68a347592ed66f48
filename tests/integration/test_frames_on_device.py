"""A video through the whole engine, with frames that stay on a device (here the CPU): the same film comes out."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from device_frames import frame_of
from media import Clip
from networks import red_means_person

from streamer import networks
from streamer.build import opened
from streamer.config import StreamConfig
from streamer.device_path import open_device_path
from streamer.frames import Image, Size

SIZE = Size(160, 96)
COUNT = 6

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def run(folder: Path, background: str, name: str) -> tuple[list[Image], dict[str, int]]:
    out = folder / name
    config = StreamConfig(
        input=str(folder / "clip.mp4"), output=(str(out),), background=(background,), device="cpu", runtime="torch",
        weights=folder / "red.safetensors", crf=8,
    )  # fmt: skip
    with opened(config, on_written=lambda frame: None) as stream:
        stream.pipeline.run()
        counters = stream.pipeline.snapshot().counters
    with av.open(str(out)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], dict(counters)


@pytest.mark.parametrize("background", ["color:#204060", "blur"])
def test_a_film_is_the_same_with_frames_that_stay_on_the_device(
    background: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red_means_person(tmp_path / "red.safetensors")
    Clip(size=SIZE, count=COUNT).write(tmp_path / "clip.mp4", lambda number: frame_of(number, SIZE).image)
    plain, _ = run(tmp_path, background, "plain.mp4")
    paths = []

    def always(config: object, segmenter: object, info: object) -> object:
        paths.append(open_device_path(segmenter))  # type: ignore[arg-type]
        return paths[-1]

    monkeypatch.setattr(networks, "open_frame_path", always)
    held, counters = run(tmp_path, background, "held.mp4")
    assert len(held) == len(plain) == COUNT
    assert [path._failure for path in paths] == [""]
    assert (paths[0]._composing is not None) == (background != "blur")
    assert not counters.get("failed_frames")
    assert not counters.get("implausible_frames")
    for have, want in zip(held, plain, strict=True):
        assert np.abs(have.astype(int) - want).mean() < 1.5
