"""Secondary indexes: which keys have a certain value now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from logging import Logger, LoggerAdapter
from typing import NoReturn

from reconcilekit.cache.selection import IndexFunction
from reconcilekit.errors import BugError
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey

Log = Logger | LoggerAdapter[Logger]


class IndexFunctionError(BugError):
    """An index function raised for an object: what the index would find might lack that object."""


class Index:
    """The keys of one kind's objects by the values that a function gives for them.

    Written under the timeline's lock; `keys_with` and `broken` may be read from any thread.

    Args:
        name: for messages.
        function: pure and total. Where it raises all the same, the object is named in the log and a selection that
            might have to contain it raises, rather than leave it out.
        log: where such a failure is reported.
    """

    def __init__(self, name: str, function: IndexFunction, *, log: Log) -> None:
        self.name = name
        self._function = function
        self._log = log
        self._keys: dict[str, set[ObjectKey]] = {}
        self._broken: dict[ObjectKey, Exception] = {}

    def __repr__(self) -> str:
        return f"<Index {self.name}: {len(self._keys)} values, {len(self._broken)} broken objects>"

    def values(self, obj: RawObject) -> frozenset[str]:
        """The values under which `obj` is found.

        Raises:
            IndexFunctionError: the function raised.
        """
        try:
            return frozenset(self._function(obj))
        except Exception as error:
            raise self._failure(obj.key) from error

    def fill(self, objects: Iterable[RawObject]) -> None:
        """Take in a kind's objects at once, before anybody reads."""
        for obj in objects:
            self.update(obj.key, None, obj)

    def update(self, key: ObjectKey, before: RawObject | None, after: RawObject | None) -> None:
        """Follow one change of `key`."""
        old = self._known_values(before)
        self._broken.pop(key, None)
        new = self._known_values(after)
        if error := self._broken.get(key):
            self._log.error("%s", self._failure(key), exc_info=error, extra={"index": self.name, "key": str(key)})
        for value in old - new:
            self._discard(value, key)
        for value in new - old:
            self._keys.setdefault(value, set()).add(key)

    def count(self, value: str) -> int:
        """How many keys have `value`."""
        return len(self._keys.get(value, ()))

    def keys_with(self, value: str) -> set[ObjectKey]:
        """A copy, made in one step."""
        return set(self._keys.get(value, ()))

    @property
    def broken(self) -> Mapping[ObjectKey, Exception]:
        """The objects for which the function raised, and what; a copy made in one step."""
        return self._broken.copy()

    def raise_for(self, key: ObjectKey, error: Exception) -> NoReturn:
        """Say that a selection can't be answered because of `key`."""
        raise self._failure(key) from error

    def _known_values(self, obj: RawObject | None) -> frozenset[str]:
        if obj is None:
            return frozenset()
        try:
            return frozenset(self._function(obj))
        except Exception as error:  # noqa: BLE001 -- kept, and raised to whoever selects by this index
            self._broken[obj.key] = error
            return frozenset()

    def _discard(self, value: str, key: ObjectKey) -> None:
        keys = self._keys[value]
        keys.discard(key)
        if not keys:
            del self._keys[value]

    def _failure(self, key: ObjectKey) -> IndexFunctionError:
        return IndexFunctionError(
            f"index {self.name!r}: its function raised for {key}, so no selection by this index can be trusted; "
            "make the function give an empty list for objects that it can't read"
        )
