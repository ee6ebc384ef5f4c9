"""A sorted mapping whose copies cost nothing until one of them is written to.

Entries stand in blocks of a few hundred, and copies share the blocks. Each copy writes under a token of its own: a
block that carries another token is copied before it is changed. So a copy is O(1), a write after it copies one block
and the list of blocks, and every later write to the same block copies nothing.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

BLOCK = 256
"""Entries of a block that is filled in order; one that grows to twice as many is halved."""


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=_Ordered)
V = TypeVar("V")


class _Block(Generic[K, V]):
    """Neighbouring entries: their keys in order, and the values by key."""

    __slots__ = ("keys", "token", "values")

    def __init__(self, keys: list[K], values: dict[K, V], token: object) -> None:
        self.keys = keys
        self.values = values
        self.token = token

    def copy(self, token: object) -> _Block[K, V]:
        return _Block(self.keys.copy(), self.values.copy(), token)

    def split(self) -> _Block[K, V]:
        """Give the upper half away."""
        middle = len(self.keys) // 2
        upper = self.keys[middle:]
        del self.keys[middle:]
        return _Block(upper, {key: self.values.pop(key) for key in upper}, self.token)


class SortedMap(Generic[K, V]):
    """A mapping in the order of its keys.

    Iterating it while writing to it is an error, as with a dict; iterate a `copy`, which is free.
    """

    __slots__ = ("_blocks", "_bounds", "_length", "_owns_blocks", "_token")

    def __init__(self) -> None:
        self._token = object()
        self._blocks: list[_Block[K, V]] = [_Block([], {}, self._token)]
        # The lowest key that each block but the first may hold: bisecting them finds a key's block.
        self._bounds: list[K] = []
        self._length = 0
        self._owns_blocks = True

    def copy(self) -> SortedMap[K, V]:
        """The same entries, to be changed on their own from now on; O(1)."""
        twin: SortedMap[K, V] = SortedMap.__new__(SortedMap)
        twin._blocks, twin._bounds, twin._length = self._blocks, self._bounds, self._length
        # Neither may write to what both read.
        twin._token, self._token = object(), object()
        twin._owns_blocks = self._owns_blocks = False
        return twin

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[K]:
        for block in self._blocks:
            yield from block.keys

    def __contains__(self, key: K) -> bool:
        return key in self._blocks[bisect.bisect_right(self._bounds, key)].values

    def __getitem__(self, key: K) -> V:
        return self._blocks[bisect.bisect_right(self._bounds, key)].values[key]

    def get(self, key: K) -> V | None:
        """The value, None where there is none."""
        return self._blocks[bisect.bisect_right(self._bounds, key)].values.get(key)

    def items(self) -> Iterator[tuple[K, V]]:
        """Every entry, in the order of the keys."""
        for block in self._blocks:
            for key in block.keys:
                yield key, block.values[key]

    def values(self) -> Iterator[V]:
        """Every value, in the order of the keys."""
        for block in self._blocks:
            yield from map(block.values.__getitem__, block.keys)

    def above(self, key: K, *, inclusive: bool = False) -> Iterator[tuple[K, V]]:
        """The entries beyond `key`, and with `inclusive` its own; what stands before it costs nothing."""
        start = bisect.bisect_right(self._bounds, key)
        cut = bisect.bisect_left if inclusive else bisect.bisect_right
        first = self._blocks[start]
        for found in first.keys[cut(first.keys, key) :]:
            yield found, first.values[found]
        for block in self._blocks[start + 1 :]:
            for found in block.keys:
                yield found, block.values[found]

    def next_key(self, key: K) -> K | None:
        """The first key beyond `key`, None where there is none."""
        start = bisect.bisect_right(self._bounds, key)
        keys = self._blocks[start].keys
        at = bisect.bisect_right(keys, key)
        if at < len(keys):
            return keys[at]
        return next((block.keys[0] for block in self._blocks[start + 1 :] if block.keys), None)

    def rank(self, key: K) -> int:
        """How many entries stand before `key`, whether it's there or not; costs a look at each block before it."""
        index = bisect.bisect_right(self._bounds, key)
        before = map(len, [block.keys for block in self._blocks[:index]])
        return sum(before) + bisect.bisect_left(self._blocks[index].keys, key)

    def keys(self) -> list[K]:
        """Every key, in order."""
        return [key for block in self._blocks for key in block.keys]

    def first(self) -> V | None:
        """The value of the lowest key, None where there is none."""
        return next(self.values(), None)

    def last(self) -> V | None:
        """The value of the highest key, None where there is none."""
        for block in reversed(self._blocks):
            if block.keys:
                return block.values[block.keys[-1]]
        return None

    def put(self, key: K, value: V) -> None:
        """Set an entry."""
        index = bisect.bisect_right(self._bounds, key)
        block = self._own(index)
        if key not in block.values:
            self._length += 1
            keys = block.keys
            if not keys or keys[-1] < key:
                if len(keys) >= BLOCK and index == len(self._bounds):
                    # Keys that come in order fill their blocks; halving would leave all of them half empty.
                    self._blocks.append(_Block([key], {key: value}, self._token))
                    self._bounds.append(key)
                    return
                keys.append(key)
            else:
                bisect.insort(keys, key)
        block.values[key] = value
        if len(block.keys) >= 2 * BLOCK:
            upper = block.split()
            self._blocks.insert(index + 1, upper)
            self._bounds.insert(index, upper.keys[0])

    def remove(self, key: K) -> V:
        """Take an entry out.

        Raises:
            KeyError: there is none.
        """
        index = bisect.bisect_right(self._bounds, key)
        if key not in self._blocks[index].values:
            raise KeyError(key)
        block = self._own(index)
        value = block.values.pop(key)
        del block.keys[bisect.bisect_left(block.keys, key)]
        self._length -= 1
        if not block.keys and self._bounds:
            del self._blocks[index]
            # The first block has no bound: its successor becomes the first.
            del self._bounds[max(index - 1, 0)]
        return value

    def _own(self, index: int) -> _Block[K, V]:
        """The block, copied first if another map reads it, too."""
        if not self._owns_blocks:
            self._blocks, self._bounds = self._blocks.copy(), self._bounds.copy()
            self._owns_blocks = True
        block = self._blocks[index]
        if block.token is not self._token:
            block = self._blocks[index] = block.copy(self._token)
        return block

    def __repr__(self) -> str:
        return f"<SortedMap of {self._length} in {len(self._blocks)} blocks>"
