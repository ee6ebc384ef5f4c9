"""Paths behind a domain, which name controllers (apimachinery's util/validation)."""

from __future__ import annotations

import re

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, invalid, required

_URL_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def domain_path_causes(told: str, field: str) -> Found:
    """What is wrong with a path behind a domain, such as "acme.io/foo"."""
    if not told:
        yield required(field)
        return
    domain, slash, path = told.partition("/")
    if not (domain and slash and path):
        yield invalid(field, told, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from (invalid(field, domain, why) for why in names.subdomain(domain))
    if not re.fullmatch(_URL_PATH, path):
        yield invalid(field, path, f"Invalid path (regex used for validation is '{_URL_PATH}')")
