"""The Warning headers of answers (KEP-1693): what a client should change, though its request was served."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import attrs

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.validation.warnings import MAX_LENGTH, MAX_TEXT


def warning_headers(served: ResourceType, warnings: Sequence[str]) -> dict[str, str]:
    """The headers of an answer with warnings: those of the write, and that the version is deprecated."""
    deprecation = served.custom.deprecation_warning if served.custom is not None else ""
    if not warnings and not deprecation:
        return {}
    texts = list(dict.fromkeys([*([deprecation] if deprecation else []), *warnings]))
    return {"warning": ", ".join(f'299 - "{_escaped(text)}"' for text in _fitting(texts))}


def _fitting(texts: list[str]) -> list[str]:
    if sum(map(len, texts)) <= MAX_LENGTH:
        return texts
    shortened = [text[:MAX_TEXT] for text in texts]
    # Those that were told before are told again where one goes beyond the limit, and it with them.
    ends, shortened_ends = itertools.accumulate(map(len, texts)), itertools.accumulate(map(len, shortened))
    beyond = next(index for index, end in enumerate(ends) if end > MAX_LENGTH)
    return [
        text
        for index, (text, end) in enumerate(zip(shortened, shortened_ends, strict=True))
        if index <= beyond or end - len(text) < MAX_LENGTH
    ]


def with_warnings(
    answer: Response | WatchStream | Steps, served: ResourceType, warnings: Sequence[str]
) -> Response | WatchStream | Steps:
    """The answer with its warnings."""
    headers = warning_headers(served, warnings)
    if not headers or isinstance(answer, WatchStream):
        return answer
    if isinstance(answer, Steps):
        return answer.then(lambda whole: _with_headers(whole, headers))
    return _with_headers(answer, headers)


def _with_headers(answer: Response, headers: Mapping[str, str]) -> Response:
    return attrs.evolve(answer, headers={**answer.headers, **headers})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
