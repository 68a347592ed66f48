"""The painter that is Stable Diffusion 1.5 with the ControlNet for inpainting, through diffusers.

The well-known recipe: ``StableDiffusionControlNetInpaintPipeline`` with ``lllyasviel/control_v11p_sd15_inpaint`` and
the UniPC scheduler (arXiv 2302.04867), 20 steps. ``fast`` and ``fastest`` add a distilled LoRA: Hyper-SD (arXiv
2404.13686) with 8 steps, LCM-LoRA (arXiv 2311.05556) with 4. Weights are read from folders; nothing here asks the hub.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np

from streamer.backgrounds.hub import INSTALL
from streamer.backgrounds.plates import OutOfMemory, PaintOrder
from streamer.errors import GenerationCancelled, GenerationError, MissingExtra, WeightsError
from streamer.frames import Image, to_image, to_tensor

PlateMode: TypeAlias = Literal["quality", "fast", "fastest"]
"""How much work a plate is worth."""
Hint: TypeAlias = Literal["edges", "tile"]
"""What a second ControlNet is shown: the outlines of the picture, or the picture itself."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a mode means where the settings do not say otherwise."""

    steps: int
    guidance: float
    control_scale: float


PACES: Mapping[PlateMode, Pace] = {
    "quality": Pace(steps=20, guidance=7.0, control_scale=1.0),
    "fast": Pace(steps=8, guidance=5.0, control_scale=1.0),
    "fastest": Pace(steps=4, guidance=1.5, control_scale=0.8),
}
PROMPTS_KEPT = 32
"""Encoded prompts that are kept: 0.24 MB each."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PainterFiles:
    """Where the weights lie: folders in diffusers' layout, and files."""

    base: Path
    controlnet: Path
    lora: Path | None = None
    """A .safetensors file; the distilled one of a fast mode."""
    styles: tuple[Path, ...] = ()
    """More LoRA files, for a look."""
    decoder: Path | None = None
    """A small autoencoder (TAESD) in place of the model's own."""
    second_controlnet: Path | None = None


@dataclass(frozen=True, slots=True)
class PainterSettings:
    """How it paints; None = what the mode says."""

    mode: PlateMode = "quality"
    steps: int | None = None
    guidance: float | None = None
    control_scale: float | None = None
    hint: Hint = "edges"
    hint_scale: float = 0.5
    """Weight of the second ControlNet."""
    device: str = "cpu"
    """``cpu``, ``cuda``, ``cuda:1``..., ``mps``."""
    low_memory: bool = False
    """Keep on the GPU only what works at the moment: for less than 6 GB; slower, and it disturbs the frames."""
    compile: bool = False
    """Compile the networks at the first plate: a minute or more, then each plate is faster."""
    safety_checker: bool = False


