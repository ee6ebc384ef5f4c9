"""How a conflict is told: which manager owns which field (k8s.io/apimachinery, `internal/conflict.go`)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.ownership.field_sets import FieldSet, paths, print_path
from reconcilekit.testing.apiserver.ownership.managers import UPDATE, Manager


def conflict(conflicts: dict[Manager, FieldSet]) -> status.StatusError:
    """409 of an apply; managers are in the order of their names, where the real one's order is by chance."""
    found = [
        (manager, print_path(path))
        for manager, fields in sorted(conflicts.items(), key=lambda entry: _identifier(entry[0]))
        for path in paths(fields)
    ]
    causes = [
        status.Cause(reason="FieldManagerConflict", message=f"conflict with {_printed(manager)}", field=path).encoded()
        for manager, path in found
    ]
    return status.StatusError(409, _message(found), reason="Conflict", details={"causes": causes})


def _message(found: list[tuple[Manager, str]]) -> str:
    if len(found) == 1:
        manager, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {_printed(manager)}: {path}"
    lines: list[str] = []
    told: Manager | None = None
    for manager, path in found:
        if manager != told:
            lines.append(f"conflicts with {_printed(manager)}:")
            told = manager
        lines.append(f"- {path}")
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


def _printed(manager: Manager) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return f"{text} using {manager.api_version}" if manager.operation == UPDATE else text


def _identifier(manager: Manager) -> tuple[str, ...]:
    return (manager.name, manager.operation, manager.api_version, manager.subresource)
