"""What a read asks for: label selectors in the API's own syntax, and selections of objects.

Sources: the label selector grammar is apimachinery's `labels.Parse`, the object form `metav1.LabelSelector`; both give
the same answer here as on the server, so that an empty selection can be confirmed there.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from reconcilekit.errors import BugError
from reconcilekit.kube.objects import RawObject

IndexFunction = Callable[[RawObject], Iterable[str]]
"""Gives the values under which an object is found in a named index; pure, and total: it never raises."""


class SelectorSyntaxError(ValueError):
    """A label selector that the API server would refuse, or one with its operators for numbers (``<``, ``>``)."""


class UnknownIndexError(BugError):
    """A selection names an index that nobody added to the kind's store."""


def _sorted_distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


class Operator(enum.Enum):
    """How a label is tested; the values are those of `matchExpressions`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@attrs.frozen(kw_only=True)
class Requirement:
    """One test of one label.

    Attributes:
        key: the label's name.
        operator: the test; equality is IN with one value, inequality NOT_IN with one.
        values: sorted and without repetition; empty for EXISTS and DOES_NOT_EXIST.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = attrs.field(default=(), converter=_sorted_distinct)

    def __attrs_post_init__(self) -> None:
        needs_values = self.operator in (Operator.IN, Operator.NOT_IN)
        if not self.key:
            raise SelectorSyntaxError("label selector: a requirement has no label name; write it before the operator")
        if needs_values and not self.values:
            raise SelectorSyntaxError(f"label {self.key!r}: {self.operator.value} needs at least one value")
        if not needs_values and self.values:
            raise SelectorSyntaxError(f"label {self.key!r}: {self.operator.value} takes no values; leave them out")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True if `labels` pass; a missing label passes NOT_IN, as on the server."""
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case Operator.IN:
                return f"{self.key} in ({','.join(self.values)})"
            case Operator.NOT_IN:
                return f"{self.key} notin ({','.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


def _canonical(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(sorted(set(requirements), key=str))


@attrs.frozen
class LabelSelector:
    """All of its requirements must pass; without any, every object does.

    Build one with `parse`, `from_mapping` or `from_object`. Equal selectors compare and hash equal whatever form and
    order they were written in.
    """

    requirements: tuple[Requirement, ...] = attrs.field(default=(), converter=_canonical)
    equalities: Mapping[str, str] = attrs.field(init=False, eq=False, repr=False)
    """The labels that must have one certain value: what an index can look up."""

    def __attrs_post_init__(self) -> None:
        single = {
            requirement.key: requirement.values[0]
            for requirement in self.requirements
            if requirement.operator is Operator.IN and len(requirement.values) == 1
        }
        object.__setattr__(self, "equalities", single)

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Read the API's syntax: ``a=b,c==d,e!=f,g in (x,y),h notin (z),i,!j``.

        Raises:
            SelectorSyntaxError: the server would refuse it too, or it compares numbers (``<``, ``>``).
        """
        return cls(tuple(_parse_requirement(part) for part in _split_requirements(text)))

    @classmethod
    def from_mapping(cls, labels: Mapping[str, str]) -> LabelSelector:
        """Each label must have exactly that value."""
        return cls(tuple(Requirement(key=key, operator=Operator.IN, values=(value,)) for key, value in labels.items()))

    @classmethod
    def from_object(cls, selector: Mapping[str, Any]) -> LabelSelector:
        """Read a `metav1.LabelSelector`: ``{"matchLabels": {...}, "matchExpressions": [...]}``.

        Raises:
            SelectorSyntaxError: an expression lacks its key or has an unknown operator.
        """
        equal = cls.from_mapping(selector.get("matchLabels") or {}).requirements
        expressions = tuple(_requirement_from_expression(item) for item in selector.get("matchExpressions") or ())
        return cls(equal + expressions)

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """True if `labels` (None for none) pass every requirement."""
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    def __bool__(self) -> bool:
        """False where every object passes."""
        return bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


