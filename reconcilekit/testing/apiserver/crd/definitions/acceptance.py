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
_ACCEPTED: Final = "the initial names have been accepted"


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


def is_terminating(definition: Mapping[str, Any]) -> bool:
    """Whether its conditions say that its objects are being deleted."""
    return _is_true(definition, "Terminating")


def _is_true(definition: Mapping[str, Any], name: str) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == name and condition.get("status") == "True" for condition in conditions)


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
        wanted.append(_not_established(is_accepted=not conflict))
    if (approval := approval_condition(definition)) is not None:
        wanted.append(approval)
    return {
        "conditions": with_conditions(definition, wanted, time),
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


def established(definition: Mapping[str, Any], time: str) -> dict[str, Any] | None:
    """The status of a definition whose kind is served from now on, None where it isn't to be, or is already."""
    if is_established(definition) or not _is_true(definition, "NamesAccepted"):
        return None
    wanted = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": _ACCEPTED}
    return {**definition["status"], "conditions": with_conditions(definition, [wanted], time)}


def _not_established(*, is_accepted: bool) -> dict[str, str]:
    reason, message = ("Installing", _ACCEPTED) if is_accepted else ("NotAccepted", "not all names are accepted")
    return {"type": "Established", "status": "False", "reason": reason, "message": message}


def with_conditions(
    definition: Mapping[str, Any], wanted: Iterable[Mapping[str, str]], time: str
) -> list[dict[str, Any]]:
    """A definition's conditions with others in place of those of their types; `time` is when a status changed."""
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
