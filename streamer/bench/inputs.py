"""What measurements run on: the clips, the picture behind, and the program's settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamer.bench.clips import cut_clip, write_demo_clip, write_picture
from streamer.bench.settings import SIZES, Gpu, InRounds, Length, Measuring, OfProgram, OverClips, Speed, Trace
from streamer.errors import ConfigError
from streamer.frames import Size

FEWEST_FRAMES = 2
"""The first frame belongs to the start-up."""


@dataclass(frozen=True, slots=True)
class BenchClip:
    """A video to run over."""

    path: Path
    name: str
    """``720p``, or the name of the user's file."""
    size: Size
    frames: int

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.name}, {self.size}, {self.frames} frames"


def clips_for(settings: OverClips, folder: Path) -> list[BenchClip]:
    """The videos that the settings ask for: the user's own, cut, or the demo at each size, made in ``folder``."""
    if settings.input is not None:
        path = folder / f"clip{settings.input.suffix}"
        size, count = cut_clip(settings.input, path, settings.frames)
        return [BenchClip(path, settings.input.name, size, count)]
    clips = []
    for name in settings.sizes:
        path = folder / f"{name}.mp4"
        write_demo_clip(path, SIZES[name], settings.frames)
        clips.append(BenchClip(path, name, SIZES[name], settings.frames))
    return clips


def background_for(background: str, folder: Path) -> str:
    """What the programs get: blur, or the path of a picture; ``picture`` is made in ``folder``."""
    if background != "picture":
        return background
    path = folder / "background.png"
    if not path.exists():
        write_picture(path)
    return str(path)


def program_settings(settings: OfProgram) -> dict[str, object]:
    """What the bench changes of the program's defaults, as settings of ``StreamConfig``."""
    return {
        "device": settings.device,
        "frame_path": "gpu" if settings.device == "cuda" else "cpu",
        "runtime": settings.runtime,
        "matte_detail": settings.matte_detail,
        "weights": None if settings.weights is None else str(settings.weights),
        "log_level": "error",
    }


def check(settings: Measuring, command: str) -> None:
    """Refuse what cannot be measured here, before anything is made.

    Args:
        settings: what is asked for.
        command: that asked for it, to run where it can be.

    Raises:
        ConfigError: a setting is wrong, or there is no such device.
    """
    if isinstance(settings, OverClips | Gpu | Trace) and settings.frames < FEWEST_FRAMES:
        raise ConfigError(f"--frames must be {FEWEST_FRAMES} or more, not {settings.frames}: the first is not counted")
    if isinstance(settings, InRounds | Gpu) and settings.rounds < 1:
        raise ConfigError(f"--rounds must be 1 or more, not {settings.rounds}")
    if isinstance(settings, Speed):
        for background in settings.backgrounds:
            if background not in ("picture", "blur") and not Path(background).is_file():
                raise ConfigError(f"--backgrounds are picture, blur or a picture file, not '{background}'")
    if isinstance(settings, Length) and not _rises(settings.minutes):
        shown = " ".join(f"{minutes:g}" for minutes in settings.minutes)
        raise ConfigError(f"--minutes must be two or more lengths, the shorter first, not {shown}")
    if isinstance(settings, Gpu) and any(count < 0 for count in settings.streams):
        raise ConfigError(f"--streams must be 0 or more, not {min(settings.streams)}")
    for path in (getattr(settings, "input", None), getattr(settings, "weights", None)):
        if path is not None and not path.is_file():
            raise ConfigError(f"{path} does not exist or is not a file")
    if getattr(settings, "device", "cpu") == "cuda":
        _check_cuda(command)


def _rises(minutes: tuple[float, ...]) -> bool:
    pairs = zip((0.0, *minutes), minutes, strict=False)
    return len(minutes) >= 2 and all(shorter < longer for shorter, longer in pairs)


def _check_cuda(command: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(
            "not measured here, for torch sees no CUDA device (streamer doctor says what is missing); "
            f"on a machine with one, run: {command}"
        )
