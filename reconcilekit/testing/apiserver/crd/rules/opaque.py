"""The values that Kubernetes adds to CEL: quantities, versions, addresses, URLs and named formats.

The library can't hand opaque values to Python; so while a rule runs, each of them is a map that says what it is.
Rules are checked with the real types before.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from reconcilekit.testing.apiserver import go_urls, names
from reconcilekit.testing.apiserver.crd.rules.addresses import Address, Interface, parsed_address, parsed_network
from reconcilekit.testing.apiserver.crd.values.formats import FORMATS
from reconcilekit.testing.apiserver.go_urls import GoURLError, parse_request_uri
from reconcilekit.testing.apiserver.schema import quantities
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

Opaque = dict[str, Any]

OPAQUE: Final = (
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.URL",
    "kubernetes.NamedFormat",
    "net.IP",
    "net.CIDR",
)
"""The types of such values."""


def _amount(value: Opaque) -> Fraction:
    numerator, _, denominator = str(value["value"]).partition("/")
    return Fraction(int(numerator, 16), int(denominator, 16))


def _quantity_of(amount: Fraction) -> Opaque:
    # In hexadecimals, which take no longer the more there are of them.
    return {"@type": "kubernetes.Quantity", "value": f"{amount.numerator:x}/{amount.denominator:x}"}


def parse_quantity(text: str) -> Opaque:
    """A quantity.

    Raises:
        ValueError: it is none.
    """
    if text != text.strip():
        # What JSON may have around a quantity, a rule may not.
        raise ValueError(quantities.MALFORMED)
    try:
        return _quantity_of(quantities.parse_quantity(text))
    except DecodeError as error:
        raise ValueError(str(error)) from error


def quantity_integer(value: Opaque) -> int:
    """A quantity as an integer.

    Raises:
        ValueError: it is none.
    """
    if not quantity_is_integer(value):
        raise ValueError("cannot convert value to integer")
    return int(_amount(value))


def quantity_is_integer(value: Opaque) -> bool:
    """Whether `quantity_integer` takes it."""
    amount = _amount(value)
    return amount.denominator == 1 and -(2**63) <= amount < 2**63


def quantity_float(value: Opaque) -> float:
    """A quantity as a double."""
    amount = _amount(value)
    try:
        return float(amount)
    except OverflowError:
        return math.inf if amount > 0 else -math.inf


def quantity_sign(value: Opaque) -> int:
    """-1, 0 or 1."""
    amount = _amount(value)
    return (amount > 0) - (amount < 0)


def add(one: Opaque, other: Opaque | int) -> Opaque:
    """The sum of quantities."""
    return _quantity_of(_amount(one) + (other if isinstance(other, int) else _amount(other)))


def subtract(one: Opaque, other: Opaque | int) -> Opaque:
    """Their difference."""
    return _quantity_of(_amount(one) - (other if isinstance(other, int) else _amount(other)))


def compare(one: Opaque, other: Opaque) -> int:
    """Which of two quantities or versions is the greater one: -1, 0 or 1."""
    left, right = _rank(one), _rank(other)
    return 0 if left == right else 1 if left > right else -1


def _rank(value: Opaque) -> Any:
    if value["@type"] == "kubernetes.Quantity":
        return _amount(value)
    # A version without a pre-release comes after all that have one (semver.org, 11).
    identifiers = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in value["pre"].split(".") if part]
    return (value["major"], value["minor"], value["patch"], not identifiers, identifiers)


def _address(value: Opaque | str) -> Address:
    return parsed_address(value if isinstance(value, str) else str(value["value"]))


def parse_ip(text: str) -> Opaque:
    """An address.

    Raises:
        ValueError: it is none.
    """
    return {"@type": "net.IP", "value": str(_address(text))}


def ip_is_canonical(text: str) -> bool:
    """Whether an address is written as the server writes it."""
    return str(_address(text)) == text


def ip_family(value: Opaque) -> int:
    """4 or 6."""
    version: int = _address(value).version
    return version


def ip_is(trait: str, value: Opaque) -> bool:
    """Whether an address has a trait."""
    address = _address(value)
    match trait:
        case "isUnspecified":
            return address.is_unspecified
        case "isLoopback":
            return address.is_loopback
        case "isLinkLocalMulticast":
            prefix = "224.0.0.0/24" if address.version == 4 else "ff02::/16"
            return address in ipaddress.ip_network(prefix)
        case "isLinkLocalUnicast":
            return address.is_link_local
        case _:
            is_other = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
            return not is_other and str(address) != "255.255.255.255"


def _network(value: Opaque | str) -> Interface:
    return parsed_network(value if isinstance(value, str) else str(value["value"]))


def parse_cidr(text: str) -> Opaque:
    """A network.

    Raises:
        ValueError: it is none.
    """
    return {"@type": "net.CIDR", "value": str(_network(text))}


def contains_ip(value: Opaque, address: Opaque | str) -> bool:
    """Whether a network holds an address."""
    return _address(address) in _network(value).network


def contains_cidr(value: Opaque, inner: Opaque | str) -> bool:
    """Whether a network holds another one."""
    outer_network, inner_network = _network(value).network, _network(inner).network
    if outer_network.version != inner_network.version:
        return False
    return inner_network.subnet_of(outer_network)  # type: ignore[arg-type]  # both are of the same version


def cidr_ip(value: Opaque) -> Opaque:
    """A network's address."""
    return {"@type": "net.IP", "value": str(_network(value).ip)}


