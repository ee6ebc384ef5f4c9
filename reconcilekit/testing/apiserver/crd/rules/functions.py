"""The functions that Kubernetes adds to CEL, declared for the checker and for the runtime."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from reconcilekit.testing.apiserver.crd.rules import missing, opaque
from reconcilekit.testing.apiserver.crd.rules.versions import parse_semver
from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.patterns import matcher

if TYPE_CHECKING:
    from cel_expr_python import cel

_NUMBERS: Final = ("int", "uint", "double")
_SCALARS: Final = (*_NUMBERS, "string", "bytes", "bool")
_TIMES: Final = ("timestamp", "duration")
"""What Python functions get, but can't return where nobody knows the types beforehand."""

_DECLARED = """
quantity(string) -> kubernetes.Quantity
isQuantity(string) -> bool
kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) -> bool
kubernetes.Quantity.isLessThan(kubernetes.Quantity) -> bool
kubernetes.Quantity.compareTo(kubernetes.Quantity) -> int
sign(kubernetes.Quantity) -> int
kubernetes.Quantity.asApproximateFloat() -> double
kubernetes.Quantity.asInteger() -> int
kubernetes.Quantity.isInteger() -> bool
kubernetes.Quantity.add(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity.add(int) -> kubernetes.Quantity
kubernetes.Quantity.sub(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity.sub(int) -> kubernetes.Quantity
semver(string) -> kubernetes.Semver
semver(string,bool) -> kubernetes.Semver
isSemver(string) -> bool
isSemver(string,bool) -> bool
kubernetes.Semver.isGreaterThan(kubernetes.Semver) -> bool
kubernetes.Semver.isLessThan(kubernetes.Semver) -> bool
kubernetes.Semver.compareTo(kubernetes.Semver) -> int
kubernetes.Semver.major() -> int
kubernetes.Semver.minor() -> int
kubernetes.Semver.patch() -> int
ip(string) -> net.IP
isIP(string) -> bool
ip.isCanonical(string) -> bool
net.IP.family() -> int
net.IP.isUnspecified() -> bool
net.IP.isLoopback() -> bool
net.IP.isLinkLocalMulticast() -> bool
net.IP.isLinkLocalUnicast() -> bool
net.IP.isGlobalUnicast() -> bool
cidr(string) -> net.CIDR
isCIDR(string) -> bool
net.CIDR.containsIP(string) -> bool
net.CIDR.containsIP(net.IP) -> bool
net.CIDR.containsCIDR(string) -> bool
net.CIDR.containsCIDR(net.CIDR) -> bool
net.CIDR.ip() -> net.IP
net.CIDR.prefixLength() -> int
net.CIDR.masked() -> net.CIDR
url(string) -> kubernetes.URL
isURL(string) -> bool
kubernetes.URL.getScheme() -> string
kubernetes.URL.getHost() -> string
kubernetes.URL.getHostname() -> string
kubernetes.URL.getPort() -> string
kubernetes.URL.getEscapedPath() -> string
kubernetes.URL.getQuery() -> map
string.find(string) -> string
string.findAll(string) -> list
string.findAll(string,int) -> list
format.named(string) -> formats
kubernetes.NamedFormat.validate(string) -> problems
"""


def _is(parse: Callable[..., object]) -> Callable[..., bool]:
    def check(*args: Any) -> bool:
        try:
            parse(*args)
        except ValueError:
            return False
        return True

    return check


def _check_pattern(pattern: str) -> None:
    try:
        matcher(pattern)
    except PatternError as error:
        raise ValueError(f"Illegal regex: {error}") from error


def _find(text: str, pattern: str) -> str:
    _check_pattern(pattern)
    found = re.search(pattern, text, re.ASCII)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    _check_pattern(pattern)
    found = [match[0] for match in re.finditer(pattern, text, re.ASCII)]
    return found if limit < 0 else found[:limit]


def _ip(value: Any) -> Any:
    return opaque.parse_ip(value) if isinstance(value, str) else opaque.cidr_ip(value)


def _fold(name: str) -> Callable[[list[Any]], Any]:
    def fold(values: list[Any]) -> Any:
        if not values:
            raise ValueError(f"{name} called on empty list")
        return min(values) if name == "min" else max(values)

    return fold


