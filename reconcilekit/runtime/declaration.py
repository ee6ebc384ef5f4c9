"""What a reconciler's class declares, checked before anything starts: what is wrong fails where it was written."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from reconcilekit.kube.resource import Resource
from reconcilekit.runtime.reconciler import Reconciler, nearest_label

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123, as Kubernetes reads it. With anything else allowed, "gw:" would begin the owners of "gw:x", too."""

_DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")

_COLLECTIONS = ("primary", "owns", "reads", "watches", "predicates")
_TEXTS = ("finalizer", "ready_condition", "name")
_FLAGS = ("publishes",)

_LIKENESS = 0.82
"""Of difflib: "watch" is like "watches" (0.83), "ready" isn't like "reads" (0.80)."""


def check_declaration(reconciler: Reconciler) -> None:
    """Refuse a class that can't work, before anything starts.

    Raises:
        TypeError: names the class, the attribute, its value, and the line to write.
    """
    _check_instance(reconciler)
    _check_spelling(type(reconciler))
    _check_primary(reconciler)
    for attribute in ("owns", "reads"):
        _check_resources(reconciler, attribute)
    _check_watches(reconciler)
    _check_predicates(reconciler)
    _check_methods(reconciler)
    _check_finalizer(reconciler)
    _check_plain(reconciler)


def _check_instance(reconciler: object) -> None:
    if isinstance(reconciler, type):
        raise TypeError(f"add() got the class {reconciler.__name__}; write: add({reconciler.__name__}())")
    if not isinstance(reconciler, Reconciler):
        name = type(reconciler).__name__
        raise TypeError(f"add() got {reconciler!r}, which isn't a Reconciler; write: class {name}(Reconciler): ...")


def _check_spelling(cls: type[Reconciler]) -> None:
    for attribute, value in _own_attributes(cls):
        said = attribute if attribute.isupper() else attribute.lower()  # upper case is a constant of the user's
        for meant in difflib.get_close_matches(said, _could_be(value), n=1, cutoff=_LIKENESS):
            raise TypeError(
                f"{cls.__name__} has {attribute} = {value!r}, which says nothing to the framework: did you mean "
                f"{meant}? Write: {meant} = ..., or begin the name with _ if it's your own"
            )


def _own_attributes(cls: type[Reconciler]) -> Iterator[tuple[str, object]]:
    """The public data that the class and those between it and Reconciler define."""
    for each in cls.__mro__:
        if each is Reconciler or not issubclass(each, Reconciler):
            continue
        for attribute, value in vars(each).items():
            is_known = attribute == "primary" or hasattr(Reconciler, attribute)
            if not is_known and not attribute.startswith("_"):
                yield attribute, value


def _could_be(value: object) -> Sequence[str]:
    """The attributes that a value of this type may have been meant for; a method or a property is nobody's typo."""
    match value:
        case bool():
            return _FLAGS
        case str():
            return (*_COLLECTIONS, *_TEXTS)
        case Resource() | Mapping() | Sequence() | AbstractSet():
            return _COLLECTIONS
    return () if _wrong_with_source(value) else ("watches",)


def _check_primary(reconciler: Reconciler) -> None:
    name = type(reconciler).__name__
    primary: object = getattr(reconciler, "primary", None)
    if primary is None:
        raise TypeError(f'{name} has no primary; add: primary = Resource("example.com/v1", "Kind")')
    if not isinstance(primary, Resource):
        raise TypeError(f"{name}: primary is {primary!r}, not a Resource; write: primary = {_line(primary)}")


def _check_resources(reconciler: Reconciler, attribute: str) -> None:
    name = type(reconciler).__name__
    value: object = getattr(reconciler, attribute)
    if isinstance(value, str | bytes | Resource) or not isinstance(value, Sequence):
        raise TypeError(
            f"{name}: {attribute} is {value!r}, not a sequence of Resource; write: {attribute} = ({_line(value)},)"
        )
    for place, each in enumerate(value):
        if not isinstance(each, Resource):
            raise TypeError(f"{name}: {attribute}[{place}] is {each!r}, not a Resource; write: {_line(each)}")


def _line(value: object) -> str:
    """What to write for a resource, as near to what was written as can be known."""
    match value:
        case Resource():
            return f'Resource("{value.api_version}", "{value.kind}")' + (".optional()" if value.is_optional else "")
        case str() if _KIND.fullmatch(value):
            return f'Resource("example.com/v1", "{value}")'
    return 'Resource("example.com/v1", "Kind")'


def _check_watches(reconciler: Reconciler) -> None:
    name = type(reconciler).__name__
    watches: object = reconciler.watches
    if isinstance(watches, str | bytes) or not isinstance(watches, Sequence):
        raise TypeError(f"{name}: watches is {watches!r}, not a sequence of Source; write: watches = (YourSource(),)")
    for place, source in enumerate(watches):
        if (wrong := _wrong_with_source(source)) is not None:
            raise TypeError(f"{name}: watches[{place}] is {source!r}, {wrong}")


