"""Small videos made on the spot. Every frame carries its own number as black and white squares (``read_number``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
BITS = 8
CELL = 12  # a square's side in pixels: large enough to survive compression
SIZE = (160, 96)


@dataclass(frozen=True)
class Sound:
    """One sound track: a tone."""

    codec: str = "aac"
    rate: int = 44100
    hz: float = 440.0
    seconds: float | None = None  # None = as long as the video
    language: str | None = None


@dataclass(frozen=True)
class Clip:
    """What a test video is made of; ``write`` makes it."""

    size: tuple[int, int] = SIZE
    count: int = 20
    fps: Fraction = Fraction(25)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "crf": "12"})
    ticks: Sequence[int] | None = None  # presentation times in units of time_base; None = constant rate
    time_base: Fraction | None = None
    pixel_aspect: Fraction = Fraction(1)
    tags: dict[str, int] = field(default_factory=dict)  # color_range, colorspace, color_primaries, color_trc
    sounds: Sequence[Sound] = ()
    container_options: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path, picture: Callable[[int], Picture] | None = None) -> Path:
        """Encode it; ``picture(number)`` gives RGB ``(h, w, 3)``, by default ``numbered``."""
        with av.open(str(path), "w", container_options=self.container_options) as container:
            video = self._video(container)
            sounds = [_sound_stream(container, sound) for sound in self.sounds]
            time_base = self.time_base or 1 / self.fps
            packets: list[Any] = []
            for number in range(self.count):
                image = numbered(number, self.size) if picture is None else picture(number)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                frame.pts = number if self.ticks is None else self.ticks[number]
                frame.time_base = time_base
                packets += video.encode(frame)
            packets += video.encode(None)
            length_s = float(self.count / self.fps)
            for stream, sound in zip(sounds, self.sounds, strict=True):
                packets += _tone(stream, sound, length_s)
            packets.sort(key=lambda packet: (packet.dts or 0) * packet.time_base)
            for packet in packets:
                container.mux(packet)
        return path

    def _video(self, container: Any) -> Any:
        stream = container.add_stream(self.codec, rate=self.fps, options=dict(self.options))
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pixel_format
        stream.codec_context.time_base = self.time_base or 1 / self.fps
        stream.codec_context.sample_aspect_ratio = self.pixel_aspect
        for name, value in self.tags.items():
            setattr(stream.codec_context, name, value)
        return stream


def numbered(number: int, size: tuple[int, int] = SIZE) -> Picture:
    """A colourful gradient that moves, with the number in binary along the top."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    image = np.stack([(x * 2 + number * 3) % 200, (y * 2) % 200, (x + y + number) % 200], axis=-1) + 20
    for bit in range(min(BITS, width // CELL)):
        image[:CELL, bit * CELL : (bit + 1) * CELL] = 255 if number >> bit & 1 else 0
    return image.astype(np.uint8)


def read_number(image: Picture) -> int:
    """The number that ``numbered`` drew."""
    middle = CELL // 2
    bits = [int(image[middle, bit * CELL + middle].mean() > 127) for bit in range(min(BITS, image.shape[1] // CELL))]
    return sum(value << bit for bit, value in enumerate(bits))


def constant(path: Path, **changes: Any) -> Path:
    """Constant rate, H.264 with B-frames, no sound."""
    return Clip(**changes).write(path)


def variable_rate(path: Path) -> Path:
    """Uneven gaps between frames, the first one not at 0."""
    gaps = np.random.default_rng(5).integers(200, 4000, 30)
    ticks = [int(tick) for tick in 700 + np.cumsum(gaps)]
    return Clip(count=30, ticks=ticks, time_base=Fraction(1, 30000)).write(path)


def b_frames(path: Path) -> Path:
    """Frames stored in another order than shown."""
    return Clip(count=40, options={"preset": "medium", "crf": "12", "x264-params": "b-adapt=0:bframes=3"}).write(path)


def odd_size(path: Path) -> Path:
    """641x359, which 4:2:0 H.264 cannot hold and MPEG-4 can."""
    return Clip(size=(641, 359), count=6, codec="mpeg4", options={"b": "8000000"}).write(path)


def ten_bit(path: Path) -> Path:
    """Ten bits a sample (FFV1 in Matroska)."""
    return Clip(codec="ffv1", pixel_format="yuv420p10le", options={}).write(path)


def one_frame(path: Path) -> Path:
    """A single frame."""
    return constant(path, count=1)


def with_sound(path: Path, **changes: Any) -> Path:
    """One AAC track."""
    return Clip(count=50, sounds=(Sound(),), **changes).write(path)


def two_sounds(path: Path) -> Path:
    """Two tracks of different codec, rate and language."""
    sounds = (Sound(language="eng"), Sound("ac3", 48000, 880.0, language="deu"))
    return Clip(count=50, sounds=sounds).write(path)


def only_sound(path: Path) -> Path:
    """A sound file without video."""
    with av.open(str(path), "w") as container:
        stream = _sound_stream(container, Sound())
        for packet in _tone(stream, Sound(), 1.0):
            container.mux(packet)
    return path


def rotated(
    path: Path,
    clockwise: int,
    picture: Callable[[int], Picture] | None = None,
    *,
    mirrored: bool = False,
    **changes: Any,
) -> Path:
    """An MP4 whose header asks players to turn it by 90, 180 or 270 degrees clockwise, as phones write it.

    ``mirrored``: left and right are to be exchanged first.
    """
    Clip(**{"count": 4, **changes}).write(path, picture)
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise]
    data = bytearray(path.read_bytes())
    # ISO 14496-12: the matrix lies 40 bytes into the body of a version 0 track header.
    at = data.index(b"tkhd") + 4 + 40
    sign = -1 if mirrored else 1
    matrix = [sign * (cos << 16), sign * (sin << 16), 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
    return path


def damaged(path: Path, source: Path, at: float = 0.5, length: int = 4000) -> Path:
    """A copy with random bytes from ``at`` (a share of the file) on."""
    data = bytearray(source.read_bytes())
    begin = int(len(data) * at)
    data[begin : begin + length] = np.random.default_rng(3).bytes(length)
    path.write_bytes(data)
    return path


def truncated(path: Path, source: Path, share: float = 0.6) -> Path:
    """A copy that ends early."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def frame_times(path: Path) -> list[Fraction]:
    """Every presentation time, as the decoder gives them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


def sound_packets(path: Path, track: int = 0) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of every packet of a sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


def _sound_stream(container: Any, sound: Sound) -> Any:
    stream = container.add_stream(sound.codec, rate=sound.rate)
    stream.codec_context.layout = "stereo"
    if sound.language:
        stream.metadata["language"] = sound.language
    return stream


def _tone(stream: Any, sound: Sound, length_s: float) -> list[Any]:
    seconds = length_s if sound.seconds is None else sound.seconds
    samples = np.sin(np.arange(int(seconds * sound.rate)) * (2 * np.pi * sound.hz / sound.rate)).astype(np.float32) / 4
    packets = []
    for begin in range(0, len(samples), 1024):
        piece = samples[begin : begin + 1024]
        frame = av.AudioFrame.from_ndarray(np.stack([piece, piece]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, begin, Fraction(1, sound.rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
