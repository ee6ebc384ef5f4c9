"""Marks what may differ between two servers, so that its identity alone is compared: uids, versions, addresses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.differential.kinds import GROUP
from tests.differential.player import Answer, Playing

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_CLUSTER_IP = re.compile(r"\b10\.\d+\.\d+\.\d+\b")
_MADE = re.compile(r"\b(gen\d*-)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_VERSION_IN_TEXT = re.compile(
    r"((?:resource ?version|ResourceVersion(?: in object meta)?|record|current|precondition)[^0-9⟦]{0,12})\d+\b"
    r"|\(\d+\)$"
)
_QUOTED_VERSION = re.compile(r'(?<=resourceVersion)(\\*":\\*"|:)(\d{2,18})\b')
_NODE_PORTS = ("nodePort", "healthCheckNodePort")
_NODE_PORT = re.compile(r"(?<=:)3[0-2]\d{3}(?=/(?:TCP|UDP|SCTP)\b)")
_QUOTED_NODE_PORT = re.compile(r'(?<=odePort)(\\*":|:)(3[0-2]\d{3})\b')
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_AGES = re.compile(r"^\d+[smhd]$|^<invalid>$")


def mark(kind: str, value: str) -> str:
    """A value of which only the identity counts."""
    return f"\u27e6{kind} {value}\u27e7"


MARKED = re.compile("\u27e6([a-zA-Z]+) ([^\u27e7]*)\u27e7")


class Normaliser:
    """Normalises the answers of one playing."""

    def __init__(self, playing: Playing) -> None:
        self._pauses = playing.pauses

    def normalise(self, answer: Answer) -> Answer:
        """The answer with what has an identity marked, and what doesn't count replaced."""
        return Answer(
            status=answer.status,
            content_type=answer.content_type.partition(";")[0],
            body=self._value(answer.body, ""),
            warnings=self._text(answer.warnings),
        )

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return self._mapping(value, name)
        if isinstance(value, list):
            if name == "managedFields":
                return _by_manager([self._value(item, "") for item in value])
            return [self._value(item, "") for item in value]
        if isinstance(value, str):
            return self._string(value, name)
        if name in _NODE_PORTS and isinstance(value, int) and value >= 30000:
            return mark("nodePort", str(value))
        return value

    def _mapping(self, value: dict[str, Any], name: str) -> dict[str, Any]:
        kind = str(value.get("kind", ""))
        is_list = isinstance(value.get("items"), list) or kind == "Table" or value.get("type") == "BOOKMARK"
        is_list = is_list or kind == "PartialObjectMetadataList"  # whose items are null where there are none
        if value.get("kind") == "Status" and value.get("reason") == "Conflict":
            value = _in_order(value)
        if value.get("kind") == "Status" and value.get("reason") == "Invalid":
            value = _with_fields_in_order(value)
        if name == "metadata" and _is_deleted_namespace(value):
            value = {**value, "finalizers": sorted(value["finalizers"])}
        result = {}
        for key, sub in value.items():
            if key == "metadata" and isinstance(sub, dict) and is_list:
                result[key] = {k: "<list>" if k == "resourceVersion" else self._value(v, k) for k, v in sub.items()}
            elif key == "object" and value.get("type") == "BOOKMARK":
                result[key] = self._bookmark(sub)
            elif name == "fieldsV1" or key == "fieldsV1":
                result[key] = sub
            else:
                result[key] = self._value(sub, key)
        return result

    def _bookmark(self, obj: Any) -> Any:
        if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "<bookmark>"}}
        if isinstance(obj, dict) and isinstance(obj.get("rows"), list):
            obj = {**obj, "rows": [{**row, "object": self._bookmark(row.get("object"))} for row in obj["rows"]]}
        return obj

    def _string(self, text: str, name: str) -> str:
        if name == "resourceVersion" and text.isdigit() and len(text) < 19:
            return mark("rv", text) if text not in ("0", "1") else text
        if name in _NODE_PORTS and text.isdigit():
            # YAML is read without its types.
            return mark("nodePort", text)
        if name == "continue":
            return "<continue>"
        return self._text(text)

    def _text(self, text: str) -> str:
        text = _UUID.sub(lambda found: mark("uid", found[0]), text)
        text = _TIME.sub(lambda found: self._time(found[0]), text)
        text = _CLUSTER_IP.sub(lambda found: mark("ip", found[0]), text)
        text = _NODE_PORT.sub(lambda found: mark("nodePort", found[0]), text)
        text = _QUOTED_NODE_PORT.sub(lambda found: found[1] + mark("nodePort", found[2]), text)
        text = _MADE.sub(lambda found: found[1] + mark("made", found[0]), text)
        text = _QUOTED_VERSION.sub(lambda found: found[1] + mark("rv", found[2]), text)
        text = _VERSION_IN_TEXT.sub(lambda found: f"{found[1] or ''}<rv>", text)
        return "<age>" if _AGES.match(text) else text

    def _time(self, text: str) -> str:
        moment = datetime.fromisoformat(text).timestamp()
        return f"<time after {sum(int(pause) < moment for pause in self._pauses)} pauses>"


