from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.runtime.statuses import (
    MAX_MESSAGE,
    ConditionStatus,
    StagedCondition,
    merge_conditions,
    merge_entries,
    timestamp,
)

NOON = datetime(2025, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC)
EARLIER = "2025-01-01T00:00:00Z"


def condition(type_: str, status: str = "True", *, at: str = EARLIER, reason: str = "Fine") -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": at}


@pytest.mark.parametrize(("status", "text"), [(True, "True"), (False, "False"), ("Unknown", "Unknown")])
def test_a_condition_is_written_as_the_api_has_it(status: ConditionStatus, text: str) -> None:
    staged = StagedCondition(type="Ready", status=status, reason="Issued", message="all well")
    assert staged.as_object(generation=3, now=NOON) == {
        "type": "Ready",
        "status": text,
        "observedGeneration": 3,
        "lastTransitionTime": "2025-06-01T12:00:00Z",
        "reason": "Issued",
        "message": "all well",
    }


def test_a_message_is_cut_where_the_api_would_refuse_it() -> None:
    staged = StagedCondition(type="Ready", status=True, reason="Issued", message="x" * (MAX_MESSAGE + 1))
    assert staged.as_object(generation=1, now=NOON)["message"] == "x" * 32768


def test_a_time_is_written_in_utc() -> None:
    assert timestamp(NOON.astimezone(timezone(timedelta(hours=5)))) == "2025-06-01T12:00:00Z"


class TestConditions:
    def test_the_transition_time_stays_while_the_status_does(self) -> None:
        stated = condition("Ready", reason="Renewed", at="2025-06-01T12:00:00Z")
        assert merge_conditions([condition("Ready")], [stated]) == [condition("Ready", reason="Renewed")]

    def test_the_transition_time_moves_when_the_status_flips(self) -> None:
        stated = condition("Ready", "False", at="2025-06-01T12:00:00Z")
        assert merge_conditions([condition("Ready")], [stated]) == [stated]

    @pytest.mark.parametrize("old", [{"type": "Ready", "status": "True"}, condition("Ready", at="")])
    def test_a_missing_transition_time_is_mended(self, old: dict[str, Any]) -> None:
        assert merge_conditions([old], [condition("Ready")]) == [condition("Ready")]

    def test_conditions_keep_their_places_and_new_ones_come_last_as_stated(self) -> None:
        live = [condition("Scheduled"), condition("Ready"), condition("Healthy")]
        stated = [condition("Zoned"), condition("Ready", "False"), condition("Attached")]
        merged = merge_conditions(live, stated)
        assert [each["type"] for each in merged] == ["Scheduled", "Ready", "Healthy", "Zoned", "Attached"]

    def test_conditions_that_are_not_stated_stay_as_they_are(self) -> None:
        foreign: list[dict[str, Any]] = [condition("Other") | {"severity": "Info"}, {"type": "Odd"}, {"note": "odder"}]
        assert merge_conditions(foreign, [condition("Ready")]) == [*foreign, condition("Ready")]

    def test_what_is_done_to_the_result_does_not_reach_the_live_ones(self) -> None:
        live: list[dict[str, Any]] = [{"type": "Other"}]
        merge_conditions(live, [])[0]["reason"] = "Changed"
        assert live == [{"type": "Other"}]


def parent(name: str, controller: str, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"parentRef": {"name": name}, "controllerName": controller, "conditions": list(conditions)} | more


def is_mine(entry: dict[str, Any]) -> bool:
    return bool(entry["controllerName"] == "mine")


