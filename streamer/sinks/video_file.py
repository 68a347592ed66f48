"""A video file as a sink: encodes every frame at its exact time and carries the input's sound along."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from streamer.color_matrix import BT709, effective_matrix, is_known_matrix
from streamer.errors import ConfigError, SinkError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import ColorTags, SourceInfo, VideoTraits
from streamer.priorities import yielding_threads
from streamer.sinks.audio import AudioCopy, video_of
from streamer.sinks.encoders import Encoding, VideoEncoder, check_present, choose_encoder, hardware_device
from streamer.sinks.frame_conversion import FrameConverter
from streamer.sinks.part_file import PartFile

_DEFAULT_ENCODING = Encoding()
_DEFAULT_TIME_BASE = Fraction(1, 90000)
_HDR_TRANSFERS = (16, 18)  # PQ, HLG
_MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


class VideoFileSink:
    """Writes ``.mp4``, ``.mov``, ``.mkv`` or ``.webm``. The contract is ``Sink``.

    **Times.** For a source that is a video file every presentation time is kept to the tick, in the source's own time
    base. Matroska and WebM count in milliseconds: there times are rounded to the nearest one. A part of a file
    (``--start``) begins at 0, as does what comes from a camera.

    **Colour.** Frames are converted with the matrix and range that the source was tagged with, and all four tags are
    carried over, also where they are unspecified (see ``effective_matrix``). A grey video is written with full range,
    so that each of its 256 levels survives. Other sources get the tags of HD video.

    **Size.** H.264 in 4:2:0 needs even sizes, and its cropping cannot say an odd one: the last column or row is
    repeated, with a note. The pixel aspect is kept, but not by VP9 and FFV1 in Matroska and WebM, with a note; no
    rotation is written, since frames arrive upright.

    **Sound** is described at ``AudioCopy``. Other metadata, a phone's place of recording among it, is not copied.

    The file is written under a hidden name in the same folder and gets its own when it is whole.

    Args:
        path: The file to write; one that exists is replaced at the end.
        info: Of the source.
        encoding: Encoder and sound.
        has_alpha: Frames are RGBA and their alpha is to be kept; only ``.mov``, ``.mkv`` and ``.webm`` can.

    Raises:
        ConfigError: the container, the encoder and the settings do not fit, or the output is the input.
        SinkError: the file cannot be created, or the encoder not be started.
    """

    def __init__(
        self, path: Path, info: SourceInfo, encoding: Encoding = _DEFAULT_ENCODING, *, has_alpha: bool = False
    ) -> None:
        self.notes: list[str] = []
        self.partial: Path | None = None
        """Where the file lies instead of under its own name, if it does; see ``close_early``."""
        self._info = info
        self._encoding = encoding
        self._has_alpha = has_alpha
        self._encoder = choose_encoder(path, encoding, has_alpha=has_alpha)
        self._size = _encoded_size(info.size, self._encoder)
        _refuse_to_replace_input(path, info)
        check_present(self._encoder, info.size)
        self._time_base = info.video.time_base if info.video else _DEFAULT_TIME_BASE
        self._offset: int | None = None
        self._last: int | None = None
        self._length = 0
        self._lengths: dict[int, int] = {}
        """Of the pictures in the encoder, in ticks, by their time."""
        self._muxer: OutputContainer | None = None
        self._audio: AudioCopy | None = None
        self._closed = False
        self._part = PartFile(path)

    def write(self, frame: Frame) -> None:
        """Encode one frame. The first one decides between colour and grey. Raises ``SinkError``."""
        if self._closed:
            raise SinkError(f"{self._part.final}: already closed; no frame can be added.")
        try:
            if self._muxer is None:
                self._start(frame)
            self._encode(frame)
        except SinkError:
            self.abort()
            raise
        except (FFmpegError, OSError) as error:
            self.abort()
            raise self._failed(error) from error

    def close(self) -> None:
        """Write what the encoder still holds and the rest of the sound, and give the file its name."""
        if not self._closed:
            self._finish()
            self._part.commit()

    def close_early(self) -> None:
        """The same, but a file that lies there already is not replaced; ``partial`` is the name this one gets then."""
        if self._closed:
            return
        self._finish()
        name = self._part.commit_beside()
        if name != self._part.final:
            self.partial = name
            self.notes.append(f"the run ended early, so {self._part.final} stays as it was.")

    def _finish(self) -> None:
        if self._muxer is None:
            self.abort()
            raise SinkError(f"{self._part.final}: not written, for not one frame came.")
        try:
            self._muxer.mux(self._to_the_end(self._encoded(None)))
            self._finish_audio()
            self._muxer.close()
        except SinkError:
            self.abort()
            raise
        except (FFmpegError, OSError) as error:
            self.abort()
            raise self._failed(error) from error
        self._release()

    def abort(self) -> None:
        """Remove what was written so far; nothing appears under the final name."""
        if self._closed:
            return
        muxer = self._muxer
        self._release()
        if muxer is not None:
            with contextlib.suppress(FFmpegError, OSError):  # of a file that is removed in the next line
                muxer.close()
        self._part.discard()

    def _release(self) -> None:
        self._closed = True
        self._muxer = None
        if self._audio is not None:
            self._audio.close()

    def _start(self, frame: Frame) -> None:
        """Set up the streams, now that the first frame shows what kind of pictures come."""
        self._is_grey = frame.planes is None and frame.image.ndim == 2
        tick = self._tick(frame)
        traits = self._info.video
        self._offset = self._beginning(tick)
        self._muxer = self._opened_muxer()
        self._video = self._add_video(self._muxer)
        if traits is not None:
            self.notes += _losses(traits)
            if traits.pixel_aspect != 1 and not self._keeps_aspect():
                aspect = f"{traits.pixel_aspect.numerator}:{traits.pixel_aspect.denominator}"
                self.notes.append(
                    f"{self._info.name} has pixels of {aspect}, which {self._part.final.suffix} does not say with "
                    f"{self._encoder.name}: it looks squeezed."
                )
            if self._encoding.audio == "copy":
                offset_s = self._offset * self._time_base if self._offset or traits.is_part else None
                self._audio = AudioCopy(traits, self._muxer, offset_s)
                self.notes += self._audio.notes
        if self._size != self._info.size:
            self.notes.append(
                f"{self._info.size} is odd; {self._encoder.name} needs even sizes, so the edge is repeated "
                f"to {self._size}."
            )
        with yielding_threads():
            self._muxer.start_encoding()

    def _keeps_aspect(self) -> bool:
        """Whether a player will know how wide a pixel is: H.264 and HEVC say so themselves."""
        is_matroska = _MUXERS[self._part.final.suffix.lower()] in ("matroska", "webm")
        return not is_matroska or any(name in self._encoder.name for name in ("264", "265", "hevc"))

    def _beginning(self, first: int) -> int:
        """The tick that becomes 0 in the output: of a part of a file its first frame's, else that of the clock."""
        traits = self._info.video
        if traits is None or traits.is_part:
            return first
        return round(Fraction(traits.clock_start_s) / self._time_base)

    @property
    def _is_mp4(self) -> bool:
        return self._part.final.suffix.lower() in (".mp4", ".mov")

    def _opened_muxer(self) -> OutputContainer:
        suffix = self._part.final.suffix.lower()
        if self._is_mp4:
            options = {"movflags": "+faststart", "video_track_timescale": str(self._time_base.denominator)}
        else:
            # Else sound that begins before 0, as AAC does, would move the video.
            options = {"avoid_negative_ts": "disabled"}
        return av.open(str(self._part.path.absolute()), "w", format=_MUXERS[suffix], container_options=options)

    def _add_video(self, muxer: OutputContainer) -> VideoStream:
        device = hardware_device(self._encoder)
        extra: dict[str, Any] = {} if device is None else {"hwaccel": device}
        stream = cast(
            VideoStream,
            muxer.add_stream(self._encoder.name, rate=self._info.fps, options=self._encoder.options, **extra),
        )
        tags = self._tags()
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = self._encoder.pixel_format
        context.time_base = self._time_base
        context.sample_aspect_ratio = self._info.video.pixel_aspect if self._info.video else Fraction(1)
        context.color_range = ColorRange.JPEG if tags.full_range else ColorRange.MPEG
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        is_rgb = self._encoder.pixel_format.startswith("bgr")
        context.colorspace = 0 if is_rgb else tags.matrix
        matrix = effective_matrix(tags.matrix, self._info.size.height)
        self._converter = FrameConverter(self._size, self._encoder.pixel_format, matrix, full_range=tags.full_range)
        return stream

    def _tags(self) -> ColorTags:
        """The tags to write. Those of the source, except where the output could not be what they say."""
        height = self._info.size.height
        tags = self._info.video.color if self._info.video else ColorTags(BT709, BT709, effective_matrix(2, height))
        matrix = tags.matrix if tags.matrix == 2 or is_known_matrix(tags.matrix) else effective_matrix(2, height)
        # ProRes has no flag for it, and is always taken for limited.
        can_be_full = self._encoder.pixel_format in ("yuv420p", "nv12", "yuva420p")
        is_rgb = self._encoder.pixel_format.startswith("bgr")
        full_range = is_rgb or ((tags.full_range or self._is_grey) and can_be_full)
        return ColorTags(tags.primaries, tags.transfer, matrix, full_range)

    def _encode(self, frame: Frame) -> None:
        assert self._muxer is not None
        assert self._offset is not None
        tick = self._tick(frame)
        if self._last is not None and tick <= self._last:
            tick = self._last + 1
        self._last = tick
        planes, converter = frame.planes, self._converter
        if planes is not None and not self._is_grey and converter.takes(planes):
            picture = converter.copied(planes)
        else:
            picture = converter.convert(self._checked(frame.image))
        picture.time_base = self._time_base
        picture.pts = tick - self._offset
        self._length = self._lengths[picture.pts] = self._ticks_of(frame)
        if self._audio is not None:
            self._mux_sound(self._audio.up_to(tick * self._time_base))
        self._muxer.mux(self._encoded(picture))

    def _encoded(self, picture: VideoFrame | None) -> list[Packet[VideoStream]]:
        """What the encoder gives for it, each with the length of its own picture: encoders do not say that."""
        packets = self._video.encode(picture)
        for packet in packets:
            packet.duration = self._lengths.pop(packet.pts or 0, 0) or packet.duration
        return packets

    def _to_the_end(self, packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        """The last ones, so that an MP4 is as long as its pictures: it goes by the one that was encoded last."""
        assert self._last is not None
        assert self._offset is not None
        if packets and self._is_mp4:
            packets[-1].duration = self._last + self._length - self._offset - (packets[-1].pts or 0)
        return packets

    def _checked(self, image: Image) -> Image:
        """The image in the shape that this file is made of."""
        if image.shape[:2] != (self._info.size.height, self._info.size.width):
            got = Size(image.shape[1], image.shape[0])
            raise SinkError(f"{self._part.final}: a frame of {got} came into a video of {self._info.size}.")
        if (image.ndim == 2) != self._is_grey:
            raise SinkError(f"{self._part.final}: grey and coloured frames cannot be mixed in one video.")
        if self._is_grey:
            return np.dstack([image] * 3 + [np.full_like(image, 255)]) if self._has_alpha else image
        if image.shape[2] == 4 and not self._has_alpha:
            raise SinkError(f"{self._part.final}: frames with transparency came into a video without.")
        if image.shape[2] == 3 and self._has_alpha:
            return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
        return image

    def _finish_audio(self) -> None:
        assert self._muxer is not None
        assert self._last is not None
        if self._audio is not None:
            end = self._last + self._length
            self._mux_sound(self._audio.rest(self._last * self._time_base, end * self._time_base))
            self.notes += self._audio.losses()

    def _mux_sound(self, packets: Iterable[Packet[Stream]]) -> None:
        """Damaged sound does not cost the video: what the container refuses is left out."""
        assert self._muxer is not None
        assert self._audio is not None
        for packet in packets:
            try:
                self._muxer.mux(packet)
            except (ArgumentError, InvalidDataError):
                self._audio.note_unfit()

    def _tick(self, frame: Frame) -> int:
        return round(Fraction(frame.pts_s) / self._time_base)

    def _ticks_of(self, frame: Frame) -> int:
        """For how long it is shown: only of the last one nobody else says so."""
        duration_s = 1 / self._info.fps if frame.duration_s is None else Fraction(frame.duration_s)
        return max(1, round(duration_s / self._time_base))

    def _failed(self, error: FFmpegError | OSError) -> SinkError:
        if error.errno == errno.ENOSPC:
            return SinkError(f"{self._part.final}: the disk is full; nothing was kept.")
        return SinkError(f"{self._part.final}: writing failed ({self._encoder.name}): {error.strerror}.")


def _encoded_size(size: Size, encoder: VideoEncoder) -> Size:
    if not encoder.needs_even_size:
        return size
    return Size(size.width + size.width % 2, size.height + size.height % 2)


def _losses(traits: VideoTraits) -> list[str]:
    """What of the input's picture eight bits and a plain RGB background cannot carry."""
    notes = []
    try:
        with av.open(str(traits.path.absolute()), "r", metadata_errors="replace") as container:
            picture_format = video_of(container).codec_context.format
    except FFmpegError as error:
        raise SinkError(f"{traits.path}: cannot be read again: {error.strerror}.") from error
    bits = max((component.bits for component in picture_format.components), default=8) if picture_format else 8
    if bits > 8:
        notes.append(f"{traits.path.name} has {bits} bits a sample; the output has what 8 bits hold.")
    if traits.is_interlaced:
        notes.append(f"{traits.path.name} is interlaced; the output is not: it shows both fields of a picture at once.")
    if traits.color.transfer in _HDR_TRANSFERS:
        notes.append(f"{traits.path.name} is HDR; the new background is laid in without tone mapping.")
    return notes


def _refuse_to_replace_input(path: Path, info: SourceInfo) -> None:
    if info.video is not None and path.exists() and info.video.path.exists() and path.samefile(info.video.path):
        raise ConfigError(f"{path}: input and output are the same file; give the output another name.")
