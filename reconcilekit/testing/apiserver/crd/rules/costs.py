"""What a rule costs at most, estimated as the real server does it before it takes a definition.

Its units are those of cel-go (`checker/cost.go`): one for a step, a tenth for each character that is looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from reconcilekit.testing.apiserver.crd.rules.expressions import CheckedTree, Comprehension, Kind, Tree
from reconcilekit.testing.apiserver.crd.rules.library_costs import Call, Estimate, Part, call_cost
from reconcilekit.testing.apiserver.crd.rules.ranges import NEVER, NOTHING, ONE, UNKNOWN, Range, exactly
from reconcilekit.testing.apiserver.crd.rules.sizes import Bounds
from reconcilekit.testing.apiserver.crd.rules.standard_costs import standard_cost
from reconcilekit.testing.apiserver.crd.rules.value_paths import NOWHERE, ValuePath, path_of

_LIST: Final = exactly(10)
_MAP: Final = exactly(30)
_SCALARS: Final = ("bool", "double", "duration", "int", "timestamp", "uint")
_RESULTS: Final = ("__result__", "@result")


@attrs.frozen(kw_only=True)
class _Entries:
    """The sizes of a container's keys and values."""

    is_list: bool
    keys: Range
    values: Range


@attrs.frozen(kw_only=True)
class _Variable:
    path: ValuePath
    size: Range | None = None
    entries: _Entries | None = None


def most_cost(tree: CheckedTree, bounds: Bounds | None) -> int:
    """The most that a checked rule can cost.

    Args:
        tree: of the rule, with `self` and `oldSelf` bound outside of it.
        bounds: of what the variables hold.
    """
    return _Estimator(tree, bounds).cost(_unbound(tree.root)).high


def _unbound(root: Tree) -> Tree:
    """The rule without what gives its variables their types."""
    while root.loop is not None and root.loop.result_name in ("self", "oldSelf"):
        root = root.loop.result
    return root


