"""What a manager refuses to be given, and the line that it says to write instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import tenacity

from reconcilekit import Context, Manager, Reconciler
from reconcilekit.errors import ReconcileError, TransientError
from tests.runtime.world import WIDGET


class Widgets(Reconciler):
    primary = WIDGET

    def reconcile(self, ctx: Context) -> None:
        """Nothing."""


def my_rule(error: BaseException) -> ReconcileError | None:
    return TransientError() if isinstance(error, LookupError) else None


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("websites", "Manager('websites'): the first argument is the client; write: Manager(name='websites')"),
        (
            5,
            (
                "Manager(5): the client isn't a Client; leave it out to connect as kubeconfig or the pod's service "
                "account say"
            ),
        ),
    ],
)
def test_a_client_that_is_none(client: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        Manager(client)
    assert str(caught.value) == said


@pytest.mark.parametrize(("classifier", "rule"), [(my_rule, "my_rule"), ([my_rule], "rule")])
def test_a_classifier_that_is_none(classifier: Any, rule: str) -> None:
    with pytest.raises(TypeError) as caught:
        Manager(classifier=classifier)
    assert str(caught.value) == (
        f"Manager(classifier={classifier!r}) isn't a Classifier; "
        f"write: classifier=Classifier([{rule}]) | default_classifier()"
    )


async def test_to_run_without_a_controller() -> None:
    with pytest.raises(RuntimeError) as caught:
        async with Manager(name="websites").running():
            pass
    assert str(caught.value) == (
        "manager 'websites' has no controller, so it would do nothing; call add(YourReconciler()) first"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"wait": 5}, "wait=5 isn't a tenacity strategy; write: wait=tenacity.wait_fixed(5)"),
        ({"stop": 5}, "stop=5 isn't a tenacity strategy; write: stop=tenacity.stop_after_attempt(5)"),
        ({"wait": tenacity.wait_fixed}, "wait=wait_fixed is a class; write: wait=wait_fixed(...)"),
        (
            {"stop": tenacity.stop_after_attempt},
            "stop=stop_after_attempt is a class; write: stop=stop_after_attempt(...)",
        ),
        ({"concurrency": "5"}, "concurrency='5' isn't a number; write: concurrency=8"),
        (
            {"timeout": timedelta(minutes=1)},
            "timeout=datetime.timedelta(seconds=60) isn't a number; write: timeout=120",
        ),
    ],
)
def test_an_option_of_a_wrong_type(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        Manager().add(Widgets(), **options)
    assert str(caught.value) == said


def test_an_option_that_is_not_a_number_of_seconds() -> None:
    with pytest.raises(ValueError, match="timeout=nan isn't positive"):
        Manager().add(Widgets(), timeout=float("nan"))


def test_a_declaration_that_cannot_work() -> None:
    untyped: Any = Widgets
    with pytest.raises(TypeError, match=r"add\(\) got the class Widgets; write: add\(Widgets\(\)\)"):
        Manager().add(untyped)


def test_any_callable_may_be_a_strategy() -> None:
    untyped: Any = lambda _state: 5.0  # noqa: E731 -- handed in as it stands
    manager = Manager().add(Widgets(), wait=untyped, stop=tenacity.stop_after_attempt(3))
    assert "widgets" in repr(manager)
