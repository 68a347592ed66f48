"""The transfer of files from the Hugging Face hub: what can go wrong in one line, and stopped by Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

from streamer.errors import WeightsError
from streamer.signals import signals_heeded

CHUNK_BYTES = 1 << 20
"""Read at once. The library's own 10 MiB are lost whenever a line breaks, and hold up Ctrl-C on a slow one."""
NETWORK_LIBRARIES = ("httpx2", "httpx", "httpcore2", "httpcore", "requests", "urllib3")
"""What the hub's library has sent requests with, over its versions; their errors are no ``OSError``."""


def fetch(repo: str, revision: str | None, names: Sequence[str], folder: Path | None) -> None:
    """Fetch the files that are not here yet, with a progress bar if there is a terminal.

    A broken line is taken up again where it broke, a few times. What is complete stays in any case.

    Args:
        repo: the hub's id.
        revision: a branch or tag rather than a commit: the cache finds by name only what was fetched by name.
        names: of the files.
        folder: where to; None = the hub's own cache.

    Raises:
        WeightsError: the transfer failed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; one is enough.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import tqdm

    stop = threading.Event()

    class Bar(tqdm):
        """A progress bar that ends the transfer whose progress it shows."""

        def update(self, n: float | None = 1) -> bool | None:
            if stop.is_set():
                raise KeyboardInterrupt
            return super().update(n)

    # On its own, the library lets every file that it has begun run to its end, however long that takes.
    with in_one_line(repo), signals_heeded(stop.set, stop.set), _plain_http():
        snapshot_download(
            repo, revision=revision, allow_patterns=list(names), local_dir=folder, max_workers=4, tqdm_class=Bar
        )
    if stop.is_set():
        raise KeyboardInterrupt


@contextmanager
def _plain_http() -> Iterator[None]:
    """Within the ``with``, the library downloads by HTTP in small chunks.

    Not by Xet, which is its default: in a thread that heeds no Ctrl-C, tries a dead line for five minutes, and then
    raises a bare ``RuntimeError`` (hf-xet 1.8).
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE
    constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE = True, CHUNK_BYTES
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE = before


@contextmanager
def in_one_line(repo: str) -> Iterator[None]:
    """Make a ``WeightsError`` of whatever the hub, the network or the disk may do; a fault of the code stays one."""
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise WeightsError(f"{repo} cannot be downloaded: {reason}") from error


def _reason(error: BaseException) -> str | None:
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # that the file is not here either is no news
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set; unset it, or copy the files here and give their folder"
    if isinstance(error, errors.GatedRepoError):
        return "its owner wants you to agree to something first, on its page; then run `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub knows no such model, or shows it only after `hf auth login`; check the name"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has no such revision of it"
    if isinstance(error, errors.HfHubHTTPError):
        return f"the hub answers with error {error.response.status_code}; try again later"
    if isinstance(error, errors.HFValidationError):
        return "the hub allows no such name"
    if type(error).__module__.partition(".")[0] in NETWORK_LIBRARIES:
        return f"there is no connection to the hub ({type(error).__name__}); check it, or copy the files here"
    if isinstance(error, JSONDecodeError):
        return "something else than the hub answers; is there a page to log in to this network?"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error).partition("\n")[0]
    return None
