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
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np

from streamer.backgrounds.depth import DepthEstimator
from streamer.backgrounds.plates import OutOfMemory, PaintOrder
from streamer.errors import GenerationCancelled, GenerationError
from streamer.frames import Image, to_image, to_tensor

PlateMode: TypeAlias = Literal["quality", "fast", "fastest"]
"""How much work a plate is worth."""
Hint: TypeAlias = Literal["edges", "tile", "depth"]
"""What a second ControlNet is shown: the outlines of the picture, the picture itself, or how far away things are."""


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
    recorded: bool = True
    """On CUDA, play the networks' steps back as graphs; not with ``low_memory`` or ``compile``."""
    safety_checker: bool = False
    threads: int | None = None
    """Threads that compute on the CPU; None = as many as torch takes."""


class DiffusionPainter:
    """A ``Painter``. Deterministic: noise comes from the CPU, whatever the device.

    Args:
        pipeline: diffusers' ``StableDiffusionControlNetInpaintPipeline``, on its device.
        settings: how to paint.
        has_second: whether there is a second ControlNet.
        depth: makes the hint ``depth``.
    """

    def __init__(
        self,
        pipeline: Any,
        settings: PainterSettings,
        *,
        has_second: bool = False,
        depth: DepthEstimator | None = None,
    ) -> None:
        pace = PACES[settings.mode]
        self._pipeline = pipeline
        self._steps = settings.steps or pace.steps
        self._guidance = pace.guidance if settings.guidance is None else settings.guidance
        scale = pace.control_scale if settings.control_scale is None else settings.control_scale
        self._scale: float | list[float] = [scale, settings.hint_scale] if has_second else scale
        self._hint: Hint | None = settings.hint if has_second else None
        self._depth = depth
        self._prompts: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
        self._stream: Any = None
        self._is_short_of_memory = False
        self._threads = settings.threads
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

        if self._threads is not None:
            torch.set_num_threads(self._threads)  # each time, for whoever else computes here may have set it
        with self._errors_named(), self._on_stream(), torch.inference_mode():
            if self._is_short_of_memory:
                torch.cuda.empty_cache()
                self._is_short_of_memory = False
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
                strength=self._strength(order.strength),
                num_inference_steps=self._steps,
                guidance_scale=self._guidance,
                controlnet_conditioning_scale=self._scale,
                generator=torch.Generator("cpu").manual_seed(order.seed),
                callback_on_step_end=heed_stop,
                output_type="pt",
            )
            picture = result.images[0].float()
            if not torch.isfinite(picture).all():  # it would be a black plate
                raise GenerationError(
                    "the painter computed no picture but NaN, as some GPUs do in half precision: try --plate-device cpu"
                )
            image = to_image(picture)
        if any(result.nsfw_content_detected or ()):
            raise GenerationError("the safety checker refused the plate: use another prompt or seed")
        return image

    def close(self) -> None:
        """Let go of the networks."""
        for calls in self._recorded_calls():
            calls.forget()
        for network in self._networks():  # a recorded one holds on to itself
            vars(network).pop("forward", None)
        self._pipeline = None
        self._prompts.clear()

    def _networks(self) -> list[Any]:
        return [] if self._pipeline is None else [self._pipeline.unet, self._pipeline.controlnet]

    def _recorded_calls(self) -> list[Any]:
        """What plays the networks' steps back, where they are recorded."""
        calls = [vars(network).get("forward") for network in self._networks()]
        return [each for each in calls if hasattr(each, "forget")]

    def _strength(self, wished: float) -> float:
        """The strength, or the least at which one step is left to take: without any, the library fails."""
        return min(1.0, max(wished, 1.01 / self._steps))

    def _control(self, order: PaintOrder) -> Any:
        """What the ControlNets are shown: the picture in 0..1 with -1 where it is to be painted; and the hint."""
        import torch

        control = order.image.astype(np.float32) / 255
        control[order.repaint] = -1.0
        controls = [torch.from_numpy(control).permute(2, 0, 1)[None].contiguous()]
        if self._hint is not None:
            controls.append(
                torch.from_numpy(self._hint_for(order.image).astype(np.float32) / 255)
                .permute(2, 0, 1)[None]
                .contiguous()
            )
        return controls if self._hint is not None else controls[0]

    def _hint_for(self, image: Image) -> Image:
        if self._hint == "edges":
            return outlines(image)
        return image if self._depth is None else self._depth.depth(image)

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

        pipeline = self._pipeline
        if pipeline is None:
            raise GenerationCancelled("the painter is closed")
        try:
            yield
        except Exception as error:
            pipeline.maybe_free_model_hooks()
            if isinstance(error, GenerationError):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            if isinstance(error, torch.OutOfMemoryError) or "out of memory" in reason.lower():
                self._is_short_of_memory = self._stream is not None
                for calls in self._recorded_calls():
                    calls.forget()
                raise OutOfMemory(reason) from None  # whose traceback would hold on to the memory
            raise GenerationError(f"the plate cannot be painted: {reason}") from error


def outlines(image: Image) -> Image:
    """White outlines on black, RGB uint8 ``(h, w, 3)``: what a ControlNet for Canny edges is shown."""
    edges = cv2.Canny(image, 100, 200)
    return np.repeat(edges[..., None], 3, axis=2)