_IMPLEMENTED: Final[dict[str, Callable[..., Any]]] = {
    "quantity": opaque.parse_quantity,
    "isQuantity": _is(opaque.parse_quantity),
    "isGreaterThan": lambda one, other: opaque.compare(one, other) > 0,
    "isLessThan": lambda one, other: opaque.compare(one, other) < 0,
    "compareTo": opaque.compare,
    "sign": opaque.quantity_sign,
    "asApproximateFloat": opaque.quantity_float,
    "asInteger": opaque.quantity_integer,
    "isInteger": opaque.quantity_is_integer,
    "add": opaque.add,
    "sub": opaque.subtract,
    "semver": parse_semver,
    "isSemver": _is(parse_semver),
    **{part: (lambda value, part=part: value[part]) for part in ("major", "minor", "patch")},
    "ip": _ip,
    "isIP": _is(opaque.parse_ip),
    "ip.isCanonical": opaque.ip_is_canonical,
    "family": opaque.ip_family,
    **{
        trait: functools.partial(opaque.ip_is, trait)
        for trait in ("isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast", "isGlobalUnicast")
    },
    "cidr": opaque.parse_cidr,
    "isCIDR": _is(opaque.parse_cidr),
    "containsIP": opaque.contains_ip,
    "containsCIDR": opaque.contains_cidr,
    "prefixLength": opaque.cidr_prefix_length,
    "masked": opaque.cidr_masked,
    "url": opaque.parse_url,
    "isURL": _is(opaque.parse_url),
    **{
        part: functools.partial(opaque.url_part, part)
        for part in ("getScheme", "getHost", "getHostname", "getPort", "getEscapedPath")
    },
    "getQuery": opaque.url_query,
    "find": _find,
    "findAll": _find_all,
    "format.named": opaque.named_format,
    "validate": opaque.format_problems,
    "isSorted": lambda values: all(one <= other for one, other in itertools.pairwise(values)),
    "sum": sum,
    "min": _fold("min"),
    "max": _fold("max"),
}


def checker_functions() -> list[cel.FunctionDecl]:
    """The declarations with their real types, to check rules against."""
    return [*_declared(_checked_type, {}), *missing.checker_functions()]


def runtime_functions() -> list[cel.FunctionDecl]:
    """The declarations with the types that values have while a rule runs, and the implementations."""
    return [*_declared(_runtime_type, _IMPLEMENTED), *missing.runtime_functions()]


def comparison_functions() -> list[cel.FunctionDecl]:
    """``<``, ``<=``, ``>`` and ``>=``, which Kubernetes allows between numbers of different types, too."""
    from cel_expr_python import cel

    types = {name: _checked_type(name) for name in (*_SCALARS, *_TIMES)}
    pairs = [(one, other) for one in types for other in types if one == other or {one, other} <= set(_NUMBERS)]
    return [
        cel.FunctionDecl(
            operator,
            [
                cel.Overload(f"{name}_{one}_{other}", return_type=cel.Type.BOOL, parameters=[types[one], types[other]])
                for one, other in pairs
            ],
        )
        for operator, name in (("_<_", "less"), ("_<=_", "less_equals"), ("_>_", "greater"), ("_>=_", "greater_equals"))
    ]


def _declared(
    type_of: Callable[[str], cel.Type], implementations: dict[str, Callable[..., Any]]
) -> list[cel.FunctionDecl]:
    from cel_expr_python import cel

    overloads: dict[str, dict[str, cel.Overload]] = {}
    for name, target, args, result in _signatures():
        parameters = [type_of(told) for told in (*target, *args)]
        label = f"{name}({','.join(parameter.name() for parameter in parameters)}){'.' if target else ''}"
        overloads.setdefault(name, {})[label] = cel.Overload(
            label,
            return_type=type_of(result) if not implementations else cel.Type.DYN,
            parameters=parameters,
            is_member=bool(target),
            **({"impl": implementations.get(name) or _format_getter(name)} if implementations else {}),
        )
    return [cel.FunctionDecl(name, list(found.values())) for name, found in overloads.items()]


def _format_getter(name: str) -> Callable[[], Any]:
    wanted = name.removeprefix("format.")
    return lambda: opaque.named_format(wanted)[0]


def _signatures() -> Iterator[tuple[str, list[str], list[str], str]]:
    """Name, receiver (none or one), arguments, result."""
    for line in _DECLARED.strip().splitlines():
        head, _, result = line.partition(" -> ")
        name, _, args = head.rstrip(")").partition("(")
        target = next((t for t in (*opaque.OPAQUE, "string") if name.startswith(f"{t}.")), "")
        yield (
            name.removeprefix(f"{target}.") if target else name,
            [target] if target else [],
            [a for a in args.split(",") if a],
            result,
        )
    for name in opaque.FORMAT_NAMES:
        yield f"format.{name}", [], [], "kubernetes.NamedFormat"
    for item in (*_SCALARS, *_TIMES):
        yield "isSorted", [f"list({item})"], [], "bool"
    for item in _SCALARS:
        yield "min", [f"list({item})"], [], item
        yield "max", [f"list({item})"], [], item
    for item in _NUMBERS:
        yield "sum", [f"list({item})"], [], item


def _checked_type(told: str) -> cel.Type:
    from cel_expr_python import cel

    kinds = cel.Type
    if told in opaque.OPAQUE:
        return kinds.AbstractType(told)
    if told.startswith("list("):
        return kinds.List(_checked_type(told[5:-1]))
    match told:
        case "map":
            return kinds.Map(kinds.STRING, kinds.List(kinds.STRING))
        case "list":
            return kinds.List(kinds.STRING)
        case "formats":
            return kinds.List(kinds.AbstractType("kubernetes.NamedFormat"))
        case "problems":
            return kinds.List(kinds.List(kinds.STRING))
        case _:
            return getattr(kinds, told.upper())


def _runtime_type(told: str) -> cel.Type:
    from cel_expr_python import cel

    if told in opaque.OPAQUE:
        return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    if told.startswith("list("):
        return cel.Type.List(cel.Type.DYN)
    return _checked_type(told)
