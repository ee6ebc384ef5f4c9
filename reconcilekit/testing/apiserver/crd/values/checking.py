"""A schema, compiled once, and a value held to it.

`accepts` says quickly whether a value is right; only one that isn't is looked at again by `findings`, which words what
is wrong as the real server does, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from reconcilekit.testing.apiserver.crd.values import failures
from reconcilekit.testing.apiserver.crd.values.failures import Findings
from reconcilekit.testing.apiserver.crd.values.formats import known_format
from reconcilekit.testing.apiserver.crd.values.limits import Counts, number_limits, single_type, string_limits
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.json_values import is_equal
from reconcilekit.testing.apiserver.status import Cause


class Correlation(Protocol):
    """A value beside the one that it takes the place of."""

    def key(self, name: str) -> Correlation | None:
        """The pair of a field's values; None where there is no old one to compare with."""

    def index(self, i: int) -> Correlation | None:
        """The pair of an item's values."""

    def is_same(self) -> bool:
        """Nothing has changed here."""


_JSON_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    str: "string",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
_DATA_FORMATS: Final[Mapping[type, str]] = {int: "int64", float: "float64"}
_PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}

Predicate = Callable[[Any], object]


class Check:
    """One node of a schema.

    Args:
        schema: as the definition has it.

    Attributes:
        accepts: whether a value is right; None where any is.
    """

    __slots__ = (
        "_additional",
        "_all_of",
        "_any_of",
        "_closed",
        "_enum",
        "_format",
        "_item",
        "_item_counts",
        "_not",
        "_nullable",
        "_numbers",
        "_one_of",
        "_properties",
        "_property_counts",
        "_required",
        "_strings",
        "_types",
        "accepts",
    )

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._types = _types(schema)
        self._nullable = schema.get("nullable") is True
        self._format = known_format(schema.get("format") or "", single_type(schema))
        self._enum: tuple[object, ...] = tuple(schema.get("enum") or ())
        self._strings = string_limits(schema)
        self._numbers = number_limits(schema)
        self._item_counts = Counts(minimum=schema.get("minItems"), maximum=schema.get("maxItems"))
        self._property_counts = Counts(minimum=schema.get("minProperties"), maximum=schema.get("maxProperties"))
        self._required: tuple[str, ...] = tuple(schema.get("required") or ())
        self._properties = {name: Check(sub) for name, sub in (schema.get("properties") or {}).items()}
        additional = schema.get("additionalProperties")
        self._closed = additional is False
        self._additional = Check(additional) if isinstance(additional, Mapping) else None
        items = schema.get("items")
        self._item = Check(items) if isinstance(items, Mapping) else None
        self._all_of = [Check(sub) for sub in schema.get("allOf") or ()]
        self._any_of = [Check(sub) for sub in schema.get("anyOf") or ()]
        self._one_of = [Check(sub) for sub in schema.get("oneOf") or ()]
        self._not = Check(told) if isinstance(told := schema.get("not"), Mapping) else None
        self.accepts = self._compiled()

    def causes(self, value: object, *, prefix: str = "", correlation: Correlation | None = None) -> list[Cause]:
        """What is wrong with a value, nothing for the parts that are as wrong as they were before (KEP-4008)."""
        if self.accepts is None or self.accepts(value):
            return []
        findings = self.findings(value, "", correlation)
        return [failure.cause(prefix) for failure in findings.failures]

    def _compiled(self) -> Predicate | None:
        by_type: dict[type, tuple[Predicate, ...]] = {
            str: tuple(self._strings.accepts()),
            int: tuple(self._numbers.accepts()),
            float: tuple(self._numbers.accepts()),
            list: (*self._item_counts.accepts(), *self._item_predicates()),
            dict: (*self._property_counts.accepts(), *self._map_predicates()),
        }
        juncture = tuple(self._juncture_predicates())
        enum_only: tuple[Predicate, ...] = (self._is_listed,) if self._enum else ()
        checks = {kind: (*by_type.get(kind, ()), *enum_only, *juncture) for kind in _JSON_TYPES}
        checks[type(None)] = enum_only
        if not self._types and not self._format and not any(checks.values()):
            return None
        if self._types or self._format:
            checks = {kind: checks[kind] for kind in _JSON_TYPES if self._takes(kind)}
        if "integer" in self._types:
            checks[float] = (float.is_integer, *by_type[float], *enum_only, *juncture)
        return _dispatching(checks)

    def _takes(self, kind: type) -> bool:
        """Whether a value of a type is right as far as types go; of the floats, an integer takes the whole ones."""
        if kind is type(None):
            return self._nullable or not self._types
        return not self._type_failures(kind, 0.5 if kind is float else kind())

    def _item_predicates(self) -> Iterator[Predicate]:
        accepts = self._item.accepts if self._item else None
        if accepts is not None:
            yield lambda value: all(map(accepts, value))

    def _map_predicates(self) -> Iterator[Predicate]:
        if self._required:
            required = frozenset(self._required)
            yield lambda value: required <= value.keys()
        known = {name: check.accepts for name, check in self._properties.items() if check.accepts is not None}
        if known:
            yield _field_predicate(known)
        listed = self._properties.keys()
        if self._closed:
            yield lambda value: value.keys() <= listed
        accepts = self._additional.accepts if self._additional else None
        if accepts is not None:
            yield lambda value: all(accepts(item) for name, item in value.items() if name not in listed)

    def _juncture_predicates(self) -> Iterator[Predicate]:
        if self._any_of and all(check.accepts for check in self._any_of):
            yield lambda value: any(check.accepts(value) for check in self._any_of if check.accepts)
        if self._one_of:
            yield lambda value: sum(check.accepts is None or bool(check.accepts(value)) for check in self._one_of) == 1
        for check in self._all_of:
            if check.accepts is not None:
                yield check.accepts
        if self._not is not None:
            told = self._not.accepts
            yield lambda value: told is not None and not told(value)

    def _is_listed(self, value: object) -> bool:
        return any(_equals_choice(value, choice) for choice in self._enum)

    def findings(self, value: Any, path: str, correlation: Correlation | None) -> Findings:
        """What is wrong with a value, and how much is right, below the path `path`."""
        findings = Findings()
        kind = type(value)
        type_failures = self._type_failures(kind, value)
        if self._types or self._format or value is None:
            findings.merge(_typed(type_failures, path))
        if value is None:
            findings.merge(self._enum_findings(value, path))
            return self._ratcheted(findings, correlation)
        findings.matches += bool(self._types or self._format)
        findings.merge(self._juncture_findings(value, path, correlation))
        if kind is str:
            findings.merge(self._strings.failures(value, path))
            findings.merge(self._strings.format_failures(value, path))
            findings.matches += 1 + bool(self._format)
        if kind in (int, float):
            findings.merge(self._numbers.failures(value, path))
            findings.matches += 1
        if kind is list:
            findings.merge(self._list_findings(value, path, correlation))
            findings.matches += 1
        findings.merge(self._enum_findings(value, path))
        findings.matches += 1
        if kind is dict:
            findings.merge(self._map_findings(value, path, correlation))
            findings.matches += 1
        findings.matches += 2
        return self._ratcheted(findings, correlation)

    def _ratcheted(self, findings: Findings, correlation: Correlation | None) -> Findings:
        if correlation is not None and findings.failures and correlation.is_same():
            return Findings(matches=findings.matches)
        return findings

    def _type_failures(self, kind: type, value: Any) -> tuple[str, str] | None:
        """The wanted and the found type where they differ."""
        types, wanted_format = self._types, self._format
        if value is None:
            return None if self._nullable or not types else (",".join(types), "null")
        name, data_format = _JSON_TYPES[kind], _DATA_FORMATS.get(kind, "")
        is_whole = kind is float and "integer" in types and float.is_integer(value)
        fits = name in types or is_whole or (kind is int and "number" in types)
        if kind not in (str, list) and wanted_format and not fits and data_format != wanted_format:
            return (wanted_format, data_format)
        if not {"number", "integer"} & set(types) and wanted_format and kind in (str, list):
            return None
        return None if fits or not (types or wanted_format) else (",".join(types), name)

    def _enum_findings(self, value: object, path: str) -> Findings:
        if self._enum and not self._is_listed(value):
            return Findings([failures.unlisted(path, value, self._enum)])
        return Findings()

    def _list_findings(self, value: list[Any], path: str, correlation: Correlation | None) -> Findings:
        findings = Findings(matches=1)
        if self._item is not None:
            for i, item in enumerate(value):
                below = correlation.index(i) if correlation else None
                findings.merge(self._item.findings(item, f"{path}[{i}]", below))
        findings.add(*self._item_counts.item_failures(len(value), path))
        return findings

    def _map_findings(self, value: dict[str, Any], path: str, correlation: Correlation | None) -> Findings:
        findings = Findings()
        findings.add(*self._property_counts.property_failures(len(value), path))
        if self._closed:
            findings.add(*(failures.forbidden_property(path, name) for name in value if name not in self._properties))
        elif self._additional is not None:
            for name, item in value.items():
                if name not in self._properties:
                    below = _below(correlation, name, path)
                    findings.merge(self._additional.findings(item, f"{path}.{name}", below))
        for name, check in self._properties.items():
            if name in value:
                inner = f"{path}.{name}" if path else name
                below = _below(correlation, name, path)
                findings.merge(check.findings(value[name], inner, below))
        findings.add(*(failures.missing(f"{path}.{name}") for name in self._required if name not in value))
        return findings

    def _juncture_findings(self, value: object, path: str, correlation: Correlation | None) -> Findings:
        findings = Findings()
        # What stands in a juncture isn't compared with its old value at its own level, only below it.
        unpaired = _OnlyBelow(correlation) if correlation else None

        def of(check: Check) -> Findings:
            return check.findings(value, path, unpaired)

        if self._any_of:
            self._add_any_of(findings, [of(check) for check in self._any_of], path)
        if self._one_of:
            self._add_one_of(findings, [of(check) for check in self._one_of], path)
        if self._all_of:
            results = [of(check) for check in self._all_of]
            for result in results:
                findings.merge(result)
            valid = sum(not result.failures for result in results)
            if valid != len(results):
                tail = "" if valid else ". None validated"
                findings.add(failures.composite(f"{quoted(path)} must validate all the schemas (allOf){tail}"))
        if self._not is not None and not of(self._not).failures:
            findings.add(failures.composite(f"{quoted(path)} must not validate the schema (not)"))
        findings.matches += 1
        return findings

    def _add_any_of(self, findings: Findings, results: list[Findings], path: str) -> None:
        valid = [result for result in results if not result.failures]
        if valid:
            findings.merge(valid[0])
            return
        findings.add(failures.composite(f"{quoted(path)} must validate at least one schema (anyOf)"))
        findings.merge(max(results, key=lambda result: result.matches))

    def _add_one_of(self, findings: Findings, results: list[Findings], path: str) -> None:
        valid = [result for result in results if not result.failures]
        if len(valid) == 1:
            findings.merge(valid[0])
            return
        told = f"Found {len(valid)} valid alternatives" if valid else "Found none valid"
        findings.add(failures.composite(f"{quoted(path)} must validate one and only one schema (oneOf). {told}"))
        if not valid:
            findings.merge(max(results, key=lambda result: result.matches))


