"""The table, the figures, the picture and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

from examples.gateway.demo.picture import Panel, draw
from examples.gateway.demo.report import PhaseReport, conclusion, exit_status, table, write_json
from examples.gateway.demo.traffic import PhaseTotals

NAIVE = PhaseReport(
    name="naive",
    seconds=8.04,
    totals=PhaseTotals(requests=1600, failed=1203, troubles={"connection refused": 1203}, slowest=0.2),
    faults_injected=1,
    reconciles=3,
    retries=0,
    converged=False,
    must_fail=True,
    causes={"NR filter_chain_not_found": 40},
)
WHOLE = PhaseReport(
    name="all or nothing",
    seconds=40,
    totals=PhaseTotals(requests=8000, failed=0, troubles={}, slowest=0.01),
    faults_injected=300,
    reconciles=900,
    retries=250,
    converged=True,
)


def test_the_table_is_aligned_and_tells_the_reasons() -> None:
    assert table([NAIVE, WHOLE]) == (
        "phase           seconds  requests  failed  API faults  reconciles  retries  converged\n"
        "--------------  -------  --------  ------  ----------  ----------  -------  ---------\n"
        "naive               8.0     1,600   1,203           1           3        0         no\n"
        "all or nothing     40.0     8,000       0         300         900      250        yes\n"
        "\n"
        "naive:\n"
        "  clients saw 1,203 x connection refused\n"
        "  Envoy logged 40 x NR filter_chain_not_found\n"
    )


def test_the_figures_are_by_phase(tmp_path: Path) -> None:
    write_json(tmp_path / "build" / "demo.json", [NAIVE, WHOLE])

    figures = json.loads((tmp_path / "build" / "demo.json").read_text())
    assert figures["naive"] == {
        "requests": 1600,
        "failed": 1203,
        "faults_injected": 1,
        "reconciles": 3,
        "retries": 0,
        "converged": False,
        "seconds": 8.04,
        "slowest_request_seconds": 0.2,
        "failures": {"connection refused": 1203},
        "envoy": {"NR filter_chain_not_found": 40},
    }
    assert list(figures) == ["naive", "all or nothing"]


@pytest.mark.parametrize(
    ("phases", "status"),
    [
        ([NAIVE, WHOLE], 0),
        ([WHOLE], 1),
        ([attrs.evolve(NAIVE, totals=WHOLE.totals), WHOLE], 1),
        ([NAIVE, attrs.evolve(WHOLE, totals=NAIVE.totals)], 1),
        ([NAIVE, attrs.evolve(WHOLE, converged=False)], 1),
        ([NAIVE, attrs.evolve(WHOLE, totals=attrs.evolve(WHOLE.totals, requests=0))], 1),
    ],
    ids=["as promised", "no naive phase", "naive failed none", "whole failed some", "not converged", "no traffic"],
)
def test_success_needs_the_naive_failure_and_nothing_else(phases: list[PhaseReport], status: int) -> None:
    assert exit_status(phases) == status


class TestConclusion:
    def test_names_the_figures_where_all_is_as_promised(self) -> None:
        assert conclusion([NAIVE, WHOLE]) == (
            "As promised: 1 API fault cost the naive controller 1,203 requests; "
            "300 faults cost reconcilekit none of 8,000."
        )

    @pytest.mark.parametrize(
        ("phases", "reason"),
        [
            ([WHOLE], "no phase shows the failure"),
            (
                [attrs.evolve(NAIVE, totals=WHOLE.totals), WHOLE],
                "no request failed in 'naive', which is there to show the failure",
            ),
            ([NAIVE, attrs.evolve(WHOLE, totals=NAIVE.totals)], "1,203 requests failed in 'all or nothing'"),
            ([NAIVE, attrs.evolve(WHOLE, converged=False)], "some change of 'all or nothing' didn't come through"),
            (
                [NAIVE, attrs.evolve(WHOLE, totals=PhaseTotals(requests=0, failed=0, troubles={}, slowest=0))],
                "no request was sent in 'all or nothing'",
            ),
        ],
    )
    def test_names_the_phase_that_is_not_as_promised(self, phases: list[PhaseReport], reason: str) -> None:
        assert conclusion(phases) == f"NOT as promised: {reason}"
        assert exit_status(phases) == 1


class TestPicture:
    def draw(self) -> ElementTree.Element:
        naive = Panel(
            title="naive <1>",
            subtitle="carry on",
            seconds=2,
            requests=[(0.1, False), (0.2, False), (1.1, True), (1.2, True)],
            faults=[0.9],
            marks=[(0.5, "early"), (1.9, "late")],
        )
        whole = Panel(title="whole", subtitle="stop", seconds=4, requests=[(3.9, False)])
        return ElementTree.fromstring(draw([naive, whole], bucket=1))

    def test_says_how_many_failed(self) -> None:
        title = self.draw()[0].text

        assert title == "naive <1>: 2 of 4 requests failed; whole: 0 of 1 requests failed"

    def test_has_a_bar_per_colour_and_bucket_on_one_scale(self) -> None:
        bars = [
            (bar.get("fill"), float(bar.get("height", 0)))
            for bar in self.draw().iter("{http://www.w3.org/2000/svg}rect")
            if bar.get("rx") is None
        ]

        assert [fill for fill, _ in bars] == ["#5b8db8", "#d1373f", "#5b8db8"]
        assert bars[0][1] == bars[1][1] == 2 * bars[2][1]

    def test_marks_each_fault(self) -> None:
        marks = [p for p in self.draw().iter("{http://www.w3.org/2000/svg}path") if p.get("fill") == "#b97a00"]

        assert len(marks) == 1

    def test_counts_the_faults_and_labels_what_else_happened_within_the_plot(self) -> None:
        labels = {text.text: text.get("text-anchor") for text in self.draw().iter("{http://www.w3.org/2000/svg}text")}

        assert labels["1 API fault"] == labels["0 API faults"] == "start"
        assert (labels["early"], labels["late"]) == ("middle", "end")
