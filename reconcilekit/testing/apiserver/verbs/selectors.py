"""What `labelSelector` and `fieldSelector` together select."""

from __future__ import annotations

from collections.abc import Callable

from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.verbs.field_selectors import Term, check_fields, field_predicate
from reconcilekit.testing.apiserver.verbs.label_selectors import parse_label_selector

Predicate = Callable[[Stored], bool]


def selection(served: ResourceType, label_selector: str, terms: list[Term]) -> Predicate | None:
    """What a request's selectors accept, None where it has none.

    Raises:
        StatusError: 400 where one can't be parsed or names an unknown field.
    """
    predicates: list[Predicate] = []
    if label_selector:
        predicates.append(_label_predicate(label_selector))
    if terms:
        check_fields(served, terms)
        predicates.append(field_predicate(served, terms))
    if len(predicates) <= 1:
        return predicates[0] if predicates else None
    first, second = predicates
    return lambda stored: first(stored) and second(stored)


def single_name(terms: list[Term]) -> str | None:
    """The one name that the comparisons allow, None where they allow several."""
    names = {term.value for term in terms if term.path == "metadata.name" and not term.is_negated}
    return names.pop() if len(names) == 1 else None


def _label_predicate(text: str) -> Predicate:
    accepts = parse_label_selector(text)
    return lambda stored: accepts(stored.meta.get("labels") or {})
