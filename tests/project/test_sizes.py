"""Functions fit a screen and files hold one idea; the figures are those of the code bases that read well."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]

LINES_OF_FILE = 500
LINES_OF_FUNCTION = 80
LINES_OF_MOST_FUNCTIONS = 30
LINES_OF_MEDIAN_FUNCTION = 8


@attrs.frozen
class Function:
    """A function and the lines of its body, its docstring not counted."""

    place: str
    lines: int


def functions(folder: str) -> Iterator[Function]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield Function(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines)


@pytest.mark.parametrize("folder", ["reconcilekit", "examples", "benchmarks"])
def test_no_function_is_too_long(folder: str) -> None:
    assert [function for function in functions(folder) if function.lines > LINES_OF_FUNCTION] == []


def test_most_functions_are_short() -> None:
    lines = [function.lines for function in functions("reconcilekit")]
    assert statistics.median(lines) <= LINES_OF_MEDIAN_FUNCTION
    assert statistics.quantiles(lines, n=10)[-1] <= LINES_OF_MOST_FUNCTIONS


@pytest.mark.parametrize("folder", ["reconcilekit", "examples", "benchmarks", "tests"])
def test_no_file_is_too_long(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_FILE} == {}
