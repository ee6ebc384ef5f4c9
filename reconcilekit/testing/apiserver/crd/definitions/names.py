"""The names in definitions: which characters they may have, as the real server words it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_LABEL: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

_LABEL_RULE: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    f"and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)


def label_problems(name: str) -> Iterator[str]:
    """Why it's no DNS-1035 label; nothing if it is one."""
    if len(name) > 63:
        yield "must be no more than 63 characters"
    if not re.fullmatch(_LABEL, name):
        yield _LABEL_RULE


def subdomain_problems(name: str) -> Iterator[str]:
    """Why it's no DNS-1123 subdomain; nothing if it is one."""
    if len(name) > 253:
        yield "must be no more than 253 characters"
    if not re.fullmatch(_SUBDOMAIN, name):
        yield _SUBDOMAIN_RULE


def label_problem(name: str) -> str:
    """`label_problems` in one text, "" if it is a label."""
    return ",".join(label_problems(name))


def subdomain_problem(name: str) -> str:
    """`subdomain_problems` in one text, "" if it is a subdomain."""
    return ",".join(subdomain_problems(name))
