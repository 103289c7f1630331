# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans: one table of before and want."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, NONE, UPDATE, Change, make_plan

A = {"label": "x", "colour": "red"}
ALL = ("label", "colour", "size")


@pytest.mark.parametrize(
    ("before", "wanted", "action", "after", "drift"),
    [
        (None, None, NONE, None, {}),
        (None, {"label": "x"}, CREATE, {"label": "x"}, {}),
        (None, {"colour": "red"}, CREATE, {"colour": "red"}, {}),
        (A, None, DELETE, None, {}),
        (A, {}, NONE, A, {}),
        (A, {"label": "x"}, NONE, A, {}),
        (A, {"label": "y"}, UPDATE, {"label": "y", "colour": "red"}, {}),
        (A, {"size": 1}, UPDATE, {**A, "size": 1}, {}),
        (A, {"label": None}, UPDATE, {**A, "label": None}, {}),
        (A, {"colour": "blue"}, NONE, A, {"colour": ("red", "blue")}),
        (A, {"label": "y", "colour": "blue"}, UPDATE, {"label": "y", "colour": "red"}, {"colour": ("red", "blue")}),
        ({}, {"colour": None}, NONE, {}, {}),
    ],
)
def test_what_happens_to_one_object(before, wanted, action, after, drift):
    plan = make_plan({"a": before}, {"a": wanted}, fixed=("colour",))
    assert plan.changes == (Change("a", action, before, after, drift),)
    assert plan.changed == (action != NONE)
    assert bool(plan.drifted) == bool(drift)


def test_an_object_that_is_not_in_the_state_is_absent():
    assert make_plan({}, {"a": A}).changes[0].action == CREATE
    assert make_plan({}, {"a": None}).changes[0].action == NONE


def test_what_is_not_wanted_is_not_managed():
    plan = make_plan({"a": A, "b": A}, {"a": A})
    assert [change.key for change in plan.changes] == ["a"]
    assert plan.diff(ALL) == {"before": {"a": A}, "after": {"a": A}}


def test_the_order_is_that_of_the_wanted_state():
    want = {"c": None, "a": A, "b": {"label": "y"}}
    plan = make_plan({"b": A, "c": A}, want)
    assert [(change.key, change.action) for change in plan.changes] == [("c", DELETE), ("a", CREATE), ("b", UPDATE)]
    assert [change.key for change in plan.to_do(CREATE)] == ["a"]
    assert plan.to_do(NONE) == ()


def test_the_diff_shows_each_object_where_it_exists():
    plan = make_plan({"gone": A, "same": A}, {"gone": None, "new": A, "same": A, "never": None})
    assert plan.diff(ALL) == {"before": {"gone": A, "same": A}, "after": {"new": A, "same": A}}


def test_the_diff_shows_only_the_fields_that_it_is_told_to():
    plan = make_plan({"a": A}, {"a": {"colour": "blue"}, "b": {"size": 1}})
    assert plan.diff(("colour",)) == {"before": {"a": {"colour": "red"}}, "after": {"a": {"colour": "blue"}, "b": {}}}


def test_drift_alone_is_no_change():
    plan = make_plan({"a": A}, {"a": {"colour": "blue"}}, fixed=("colour",))
    assert not plan.changed
    assert plan.drifted == plan.changes


def test_nothing_wanted_is_nothing_done():
    plan = make_plan({"a": A}, {})
    assert (plan.changes, plan.changed, plan.diff(ALL)) == ((), False, {"before": {}, "after": {}})


def test_what_was_done_of_a_plan():
    """What others did is told as it is now, with its drift; what is gone and not asked for any more is gone."""
    want = {"mine": A, "theirs": {"colour": "blue"}, "gone": None}
    plan = make_plan({"gone": A}, want, fixed=("colour",))
    left = make_plan({"mine": A, "theirs": A}, {"mine": A, "theirs": {"colour": "blue"}}, fixed=("colour",))
    done = plan.only({"mine"}, left)
    assert [(change.key, change.action) for change in done.changes] == [
        ("mine", CREATE),
        ("theirs", NONE),
        ("gone", NONE),
    ]
    assert done.changes[1].drift == {"colour": ("red", "blue")}
    assert done.diff(ALL) == {"before": {"theirs": A}, "after": {"mine": A, "theirs": A}}


fields = st.dictionaries(st.sampled_from(["label", "colour", "size"]), st.integers(0, 2) | st.none(), max_size=3)
states = st.dictionaries(st.sampled_from("abcd"), st.none() | fields, max_size=4)


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(states, states, st.sets(st.sampled_from(["colour", "size"])))
def test_after_the_plan_nothing_is_left_to_do(before, want, fixed):
    plan = make_plan(before, want, fixed)
    after = {**before, **{change.key: change.after for change in plan.changes}}
    again = make_plan(after, want, fixed)
    assert not again.changed
    assert {change.key: change.drift for change in again.drifted} == {
        change.key: change.drift for change in plan.drifted
    }


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(states, states, st.sets(st.sampled_from(["colour", "size"])))
def test_the_diff_of_all_fields_differs_exactly_when_something_changes(before, want, fixed):
    plan = make_plan(before, want, fixed)
    diff = plan.diff(ALL)
    assert plan.changed == (diff["before"] != diff["after"])
