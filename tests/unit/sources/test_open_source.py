from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from streamer.errors import ConfigError, SourceError
from streamer.sources import open_source


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_any_other_file_is_a_video(clip: Path) -> None:
    source = open_source(str(clip))
    assert source.info.video is not None
    assert not source.info.is_live
    assert len(list(source)) == 5
    source.close()


def test_a_paced_file_is_live(clip: Path) -> None:
    source = open_source(str(clip), paced=True)
    assert source.info.is_live
    source.close()


def test_a_paced_demo_and_a_paced_still_do_not_end_by_themselves(tmp_path: Path) -> None:
    import cv2

    still = tmp_path / "still.png"
    cv2.imwrite(str(still), np.zeros((4, 4, 3), np.uint8))
    for spec in ("demo", str(still)):
        source = open_source(spec, paced=True)
        assert source.info.is_live
        assert source.info.frame_count is None
        source.close()


@pytest.mark.parametrize("spec", ["clip.mp4", "camera", "/dev/webcam", "demo.mp4", "0.mp4", "-1", "folder/", "a.png"])
def test_a_typing_error_is_told_as_what_does_not_exist(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        open_source(spec)


def test_a_file_whose_name_looks_like_a_pattern_is_taken_as_it_is(tmp_path: Path, clip: Path) -> None:
    odd = tmp_path / "100%d.mp4"
    clip.rename(odd)
    source = open_source(str(odd))
    assert source.info.video is not None
    source.close()


@pytest.mark.parametrize(
    ("start_s", "end_s", "told"),
    [
        (-1.0, None, "0 or more"),
        (float("nan"), None, "0 or more"),
        (2.0, 2.0, "after start"),
        (0.0, 0.0, "after start"),
    ],
)
def test_a_senseless_part_is_refused(start_s: float, end_s: float | None, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        open_source("demo", start_s=start_s, end_s=end_s)


def test_a_still_has_no_parts(tmp_path: Path) -> None:
    import cv2

    still = tmp_path / "still.png"
    cv2.imwrite(str(still), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ConfigError, match="is a picture"):
        open_source(str(still), start_s=1.0)


def test_no_input_is_a_setting_that_is_wrong() -> None:
    with pytest.raises(ConfigError, match="no input"):
        open_source("")
