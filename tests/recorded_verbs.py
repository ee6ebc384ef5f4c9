"""Requests and what a real kube-apiserver answered: how they are kept, sent and compared.

`tools/record_verbs.py` sends the same requests to a real server again and keeps its answers.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

FILE = Path(__file__).parent / "data" / "verbs.jsonl.gz"

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_REVISION = re.compile(r"(current: |version: |\(|record \()\d{2,}\b")
_DRAWN = re.compile(r"((?:gen|Bad|-g|g{50,})[-_]?)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_AGE = re.compile(r"^\d+s$")
_REFERENCE = re.compile(r"\$\{(\d+)\.([^}]+)\}")
_PATCHED = re.compile(r'Invalid value: \\*"\{.*\}\\*": ')
_SHOWN_REVISION = re.compile(r'(resourceVersion\\*":\\*")\d+')


def load() -> dict[str, list[dict[str, Any]]]:
    """The steps of each case: requests with their answers."""
    lines = gzip.decompress(FILE.read_bytes()).splitlines()
    return {entry["case"]: entry["steps"] for entry in map(msgspec.json.decode, lines)}


def substituted(value: Any, namespace: str, answers: list[Any]) -> Any:
    """A request as it is sent: "{ns}" is the case's namespace, "${0.metadata.uid}" a part of an earlier answer."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _part(answers, found), value.replace("{ns}", namespace))
    if isinstance(value, list):
        return [substituted(item, namespace, answers) for item in value]
    if isinstance(value, dict):
        return {name: substituted(item, namespace, answers) for name, item in value.items()}
    return value


def _part(answers: list[Any], found: re.Match[str]) -> str:
    node = answers[int(found[1])]
    for name in found[2].split("."):
        node = node[name]
    return str(node)


def decoded(step: dict[str, Any], status: int, body: bytes) -> Any:
    """A body: the lines of a watch, JSON, or a text."""
    try:
        if "watch" in str(step) and status == 200:
            return [msgspec.json.decode(line) for line in body.splitlines()]
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")


def comparable(value: Any) -> Any:
    """An answer without what differs from server to server and from run to run."""
    if isinstance(value, dict):
        if value.get("type") == "application/yaml":
            value = {**value, "body": yaml.load(value["body"], yaml.BaseLoader)}
        kept = {name: item for name, item in value.items() if name != "managedFields"}
        if "priority" in kept:
            kept.pop("description", None)
        return {name: _comparable_field(name, item) for name, item in kept.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, str):
        return value
    text = _TIME.sub("<time>", _UID.sub("<uid>", value))
    text = _DRAWN.sub(r"\1<drawn>", _REVISION.sub(r"\1<revision>", text))
    text = _SHOWN_REVISION.sub(r"\1<revision>", _PATCHED.sub("Invalid value: <object>: ", text))
    return "<age>" if _AGE.match(text) else text


def _comparable_field(name: str, item: Any) -> Any:
    if name == "resourceVersion" and isinstance(item, str) and item.isdigit():
        return "<revision>"
    if name == "continue" and item:
        return "<token>"
    return comparable(item)
