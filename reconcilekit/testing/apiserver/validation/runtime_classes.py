"""RuntimeClasses (pkg/apis/node/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, as_struct, duplicate, invalid, required
from reconcilekit.testing.apiserver.validation.pods import toleration_causes
from reconcilekit.testing.apiserver.validation.resource_names import amount_causes, container_name_causes
from reconcilekit.testing.apiserver.validation.selectors import label_causes


def runtime_class_causes(runtime_class: Obj, old: Obj | None) -> Found:
    """What is wrong with a RuntimeClass."""
    handler, scheduling = runtime_class.get("handler", ""), runtime_class.get("scheduling") or {}
    for name, value in ((runtime_class.get("overhead") or {}).get("podFixed") or {}).items():
        yield from container_name_causes(name, f"overhead.limits[{name}]")
        yield from amount_causes(name, value, f"overhead.limits[{name}]")
    yield from label_causes(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    tolerations = scheduling.get("tolerations") or ()
    yield from toleration_causes(tolerations, "scheduling.tolerations")
    seen: set[frozenset[tuple[str, object]]] = set()
    for i, toleration in enumerate(tolerations):
        if (told := frozenset(toleration.items())) in seen:
            shown = as_struct(toleration, ("Key", "Operator", "Value", "Effect"), unset="")
            shown |= as_struct(toleration, ("TolerationSeconds",))
            yield duplicate(f"scheduling.tolerations[{i}]", shown)
        seen.add(told)
    if not handler and old is None:
        yield required("handler")
    # What is declared with the type counts in other units.
    for why in names.label(handler) if handler else ():
        yield invalid("handler", handler, "must be no more than 63 bytes" if "no more than" in why else why)
    if old is not None and handler != old.get("handler", ""):
        yield invalid("handler", None, "field is immutable")
        if not handler:
            yield required("handler")
