"""Envoy's log lines as it writes them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from examples.gateway.demo.accesslog import AccessLog, causes, parse_line

SERVED = (
    b'{"start":"2025-01-01T10:00:00.250Z","status":200,"flags":"-","details":"via_upstream","method":"GET",'
    b'"cluster":"blue","sni":null}\n'
)
NO_CLUSTER = b'{"start":"2025-01-01T10:00:01.000Z","status":503,"flags":"NC","details":"cluster_not_found"}\n'
NO_CHAIN = b'{"start":"2025-01-01T10:00:02.000Z","status":0,"flags":"NR","details":"filter_chain_not_found"}\n'


def test_a_line_is_read_and_what_is_absent_is_empty() -> None:
    entry = parse_line(SERVED)

    assert entry.start == datetime.datetime(2025, 1, 1, 10, 0, 0, 250_000, tzinfo=datetime.UTC)
    assert (entry.status, entry.flags, entry.details) == (200, "", "via_upstream")
    assert (entry.fields["cluster"], entry.fields["sni"]) == ("blue", "")
    assert not entry.is_failure


def test_causes_are_in_envoys_words_most_frequent_first() -> None:
    entries = [parse_line(line) for line in (SERVED, NO_CLUSTER, NO_CHAIN, NO_CHAIN)]

    assert list(causes(entries).items()) == [("NR filter_chain_not_found", 2), ("NC cluster_not_found", 1)]


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"start": "yesterday"}'])
def test_another_line_is_shown(line: str) -> None:
    with pytest.raises(ValueError, match="is no line of Envoy's access log"):
        parse_line(line)


def test_only_new_whole_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    log = AccessLog(path)
    assert log.read_new() == []

    path.write_bytes(SERVED + NO_CLUSTER[:20])
    assert [entry.status for entry in log.read_new()] == [200]

    path.write_bytes(SERVED + NO_CLUSTER + NO_CHAIN)
    assert [entry.status for entry in log.read_new()] == [503, 0]
    assert log.read_new() == []
