"""The example's own filter: a TokenPolicy demands `authorization: Bearer <token>`, the token being in a Secret.

The demand is part of the match of the only Envoy route that leads to the backends, and the next route answers 401:
there is no switch that, left out, would leave a route open. A policy that can't be resolved yields no such match, and
the rule answers 500. The token stands in the route configuration in clear text, and Envoy doesn't compare it in
constant time.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from examples.gateway.fields import Fields
from examples.gateway.kinds import EXTENSION_GROUP, SECRET, TOKEN_POLICY
from examples.gateway.model import Reference, describe
from examples.gateway.reads import Reads
from examples.gateway.tls import decode_entry
from examples.gateway.verdicts import Problem, Reason
from reconcilekit.errors import ConfigError
from reconcilekit.kube.resource import ObjectKey

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, b64token


@attrs.frozen
class Token:
    """What a request has to bring."""

    value: str = attrs.field(repr=False)

    @property
    def authorization(self) -> str:
        """The whole value of the header `authorization`."""
        return f"Bearer {self.value}"


def resolve_token(reads: Reads, reference: Reference, *, namespace: str) -> Token | Problem:
    """The token that a route's filter demands, or why nobody can tell.

    Args:
        reads: where the TokenPolicy and its Secret are looked up.
        reference: the filter's extensionRef.
        namespace: the route's; policy and Secret are in it, too.
    """
    if (reference.group, reference.kind) != (EXTENSION_GROUP, TOKEN_POLICY.kind):
        return Problem(
            Reason.INVALID_KIND,
            f"filter {reference.kind}.{reference.group} isn't known; use {TOKEN_POLICY.kind}.{EXTENSION_GROUP}",
        )
    policy = reads.get(TOKEN_POLICY, reference.name, namespace=namespace)
    if policy is None:
        return Problem(Reason.TOKEN_POLICY_NOT_FOUND, f"TokenPolicy {namespace}/{reference.name} doesn't exist")
    try:
        secret_ref = Fields(policy, subject=describe(policy)).fields("spec").fields("secretRef")
        secret, entry = secret_ref.text("name"), secret_ref.text("key", default="token")
    except ConfigError as error:
        return Problem(Reason.TOKEN_POLICY_NOT_FOUND, error.message)
    return _read_token(reads, ObjectKey(namespace, secret), entry)


def _read_token(reads: Reads, key: ObjectKey, entry: str) -> Token | Problem:
    secret = reads.get(SECRET, key.name, namespace=key.namespace)
    if secret is None:
        return Problem(Reason.INVALID_TOKEN, f"Secret {key} doesn't exist")
    try:
        value = decode_entry(Fields(secret, subject=describe(secret)).fields("data").text(entry), entry)
    except ConfigError as error:
        return Problem(Reason.INVALID_TOKEN, error.message)
    except ValueError as error:
        return Problem(Reason.INVALID_TOKEN, f"Secret {key}: {error}")
    if not _TOKEN.fullmatch(value):
        return Problem(
            Reason.INVALID_TOKEN,
            f"Secret {key}: {entry} isn't a token: it must be one or more of A-Z a-z 0-9 - . _ ~ + / and end in "
            "nothing or =, without a line break",
        )
    return Token(value)
