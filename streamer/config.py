"""Every setting, defined once: the flag, its help, the check of a YAML file and docs/configuration.md come from here.

Precedence: the defaults here, then a preset (a YAML file with some of the settings), then the flags.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

_PERCENT = r"\d{1,2}(\.\d+)?"
LEAST_LEFT_PERCENT = 10
"""So much of the picture must be left in either direction after cropping."""
FASTEST_STEPS = 50
"""What the distilled model of plate_mode fastest was trained for; its scheduler takes no more."""
_TIME = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d*)?|\.\d+)")


def parse_time(value: object) -> object:
    """Seconds, from ``90``, ``1:30`` or ``1:02:03.5``; what is no text is left to the type's own check."""
    if not isinstance(value, str):
        return value
    found = _TIME.fullmatch(value.strip())
    if found is None or (found[2] and float(found[3]) >= 60):
        raise ValueError(f"'{value}' is no time: give seconds, mm:ss or hh:mm:ss")
    return int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + float(found[3])


def as_list(value: object) -> object:
    """One text or number as a list of one, so that YAML needs no brackets."""
    return [value] if isinstance(value, str | int | float) else value


def as_bindings(value: object) -> object:
    """A mapping from actions to keys as texts ``action=key``; an empty key is none."""
    if isinstance(value, Mapping):
        value = [f"{action}={'none' if key is None else key}" for action, key in value.items()]
    texts = as_list(value)
    if isinstance(texts, Iterable):
        for text in texts:
            if "=" not in str(text):
                raise ValueError(f"'{text}' is no binding: give action=key, such as panic=f12")
    return texts


# A bound stands around `X | None`, not inside: it then holds for X alone, and the command line sees a plain union.
Time = Annotated[float, Field(ge=0), BeforeValidator(parse_time)]
"""A moment in a file, in seconds."""
OptionalTime = Annotated[float | None, Field(ge=0), BeforeValidator(parse_time)]
"""The same, or None."""
Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]
"""One or several texts."""
Keys = Annotated[tuple[str, ...], BeforeValidator(as_bindings)]
"""Bindings of keys, ``action=key`` each."""
Speed = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""Effort of an encoder, by x264's names."""


