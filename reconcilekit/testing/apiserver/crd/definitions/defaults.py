"""Whether the defaults of a schema are themselves what the schema asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconcilekit.testing.apiserver.crd.problems import child, invalid
from reconcilekit.testing.apiserver.crd.rules.engine import EngineMissingError, load
from reconcilekit.testing.apiserver.crd.rules.running import Review, rule_node
from reconcilekit.testing.apiserver.crd.values.checking import Check
from reconcilekit.testing.apiserver.crd.values.embedded import Coercion, embedded_causes
from reconcilekit.testing.apiserver.crd.values.pruning import Pruning
from reconcilekit.testing.apiserver.crd.values.structure import structure_of
from reconcilekit.testing.apiserver.json_values import is_identical
from reconcilekit.testing.apiserver.status import Cause


def default_causes(schema: Mapping[str, Any], path: str, *, is_root: bool = True) -> Iterator[Cause]:
    """What is wrong with a schema's defaults; those inside of maps' values are never used, and not looked at."""
    default = schema.get("default")
    if default is not None:
        yield from _causes(schema, default, child(path, "default"), is_root=is_root)
    if isinstance(items := schema.get("items"), Mapping):
        yield from default_causes(items, child(path, "items"), is_root=False)
    for name, sub in (schema.get("properties") or {}).items():
        yield from default_causes(sub, f"{child(path, 'properties')}[{name}]", is_root=False)


def _causes(schema: Mapping[str, Any], default: Any, path: str, *, is_root: bool) -> Iterator[Cause]:
    node = structure_of(schema)
    if is_root:
        node = node.embedded()
    pruned = Pruning().pruned_value(default, node)
    if not is_identical(pruned, default):
        yield invalid(path, default, "must not have unknown fields")
    coercion = Coercion()
    coercion.coerced(default, node, path)
    if coercion.problem is not None:
        yield coercion.problem
        return
    found = list(embedded_causes(default, node, path)) or Check(schema).causes(default, prefix=path)
    if not found:
        found = _rule_causes(schema, default, path, is_root=is_root)
    yield from found


def _rule_causes(schema: Mapping[str, Any], default: Any, path: str, *, is_root: bool) -> list[Cause]:
    rules = rule_node(schema, is_root=is_root)
    if rules is None:
        return []
    try:
        load()
    except EngineMissingError:
        return []
    unpaired = Review(None, [])
    # A default may take the place of itself, and of nothing.
    return list(rules.causes(default, default, path, unpaired)) or list(rules.causes(default, None, path, unpaired))
