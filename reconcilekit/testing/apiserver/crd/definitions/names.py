"""The names in definitions: which characters they may have, as the real server words it."""

from __future__ import annotations

import re
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


def label_problem(name: str) -> str:
    """Why it's no DNS-1035 label, "" if it is one."""
    too_long = ["must be no more than 63 characters"] if len(name) > 63 else []
    malformed = [] if re.fullmatch(_LABEL, name) else [_LABEL_RULE]
    return ",".join([*too_long, *malformed])


def subdomain_problem(name: str) -> str:
    """Why it's no DNS-1123 subdomain, "" if it is one."""
    too_long = ["must be no more than 253 characters"] if len(name) > 253 else []
    malformed = [] if re.fullmatch(_SUBDOMAIN, name) else [_SUBDOMAIN_RULE]
    return ",".join([*too_long, *malformed])
