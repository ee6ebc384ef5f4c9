"""What can be wrong with a value that is read into a Go type, in the words of Go's encoding/json."""

from __future__ import annotations

from reconcilekit.testing.apiserver.schema.definitions import Definition


class DecodeError(Exception):
    """A value can't be read; the message is Go's."""


class TypeMismatchError(DecodeError):
    """A JSON value of one type where another is needed.

    Args:
        found: the JSON type, with the number where the type is right and the number isn't: "number 1.5".
        wanted: the Go type; "" leaves it to whoever knows it.
    """

    def __init__(self, found: str, wanted: str = "") -> None:
        super().__init__(found, wanted)
        self.found = found
        self.wanted = wanted
        self.struct = ""
        self.path: tuple[str, ...] = ()

    def inside(self, struct: Definition, field: str) -> TypeMismatchError:
        """The same, one struct further out."""
        told = struct.fields[field]
        self.struct = self.struct or struct.go_name
        self.path = (*told.embedded, field, *self.path)
        return self

    def __str__(self) -> str:
        where = f"Go struct field {self.struct}.{'.'.join(self.path)}" if self.path else "Go value"
        return f"json: cannot unmarshal {self.found} into {where} of type {self.wanted}"
