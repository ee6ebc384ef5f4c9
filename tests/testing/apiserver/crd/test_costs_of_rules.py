"""Rules are refused where a real kube-apiserver refuses them: tools/record_cel_rules.py wrote down what that said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller
from tests.testing.apiserver.crd.estimating import ANSWERS, cases, definition, told
from tests.testing.apiserver.crd.playing import DEFINITIONS

CASES = cases()
RECORDED: dict[str, Any] = json.loads(ANSWERS.read_text())


def test_every_rule_is_recorded() -> None:
    assert set(RECORDED) == set(CASES["rules"])


@pytest.mark.parametrize("rule", CASES["rules"])
def test_a_rule_is_told_what_the_real_server_tells(on_server: Any, rule: str) -> None:
    async def scenario(call: Caller) -> None:
        recorded = RECORDED[rule]
        answer = await call("POST", DEFINITIONS, definition(CASES["schema"], rule, recorded["times"]), dryRun="All")
        assert told(answer.body) == recorded["told"]

    on_server(scenario)


def spec(text: dict[str, Any], *rules: str) -> dict[str, Any]:
    described = definition({}, "true", 1)
    told_rules = [{"rule": rule} for rule in rules]
    inner = {"type": "array", "items": text}
    listed = {"type": "array", "items": inner, "x-kubernetes-validations": told_rules}
    schema = {"type": "object", "properties": {"spec": listed}}
    described["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": schema}
    return described


EXPENSIVE = "self.all(x, x.all(y, y == 'abcdefghijklmnopqrstuvwxyz'))"
TOTAL = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
ADVICE = (
    " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are "
    "declared)"
)


def test_rules_without_bounds_are_too_much_one_by_one_and_together(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", DEFINITIONS, spec({"type": "string"}, "true", EXPENSIVE), dryRun="All")

        path = "spec.validation.openAPIV3Schema"
        rule = f"{path}.properties[spec].x-kubernetes-validations[1].rule"
        assert [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]] == [
            (rule, f"Forbidden: estimated rule cost exceeds budget by factor of more than 100x{ADVICE}"),
            (
                rule,
                "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema",
            ),
            (path, f"Forbidden: {TOTAL} exceeds budget by factor of more than 100x{ADVICE}"),
        ]

    on_server(scenario)
