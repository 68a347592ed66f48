"""A training run as its YAML file says it: which folders, which sizes, which optimisation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.datasets import DatasetError
from models.unet_config import CONFIGS


class Section(BaseModel):
    """Settings are fixed once read, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Folder(Section):
    """A people folder and how much of the training it makes up."""

    folder: str
    share: float = Field(gt=0, le=1)


class Shape(Section):
    """A size of training picture and how often it is drawn; each batch has one."""

    width: int
    height: int
    share: float = Field(gt=0, le=1)


class Student(Section):
    """A second network that learns from the same pictures, made smaller, and from what the first one sees in them."""

    model: str
    initial: str | None = None
    """Weights to start from, a file beside the YAML one."""
    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(min_length=1)
    """By how much the pictures' sides are made smaller: one of these for each batch."""
    learning_rate: float = Field(2e-3, gt=0)
    taught: float = Field(1.0, ge=0)
    """Weight of the first network's mattes beside the true ones: nothing in the first quarter of the run, in which that
    one knows little, then rising to this in the second and third."""
    every: int = Field(1, ge=1)
    """Learn from every so many batches only: a large network takes long."""


class Teacher(Section):
    """A trained network whose mattes are learnt."""

    model: str
    weights: str
    """A file beside the YAML one."""


class Teaching(Section):
    """What is written down to be learnt beside the true masks; see ``models.lessons``."""

    teachers: tuple[Teacher, ...] = Field(min_length=1)
    scales: tuple[Annotated[float, Field(gt=0, le=4)], ...] = Field(min_length=1)
    """Sizes at which they look, as shares of the pictures' sides."""
    weight: float = Field(1.0, ge=0)
    """Of what they see, beside the true masks."""
    unlabelled: tuple[Folder, ...] = ()
    """Pictures of people without masks, used as they are; shares of all samples, before those of ``whole``."""


class TrainConfig(Section):
    """A training run, as its YAML file says it."""

    model: str
    people: tuple[Folder, ...]
    """Cut out and composited; shares among the pasted people."""
    whole: tuple[Folder, ...] = ()
    """Used as they are, real light and all; shares of all samples."""
    backgrounds: tuple[str, ...]
    occupied: str | None = None
    """A text file beside this one: background pictures left out because somebody is in them, a name a line."""
    validation: tuple[str, ...]
    students: tuple[Student, ...] = ()
    teaching: Teaching | None = None
    shapes: tuple[Shape, ...]
    empty_share: float = Field(0.06, ge=0, le=1)
    batch: int = Field(16, ge=1)
    steps: int = Field(ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    warmup_steps: int = Field(200, ge=0)
    cooldown_share: float = Field(0.3, ge=0, le=1)
    """The learning rate is held, then falls to zero over this last part of the run."""
    weight_decay: float = Field(1e-2, ge=0)
    side_share: float = Field(0.2, ge=0)
    """Weight of the losses at the coarse decoder levels, whose heads begin at random: 0 to go on from weights."""
    frozen_norm: bool = False
    """Keep the statistics of batch normalisation as they are: a short run on one scene would bend them to it."""
    average_decay: float = Field(0.998, gt=0, lt=1)
    evaluate_every: int = Field(1000, ge=1)
    workers: int = Field(2, ge=0)
    seed: int = 0


def read_config(path: Path) -> TrainConfig:
    """A training configuration; raises ``DatasetError`` with the key that is wrong."""
    try:
        config = TrainConfig.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise DatasetError(f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    teachers = config.teaching.teachers if config.teaching else ()
    for model in (config.model, *(student.model for student in config.students), *(each.model for each in teachers)):
        if model not in CONFIGS:
            raise DatasetError(f"{path}: model: '{model}' is none of {', '.join(CONFIGS)}")
    students = [student.model for student in config.students]
    if len(set(students)) < len(students):
        raise DatasetError(f"{path}: students: each model can be there once, for its name is its folder's")
    for key in ("people", "backgrounds", "validation", "shapes"):
        if not getattr(config, key):
            raise DatasetError(f"{path}: {key}: at least one is needed")
    multiple_px = CONFIGS[config.model].multiple_px
    for shape in config.shapes:
        if min(shape.width, shape.height) < multiple_px or shape.width % multiple_px or shape.height % multiple_px:
            size = f"{shape.width}x{shape.height}"
            raise DatasetError(f"{path}: shapes: {size}: {config.model} takes sides in multiples of {multiple_px}")
    return config


def read_names(path: Path) -> list[str]:
    """Names of pictures from a text file, one a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def left_out_rooms(config: TrainConfig, config_path: Path) -> set[str]:
    """Names of the background pictures that are not used."""
    if config.occupied is None:
        return set()
    path = config_path.parent / config.occupied
    if not path.is_file():
        raise DatasetError(f"{config_path}: occupied: {path} does not exist")
    return set(read_names(path))
