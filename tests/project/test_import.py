"""Importing the library is cheap: a command line that only wants an error class doesn't pay for a client."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import reconcilekit
import reconcilekit.testing

ROOT = Path(__file__).parents[2]

LIMIT = 0.150
"""Seconds that `import reconcilekit` may take."""

RUNS = 15
"""Attempts to meet the limit: another process on the machine can only make an import slower, never faster."""

MEASURE = "from time import perf_counter as t; s = t(); import reconcilekit; print(t() - s)"


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_import_is_quick() -> None:
    best = float("inf")
    for _ in range(RUNS):
        best = min(best, float(python(MEASURE)))
        if best < LIMIT:
            return
    slowest = python("import reconcilekit, sys; print(len(sys.modules), 'modules:', *sorted(sys.modules))")
    raise AssertionError(f"import reconcilekit took {best * 1000:.0f} ms at best of {RUNS} runs; it loads {slowest}")


def test_import_leaves_the_heavy_packages_out() -> None:
    loaded = python(
        "import reconcilekit, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ).split()
    assert "reconcilekit" in loaded
    assert not {"aiohttp", "kubernetes", "urllib3", "pydantic", "pytest"} & set(loaded)


def test_test_tools_leave_them_out_too() -> None:
    loaded = python("from reconcilekit.testing import ApiServer; import sys; print(*sys.modules)").split()
    assert "reconcilekit.testing.apiserver.server" in loaded
    assert not {"aiohttp", "kubernetes", "urllib3", "pydantic", "pytest"} & set(loaded)


def test_virtual_time_costs_no_server() -> None:
    loaded = python("from reconcilekit.testing import run_virtual; import sys; print(*sys.modules)").split()
    assert "reconcilekit.testing.virtual_time" in loaded
    assert "reconcilekit.testing.apiserver" not in loaded


def test_an_error_class_costs_no_client_and_no_event_loop() -> None:
    loaded = python("from reconcilekit import TransientError; import sys; print(*sys.modules)").split()
    assert "reconcilekit.errors" in loaded
    assert not {"asyncio", "msgspec", "tenacity", "reconcilekit.runtime", "reconcilekit.kube.client"} & set(loaded)


@pytest.mark.parametrize(
    ("package", "imported_at_once"),
    [(reconcilekit, {"__version__"}), (reconcilekit.testing, {"CUSTOM_RESOURCE_DEFINITION", "custom_kind"})],
)
def test_type_checkers_and_programs_find_the_same_names_at_the_same_place(
    package: ModuleType, imported_at_once: set[str]
) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    branch = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {
        alias.name: importlib.import_module(str(node.module))
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) | imported_at_once == set(package.__all__)
    assert [name for name, home in seen.items() if getattr(package, name) is not getattr(home, name)] == []


def test_names_are_listed_before_they_are_used_and_there_are_no_others() -> None:
    told = python(
        """
        import reconcilekit, sys
        assert set(reconcilekit.__all__) <= set(dir(reconcilekit)) and "reconcilekit.errors" not in sys.modules
        try:
            reconcilekit.Reconciller
        except AttributeError as error:
            print(error)
        """
    )
    assert told == "module 'reconcilekit' has no attribute 'Reconciller'\n"
