"""Kubernetes manifests from YAML files, with placeholders for what is only known at run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

CRDS = Path(__file__).parent / "crds"
"""The CustomResourceDefinitions of every kind that isn't built in."""

DEMO = Path(__file__).parent / "manifests"
"""The demo's objects; their placeholders are told in the folder's files."""


class _KubernetesLoader(yaml.SafeLoader):
    """Reads timestamps as the strings they are in JSON."""


_KubernetesLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_manifests(text: str, values: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The objects of a YAML text, in its order; empty documents are left out.

    Args:
        text: one or more documents.
        values: what `${NAME}` stands for; None (the default) leaves the text as it is.

    Raises:
        KeyError: a placeholder without a value.
        yaml.YAMLError: the text isn't YAML.
    """
    filled = text if values is None else Template(text).substitute(values)
    return [document for document in yaml.load_all(filled, Loader=_KubernetesLoader) if document]


def load_manifests(folder: Path, values: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The objects of all YAML files of a folder, by file name.

    Args:
        folder: where to look, not below.
        values: see `parse_manifests`.
    """
    for path in sorted(folder.glob("*.yaml")):
        yield from parse_manifests(path.read_text(encoding="utf-8"), values)
