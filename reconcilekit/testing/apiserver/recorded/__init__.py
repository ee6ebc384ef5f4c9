"""What a real kube-apiserver (v1.37.2) said of its kinds, as tools/record_api.py recorded it; read piece by piece."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_FOLDER = Path(__file__).parent
_GZIP = 31
"""zlib's word for its largest window in gzip's wrapping."""


class Discovery(msgspec.Struct, frozen=True):
    """The discovery documents, by path.

    Attributes:
        legacy: APIVersions, APIGroupList, APIGroup and APIResourceList, and the version.
        aggregated: /api and /apis as KEP-3352 has them.
    """

    legacy: dict[str, str]
    aggregated: dict[str, str]


@functools.cache
def compressed(name: str) -> bytes:
    """A file as it is shipped, gzip."""
    return (_FOLDER / f"{name}.gz").read_bytes()


def read(name: str) -> bytes:
    """A file as it was recorded; decompressed at each call, so keep what you make of it."""
    return zlib.decompress(compressed(name), _GZIP)


@functools.cache
def discovery() -> Discovery:
    """The discovery documents."""
    return msgspec.json.decode(read("discovery.json"), type=Discovery)


@functools.cache
def kinds() -> tuple[Mapping[str, Any], ...]:
    """Every resource in every version, in the order of discovery."""
    return tuple(msgspec.json.decode(read("kinds.json")))


@functools.cache
def schemas() -> Mapping[str, msgspec.Raw]:
    """The structs that the kinds are made of, by their names in OpenAPI; each is decoded when it is looked at."""
    return msgspec.json.decode(read("schemas.json"), type=dict[str, msgspec.Raw])


@functools.cache
def openapi_v3_index() -> Mapping[str, str]:
    """Where each document of OpenAPI v3 is served, with its hash."""
    return msgspec.json.decode(read("openapi-v3.json"), type=dict[str, str])
