"""Addresses of e-mail, as Go's `net/mail` reads a single one: with a name, in a group, with comments, or by itself."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_TEXT: Final = r"[!#-'*+\-/-9=?A-Z^-~\x80-\U0010FFFF"
_ATOM: Final = re.compile(rf"{_TEXT}.]+")
_QUOTED: Final = re.compile(r'"((?:[ \t!#-\[\]-~\x80-\U0010FFFF]|\\[ \t!-~\x80-\U0010FFFF])*)"')
_LITERAL: Final = re.compile(r"\[([!-Z^-~\x80-\U0010FFFF]*)\]")


def is_email(text: str) -> bool:
    """Whether it is one address."""
    try:
        reader = _Reader(text)
        count = reader.mailboxes(takes_group=True)
        reader.skip_comments()
    except _NoAddressError:
        return False
    return count == 1 and reader.is_at_end


class _NoAddressError(ValueError):
    pass


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def mailboxes(self, *, takes_group: bool) -> int:
        """Read a mailbox or a group; how many it holds."""
        self._skip_space()
        if self.is_at_end:
            raise _NoAddressError
        start = self._at
        try:
            self._address()
        except _NoAddressError:
            self._at = start
        else:
            self._skip_space()
            if self._takes("("):
                self._comment()
            return 1
        if not self._is_next("<"):
            self._phrase()
        self._skip_space()
        if takes_group and self._takes(":"):
            return self._group()
        self._demand("<")
        self._address()
        self._demand(">")
        return 1

    def skip_comments(self) -> None:
        """Skip spaces, and what stands in parentheses."""
        self._skip_space()
        while self._takes("("):
            self._comment()
            self._skip_space()

    def _group(self) -> int:
        self._skip_space()
        count = 0
        if not self._takes(";"):
            while True:
                self._skip_space()
                count += self.mailboxes(takes_group=False)
                self.skip_comments()
                if self._takes(";"):
                    break
                self._demand(",")
        self.skip_comments()
        return count

    def _address(self) -> None:
        self._skip_space()
        if self._is_next('"'):
            if not self._matched(_QUOTED)[1]:
                raise _NoAddressError
        else:
            self._dotted()
        self._demand("@")
        self._skip_space()
        if not self._is_next("["):
            self._dotted()
            return
        try:
            ipaddress.ip_address(self._matched(_LITERAL)[1])
        except ValueError as error:
            raise _NoAddressError from error

    def _dotted(self) -> None:
        atom = self._matched(_ATOM)[0]
        if atom.startswith(".") or atom.endswith(".") or ".." in atom:
            raise _NoAddressError

    def _phrase(self) -> None:
        count = 0
        while True:
            if count:
                self.skip_comments()
            self._skip_space()
            if self.is_at_end:
                return
            try:
                self._matched(_QUOTED if self._is_next('"') else _ATOM)
            except _NoAddressError:
                if not count:
                    raise
                return
            count += 1

    def _comment(self) -> None:
        depth = 1
        while depth:
            if self.is_at_end:
                raise _NoAddressError
            char = self._text[self._at]
            if char == "\\" and self._at + 1 < len(self._text):
                self._at += 1
            else:
                depth += (char == "(") - (char == ")")
            self._at += 1

    def _skip_space(self) -> None:
        while self._is_next(" ") or self._is_next("\t"):
            self._at += 1

    def _is_next(self, char: str) -> bool:
        return self._text.startswith(char, self._at)

    def _takes(self, char: str) -> bool:
        found = self._is_next(char)
        self._at += found
        return found

    def _demand(self, char: str) -> None:
        if not self._takes(char):
            raise _NoAddressError

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _NoAddressError
        self._at = found.end()
        return found
