"""One request of a sequence, and the names by which it refers to what a server answered before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

PAUSE = "PAUSE"
"""The method of a step that sends nothing: a second passes, so that later times differ from earlier ones."""

_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@attrs.frozen(kw_only=True)
class Step:
    """One request, as both servers are to get it.

    Strings in `path`, `query` and `body` may hold references, which each server's own answers fill in: ``${ns}`` the
    sequence's namespace, ``${start}`` the resourceVersion at which it began, ``${rv:widgets/a}`` and
    ``${uid:widgets/a}`` of that object when last seen, ``${continue}`` the latest token of a list, ``${made:widgets}``
    the latest generated name.

    Attributes:
        plural: the kind it is about, for the report.
        verb: what it is, for the report.
        body: JSON, or bytes as they are.
        until: for a watch: the name of the object whose event is the last to be read; "" reads up to the end.
    """

    method: str
    path: str
    plural: str = ""
    verb: str = ""
    query: Mapping[str, str] = attrs.field(factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = ""
    until: str = ""

    @property
    def is_watch(self) -> bool:
        """The answer goes on."""
        return self.method == "GET" and self.query.get("watch") in ("1", "true")

    @property
    def is_cached(self) -> bool:
        """What is answered hangs on a cache, which may lag behind: what it holds is read, or held against a patch.

        A write that was tried on an old object first is warned of that one, too.
        """
        is_read_there = self.method == "GET" and self.query.get("resourceVersion") in ("0", "1", "${start}")
        return is_read_there or self.is_watch or self.method == "PATCH"

    @property
    def collection(self) -> str:
        """The path of the collection that it is about."""
        before, plural, _ = self.path.partition(f"/{self.plural}")
        return before + plural

    @property
    def is_write(self) -> bool:
        """It may change something."""
        return self.method in ("POST", "PUT", "PATCH", "DELETE")


Known = dict[str, str]
"""What one server has told so far, by reference."""

_UNKNOWN = {"rv": "1", "uid": "00000000-0000-4000-8000-000000000000", "made": "none-made", "continue": "none-seen"}


def fill_in(value: Any, known: Known) -> Any:
    """`value` with its references replaced; the argument isn't changed."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _look_up(found[1], known), value) if "${" in value else value
    if isinstance(value, Mapping):
        return {fill_in(name, known): fill_in(sub, known) for name, sub in value.items()}
    if isinstance(value, list):
        return [fill_in(item, known) for item in value]
    return value


def _look_up(reference: str, known: Known) -> str:
    return known.get(reference) or _UNKNOWN.get(reference.partition(":")[0], "")


def learn(known: Known, step: Step, body: object) -> None:
    """Take in what an answer tells."""
    if not isinstance(body, dict) or not isinstance(metadata := body.get("metadata"), dict):
        return
    if metadata.get("continue"):
        known["continue"] = str(metadata["continue"])
    name = metadata.get("name")
    if not name or body.get("kind") == "Status":
        return
    known[f"rv:{step.plural}/{name}"] = str(metadata.get("resourceVersion", ""))
    known[f"uid:{step.plural}/{name}"] = str(metadata.get("uid", ""))
    if metadata.get("generateName") and step.method == "POST":
        known[f"made:{step.plural}"] = str(name)
