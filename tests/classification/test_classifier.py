from __future__ import annotations

import asyncio
import functools
import logging
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.classification import (
    DEFAULT_RULES,
    Classifier,
    Rule,
    RuleFailure,
    classify,
    default_classifier,
)
from reconcilekit.errors import (
    ApiError,
    BugError,
    ConfigError,
    ConflictError,
    Operation,
    ReconcileError,
    RetryScope,
    TransientError,
)


class ThrottledByCloudError(Exception):
    seconds = 7.0


def throttled(error: Exception) -> ReconcileError | None:
    """The cloud's own limit."""
    return TransientError("cloud", retry_after=error.seconds) if isinstance(error, ThrottledByCloudError) else None


def always(verdict: ReconcileError) -> Callable[[Exception], ReconcileError]:
    return lambda _error: verdict


class TestRules:
    def test_the_first_match_wins_and_none_falls_through(self) -> None:
        classifier = Classifier([lambda _error: None, throttled, always(ConfigError("Late"))])
        verdict = classifier.classify(ThrottledByCloudError())

        assert isinstance(verdict, TransientError)
        assert (verdict.retry_after, verdict.rule) == (7.0, "throttled")

    def test_a_registered_rule_wraps_the_default_table(self) -> None:
        classifier = default_classifier()

        @classifier.register
        def mine(error: Exception) -> ReconcileError | None:
            return ConfigError("Mine") if isinstance(error, ApiError) and error.status == 503 else None

        assert classifier.classify(ApiError(503)).rule == "mine"
        assert classifier.classify(ApiError(504)).rule == "timeout"
        assert classify(ApiError(503)).rule == "service-unavailable"

    def test_registered_rules_are_asked_in_their_order_but_for_first(self) -> None:
        classifier = Classifier([always(BugError())])
        classifier.register(throttled, name="a")
        classifier.register(throttled, name="b")
        classifier.register(name="c", first=True)(throttled)

        assert [rule.name for rule in classifier.rules] == ["c", "a", "b", "<lambda>"]

    def test_a_decorated_function_stays_itself(self) -> None:
        assert Classifier().register(throttled) is throttled
        assert Classifier().register(name="x")(throttled) is throttled

    def test_a_rule_may_take_the_operation(self) -> None:
        def by_verb(_error: Exception, operation: Operation) -> ReconcileError | None:
            return ConfigError("Verb", operation.verb)

        verdict = Classifier([by_verb]).classify(ValueError(), operation=Operation(verb="apply"))

        assert isinstance(verdict, ConfigError)
        assert verdict.message == "apply"

    def test_an_error_that_knows_its_operation_tells_it(self) -> None:
        seen: list[Operation] = []
        classifier = Classifier([lambda _error, operation: seen.append(operation)])
        known = Operation(verb="get", api_group="apps", is_credential_reloaded=True)

        classifier.classify(ApiError(404, operation=known))
        classifier.classify(ApiError(404, operation=known), operation=Operation(verb="delete", role="child"))
        classifier.classify(ValueError())

        merged = Operation(verb="delete", role="child", api_group="apps", is_credential_reloaded=True)
        assert seen == [known, merged, Operation()]

    def test_rules_can_be_any_plain_callable(self) -> None:
        class Whole:
            def __call__(self, error: Exception) -> ReconcileError | None:
                return throttled(error)

            def method(self, error: Exception, _operation: Operation) -> ReconcileError | None:
                return throttled(error)

        names = [rule.name for rule in Classifier([Whole(), Whole().method, functools.partial(throttled)]).rules]

        assert names == ["Whole", "method", "partial"]

    def test_what_cannot_be_a_rule_is_refused_when_it_is_registered(self) -> None:
        async def late(_error: Exception) -> None: ...

        with pytest.raises(TypeError, match=r"^The rule late is async, and a verdict is given without an event loop"):
            Classifier().register(late)  # type: ignore[type-var]  # what is tested
        with pytest.raises(TypeError, match=r"^The rule <lambda>\(\) takes neither \(error\) nor \(error, operation\)"):
            Classifier().register(lambda: None)  # type: ignore[type-var]  # what is tested

    def test_a_rule_shows_what_it_matches(self) -> None:
        (rule,) = Classifier([throttled]).rules
        assert rule == Rule(name="throttled", judge=rule.judge, matches="The cloud's own limit.")
        assert repr(Classifier([throttled])) == "<Classifier 1 rules: throttled>"


