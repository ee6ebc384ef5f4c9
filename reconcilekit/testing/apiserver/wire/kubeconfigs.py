"""Where a kubeconfig may be written: nothing of anybody else's is lost by it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

NAME = "reconcilekit"
"""Of the cluster, the user and the context in a kubeconfig."""

EMPTY = "the name is empty; pass that of a file"
"""What to say of a file that is called ""."""


def obstacle(path: Path, *, own_url: str = "") -> OSError | None:
    """Why it can't be written there, or mustn't; None where nothing is in the way.

    What a server wrote is written anew, once that server has ended.

    Args:
        path: of the file.
        own_url: of the server whose kubeconfig it is to be, which may replace its own.
    """
    try:
        return _obstacle(path, own_url)
    except PermissionError as error:
        return PermissionError(f"{path} can't be looked at by this user ({error.strerror}); name another")


def _obstacle(path: Path, own_url: str) -> OSError | None:
    folder = path.parent
    if path.is_dir():
        return IsADirectoryError(f"{path} is a folder; name a file in it")
    if not folder.exists():
        return FileNotFoundError(f"the folder {folder} doesn't exist; make it, or name another")
    if not folder.is_dir():
        return NotADirectoryError(f"{folder} is no folder; name a file in one")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return PermissionError(f"{path} can't be written: this user may not write to the folder {folder}; name another")
    if path.exists() and not path.is_file():
        return FileExistsError(f"{path} is no regular file; name another")
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return PermissionError(f"{path} is there already, and can't be read ({error.strerror}); name another")
    why = _problem_of(text, own_url)
    return FileExistsError(f"{path} {why}") if why else None


def _problem_of(text: bytes, own_url: str) -> str:
    """What would be lost with it: nothing where it is empty, or what a server wrote that has ended."""
    if not text.strip():
        return ""
    try:
        found = _read(text)
        names = {each["name"] for part in ("clusters", "users", "contexts") for each in found[part]}
        url = urlsplit(found["clusters"][0]["cluster"]["server"])
        address = (url.hostname or "", url.port or 0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        names = set()
    if names != {NAME}:
        return "is there already, and not of this server; name another, or remove it"
    if url.geturl() != own_url and _is_listened_on(address):
        return f"is of a server that still listens on {url.geturl()}; end that one, or name another file"
    return ""


def _is_listened_on(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=0.2).close()
    except OSError:
        return False
    return True


def _read(text: bytes) -> Any:
    """JSON as the server writes it, or YAML as kubectl makes of it."""
    if text.startswith(b"{"):
        return msgspec.json.decode(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
