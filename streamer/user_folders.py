"""Where this system wants what programs keep of a user, and in it this program's own folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal, TypeAlias

from streamer.errors import ConfigError

Kind: TypeAlias = Literal["cache", "state", "data"]
"""``cache``: can be made again; ``state``: of this machine's runs; ``data``: the user would miss it."""

_XDG: dict[Kind, tuple[str, str]] = {
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "data": ("XDG_DATA_HOME", ".local/share"),
}


def user_folder(kind: Kind, mend: str) -> Path:
    """The folder ``backlot`` for things of that kind. It need not exist.

    Args:
        kind: what is to lie there.
        mend: what a user without a home folder can do, for the message.

    Raises:
        ConfigError: the user has no home folder.
    """
    variable, below_home = _XDG[kind]
    if sys.platform == "win32":
        variable, below_home = "LOCALAPPDATA", "AppData/Local"
    elif sys.platform == "darwin":
        variable, below_home = "", "Library/Caches" if kind == "cache" else "Library/Application Support"
    named = os.environ.get(variable, "")
    if os.path.isabs(named):  # the XDG specification has relative ones ignored
        return Path(named, "backlot")
    try:
        return Path.home() / below_home / "backlot"
    except RuntimeError as error:
        raise ConfigError(f"this user has no home folder for {mend}") from error
