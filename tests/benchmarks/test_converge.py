"""The benchmark works and measures what it says; small counts, so its ratio is only bounded from far off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import converge
from benchmarks.processes import api_server, measure

COUNT = 60

GENEROUS = 8.0
"""For a ratio of tiny runs beside other tests: what happens once, such as discovery and the first list, weighs most."""


@pytest.mark.slow
def test_short_form_converges_in_exactly_the_writes_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "converge.json"

    status = converge.main(
        ["--count", str(COUNT), "--rounds", "1", "--limit", str(GENEROUS), "--imports", "1", "--json", str(report)]
    )

    printed = capsys.readouterr()
    result = json.loads(report.read_text())
    (turn,) = result["rounds"]
    assert status == 0, printed
    assert "ratio of CPU" in printed.out
    assert [turn[each]["writes"] for each in ("bare", "framework", "restart")] == [2 * COUNT, 2 * COUNT, 0]
    assert 0 < turn["bare"]["cpu"] < turn["framework"]["cpu"]
    assert result["ratio"] == turn["framework"]["cpu"] / turn["bare"]["cpu"]
    assert all(seconds > 0 for (seconds,) in result["imports"].values())


@pytest.mark.slow
def test_work_that_is_done_already_takes_no_writes() -> None:
    with api_server() as kubeconfig:
        converge.measured_turn("benchmarks.controller", "--count", "3", kubeconfig=kubeconfig, count=3)
        again = measure("benchmarks.controller", "--count", "3", kubeconfig=kubeconfig)

    assert again.writes == 0


def test_the_limit_decides_the_exit_status() -> None:
    result = converge.Result(count=0, ratio=3.0, ratios=[3.0], rounds=[], imports={})

    assert converge.verdict(result, limit=2.9) == 1
    assert converge.verdict(result, limit=3.0) == 0
