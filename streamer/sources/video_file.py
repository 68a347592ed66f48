"""A video file as a source: every frame once, in presentation order, upright, with its exact time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from streamer.color_matrix import effective_matrix
from streamer.errors import SourceError
from streamer.frames import Frame, Image, Planes, Size
from streamer.interfaces import ColorTags, SourceInfo, VideoTraits
from streamer.orientation import Orientation, orientation_of
from streamer.priorities import yielding_threads
from streamer.sources.matroska import is_sound
from streamer.sources.video_opening import beginning, check_file, clock_start, open_container, video_stream
from streamer.video_clock import BROADCAST_FORMATS, ClockSteadier, check_range

_READ_ERRORS_IN_A_ROW = 20
_SEEK_MARGINS_S = (1, 10, 60)
"""How long before the start to begin: a key frame may be shown later than frames that follow it in the file."""
_CLOSE_WAIT_S = 2.0
STILL, LONG_S = 2, Fraction(1, 10)
"""So many frames, at the file's mean rate, without a new one after the start make the one before it worth showing; at
most so many seconds, for the rate of a recording that hardly changes says little."""


class VideoFileSource:
    """Reads one video file with PyAV. The contract is ``FrameSource``.

    Frames are uint8 RGB ``(h, w, 3)``, turned upright, converted with the matrix and range that the file is tagged
    with (untagged: BT.709 from 720 lines on, else BT.601; limited range). Video of more than 8 bits is read as 8.
    A frame of another size than the first one is scaled to it. The conversion is swscale's fast one: within 3 of 255
    of the exact colour, about 1 too dark on the average (the exact one costs ten times as much). Frames that were
    decoded as 8-bit YUV 4:2:0 and need no turning carry those planes, and are converted when somebody asks for RGB.

    Times are the container's own ticks. Where one is missing, repeated or goes backwards, the frame gets the next
    tick, so that times always grow. Where the clock of a broadcast recording begins anew, as in two that were put
    together, it goes on. A part that begins where nothing has changed for a while begins with what is on the screen.

    A damaged file yields what can be decoded. ``bad_frames`` counts the packets that are incomplete (in a broadcast
    recording: what such a place has cost) or that the decoder refuses and the frames that it flags as concealed, all of
    which are left out; for a file whose end is missing the frames that its index promises (at least one); and for a
    Matroska file with damage in its structure as many as its usual rate has in the gaps. Frames that merely refer to a
    lost one are delivered: the decoder does not tell them apart, and dropping everything up to the next codec key frame
    would lose seconds for one bad byte. FFmpeg's H.264 decoder sets its flag from several threads and now and then too
    late; such a frame is delivered as good.

    Args:
        path: The file.
        start_s: Frames shown before this many seconds from the file's beginning are left out.
        end_s: Reading stops at this many seconds from the file's beginning; None = at the end.

    Raises:
        ConfigError: start or end make no sense.
        SourceError: the file cannot be opened or holds no picture that can be decoded.
    """

    def __init__(self, path: Path, *, start_s: float = 0.0, end_s: float | None = None) -> None:
        check_range(start_s, end_s)
        self._path = path
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._bad = 0
        self._packets_read = 0
        self._packets_decodable = 0
        self._frames_decoded = 0
        self._frames_skipped = 0
        self._cut_short = check_file(path)
        self._container = open_container(path)
        try:
            self._stream = video_stream(self._container, path)
            self._stream.thread_type = "AUTO"
            self._time_base = self._stream.time_base or Fraction(1, 90000)
            self._fps = self._stream.average_rate or self._stream.guessed_rate or Fraction(30)
            self._begins, self._clock_start = beginning(self._container), clock_start(self._container)
            is_cut = start_s > 0 or self._clock_start > 0
            self._start = self._tick_from(self._begins + Fraction(start_s)) if is_cut else None
            self._end = None if end_s is None else self._tick_from(self._begins + Fraction(end_s))
            self._steadier = self._new_clock()
            self._reformatter, self._reformatting = VideoReformatter(), threading.Lock()
            self._pictures = self._decode(seek=start_s > 0)
            with yielding_threads():
                self._first = next(self._pictures, None)
            if self._first is None:
                raise SourceError(self._nothing_to_show(start_s))
            self._orientation = orientation_of(self._first[1])
            self._coded_size = Size(self._first[1].width, self._first[1].height)
            self.info = self._describe(self._first[1])
        except BaseException:
            self._container.close()
            raise

    @property
    def bad_frames(self) -> int:
        """Frames lost to damage so far; complete once the iteration has ended."""
        return self._bad

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while (decoded := self._next_picture()) is not None:
            ticks, picture = decoded
            planes, image = self._planes(picture), partial(self._image, picture)
            time_s = float(ticks * self._time_base)
            drawing, duration_s = image() if planes is None else image, self._duration_s(ticks, picture)
            yield Frame(drawing, index, time_s, time.monotonic(), planes=planes, duration_s=duration_s)
            index += 1

    def close(self) -> None:
        """Release the file; a running iteration ends with the frame at hand. From any thread, more than once."""
        self._closed.set()
        # A read that hangs (a lost network drive) must not hang the exit: its own thread releases the file then.
        if self._lock.acquire(timeout=_CLOSE_WAIT_S):
            try:
                self._release()
            finally:
                self._lock.release()

    def _next_picture(self) -> tuple[int, VideoFrame] | None:
        with self._lock:
            if self._closed.is_set():
                self._release()
                return None
            if self._first is not None:
                first, self._first = self._first, None
                return first
            return next(self._pictures, None)

    def _release(self) -> None:
        self._pictures.close()
        self._first = None
        self._container.close()

    def _ticks(self, time_s: Fraction) -> int:
        return round(time_s / self._time_base)

    def _tick_from(self, time_s: Fraction) -> int:
        """The first tick that is not before that time, which is taken for as exact as a microsecond."""
        return math.ceil((time_s - Fraction(1, av.time_base)) / self._time_base)

    def _decode(self, *, seek: bool) -> Generator[tuple[int, VideoFrame], None, None]:
        """Good pictures within start and end, with strictly growing ticks."""
        last: int | None = None
        before: VideoFrame | None = None
        for picture in self._decoded_around_start() if seek else self._decoded():
            ticks = self._tick_of(picture, last)
            if self._start is not None and ticks < self._start:
                before = None if picture.is_corrupt else picture
                continue
            is_past = self._end is not None and ticks >= self._end
            if self._start is not None and before is not None and (is_past or self._is_long(ticks - self._start)):
                yield self._start, before  # what has been on the screen for a while stays there
            before = None
            if is_past:
                return
            if picture.is_corrupt:
                self._bad += 1
                continue
            self._frames_skipped += 0 if last is None else self._frames_between(last, ticks)
            last = ticks
            yield ticks, picture
        if self._start is not None and before is not None and self._length(before) > self._start - (before.pts or 0):
            yield self._start, before  # the last one stands longer than others
        self._count_missing(last)

    def _is_long(self, ticks: int) -> bool:
        """Whether what is on the screen for so long is missed if it is left out."""
        return ticks > self._ticks(min(STILL / self._fps, LONG_S))

    def _length(self, picture: VideoFrame) -> int:
        """For how many ticks the file says that a picture is shown; 0 = it does not say."""
        return int(picture.duration or 0)

    def _duration_s(self, ticks: int, picture: VideoFrame) -> float | None:
        """For how long a picture is shown that is delivered with that time; None = the file does not say."""
        length = self._length(picture)
        if length <= 0:
            return None
        if self._steadier is None and picture.pts is not None:
            length -= max(0, ticks - picture.pts)  # it was there before the start
        if self._end is not None:
            length = min(length, self._end - ticks)
        return float(max(1, length) * self._time_base)

    def _decoded_around_start(self) -> Iterator[VideoFrame]:
        """Pictures from one on that is shown no later than the start.

        Files without an index, as broadcast recordings are, may be entered behind the key frame that is needed.
        """
        assert self._start is not None
        for margin_s in _SEEK_MARGINS_S:
            try:
                self._container.seek(self._start - self._ticks(Fraction(margin_s)), stream=self._stream)
            except FFmpegError:
                break
            pictures = self._decoded()
            first = next(pictures, None)
            if first is not None and self._tick_of(first, None) <= self._start:
                yield first
                yield from pictures
                return
            self._bad = self._packets_read = self._packets_decodable = self._frames_decoded = 0
            self._steadier = self._new_clock()
        self._container.seek(0)
        yield from self._decoded()

    def _new_clock(self) -> ClockSteadier | None:
        return ClockSteadier() if self._container.format.name in BROADCAST_FORMATS else None

    def _decoded(self) -> Iterator[VideoFrame]:
        """Pictures in the order of their times, those among them that the decoder flags as corrupt.

        In a broadcast recording the packet that is marked is whole: it lies up to two before a hole, or before the
        place where two recordings were put together. A hole may have cost all of a picture, which leaves a gap.
        """
        marks_what_is_before = self._container.format.name == "mpegts"
        near_hole = 0
        last: int | None = None
        for packet in self._packets():
            if packet is not None and packet.size:
                self._packets_read += 1
                self._packets_decodable += not packet.is_discard
                if packet.is_corrupt and not marks_what_is_before:
                    self._bad += self._is_wanted(packet)
                    continue
                if near_hole and last is not None and packet.dts is not None:
                    self._bad += self._frames_between(last, packet.dts) > 0 and self._is_wanted(packet)
                near_hole = 2 if packet.is_corrupt else max(0, near_hole - 1)
                last = packet.dts
            try:
                pictures = self._stream.decode(packet)
            except FFmpegError:
                self._bad += self._is_wanted(packet)
                continue
            self._frames_decoded += len(pictures)
            yield from pictures

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """All packets of the video, then an empty one or None to drain the decoder; resumes behind damage."""
        errors_in_a_row = 0
        packets = self._container.demux(self._stream)
        while errors_in_a_row < _READ_ERRORS_IN_A_ROW:
            try:
                packet = next(packets, None)
            except InvalidDataError:
                self._cut_short = True
                errors_in_a_row += 1
                packets = self._container.demux(self._stream)
                continue
            except FFmpegError as error:
                raise SourceError(f"{self._path}: reading failed: {error.strerror}.") from error
            if packet is None:
                return
            errors_in_a_row = 0
            yield packet
        yield None

    def _is_wanted(self, packet: Packet[VideoStream] | None) -> bool:
        """Whether a packet's picture would be shown, as far as can be told: not in the run-up to the start."""
        return self._start is None or packet is None or packet.pts is None or packet.pts >= self._start

    def _tick_of(self, picture: VideoFrame, last: int | None) -> int:
        ticks = picture.pts if picture.pts is not None else picture.dts
        step = max(1, self._ticks(1 / self._fps))
        if ticks is None:
            return (self._stream.start_time or 0) if last is None else last + step
        if self._steadier is not None:
            ticks = self._ticks(self._steadier.see(ticks * self._time_base, step * self._time_base))
        return ticks if last is None or ticks > last else last + 1

    def _count_missing(self, last: int | None) -> None:
        """At the end of the file, whose last frame was that: frames that vanished without an error of their own.

        Only where there is proof of damage: some codecs and edit lists have packets that show no frame, and the rate
        of many recordings varies.
        """
        if self._start is None:
            missing = self._packets_decodable - self._frames_decoded
            if not (self._bad or self._cut_short or self._stream.codec.intra_only):
                missing = 0
            elif self._cut_short or self._container.format.name == "avi":  # an AVI's header counts, too
                missing += max(0, self._stream.frames - self._packets_read)
            self._bad = max(self._bad, missing, self._missing_in_matroska(last))
        if self._cut_short:
            self._bad = max(self._bad, 1)

    def _missing_in_matroska(self, last: int | None) -> int:
        """Frames for which there was time, if the file is of that kind and damaged; what is lost leaves no packets."""
        container = self._container
        if last is None or not container.format.name.startswith("matroska"):
            return 0
        end = self._ticks(Fraction(container.duration or 0, av.time_base))
        skipped = self._frames_skipped + self._frames_between(last, end)
        try:
            return skipped if skipped and (self._cut_short or not is_sound(self._path)) else 0
        except OSError:  # it was removed meanwhile: nothing is proven
            return 0

    def _frames_between(self, ticks: int, later: int) -> int:
        """How many frames there would be between those two at the usual rate."""
        return max(0, int((later - ticks) * self._time_base * self._fps + Fraction(1, 2)) - 1)

    def _image(self, picture: VideoFrame) -> Image:
        """The picture as RGB, upright. From any thread."""
        full = picture.format.is_rgb or _is_full_range(picture)
        with self._reformatting:
            rgb = self._reformatter.reformat(
                picture,
                width=self._coded_size.width,
                height=self._coded_size.height,
                format="rgb24",
                src_colorspace=effective_matrix(picture.colorspace, picture.height),
                src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG,
                threads=1,  # more only wait for each other: the other cores have the matte and the encoder to do
            )
        return self._orientation.upright(cast(Image, rgb.to_ndarray()))

    def _planes(self, picture: VideoFrame) -> Planes | None:
        """The picture as it was decoded, without a copy; None if it is not what ``Planes`` holds, or not upright."""
        size = Size(picture.width, picture.height)
        is_even = size.width % 2 == 0 and size.height % 2 == 0
        if picture.format.name not in ("yuv420p", "yuvj420p") or not is_even or size != self._coded_size:
            return None
        # A negative line size, as of raw video that is stored bottom up, counts from the plane's last row.
        if self._orientation != Orientation() or any(plane.line_size < plane.width for plane in picture.planes):
            return None
        y, u, v = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            for plane in picture.planes
        )
        return Planes(y, u, v, effective_matrix(picture.colorspace, picture.height), _is_full_range(picture))

    def _nothing_to_show(self, start_s: float) -> str:
        if start_s > 0 and not self._bad:
            return f"{self._path}: no frame at or after {start_s:g} s; the video is shorter than that."
        codec = self._stream.codec_context.name
        return f"{self._path}: not one frame can be decoded ({codec}); the file is damaged or unsupported."

    def _describe(self, picture: VideoFrame) -> SourceInfo:
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        context = self._stream.codec_context
        tags = ColorTags(
            primaries=int(context.color_primaries),
            transfer=int(context.color_trc),
            matrix=int(picture.colorspace),
            full_range=_is_full_range(picture),
        )
        traits = VideoTraits(
            path=self._path,
            time_base=self._time_base,
            pixel_aspect=1 / aspect if self._orientation.transpose else aspect,
            color=tags,
            is_interlaced=picture.interlaced_frame,
            clock_start_s=float(self._clock_start),
            begins_s=float(self._begins),
            start_s=0.0 if self._start is None else float(self._start * self._time_base),
            end_s=None if self._end is None else float(self._end * self._time_base),
        )
        return SourceInfo(
            name=self._path.name,
            size=self._orientation.size_of(self._coded_size),
            fps=self._fps,
            is_live=False,
            frame_count=self._expected_frames(),
            video=traits,
        )

    def _expected_frames(self) -> int | None:
        stream = self._stream
        if self._start is None and self._end is None and stream.frames:
            return stream.frames
        duration = stream.duration
        if duration is None and self._container.duration is not None:
            duration = self._ticks(Fraction(self._container.duration, av.time_base))
        if duration is None:
            return None
        first = stream.start_time or 0
        start = first if self._start is None else max(first, self._start)
        end = first + duration if self._end is None else min(first + duration, self._end)
        return max(1, round((end - start) * self._time_base * self._fps))


def _is_full_range(picture: VideoFrame) -> bool:
    return picture.color_range == ColorRange.JPEG or picture.format.name.startswith("yuvj")