@attrs.frozen
class Selection:
    """Which objects of a kind a read is about; an object must pass all that is given.

    Args:
        namespace: only objects of this namespace; None for all.
        labels: only objects that this selector matches.
        index: the name of an index and the value to be found under it.
        where: a predicate over the decoded object; pure. It is called for each object that passes the rest.
    """

    namespace: str | None = attrs.field(default=None, kw_only=True)
    labels: LabelSelector | None = attrs.field(default=None, kw_only=True)
    index: tuple[str, str] | None = attrs.field(default=None, kw_only=True)
    where: Callable[[dict[str, Any]], bool] | None = attrs.field(default=None, kw_only=True)

    @property
    def is_evaluable_by_server(self) -> bool:
        """True where a list request can ask for the same: only namespace and labels are given."""
        return self.index is None and self.where is None

    def matches(self, obj: RawObject, *, indexes: Mapping[str, IndexFunction] | None = None) -> bool:
        """True if `obj` belongs to this selection.

        Args:
            obj: one version of an object.
            indexes: the kind's index functions by name, needed where `index` is given.

        Raises:
            UnknownIndexError: `index` names a function that isn't in `indexes`.
        """
        if self.namespace is not None and obj.key.namespace != self.namespace:
            return False
        if self.labels is not None and not self.labels.matches(obj.meta.labels):
            return False
        if self.index is not None and not self._has_index_value(obj, *self.index, indexes or {}):
            return False
        return self.where is None or bool(self.where(obj.decode()))

    def _has_index_value(self, obj: RawObject, name: str, value: str, indexes: Mapping[str, IndexFunction]) -> bool:
        if name not in indexes:
            raise UnknownIndexError(
                f"selection by index {name!r}: no such index; there are {sorted(indexes) or 'none'}. "
                "Add it with add_index before the cache starts."
            )
        return value in indexes[name](obj)

    def __str__(self) -> str:
        parts = [
            f"namespace={self.namespace}" if self.namespace is not None else "",
            f"labels={self.labels}" if self.labels else "",
            f"index {self.index[0]}={self.index[1]}" if self.index else "",
            f"where={getattr(self.where, '__qualname__', self.where)}" if self.where else "",
        ]
        return " ".join(part for part in parts if part) or "all"


# An argument in parentheses keeps its commas, so requirements can't be split at every comma.
_REQUIREMENTS = re.compile(r"(?:[^,()]|\([^()]*\))+")
_NAME = r"(?P<key>[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)"
_SET = re.compile(rf"{_NAME}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(rf"{_NAME}\s*(?P<operator>==|=|!=)\s*(?P<value>[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?|)")
_EXISTENCE = re.compile(rf"(?P<absent>!?)\s*{_NAME}")


def _split_requirements(text: str) -> list[str]:
    if not text.strip():
        return []
    parts = _REQUIREMENTS.findall(text)
    if ",".join(parts) != text:
        raise SelectorSyntaxError(
            f"label selector {text!r}: an empty requirement or a stray parenthesis; write it as a=b,c in (x,y),!d"
        )
    return [part.strip() for part in parts]


def _parse_requirement(text: str) -> Requirement:
    if found := _SET.fullmatch(text):
        operator = Operator.IN if found["operator"] == "in" else Operator.NOT_IN
        return Requirement(
            key=found["key"], operator=operator, values=tuple(value.strip() for value in found["values"].split(","))
        )
    if found := _EQUALITY.fullmatch(text):
        operator = Operator.NOT_IN if found["operator"] == "!=" else Operator.IN
        return Requirement(key=found["key"], operator=operator, values=(found["value"],))
    if found := _EXISTENCE.fullmatch(text):
        operator = Operator.DOES_NOT_EXIST if found["absent"] else Operator.EXISTS
        return Requirement(key=found["key"], operator=operator)
    raise SelectorSyntaxError(
        f"label selector requirement {text!r}: not understood; write one of a=b, a!=b, a in (b,c), a notin (b,c), a, !a"
    )


def _requirement_from_expression(expression: Mapping[str, Any]) -> Requirement:
    try:
        operator = Operator(expression.get("operator"))
    except ValueError as error:
        known = ", ".join(operator.value for operator in Operator)
        raise SelectorSyntaxError(
            f"matchExpressions operator {expression.get('operator')!r}: unknown; use one of {known}"
        ) from error
    return Requirement(key=expression.get("key", ""), operator=operator, values=tuple(expression.get("values") or ()))