class StreamConfig(BaseModel):
    """The settings of one run. Frozen: a changed run is a new, newly checked config."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )

    input: Annotated[str, Field(min_length=1)] = "demo"
    """What to read: a video, a picture, a folder of pictures or a pattern for them (shots/%06d.png), a camera (0, or
    /dev/video0), an rtsp or http URL, or demo."""
    output: Annotated[Texts, Field(max_length=2)] = ()
    """Where to write, one or two of: a video (.mp4 .mov .mkv .webm), numbered pictures (mattes/%06d.png), one picture
    for a picture, preview (a window), virtual (a virtual camera), null. Not given: for a camera or URL virtual, if
    there is one, and preview; else out.mp4, out.png for a picture, out.mov with transparency."""
    overwrite: bool = False
    """Replace an output that exists, once the new one is whole. Without it an existing file is refused."""
    background: Annotated[Texts, Field(min_length=1)] = ("blur",)
    """What to show behind the person: blur, blur:STRENGTH (1 to 100), gradient, color:#rrggbb, a picture, a video or
    animated gif, or transparent. Of several the first is shown; key b goes on to the next."""
    write: Literal["composite", "alpha", "foreground"] = "composite"
    """What to write: the person over the background, the matte alone (white = person), or the person cut out with
    transparency."""

    prompt: Texts = ()
    """Paint the background with Stable Diffusion, by these words. Of several the first is shown; key n goes on to the
    next. Live, a picture or colour named by background stands in until the first one is painted."""
    cues: Path | None = None
    """A YAML file of prompts and when they begin, one a line, such as 00:12.5: a sunlit library."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Number that decides which of the many pictures for a prompt is painted."""
    negative_prompt: str = "blurry, low quality, distorted, text, watermark"
    """What is not to be seen in a painted background."""
    plate_mode: Literal["quality", "fast", "fastest"] = "quality"
    """Work for a painted background: quality (20 steps), fast (8) or fastest (4). --quality, --fast and --fastest say
    the same."""
    fit: Literal["free", "room"] = "free"
    """free: the painter sees nothing of the room, only the prompt counts; room: it starts from the room and keeps its
    shapes, which may then be recognised."""
    room_strength: Annotated[float, Field(gt=0, le=1)] = 0.75
    """With fit room: how far the painting may go from the room, above 0 to 1."""
    steps: Annotated[int | None, Field(ge=1, le=150)] = None
    """Steps of the painter. Not given: by plate_mode."""
    guidance: Annotated[float | None, Field(ge=1, le=30)] = None
    """How strictly the prompt is followed; 1 is faster and ignores the negative prompt. Not given: by plate_mode."""
    control_scale: Annotated[float | None, Field(ge=0, le=2)] = None
    """Weight of the surroundings (the inpainting ControlNet). Not given: by plate_mode."""
    plate_size: Annotated[str | None, Field(pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")] = None
    """Size to paint at, in multiples of 64, such as 768x448. Not given: near that area, in the frame's shape."""
    plate_device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """Where to paint: auto (a GPU if there is one), cpu (minutes a picture), cuda, cuda:1, mps."""
    sd_model: Annotated[str, Field(min_length=1)] = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    """A Stable Diffusion 1.5: its name on the Hugging Face hub, or a folder in diffusers' layout."""
    controlnet: Annotated[str, Field(min_length=1)] = "lllyasviel/control_v11p_sd15_inpaint"
    """The ControlNet for inpainting: its name on the hub, or a folder."""
    second_controlnet: Annotated[str | None, Field(min_length=1)] = None
    """Another ControlNet, which is shown what second_hint says: its name on the hub, or a folder."""
    second_hint: Literal["edges", "tile", "depth"] = "edges"
    """What the second ControlNet is shown: edges (outlines), tile (the picture itself) or depth (what is how far)."""
    depth_model: Annotated[str, Field(min_length=1)] = "depth-anything/Depth-Anything-V2-Small-hf"
    """The model that estimates depth for second_hint depth: its name on the hub, or a folder."""
    lora: Texts = ()
    """LoRA files (.safetensors) to paint with, for a style."""
    model_dir: Path | None = None
    """Folder with downloaded models (streamer download --model-dir). Not given: the Hugging Face cache."""
    yes: bool = False
    """Download models that are missing without asking."""
    allow_people: bool = False
    """Show painted backgrounds with people in them, instead of painting another one."""
    safety_checker: bool = False
    """Run Stable Diffusion's safety checker on painted backgrounds; refused ones are not shown."""
    crossfade_ms: Annotated[float, Field(ge=0, le=10000)] = 400
    """Milliseconds over which one painted background fades into the next."""
    paint_ahead: bool = True
    """Live: paint the other prompts ahead while nothing else is to be painted, so that a key shows them at once."""
    keyframe_interval: Annotated[float | None, Field(ge=1)] = None
    """Paint a new background every so many seconds. Not given: only for another prompt, room or light."""
    plate_cache: Annotated[int, Field(ge=0, le=100_000)] = 500
    """Megabytes of painted backgrounds to keep on disk for the next time; 0 keeps none."""
    low_memory: bool = False
    """Paint with less than 6 GB of GPU memory; slower, and frames may stutter meanwhile."""
    compile_painter: bool = False
    """Compile the painter: the first background takes minutes, the others less time than without."""

    start: Time = 0.0
    """Where in a file to begin: seconds, mm:ss or hh:mm:ss."""
    end: OptionalTime = None
    """Where in a file to stop: seconds, mm:ss or hh:mm:ss. Not given: at its end."""

    camera_size: Annotated[str | None, Field(pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$")] = None
    """Picture size to ask the camera for, such as 1280x720. Cameras answer with the nearest they have."""
    camera_fps: Annotated[float | None, Field(gt=0, le=1000)] = None
    """Pictures a second to ask the camera for; also the rate of a folder of pictures (25 if not given)."""
    camera_fourcc: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9]{4}$")] = None
    """Picture format to ask the camera for: MJPG, YUYV..."""

    virtual_device: Annotated[str | None, Field(min_length=1)] = None
    """The virtual camera that output virtual means, such as /dev/video10 or, on Windows and macOS, its name. Not given:
    the first that is free."""
    always_on: bool = False
    """Keep the camera on although no program reads the virtual camera. Without it, on Linux, the camera is off until
    one does, if the virtual camera is the only output."""
    mirror: bool = False
    """Show the picture as a mirror does. Writing in it is mirrored, too."""
    crop: Annotated[str, Field(pattern=rf"^{_PERCENT}(,{_PERCENT}){{3}}$")] = "0,0,0,0"
    """Percent of the picture to cut off: LEFT,TOP,RIGHT,BOTTOM, as it is shown, such as 10,0,10,0."""
    zoom: Annotated[float, Field(ge=1, le=4)] = 1.0
    """How many times to enlarge the middle of what is left, 1 to 4."""
    output_size: Annotated[str | None, Field(pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")] = None
    """Size of the output, such as 1280x720. Not given: the input's, after cropping."""
    picture_fit: Literal["cover", "contain"] = "cover"
    """How the picture comes to output_size: cover fills it and cuts off what sticks out; contain shows all of it, with
    the background beside and above."""
    auto_center: bool = False
    """Keep the person in the middle and enlarge them when they are small, calmly, in front of a background that stands
    still. Of composites only."""
    color_match: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How far the person takes on the light of the background, 0 (not at all) to 1; half is natural. Of composites
    only, and not before the blurred room."""
    light_wrap: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much light of the background falls on the person's edge, 0 (none) to 1; half is natural. Of composites only,
    and not before the blurred room."""

    model: Literal["compact", "accurate", "classic"] = "compact"
    """Network that finds the person: compact runs in real time on a CPU; accurate finds edges and small things better
    for some 40 times the work, for a GPU or a video that may take its time; classic has 31 million parameters and needs
    a file of weights."""
    segmenter: Annotated[str, Field(pattern=r"^unet$|^mediapipe$|^onnx:.+$")] = "unet"
    """What finds the person: unet, the program's own network; mediapipe, MediaPipe's selfie models; or onnx:FILE, any
    other one, which a YAML file of the same name beside it says how to feed."""
    mediapipe_python: Path | None = None
    """Interpreter that has MediaPipe, for segmenter mediapipe. Not given: this one if it has it, else
    .venv-peer/bin/python."""
    weights: Path | None = None
    """Weights of the network, a .safetensors or .pth file. Not given: the ones that come with the program."""
    profile: Annotated[str | None, Field(pattern=r"^\w[\w-]{0,63}$")] = None
    """Weights that learnt this person, camera and room, by the name given to streamer enroll."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the network runs; auto takes a GPU if there is one."""
    require_gpu: bool = False
    """Refuse to run the network on the CPU, instead of falling back to it."""
    runtime: Literal["auto", "torch", "onnxruntime", "openvino"] = "auto"
    """What runs the network on the CPU; auto takes the fastest that is installed. On a GPU it is torch."""
    matte_detail: Literal["auto", "normal", "fine", "finest"] = "auto"
    """How closely the network looks. Fine shows it a larger picture, which cuts legs and hair more finely and takes it
    nearly twice as long; finest shows it every mirror image, too, twice as long again. auto is finest for a still
    picture, else normal. A picture that leaves the network in doubt is looked at in the mirror in any case, but not by
    frame_path gpu."""
    look_ahead: Annotated[int, Field(ge=0, le=30)] = 0
    """Frames of a recording that wait for those behind them, such as 12. Who is seen there is seen before, too, where
    the network missed them because they had only just come in; edges become steadier. It takes half as long
    again. Live, and by frame_path gpu, each frame is taken as it comes."""
    adaptive_quality: bool = True
    """Live, on the CPU: compute the matte at a smaller size while the machine cannot keep up."""

    frame_path: Literal["cpu", "gpu"] = "cpu"
    """Where frames are composed: gpu is the NVIDIA GPU that runs the network, if one does.
    Its tests have passed on one; no whole video has been looked at yet."""

    clean_plate: Annotated[str, Field(min_length=1)] = "learn"
    """What is known of the room without a person, so that its furniture is not taken for one, nor a hand for the room:
    learn (from what shows beside the person), snap (the first second shows it empty), a picture of it, or off. For a
    camera that stands still; when it is moved the room is learnt anew."""
    steadiness: Annotated[float, Field(ge=0, le=0.98)] = 0.97
    """How much the matte is averaged with earlier ones where the picture stands still; 0 takes each frame for itself.
    What moves is never averaged."""
    people: Literal["all", "largest", "center"] = "all"
    """Who is kept: everybody, only the one who covers most of the picture, or only the one nearest to its middle."""
    min_island: Annotated[float, Field(ge=0, le=50)] = 0.3
    """Separate patches of person smaller than this many percent of the picture are dropped."""
    fill_holes: Annotated[float, Field(ge=0, le=50)] = 0.0
    """Holes in the person of up to this many percent of the picture are filled. What is seen through them is shown."""
    edge_shift: Annotated[int, Field(ge=-50, le=50)] = 0
    """Pixels by which the edge of the person is moved: outward if positive, inward if negative."""
    feather: Annotated[int, Field(ge=0, le=50)] = 0
    """Pixels over which the edge of the person is softened."""

    encoder: Annotated[str, Field(min_length=1)] = "auto"
    """Video encoder: auto (x264 for .mp4, .mov and .mkv, VP9 for .webm), vp9, prores or ffv1, or a hardware one: nvenc,
    qsv, vaapi, videotoolbox."""
    crf: Annotated[int | None, Field(ge=0, le=63)] = None
    """Constant quality of the encoder; lower is better and larger. Not given: 20 for x264, 30 for VP9."""
    speed: Speed | None = None
    """Effort of the encoder: slower makes smaller files. Not given: fast enough to keep up with the matte."""
    audio: Literal["copy", "none"] = "copy"
    """Sound of the input: copy keeps every track, none leaves them out."""

    hotkeys: Keys = ()
    """Other keys than the usual ones, live: action=key, such as panic=f12 or still=none; in YAML a mapping. streamer
    hotkeys lists all actions and their keys."""
    global_hotkeys: Literal["auto", "off"] = "auto"
    """Keys that work in every window: auto, where a display and the extra hotkeys are there, or off."""
    still_folder: Path = Path(".")
    """Folder for the pictures that the key for a still saves."""
    api: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Port of the remote control, such as 8765; 0 takes any that is free. Not given: there is none."""
    api_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address of this machine at which the remote control listens. Any but 127.0.0.1 lets other machines reach it."""
    api_token_file: Path | None = None
    """File that holds the remote control's token. Not given: one is made, and the program says where it lies."""
    api_backgrounds: Path | None = None
    """Folder with the background files that the remote control may show. Not given: none."""

    stats: Path | None = None
    """Write measurements (rates, times of each stage, drops, latency): to a .jsonl file a line every second, to any
    other one JSON text at the end."""
    log_level: Literal["auto", "debug", "info", "warning", "error"] = "auto"
    """Least serious messages that are shown; auto is info on a terminal, else warning."""

    @field_validator("output")
    @classmethod
    def _outputs_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"'{value[0]}' is named twice")
        return value

    @field_validator("crop")
    @classmethod
    def _crop_leaves_something(cls, value: str) -> str:
        left, top, right, bottom = (float(side) for side in value.split(","))
        if max(left + right, top + bottom) > 100 - LEAST_LEFT_PERCENT:
            raise ValueError(f"crop {value}: LEFT,TOP,RIGHT,BOTTOM must leave at least {LEAST_LEFT_PERCENT} percent")
        return value

    @field_validator("prompt")
    @classmethod
    def _prompts_have_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        prompts = tuple(text.strip() for text in value)  # a block of YAML ends with a line end
        if not all(prompts):
            raise ValueError("prompt: it must say what to paint, such as 'a sunlit library'")
        return prompts

    @field_validator("cues", "model_dir", "weights", "mediapipe_python", "still_folder", "stats")
    @classmethod
    def _home_is_found(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.expanduser(value))  # no shell does that in a YAML file

    @field_validator("plate_size")
    @classmethod
    def _plate_in_steps(cls, value: str | None) -> str | None:
        sides = [int(side) for side in value.split("x")] if value else []
        if any(side % 64 or not 256 <= side <= 2048 for side in sides):
            raise ValueError(f"plate_size {value}: both sides must be multiples of 64, from 256 to 2048")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> StreamConfig:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end ({self.end:g} s) must come after start ({self.start:g} s)")
        if self.require_gpu and self.device == "cpu":
            raise ValueError("require_gpu and device cpu exclude each other: leave one out")
        if len(self.background) > 1 and "transparent" in self.background:
            raise ValueError("background transparent cannot take turns with others: an output is transparent or not")
        if self.is_painted and "transparent" in self.background:
            raise ValueError("background transparent and a prompt exclude each other: leave one out")
        if self.is_painted and self.fit == "room" and (self.people != "all" or self.edge_shift < 0):
            raise ValueError(
                "fit room takes what the matte leaves out into the painting: leave people and edge_shift out"
            )
        if self.plate_mode == "fastest" and self.steps is not None and self.steps > FASTEST_STEPS:
            raise ValueError(f"plate_mode fastest takes at most {FASTEST_STEPS} steps, not {self.steps}")
        if self.profile is not None and (self.weights is not None or self.model != "compact"):
            raise ValueError("profile brings its own weights, of the compact network: leave weights and model out")
        if self.profile is not None and self.segmenter != "unet":
            raise ValueError("profile and another segmenter exclude each other: leave one out")
        if self.prompt and self.cues is not None:
            raise ValueError("prompt and cues exclude each other: the cue file holds the prompts")
        return self

    @property
    def is_painted(self) -> bool:
        """Whether a background is painted from a prompt."""
        return bool(self.prompt) or self.cues is not None

    def as_yaml(self) -> str:
        """All settings as a preset file would hold them."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


for _field in StreamConfig.model_fields.values():
    _field.description = " ".join((_field.description or "").split())  # the source's line ends are nobody else's


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The setting that is wrong (empty if it is several together), and why, in one line."""
    problem = error.errors(include_url=False)[0]
    key = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        known = list(StreamConfig.model_fields)
        return key, f"unknown setting '{key}'" + (nearest(key, known) or f"; there are {', '.join(known)}")
    return key, f"{key}: {_reason(problem)}" if key else _reason(problem)


def _reason(problem: Mapping[str, Any]) -> str:
    message, value = str(problem["msg"]), problem.get("input")
    if problem["type"] == "value_error":
        return message.removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        wanted = {
            "camera_size": "WIDTHxHEIGHT, such as 1280x720, both from 10 to 99999",
            "camera_fourcc": "four letters, such as MJPG",
            "crop": "LEFT,TOP,RIGHT,BOTTOM in percent, such as 10,0,10,0",
            "output_size": "WIDTHxHEIGHT, such as 1280x720, both from 10 to 9999",
            "segmenter": "unet, mediapipe or onnx:FILE",
            "plate_size": "WIDTHxHEIGHT in multiples of 64, such as 768x448, both from 256 to 2048",
            "profile": "a name of letters, digits, - and _, such as desk",
            "plate_device": "auto, cpu, cuda, cuda:1 or mps",
        }
        message = f"should be {wanted[problem['loc'][0]]}"
    if problem["type"] in ("too_long", "too_short"):
        return message.removeprefix("Value ").replace(" after validation", "")
    message = message.removeprefix("Input ").partition(", unable to")[0]
    return f"{message}, not {value!r}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
