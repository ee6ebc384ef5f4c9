"""What tests/conftest.py promises about every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

_CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """A test run of its own, under the conftest of all tests."""
    shutil.copy(_CONFTEST, pytester.path / "conftest.py")
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def test_a_task_left_running_fails_its_test(inner: pytest.Pytester) -> None:
    inner.makepyfile("""
        import asyncio

        async def test_forgets():
            asyncio.create_task(asyncio.Event().wait(), name="forgotten")
    """)
    result = inner.runpytest_subprocess("-p", "no:xdist")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the test left 1 task(s) running: forgotten (*"])


def test_a_task_that_a_fixture_ends_is_nobodys_fault(inner: pytest.Pytester) -> None:
    inner.makepyfile("""
        import asyncio
        import pytest

        @pytest.fixture
        async def background():
            task = asyncio.create_task(asyncio.Event().wait())
            yield
            task.cancel()

        async def test_uses(background):
            await asyncio.sleep(0)

        def test_without_a_loop():
            pass
    """)
    inner.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ((), "examples=50 repeats=False deadline=None"),
        (("--hypothesis-profile=ci",), "examples=50 repeats=True deadline=None"),
        (("--hypothesis-profile=fuzz",), "examples=5000 repeats=False deadline=None"),
    ],
    ids=["own-run", "make-test", "make-fuzz"],
)
def test_profiles_are_the_same_in_ci(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...], expected: str
) -> None:
    monkeypatch.setenv("CI", "true")
    inner.makepyfile("""
        import hypothesis

        def test_says():
            found = hypothesis.settings()
            print(f"examples={found.max_examples} repeats={found.derandomize} deadline={found.deadline}")
    """)
    result = inner.runpytest_subprocess("-p", "no:xdist", "-s", *option)
    result.stdout.fnmatch_lines([f"*{expected}*"])
