"""Plays a sequence to one server and keeps what it answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
import yaml

from tests.differential.servers import Raw, Server
from tests.differential.steps import PAUSE, Known, Step, fill_in, learn


@attrs.frozen(kw_only=True)
class Answer:
    """What one server answered to one step.

    Attributes:
        body: decoded where it is JSON, else text; of a watch the list of its events.
        warnings: the texts of the Warning headers, sorted.
    """

    status: int
    content_type: str
    body: Any
    warnings: str = ""


@attrs.frozen(kw_only=True)
class Playing:
    """One sequence on one server.

    Attributes:
        pauses: the server's wall-clock times at which they began.
    """

    answers: list[Answer]
    pauses: list[float]


def play(server: Server, steps: Sequence[Step], namespace: str) -> Playing:
    """Send every step, in order, in a namespace that is made for it."""
    known: Known = {"ns": namespace}
    pauses: list[float] = []
    answers: list[Answer] = []
    made = Step(
        method="POST",
        path="/api/v1/namespaces",
        body={"metadata": {"name": namespace, "labels": {"sequence": namespace}}},
    )
    answer = _send(server, made, known)
    if answer.status != 201:
        raise RuntimeError(f"{server.name}: namespace {namespace} can't be made: {answer}")
    known["start"] = answer.body["metadata"]["resourceVersion"]
    for step in steps:
        if step.method == PAUSE:
            pauses.append(server.now())
            server.pause()
            answers.append(Answer(status=0, content_type="", body=None))
            continue
        answers.append(_send(server, step, known))
    return Playing(answers=answers, pauses=pauses)


def _send(server: Server, step: Step, known: Known) -> Answer:
    path, query = fill_in(step.path, known), fill_in(step.query, known)
    if step.is_cached:
        server.catch_up(fill_in(step.collection, known))
    headers = {"accept": step.accept} if step.accept else {}
    if step.is_watch:
        until = f'"name":"{fill_in(step.until, known)}"'.encode() if step.until else b""
        raw = server.watch(path, query, headers, lambda line: _ends(line, until))
        return _decoded(raw, is_watch=True)
    body = b""
    if step.body is not None:
        headers["content-type"] = step.content_type
        body = step.body if isinstance(step.body, bytes) else json.dumps(fill_in(step.body, known)).encode()
    answer = _decoded(server.send(step.method, path, query, headers, body))
    learn(known, step, answer.body)
    return answer


def _ends(line: bytes, until: bytes) -> bool:
    return line.startswith(b'{"type":"ERROR"') or (bool(until) and until in line)


def _decoded(raw: Raw, *, is_watch: bool = False) -> Answer:
    kind = raw.headers.get("content-type", "")
    warnings = raw.headers.get("warning", "")
    if is_watch and raw.status == 200:
        events = [_json(line) for line in raw.body.split(b"\n") if line]
        return Answer(status=raw.status, content_type=kind, body=events, warnings=warnings)
    body = yaml.load(raw.body, yaml.BaseLoader) if "yaml" in kind else _json(raw.body)
    return Answer(status=raw.status, content_type=kind, body=body, warnings=warnings)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
