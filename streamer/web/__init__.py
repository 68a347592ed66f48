"""The remote control: a small HTTP interface for stream decks and scripts. ``open_api`` is the door to this room.

It is off unless a port is given, and nobody uses it without the token. The libraries are an optional extra; only what
lies behind the door imports them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from streamer.config import StreamConfig
from streamer.errors import ConfigError, MissingExtra
from streamer.web.remote import Remote

if TYPE_CHECKING:
    from streamer.web.server import Api

__all__ = ["INSTALL", "Remote", "check", "open_api"]

INSTALL = 'pip install "fastapi>=0.120" "uvicorn>=0.35" "prometheus-client>=0.22"'
"""Brings what the remote control needs."""


def check(config: StreamConfig) -> None:
    """Refuse what can be seen to be wrong without opening anything; without a port nothing is looked at.

    Raises:
        MissingExtra: the libraries are not installed.
        ConfigError: the folder of backgrounds or the file of the token does not exist.
    """
    if config.api is None:
        return
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"the remote control needs {', '.join(missing)}: {INSTALL}")
    folder, token_file = config.api_backgrounds, config.api_token_file
    if folder is not None and not folder.expanduser().is_dir():
        raise ConfigError(f"{folder} is no folder; check --api-backgrounds")
    if token_file is not None and not token_file.expanduser().is_file():
        raise ConfigError(f"token file {token_file} does not exist; without --api-token-file a token is made")


def open_api(config: StreamConfig) -> Api:
    """Take the port, and have the token ready; nobody is answered before ``Api.serving``.

    Raises:
        ConfigError: the address or port cannot be had, or the token is none.
    """
    from streamer.web.server import Api

    return Api(config)
