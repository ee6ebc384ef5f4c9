"""What Go says of JSON that it can't read: in its words, the mistake found by a walk of our own."""

from __future__ import annotations

import re

from reconcilekit.testing.apiserver.go_text import quoted

_END = "unexpected end of JSON input"
_START = "looking for beginning of value"
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SPACE = b" \t\r\n"
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}
_STOPS = re.compile(rb'["\\\x00-\x1f]')


def problem(body: bytes) -> str:
    """What is wrong with a body that isn't JSON.

    It's a walk without recursion: a body may nest as deep as it likes.
    """
    return _Walk(body).problem()


class _Walk:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0
        self._open: list[bytes] = []

    def problem(self) -> str:
        expects = "value"
        while True:
            self._skip()
            if self._at >= len(self._body):
                return _END if expects != "end" else "invalid JSON"
            found = self._body[self._at : self._at + 1]
            match expects:
                case "value" | "first":
                    said, expects = self._value(found, may_close=expects == "first")
                case "key" | "first key":
                    said, expects = self._key(found, may_close=expects == "first key")
                case "colon":
                    said, expects = self._step(found, b":", "after object key", "value")
                case "end":
                    said = _invalid(self._rune(), "after top-level value")
                case _:
                    said, expects = self._after(found)
            if said:
                return said

    def _skip(self) -> None:
        while self._at < len(self._body) and self._body[self._at] in _SPACE:
            self._at += 1

    def _rune(self) -> str:
        return chr(self._body[self._at])

    def _step(self, found: bytes, wanted: bytes, where: str, then: str) -> tuple[str, str]:
        if found != wanted:
            return _invalid(self._rune(), where), then
        self._at += 1
        return "", then

    def _next(self) -> str:
        return "after" if self._open else "end"

    def _close(self) -> tuple[str, str]:
        self._at += 1
        self._open.pop()
        return "", self._next()

    def _value(self, found: bytes, *, may_close: bool) -> tuple[str, str]:
        if may_close and found == b"]":
            return self._close()
        if found in (b"{", b"["):
            self._at += 1
            self._open.append(found)
            return "", "first key" if found == b"{" else "first"
        if found == b'"':
            return self._string(), self._next()
        if found in _LITERALS:
            return self._literal(_LITERALS[found]), self._next()
        if found == b"-" or found.isdigit():
            return self._number(), self._next()
        return _invalid(self._rune(), _START), "value"

    def _key(self, found: bytes, *, may_close: bool) -> tuple[str, str]:
        if may_close and found == b"}":
            return self._close()
        if found != b'"':
            return _invalid(self._rune(), "looking for beginning of object key string"), "key"
        return self._string(), "colon"

    def _after(self, found: bytes) -> tuple[str, str]:
        is_object = self._open[-1] == b"{"
        if found == (b"}" if is_object else b"]"):
            return self._close()
        where = "after object key:value pair" if is_object else "after array element"
        return self._step(found, b",", where, "key" if is_object else "value")

    def _string(self) -> str:
        position = self._at + 1
        while (found := _STOPS.search(self._body, position)) is not None:
            char, position = found.group(), found.end()
            if char == b'"':
                self._at = position
                return ""
            if char != b"\\":
                return _invalid(chr(char[0]), "in string literal")
            if position >= len(self._body):
                return _END
            escape = self._body[position : position + 1]
            if escape == b"u":
                digits = self._body[position + 1 : position + 5]
                for digit in digits:
                    if chr(digit) not in "0123456789abcdefABCDEF":
                        return _invalid(chr(digit), "in \\u hexadecimal character escape")
                position += 5
            elif escape not in b'"\\/bfnrt':
                return _invalid(chr(escape[0]), "in string escape code")
            else:
                position += 1
        return _END

    def _literal(self, word: bytes) -> str:
        for index, wanted in enumerate(word):
            position = self._at + index
            if position >= len(self._body):
                return _END
            if self._body[position] != wanted:
                where = f"in literal {word.decode()} (expecting '{chr(wanted)}')"
                return _invalid(chr(self._body[position]), where)
        self._at += len(word)
        return ""

    def _number(self) -> str:
        found = _NUMBER.match(self._body, self._at)
        if found is None:
            self._at += 1
            return _END if self._at >= len(self._body) else _invalid(self._rune(), "in numeric literal")
        self._at = found.end()
        return ""


_ESCAPED = {"'": "\\'", '"': '"', "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\\": "\\\\"}


def _invalid(char: str, where: str) -> str:
    shown = _ESCAPED.get(char) or quoted(char)[1:-1]
    return f"invalid character '{shown}' {where}"
