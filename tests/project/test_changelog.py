"""The changelog keeps its form, and agrees with the version."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

from packaging.version import Version

from reconcilekit._version import __version__

CHANGELOG = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
RELEASE = re.compile(r"\[(?P<version>[^\]]+)\] - (?P<day>\d{4}-\d{2}-\d{2})")

HEADINGS = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)


def releases() -> list[tuple[Version, date]]:
    found = [RELEASE.fullmatch(heading) for heading in HEADINGS[1:]]
    return [(Version(match["version"]), date.fromisoformat(match["day"])) for match in found if match]


def test_what_is_to_come_stands_first() -> None:
    assert HEADINGS[0] == "[Unreleased]"


def test_releases_have_version_and_day_newest_first() -> None:
    assert len(releases()) == len(HEADINGS) - 1
    assert all(newer[0] > older[0] and newer[1] >= older[1] for newer, older in pairwise(releases()))


def test_sections_are_those_of_keep_a_changelog() -> None:
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= SECTIONS


def test_version_is_the_newest_release_or_on_the_way_to_the_next() -> None:
    version = Version(__version__)
    assert str(version) == __version__
    newest = max((release for release, _ in releases()), default=Version("0"))
    assert version > newest if version.is_devrelease else version == newest