def _is_deleted_namespace(metadata: Mapping[str, Any]) -> bool:
    """A deletion puts a Namespace's finalizers together out of a Go map."""
    has_label = _NAMESPACE_LABEL in (metadata.get("labels") or {})
    return has_label and bool(metadata.get("deletionTimestamp") and metadata.get("finalizers"))


def _in_order(conflict: dict[str, Any]) -> dict[str, Any]:
    """Apply conflicts in the order of their text: the real one's hangs on the order of Go's maps."""
    details = conflict.get("details") or {}
    causes = sorted(details.get("causes") or [], key=str)
    message = "\n".join(sorted(str(conflict.get("message", "")).split("\n")[1:]))
    head = str(conflict.get("message", "")).partition("\n")[0]
    return {**conflict, "message": f"{head}\n{message}", "details": {**details, "causes": causes}}


def _with_fields_in_order(invalid: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with a custom object's fields in the order of its text: the real one's hangs on that of Go's maps.

    What is told before and after that, of the metadata for one, stays where it is.
    """
    details = invalid.get("details") or {}
    causes = details.get("causes") or []
    if details.get("group") != GROUP or len(causes) < 2:
        return invalid
    ordered: list[dict[str, Any]] = []
    for is_of_field, run in itertools.groupby(causes, key=_is_of_a_field):
        found = list(run)
        ordered += sorted(found, key=str) if is_of_field else found
    message = str(invalid["message"]).replace(_told(causes), _told(ordered))
    return {**invalid, "message": message, "details": {**details, "causes": ordered}}


def _is_of_a_field(cause: Mapping[str, Any]) -> bool:
    told = str(cause.get("message"))
    field = str(cause.get("field"))
    return field.startswith(("spec", "status")) or (field == "<nil>" and "rules were not checked" not in told)


def _told(causes: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(f"{cause.get('field')}: {cause.get('message')}" for cause in causes))


def _by_manager(entries: Sequence[Any]) -> Any:
    """The entries by what identifies them: their order hangs on times, and is checked apart."""
    if not all(isinstance(entry, dict) for entry in entries):
        return list(entries)
    named = {}
    for entry in entries:
        identity = [str(entry.get(part, "")) for part in ("manager", "operation", "apiVersion", "subresource")]
        named["/".join(identity)] = entry
    return named if len(named) == len(entries) else list(entries)


def misordered(value: Any) -> bool:
    """True if managedFields anywhere in an answer aren't in the order that they must have."""
    if isinstance(value, dict):
        entries = value.get("managedFields")
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            parts = ("operation", "time", "manager", "apiVersion", "subresource")
            order = [tuple(str(entry.get(part) or "") for part in parts) for entry in entries]
            if order != sorted(order):
                return True
        return any(misordered(sub) for sub in value.values())
    return isinstance(value, list) and any(misordered(item) for item in value)
