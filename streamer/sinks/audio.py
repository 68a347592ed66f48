"""The sound of the input file, carried over into the output while its video is being written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.codec import Codec, UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from streamer.errors import SinkError
from streamer.interfaces import VideoTraits
from streamer.video_clock import BROADCAST_FORMATS, ClockSteadier

_READ_ERRORS_IN_A_ROW = 20
_SEEK_MARGIN_S = 1
_RUN_UP_S = Fraction(1, 20)
"""So long before the first sound that is heard a decoder may need packets: two of AAC, which Apple writes."""
_REENCODED_TO = {"webm": ("libopus", 48000, 64000)}
_REENCODED_ELSE = ("aac", None, 80000)
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


class AudioCopy:
    """Reads the input a second time and hands over its sound, up to the time of the video, and no further.

    That keeps the two interleaved in the output and at most one packet in memory here, however long the file is.
    Packets are copied as they are, with their times. Where the container does not take the codec, the track is
    encoded anew (Opus for WebM, else AAC) and a note says so. What an edit list cuts away, as a telephone does that
    trims a video, is left out.

    Args:
        traits: Of the input.
        output: Where the tracks go; they are added here, so the header must not be written yet.
        offset_s: Time on the input's clock that becomes 0 in the output, when only a part is written: what is
            heard before it is left out. None = the whole file, with its times as they are.

    Raises:
        SinkError: the input can no longer be opened.
    """

    def __init__(self, traits: VideoTraits, output: OutputContainer, offset_s: Fraction | None) -> None:
        self.notes: list[str] = []
        self._offset_s = offset_s
        self._end_s = traits.end_s
        try:
            self._input = av.open(str(traits.path.absolute()), "r", metadata_errors="replace")
        except (FFmpegError, OSError) as error:
            raise SinkError(f"{traits.path}: cannot be read again for its sound: {error.strerror}.") from error
        self._name = traits.path.name
        self._tracks = {stream.index: track for stream, track in self._add_tracks(output)}
        self._note_left_out()
        self._clock = video_of(self._input)
        self._video_seen_s = Fraction(-1)
        self._unfit = 0
        self._heard = {index: _Heard() for index in self._tracks}
        clock_jumps = self._input.format.name in BROADCAST_FORMATS
        self._steadier = ClockSteadier() if clock_jumps else None
        self._held: Packet[Stream] | None = None
        self._packets = self._demuxed()
        if not self._tracks:  # an hour's index takes memory, and its video need not be read for nothing
            self.close()

    def up_to(self, time_s: Fraction) -> Iterator[Packet[Stream]]:
        """Packets for the output that belong before ``time_s`` (seconds on the input's clock)."""
        while (packet := self._next()) is not None:
            if _time_s(packet) > time_s:
                self._held = packet
                return
            yield from self._carried(packet)

    def rest(self, last_s: Fraction, end_s: Fraction) -> Iterator[Packet[Stream]]:
        """What is left once the last frame is written.

        All of it, also where it is longer than the video; but when the input has video behind the last written
        frame (the user stopped early), only what is heard until that frame ends.

        Args:
            last_s: Time of the last written frame on the input's clock.
            end_s: When that frame ends.
        """
        while (packet := self._next()) is not None:
            stopped_early = self._video_seen_s > last_s
            if stopped_early and _time_s(packet) > end_s + 1:
                break
            if not stopped_early or _time_s(packet) < end_s:
                yield from self._carried(packet)
        for track in self._tracks.values():
            yield from track.flushed()

    def note_unfit(self) -> None:
        """The output refused a packet."""
        self._unfit += 1

    def losses(self) -> list[str]:
        """What of the sound did not get into the output, once all of it has been handed over."""
        count = self._unfit + sum(track.unfit for track in self._tracks.values())
        what = "1 packet" if count == 1 else f"{count} packets"
        return [f"{self._name}: {what} of sound left out: damaged, or back in time."] if count else []

    def close(self) -> None:
        """Release the input. May be called twice."""
        self._packets = iter(())
        self._held = None
        self._input.close()

    def _add_tracks(self, output: OutputContainer) -> Iterator[tuple[AudioStream, _Track]]:
        for number, stream in enumerate(self._input.streams.audio, 1):
            label = f"{self._name}: sound track {number}"
            if stream.codec_context is None:
                self.notes.append(f"{label} is of an unknown kind and is left out.")
                continue
            if _takes(output, stream):
                yield stream, _CopiedTrack(stream, output, self._offset_s or Fraction(0))
                continue
            try:
                track = _EncodedTrack(stream, output, self._offset_s or Fraction(0))
            except UnknownCodecError:
                self.notes.append(f"{label} ({stream.name}) does not fit into the output and is left out.")
                continue
            container = output.format.name
            self.notes.append(f"{label} is encoded anew as {track.codec}: {container} cannot hold {stream.name}.")
            channels = stream.codec_context.layout.nb_channels
            if channels > track.channels:
                self.notes.append(f"{label} has {channels} channels, which are mixed down to stereo.")
            yield stream, track

    def _note_left_out(self) -> None:
        for kind in ("subtitle", "data"):
            count = sum(stream.type == kind for stream in self._input.streams)
            if count:
                self.notes.append(f"{self._name}: {count} {kind} track{'s' * (count > 1)} left out.")

    def _demuxed(self) -> Iterator[Packet[Stream]]:
        """Packets of the sound, and of the video as a clock that shows how far the file was read."""
        streams = [*(s for s in self._input.streams.audio if s.index in self._tracks), self._clock]
        if self._offset_s:
            self._seek(self._offset_s)
        errors_in_a_row = 0
        packets = self._input.demux(*streams)
        while errors_in_a_row < _READ_ERRORS_IN_A_ROW:
            try:
                packet = next(packets, None)
            except InvalidDataError:
                errors_in_a_row += 1
                packets = self._input.demux(*streams)
                continue
            except FFmpegError as error:
                raise SinkError(f"{self._name}: reading its sound failed: {error.strerror}.") from error
            if packet is None:
                return
            errors_in_a_row = 0
            if packet.size and not packet.is_corrupt:
                yield self._steadied(packet)

    def _steadied(self, packet: Packet[Stream]) -> Packet[Stream]:
        """The packet on a clock that goes on where a broadcast recording's begins anew; its video is the clock."""
        if self._steadier is not None:
            if packet.stream is self._clock and packet.dts is not None:
                self._steadier.see(packet.dts * packet.time_base, (packet.duration or 0) * packet.time_base)
            shift = round(self._steadier.shift_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift
        return packet

    def _seek(self, time_s: Fraction) -> None:
        try:
            self._input.seek(int((time_s - _SEEK_MARGIN_S) * av.time_base))
        except FFmpegError:
            self._input.seek(0)

    def _next(self) -> Packet[Stream] | None:
        packet, self._held = self._held, None
        if packet is None:
            packet = next(self._packets, None)
        if packet is not None and packet.stream is self._clock and not packet.is_discard and packet.pts is not None:
            shown_s = packet.pts * packet.time_base
            if self._end_s is None or shown_s < self._end_s:  # a later one may come first, to be referred to
                self._video_seen_s = max(self._video_seen_s, shown_s)
        return packet

    def _carried(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        track = self._tracks.get(packet.stream.index)
        if track is None or packet.dts is None:
            return
        heard_s = _time_s(packet)
        if self._offset_s is not None and heard_s < self._offset_s:
            return
        if self._end_s is not None and heard_s >= self._end_s:
            return
        for each in self._heard[packet.stream.index].of(packet):
            yield from track.carried(cast("Packet[AudioStream]", each))


class _Heard:
    """Leaves out the packets of a track that an edit list cuts away, but not the run-up to the first that is heard.

    A decoder needs that and drops what it makes of it: files of AAC begin so.
    """

    def __init__(self) -> None:
        self._run_up: list[Packet[Stream]] = []
        self._has_begun = False

    def of(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is to be passed on, now that this packet came."""
        if packet.is_discard and self._has_begun:
            return []
        begin_s = _time_s(packet) - _RUN_UP_S
        run_up = [*(each for each in self._run_up if _time_s(each) >= begin_s), packet]
        self._has_begun = not packet.is_discard
        self._run_up = [] if self._has_begun else run_up
        return run_up if self._has_begun else []


class _Track(Protocol):
    unfit: int

    def carried(self, packet: Packet[AudioStream]) -> Iterator[Packet[Stream]]: ...

    def flushed(self) -> Iterator[Packet[Stream]]: ...


class _CopiedTrack:
    """Bit by bit: only the times are moved, and those only where the output starts elsewhere."""

    def __init__(self, source: AudioStream, output: OutputContainer, offset_s: Fraction) -> None:
        self._target = _add_copy(output, source)
        _describe_as(self._target, source)
        self._offset_s = offset_s
        self._last: int | None = None
        self.unfit = 0

    def carried(self, packet: Packet[AudioStream]) -> Iterator[Packet[Stream]]:
        if self._last is not None and packet.dts is not None and packet.dts < self._last:
            self.unfit += 1
            return
        self._last = packet.dts
        shift = round(self._offset_s / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift  # sound is heard in its order
        packet.stream = self._target
        yield cast("Packet[Stream]", packet)

    def flushed(self) -> Iterator[Packet[Stream]]:
        yield from ()


class _EncodedTrack:
    """Decoded and encoded with what the container can hold; more than two channels are mixed down to stereo."""

    def __init__(self, source: AudioStream, output: OutputContainer, offset_s: Fraction) -> None:
        self.codec, rate, bits_per_channel = _REENCODED_TO.get(output.format.name, _REENCODED_ELSE)
        rate = rate or _nearest_rate(Codec(self.codec, "w"), source.codec_context.sample_rate)
        channels = self.channels = min(2, source.codec_context.layout.nb_channels)
        self._source = source
        self._offset_s = offset_s
        self._target = cast(AudioStream, output.add_stream(self.codec, rate=rate))
        self._target.codec_context.layout = "mono" if channels == 1 else "stereo"
        self._target.codec_context.bit_rate = bits_per_channel * channels
        _describe_as(self._target, source)
        self._resampler: AudioResampler | None = None
        self._kind: tuple[object, ...] | None = None
        self.unfit = 0

    def carried(self, packet: Packet[AudioStream] | None) -> Iterator[Packet[Stream]]:
        try:
            frames = self._source.decode(packet)
        except InvalidDataError:
            self.unfit += 1
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._offset_s / frame.time_base)
            yield from self._encoded(frame)

    def flushed(self) -> Iterator[Packet[Stream]]:
        yield from self.carried(None)
        yield from self._encoded(None)
        yield from cast("list[Packet[Stream]]", self._target.encode(None))

    def _encoded(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        """The frame as the encoder wants it; None: what the resampler still holds. Broadcasts change their channels."""
        kind = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        ready: list[AudioFrame] = []
        if self._resampler is not None and kind != self._kind:
            ready += self._resampler.resample(None)
            self._resampler = None
        self._kind = kind
        if frame is not None:
            if self._resampler is None:
                context = self._target.codec_context
                self._resampler = AudioResampler(context.format, context.layout, context.sample_rate)
            ready += self._resampler.resample(frame)
        for each in ready:
            yield from cast("list[Packet[Stream]]", self._target.encode(each))


def _nearest_rate(codec: Codec, wanted: int) -> int:
    """Of the sample rates that an encoder knows, the one nearest to what the track has."""
    return min(codec.audio_rates or [wanted], key=lambda rate: abs(rate - wanted))


def _add_copy(output: OutputContainer, source: AudioStream) -> AudioStream:
    """A track for packets as they are. Channels that nobody named, as Matroska's PCM has them, get their usual names.

    MP4 does not take PCM without.
    """
    target = output.add_stream_from_template(source)
    layout = source.codec_context.layout
    if layout.nb_channels in _USUAL_LAYOUTS and all(channel.name == "NONE" for channel in layout.channels):
        target.codec_context.layout = _USUAL_LAYOUTS[layout.nb_channels]
    return target


def _takes(output: OutputContainer, stream: AudioStream) -> bool:
    """Whether a container of that kind accepts this track unchanged: its header is written to memory to find out."""
    trial = av.open(io.BytesIO(), "w", format=output.format.name)
    try:
        copy = _add_copy(trial, stream)
        trial.start_encoding()
        if (stream.name or "").startswith("pcm_"):  # what is wrong with it may show at the end of the file only
            silence = Packet(bytes(copy.codec_context.layout.nb_channels * stream.codec_context.format.bytes))
            silence.stream, silence.pts, silence.dts = copy, 0, 0
            trial.mux(silence)
            trial.close()
    except (FFmpegError, ValueError):
        return False
    finally:
        trial.close()
    return True


def _describe_as(target: Stream, source: AudioStream) -> None:
    if "language" in source.metadata:
        target.metadata["language"] = source.metadata["language"]
    target.disposition = source.disposition


def _time_s(packet: Packet[Stream]) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(-1) if ticks is None else ticks * packet.time_base


def video_of(container: InputContainer) -> VideoStream:
    """The video of a file that is known to have one; a cover picture of its sound is not meant."""
    return next(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
