"""Plays the cases of tests/data/crd-cases.yaml on a server; what it answers is made comparable."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parents[3] / "data"
CASES = DATA / "crd-cases.yaml"
ANSWERS = DATA / "crd-answers.json"

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Send = Callable[[str, str, Any, str], Awaitable[tuple[int, dict[str, Any], list[str]]]]
"""Method, path with query, body and media type make status, body and warnings."""

_VOLATILE = ("uid", "creationTimestamp", "resourceVersion", "managedFields", "selfLink")
_VERBS = {"create": "POST", "update": "PUT", "patch": "PATCH", "get": "GET"}


def cases() -> list[dict[str, Any]]:
    """All cases."""
    loaded: list[dict[str, Any]] = yaml.safe_load(CASES.read_text())
    return loaded


def definition_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The definition that a case begins with."""
    group = case.get("group") or f"{case['name']}.example.com"
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": case.get("schema")}
    subresources = case.get("subresources") or ({"status": {}} if case.get("status") else None)
    parts = {
        "subresources": subresources,
        "additionalPrinterColumns": case.get("columns"),
        "selectableFields": case.get("selectable"),
    }
    version |= {key: value for key, value in parts.items() if value}
    spec = {
        "group": group,
        "scope": case.get("scope", "Namespaced"),
        "names": case.get("names") or {"plural": "widgets", "kind": "Widget"},
        "versions": case.get("versions") or [version],
    }
    if "conversion" in case:
        spec["conversion"] = case["conversion"]
    if "preserve" in case:
        spec["preserveUnknownFields"] = case["preserve"]
    metadata = {"name": f"{spec['names']['plural']}.{group}", **(case.get("metadata") or {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


async def play(case: Mapping[str, Any], send: Send, settle: Callable[[str], Awaitable[None]]) -> list[Any]:
    """What a server answers to a case, step by step."""
    definition = definition_of(case)
    name = definition["metadata"]["name"]
    answers = [comparable(*await send("POST", DEFINITIONS, definition, ""))]
    if answers[0]["code"] != 201:
        return answers
    group = definition["spec"]["group"]
    plural = definition["spec"]["names"]["plural"]
    paths = {"group": group, "plural": plural}
    await settle(name)
    answers += [await _write(step, send, paths) for step in case.get("writes") or ()]
    for change in case.get("changes") or ():
        path = f"{DEFINITIONS}/{name}"
        answers.append(comparable(*await send("PATCH", path, change, "application/merge-patch+json")))
        await settle(name)
    return answers + [await _write(step, send, paths) for step in case.get("later") or ()]


async def _write(step: list[Any], send: Send, paths: Mapping[str, str]) -> Any:
    padded = [*step, *([None] * (5 - len(step)))]
    verb, name, body, validation, version = (*padded[:4], padded[4] or "v1")
    method, _, subresource = verb.partition("-")
    path = f"/apis/{paths['group']}/{version}/namespaces/default/{paths['plural']}"
    if method != "create":
        path += f"/{name}"
    if subresource:
        path += f"/{subresource}"
    query = f"?fieldValidation={validation}" if validation else ""
    sent = body
    if method in ("create", "update"):
        sent = {"apiVersion": f"{paths['group']}/{version}", "kind": "Widget", **(body or {})}
        if isinstance(sent.get("metadata", {}), dict):
            sent["metadata"] = {"name": name, **sent.get("metadata", {})}
    if method == "update":
        _, live, _ = await send("GET", path.removesuffix("/status"), None, "")
        sent["metadata"] = {**sent["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
    media_type = "application/merge-patch+json" if method == "patch" else ""
    return comparable(*await send(_VERBS[method], path + query, sent, media_type))


def comparable(code: int, body: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """An answer without what differs from run to run; causes are sorted, as Go iterates over maps as it likes."""
    answer: dict[str, Any] = {"code": code}
    if warnings:
        answer["warnings"] = sorted(warnings)
    if code >= 400:
        details = body.get("details") or {}
        causes = sorted(details.get("causes") or (), key=lambda cause: (cause.get("field", ""), cause["message"]))
        answer |= {"reason": body.get("reason"), "causes": [_stable(cause) for cause in causes]}
        if len(causes) < 2:
            answer["message"] = _stable(body.get("message"))
        return answer
    content = {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}
    content["metadata"] = {k: v for k, v in body["metadata"].items() if k not in _VOLATILE}
    if body.get("kind") == "CustomResourceDefinition":
        # Its status is the server's controllers' affair; they come when they come.
        content = {"metadata": content["metadata"], "spec": content["spec"]}
    return {**answer, "body": content}


def _stable(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r'Invalid value: "\{.*\}": strict', 'Invalid value: "{...}": strict', value)
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items()}
    return value


def parsed_warnings(header: str) -> list[str]:
    """The texts of a Warning header."""
    return list(_texts(header))


def _texts(header: str) -> Iterator[str]:
    for found in re.finditer(r'299 \S+ "((?:\\.|[^"\\])*)"', header):
        yield re.sub(r"\\(.)", r"\1", found[1])
