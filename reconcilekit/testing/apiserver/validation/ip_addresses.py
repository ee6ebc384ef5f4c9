"""IP addresses as fields hold them: what is none, what isn't written well, and where nothing can be sent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator

from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.validation.causes import Found, invalid

ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
LOOPBACK_RULE = "may not be in the loopback range (127.0.0.0/8, ::1/128)"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_LOCAL_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}


def is_address(text: str) -> bool:
    """True for an IP address as it is written today."""
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def parsed(text: str) -> Address | None:
    """An address, None of what is none; it takes the leading zeros that Go took once, and IPv4 inside IPv6 is IPv4."""
    if "%" in text:
        return None
    head, colon, tail = text.rpartition(":")
    plain = head + colon + _ZEROS.sub("", tail) if "." in tail else text
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    return address if isinstance(address, ipaddress.IPv4Address) else address.ipv4_mapped or address


def ip_causes(text: str, field: str, known: Collection[str] = ()) -> Found:
    """What is wrong with an address in one of the old fields; those that are `known` from before may stay."""
    if text in known:
        return
    address = parsed(text)
    if address is None:
        yield invalid(field, text, ADDRESS_RULE)
    elif not is_address(text):
        yield invalid(field, text, "must not have leading 0s")
    elif address.version == 4 and ":" in text:
        yield invalid(field, text, "must not be an IPv4-mapped IPv6 address")


def strict_ip_causes(text: str, field: str) -> Found:
    """What is wrong with an address in one of the new fields, where it is written in one way only."""
    wrong = list(ip_causes(text, field))
    yield from wrong
    if not wrong and str(parsed(text)) != text:
        yield invalid(field, text, f"must be in canonical form ({quoted(str(parsed(text)))})")


def endpoint_address_causes(text: str, field: str) -> Found:
    """What is wrong with an address to send to."""
    address = parsed(text)
    if address is None:
        yield invalid(field, text, "must be a valid IP address")
        return
    if address.is_unspecified:
        yield invalid(field, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(field, text, LOOPBACK_RULE)
    if address.is_link_local:
        yield invalid(field, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LOCAL_MULTICAST[address.version]:
        yield invalid(field, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def address_warnings(text: str, field: str) -> Iterator[str]:
    """What the server warns of in an address that it takes."""
    address = parsed(text)
    if address is None:
        return
    if not is_address(text) or (address.version == 4 and ":" in text):
        yield f"{field}: non-standard IP address {quoted(text)} is invalid: use {quoted(str(address))}"
    elif address.version == 6 and str(address) != text:
        canonical = quoted(str(address))
        yield f"{field}: IPv6 address {quoted(text)} should be in RFC 5952 canonical format ({canonical})"
