"""The formats of strings that the real server checks (kube-openapi's strfmt); it ignores every other format."""

from __future__ import annotations

import datetime
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from reconcilekit.testing.apiserver.crd.values.addresses import is_email
from reconcilekit.testing.apiserver.go_urls import GoURLError, parse_request_uri

_UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?%s[0-9a-f]{3}-?%s[0-9a-f]{3}-?[0-9a-f]{12}"
_ANY = "[0-9a-f]"
_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_OCTET = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"
_HOSTNAME = re.compile(r"[LS0](-?[LS0]{0,62})?|([LS0]([-LS0]{0,61}[LS0])?\.)+L{2,63}")
"""Of letters as L, symbols as S, and digits as 0."""

_MAC = re.compile(r"[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2})*|[0-9a-f]{4}(\.[0-9a-f]{4})+|[0-9a-f]+", re.IGNORECASE)
_MAC_DIGITS = (12, 16, 40)
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})")
# Possessive, and at the first digit alone, so that no text takes longer than its length.
_GO_DURATION = re.compile(r"[-+]?(0|((\d++(\.\d*+)?|\.\d++)(ns|us|µs|μs|ms|s|m|h))++)", re.ASCII)
_DURATION_PART = re.compile(r"(?<!\d)(\d++)\s*+([A-Za-zµ]++)", re.ASCII)
_DURATION_UNITS = {"ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"}
_DURATION_WORDS = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_CARD = re.compile(
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11}"
)


def _full(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    search = re.compile(pattern, re.ASCII | flags).fullmatch
    return lambda text: search(text) is not None


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return False
    try:
        datetime.date.fromisoformat(text.replace("0000", "2000", 1) if text.startswith("0000") else text)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    day, mark, rest = text.lower().partition("t")
    if not mark or not _is_date(day):
        return False
    found = _TIME.fullmatch(rest.split("t")[0])
    return found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def _is_duration(text: str) -> bool:
    if _GO_DURATION.fullmatch(text):
        return True
    for _, unit in _DURATION_PART.findall(text):
        if unit.lower() in _DURATION_UNITS or unit.lower().startswith(_DURATION_WORDS):
            return True
    return False


def _is_hostname(text: str) -> bool:
    kinds = "".join(map(_kind, text))
    return (
        _HOSTNAME.fullmatch(kinds) is not None
        and len(text) <= 255
        and all(len(part) <= 63 for part in kinds.split("."))
    )


def _kind(char: str) -> str:
    if char.isascii() and char.isdigit():
        return "0"
    kind = unicodedata.category(char)[0]
    return kind if kind in "LS" else char if char in ".-" else " "


def _is_mac(text: str) -> bool:
    return _MAC.fullmatch(text) is not None and len(re.sub("[:.-]", "", text)) in _MAC_DIGITS


def _sloppy(text: str) -> str:
    """An IPv4 address without leading zeros, which the server tolerates."""
    return re.sub(r"(?<![\d])0+(?=\d)", "", text)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.ip_address(_sloppy(text) if ":" not in text else text)
    except ValueError:
        return False
    return "." in text and "%" not in text


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return ":" in text and "%" not in text


def _is_cidr(text: str) -> bool:
    address, slash, bits = text.partition("/")
    if not slash or not re.fullmatch(r"\d+", bits, re.ASCII):
        return False
    try:
        ipaddress.ip_interface(f"{_sloppy(address) if ':' not in address else address}/{bits}")
    except ValueError:
        return False
    return "%" not in text


def _is_uri(text: str) -> bool:
    try:
        parse_request_uri(text)
    except GoURLError:
        return False
    return True


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"\d{9}X|\d{10}", digits, re.ASCII):
        return False
    return sum((i + 1) * (10 if char == "X" else int(char)) for i, char in enumerate(digits)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"\d{13}", digits, re.ASCII):
        return False
    return sum(int(char) * (3 if i % 2 else 1) for i, char in enumerate(digits)) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub("[^0-9]+", "", text)
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(char) * (2 if i % 2 else 1) for i, char in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "bsonobjectid": _full("[0-9a-fA-F]{24}"),
    "uri": _is_uri,
    "email": is_email,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "cidr": _is_cidr,
    "mac": _is_mac,
    "uuid": _full(_UUID % (_ANY, _ANY), re.IGNORECASE),
    "uuid3": _full(_UUID % ("3", _ANY), re.IGNORECASE),
    "uuid4": _full(_UUID % ("4", "[89ab]"), re.IGNORECASE),
    "uuid5": _full(_UUID % ("5", "[89ab]"), re.IGNORECASE),
    "isbn": lambda text: _is_isbn10(text) or _is_isbn13(text),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_card,
    "ssn": _full(r"\d{3}[- ]\d{2}[- ]\d{4}"),
    "hexcolor": _full("#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE),
    "rgbcolor": _full(rf"rgb\(\s*{_OCTET}\s*,\s*{_OCTET}\s*,\s*{_OCTET}\s*\)"),
    "byte": _full("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
    "password": lambda _: True,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "k8sshortname": lambda text: len(text) <= 63 and re.fullmatch(_NAME, text) is not None,
    "k8slongname": lambda text: len(text) <= 253 and re.fullmatch(rf"{_NAME}(\.{_NAME})*", text) is not None,
}
"""By the format's name without its dashes."""


def known_format(told: str, type_name: str) -> str:
    """The format where the server checks it for the type, "" where it ignores it."""
    match type_name:
        case "" | "string":
            return told if told.replace("-", "") in FORMATS else ""
        case "integer":
            return told if told in ("int32", "int64") else ""
        case "number":
            return told if told in ("float", "double") else ""
        case _:
            return ""
