"""Where frames come from. ``open_source`` finds the right source for what the user wrote."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from streamer.errors import ConfigError, SourceError
from streamer.interfaces import FrameSource
from streamer.picture_names import is_pattern, is_picture
from streamer.sources.camera import CameraRequest
from streamer.video_clock import check_range

__all__ = ["CameraRequest", "open_source"]

DEVICE = re.compile(r"/dev/video\d+")
SLOWEST_FPS = Fraction(1, 1000)
"""Of a sequence of pictures."""
URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def open_source(
    spec: str,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    camera: CameraRequest = CameraRequest(),  # noqa: B008 - frozen
    paced: bool = False,
) -> FrameSource:
    """Open what the user named.

    Args:
        spec: ``demo``; a camera, as index (``0``) or device (``/dev/video0``); an rtsp, rtmp or http(s) URL; a still
            picture; a folder of pictures or a pattern for them (``dir/%06d.png``); any other file is a video.
        start_s: first presentation time to give; only of what has a beginning and an end.
        end_s: presentation time at which to stop; None = at the end.
        camera: what to ask a camera for; its ``fps`` is also the rate of a picture sequence (25 if not given).
        paced: give frames at their own speed as a camera would, live. A still and the demo are then shown until closed.

    Raises:
        ConfigError: ``start_s`` and ``end_s`` make no sense here, or a pattern or a URL is of an unknown kind.
        SourceError: it does not exist, or cannot be opened or read.
    """
    if not spec:
        raise ConfigError("no input is given; name a file, a camera (0), a URL, or demo")
    check_range(start_s, end_s)
    live = _open_live(spec, camera)
    if live is not None:
        if start_s > 0 or end_s is not None:
            live.close()
            raise ConfigError(f"start and end choose a part of a file, but {live.info.name} is live")
        return live
    source = _open_recorded(spec, start_s, end_s, camera, paced)
    if not paced:
        return source
    from streamer.sources.paced import PacedSource

    return PacedSource(source)


def _open_live(spec: str, camera: CameraRequest) -> FrameSource | None:
    """A camera or stream that is opened again whenever it fails; None if the spec names neither."""
    from streamer.sources.kept_camera import KeptCamera

    is_index = spec.isascii() and spec.isdigit()
    if is_index or DEVICE.fullmatch(spec):
        from streamer.sources.camera import CameraSource
        from streamer.sources.camera_place import CameraPlace

        place = CameraPlace(int(spec) if is_index else spec)
        return KeptCamera(lambda: CameraSource(place.find(), camera))
    scheme = URL.match(spec)
    if scheme:
        from streamer.sources.network import SCHEMES, NetworkSource

        if scheme[1].lower() not in SCHEMES:
            raise ConfigError(f"URLs may begin with {', '.join(SCHEMES)}, not {scheme[1]}; a file is named without one")
        return KeptCamera(lambda: NetworkSource(spec))
    return None


def _open_recorded(spec: str, start_s: float, end_s: float | None, camera: CameraRequest, paced: bool) -> FrameSource:
    path = Path(spec)
    if spec == "demo":
        from streamer.sources.demo import DemoSource

        return DemoSource(start_s=start_s, end_s=end_s, is_endless=paced and end_s is None)
    from streamer.sources.pictures import SequenceSource, StillSource, find_pictures

    if path.is_dir() or (is_pattern(spec) and not path.exists()):
        fps = max(SLOWEST_FPS, Fraction(camera.fps).limit_denominator(1001)) if camera.fps else Fraction(25)
        return SequenceSource(find_pictures(spec), name=spec, fps=fps, start_s=start_s, end_s=end_s)
    if not path.exists():
        raise SourceError(f"{spec} does not exist")
    if is_picture(path):
        if start_s > 0 or end_s is not None:
            raise ConfigError(f"start and end choose a part of a video, but {spec} is a picture")
        return StillSource(path, is_endless=paced)
    from streamer.sources.video_file import VideoFileSource

    return VideoFileSource(path, start_s=start_s, end_s=end_s)
