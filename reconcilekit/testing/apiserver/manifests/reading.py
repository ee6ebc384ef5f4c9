"""Manifests out of files and folders, as `kubectl apply --recursive --filename` finds them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs
import msgspec

SUFFIXES = (".json", ".yaml", ".yml")
"""What is read of a folder, as kubectl does; a file that is named itself may be called anything."""


class ManifestError(Exception):
    """A manifest can't be loaded; the message names its file and document."""


@attrs.frozen(kw_only=True)
class Manifest:
    """One object in a file.

    Attributes:
        content: the object.
        place: "FILE, document 2", for messages; documents are counted from 1, empty ones included.
    """

    content: dict[str, Any]
    place: str

    @property
    def api_version(self) -> str:
        """As it has it."""
        return str(self.content["apiVersion"])

    @property
    def kind(self) -> str:
        """As it has it."""
        return str(self.content["kind"])

    @property
    def name(self) -> str:
        """As it has it."""
        return str(self.content["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} {self.name}"


def read_manifests(paths: Iterable[Path]) -> list[Manifest]:
    """Every object in files and folders, in the order of the paths, of the names in a folder, and of the documents.

    Raises:
        ManifestError: one can't be read, or is no object.
    """
    return [manifest for path in paths for file in _files(path) for manifest in _read_file(file)]


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
    except OSError as error:
        raise _unreadable(path, error) from error
    found = sorted(_below(path))
    if not found:
        raise ManifestError(f"{path}: no manifest in this folder; their names end in {', '.join(SUFFIXES)}")
    return found


def _below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder, onerror=_refuse_folder):
        yield from (Path(place, name) for name in names if Path(name).suffix in SUFFIXES)


def _refuse_folder(error: OSError) -> NoReturn:
    raise _unreadable(Path(error.filename), error) from error


def _unreadable(path: Path, error: OSError) -> ManifestError:
    is_forbidden = isinstance(error, PermissionError)
    cure = "make it readable for this user" if is_forbidden else "name a file or folder of manifests"
    return ManifestError(f"{path}: {error.strerror}; {cure}")


def _read_file(path: Path) -> Iterator[Manifest]:
    try:
        if path.exists() and not path.is_file():
            # Reading a pipe could wait for ever.
            raise ManifestError(f"{path} is no regular file; write what comes out of it into one, and load that")
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    documents = _json_documents(path, data) if path.suffix == ".json" else _yaml_documents(path, data)
    for number, document in enumerate(documents, 1):
        place = f"{path}, document {number}"
        if document is not None:
            yield from _expand(document, place)


def _json_documents(path: Path, data: bytes) -> Iterator[object]:
    try:
        yield msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{path}, document 1: this is no JSON: {error}") from error


def _yaml_documents(path: Path, data: bytes) -> Iterator[object]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = yaml.load_all(data, Loader=loader)
    number = 0
    try:
        for document in documents:
            number += 1
            # By way of JSON, which is what kubectl makes of it: a date is a string there, and so is every key.
            yield msgspec.json.decode(msgspec.json.encode(document))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        place = f"{path}, document {number + 1 if isinstance(error, yaml.YAMLError) else number}"
        raise ManifestError(f"{place}: this is no YAML: {_in_a_line(error)}") from error


def _in_a_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    told = ", ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None))))
    return f"{told} (line {mark.line + 1}, column {mark.column + 1})"


def _expand(document: object, place: str) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise ManifestError(f"{place}: a manifest is an object with apiVersion and kind, not {_kind_of(document)}")
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for number, item in enumerate(items, 1):
            yield from _expand(_item(document, item), f"{place}, item {number}")
        return
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str) or not document[field]:
            raise ManifestError(f"{place}: {field} is missing; write one, or leave this file out")
    if document["apiVersion"].startswith("kustomize.config.k8s.io/"):
        raise ManifestError(f"{place}: kustomize isn't run here; load what `kubectl kustomize FOLDER` prints")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise ManifestError(
            f"{place}: {document['kind']} without metadata.name; what is loaded needs a name of its own"
        )
    yield Manifest(content=document, place=place)


def _item(listed: Mapping[str, Any], item: object) -> object:
    """A typed list (ConfigMapList) leaves its items' kind away."""
    if listed["kind"] == "List" or not isinstance(item, dict):
        return item
    return {"apiVersion": listed.get("apiVersion"), "kind": listed["kind"].removesuffix("List"), **item}


def _kind_of(value: object) -> str:
    return {str: "a string", list: "a list", bool: "a boolean", int: "a number", float: "a number"}.get(
        type(value), type(value).__name__
    )