def _wrong_with_source(source: object) -> str | None:
    if isinstance(source, type):
        return f"a class; write: {source.__name__}()"
    if isinstance(source, Resource):
        return f"a kind, not a Source; write: reads = ({_line(source)},)"
    if not inspect.iscoroutinefunction(getattr(source, "watch", None)):
        return "which has no async watch; a Source defines: async def watch(self, wake): ..."
    if not isinstance(getattr(source, "name", None), str):
        return 'which has no name; a Source defines: name = "queue"'
    return None


def _check_predicates(reconciler: Reconciler) -> None:
    name = type(reconciler).__name__
    predicates: object = reconciler.predicates
    if not isinstance(predicates, Mapping):
        raise TypeError(
            f"{name}: predicates is {predicates!r}, not a mapping of Resource to a function; "
            f"write: predicates = {{{_line(getattr(reconciler, 'primary', None))}: generation_changed}}"
        )
    for resource, predicate in predicates.items():
        if not isinstance(resource, Resource):
            raise TypeError(f"{name}: predicates has the key {resource!r}, not a Resource; write: {_line(resource)}")
        if not callable(predicate):
            raise TypeError(
                f"{name}: predicates[{_line(resource)}] is {predicate!r}, not a function of a Change; "
                "write one such as generation_changed"
            )


def _check_methods(reconciler: Reconciler) -> None:
    cls = type(reconciler)
    if cls.reconcile is Reconciler.reconcile:
        raise TypeError(f"{cls.__name__} has no reconcile(); define: def reconcile(self, ctx): ...")
    _check_takes_ctx(reconciler, "reconcile")
    if cls.finalize is not Reconciler.finalize:
        _check_takes_ctx(reconciler, "finalize")


def _check_takes_ctx(reconciler: Reconciler, method: str) -> None:
    name = type(reconciler).__name__
    bound: object = getattr(reconciler, method)
    if not callable(bound):
        raise TypeError(f"{name}: {method} is {bound!r}, not a method; define: def {method}(self, ctx): ...")
    signature = inspect.signature(bound)
    try:
        signature.bind("ctx")
    except TypeError as error:
        unbound = inspect.signature(getattr(type(reconciler), method)).parameters
        raise TypeError(
            f"{name}: {method}({', '.join(unbound)}) can't be called with ctx alone; "
            f"define: def {method}(self, ctx): ..."
        ) from error


def _check_finalizer(reconciler: Reconciler) -> None:
    cls = type(reconciler)
    finalizer: object = reconciler.finalizer
    if finalizer is None:
        if cls.finalize is not Reconciler.finalize:
            raise TypeError(f'{cls.__name__} has finalize() but no finalizer; add: finalizer = "example.com/cleanup"')
        return
    if cls.finalize is Reconciler.finalize:
        raise TypeError(f"{cls.__name__} sets finalizer but has no finalize(); define: def finalize(self, ctx): ...")
    if not isinstance(finalizer, str):
        raise TypeError(
            f'{cls.__name__}: finalizer is {finalizer!r}, not a str; write: finalizer = "example.com/cleanup"'
        )
    if "/" not in finalizer:
        raise TypeError(
            f'{cls.__name__}: finalizer {finalizer!r} has no domain; write "{_nearest_finalizer(finalizer)}"'
        )
    domain, _, name = finalizer.partition("/")
    if not _DNS_SUBDOMAIN.fullmatch(domain) or not _QUALIFIED.fullmatch(name):
        raise TypeError(
            f"{cls.__name__}: finalizer {finalizer!r} isn't a qualified name (a DNS subdomain, one /, and at most 63 "
            "of A-Z, a-z, 0-9, -, _ and ., a letter or digit at both ends); "
            f'write: finalizer = "{_nearest_finalizer(finalizer)}"'
        )


def _nearest_finalizer(said: str) -> str:
    domain, _, name = said.rpartition("/")
    labels = filter(None, (re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in domain.lower().split(".")))
    domain = ".".join(labels)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.")[:63].rstrip("-_.")
    return f"{domain if _DNS_SUBDOMAIN.fullmatch(domain) else 'example.com'}/{name or 'cleanup'}"


def _check_plain(reconciler: Reconciler) -> None:
    name = type(reconciler).__name__
    said: object = reconciler.name
    if not isinstance(said, str) or not _DNS_LABEL.fullmatch(said):
        raise TypeError(
            f"{name}: name {said!r} isn't a DNS label "
            f'(a-z, 0-9 and inner -, at most 63 characters); write: name = "{nearest_label(str(said))}"'
        )
    publishes: object = reconciler.publishes
    if not isinstance(publishes, bool):
        raise TypeError(f"{name}: publishes is {publishes!r}, not a bool; write: publishes = {bool(publishes)}")
    condition: object = reconciler.ready_condition
    if condition is not None and not (isinstance(condition, str) and condition):
        raise TypeError(
            f'{name}: ready_condition is {condition!r}, not a condition\'s type; write: ready_condition = "Ready", '
            "or None for none"
        )
