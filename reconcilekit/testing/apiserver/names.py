"""The rules of names, labels and keys (apimachinery's util/validation)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_OLD_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_MOST_LABEL = 63
_MOST_SUBDOMAIN = 253

SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_OLD_LABEL_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_OLD_LABEL}')"
)
_NAME_PART = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
_QUALIFIED_TEXT = (
    f"{_NAME_PART} character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_VALUE}')"
)
_CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    f"'key-name', regex used for validation is '{_CONFIG_KEY}')"
)

_WILDCARD = rf"\*\.{_SUBDOMAIN}"
_WILDCARD_RULE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
    f"regex used for validation is '{_WILDCARD}')"
)

_IS_LABEL, _IS_OLD_LABEL = re.compile(_LABEL).fullmatch, re.compile(_OLD_LABEL).fullmatch
_IS_SUBDOMAIN = re.compile(_SUBDOMAIN).fullmatch
_IS_QUALIFIED, _IS_VALUE = re.compile(_QUALIFIED).fullmatch, re.compile(_VALUE).fullmatch
_IS_CONFIG_KEY = re.compile(_CONFIG_KEY).fullmatch
_KEYS_KNOWN = 1024
"""Keys of which it is remembered what is wrong with them: all objects of an application have the same few."""


def subdomain(name: str) -> Iterator[str]:
    """What is wrong with a DNS-1123 subdomain."""
    if len(name) > _MOST_SUBDOMAIN:
        yield f"must be no more than {_MOST_SUBDOMAIN} characters"
    if not _IS_SUBDOMAIN(name):
        yield SUBDOMAIN_RULE


def wildcard(name: str) -> Iterator[str]:
    """What is wrong with a subdomain for all those below it."""
    if len(name) > _MOST_SUBDOMAIN:
        yield f"must be no more than {_MOST_SUBDOMAIN} characters"
    if not re.fullmatch(_WILDCARD, name):
        yield _WILDCARD_RULE


def label(name: str) -> Iterator[str]:
    """What is wrong with a DNS-1123 label."""
    if len(name) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} characters"
    if not _IS_LABEL(name):
        yield "must not contain dots" if _IS_SUBDOMAIN(name) else LABEL_RULE


def old_label(name: str) -> Iterator[str]:
    """What is wrong with a DNS-1035 label, which begins with a letter."""
    if len(name) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} characters"
    if not _IS_OLD_LABEL(name):
        yield _OLD_LABEL_RULE


def of_prefix(prefix: str) -> str:
    """What to look at of a text that a name is to begin with: a "-" at its end may stay, as more comes behind it."""
    # Go takes the last two bytes away: of a longer character something would be left, which is in no name.
    ends_so = len(prefix) > 1 and prefix.endswith("-") and prefix[-2].isascii()
    return f"{prefix[:-2]}a" if ends_so else prefix


@functools.lru_cache(maxsize=_KEYS_KNOWN)
def qualified(name: str) -> tuple[str, ...]:
    """What is wrong with a label's key: a name, with a subdomain and "/" before it or without."""
    return tuple(_qualified(name))


def _qualified(name: str) -> Iterator[str]:
    prefix, slash, part = name.rpartition("/")
    if "/" in prefix:
        with_prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        yield f"a valid label key {_QUALIFIED_TEXT} {with_prefix}"
        return
    if slash:
        yield from (f"prefix part {why}" for why in (subdomain(prefix) if prefix else ["must be non-empty"]))
    if not part:
        yield "name part must be non-empty"
    elif len(part) > _MOST_LABEL:
        yield f"name part must be no more than {_MOST_LABEL} bytes"
    if not _IS_QUALIFIED(part):
        yield f"name part {_QUALIFIED_TEXT}"


def label_value(value: str) -> Iterator[str]:
    """What is wrong with a label's value."""
    if len(value) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} bytes"
    if not _IS_VALUE(value):
        yield _VALUE_RULE


@functools.lru_cache(maxsize=_KEYS_KNOWN)
def config_key(key: str) -> tuple[str, ...]:
    """What is wrong with a key in a ConfigMap or a Secret."""
    return tuple(_config_key(key))


def _config_key(key: str) -> Iterator[str]:
    if len(key) > _MOST_SUBDOMAIN:
        yield f"must be no more than {_MOST_SUBDOMAIN} characters"
    if not _IS_CONFIG_KEY(key):
        yield _CONFIG_KEY_RULE
    elif key == ".":
        yield "must not be '.'"
    elif key == "..":
        yield "must not be '..'"
    elif key.startswith(".."):
        yield "must not start with '..'"


def port_name(name: str) -> Iterator[str]:
    """What is wrong with the name of a container's port (RFC 6335)."""
    if len(name) > 15:
        yield "must be no more than 15 characters"
    if not re.fullmatch("[-a-z0-9]+", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", name):
        yield "must contain at least one letter (a-z)"
    if "--" in name:
        yield "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        yield "must not begin or end with a hyphen"


def port_number(number: int) -> Iterator[str]:
    """What is wrong with a port's number."""
    if not 1 <= number <= 65535:
        yield "must be between 1 and 65535, inclusive"
