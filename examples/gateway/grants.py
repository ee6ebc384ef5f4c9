"""ReferenceGrants: who may refer to what in another namespace."""

from __future__ import annotations

from examples.gateway.fields import Fields
from examples.gateway.kinds import REFERENCE_GRANT
from examples.gateway.model import Object, Reference, describe
from examples.gateway.reads import Reads
from reconcilekit.errors import ConfigError


def is_permitted(reads: Reads, reference: Reference, *, from_group: str, from_kind: str, from_namespace: str) -> bool:
    """True where a reference stays in its namespace, or a grant in the target's namespace allows it.

    Args:
        reads: where the target namespace's grants are looked up; nothing is, for a reference within a namespace.
        reference: what is referred to.
        from_group: the group of the referring object.
        from_kind: its kind.
        from_namespace: its namespace.
    """
    target = reference.key_from(from_namespace)
    if target.namespace == from_namespace:
        return True
    return any(
        _allows(grant, reference, (from_group, from_kind, from_namespace))
        for grant in reads.select(REFERENCE_GRANT, namespace=target.namespace)
    )


def _allows(grant: Object, reference: Reference, referrer: tuple[str, str, str]) -> bool:
    try:
        spec = Fields(grant, subject=describe(grant)).fields("spec")
        referrers = {
            (entry.text("group", default=""), entry.text("kind"), entry.text("namespace"))
            for entry in spec.items("from")
        }
        targets = {
            (entry.text("group", default=""), entry.text("kind"), entry.optional_text("name") or None)
            for entry in spec.items("to")
        }
    except ConfigError:
        # A grant has no status to say it in, and one that can't be read grants nothing.
        return False
    kind = (reference.group, reference.kind)
    return referrer in referrers and ((*kind, None) in targets or (*kind, reference.name) in targets)
