"""What is talked about: kinds and the keys of objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import attrs

_CORE_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")
"""What kube-apiserver serves without a group; only CustomResourceDefinitions may name versions otherwise."""

_API_VERSION = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[a-z0-9]([a-z0-9-]*[a-z0-9])?|" + _CORE_VERSION.pattern)
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""Upper-case by custom alone: a CustomResourceDefinition's kind has to be a DNS label once it is in lower case,
and an aggregated server's is the name of a type in Go."""


class ObjectKey(NamedTuple):
    """Names one object of a kind; `namespace` is "" where the kind is cluster-scoped."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@attrs.frozen(cache_hash=True)
class Resource:
    """A kind, as the user writes it down; discovery fills in the rest. Equal where apiVersion and kind are.

    Args:
        api_version: "v1", "apps/v1", "example.com/v1".
        kind: "Secret", "Deployment".
        is_optional: proven absence of the kind (complete discovery, nothing stale) counts as whole and empty; by
            default it holds back the controllers that declare it. See `optional`.

    Raises:
        ValueError: no server can have such a kind: the arguments are swapped, the version is missing, ...
        TypeError: one of them is no str.
    """

    api_version: str
    kind: str
    is_optional: bool = attrs.field(default=False, kw_only=True, eq=False)

    def __attrs_post_init__(self) -> None:
        for argument in (self.api_version, self.kind):
            if not isinstance(argument, str):
                raise TypeError(f"{self!r}: {argument!r} isn't a str; write: {_EXAMPLE}")
        if not is_nameable(self.api_version, self.kind):
            raise ValueError(_what_is_wrong(self.api_version, self.kind))

    @property
    def group(self) -> str:
        """The part before the slash of apiVersion: "example.com"; "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The part after the slash of apiVersion: "v1"."""
        return self.api_version.rpartition("/")[2]

    def optional(self) -> Resource:
        """The same kind, allowed to be absent from the cluster."""
        return attrs.evolve(self, is_optional=True)

    def __str__(self) -> str:
        return f"{self.kind}.{self.api_version}"


def is_nameable(api_version: str, kind: str) -> bool:
    """True where they make a `Resource`; of what a server lists, the odd entry is passed over."""
    return _API_VERSION.fullmatch(api_version) is not None and _KIND.fullmatch(kind) is not None


def check_resource(call: str, given: object) -> None:
    """Refuse what isn't a kind.

    Args:
        call: the method that was told it, as its error names it.
        given: in place of a `Resource`.

    Raises:
        TypeError: it is something else; says what to pass.
    """
    if not isinstance(given, Resource):
        raise TypeError(f"{call}: {described(given)} is no Resource; pass {_resource_for(given)}")


def check_string(call: str, name: str, given: object) -> None:
    """Refuse what is no str.

    Args:
        call: the method, as errors name it.
        name: of its argument.
        given: what it was told.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(given, str):
        raise TypeError(f"{call}: {name} is {described(given)}; pass {_string_for(name, given)}")


def described(value: object) -> str:
    """A value as errors show it: itself where it is short, else by its type, since objects hold secrets."""
    if value is None or isinstance(value, str | int | float | ObjectKey | Resource):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    if isinstance(value, tuple) and len(value) <= _FEW:
        return f"({', '.join(map(described, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


_LONGEST = 80
_FEW = 3


def _resource_for(given: object) -> str:
    if isinstance(given, Mapping):
        api_version, kind = given.get("apiVersion"), given.get("kind")
        if isinstance(api_version, str) and isinstance(kind, str) and is_nameable(api_version, kind):
            return f'Resource("{api_version}", "{kind}")'
    return _EXAMPLE


def _string_for(name: str, value: object) -> str:
    if isinstance(value, Mapping) and name.endswith("selector"):
        return repr(",".join(f"{key}={label}" for key, label in value.items()))
    return repr(str(value)) if isinstance(value, int) else "a str"


_EXAMPLE = 'Resource("example.com/v1", "Kind")'


def _what_is_wrong(api_version: str, kind: str) -> str:
    said = f"Resource({api_version!r}, {kind!r})"
    if _API_VERSION.fullmatch(kind) and _KIND.fullmatch(api_version) and not _API_VERSION.fullmatch(api_version):
        return f'{said} has its arguments swapped; write: Resource("{kind}", "{api_version}")'
    if not _KIND.fullmatch(kind):
        return f"{said}: {kind!r} isn't a kind (letters, digits, - and _, a letter first); write one as in {_EXAMPLE}"
    if _API_VERSION.fullmatch(with_version := f"{api_version}/v1"):
        return f'{said}: {api_version!r} has no version; write: Resource("{with_version}", "{kind}")'
    return f'{said}: {api_version!r} isn\'t an apiVersion ("v1", or group/version); write one as in {_EXAMPLE}'
