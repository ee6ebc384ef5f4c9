"""Semantic versions, and what is wrong with those that are none (semver.org; the words are those of blang/semver)."""

from __future__ import annotations

import re
from typing import Any

from reconcilekit.testing.apiserver.go_text import quoted

_MOST = 2**64 - 1
_DIGITS = re.compile(r"\d*", re.ASCII)
_ALPHANUMERIC = re.compile("[0-9A-Za-z-]+")


def parse_semver(text: str, normalize: bool = False) -> dict[str, Any]:  # the rule's own signature
    """A semantic version.

    Raises:
        ValueError: it is none.
    """
    if normalize:
        text = _normalized(text)
    if not text:
        raise ValueError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise ValueError("No Major.Minor.Patch elements found")
    rest, mark, build = parts[2].partition("+")
    patch, dash, before = rest.partition("-")
    numbers = [_number(told, name) for told, name in ((parts[0], "Major"), (parts[1], "Minor"), (patch, "Patch"))]
    if dash:
        for identifier in before.split("."):
            _check_identifier(identifier)
    if mark:
        _check_build(build)
    return {
        "@type": "kubernetes.Semver",
        "major": numbers[0],
        "minor": numbers[1],
        "patch": numbers[2],
        "pre": before,
    }


def _normalized(text: str) -> str:
    parts = [_without_zeros(part) for part in text.removeprefix("v").split(".", 2)]
    if len(parts) < 3 and {"+", "-"} & set(parts[-1]):
        raise ValueError("short version cannot contain PreRelease/Build meta data")
    return ".".join([*parts, "0", "0"][: max(3, len(parts))])


def _without_zeros(part: str) -> str:
    if len(part) <= 1:
        return part
    kept = part.lstrip("0")
    return kept if _DIGITS.match(kept[:1]) and kept[:1].isdigit() else f"0{kept}"


def _number(text: str, name: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"Invalid character(s) found in {name.lower()} number {quoted(text)}")
    if len(text) > 1 and text[0] == "0":
        raise ValueError(f"{name} number must not contain leading zeroes {quoted(text)}")
    return _unsigned(text)


def _unsigned(text: str) -> int:
    if not text:
        raise ValueError('strconv.ParseUint: parsing "": invalid syntax')
    if int(text) > _MOST:
        raise ValueError(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
    return int(text)


def _check_identifier(text: str) -> None:
    if not text:
        raise ValueError("Prerelease is empty")
    if _DIGITS.fullmatch(text):
        if len(text) > 1 and text[0] == "0":
            raise ValueError(f"Numeric PreRelease version must not contain leading zeroes {quoted(text)}")
        _unsigned(text)
    elif not _ALPHANUMERIC.fullmatch(text):
        raise ValueError(f"Invalid character(s) found in prerelease {quoted(text)}")


def _check_build(text: str) -> None:
    for part in text.split("."):
        if not part:
            raise ValueError("Build meta data is empty")
        if not _ALPHANUMERIC.fullmatch(part):
            raise ValueError(f"Invalid character(s) found in build meta data {quoted(part)}")
