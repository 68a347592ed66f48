"""The videos that the bench runs on: the demo at another size, and a short clip repeated to any length."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from streamer.errors import SourceError
from streamer.frames import Frame, Size
from streamer.sources.demo import DemoSource

CRF = "14"
"""Quality of the clip: about that of a phone's or camera's file."""


def write_demo_clip(path: Path, size: Size, frame_count: int) -> None:
    """Write the demo, scaled to ``size`` and played again and again, as H.264 in MP4, 30 frames a second."""
    source = DemoSource(is_endless=True)
    with av.open(str(path), "w") as container:
        options = {"crf": CRF, "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=source.info.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for frame in source:
            if frame.index >= frame_count:
                break
            image = cv2.resize(frame.image, size, interpolation=cv2.INTER_CUBIC)
            picture = av.VideoFrame.from_ndarray(image, "rgb24")
            picture.pts, picture.time_base = frame.index, 1 / Fraction(source.info.fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def demo_frames(size: Size, count: int) -> list[Frame]:
    """The first frames of the demo, scaled to ``size``."""
    frames = islice(DemoSource(is_endless=True), count)
    return [frame.with_image(cv2.resize(frame.image, size, interpolation=cv2.INTER_CUBIC)) for frame in frames]


def write_picture(path: Path) -> None:
    """Write a picture with some detail and soft colours, 1920x1080, as a background: PNG."""
    noise = np.random.default_rng(3).integers(0, 256, (36, 64, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(cv2.resize(noise, (1920, 1080), interpolation=cv2.INTER_CUBIC), (0, 0), 3))


def repeat_clip(clip: Path, path: Path, seconds: float) -> int:
    """Write the clip's video again and again until it lasts ``seconds``, without encoding anything anew.

    Returns:
        How many frames the new video has: whole repetitions, so it may last a little longer.
    """
    with av.open(str(clip)) as reader, av.open(str(path), "w") as writer:
        original = _video_stream(reader, clip)
        copy = writer.add_stream_from_template(original)
        packets = _packets(reader, original)
        tick = original.time_base or Fraction(1, 1000)
        times = [(packet.pts or 0, packet.dts or 0, packet.duration or 1) for packet in packets]
        length = max(pts + duration for pts, _, duration in times) - min(pts for pts, _, _ in times)
        repetitions = max(1, math.ceil(Fraction(seconds).limit_denominator(10**6) / (length * tick)))
        for repetition in range(repetitions):
            for packet, (pts, dts, _) in zip(packets, times, strict=True):
                packet.stream, packet.time_base = copy, tick  # muxing rescales a packet in place
                packet.pts, packet.dts = pts + repetition * length, dts + repetition * length
                writer.mux(packet)
    return repetitions * len(packets)


def cut_clip(video: Path, path: Path, frame_limit: int) -> tuple[Size, int]:
    """Copy the first frames of a video, without its sound and without encoding anything anew.

    Returns:
        Size in pixels, and how many frames were copied.

    Raises:
        SourceError: it is not a video that can be read, or cannot be copied.
    """
    try:
        with av.open(str(video)) as reader, av.open(str(path), "w") as writer:
            original = _video_stream(reader, video)
            copy = writer.add_stream_from_template(original)
            packets = _packets(reader, original)[:frame_limit]
            for packet in packets:
                packet.stream = copy
                writer.mux(packet)
            return Size(original.width, original.height), len(packets)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{video} cannot be used for the bench: {reason}") from error


def _packets(reader: InputContainer, stream: VideoStream) -> list[Packet[VideoStream]]:
    """All of the stream that hold something."""
    return [packet for packet in reader.demux(stream) if packet.size and packet.pts is not None]


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise SourceError(f"'{path}' has no video stream")
    return container.streams.video[0]
