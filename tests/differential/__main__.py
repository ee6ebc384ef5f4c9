"""`python -m tests.differential --requests 20000 --seed 1`: the long run."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconcilekit.testing.controlplane import ControlPlane
from tests.differential.campaign import Campaign
from tests.differential.kinds import KINDS
from tests.differential.report import as_json, as_text
from tests.differential.servers import SERVICE_RANGE, Embedded, Real


def main() -> int:
    """Run, report, and say by the exit status whether anything differed."""
    options = _options()
    kinds = [kind for kind in KINDS if not options.kinds or kind.plural in options.kinds.split(",")]
    with _real(options) as real:
        embedded = Embedded()
        campaign = Campaign(real, embedded, run=options.run or f"{options.seed}-{os.getpid()}")
        campaign.prepare()
        tally = campaign.run(requests=options.requests, seed=options.seed, seconds=options.seconds, kinds=kinds)
        campaign.shorten(most=options.shorten, match=options.match)
        embedded.close()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(as_json(tally), indent=1), "utf-8")
    sys.stdout.write(as_text(tally, examples=options.examples))
    return bool(tally.findings)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="plurals, by comma; all by default")
    parser.add_argument("--shorten", type=int, default=1000, help="how many classes' examples are made short")
    parser.add_argument("--match", default="", help="only classes whose label holds this are made short")
    parser.add_argument("--examples", type=int, default=1000, help="how many classes are printed with their example")
    parser.add_argument("--json", type=Path, default=Path("build/differential.json"))
    parser.add_argument("--url", default="", help="a kube-apiserver that runs already; it is left with many namespaces")
    parser.add_argument("--authorization", default="", help="the header's value for --url")
    parser.add_argument("--run", default="", help="part of the namespaces' names")
    return parser.parse_args()


@contextlib.contextmanager
def _real(options: argparse.Namespace) -> Iterator[Real]:
    if options.url:
        real = Real(options.url, options.authorization)
        yield real
        real.close()
        return
    with ControlPlane.start(api_server_flags=[f"--service-cluster-ip-range={SERVICE_RANGE}"]) as plane:
        real = Real(plane.url, plane.config().authorization)
        yield real
        real.close()


if __name__ == "__main__":
    sys.exit(main())
