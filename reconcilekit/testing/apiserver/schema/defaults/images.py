"""Names of images, as far as it matters what they are pulled by (github.com/distribution/reference)."""

from __future__ import annotations

import functools
import re

_HOME = "docker.io"
_FORMER_HOME = "index.docker.io"
_LONGEST_NAME = 255

_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = f"{_PART}(?:/{_PART})*"
_TAG = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}"
_DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(f"{_HOST}/(?P<name>{_NAME})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?")
_DIGESTS = re.compile("sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_IDENTIFIER = re.compile("[a-f0-9]{64}")


@functools.lru_cache(maxsize=1024)
def is_latest(image: str) -> bool:
    """True if an image has the tag "latest", be it because it has neither tag nor digest; False if it is no image."""
    host, name = _split(image)
    found = _REFERENCE.fullmatch(f"{host}/{name}")
    if found is None or _IDENTIFIER.fullmatch(image) or len(found["name"]) > _LONGEST_NAME:
        return False
    tag, digest = found["tag"], found["digest"]
    if digest is None:
        return tag in (None, "latest")
    return tag == "latest" and _DIGESTS.fullmatch(digest) is not None


def _split(image: str) -> tuple[str, str]:
    """Where an image comes from, and its name there."""
    first, slash, rest = image.partition("/")
    if not slash:
        return _HOME, f"library/{image}"
    is_host = first == "localhost" or "." in first or ":" in first or first.lower() != first
    host, name = (_HOME if first == _FORMER_HOME else first, rest) if is_host else (_HOME, image)
    return host, f"library/{name}" if host == _HOME and "/" not in name else name
