"""Weights of Stable Diffusion: which files are needed, where they lie on this machine, and how they get there.

``locate`` asks nobody but the disk. ``plan`` and ``download`` ask the Hugging Face hub, and say within seconds when it
cannot be reached.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from streamer.backgrounds.hub_transfer import fetch, in_one_line
from streamer.errors import MissingExtra, WeightsError

Pack = Literal["sd15", "fast", "fastest"]
"""Models that work together: full quality in 20 steps; 8 steps; 4 steps with a small autoencoder."""
PACKS: tuple[Pack, ...] = get_args(Pack)

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
GONE_SD15 = "runwayml/stable-diffusion-v1-5"
"""Where Stable Diffusion 1.5 was until August 2024; half of the web still names it."""
CONTROLNET = "lllyasviel/control_v11p_sd15_inpaint"
HYPER_SD = "ByteDance/Hyper-SD"
HYPER_SD_FILE = "Hyper-SD15-8steps-CFG-lora.safetensors"
LCM_LORA = "latent-consistency/lcm-lora-sdv1-5"
LCM_LORA_FILE = "pytorch_lora_weights.safetensors"
TAESD = "madebyollin/taesd"
DEPTH = "depth-anything/Depth-Anything-V2-Small-hf"

LICENCE_NOTE = (
    "Stable Diffusion 1.5 comes under the CreativeML OpenRAIL-M licence, whose use restrictions pass on to you and to "
    "whoever you pass it to: https://huggingface.co/spaces/CompVis/stable-diffusion-license"
)
"""To be shown once, before the first download of ``SD15``."""
INSTALL = 'python -m pip install -e ".[diffusion]" -c constraints.txt'

PLAN_TIMEOUT_S = 10.0
PUBLISHED_MB = {
    "unet/diffusion_pytorch_model.fp16.safetensors": 1719,
    "vae/diffusion_pytorch_model.fp16.safetensors": 167,
    "text_encoder/model.fp16.safetensors": 246,
    "safety_checker/model.fp16.safetensors": 608,
    "diffusion_pytorch_model.fp16.safetensors": 723,
    HYPER_SD_FILE: 269,
    LCM_LORA_FILE: 135,
    "diffusion_pytorch_model.safetensors": 10,
}
"""Sizes for a message that may not ask the hub: of the files of the packs, as their pages give them."""

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What is needed of one model.

    Attributes:
        repo: the hub's id ``owner/name``, or the path of a folder.
        patterns: of file names below it, with ``*``; each must be met by a file. Nothing else is downloaded.
        revision: branch, tag or commit; None = the newest.
    """

    repo: str
    patterns: tuple[str, ...]
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a download would fetch.

    Attributes:
        repo: the hub's id.
        sha: the commit that the hub would give now.
        names: of the files.
        size_bytes: of them all; those that are here already, from a download that broke off, count too.
    """

    repo: str
    sha: str
    names: tuple[str, ...]
    size_bytes: int


# -- which files -----------------------------------------------------------------------------------------------------


def base_files(repo: str = SD15, *, safety_checker: bool = False) -> ModelFiles:
    """Network, autoencoder, text encoder, tokenizer and scheduler of a Stable Diffusion 1.5, in half precision."""
    patterns = [
        "model_index.json",
        "scheduler/*.json",
        "tokenizer/*",
        "tokenizer/tokenizer_config.json",  # and two more by name, so that one file does not pass for all of them
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
    ]
    if safety_checker:
        patterns += ["safety_checker/config.json", "safety_checker/model.fp16.safetensors", "feature_extractor/*.json"]
    return ModelFiles(repo, tuple(patterns))


def controlnet_files(repo: str = CONTROLNET) -> ModelFiles:
    """A ControlNet in half precision."""
    return ModelFiles(repo, ("config.json", "diffusion_pytorch_model.fp16.safetensors"))


def lora_files(repo: str, name: str) -> ModelFiles:
    """The one file of a LoRA."""
    return ModelFiles(repo, (name,))


def autoencoder_files(repo: str = TAESD) -> ModelFiles:
    """A small autoencoder, which is published in full precision only."""
    return ModelFiles(repo, ("config.json", "diffusion_pytorch_model.safetensors"))


def depth_files(repo: str = DEPTH) -> ModelFiles:
    """A model that estimates depth, which is published in full precision."""
    return ModelFiles(repo, ("config.json", "model.safetensors"))


def pack(name: Pack, *, safety_checker: bool = False) -> tuple[ModelFiles, ...]:
    """All that the pack consists of, the base first."""
    common = (base_files(safety_checker=safety_checker), controlnet_files())
    extras: dict[Pack, tuple[ModelFiles, ...]] = {
        "sd15": (),
        "fast": (lora_files(HYPER_SD, HYPER_SD_FILE),),
        "fastest": (lora_files(LCM_LORA, LCM_LORA_FILE), autoencoder_files()),
    }
    return common + extras[name]


def variant_of(folder: Path) -> str | None:
    """``"fp16"`` if weights in half precision lie in the folder or right below it: what diffusers calls the variant."""
    is_half = any(folder.glob("*.fp16.safetensors")) or any(folder.glob("*/*.fp16.safetensors"))
    return "fp16" if is_half else None


# -- on this machine -------------------------------------------------------------------------------------------------


def locate(files: ModelFiles, model_dir: Path | None) -> Path | None:
    """The folder that holds all the files, without any network; None if there is none.

    Looks at a folder of the name ``files.repo``, then below ``model_dir``, then in the hub's own cache. A file in full
    precision may stand in for one in half, so that weights that were saved here are found, too.

    Raises:
        WeightsError: the named folder lacks a file, or ``files.repo`` is neither found here nor a model on the hub.
        MissingExtra: the hub's library is not installed, so that its cache cannot be read.
    """
    named = Path(os.path.expanduser(files.repo))
    own = model_dir / files.repo if model_dir is not None and _HUB_ID.fullmatch(files.repo) else None
    # Whoever stands in the model folder itself names a model, not a folder that must be complete.
    is_own = own is not None and own.is_dir() and named.is_dir() and own.samefile(named)
    if named.is_dir() and not is_own:
        if lacking := _first_missing(files, named):
            raise WeightsError(
                f"the folder {files.repo} holds no {lacking}: it must be a model in the form of diffusers"
            )
        return named
    if own is not None and own.is_dir() and not _first_missing(files, own):
        return own
    cached = _cached(files)
    if cached is None:
        check_id(files.repo)
    return cached


def check_id(repo: str) -> None:
    """Refuse what is neither a folder here nor an id that the hub could know, asking nobody.

    Raises:
        WeightsError: with the id to use instead, if there is one.
    """
    if os.path.isdir(os.path.expanduser(repo)):
        return
    if repo.lower() == GONE_SD15:
        raise WeightsError(f"{repo} was taken off the hub in 2024: use its copy, {SD15}")
    if not _HUB_ID.fullmatch(repo):
        raise WeightsError(f"'{repo}' is neither a folder here nor the id of a model on the hub (owner/name)")


def missing_message(missing: Sequence[ModelFiles], model_dir: Path | None) -> str:
    """The one line for models that ``locate`` did not find, asking nobody: how much, from where to where, and how.

    Raises:
        MissingExtra: the hub's library is not installed, so that there is no telling where its cache lies.
    """
    size_bytes = sum(PUBLISHED_MB.get(pattern, 0) for files in missing for pattern in files.patterns) * 10**6
    size = f"{size_text(size_bytes)} from " if size_bytes else ""
    repos = [files.repo for files in missing]
    what = f"weights are missing: {size}{' and '.join(repos)} to {target_folder(model_dir)}"
    packs = [name for name in PACKS if set(repos) <= {files.repo for files in pack(name)}]
    if not packs:
        return f"{what}; add --yes to download them"
    words = ["streamer", "download", packs[0]]
    if model_dir is not None:
        words += ["--model-dir", shlex.quote(str(model_dir))]
    if any(pattern.startswith("safety_checker/") for files in missing for pattern in files.patterns):
        words.append("--safety-checker")
    return f"{what}; run `{' '.join(words)}`, or add --yes"


def target_folder(model_dir: Path | None) -> Path:
    """The folder below which downloads are put: ``model_dir``, or the hub's own cache.

    Raises:
        MissingExtra: the hub's library is not installed, so that there is no telling where its cache lies.
    """
    if model_dir is not None:
        return model_dir
    _need_library()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def size_text(size_bytes: int) -> str:
    """``2.9 GB`` or ``269 MB``."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def _cached(files: ModelFiles) -> Path | None:
    """The folder in the hub's own cache, if it is complete."""
    _need_library()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # It is asked for no file at all, and so only says where they would be: what stands in for what is known here.
        found = snapshot_download(files.repo, revision=files.revision, local_files_only=True, allow_patterns=[])
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    folder = Path(found)
    return None if _first_missing(files, folder) else folder


