"""Reading untyped objects: each access says what it wants, and a wrong shape names the object and the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconcilekit.errors import ConfigError

MALFORMED: Final = "Malformed"
"""The reason of every ConfigError raised here."""

_NAMES: Final = {
    dict: "a mapping",
    list: "a list",
    str: "a string",
    int: "a number",
    bool: "a boolean",
    float: "a fraction",
}


class Fields:
    """One mapping inside an object. An absent field and null are the same, as for the API server.

    Messages tell the type that was found, never the value: the object may be a Secret.

    Args:
        value: what should be a mapping.
        subject: whose it is: "HTTPRoute default/web".
        path: where it stands: "spec.rules[0]"; "" for the whole object.

    Raises:
        ConfigError: `value` isn't a mapping.
    """

    def __init__(self, value: object, *, subject: str, path: str = "") -> None:
        self._subject = subject
        self._path = path
        if not isinstance(value, Mapping):
            raise self._malformed(path or "the object", value, "a mapping")
        self._fields = value

    @property
    def path(self) -> str:
        """Where this mapping stands, for messages."""
        return self._path

    def has(self, name: str) -> bool:
        """True where the field is there and not null."""
        return self._fields.get(name) is not None

    def text(self, name: str, *, default: str | None = None) -> str:
        """A string; `default` where it is absent, an error without one."""
        value = self.optional_text(name)
        if value is None:
            value = default
        if value is None:
            raise ConfigError(MALFORMED, f"{self._subject}: {self._at(name)} is missing; it must be a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None where it is absent."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise self._malformed(self._at(name), value, "a string")
        return value

    def number(self, name: str, *, default: int | None = None) -> int:
        """A whole number; `default` where it is absent, an error without one."""
        value = self.optional_number(name)
        if value is None:
            value = default
        if value is None:
            raise ConfigError(MALFORMED, f"{self._subject}: {self._at(name)} is missing; it must be a number")
        return value

    def optional_number(self, name: str) -> int | None:
        """A whole number, or None where it is absent."""
        value = self._fields.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self._malformed(self._at(name), value, "a number")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """A boolean, or None where it is absent."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._malformed(self._at(name), value, "a boolean")
        return value

    def fields(self, name: str) -> Fields:
        """A mapping inside this one; an empty one where it is absent."""
        value = self._fields.get(name)
        return Fields({} if value is None else value, subject=self._subject, path=self._at(name))

    def items(self, name: str) -> list[Fields]:
        """A list of mappings; an empty one where it is absent."""
        return [
            Fields(item, subject=self._subject, path=f"{self._at(name)}[{index}]")
            for index, item in enumerate(self._list(name))
        ]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; an empty one where it is absent."""
        items = self._list(name)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self._malformed(f"{self._at(name)}[{index}]", item, "a string")
        return tuple(str(item) for item in items)

    def text_map(self, name: str) -> dict[str, str]:
        """A mapping of strings to strings; an empty one where it is absent."""
        inner = self.fields(name)
        return {key: inner.text(key) for key in inner.names()}

    def names(self) -> list[str]:
        """The names of the fields that are there."""
        return [str(name) for name in self._fields]

    def _list(self, name: str) -> list[object]:
        value = self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._malformed(self._at(name), value, "a list")
        return value

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _malformed(self, path: str, value: object, wanted: str) -> ConfigError:
        found = "null" if value is None else _NAMES.get(type(value), type(value).__name__)
        return ConfigError(MALFORMED, f"{self._subject}: {path} is {found}; it must be {wanted}")
