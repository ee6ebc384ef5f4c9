"""The short run of the differential test, and that the test can see at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from reconcilekit.testing.controlplane import ControlPlane
from tests.differential.accepted import ACCEPTED
from tests.differential.campaign import Campaign
from tests.differential.kinds import KINDS
from tests.differential.report import as_text
from tests.differential.servers import Embedded, Raw, Real

ROOT = Path(__file__).parents[2]
SHORT_RUN = 400
"""Requests; 20,000 are the long run's, `make differential`."""


class Forgetful(Embedded):
    """A server with one mistake: it has no labels in its answers to patches."""

    def send(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Raw:
        answer = super().send(method, path, query, headers, body)
        if method != "PATCH":
            return answer
        return attrs.evolve(answer, body=answer.body.replace(b'"labels":{"app":"a"},', b""))


@pytest.fixture
def ours() -> Iterator[Embedded]:
    server = Embedded()
    yield server
    server.close()


def test_ours_and_the_real_one_answer_alike(control_plane: ControlPlane, ours: Embedded) -> None:
    real = Real(control_plane.url, control_plane.config().authorization)
    campaign = Campaign(real, ours, run="short")
    campaign.prepare()
    tally = campaign.run(requests=SHORT_RUN, seed=1, seconds=30)
    real.close()
    assert not tally.findings, as_text(tally, examples=20)


def test_two_of_ours_differ_in_nothing(ours: Embedded) -> None:
    """What hangs on chance and on time isn't told as a difference."""
    other = Embedded(seed=2)
    other.pause()
    campaign = Campaign(other, ours, run="same")
    campaign.prepare()
    tally = campaign.run(requests=1500, seed=3)
    other.close()
    assert not tally.findings, as_text(tally, examples=5)


def test_a_mistake_is_found_and_told_with_the_shortest_sequence(ours: Embedded) -> None:
    wrong = Forgetful(seed=2)
    campaign = Campaign(ours, wrong, run="wrong")
    campaign.prepare()
    kinds = [kind for kind in KINDS if kind.kind == "ConfigMap"]
    tally = campaign.run(requests=1500, seed=1, kinds=kinds)
    campaign.shorten(most=10)
    wrong.close()
    finding = tally.findings["configmaps metadata.labels missing"]
    assert [step.method for step in finding.steps] in (["PATCH"], ["POST", "PATCH"])
    assert "metadata.labels" in as_text(tally, examples=10)


def test_what_is_accepted_is_documented() -> None:
    document = (ROOT / "docs" / "apiserver.md").read_text("utf-8")
    section = document.partition("### What the differential test passes over")[2].partition("\n#")[0]
    listed = [
        " ".join(item.split()) for item in re.findall(r"^- (.*?)(?=\n- |\n\n|\Z)", section, re.DOTALL | re.MULTILINE)
    ]
    assert listed == [accepted.reason for accepted in ACCEPTED]
