"""Go's regular expressions (RE2), run by Python's `re` or, with what it can't run, by google-re2."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from reconcilekit.testing.apiserver.crd.values.pattern_errors import PatternError
from reconcilekit.testing.apiserver.crd.values.re2 import re2_search
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.status import INSTALL_EXTRA

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7F",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1F\\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}

_TOKEN = re.compile(r"\\.|\[:\^?\w+:\]|\(\?[<=!P]?[^)]?|\[\^?\]?|.", re.DOTALL)


@functools.lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], object]:
    """What finds the pattern anywhere in a text: Python's, which is quicker, where it can.

    Raises:
        PatternError: the pattern is none.
    """
    own = re2_search(pattern)
    try:
        return re.compile(_translated(pattern), re.ASCII).search
    except re.error as error:
        if own is None:
            raise PatternError(f"error parsing regexp: {_go_reason(str(error), pattern)}") from error
    except PatternError:
        if own is None:
            raise
    return own


def _translated(pattern: str) -> str:
    parts: list[str] = []
    in_class = False
    for part in _TOKEN.findall(pattern):
        if part in ("[", "[^", "[]", "[^]") and not in_class:
            in_class = True
        elif part == "]" and in_class:
            in_class = False
        parts.append(_translated_token(part, pattern, in_class=in_class))
    return "".join(parts)


def _translated_token(part: str, pattern: str, *, in_class: bool) -> str:
    if part.startswith("[:") and in_class and part.strip("[:^]") in _CLASSES:
        return _CLASSES[part.strip("[:^]")]
    if part == "$" and not in_class:
        # Python's "$" also matches before a last line break, Go's doesn't.
        return "\\Z"
    if part == "\\z":
        return "\\Z"
    if part in ("\\p", "\\P"):
        raise PatternError(f"error parsing regexp: Unicode classes need google-re2, {INSTALL_EXTRA}: `{pattern}`")
    if part in ("(?=", "(?!", "(?<"):
        raise PatternError(f"error parsing regexp: invalid or unsupported Perl syntax: `{part}`")
    if len(part) == 2 and part[0] == "\\" and part[1].isdigit() and part != "\\0":
        raise PatternError(f"error parsing regexp: invalid escape sequence: `{part}`")
    if part == "[" and in_class:
        return part
    return part


def _go_reason(reason: str, pattern: str) -> str:
    if "unterminated subpattern" in reason:
        return f"missing closing ): `{pattern}`"
    if "unterminated character set" in reason:
        return f"missing closing ]: `{pattern[pattern.rindex('[') :]}`"
    if "unbalanced parenthesis" in reason:
        return f"unexpected ): `{pattern}`"
    if "nothing to repeat" in reason:
        found = re.search(r"[*+?]", pattern)
        return f"missing argument to repetition operator: `{found[0] if found else pattern}`"
    return f"{reason}: `{quoted(pattern)[1:-1]}`"