class _OnlyBelow:
    """A pair of values that counts as changed, whatever its parts do."""

    def __init__(self, pair: Correlation) -> None:
        self._pair = pair

    def key(self, name: str) -> Correlation | None:
        return self._pair.key(name)

    def index(self, i: int) -> Correlation | None:
        return self._pair.index(i)

    def is_same(self) -> bool:
        return False


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    if schema.get("x-kubernetes-int-or-string") is True:
        return ("integer", "string")
    told = schema.get("type")
    return (told,) if told else ()


def _dispatching(checks: Mapping[type, tuple[Predicate, ...]]) -> Predicate:
    def accepts(value: object) -> bool:
        found = checks.get(type(value))
        if found is None:
            return False
        for check in found:  # noqa: SIM110  # this is the hot loop; all() with a generator takes twice as long
            if not check(value):
                return False
        return True

    return accepts


def _field_predicate(known: Mapping[str, Predicate]) -> Predicate:
    def accepts(value: dict[str, Any]) -> bool:
        for name, item in value.items():
            check = known.get(name)
            if check is not None and not check(item):
                return False
        return True

    return accepts


def _below(correlation: Correlation | None, name: str, path: str) -> Correlation | None:
    if correlation is None or (not path and name in ("kind", "apiVersion")):
        return None
    return correlation.key(name)


def _typed(mismatch: tuple[str, str] | None, path: str) -> Findings:
    if mismatch is None:
        return Findings(matches=1)
    return Findings([failures.wrong_type(path, *mismatch)])


def _equals_choice(value: object, choice: object) -> bool:
    return value is not None and is_equal(value, choice)
