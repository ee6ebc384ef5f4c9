"""Addresses that traffic is sent to (pkg/apis/core/validation)."""

from __future__ import annotations

import ipaddress

from reconcilekit.testing.apiserver.validation.causes import Found, invalid

ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
LOOPBACK_RULE = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


def is_address(text: str) -> bool:
    """True for an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def endpoint_address_causes(text: str, field: str) -> Found:
    """What is wrong with an address to send to."""
    if not is_address(text):
        yield invalid(field, text, "must be a valid IP address")
        return
    address = ipaddress.ip_address(text)
    if address.is_unspecified:
        yield invalid(field, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(field, text, LOOPBACK_RULE)
    if address.is_link_local:
        yield invalid(field, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LOCAL_MULTICAST[address.version]:
        yield invalid(field, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


_LOCAL_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}