class _Estimator:
    def __init__(self, tree: CheckedTree, bounds: Bounds | None) -> None:
        self._tree = tree
        self._bounds = bounds
        self._paths: dict[int, ValuePath] = {}
        self._variables: dict[str, list[_Variable]] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, _Entries] = {}

    def cost(self, tree: Tree) -> Range:
        match tree.form:
            case "name":
                found = self._variable(tree.name)
                self._paths[tree.number] = path_of(tree.name) if found is None else found.path
                return ONE
            case "select":
                return self._select_cost(tree)
            case "call":
                return self._call_cost(tree)
            case "list":
                return self._list_cost(tree)
            case "map":
                return self._map_cost(tree)
            case "comprehension":
                assert tree.loop is not None
                return self._bind_cost(tree, tree.loop) if _is_bind(tree.loop) else self._loop_cost(tree, tree.loop)
            case _:
                return NOTHING

    def _select_cost(self, tree: Tree) -> Range:
        assert tree.target is not None
        total = self.cost(tree.target)
        if tree.is_test:
            return total
        if self._kind(tree.target).name in ("map", "message", "parameter"):
            total += ONE
        self._paths[tree.number] = self._path(tree.target).below(tree.name)
        return total

    def _call_cost(self, tree: Tree) -> Range:
        if tree.name == "dyn" and tree.target is None:
            (inner,) = tree.parts
            total = self.cost(inner) + ONE
            self._take_sizes(tree, inner)
            return total
        if tree.name == "_[?_]" and tree.parts[0].name in ("validate", "format.named"):
            # The index is this server's own: what Python answers with is a list, for an optional.
            return self.cost(tree.parts[0])
        costs = [self.cost(part) for part in tree.parts]
        parts = [self._part(part) for part in tree.parts]
        overloads = self._tree.overloads.get(tree.number, ())
        if not overloads:
            return NOTHING
        total, target = NOTHING, None
        if tree.target is not None:
            total, target = self.cost(tree.target), self._part(tree.target)
        own, size = NEVER, None
        for overload in overloads:
            found = self._overload_cost(tree, Call(tree.name, overload, target, tuple(parts)), costs)
            own |= found.cost
            if found.size is not None:
                size = found.size if size is None else size | found.size
            if overload in ("index_list", "index_map") and tree.parts:
                entries = self._entry_sizes(tree.parts[0])
                size = None if entries is None else entries.values
                below = "@items" if overload == "index_list" else "@values"
                self._paths[tree.number] = self._path(tree.parts[0]).below(below)
            if size is None:
                size = self._size(tree)
        if size is not None:
            self._sizes[tree.number] = size
        return total + own

    def _overload_cost(self, tree: Tree, call: Call, costs: list[Range]) -> Estimate:
        told = sum(costs, NOTHING)
        if call.overload in ("logical_or", "logical_and"):
            return Estimate(Range(costs[0].low, told.high))
        if call.overload == "conditional":
            self._join_entries(tree, tree.parts[1], tree.parts[2])
            size = self._known(tree.parts[1]) | self._known(tree.parts[2])
            return Estimate(costs[0] + (costs[1] | costs[2]), size)
        if call.overload in ("add_string", "add_bytes", "add_list"):
            self._join_entries(tree, *tree.parts)
        found = call_cost(call, self._size_at)
        if found is None:
            target = None if tree.target is None else self._known(tree.target)
            found = standard_cost(call.overload, target, [self._known(part) for part in tree.parts])
        return Estimate(found.cost + told, found.size)

    def _list_cost(self, tree: Tree) -> Range:
        total, size = NOTHING, NEVER if tree.parts else NOTHING
        for part in tree.parts:
            total += self.cost(part)
            size |= self._known(part)
        self._entries[tree.number] = _Entries(is_list=True, keys=ONE, values=size)
        return total + _LIST

    def _map_cost(self, tree: Tree) -> Range:
        total, sizes = NOTHING, [NEVER if tree.parts else NOTHING] * 2
        for i, part in enumerate(tree.parts):
            total += self.cost(part)
            sizes[i % 2] |= self._known(part)
        self._entries[tree.number] = _Entries(is_list=False, keys=sizes[0], values=sizes[1])
        return total + _MAP

    def _bind_cost(self, tree: Tree, loop: Comprehension) -> Range:
        total = self.cost(loop.over) + self.cost(loop.beginning)
        with self._scope({loop.result_name: self._bound(loop.beginning)}):
            total += self.cost(loop.result)
        self._take_sizes(tree, loop.result)
        return total

    def _loop_cost(self, tree: Tree, loop: Comprehension) -> Range:
        total = self.cost(loop.over) + self.cost(loop.beginning)
        with self._scope({loop.result_name: self._bound(loop.beginning)}):
            with self._scope(self._variables_of(loop)):
                round_cost = self.cost(loop.condition)
                round_cost += self.cost(loop.step)
            total += self.cost(loop.result)
        rounds = self._known(loop.over)
        total += rounds * round_cost
        if loop.beginning.form == "constant":
            if (size := self._size(loop.beginning)) is not None:
                self._sizes[tree.number] = size
        elif loop.beginning.form in ("list", "map"):
            self._sizes[tree.number] = rounds
            if (entries := self._entry_sizes(loop.step)) is not None:
                self._entries[tree.number] = entries
        return total

    def _variables_of(self, loop: Comprehension) -> dict[str, _Variable]:
        entries, path = self._entry_sizes(loop.over), self._path(loop.over)
        is_list = self._kind(loop.over).name == "list" if entries is None else entries.is_list
        keys, values = (None, None) if entries is None else (entries.keys, entries.values)
        if loop.second_variable:
            first = _Variable(path=path.below("@indices" if is_list else "@keys"), size=keys)
            second = _Variable(path=path.below("@items" if is_list else "@values"), size=values)
            return {loop.variable: first, loop.second_variable: second}
        return {
            loop.variable: _Variable(path=path.below("@items"), size=values)
            if is_list
            else _Variable(path=path.below("@keys"), size=keys)
        }

    @contextlib.contextmanager
    def _scope(self, variables: dict[str, _Variable]) -> Iterator[None]:
        for name, variable in variables.items():
            self._variables.setdefault(name, []).append(variable)
        yield
        for name in variables:
            self._variables[name].pop()

    def _bound(self, tree: Tree) -> _Variable:
        return _Variable(path=self._path(tree), size=self._size(tree), entries=self._entry_sizes(tree))

    def _variable(self, name: str) -> _Variable | None:
        known = self._variables.get(name)
        return known[-1] if known else None

    def _kind(self, tree: Tree) -> Kind:
        return self._tree.kinds.get(tree.number, Kind("dyn"))

    def _path(self, tree: Tree) -> ValuePath:
        if tree.form == "name" and (found := self._variable(tree.name)) is not None:
            return found.path
        return self._paths.get(tree.number, NOWHERE)

    def _part(self, tree: Tree) -> Part:
        path = self._path(tree)
        if path.names[:1] and path.names[0] in _RESULTS:
            path = NOWHERE
        return Part(tree, path, self._kind(tree), self._size(tree))

    def _size_at(self, names: Sequence[str]) -> Range | None:
        if not names or self._bounds is None:
            return None
        most = self._bounds.at(names[1:])
        return None if most is None else Range(0, most)

    def _known(self, tree: Tree) -> Range:
        return self._size(tree) or UNKNOWN

    def _size(self, tree: Tree) -> Range | None:
        if (known := self._sizes.get(tree.number)) is not None:
            return known
        if (own := _own_size(tree)) is not None:
            return own
        if (told := self._size_at(self._path(tree).names)) is not None:
            self._sizes[tree.number] = told
            return told
        if _is_scalar(self._kind(tree)):
            return ONE
        found = self._variable(tree.name) if tree.form == "name" else None
        return None if found is None else found.size

    def _entry_sizes(self, tree: Tree) -> _Entries | None:
        if (known := self._entries.get(tree.number)) is not None:
            return known
        found = self._variable(tree.name) if tree.form == "name" else None
        return None if found is None else found.entries

    def _join_entries(self, tree: Tree, one: Tree, other: Tree) -> None:
        first, second = self._entry_sizes(one), self._entry_sizes(other)
        if first is not None and second is not None:
            self._entries[tree.number] = attrs.evolve(
                first, keys=first.keys | second.keys, values=first.values | second.values
            )

    def _take_sizes(self, tree: Tree, inner: Tree) -> None:
        if (size := self._size(inner)) is not None:
            self._sizes[tree.number] = size
        if (entries := self._entry_sizes(inner)) is not None:
            self._entries[tree.number] = entries


def _is_bind(loop: Comprehension) -> bool:
    is_empty = loop.over.form == "list" and not loop.over.parts
    return is_empty and loop.condition.form == "constant" and loop.condition.value is False


def _is_scalar(kind: Kind) -> bool:
    if kind.name == "optional_type" and kind.inner:
        return _is_scalar(kind.inner[0])
    return kind.name in _SCALARS


def _own_size(tree: Tree) -> Range | None:
    match tree.form:
        case "constant":
            return exactly(len(tree.value)) if isinstance(tree.value, (str, bytes)) else ONE
        case "list":
            return exactly(len(tree.parts))
        case "map":
            return exactly(len(tree.parts) // 2)
    return None