def cidr_masked(value: Opaque) -> Opaque:
    """A network without its host part."""
    return {"@type": "net.CIDR", "value": str(_network(value).network)}


def cidr_prefix_length(value: Opaque) -> int:
    """A network's bits."""
    return _network(value).network.prefixlen


def parse_url(text: str) -> Opaque:
    """An absolute URL or path.

    Raises:
        ValueError: it is none.
    """
    try:
        parse_request_uri(text)
    except GoURLError as error:
        raise ValueError(f"URL parse error during conversion from string: {error}") from error
    return {"@type": "kubernetes.URL", "value": text}


def url_part(part: str, value: Opaque) -> str:
    """A part of a URL."""
    found = go_urls.parse_url(str(value["value"]))
    match part:
        case "getScheme":
            return found.scheme
        case "getHost":
            return found.host
        case "getHostname":
            return found.hostname
        case "getPort":
            return found.port
        case _:
            return found.escaped_path


def url_query(value: Opaque) -> Mapping[str, list[str]]:
    """A URL's query."""
    return go_urls.parse_url(str(value["value"])).query_values()


def _uri_problems(text: str) -> Iterator[str]:
    try:
        parse_request_uri(text)
    except GoURLError as error:
        yield str(error)


def _of_format(name: str, why: str) -> Callable[[str], list[str]]:
    return lambda text: [] if FORMATS[name](text) else [why]


_NAMED: Final[Mapping[str, Callable[[str], Iterable[str]]]] = {
    "dns1123Label": names.label,
    "dns1123Subdomain": names.subdomain,
    "dns1035Label": names.old_label,
    "dns1123LabelPrefix": lambda text: names.label(names.of_prefix(text)),
    "dns1123SubdomainPrefix": lambda text: names.subdomain(names.of_prefix(text)),
    "dns1035LabelPrefix": lambda text: names.old_label(names.of_prefix(text)),
    "qualifiedName": names.qualified,
    "labelValue": names.label_value,
    "uri": _uri_problems,
    "uuid": _of_format("uuid", "does not match the UUID format"),
    "byte": _of_format("byte", "invalid base64"),
    "date": _of_format("date", "invalid date"),
    "datetime": _of_format("datetime", "invalid datetime"),
}

FORMAT_NAMES: Final = tuple(_NAMED)


def named_format(name: str) -> list[Opaque]:
    """The format of that name in a list, which is empty where there is none."""
    return [{"@type": "kubernetes.NamedFormat", "value": name}] if name in _NAMED else []


def format_problems(value: Opaque, text: str) -> list[list[str]]:
    """What is wrong with a text, in a list, which is empty where nothing is."""
    found = list(_NAMED[str(value["value"])](text))
    return [found] if found else []
