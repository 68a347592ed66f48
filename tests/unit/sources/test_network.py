from __future__ import annotations

import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import WAIT_S

from streamer.errors import ConfigError, SourceError
from streamer.sources import open_source
from streamer.sources.network import NetworkSource, without_password

FRAME_COUNT = 6


def make_clip(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAME_COUNT):
            image = np.full((48, 64, 3), (200, 40 * index, 30), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "text.mp4").write_text("no video at all")
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_file_behind_a_url_plays_at_its_own_speed_and_ends(server: str) -> None:
    slept: list[float] = []
    source = NetworkSource(f"{server}/clip.mp4", sleep=slept.append, clock=lambda: 7.0)
    assert source.info.is_live
    assert source.info.size == (64, 48)
    assert source.info.fps == 50
    frames = list(source)
    source.close()
    assert frames[-1].index == FRAME_COUNT - 1
    assert abs(int(frames[-1].image[20, 20, 0]) - 200) < 20
    assert slept == pytest.approx([index / 50 for index in range(FRAME_COUNT)], abs=1e-6), "until each one's time"


def test_closing_wakes_the_reader_of_a_file_whose_next_picture_is_not_due_for_long(server: str, tmp_path: Path) -> None:
    with av.open(tmp_path / "slides.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for second in (0, 1000, 1001):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = second, Fraction(1)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = NetworkSource(f"{server}/slides.mp4")
    assert next(iter(source)).index == 0
    (reader,) = [thread for thread in threading.enumerate() if thread.name.endswith("slides.mp4 reader")]
    source.close()
    reader.join(WAIT_S)
    assert not reader.is_alive()


def test_what_is_not_there_is_one_line_with_the_address(server: str) -> None:
    with pytest.raises(SourceError, match=r"http://127.0.0.1:\d+/none.mp4 cannot be read: .*404"):
        open_source(f"{server}/none.mp4")


def test_what_holds_no_video_is_told(server: str) -> None:
    with pytest.raises(SourceError, match=r"text\.mp4 cannot be read"):
        open_source(f"{server}/text.mp4")


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceError, match="does not answer"):
            NetworkSource(f"http://127.0.0.1:{port}/stream", timeout_s=0.2)


def test_passwords_are_never_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]  # closed when the block ends: nobody answers
    with pytest.raises(SourceError) as caught:
        NetworkSource(f"rtsp://user:secret@127.0.0.1:{port}/live", timeout_s=2.0)
    assert "secret" not in str(caught.value)
    assert f"rtsp://127.0.0.1:{port}/live" in str(caught.value)
    assert without_password("rtsp://a:b@c@host:554/x?y=1") == "rtsp://host:554/x?y=1"
    assert without_password("rtsp://me:se/cr#et@host/live") == "rtsp://host/live"
    assert (
        without_password("http://host/cgi?user=me&loginpas=secret&size=2")
        == "http://host/cgi?user=...&loginpas=...&size=2"
    )


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        (
            "554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "554/user=..._password=..._channel=1_stream=0.sdp?real_stream",
        ),
        ("554/user=admin&password=a/b_c&channel=1", "554/user=...&password=...&channel=1"),
        ("554/user=admin_password=a_b?c_channel=1", "554/user=..._password=..._channel=1"),
        ("554/live;user=admin;password=secret", "554/live;user=...;password=..."),
        ("554/live;user=admin;password=secret/1?tcp", "554/live;user=...;password=.../1?tcp"),
        ("80/v.cgi?u=admin&p=secret&size=2", "80/v.cgi?u=...&p=...&size=2"),
        ("80/v.cgi?api_key=a_b/c;d&size=2", "80/v.cgi?api_key=...&size=2"),
        ("80/v.cgi?size=2;pwd=secret", "80/v.cgi?size=2;pwd=..."),
        ("554/cam/realmonitor?channel=1&subtype=0", "554/cam/realmonitor?channel=1&subtype=0"),
        ("554/up=1/h264_stream=0?keyframes", "554/up=1/h264_stream=0?keyframes"),
    ],
)
def test_passwords_in_a_path_or_behind_short_names_are_never_shown(rest: str, shown: str) -> None:
    assert without_password(f"rtsp://10.0.0.5:{rest}") == f"rtsp://10.0.0.5:{shown}"


def test_an_unknown_scheme_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="rtsp, rtsps, rtmp, http, https, not ftp"):
        open_source("ftp://example.org/clip.mp4")
