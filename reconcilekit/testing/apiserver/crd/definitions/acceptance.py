"""The status of a definition: whether its names are free, and so whether its kind is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from reconcilekit.testing.apiserver.crd.definitions.approval import approval_condition
from reconcilekit.testing.apiserver.crd.definitions.versions import storage_version
from reconcilekit.testing.apiserver.go_text import quoted

_NAMES: Final = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("shortNames", "ShortNamesConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)


@attrs.frozen(kw_only=True)
class Taken:
    """The names that other definitions of the group have been accepted with."""

    resources: frozenset[str]
    kinds: frozenset[str]


def taken_by(others: Iterable[Mapping[str, Any]], group: str) -> Taken:
    """What other definitions have taken."""
    resources: set[str | None] = set()
    kinds: set[str | None] = set()
    for other in others:
        if other["spec"]["group"] == group:
            names = (other.get("status") or {}).get("acceptedNames") or {}
            resources |= {names.get("plural"), names.get("singular"), *(names.get("shortNames") or ())}
            kinds |= {names.get("kind"), names.get("listKind")}
    return Taken(resources=frozenset(filter(None, resources)), kinds=frozenset(filter(None, kinds)))


def is_established(definition: Mapping[str, Any]) -> bool:
    """Whether its kind is served; once it is, it stays so."""
    return _is_true(definition, "Established")


def _is_true(definition: Mapping[str, Any], name: str) -> bool:
    found = _condition(definition, name)
    return found is not None and found.get("status") == "True"


def _condition(definition: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == name), None)


def reviewed(definition: Mapping[str, Any], taken: Taken, time: str) -> dict[str, Any]:
    """The status that a definition gets: as it is where nothing about it has changed."""
    names, conflict = _accepted(definition, taken)
    accepted = {
        "type": "NamesAccepted",
        "status": "False" if conflict else "True",
        "reason": conflict[0] if conflict else "NoConflicts",
        "message": conflict[1] if conflict else "no conflicts found",
    }
    wanted = [accepted]
    if not is_established(definition):
        wanted.append(_established(is_accepted=not conflict))
    if (approval := approval_condition(definition)) is not None:
        wanted.append(approval)
    return {
        "conditions": _merged(definition, wanted, time),
        "acceptedNames": names,
        "storedVersions": _stored(definition),
    }


def _accepted(definition: Mapping[str, Any], taken: Taken) -> tuple[dict[str, Any], tuple[str, str] | None]:
    asked = definition["spec"]["names"]
    names: dict[str, Any] = dict((definition.get("status") or {}).get("acceptedNames") or {})
    conflict = None
    for key, reason in _NAMES:
        used = taken.kinds if "ind" in key else taken.resources
        told, known = asked.get(key), names.get(key)
        values = told or () if key == "shortNames" else (told,)
        owned = set(known or ()) if key == "shortNames" else {known}
        clashes = [value for value in values if value not in owned and value in used]
        if clashes:
            texts = [f"{quoted(value)} is already in use" for value in clashes]
            conflict = (reason, texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
        elif told is None:
            names.pop(key, None)
        else:
            names[key] = told
    if asked.get("categories"):
        names["categories"] = asked["categories"]
    order = ("plural", "singular", "shortNames", "kind", "listKind", "categories")
    return {key: names[key] for key in order if key in names}, conflict


def _established(*, is_accepted: bool) -> dict[str, str]:
    if is_accepted:
        reason, message = "InitialNamesAccepted", "the initial names have been accepted"
        return {"type": "Established", "status": "True", "reason": reason, "message": message}
    message = "not all names are accepted"
    return {"type": "Established", "status": "False", "reason": "NotAccepted", "message": message}


def _merged(definition: Mapping[str, Any], wanted: list[dict[str, str]], time: str) -> list[dict[str, Any]]:
    conditions = [dict(condition) for condition in (definition.get("status") or {}).get("conditions") or ()]
    for condition in wanted:
        found = next((known for known in conditions if known["type"] == condition["type"]), None)
        if found is None:
            conditions.append({"type": condition["type"], "status": condition["status"], "lastTransitionTime": time})
            found = conditions[-1]
        elif found["status"] != condition["status"]:
            found["lastTransitionTime"] = time
        found.update(condition)
    return conditions


def _stored(definition: Mapping[str, Any]) -> list[str]:
    stored = list((definition.get("status") or {}).get("storedVersions") or ())
    storage = storage_version(definition["spec"])
    return stored if storage in stored else [*stored, storage]