class TestEntries:
    def test_the_entries_of_others_stay_untouched(self) -> None:
        theirs = parent("gw", "theirs", condition("Accepted"), note=1)
        stated = [parent("gw", "mine", condition("Accepted"))]
        assert merge_entries([theirs], stated, is_mine=is_mine) == [theirs, *stated]

    def test_what_is_not_stated_any_more_goes(self) -> None:
        live = [parent("old", "mine"), parent("gw", "theirs"), parent("gw", "mine")]
        assert merge_entries(live, [parent("gw", "mine")], is_mine=is_mine) == live[1:]
        assert merge_entries(live, [], is_mine=is_mine) == [parent("gw", "theirs")]

    def test_conditions_of_the_same_entry_keep_their_transition_times(self) -> None:
        live = [parent("gw", "mine", condition("Accepted"), condition("Gone"), condition("Programmed"))]
        late = "2025-06-01T12:00:00Z"
        stated = [parent("gw", "mine", condition("Accepted", at=late), condition("Programmed", "False", at=late))]
        assert merge_entries(live, stated, is_mine=is_mine) == [
            parent("gw", "mine", condition("Accepted"), condition("Programmed", "False", at=late))
        ]

    def test_an_entry_about_something_else_starts_anew(self) -> None:
        late = parent("other", "mine", condition("Accepted", at="2025-06-01T12:00:00Z"))
        live = [parent("gw", "mine", condition("Accepted"))]
        assert merge_entries(live, [late], is_mine=is_mine) == [late]

    def test_an_entry_without_conditions_gets_none(self) -> None:
        bare = {"controllerName": "mine", "name": "gw"}
        assert merge_entries([bare], [bare], is_mine=is_mine) == [bare]

    def test_two_controllers_leave_each_other_in_peace(self) -> None:
        """Each that put its own entries last would undo the other's order, for ever."""
        mine, theirs = [parent("gw", "mine")], [parent("gw", "theirs")]
        entries = merge_entries([], mine, is_mine=is_mine)
        entries = merge_entries(entries, theirs, is_mine=lambda entry: not is_mine(entry))
        assert merge_entries(entries, mine, is_mine=is_mine) == entries
        assert merge_entries(entries, theirs, is_mine=lambda entry: not is_mine(entry)) == entries


TYPES = st.sampled_from(["Ready", "Accepted", "Programmed"])
TIMES = st.sampled_from([EARLIER, "2025-06-01T12:00:00Z"])
STATUSES = st.sampled_from(["True", "False", "Unknown"])
CONDITION = st.builds(condition, TYPES, STATUSES, at=TIMES, reason=st.sampled_from(["Fine", "Odd"]))
CONDITIONS = st.lists(CONDITION, max_size=3, unique_by=lambda each: each["type"])
ENTRIES = st.lists(
    st.builds(
        lambda name, controller, conditions: parent(name, controller, *conditions),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["mine", "theirs", "others"]),
        CONDITIONS,
    ),
    max_size=4,
    unique_by=lambda each: (each["parentRef"]["name"], each["controllerName"]),
)


@given(live=CONDITIONS, stated=CONDITIONS)
def test_merging_conditions_is_pure_and_says_nothing_new_the_second_time(
    live: list[dict[str, Any]], stated: list[dict[str, Any]]
) -> None:
    given_live, given_stated = copy.deepcopy(live), copy.deepcopy(stated)
    merged = merge_conditions(live, stated)
    assert (live, stated) == (given_live, given_stated)
    later = [each | {"lastTransitionTime": "2026-01-01T00:00:00Z"} for each in stated]
    assert merge_conditions(merged, later) == merged


@given(live=ENTRIES, stated=ENTRIES.map(lambda entries: [entry for entry in entries if is_mine(entry)]))
def test_merging_entries_is_pure_and_says_nothing_new_the_second_time(
    live: list[dict[str, Any]], stated: list[dict[str, Any]]
) -> None:
    given_live, given_stated = copy.deepcopy(live), copy.deepcopy(stated)
    merged = merge_entries(live, stated, is_mine=is_mine)
    assert (live, stated) == (given_live, given_stated)
    assert [entry for entry in merged if not is_mine(entry)] == [entry for entry in live if not is_mine(entry)]
    said = [
        (entry["parentRef"], {each["type"]: each["status"] for each in entry["conditions"]})
        for entry in merged
        if is_mine(entry)
    ]
    meant = [(entry["parentRef"], {each["type"]: each["status"] for each in entry["conditions"]}) for entry in stated]
    assert sorted(said, key=str) == sorted(meant, key=str)
    assert merge_entries(merged, stated, is_mine=is_mine) == merged
