"""Regular expressions by `google-re2`, the library that Go's are made after; where it isn't installed, by nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError

_WORDS: Final[Mapping[str, str]] = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
"""What Go says in place of what RE2 says; the rest is the same."""


def re2_search(pattern: str) -> Callable[[str], object] | None:
    """What finds the pattern anywhere in a text, None where the library isn't there.

    Raises:
        PatternError: the pattern is none.
    """
    try:
        import re2
    except ImportError:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error as error:
        raise PatternError(f"error parsing regexp: {_go_words(error.args[0].decode(), pattern)}") from error
    return search


def _go_words(told: str, pattern: str) -> str:
    if told.startswith("trailing \\"):
        return "trailing backslash at end of expression: ``"
    what, _, where = told.partition(": ")
    if where in ("(?<=", "(?<!"):
        # Go takes it for the beginning of a name.
        rest = pattern[pattern.index(where) :]
        return f"invalid named capture: `{rest[: rest.find('>') + 1] or rest}`"
    return f"{_WORDS.get(what, what)}: `{where}`"
