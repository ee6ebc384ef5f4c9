"""Which options of a fault mean something together, and what is said of those that don't."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from reconcilekit.testing.apiserver.arguments import (
    Types,
    check_types,
    is_a_time,
    problems_of_method,
    problems_of_path,
)

_STATUS = ("status", "message", "reason", "details")

HEEDED: Mapping[str, tuple[str, ...]] = {
    "answer": ("when", *_STATUS, "retry_after", "bare", "body"),
    "delay": (),
    "drop": ("when",),
    "refuse": (),
    "half_body": ("when",),
    "truncate": ("when",),
    "late_write": ("lands_after",),
    "second_try": (),
    "close": ("after_events",),
    "break": ("after_events",),
    "silence": ("after_events",),
    "half_line": ("after_events",),
    "garbage_line": ("after_events",),
    "error_event": ("after_events", *_STATUS),
}
"""By action: what it goes by, of all that some action doesn't."""

_SOME = sorted({name for names in HEEDED.values() for name in names})

_REPLACED = ("message", "reason", "details", "bare")
"""What of the Status is lost where a body of one's own takes its place."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

_TYPES: Types = {
    "method": ((str,), "method='GET', or method='GET,PUT' for several"),
    "path": ((str, re.Pattern), "path='*/configmaps', or a compiled pattern"),
    "query": ((Mapping,), "query={'watch': '1'}"),
    "user_agent": ((str,), "user_agent='my-controller*', or '*' for all"),
    "count": ((int, NoneType), "count=3, or count=None for ever"),
    "after_calls": ((int,), "after_calls=2"),
    "probability": ((int, float), "probability=0.1"),
    "when": ((str,), "when='before' or when='after'"),
    "action": ((str,), "action='drop'"),
    "delay": ((int, float), "delay=0.5, in seconds"),
    "lands_after": ((int, float), "lands_after=0.5, in seconds"),
    "bare": ((bool,), "bare=True"),
    "after_events": ((int,), "after_events=2"),
    "status": ((int,), "status=503"),
    "message": ((str,), "message='etcdserver: request timed out'"),
    "reason": ((str,), "reason='Conflict', or reason='' for none"),
    "details": ((Mapping, NoneType), "details={'kind': 'configmaps'}"),
    "retry_after": ((int, NoneType), "retry_after=1, in whole seconds"),
    "body": ((str, Mapping, NoneType), "body='service unavailable', or a mapping that is sent as JSON"),
}


def check(told: Mapping[str, Any], defaults: Mapping[str, Any], watches: frozenset[str]) -> None:
    """Refuse a rule that would strike nothing, or otherwise than it says.

    Args:
        told: every option of the rule.
        defaults: of each; an option that has it was not meant.
        watches: the actions that are for watches.

    Raises:
        TypeError: an option is of another type; says what to pass.
        ValueError: the options can't be meant; says which.
    """
    check_types(told, _TYPES)
    for name, glob in told["query"].items():
        if not isinstance(name, str) or not isinstance(glob, str):
            raise TypeError(
                f"query={told['query']!r}: {name!r} and {glob!r} are compared as text; pass {{'watch': '1'}}"
            )
    if isinstance(told["path"], re.Pattern) and not isinstance(told["path"].pattern, str):
        raise TypeError(f"path={told['path']!r} is for bytes; pass re.compile(r'.*/configmaps')")
    for problem in (*_of_requests(told), *_of_numbers(told), *_of_actions(told, defaults, watches)):
        raise ValueError(f"this rule would strike nothing, or not as told: {problem}")


def _of_requests(told: Mapping[str, Any]) -> Iterator[str]:
    yield from problems_of_method(told["method"])
    if isinstance(told["path"], str):
        yield from problems_of_path(told["path"])


def _of_numbers(told: Mapping[str, Any]) -> Iterator[str]:
    count, probability, status = told["count"], told["probability"], told["status"]
    if count is not None and count < 1:
        yield f"count={count}; None is for ever"
    if not 0.0 < probability <= 1.0:
        yield f"probability={probability} isn't above 0 and at most 1; remove(...) ends a rule"
    if not 200 <= status <= 599:
        yield f"status={status} isn't from 200 to 599"
    for name in ("after_calls", "after_events", "retry_after"):
        if (told[name] or 0) < 0:
            yield f"{name}={told[name]} is negative; pass 0 or more"
    for name in ("delay", "lands_after"):
        if not is_a_time(told[name]):
            yield f"{name}={told[name]} is {'negative' if told[name] < 0 else 'no time'}; pass seconds >= 0"


def _of_actions(told: Mapping[str, Any], defaults: Mapping[str, Any], watches: frozenset[str]) -> Iterator[str]:
    action, methods = told["action"], frozenset(told["method"].split(","))
    for name, known in (("action", tuple(HEEDED)), ("when", ("before", "after"))):
        if told[name] not in known:
            yield f"{name}={told[name]!r} is none of {', '.join(known)}"
            return
    if action in watches and not methods & {"GET", "*"}:
        yield f"action={action!r} is for watches, which are GETs, not {told['method']}"
    if action in ("late_write", "second_try") and methods <= _READS:
        yield f"action={action!r} is for writes, not {told['method']}: reads have no effect that comes late or twice"
    if action == "delay" and not told["delay"]:
        yield "action='delay' delays nothing by 0 seconds; pass them, as in delay=5"
    yield from _unheeded(told, {name for name in _SOME if told[name] != defaults[name]})


def _unheeded(told: Mapping[str, Any], meant: set[str]) -> Iterator[str]:
    action = told["action"]
    for name in sorted(meant.difference(HEEDED[action])):
        heeding = ", ".join(each for each, names in HEEDED.items() if name in names)
        ignored = f"action={action!r} ignores {name}={told[name]!r}"
        yield f"{ignored}; leave it away, or choose one that goes by it: {heeding}"
    if told["body"] is not None:
        for name in sorted(meant.intersection(_REPLACED)):
            replaced = f"{name}={told[name]!r} is of the Status, which body={told['body']!r} replaces"
            yield f"{replaced}; leave one of them away"
    if "after_events" in meant and told["delay"]:
        both = f"after_events={told['after_events']} beside delay={told['delay']}"
        yield f"{both}: it strikes by one of them; leave the other away"
