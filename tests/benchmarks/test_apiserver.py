"""The API server's benchmark works, and keeps to limits that hold beside other tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import apiserver
from benchmarks.direct import Direct

COUNT = 300


@pytest.mark.slow
def test_short_form_keeps_to_loose_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "apiserver.json"

    assert apiserver.main(["--count", str(COUNT), "--busy", "0.5", "--embedded-only", "--json", str(report)]) == 0

    printed = capsys.readouterr().out
    result = json.loads(report.read_text())
    ours, direct = result["embedded"], result["direct"]
    assert result["real"] is None
    assert f"| {COUNT} objects | embedded | kube-apiserver | ratio |" in printed
    assert 0 < direct["start"] < 0.2
    assert 0 < direct["start_socket"] < 1
    assert direct["creates"] > 1000
    assert direct["creates_client"] > 1000
    assert ours["creates"] > 300
    assert ours["memory"] < 200e6
    assert 0 < ours["listing"] < 1
    assert max(ours["wait"], ours["wait_listing"], ours["wait_watching"]) < 2


def test_the_table_has_ratios_where_there_is_a_real_server() -> None:
    ours = apiserver.Figures(
        start=0.5, creates=4000, memory=50_000_000, listing=0.02, wait=0.001, wait_listing=0.02, wait_watching=0.05
    )
    theirs = apiserver.Figures(
        start=2, creates=2000, memory=500_000_000, listing=0.2, wait=0.001, wait_listing=0.02, wait_watching=0.05
    )
    direct = Direct(start=0.001, start_socket=0.01, creates=12_000, creates_client=10_000)
    printed = apiserver.table(apiserver.Result(count=10, imports=0.1, direct=direct, embedded=ours, real=theirs))
    assert "| start to the first answer | 500 ms | 2,000 ms | 0.25 |" in printed
    assert "| creates a second over HTTP | 4,000 | 2,000 | 2.00 |" in printed
    assert "12,000 creates a second without a socket, 10,000 through the client" in printed
