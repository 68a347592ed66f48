"""Where a live run goes when nobody said so: to a virtual camera if there is one, and to a window."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec

from streamer import devices
from streamer.errors import SinkError

logger = logging.getLogger(__name__)

VIRTUAL, PREVIEW = "virtual", "preview"


def live_outputs(virtual_device: str | None) -> tuple[str, ...]:
    """The outputs of a live source.

    Args:
        virtual_device: the virtual camera that the user named, and thereby asked for; None = any.
    """
    if virtual_device is None:
        if find_spec("pyvirtualcam") is None:
            return preview_alone("pyvirtualcam is not installed")
        # On Linux they can be listed. Elsewhere only opening one tells, see ``preview_alone``.
        if sys.platform.startswith("linux") and not devices.list_virtual_cameras():
            return preview_alone("this machine has none that is free")
    return (VIRTUAL, PREVIEW) if _has_display() else (VIRTUAL,)


def preview_alone(reason: str) -> tuple[str, ...]:
    """The outputs where nothing can go to a virtual camera; says so.

    Args:
        reason: why not, in one line.
    """
    logger.info("nothing goes to a virtual camera: %s; `streamer doctor` says how to mend it", reason)
    return (PREVIEW,)


def _has_display() -> bool:
    from streamer.sinks.preview import check_display

    try:
        check_display()
    except SinkError:
        return False
    return True
