"""Addresses and networks as text, and what is wrong with those that are none, in the words of Go's net/netip."""

from __future__ import annotations

import ipaddress
import re

from reconcilekit.testing.apiserver.go_text import quoted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_NETWORK = "network address parse error during conversion from string"
_BITS = re.compile(r"0|[1-9]\d*", re.ASCII)
_LONG = "each group must have 4 or less digits"
_NO_COLON = "unexpected character, want colon"
_DANGLING = "colon must be followed by more characters"
_NO_DIGIT = "each colon-separated field must have at least one digit"


class AddressError(ValueError):
    """A text is no address, or no network."""


def parsed_address(text: str) -> Address:
    """An address.

    Raises:
        AddressError: it is none, or one that rules don't take.
    """
    address = _parsed(text)
    if isinstance(address, str):
        problem = f"ParseAddr({quoted(text)}): {address}"
        raise AddressError(f"IP Address {quoted(text)} parse error during conversion from string: {problem}")
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            raise AddressError(f"IP address {quoted(text)} with zone value is not allowed")
        _refuse_mapped(address, text)
    return address


def parsed_network(text: str) -> Interface:
    """An address with the bits of its network.

    Raises:
        AddressError: it is none, or one that rules don't take.
    """
    told, mark, bits = text.rpartition("/")
    address = _parsed(told)
    if not mark:
        problem = "no '/'"
    elif isinstance(address, str):
        problem = f"ParseAddr({quoted(told)}): {address}"
    elif isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        problem = "IPv6 zones cannot be present in a prefix"
    elif not _BITS.fullmatch(bits):
        problem = f"bad bits after slash: {quoted(bits)}"
    elif int(bits) > address.max_prefixlen:
        problem = "prefix length out of range"
    else:
        if isinstance(address, ipaddress.IPv6Address):
            try:
                _refuse_mapped(address, text)
            except AddressError as error:
                raise AddressError(f"{_NETWORK}: {error}") from error
        return ipaddress.ip_interface(text)
    # Two layers of the real server's say so.
    raise AddressError(f"{_NETWORK}: {_NETWORK}: netip.ParsePrefix({quoted(text)}): {problem}")


def _refuse_mapped(address: ipaddress.IPv6Address, text: str) -> None:
    if address.ipv4_mapped:
        raise AddressError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")


def _parsed(text: str) -> Address | str:
    """The address, or what is wrong with it."""
    address, _, zone = text.partition("%")
    try:
        # Python takes no zone with a "/" in it.
        return ipaddress.ip_address(f"{address}%zone" if zone and ":" in address else text)
    except ValueError:
        first = next((char for char in text if char in ".:%"), "")
    match first:
        case ".":
            return _problem_of_four(text)
        case ":":
            return _problem_of_six(text)
        case "%":
            return "missing IPv6 address"
    return "unable to parse IP"


def _problem_of_four(text: str) -> str:
    fields = text.split(".")
    at = 0
    for i, field in enumerate(fields):
        digits = re.match("[0-9]*", field)
        assert digits is not None
        number = digits[0]
        if len(number) > 1 and number[0] == "0":
            return "IPv4 field has octet with leading zero"
        if number and int(number) > 255:
            return "IPv4 field has value >255"
        if number != field:
            return f"unexpected character (at {quoted(text[at + len(number) :])})"
        is_last = i == len(fields) - 1
        dot = at + len(field)
        if not is_last and (not field or fields[i + 1 :] == [""]):
            return f"IPv4 field must have at least one digit (at {quoted(text[dot:])})"
        if not is_last and i == 3:
            return "IPv4 address too long"
        at = dot + 1
    return "IPv4 address too short"


def _problem_of_six(text: str) -> str:
    told, mark, zone = text.partition("%")
    if mark and not zone:
        return "zone must be a non-empty string"
    rest = told.removeprefix("::")
    has_gap, groups = rest != told, 0
    while rest and groups < 8:
        digits = re.match("[0-9a-fA-F]*", rest)
        assert digits is not None
        number = digits[0]
        if not 0 < len(number) <= 4:
            return f"{_LONG if number else _NO_DIGIT} (at {quoted(rest)})"
        if rest[len(number) : len(number) + 1] == ".":
            return _problem_of_last(rest, groups, has_gap=has_gap)
        groups += 1
        rest = rest[len(number) :]
        if not rest:
            break
        if rest[0] != ":" or rest == ":":
            return f"{_DANGLING if rest == ':' else _NO_COLON} (at {quoted(rest)})"
        rest = rest[1:]
        if rest[0] == ":":
            if has_gap:
                return f"multiple :: in address (at {quoted(rest)})"
            has_gap, rest = True, rest[1:]
    if rest:
        return f"trailing garbage after address (at {quoted(rest)})"
    return "the :: must expand to at least one field of zeros" if has_gap else "address string too short"


def _problem_of_last(rest: str, groups: int, *, has_gap: bool) -> str:
    """What is wrong with an IPv4 address as the end of one of IPv6."""
    if not has_gap and groups != 6:
        return f"embedded IPv4 address must replace the final 2 fields of the address (at {quoted(rest)})"
    if groups > 6:
        return f"too many hex fields to fit an embedded IPv4 at the end of the address (at {quoted(rest)})"
    return _problem_of_four(rest)
