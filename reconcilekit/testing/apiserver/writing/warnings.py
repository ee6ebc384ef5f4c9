"""The Warning headers of answers (KEP-1693): what a client should change, though its request was served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.storage.watch import WatchStream

MAX_LENGTH: Final = 4096
"""Characters that the server spends on all warnings of an answer."""


def warning_headers(served: ResourceType, warnings: Sequence[str]) -> dict[str, str]:
    """The headers of an answer with warnings: those of the write, and that the version is deprecated."""
    deprecation = served.custom.deprecation_warning if served.custom is not None else ""
    if not warnings and not deprecation:
        return {}
    texts = list(dict.fromkeys([*([deprecation] if deprecation else []), *warnings]))
    return {"warning": ", ".join(f'299 - "{_escaped(text)}"' for text in texts)[:MAX_LENGTH]}


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