class DiffusionPainter:
    """A ``Painter``. Deterministic: noise comes from the CPU, whatever the device.

    Args:
        pipeline: diffusers' ``StableDiffusionControlNetInpaintPipeline``, on its device.
        settings: how to paint.
        hint: whether there is a second ControlNet.
    """

    def __init__(self, pipeline: Any, settings: PainterSettings, *, has_second: bool = False) -> None:
        pace = PACES[settings.mode]
        self._pipeline = pipeline
        self._steps = settings.steps or pace.steps
        self._guidance = pace.guidance if settings.guidance is None else settings.guidance
        scale = pace.control_scale if settings.control_scale is None else settings.control_scale
        self._scale: float | list[float] = [scale, settings.hint_scale] if has_second else scale
        self._hint: Hint | None = settings.hint if has_second else None
        self._prompts: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
        self._stream: Any = None
        if settings.device.startswith("cuda"):
            import torch

            # The matte's stream has priority over this one; see streamer/segmentation/runtimes.py.
            self._stream = torch.cuda.Stream(settings.device, priority=0)

    def paint(self, order: PaintOrder, *, should_stop: Callable[[], bool]) -> Image:
        """See ``Painter``."""
        import torch

        height, width = order.repaint.shape

        def heed_stop(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if should_stop():
                raise GenerationCancelled("the plate is not wanted any more")
            return tensors

        with self._on_stream(), torch.inference_mode(), self._errors_named():
            if should_stop():
                raise GenerationCancelled("the plate is not wanted any more")
            prompt, negative = self._encoded(order.prompt, order.negative)
            result = self._pipeline(
                prompt_embeds=prompt,
                negative_prompt_embeds=negative,
                image=to_tensor(order.image),
                mask_image=torch.from_numpy(order.repaint.astype(np.float32))[None, None],
                control_image=self._control(order),
                width=width,
                height=height,
                strength=order.strength,
                num_inference_steps=self._steps,
                guidance_scale=self._guidance,
                controlnet_conditioning_scale=self._scale,
                generator=torch.Generator("cpu").manual_seed(order.seed),
                callback_on_step_end=heed_stop,
                output_type="pt",
            )
            image = to_image(result.images[0].float())
        if any(result.nsfw_content_detected or ()):
            raise GenerationError("the safety checker refused the plate: use another prompt or seed")
        return image

    def close(self) -> None:
        """Let go of the networks."""
        self._pipeline = None
        self._prompts.clear()

    def _control(self, order: PaintOrder) -> Any:
        """What the ControlNets are shown: the picture in 0..1 with -1 where it is to be painted; and the hint."""
        import torch

        control = order.image.astype(np.float32) / 255
        control[order.repaint] = -1.0
        controls = [torch.from_numpy(control).permute(2, 0, 1)[None].contiguous()]
        if self._hint is not None:
            hint = outlines(order.image) if self._hint == "edges" else order.image
            controls.append(torch.from_numpy(hint.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous())
        return controls if self._hint is not None else controls[0]

    def _encoded(self, prompt: str, negative: str) -> tuple[Any, Any]:
        """The prompt's embeddings, and the negative prompt's if guidance uses it; kept for the next time."""
        key = (prompt, negative)
        if key not in self._prompts:
            pipeline = self._pipeline
            guided = self._guidance > 1
            most = pipeline.tokenizer.model_max_length
            if len(pipeline.tokenizer(prompt).input_ids) > most:
                logger.warning("the prompt is longer than the painter reads (%d tokens): its end is not heard", most)
            self._prompts[key] = pipeline.encode_prompt(
                prompt, pipeline._execution_device, 1, guided, negative if guided else None
            )
        self._prompts.move_to_end(key)
        while len(self._prompts) > PROMPTS_KEPT:
            self._prompts.popitem(last=False)
        return self._prompts[key]

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        if self._stream is None:
            yield
            return
        import torch

        with torch.cuda.stream(self._stream):
            yield

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """What the libraries raise, as ours; hooks that move networks about are put right first."""
        import torch

        try:
            yield
        except Exception as error:
            self._pipeline.maybe_free_model_hooks()
            if isinstance(error, GenerationError):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            if isinstance(error, torch.OutOfMemoryError) or "out of memory" in reason.lower():
                if self._stream is not None:
                    torch.cuda.empty_cache()
                raise OutOfMemory(reason) from error
            raise GenerationError(f"the plate cannot be painted: {reason}") from error


def load_painter(files: PainterFiles, settings: PainterSettings) -> DiffusionPainter:
    """Load the pipeline from folders, ready on its device; takes seconds.

    Raises:
        MissingExtra: diffusers is not installed, or a LoRA is asked for and peft is not.
        WeightsError: a folder or file holds no such model.
        GenerationError: the device is not there, or too small.
    """
    try:
        import diffusers
        import transformers  # noqa: F401 - diffusers reports its absence only when it is needed
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(
            f"painted backgrounds need diffusers, which cannot be imported ({error}): {INSTALL}"
        ) from error
    _quieten()
    dtype = _dtype(settings)
    with _weights_named(files.controlnet):
        controlnet: Any = _read(diffusers.ControlNetModel, files.controlnet, dtype)
    if files.second_controlnet is not None:
        with _weights_named(files.second_controlnet):
            controlnet = [controlnet, _read(diffusers.ControlNetModel, files.second_controlnet, dtype)]
    unchecked: dict[str, Any] = {"safety_checker": None, "requires_safety_checker": False, "feature_extractor": None}
    with _weights_named(files.base):
        pipeline = _read(
            diffusers.StableDiffusionControlNetInpaintPipeline,
            files.base,
            dtype,
            controlnet=controlnet,
            **({} if settings.safety_checker else unchecked),
        )
    if files.decoder is not None:
        with _weights_named(files.decoder):
            pipeline.vae = _read(diffusers.AutoencoderTiny, files.decoder, dtype)
    for lora in filter(None, (files.lora, *files.styles)):
        with _weights_named(lora):
            _add_lora(pipeline, lora)
    return _ready(pipeline, settings, has_second=files.second_controlnet is not None)


def assembled(base: Any, controlnet: Any, settings: PainterSettings, *, decoder: Any = None) -> DiffusionPainter:
    """A painter of networks that are in memory already: diffusers' pipeline without ControlNet, and the ControlNet."""
    import diffusers

    _quieten()
    components = base.components | ({"vae": decoder} if decoder is not None else {})
    pipeline = diffusers.StableDiffusionControlNetInpaintPipeline(
        **components, controlnet=controlnet, requires_safety_checker=False
    )
    return _ready(pipeline, settings, has_second=False)


def _ready(pipeline: Any, settings: PainterSettings, *, has_second: bool) -> DiffusionPainter:
    import diffusers

    pipeline.scheduler = _scheduler(diffusers, settings.mode, pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return DiffusionPainter(_placed(pipeline, settings), settings, has_second=has_second)


def _quieten() -> None:
    """The libraries talk to programmers, on stderr; what a user should know of it is said by this program."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()


def _dtype(settings: PainterSettings) -> Any:
    """Half precision is for GPUs: a CPU computes with it more slowly, and less exactly."""
    import torch

    return torch.float32 if settings.device == "cpu" else torch.float16


def outlines(image: Image) -> Image:
    """White outlines on black, RGB uint8 ``(h, w, 3)``: what a ControlNet for Canny edges is shown."""
    edges = cv2.Canny(image, 100, 200)
    return np.repeat(edges[..., None], 3, axis=2)


def _read(kind: Any, folder: Path, dtype: Any, **more: Any) -> Any:
    """A model or pipeline from its folder, in the half-length files if it has those."""
    variant = "fp16" if any(folder.rglob("*.fp16.safetensors")) else None
    return kind.from_pretrained(
        folder, dtype=dtype, variant=variant, use_safetensors=True, local_files_only=True, **more
    )


def _add_lora(pipeline: Any, file: Path) -> None:
    try:
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
    except (ImportError, ValueError) as error:
        if "PEFT" in str(error):
            raise MissingExtra(f"a LoRA needs the package peft: {INSTALL}") from error
        raise
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()  # merged: what is left would only slow it down


def _scheduler(diffusers: Any, mode: PlateMode, config: Any) -> Any:
    if mode == "quality":
        return diffusers.UniPCMultistepScheduler.from_config(config)
    if mode == "fast":
        return diffusers.DDIMScheduler.from_config(config, timestep_spacing="trailing")
    return diffusers.LCMScheduler.from_config(config)


def _placed(pipeline: Any, settings: PainterSettings) -> Any:
    """The pipeline on its device."""
    import torch

    is_cuda = settings.device.startswith("cuda")
    if is_cuda and not torch.cuda.is_available():
        raise GenerationError(f"plate device {settings.device} is not there: torch sees no CUDA device")
    try:
        if settings.low_memory and is_cuda:
            pipeline.vae.enable_tiling()
            pipeline.enable_model_cpu_offload(device=settings.device)
        else:
            pipeline = pipeline.to(settings.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GenerationError(f"the models do not go onto {settings.device} ({reason}): try --low-memory") from error
    if is_cuda:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.controlnet.to(memory_format=torch.channels_last)
    if settings.compile:
        pipeline.unet.compile(fullgraph=True)
        pipeline.controlnet.compile(fullgraph=True)
    return pipeline


@contextmanager
def _weights_named(path: Path) -> Iterator[None]:
    """What a library says of broken weights, in one line with their path."""
    try:
        yield
    except MissingExtra:
        raise
    except Exception as error:  # each library of the three has its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"weights in {path} cannot be used: {reason}") from error
