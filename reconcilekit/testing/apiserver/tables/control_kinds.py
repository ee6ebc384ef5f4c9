"""The rows of what steers the server itself: admission policies, flow control, certificates, migrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.storage.versions import Stored
from reconcilekit.testing.apiserver.tables.ages import age
from reconcilekit.testing.apiserver.tables.values import NONE, UNSET, at, born, count, items, labels, text

_Content = Mapping[str, Any]
_MIGRATED = ("Running", "Failed", "Succeeded")
_REQUESTED = ("Issued", "Denied", "Failed")


def validating_policy_cells(obj: _Content, now: datetime) -> list[Any]:
    """How many validations, and the kind of their parameters."""
    return [len(items(obj, "spec", "validations")), _parameter_kind(obj), born(obj, now)]


def mutating_policy_cells(obj: _Content, now: datetime) -> list[Any]:
    """How many mutations, and the kind of their parameters."""
    return [len(items(obj, "spec", "mutations")), _parameter_kind(obj), born(obj, now)]


def _parameter_kind(obj: _Content) -> str:
    kind = at(obj, "spec", "paramKind")
    return UNSET if kind is None else f"{text(kind, 'apiVersion')}/{text(kind, 'kind')}"


def policy_binding_cells(obj: _Content, now: datetime) -> list[Any]:
    """Policy, parameters."""
    return [text(obj, "spec", "policyName"), _parameters(at(obj, "spec", "paramRef")), born(obj, now)]


def _parameters(reference: Any) -> str:
    if name := text(reference, "name"):
        return f"{text(reference, 'namespace') or '*'}/{name}"
    selector = at(reference, "selector")
    return UNSET if selector is None else _go_selector(selector)


def _go_selector(selector: Any) -> str:
    """A LabelSelector as Go prints its messages."""
    matched = at(selector, "matchLabels") or {}
    told = "".join(f"{name}: {matched[name]}," for name in sorted(matched))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{text(each, 'key')},Operator:{text(each, 'operator')},"
        f"Values:[{' '.join(items(each, 'values'))}],}},"
        for each in items(selector, "matchExpressions")
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{told}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def flow_schema_cells(obj: _Content, now: datetime) -> list[Any]:
    """Priority level, precedence, method, whether its level is missing."""
    spec = at(obj, "spec")
    dangling = [each for each in items(obj, "status", "conditions") if text(each, "type") == "Dangling"]
    return [
        text(spec, "priorityLevelConfiguration", "name"),
        count(spec, "matchingPrecedence"),
        text(spec, "distinguisherMethod", "type") or NONE,
        born(obj, now),
        text(dangling[0], "status") if dangling else "?",
    ]


def by_precedence(schemas: Iterable[Stored]) -> list[Stored]:
    """FlowSchemas in the order in which requests are held against them."""
    return sorted(schemas, key=lambda told: (count(told.content, "spec", "matchingPrecedence"), told.key.name))


def priority_level_cells(obj: _Content, now: datetime) -> list[Any]:
    """Type, shares, queues."""
    limited = at(obj, "spec", "limited")
    queuing = at(limited, "limitResponse", "queuing")
    return [
        text(obj, "spec", "type"),
        NONE if limited is None else count(limited, "nominalConcurrencyShares"),
        *(NONE if queuing is None else count(queuing, name) for name in ("queues", "handSize", "queueLengthLimit")),
        born(obj, now),
    ]


def certificate_request_cells(obj: _Content, now: datetime) -> list[Any]:
    """Signer, who wants it, for how long, how far it has got."""
    spec = at(obj, "spec")
    seconds = at(spec, "expirationSeconds")
    return [
        born(obj, now),
        text(spec, "signerName") or NONE,
        text(spec, "username"),
        NONE if seconds is None else age(seconds),
        _progress(obj),
    ]


def _progress(request: _Content) -> str:
    told = {text(condition, "type") for condition in items(request, "status", "conditions")}
    steps = ["Denied" if "Denied" in told else "Approved" if "Approved" in told else "Pending"]
    steps += ["Failed"] if "Failed" in told else []
    steps += ["Issued"] if at(request, "status", "certificate") else []
    return ",".join(steps)


def pod_certificate_request_cells(obj: _Content, now: datetime) -> list[Any]:
    """Pod, account, node, signer, how far it has got, annotations."""
    del now
    spec = at(obj, "spec")
    told = [text(each, "type") for each in items(obj, "status", "conditions") if text(each, "type") in _REQUESTED]
    return [
        *(text(spec, name) for name in ("podName", "serviceAccountName", "nodeName", "signerName")),
        told[-1] if told else "Pending",
        labels(at(spec, "unverifiedUserAnnotations")),
    ]


def trust_bundle_cells(obj: _Content, now: datetime) -> list[Any]:
    """Signer."""
    del now
    return [text(obj, "spec", "signerName") or NONE]


def migration_cells(obj: _Content, now: datetime) -> list[Any]:
    """What is migrated, and how far that has got."""
    del now
    resource = at(obj, "spec", "resource")
    name = ".".join(filter(None, (text(resource, "resource"), text(resource, "group"))))
    told = [text(each, "type") for each in items(obj, "status", "conditions") if text(each, "status") == "True"]
    found = [kind for kind in told if kind in _MIGRATED]
    return [name, found[-1] if found else "Unknown"]


def component_cells(obj: _Content, now: datetime) -> list[Any]:
    """How a component is."""
    del now
    told = next((each for each in items(obj, "conditions") if text(each, "type") == "Healthy"), None)
    if told is None:
        return ["Unknown", "", ""]
    shown = "Healthy" if text(told, "status") == "True" else "Unhealthy"
    return [shown, text(told, "message"), text(told, "error")]


def pod_template_cells(obj: _Content, now: datetime) -> list[Any]:
    """Containers, images, labels."""
    del now
    found = items(obj, "template", "spec", "containers")
    names, images = (",".join(text(each, name) for each in found) for name in ("name", "image"))
    return [names, images, labels(at(obj, "template", "metadata", "labels"))]


def runtime_class_cells(obj: _Content, now: datetime) -> list[Any]:
    """Handler."""
    return [text(obj, "handler"), born(obj, now)]
