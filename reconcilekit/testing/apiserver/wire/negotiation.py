"""What a client accepts and what it sends."""

from __future__ import annotations

import attrs

from reconcilekit.testing.apiserver import status

_PLAIN = frozenset({"application/json", "application/*", "*/*"})


@attrs.frozen(kw_only=True)
class Accepted:
    """The representation that the Accept header asks for first, of those that we have."""

    is_table: bool = False
    is_aggregated_discovery: bool = False


PLAIN = Accepted()


def negotiate(accept: str) -> Accepted:
    """Choose a representation.

    Raises:
        StatusError: 406 where there's none that both know.
    """
    if not accept or accept == "application/json":
        return PLAIN
    for offer in accept.split(","):
        media_type, *parameters = (part.strip() for part in offer.split(";"))
        if media_type not in _PLAIN:
            continue
        told = dict(parameter.partition("=")[::2] for parameter in parameters)
        transform = told.get("as", "")
        if not transform:
            return PLAIN
        if transform == "Table" and told.get("v") == "v1":
            return Accepted(is_table=True)
        if transform == "APIGroupDiscoveryList" and told.get("v") == "v2":
            return Accepted(is_aggregated_discovery=True)
    raise status.not_acceptable()
