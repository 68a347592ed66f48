"""The words after ``streamer enroll``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from streamer import profiles
from streamer.enrolling.display import Display
from streamer.enrolling.enrolment import Train, enroll, numbers
from streamer.enrolling.recording import Recordings, read_files, record
from streamer.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from models.unet import UNet
    from streamer.enrolling.labelling import Label
    from streamer.frames import Image

DESCRIPTION = """Learn this person, this camera and this room: the empty room is recorded for 3 s, then you for
20 s, and the network is trained on that. Nothing leaves this machine, and no frame is written to disk but those of the
picture that shows before and after. The new weights are kept only if they are better on frames held back."""
CPU_MINUTES, GPU_MINUTES = 5.0, 1.0
"""How long is trained if nobody says so."""
LONGEST_MINUTES = 120.0


@dataclass
class _Options(argparse.Namespace):
    name: str = ""
    room: str | None = None
    person: str | None = None
    camera: str = "0"
    minutes: float | None = None
    device: str = "auto"
    forget: bool = False
    list: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"streamer enroll: {message} (streamer enroll --help lists what there is)")


def main(args: Sequence[str], *, steps: int | None = None, train: Train | None = None) -> int:
    """Make, list or forget profiles, as the words after ``streamer enroll`` say.

    Args:
        args: the words.
        steps: of training at most; None = as many as there is time for.
        train: what trains instead.

    Returns:
        0.

    Raises:
        ConfigError: a word is wrong, or the profile exists or cannot be written.
        EnrolmentError: the recordings do not do, or the new weights are not better.
        StreamerError: a camera or file cannot be read, or the device is missing.
        MissingExtra: what writes ONNX is not installed.
    """
    try:
        asked = _parser().parse_args(list(args), _Options())
    except SystemExit:  # after --help alone; what is wrong with the words is a ConfigError
        return 0
    out = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
    if asked.list:
        _list(out)
        return 0
    if not asked.name:
        raise ConfigError("streamer enroll needs a name for the profile, such as streamer enroll desk")
    if asked.forget:
        out.print(f"profile '{asked.name}' is forgotten: {profiles.forget(asked.name)} is gone")
        return 0
    _check(asked)
    train = train or _trainer(asked, steps)
    with Display(Console(stderr=True)) as display:
        recordings = _recordings(asked, display)
        outcome = enroll(asked.name, recordings, train, display)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in outcome.frames.items())
    out.print(f"profile '{asked.name}' is kept in {profiles.find_profile(asked.name).folder}")
    out.print(f"on frames held back: {numbers(outcome)}")
    out.print(f"frames: {counts}")
    out.print(f"look at {profiles.PICTURE} there, then: streamer webcam --profile {asked.name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="streamer enroll", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="of the profile, such as desk")
    parser.add_argument("--camera", default="0", metavar="N", help="camera to record from (default: 0)")
    parser.add_argument("--room", metavar="FILE", help="the empty room instead: a video or a picture; needs --person")
    parser.add_argument("--person", metavar="FILE", help="the person instead: a video; needs --room")
    parser.add_argument(
        "--minutes", type=float, metavar="X", help=f"to train (default: {CPU_MINUTES:g}, on a GPU {GPU_MINUTES:g})"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to train")
    parser.add_argument("--list", action="store_true", help="list the profiles")
    parser.add_argument("--forget", action="store_true", help="remove every trace of the profile")
    return parser


def _check(asked: _Options) -> None:
    """Refuse, before anybody records anything, what would fail after minutes."""
    profiles.check_new(asked.name)
    if (asked.room is None) != (asked.person is None):
        given, missing = ("--room", "--person") if asked.person is None else ("--person", "--room")
        raise ConfigError(f"{given} needs {missing} too: both recordings are files, or both come from the camera")
    if asked.minutes is not None and not 0 < asked.minutes <= LONGEST_MINUTES:
        raise ConfigError(f"--minutes must be above 0 and at most {LONGEST_MINUTES:g}, not {asked.minutes:g}")
    absent = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if absent:
        raise MissingExtra(f"a profile is also written as ONNX, for the CPU: pip install {' '.join(absent)}")


def _recordings(asked: _Options, display: Display) -> Recordings:
    if asked.room is not None and asked.person is not None:
        room, person = (os.path.expanduser(path) for path in (asked.room, asked.person))
        return read_files(room, person, display.begin("reading", None))
    return record(asked.camera, display.begin("recording", None), display.say)


def _trainer(asked: _Options, steps: int | None) -> Train:
    from streamer.segmentation import choose_device

    device = choose_device(asked.device)
    minutes = asked.minutes or (CPU_MINUTES if device == "cpu" else GPU_MINUTES)

    def train(labels: Sequence[Label], rooms: Sequence[Image], on_progress: Callable[[float], None]) -> UNet:
        from streamer.enrolling.training import fine_tune

        return fine_tune(labels, rooms, device=device, minutes=minutes, steps=steps, on_progress=on_progress)

    return train


def _list(out: Console) -> None:
    found = profiles.list_profiles()
    for profile in found:
        about = profile.about()
        new = about.get("new")
        facts = f"IoU {new['iou']:.4f}, MAD {new['mad']:.2f}" if isinstance(new, dict) else "no note"
        out.print(f"{profile.name:<20} {about.get('made', ''):<16}  {facts}")
    out.print(f"{len(found)} profile{'' if len(found) == 1 else 's'} in {profiles.profiles_folder()}")