class TestBrokenRules:
    @pytest.mark.parametrize("nonsense", [True, "transient", TransientError, ValueError("x"), ReconcileError("bare")])
    def test_nonsense_is_reported_and_skipped(self, nonsense: object, caplog: pytest.LogCaptureFixture) -> None:
        failures: list[RuleFailure] = []
        classifier = default_classifier(on_rule_error=failures.append)
        classifier.register(lambda _error: nonsense, name="broken")  # type: ignore[type-var]  # what is tested
        error = ApiError(503)

        assert classifier.classify(error).rule == "service-unavailable"

        (failure,) = failures
        assert (failure.rule, failure.error) == ("broken", error)
        assert str(failure.problem) == (
            f"The rule broken returned {nonsense!r}; return a TransientError, ConfigError, BugError or None."
        )
        assert "The rule broken failed on ApiError" in caplog.text

    def test_a_rule_that_raises_is_reported_with_its_traceback_and_skipped(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        failures: list[RuleFailure] = []
        classifier = default_classifier(on_rule_error=failures.append)

        @classifier.register
        def broken(error: Exception) -> ReconcileError | None:
            raise ConfigError("Raised", "instead of returned")

        assert classifier.classify(ApiError(503)).rule == "service-unavailable"

        assert [type(failure.problem) for failure in failures] == [ConfigError]
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "The rule broken failed on ApiError and was skipped" in record.getMessage()
        assert 'raise ConfigError("Raised", "instead of returned")' in caplog.text

    def test_a_report_that_fails_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        def report(_failure: RuleFailure) -> None:
            raise ZeroDivisionError

        classifier = default_classifier(on_rule_error=report)
        classifier.register(lambda error: error.nothing, name="broken")

        assert classifier.classify(ApiError(503)).rule == "service-unavailable"
        assert "on_rule_error itself failed on the rule broken." in caplog.text

    def test_an_order_to_stop_in_a_rule_goes_through(self) -> None:
        def stopped(_error: Exception) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Classifier([stopped]).classify(ValueError())

    def test_it_logs_where_it_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        Classifier([lambda _error: 1 / 0], log=logging.getLogger("mine")).classify(ValueError())  # type: ignore[list-item]  # what is tested
        assert [record.name for record in caplog.records] == ["mine"]


class TestComposition:
    def test_mine_or_default_asks_mine_first(self) -> None:
        mine = Classifier([throttled])
        both = mine | default_classifier()

        assert both.classify(ThrottledByCloudError()).rule == "throttled"
        assert both.classify(ApiError(503)).rule == "service-unavailable"
        assert both.rules == mine.rules + DEFAULT_RULES

    def test_what_is_registered_later_stays_where_it_was_registered(self) -> None:
        mine, default = Classifier(), default_classifier()
        both = mine | default
        mine.register(throttled)
        both.register(always(BugError()), name="both")

        assert both.rules == (both.rules[0], *DEFAULT_RULES)
        assert [rule.name for rule in mine.rules] == ["throttled"]
        assert default.rules == DEFAULT_RULES

    def test_reports_go_where_the_left_one_sends_them_or_else_the_right(self) -> None:
        left: list[RuleFailure] = []
        right: list[RuleFailure] = []
        broken = Classifier([lambda _error: 1 / 0], on_rule_error=right.append)  # type: ignore[list-item]  # what is tested

        (Classifier() | broken).classify(ValueError())
        (Classifier(on_rule_error=left.append) | broken).classify(ValueError())

        assert (len(left), len(right)) == (1, 1)

    def test_only_classifiers_compose(self) -> None:
        with pytest.raises(TypeError):
            Classifier() | throttled  # type: ignore[operator]  # what is tested

    def test_names_of_the_default_rules_are_unique(self) -> None:
        assert len({rule.name for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)


class TestVerdicts:
    @pytest.mark.parametrize("explicit", [TransientError("x"), ConflictError(), ConfigError("X"), BugError()])
    def test_an_explicit_verdict_is_never_reclassified(self, explicit: ReconcileError) -> None:
        explicit.__cause__ = ApiError(403)
        classifier = Classifier([always(ConfigError("Mine"))])

        assert classifier.classify(explicit) is explicit
        assert explicit.rule is None

    def test_the_explicit_type_wins_over_what_the_chain_holds(self) -> None:
        error = TransientError("ours to say")
        error.__cause__ = ApiError(400)
        assert classify(error) is error

    def test_a_bare_reconcile_error_says_nothing_and_is_transient(self) -> None:
        assert isinstance(classify(ReconcileError("?")), TransientError)

    def test_a_verdict_shared_by_two_errors_is_copied(self) -> None:
        shared = ConfigError("Shared", "message")
        classifier = Classifier([always(shared)])
        one, two = ValueError("one"), ValueError("two")

        first, second = classifier.classify(one), classifier.classify(two)

        assert (first.__cause__, second.__cause__) == (one, two)
        assert isinstance(second, ConfigError)
        assert (second.reason, second.message) == ("Shared", "message")

    def test_what_was_raised_from_a_known_error_means_the_same(self) -> None:
        error = RuntimeError("could not list")
        error.__cause__ = ApiError(403)

        verdict = classify(error)

        assert verdict.rule == "forbidden"
        assert verdict.__cause__ is error

    def test_what_was_raised_from_a_verdict_takes_it_over(self) -> None:
        class PickyError(ConfigError):
            def __init__(self, *, field: str) -> None:
                super().__init__("Picky", field)

        inner = PickyError(field="spec")
        error = RuntimeError("could not translate")
        error.__cause__ = inner

        verdict = classify(error)

        assert verdict is not inner
        assert isinstance(verdict, PickyError)
        assert (verdict.rule, str(verdict), verdict.__cause__) == ("cause", "Picky: spec", error)
        assert (inner.rule, inner.__cause__) == (None, None)

    def test_what_was_raised_while_handling_an_error_is_not_its_consequence(self) -> None:
        error = KeyError("a typo in the handler")
        error.__context__ = ApiError(403)
        assert classify(error).rule == "unknown"

    def test_a_chain_that_bites_its_tail_ends(self) -> None:
        one, two = ValueError(), ValueError()
        one.__cause__, two.__cause__ = two, one

        verdict = classify(one)

        assert verdict.rule == "unknown"
        assert "".join(traceback.format_exception(verdict))


class TestOrdersToStop:
    ORDERS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)

    @pytest.mark.parametrize("order", ORDERS)
    def test_they_are_raised_again(self, order: type[BaseException]) -> None:
        raised = order()
        with pytest.raises(order) as caught:
            classify(raised)
        assert caught.value is raised

    @pytest.mark.parametrize("order", ORDERS)
    def test_also_as_leaves(self, order: type[BaseException]) -> None:
        raised = order()
        group = BaseExceptionGroup("g", [ValueError(), BaseExceptionGroup("h", [TransientError(), raised])])
        with pytest.raises(order) as caught:
            classify(group)
        assert caught.value is raised

    def test_the_end_of_the_process_goes_before_the_end_of_a_task(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            classify(BaseExceptionGroup("g", [asyncio.CancelledError(), KeyboardInterrupt()]))

    def test_one_far_back_in_the_chain_is_history(self) -> None:
        error = RuntimeError()
        error.__cause__ = asyncio.CancelledError()
        assert classify(error).rule == "unknown"


class TestGroups:
    def test_one_transient_leaf_makes_it_transient_and_config_leaves_are_reported(self) -> None:
        forbidden, config = ApiError(403), ConfigError("NoDNSNames")
        group = ExceptionGroup(
            "g", [forbidden, ExceptionGroup("h", [config, ApiError(503, headers={"retry-after": "3"})])]
        )

        verdict = classify(group)

        assert type(verdict) is TransientError
        assert (verdict.rule, verdict.retry_after, verdict.outcome_unknown) == ("exception-group", 3.0, False)
        assert [error.__cause__ or error for error in verdict.config_errors] == [forbidden, config]
        assert [leaf.rule for leaf in verdict.leaves] == ["forbidden", None, "service-unavailable"]
        assert verdict.__cause__ is group

    def test_the_largest_retry_after_and_any_unknown_outcome(self) -> None:
        group = ExceptionGroup(
            "g",
            [TransientError(retry_after=2), TransientError(outcome_unknown=True), TransientError(retry_after=9)],
        )
        verdict = classify(group)

        assert isinstance(verdict, TransientError)
        assert (verdict.retry_after, verdict.outcome_unknown) == (9, True)

    def test_conflicts_alone_are_a_conflict(self) -> None:
        assert type(classify(ExceptionGroup("g", [ApiError(409), ConflictError()]))) is ConflictError
        assert type(classify(ExceptionGroup("g", [ApiError(409), ApiError(500)]))) is TransientError

    def test_config_leaves_alone_are_one_config_error(self) -> None:
        first, second = ConfigError("A", "one", recheck_after=60), ConfigError("B", "two", recheck_after=30)

        verdict = classify(ExceptionGroup("g", [first, second]))

        assert isinstance(verdict, ConfigError)
        assert (verdict.reason, verdict.message, verdict.recheck_after) == ("A", "A: one; B: two", 30)
        assert verdict.config_errors == (first, second)

    def test_a_single_config_leaf_speaks_for_itself(self) -> None:
        verdict = classify(ExceptionGroup("g", [ConfigError("A", "one")]))
        assert str(verdict) == "A: one"

    def test_bugs_alone_are_a_bug_and_beside_config_are_reported(self) -> None:
        bug = BugError("400")
        assert type(classify(ExceptionGroup("g", [bug]))) is BugError

        verdict = classify(ExceptionGroup("g", [bug, ConfigError("A")]))
        assert type(verdict) is ConfigError
        assert bug in verdict.config_errors

    def test_a_pause_for_every_key_isnt_stretched_by_another_leafs_pause_for_one(self) -> None:
        server = TransientError(retry_after=1, scope=RetryScope.SERVER)
        key = TransientError(retry_after=10)

        alone, both = classify(ExceptionGroup("g", [server])), classify(ExceptionGroup("g", [server, key]))

        assert isinstance(alone, TransientError)
        assert isinstance(both, TransientError)
        assert (alone.scope, both.scope) == (RetryScope.SERVER, RetryScope.KEY)

    def test_leaves_that_bind_different_groups_bind_none_together(self) -> None:
        leaves = [TransientError(retry_after=1, scope=RetryScope.API_GROUP, api_group=group) for group in "ab"]
        verdict = classify(ExceptionGroup("g", leaves))

        assert isinstance(verdict, TransientError)
        assert (verdict.scope, verdict.api_group) == (RetryScope.KEY, None)

    def test_a_group_as_a_cause_is_judged_as_a_group(self) -> None:
        error = RuntimeError("the task group failed")
        error.__cause__ = ExceptionGroup("g", [ApiError(403), ApiError(500)])

        verdict = classify(error)

        assert isinstance(verdict, TransientError)
        assert (verdict.rule, verdict.__cause__, len(verdict.config_errors)) == ("exception-group", error, 1)

    @given(st.lists(st.sampled_from([200, 301, 400, 403, 404, 409, 410, 422, 429, 500, 503, 504]), min_size=1))
    def test_transient_if_any_leaf_is_and_no_leaf_is_lost(self, statuses: list[int]) -> None:
        leaves = [ApiError(status) for status in statuses]
        verdict = classify(ExceptionGroup("g", leaves))

        alone = [classify(leaf) for leaf in leaves]
        assert isinstance(verdict, TransientError) == any(isinstance(one, TransientError) for one in alone)
        assert [leaf.__cause__ for leaf in verdict.leaves] == leaves
        assert len(verdict.config_errors) == sum(not isinstance(one, TransientError) for one in alone)


def test_it_works_without_an_event_loop_and_imports_no_client() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    assert classify(ApiError(503)).rule == "service-unavailable"
