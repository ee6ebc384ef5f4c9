"""ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controlled
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import spec_of
from reconcilekit.testing.apiserver.housekeeping.workloads.templates import hash_of
from reconcilekit.testing.apiserver.storage.storage import Stored

REVISIONS = ("apps", "controllerrevisions")
REVISION_LABEL = "controller-revision-hash"


def current_revision(hands: Hands, owner: Stored, reference: Mapping[str, Any]) -> str:
    """The name of the revision of its present template, recorded if that is new or has come back."""
    template = spec_of(owner).get("template") or {}
    digest = hash_of(template)
    name = f"{owner.key.name}-{digest}"
    known = controlled(hands, owner, REVISIONS)
    highest = max((one.content.get("revision", 0) for one in known), default=0)
    mine = next((one for one in known if one.key.name == name), None)
    if mine is None:
        labels = {**((template.get("metadata") or {}).get("labels") or {}), REVISION_LABEL: digest}
        metadata = {"name": name, "namespace": owner.key.namespace, "labels": labels}
        data = {"spec": {"template": {**template, "$patch": "replace"}}}
        body = {"metadata": {**metadata, "ownerReferences": [dict(reference)]}, "data": data, "revision": highest + 1}
        hands.create(REVISIONS, body)
    elif mine.content.get("revision", 0) < highest:
        hands.change(REVISIONS, mine.key, lambda live: {**live, "revision": highest + 1})
    return name