def _first_missing(files: ModelFiles, folder: Path) -> str | None:
    """The first pattern that no file in the folder meets: a download that broke off leaves some of them behind."""
    for pattern in files.patterns:
        found = (path for accepted in _accepted(pattern) for path in folder.glob(accepted))
        if not any(path.is_file() for path in found):
            return pattern
    return None


def _accepted(pattern: str) -> tuple[str, ...]:
    """The pattern itself and what may stand in for it, best first."""
    if pattern in ("tokenizer/vocab.json", "tokenizer/merges.txt"):
        return (pattern, "tokenizer/tokenizer.json")  # newer versions of transformers save both as one
    return (pattern, pattern.replace(".fp16.", ".")) if ".fp16." in pattern else (pattern,)


# -- from the hub ----------------------------------------------------------------------------------------------------


def plan(files: ModelFiles) -> Plan:
    """Ask the hub which files there are and how large.

    Raises:
        WeightsError: the hub cannot be reached, or has no such model, or the model lacks one of the files.
        MissingExtra: the hub's library is not installed.
    """
    check_id(files.repo)
    _need_library()
    from huggingface_hub import HfApi

    with in_one_line(files.repo):
        info = HfApi().model_info(files.repo, revision=files.revision, files_metadata=True, timeout=PLAN_TIMEOUT_S)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    names: set[str] = set()
    for pattern in files.patterns:
        found = ([name for name in sizes if fnmatchcase(name, accepted)] for accepted in _accepted(pattern))
        best = next((some for some in found if some), None)
        if best is None:
            raise WeightsError(
                f"{files.repo} holds no {pattern} on the hub: it must be a model in the form of diffusers"
            )
        names.update(best)
    return Plan(files.repo, info.sha or "", tuple(sorted(names)), sum(sizes[name] for name in names))


def download(files: ModelFiles, model_dir: Path | None, *, say: Callable[[str], None]) -> Path:
    """The folder that holds all the files, which are fetched if they are not here; if they are, nobody is asked.

    Files that are complete stay when a download breaks off, and the next one takes up from there.

    Args:
        files: what is needed.
        model_dir: folder to put ``owner/name`` into; None = the hub's own cache.
        say: is told what is about to be fetched, in one line.

    Raises:
        WeightsError: as of ``locate`` and ``plan``, or the transfer failed.
        MissingExtra: the hub's library is not installed.
    """
    folder = locate(files, model_dir)
    if folder is not None:
        return folder
    planned = plan(files)  # first, because it gives up in time, and what follows it would not
    say(f"{files.repo}: {len(planned.names)} files, {size_text(planned.size_bytes)}")
    fetch(files.repo, files.revision, planned.names, None if model_dir is None else model_dir / files.repo)
    folder = locate(files, model_dir)
    if folder is None:
        raise WeightsError(f"{files.repo} is still not complete below {target_folder(model_dir)}: download it again")
    return folder


def _need_library() -> None:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra(f"weights from the Hugging Face hub need its library: {INSTALL}")
