"""The library imports what its installation brings, wherever in a module the import stands."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OF_THE_CORE = {Requirement(line).name.replace("-", "_") for line in PROJECT["dependencies"]}

BROUGHT_ALONG = {"yarl": "aiohttp", "yaml": "kubernetes"}
"""Packages that a core dependency requires and takes or gives in its own API, and so are there with it: aiohttp's URLs
are yarl's, and kubernetes reads its configuration with pyyaml."""

OF_TESTING = {Requirement(line).name.replace("-", "_") for line in PROJECT["optional-dependencies"]["testing"]}
NAMED_OTHERWISE = {"OpenSSL": "pyopenssl", "google": "protobuf", "re2": "google_re2"}
"""Packages that aren't called like the distribution that brings them."""


def imported(source: str) -> Iterator[tuple[int, str]]:
    """The top-level packages that a module imports, also inside functions, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, (node.module or "").partition(".")[0]


def test_library_imports_core_dependencies_alone() -> None:
    allowed = OF_THE_CORE | sys.stdlib_module_names | {"reconcilekit"} | BROUGHT_ALONG.keys()
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {package}"
        for path in sorted((ROOT / "reconcilekit").rglob("*.py"))
        for line, package in imported(path.read_text("utf-8"))
        if package not in allowed and not is_of_testing(path, package)
    ]
    assert not found, "\n".join(found)


def is_of_testing(path: Path, package: str) -> bool:
    """What few need of the test server takes more, from its extra."""
    return (
        path.is_relative_to(ROOT / "reconcilekit" / "testing") and NAMED_OTHERWISE.get(package, package) in OF_TESTING
    )


def test_what_is_brought_along_is_required_by_a_core_dependency() -> None:
    distributions = importlib.metadata.packages_distributions()
    for package, bringer in BROUGHT_ALONG.items():
        required = {Requirement(line).name.lower() for line in importlib.metadata.requires(bringer) or ()}

        assert bringer in OF_THE_CORE
        assert required & {name.lower() for name in distributions[package]}, f"{bringer} no longer requires {package}"


def test_extras_repeat_nothing_of_the_core() -> None:
    repeated = {
        extra: sorted(OF_THE_CORE & {Requirement(line).name.replace("-", "_") for line in lines})
        for extra, lines in PROJECT["optional-dependencies"].items()
    }
    assert not any(repeated.values()), repeated


def test_imports_inside_functions_are_found() -> None:
    source = "import a.b\ndef late():\n    from c.d import e\n    from . import f\n"
    assert list(imported(source)) == [(1, "a"), (3, "c")]
