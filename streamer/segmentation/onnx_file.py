"""A matting network of the user's own: an ONNX file, and a small YAML file beside it that says how to feed it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.framing import Framing, fit
from streamer.errors import MissingExtra, SegmentationError, WeightsError
from streamer.frames import Alpha
from streamer.segmentation.runtimes import INSTALL, Runtime, is_installed, onnx_session

Values: TypeAlias = NDArray[np.float32]

MOST_UNLIKE = 1.15
"""How many times wider, for its height, an alpha may be than its picture: beyond it the axes were mistaken."""
IMAGENET_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
IMAGENET_DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


class Feeding(BaseModel):
    """What ``NETWORK.yaml`` beside ``NETWORK.onnx`` may say; each key may be left out.

    For RobustVideoMatting: ``{input: src, output: pha, state: {r1i: r1o, r2i: r2o, r3i: r3o, r4i: r4o}, constants:
    {downsample_ratio: [1.0]}}``; for MODNet: ``{range: "-1..1", area_px: 262144}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str | None = None
    """The input that takes the picture; the first one if not given."""
    output: str | None = None
    """The output that holds the alpha; the first one if not given."""
    size: Annotated[str | None, Field(pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$")] = None
    """WIDTHxHEIGHT for a network that takes one size only: the picture is squeezed into it."""
    area_px: Annotated[int, Field(ge=32 * 32, le=4096 * 4096)] = 192 * 320
    """Else about how many pixels the picture is scaled to, at its own aspect ratio."""
    multiple_px: Annotated[int, Field(ge=1, le=512)] = 32
    """What the sides of the picture must then be multiples of."""
    range: Literal["0..1", "-1..1", "imagenet"] = "0..1"
    """How colours are given to it."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the axes of picture and alpha."""
    channel: int = -1
    """Which channel of the output is the person."""
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    """What is still to be done to the output."""
    state: dict[str, str] = {}
    """Inputs of a recurrent network, each with the output that it is fed from at the next frame; zeros at first."""
    constants: dict[str, list[float]] = {}
    """Further inputs and their values."""

    def framing(self, width: int, height: int) -> Framing:
        """How a picture of that size enters."""
        if self.size is not None:
            side = tuple(int(word) for word in self.size.split("x"))
            return Framing((side[0], side[1]), (side[0], side[1]))
        return fit(width, height, multiple_px=self.multiple_px, limit_px=self.area_px)


def read_feeding(path: Path) -> Feeding:
    """The YAML file beside an ONNX file; the defaults if there is none.

    Raises:
        WeightsError: it cannot be read, or something in it is wrong; the message names the key.
    """
    file = path.with_suffix(".yaml")
    if not file.exists():
        return Feeding()
    try:
        return Feeding.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WeightsError(f"{file} cannot be read as YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        known = ", ".join(Feeding.model_fields)
        reason = f"unknown key; there are {known}" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise WeightsError(f"{file}: {key or 'the file'}: {reason}") from error


class OnnxFileRuntime(Runtime):
    """Runs such a network on the CPU with ONNX Runtime.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        WeightsError: the file is no network, or has no such inputs and outputs as the YAML file says.
    """

    name = "CPU (onnxruntime)"

    def __init__(self, path: Path, feeding: Feeding) -> None:
        if not is_installed("onnxruntime"):
            raise MissingExtra(f"a network in an ONNX file needs onnxruntime: {INSTALL['onnxruntime']}")
        self._path, self._feeding = path, feeding
        self.has_memory = bool(feeding.state)
        try:
            self._session = onnx_session(path)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise WeightsError(f"{path} is no ONNX network that can run here: {str(error).splitlines()[0]}") from error
        self._inputs = {entry.name: entry for entry in self._session.get_inputs()}
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self._picture = feeding.input or next(iter(self._inputs))
        self._alpha = feeding.output or self._outputs[0]
        self._check_names()
        self._state: dict[str, Values] = {}

    def reset(self) -> None:
        """Forget earlier frames."""
        self._state = {}

    def alpha(self, batch: Values) -> Alpha:
        """See ``Runtime``."""
        feeding = self._feeding
        feeds: dict[str, Any] = {self._picture: _coloured(batch, feeding)}
        for name, values in feeding.constants.items():
            feeds[name] = np.array(values, np.float32)
        for name in feeding.state:
            feeds[name] = self._state.get(name, self._blank(name))
        results = dict(zip(self._outputs, self._session.run(self._outputs, feeds), strict=True))
        self._state = {name: results[source] for name, source in feeding.state.items()}
        alpha = _person(results[self._alpha], feeding)
        wanted = batch.shape[2:]
        if not 1 / MOST_UNLIKE < (alpha.shape[1] * wanted[0]) / (alpha.shape[0] * wanted[1]) < MOST_UNLIKE:
            raise SegmentationError(
                f"the network gave {np.shape(results[self._alpha])} for a picture {batch.shape}: is its layout right?"
            )
        if alpha.shape != wanted:
            alpha = cv2.resize(alpha, (batch.shape[3], batch.shape[2]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(alpha, np.float32)

    def _blank(self, name: str) -> Values:
        """Zeros of an input's shape, 1 where it is free."""
        shape = [side if isinstance(side, int) else 1 for side in self._inputs[name].shape]
        return np.zeros(shape, np.float32)

    def _check_names(self) -> None:
        feeding = self._feeding
        for name in (self._picture, *feeding.state, *feeding.constants):
            if name not in self._inputs:
                raise WeightsError(f"{self._path} has no input '{name}'; it has {', '.join(self._inputs)}")
        for name in (self._alpha, *feeding.state.values()):
            if name not in self._outputs:
                raise WeightsError(f"{self._path} has no output '{name}'; it has {', '.join(self._outputs)}")
        fed = {self._picture, *feeding.state, *feeding.constants}
        if unfed := [name for name in self._inputs if name not in fed]:
            where = f"under state or constants in {self._path.stem}.yaml"
            raise WeightsError(f"{self._path} wants '{unfed[0]}' too: say {where} what it is")


def _coloured(batch: Values, feeding: Feeding) -> Values:
    """RGB in [0, 1] ``(1, 3, h, w)`` to what the network takes."""
    if feeding.range == "-1..1":
        batch = batch * 2 - 1
    elif feeding.range == "imagenet":
        batch = (batch - IMAGENET_MEAN[:, None, None]) / IMAGENET_DEVIATION[:, None, None]
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if feeding.layout == "nhwc" else batch


def _person(result: NDArray[Any], feeding: Feeding) -> Values:
    """The network's output to alpha ``(h, w)``."""
    values = np.asarray(result, np.float32)
    while values.ndim > 3:
        values = values[0]
    if values.ndim == 3 and feeding.layout == "nhwc":
        # (1, h, w) has an axis for the batch and none for channels.
        values = values if np.ndim(result) == 3 and len(values) == 1 else values.transpose(2, 0, 1)
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or not -len(values) <= feeding.channel < len(values):
        raise SegmentationError(f"the network gave {np.shape(result)}, in which there is no channel {feeding.channel}")
    if feeding.activation == "softmax":
        values = np.exp(values - values.max(axis=0))
        values /= values.sum(axis=0)
    alpha = values[feeding.channel]
    return 1 / (1 + np.exp(-alpha)) if feeding.activation == "sigmoid" else alpha
