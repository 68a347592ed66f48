"""Loads the painter: networks from folders, LoRAs merged, scheduler chosen, on its device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.backgrounds.depth import DepthEstimator
from streamer.backgrounds.hub import INSTALL, variant_of
from streamer.backgrounds.inpaint import DiffusionPainter, PainterSettings, PlateMode
from streamer.errors import GenerationError, MissingExtra, WeightsError


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
    depth: Path | None = None
    """A model that estimates depth, for the hint of that name."""


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
    depth = None
    if files.second_controlnet is not None and files.depth is not None and settings.hint == "depth":
        with _weights_named(files.depth):
            depth = DepthEstimator(files.depth, settings.device)
    return _ready(pipeline, settings, has_second=files.second_controlnet is not None, depth=depth)


def assembled(base: Any, controlnet: Any, settings: PainterSettings, *, decoder: Any = None) -> DiffusionPainter:
    """A painter of networks that are in memory already: diffusers' pipeline without ControlNet, and the ControlNet."""
    import diffusers

    _quieten()
    components = base.components | ({"vae": decoder} if decoder is not None else {})
    pipeline = diffusers.StableDiffusionControlNetInpaintPipeline(
        **components, controlnet=controlnet, requires_safety_checker=False
    )
    return _ready(pipeline, settings)


def _ready(
    pipeline: Any, settings: PainterSettings, *, has_second: bool = False, depth: DepthEstimator | None = None
) -> DiffusionPainter:
    import diffusers

    pipeline.scheduler = _scheduler(diffusers, settings.mode, pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return DiffusionPainter(_placed(pipeline, settings), settings, has_second=has_second, depth=depth)


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


def _read(kind: Any, folder: Path, dtype: Any, **more: Any) -> Any:
    """A model or pipeline from its folder, in the half-length files if it has those."""
    return kind.from_pretrained(
        folder, dtype=dtype, variant=variant_of(folder), use_safetensors=True, local_files_only=True, **more
    )


def _add_lora(pipeline: Any, file: Path) -> None:
    try:
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
    except (ImportError, ValueError) as error:
        if "PEFT" in str(error):
            raise MissingExtra(f"a LoRA needs the package peft: {INSTALL}") from error
        raise
    if not any(pipeline.get_list_adapters().values()):  # of which the library says nothing
        raise ValueError("it is a LoRA for another kind of model than Stable Diffusion 1.5")
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()  # merged: what is left would only slow it down


def _scheduler(diffusers: Any, mode: PlateMode, config: Any) -> Any:
    if mode == "quality":
        return diffusers.UniPCMultistepScheduler.from_config(config)
    if mode == "fast":
        # Its own default clips latents as if they were pixels, and not every model's folder says otherwise.
        return diffusers.DDIMScheduler.from_config(config, timestep_spacing="trailing", clip_sample=False)
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
        torch.cuda.synchronize(settings.device)  # the painter works on a stream of its own
    if settings.compile:
        pipeline.unet.compile(fullgraph=True)
        pipeline.controlnet.compile(fullgraph=True)
    elif is_cuda and settings.recorded and not settings.low_memory:  # there networks come and go
        from streamer.backgrounds.recorded_calls import RecordedCalls

        for network in (pipeline.unet, pipeline.controlnet):
            network.forward = RecordedCalls(network.forward, torch.device(settings.device))
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
