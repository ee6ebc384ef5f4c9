"""Hostnames as the Gateway API means them: exact, "*.example.com" for any number of labels before, "*" for all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

ANY: Final = "*"
"""How a hostname that isn't given is written here: it covers all the others."""

_LONGEST: Final = 253  # RFC 1123
_PATTERN: Final = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_valid(hostname: str) -> bool:
    """True for what the Gateway API's Hostname allows: a lower case DNS name, perhaps after "*.", and no IP address."""
    if len(hostname) > _LONGEST or not _PATTERN.fullmatch(hostname):
        return False
    try:
        ipaddress.ip_address(hostname)
    except ValueError:
        return True
    return False


def covers(wider: str, narrower: str) -> bool:
    """True where every name that `narrower` stands for is one that `wider` stands for, too."""
    if wider in (ANY, narrower):
        return True
    return wider.startswith("*.") and narrower.removeprefix("*").endswith(wider[1:]) and narrower != wider[2:]


def intersection(left: str, right: str) -> str | None:
    """What both stand for: the narrower one, or None where they have nothing in common."""
    if covers(left, right):
        return right
    return left if covers(right, left) else None


def covering(hostname: str) -> Iterator[str]:
    """Every hostname that covers this one, the most specific first: itself, "*.example.com", "*.com", "*"."""
    yield hostname
    if hostname == ANY:
        return
    labels = hostname.removeprefix("*.").split(".")
    first = 0 if hostname.startswith("*.") else 1
    for index in range(first, len(labels)):
        wildcard = "*." + ".".join(labels[index:])
        if wildcard != hostname:
            yield wildcard
    yield ANY
