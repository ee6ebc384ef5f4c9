"""Where in a rule's variable a value stands, in lists that grow as Go's slices do.

cel-go appends to a path in place where its slice has room, so that a step from one value can take the place of a step
from another, and the estimate of a loop is that of something else. Definitions are refused by these estimates, so ours
go wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence


class ValuePath:
    """A path; the names in it may become others."""

    __slots__ = ("_length", "_room")

    def __init__(self, room: list[str], length: int) -> None:
        self._room = room
        self._length = length

    def below(self, name: str) -> ValuePath:
        """The path of what is there by a name."""
        if self._length < len(self._room):
            self._room[self._length] = name
            return ValuePath(self._room, self._length + 1)
        room = [*self._room, name, *([""] * (len(self._room) - 1))]
        return ValuePath(room, self._length + 1)

    @property
    def names(self) -> Sequence[str]:
        """What it is now."""
        return self._room[: self._length]


NOWHERE = ValuePath([], 0)


def path_of(name: str) -> ValuePath:
    """The path of a variable."""
    return ValuePath([name], 1)
