"""From two recordings to a profile, or to the reason why there is none."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import cv2
import numpy as np

from streamer import profiles
from streamer.enrolling.display import Display
from streamer.enrolling.labelling import Label, Labelled, Verdict, label_frames, measure_room, moving
from streamer.enrolling.recording import Recordings
from streamer.errors import EnrolmentError
from streamer.frames import Alpha, Image
from streamer.scaling import cover

if TYPE_CHECKING:
    from models.unet import UNet
    from streamer.enrolling.training import Scores

T = TypeVar("T")
Train: TypeAlias = "Callable[[Sequence[Label], Sequence[Image], Callable[[float], None]], UNet]"
"""Labels, pictures of the empty room, and what is told the share that is done, to a network."""

STRETCHES, EVERY = 10, 5
"""Into how many stretches of time the frames are cut, and how many of those for one that is held back."""
LEAST_KEPT = 20
"""Labelled frames with a person, below which nothing is learnt."""
LEAST_SEEN = 0.01
"""Share of the picture that the network must take for a person for somebody to be there."""
SEEN_MOVING = 0.002
"""Share of the empty room that moves and is taken for a person: somebody is in it."""
MOST_MOVING = 0.1
"""Share of the empty room that may move otherwise: a curtain, a screen."""
LEFT_PLACE = 0.3
"""Somebody was in the room's picture if so much of what was taken for them there has changed and is room now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an enrolment has found."""

    old: Scores
    new: Scores
    frames: dict[str, int]
    """How many frames met which verdict, and how many were held back."""


def enroll(name: str, recordings: Recordings, train: Train, display: Display) -> Outcome:
    """Label, train, judge, and keep the profile if the new weights are better.

    Args:
        name: of the profile.
        recordings: of the empty room and of the person.
        train: makes the new weights.
        display: told how far it is.

    Raises:
        EnrolmentError: the recordings do not do, or the new weights are not better; nothing is kept.
        ConfigError: the profile cannot be written.
    """
    from streamer.enrolling import training

    old = training.shipped_network()
    rooms = [cover(picture, recordings.size) for picture in recordings.room]
    labels = label_recordings(recordings, lambda pictures, step: training.mattes_of(old, pictures, step), display)
    learnt, held_back = hold_back([label for label in labels if label.verdict is Verdict.PERSON])
    learnt += [label for label in labels if label.verdict is Verdict.EMPTY]
    room_learnt, room_held_back = hold_back(rooms) if len(rooms) >= 2 * EVERY else (rooms, rooms)
    display.begin("training", 1.0)
    new = train(learnt, room_learnt, display.reach)
    display.begin("comparing", None)
    outcome = Outcome(
        training.judge(old, held_back, room_held_back),
        training.judge(new, held_back, room_held_back),
        {**Counter(label.verdict.value for label in labels), "held back": len(held_back)},
    )
    if not outcome.new.beats(outcome.old):
        raise EnrolmentError(
            f"no profile is kept, because the frames held back did not get better: {numbers(outcome)}. More movement, "
            "more light or more --minutes may help"
        )
    picture = training.before_and_after(old, new, held_back)
    with profiles.new_profile(name) as folder:
        training.save(new, folder, profiles.WEIGHTS, profiles.GRAPH)
        _save_picture(picture, folder / profiles.PICTURE)
        about = {"made": time.strftime("%Y-%m-%d %H:%M"), **asdict(outcome)}
        (folder / profiles.ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return outcome


def numbers(outcome: Outcome) -> str:
    """Old and new scores in words."""
    old, new = outcome.old, outcome.new
    return (
        f"IoU {old.iou:.4f} -> {new.iou:.4f}, MAD {old.mad:.2f} -> {new.mad:.2f}, "
        f"empty room taken for a person {100 * old.room_share:.2f} -> {100 * new.room_share:.2f} %"
    )


def label_recordings(
    recordings: Recordings, mattes_of: Callable[[Sequence[Image], Callable[[], None]], list[Alpha]], display: Display
) -> list[Label]:
    """Label all frames of the person.

    Raises:
        EnrolmentError: nobody is there, somebody is in the empty room, or too little of it can be believed.
    """
    room = measure_room(recordings.room, recordings.size)
    count = len(recordings.person)
    step = display.begin("looking for the person", count + 1)
    seen_in_room = mattes_of([room.picture], step)[0] > 0.5
    moves = moving(recordings.room, room)
    near = cv2.dilate(seen_in_room.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if (moves & near).mean() > SEEN_MOVING:
        raise EnrolmentError("somebody is in the recording of the empty room: leave the picture while it is recorded")
    if moves.mean() > MOST_MOVING:
        share = f"{100 * float(moves.mean()):.0f} %"
        raise EnrolmentError(
            f"the recording of the empty room does not stand still ({share} of it moves): fix the camera"
        )
    mattes = mattes_of(recordings.person, step)
    if max(float((matte > 0.5).mean()) for matte in mattes) < LEAST_SEEN:
        raise EnrolmentError("nobody is to be seen in the recording of the person")
    labelled = label_frames(recordings.person, mattes, room, display.begin("labelling", count))
    if seen_in_room.mean() > LEAST_SEEN and labelled.uncovered[seen_in_room].mean() > LEFT_PLACE:
        raise EnrolmentError(
            "somebody is in the picture of the empty room, or something that looks like a person and has gone"
        )
    _check_enough(labelled)
    return labelled.labels


def _check_enough(labelled: Labelled) -> None:
    found = Counter(label.verdict for label in labelled.labels)
    if found[Verdict.PERSON] >= LEAST_KEPT:
        return
    count = len(labelled.labels)
    if found[Verdict.MOVED] > count / 2:
        raise EnrolmentError(
            f"the empty room does not fit {found[Verdict.MOVED]} of {count} frames of the person: "
            "the camera was moved, or the light changed"
        )
    raise EnrolmentError(
        f"only {found[Verdict.PERSON]} of {count} frames can be labelled, and it takes {LEAST_KEPT}: record more "
        "movement, in clothes of another colour than the wall, with camera, chair and light as in the empty room"
    )


def hold_back(items: Sequence[T]) -> tuple[list[T], list[T]]:
    """Things in order of time: those to learn from, and those to score on.

    The latter are whole stretches, every fifth one, and their neighbours on either side are used for neither: a frame
    beside one that was learnt would be no test.
    """
    learnt, held_back = [], []
    bounds = [round(number * len(items) / STRETCHES) for number in range(STRETCHES + 1)]
    stretch_of = [number for number in range(STRETCHES) for _ in range(bounds[number], bounds[number + 1])]
    is_held = [number % EVERY == EVERY // 2 for number in stretch_of]
    for at, item in enumerate(items):
        if is_held[at]:
            held_back.append(item)
        elif not any(is_held[max(0, at - 1) : at + 2]):
            learnt.append(item)
    return learnt, held_back


def _save_picture(picture: Image, path: Path) -> None:
    packed = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(packed.tobytes())
