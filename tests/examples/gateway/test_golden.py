"""Whole translations, in and out, in files: `golden/<case>.in.yaml` with `golden/base.yaml` gives `<case>.out.yaml`.

After a change that is meant, `python tests/examples/gateway/test_golden.py` writes the outputs anew; read the diff.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.gateway.kinds import GATEWAY
from examples.gateway.manifests import parse_manifests
from examples.gateway.reads import Objects
from examples.gateway.snapshot import check
from examples.gateway.translate import Translation, translate
from examples.gateway.verdicts import Condition, Reason
from examples.gateway.xds.resources import encode

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml"))


class _BlockDumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if text.count("\n") > 1 else None)


_BlockDumper.add_representer(str, _text)


def objects_of(case: str) -> list[dict[str, Any]]:
    texts = ((GOLDEN / name).read_text(encoding="utf-8") for name in ("base.yaml", f"{case}.in.yaml"))
    return [obj for text in texts for obj in parse_manifests(text)]


def translations(case: str) -> dict[str, Translation]:
    objects = objects_of(case)
    reads = Objects(objects)
    gateways = [obj for obj in objects if obj["kind"] == GATEWAY.kind]
    return {gateway["metadata"]["name"]: translate(gateway, reads) for gateway in gateways}


def outcome(case: str) -> str:
    """The translations of a case's Gateways, as its file has them."""
    rendered = {name: _render(translation) for name, translation in translations(case).items()}
    text: str = yaml.dump(rendered, Dumper=_BlockDumper, sort_keys=False, width=120)
    return text


def _render(translation: Translation) -> dict[str, Any]:
    problem = translation.gateway.address_problem
    return {
        "gateway": _conditions((translation.gateway.accepted,))
        | ({"Programmed": f"False {problem.reason}: {problem.message}"} if problem else {}),
        "listeners": {
            verdict.name: {
                "served": verdict.is_served,
                "attachedRoutes": verdict.attached_routes,
                "supportedKinds": list(verdict.supported_kinds),
                **_conditions(verdict.conditions),
            }
            for verdict in translation.listeners
        },
        "routes": [
            {"route": str(verdict.route), "parent": verdict.parent.to_object(), **_conditions(verdict.conditions)}
            for verdict in translation.routes
        ],
        "snapshot": translation.snapshot.entries(),
    }


def _conditions(conditions: tuple[Condition, ...]) -> dict[str, str]:
    return {
        condition.type: f"{condition.is_true} {condition.reason}"
        + (f": {condition.message}" if condition.message else "")
        for condition in conditions
    }


@pytest.mark.parametrize("case", CASES)
def test_translation_is_as_written(case: str) -> None:
    assert outcome(case) == (GOLDEN / f"{case}.out.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_snapshot_is_whole_and_encodable(case: str) -> None:
    for translation in translations(case).values():
        check(translation.snapshot)
        for entry, resource in translation.snapshot.entries().items():
            encode(entry, resource)


def test_every_case_has_its_output_and_no_output_is_left_behind() -> None:
    outputs = sorted(path.name.removesuffix(".out.yaml") for path in GOLDEN.glob("*.out.yaml"))

    assert outputs == CASES


def test_every_reason_is_seen_in_some_case() -> None:
    """Programmed's are Envoy's to give and GatewayClasses aren't translated: test_statuses.py has those."""
    elsewhere = {Reason.PROGRAMMED, Reason.PENDING, Reason.INVALID_PARAMETERS}
    seen = "".join(path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.out.yaml"))

    assert [reason for reason in Reason if reason not in elsewhere and str(reason) not in seen] == []


def write_all() -> None:
    """Write every case's output anew."""
    for case in CASES:
        (GOLDEN / f"{case}.out.yaml").write_text(outcome(case), encoding="utf-8")


if __name__ == "__main__":
    write_all()
