"""tenacity with verdicts; every sleep is handed in, so no test waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import tenacity

from reconcilekit.classification import Classifier, retry_if_transient, wait_retry_after
from reconcilekit.errors import ApiError, ConfigError


def failing(*errors: BaseException) -> Callable[[], str]:
    """A call that raises each error once, then answers."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def attempt_sync(call: Callable[[], str], slept: list[float], *, classifier: Classifier | None = None) -> str:
    retrying = tenacity.Retrying(
        retry=retry_if_transient(classifier),
        wait=wait_retry_after(tenacity.wait_fixed(2), classifier=classifier),
        sleep=slept.append,
        reraise=True,
    )
    answer: str = retrying(call)
    return answer


async def attempt_async(call: Callable[[], str], slept: list[float], *, classifier: Classifier | None = None) -> str:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def called() -> str:
        return call()

    retrying = tenacity.AsyncRetrying(
        retry=retry_if_transient(classifier),
        wait=wait_retry_after(tenacity.wait_fixed(2), classifier=classifier),
        sleep=sleep,
        reraise=True,
    )
    answer: str = await retrying(called)
    return answer


TOLD = ApiError(429, headers={"retry-after": "9"})
TOLD_LITTLE = ApiError(429, headers={"retry-after": "1"})


@pytest.mark.parametrize("is_async", [False, True])
class TestBoth:
    def attempt(self, is_async: bool, call: Callable[[], str], slept: list[float]) -> str:
        return asyncio.run(attempt_async(call, slept)) if is_async else attempt_sync(call, slept)

    def test_transient_is_retried_and_retry_after_is_a_floor(self, is_async: bool) -> None:
        slept: list[float] = []
        call = failing(ApiError(503), TOLD, TOLD_LITTLE)

        assert self.attempt(is_async, call, slept) == "done"
        assert slept == [2, 9, 2]

    @pytest.mark.parametrize("error", [ApiError(403), ConfigError("X"), ApiError(400)])
    def test_config_and_bug_are_raised_at_once(self, is_async: bool, error: Exception) -> None:
        slept: list[float] = []
        with pytest.raises(type(error)):
            self.attempt(is_async, failing(error), slept)
        assert slept == []

    def test_an_order_to_stop_is_obeyed(self, is_async: bool) -> None:
        slept: list[float] = []
        with pytest.raises(SystemExit):
            self.attempt(is_async, failing(SystemExit()), slept)
        assert slept == []

    def test_a_group_with_an_order_to_stop_is_raised_whole(self, is_async: bool) -> None:
        group = BaseExceptionGroup("g", [ApiError(503), SystemExit()])
        with pytest.raises(BaseExceptionGroup) as caught:
            self.attempt(is_async, failing(group), [])
        assert caught.value is group


def test_a_classifier_of_ones_own() -> None:
    mine = Classifier([lambda error: ConfigError("Mine") if isinstance(error, ApiError) else None])
    slept: list[float] = []

    with pytest.raises(ApiError):
        attempt_sync(failing(ValueError(), TOLD), slept, classifier=mine)

    assert slept == [2]


def test_they_combine_with_tenacitys_own() -> None:
    slept: list[float] = []
    retrying = tenacity.Retrying(
        retry=retry_if_transient() | tenacity.retry_if_result(lambda result: result == ""),
        wait=wait_retry_after(tenacity.wait_none()) + tenacity.wait_fixed(1),
        stop=tenacity.stop_after_attempt(3),
        sleep=slept.append,
        reraise=True,
    )
    with pytest.raises(ApiError):
        retrying(failing(TOLD, TOLD, TOLD))
    assert slept == [10, 10]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"retry": retry_if_transient}, "retry_if_transient()"),
        ({"wait": wait_retry_after}, "wait_retry_after(tenacity.wait_random_exponential())"),
    ],
)
def test_a_class_in_the_place_of_its_instance_is_refused_rather_than_retried_for_ever(
    options: dict[str, type], line: str
) -> None:
    (strategy,) = options.values()
    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(3), sleep=[].append, **options)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(TypeError) as caught:
        retrying(failing(TOLD))
    assert str(caught.value) == f"tenacity got the class {strategy.__name__}, not one of its instances; write {line}"
