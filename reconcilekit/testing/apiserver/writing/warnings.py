"""The Warning headers of answers (KEP-1693): what a client should change, though its request was served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import attrs

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

MAX_LENGTH: Final = 4096
"""Characters that the server spends on all warnings of an answer."""

_A = TypeVar("_A")


def warning_headers(served: ResourceType, warnings: Sequence[str]) -> dict[str, str]:
    """The headers of an answer with warnings: those of the write, and that the version is deprecated."""
    deprecation = served.custom.deprecation_warning if served.custom is not None else ""
    if not warnings and not deprecation:
        return {}
    texts = list(dict.fromkeys([*([deprecation] if deprecation else []), *warnings]))
    return {"warning": ", ".join(f'299 - "{_escaped(text)}"' for text in texts)[:MAX_LENGTH]}


def with_warnings(answer: _A, served: ResourceType, warnings: Sequence[str]) -> _A:
    """The answer with its warnings."""
    headers = warning_headers(served, warnings)
    if not headers or not isinstance(answer, Response):
        return answer
    return attrs.evolve(answer, headers={**answer.headers, **headers})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
