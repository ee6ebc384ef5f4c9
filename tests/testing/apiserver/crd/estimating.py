"""Definitions with one rule each, whose refusal tells what the rule is estimated to cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.testing.apiserver.crd.playing import DATA

ANSWERS = DATA / "cel-answers.json"


def cases() -> dict[str, Any]:
    """The schema and the rules."""
    loaded: dict[str, Any] = yaml.safe_load((DATA / "cel-rules.yaml").read_text())
    return loaded


def definition(schema: Mapping[str, Any], rule: str, times: int) -> dict[str, Any]:
    """A definition whose rule runs on each of so many items."""
    items = {**schema, "x-kubernetes-validations": [{"rule": rule}]}
    listed = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["s"],
        "maxItems": times,
        "items": items,
    }
    root = {"type": "object", "properties": {"spec": listed}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.costs.example.com"},
        "spec": {
            "group": "costs.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version],
        },
    }


def told(answer: Mapping[str, Any]) -> list[str]:
    """What a server says to it."""
    return [cause["message"] for cause in (answer.get("details") or {}).get("causes") or ()]
