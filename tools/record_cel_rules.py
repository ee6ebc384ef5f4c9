"""Writes down what a real kube-apiserver says to the rules of tests/data/cel-rules.yaml where they are defined.

python tools/record_cel_rules.py
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from reconcilekit.testing.apiserver.crd.rules.budget import RULE_LIMIT
from reconcilekit.testing.apiserver.crd.rules.checker import RuleChecker
from reconcilekit.testing.controlplane import ControlPlane
from tests.testing.apiserver.crd.estimating import ANSWERS, cases, definition, told
from tests.testing.apiserver.crd.playing import DEFINITIONS

EXCESS = 1.2
"""Of the budget: below 1.5 the server tells six digits."""


def main() -> None:
    """Ask about all rules."""
    loaded = cases()
    answers = {}
    with ControlPlane.start() as plane:
        for rule in loaded["rules"]:
            times = _times(loaded["schema"], rule)
            _, body = plane.admin.ask("POST", f"{DEFINITIONS}?dryRun=All", definition(loaded["schema"], rule, times))
            answers[rule] = {"times": times, "told": told(json.loads(body))}
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(answers)} answers in {ANSWERS}")


def _times(schema: dict[str, object], rule: str) -> int:
    """How many items bring the rule just over the budget, by this server's estimate."""
    node = {**schema, "x-kubernetes-validations": [{"rule": rule}]}
    checked = RuleChecker({"type": "object", "properties": {"spec": node}}).check(node, {"rule": rule})
    return max(1, math.ceil(EXCESS * RULE_LIMIT / max(checked.cost, 1))) if not checked.problem else 1


if __name__ == "__main__":
    main()
