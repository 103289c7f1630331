# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runner: one table of worlds and wishes, each run in check mode, for real, and again."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    Drift,
    NotApplied,
    NotFound,
    RuleError,
    UnknownOutcome,
)


class FakeHost:
    """A host without a machine."""

    def __init__(self, check_mode=False, diff_mode=True, **params):
        self.params = params
        self.check_mode = check_mode
        self.diff_mode = diff_mode
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


ABOUT = dict.fromkeys(("before_header", "after_header"), "arrange the shelf")  # what a diff says that it is about


class Shelf(_resource.Resource):
    """Things with a label that can be changed and a colour that cannot; a dictionary is the service."""

    fixed = ("colour",)
    shown = ("label", "colour")

    def __init__(self, service, wish, on_apply=None):
        self.service, self.wish, self.on_apply = service, wish, on_apply
        self.writes = 0
        self.closed = False

    def purpose(self):
        return "arrange", "the shelf"

    def read(self):
        return {key: self.service.get(key) for key in self.wish}

    def want(self, before):
        return self.wish

    def apply(self, plan):
        self.writes += 1
        for change in plan.changes:
            if change.action == "none":
                continue
            if self.on_apply:
                self.on_apply(self)
            elif change.action == "delete":
                del self.service[change.key]
            else:
                self.service[change.key] = {"made_at": "noon", **change.after}
            yield change.key

    def result(self, plan, after):
        return {"things": after}

    def close(self):
        self.closed = True


RED_X = {"label": "x", "colour": "red"}
WORLDS = [
    # what is there, what is wanted, changed, what is there afterwards
    ({}, {"a": {"label": "x"}}, True, {"a": {"label": "x"}}),
    ({"a": {"label": "x"}}, {"a": {"label": "x"}}, False, {"a": {"label": "x"}}),
    ({"a": {"label": "x"}}, {"a": {"label": "y"}}, True, {"a": {"label": "y"}}),
    ({"a": {"label": "x"}}, {"a": {}}, False, {"a": {"label": "x"}}),
    ({"a": {"label": "x"}}, {"a": None}, True, {}),
    ({}, {"a": None}, False, {}),
    ({"a": {"label": "x"}, "z": {"label": "z"}}, {"a": None, "b": {}}, True, {"z": {"label": "z"}, "b": {}}),
    ({"a": RED_X}, {"a": {"colour": "blue"}}, False, {"a": RED_X}),
    ({"a": RED_X}, {"a": {"label": "y", "colour": "blue"}}, True, {"a": {"label": "y", "colour": "red"}}),
]


@pytest.mark.parametrize(("there", "wish", "changed", "then"), WORLDS)
def test_prediction_run_and_second_run_agree(there, wish, changed, then):
    service = {key: dict(fields) for key, fields in there.items()}
    predicted = _resource.run(FakeHost(check_mode=True), lambda host: Shelf(service, wish))
    assert service == there
    done = _resource.run(FakeHost(), lambda host: Shelf(service, wish))
    assert {key: {n: v for n, v in fields.items() if n != "made_at"} for key, fields in service.items()} == then
    again = _resource.run(FakeHost(), lambda host: Shelf(service, wish))
    assert predicted["changed"] is done["changed"] is changed
    assert predicted["diff"] == done["diff"]
    assert predicted.keys() == done.keys() == again.keys()
    assert again["changed"] is False
    assert again["diff"]["before"] == again["diff"]["after"]


def test_diff_shows_settable_fields_only():
    service = {"a": {"label": "x", "made_at": "noon"}}
    result = _resource.run(FakeHost(), lambda host: Shelf(service, {"a": None}))
    assert result["diff"] == {"before": {"a": {"label": "x"}}, "after": {}, **ABOUT}


def test_no_diff_unless_asked_for():
    assert "diff" not in _resource.run(FakeHost(diff_mode=False), lambda host: Shelf({}, {"a": {}}))


@pytest.mark.parametrize(("policy", "warned"), [("warn", 1), ("ignore", 0)])
def test_drift_is_told_and_never_repaired(policy, warned):
    host = FakeHost(on_drift=policy)
    service = {"a": {"colour": "red"}}
    result = _resource.run(host, lambda _: Shelf(service, {"a": {"colour": "blue"}}))
    assert result["changed"] is False
    assert service == {"a": {"colour": "red"}}
    assert len(host.warnings) == warned
    assert result["drift"] == {"a": {"colour": {"present": "red", "wanted": "blue"}}}


def test_drift_fails_before_anything_is_written():
    shelf = Shelf({"a": {"colour": "red"}}, {"a": {"colour": "blue"}, "b": {}})
    with pytest.raises(Drift, match="'red', wanted is 'blue'"):
        _resource.run(FakeHost(on_drift="fail"), lambda host: shelf)
    assert shelf.writes == 0


def test_bad_input_is_refused_before_reading():
    class Refusing(Shelf):
        def check(self):
            raise RuleError("bad name")

        def read(self):
            raise AssertionError("read before the check")

    with pytest.raises(RuleError) as caught:
        _resource.run(FakeHost(), lambda host: Refusing({}, {}))
    assert caught.value.message == "Cannot arrange the shelf: bad name. Correct the value."


def test_lost_answer_of_a_write_that_was_done_is_a_success():
    def lose(shelf):
        shelf.service["a"] = {"label": "x"}
        raise UnknownOutcome("the answer was lost")

    shelf = Shelf({}, {"a": {"label": "x"}}, lose)
    result = _resource.run(FakeHost(), lambda host: shelf)
    assert result["changed"] is True
    assert shelf.writes == 1


def test_lost_answer_of_a_write_that_was_not_done_is_a_failure_and_is_not_sent_again():
    def lose(shelf):
        raise UnknownOutcome("the answer was lost")

    shelf = Shelf({}, {"a": {"label": "x"}}, lose)
    with pytest.raises(UnknownOutcome):
        _resource.run(FakeHost(), lambda host: shelf)
    assert shelf.writes == 1


def test_somebody_else_was_quicker_to_create():
    def beaten(shelf):
        shelf.service["a"] = {"label": "x"}
        raise AlreadyExists("it exists")

    result = _resource.run(FakeHost(), lambda host: Shelf({}, {"a": {"label": "x"}}, beaten))
    assert result["changed"] is False


def test_somebody_else_was_quicker_to_delete():
    def beaten(shelf):
        shelf.service.clear()
        raise NotFound("it is gone")

    result = _resource.run(FakeHost(), lambda host: Shelf({"a": {}}, {"a": None}, beaten))
    assert result["changed"] is False


def test_name_taken_by_somebody_else_is_a_failure():
    def taken(shelf):
        raise AlreadyExists("it exists, but not here")

    with pytest.raises(AlreadyExists):
        _resource.run(FakeHost(), lambda host: Shelf({}, {"a": {"label": "x"}}, taken))


def test_write_without_effect_is_a_failure():
    with pytest.raises(NotApplied, match="create 'a'"):
        _resource.run(FakeHost(), lambda host: Shelf({}, {"a": {"label": "x"}}, lambda shelf: None))


@pytest.mark.parametrize("broken", [False, True])
def test_connections_are_let_go(broken):
    def fail(shelf):
        raise RuleError("no")

    shelf = Shelf({}, {"a": {}}, fail if broken else None)
    if broken:
        with pytest.raises(RuleError):
            _resource.run(FakeHost(), lambda host: shelf)
    else:
        _resource.run(FakeHost(), lambda host: shelf)
    assert shelf.closed


class Crowd:
    """What others do to the shelf between our writes; C(accidents) is what each write meets, in order."""

    def __init__(self, *accidents):
        self.accidents = list(accidents)

    def __call__(self, shelf):
        accident = self.accidents.pop(0)
        if isinstance(accident, Exception):
            shelf.service.clear()  # gone, whoever did it
            raise accident
        shelf.service.pop(accident)


def test_what_we_did_counts_although_the_rest_was_done_by_others():
    shelf = Shelf({"a": {}, "b": {}}, {"a": None, "b": None}, Crowd("a", NotFound("gone")))
    result = _resource.run(FakeHost(), lambda host: shelf)
    assert result["changed"] is True
    assert result["diff"] == {"before": {"a": {}}, "after": {}, **ABOUT}


def test_rest_is_done_after_an_object_that_others_dealt_with():
    def others(shelf):
        shelf.on_apply = None
        shelf.service["a"] = {}
        raise AlreadyExists("a exists")

    service = {}
    result = _resource.run(FakeHost(), lambda host: Shelf(service, {"a": {}, "b": {}}, others))
    assert result["changed"] is True
    assert set(service) == {"a", "b"}


def test_rest_is_done_after_a_lost_answer():
    def lose(shelf):
        shelf.on_apply = None
        shelf.service["a"] = {}
        raise UnknownOutcome("the answer was lost")

    service = {}
    result = _resource.run(FakeHost(), lambda host: Shelf(service, {"a": {}, "b": {}}, lose))
    assert result["changed"] is True
    assert result["diff"]["before"] == {}
    assert set(service) == {"a", "b"}


def test_failure_says_whether_something_was_changed_before():
    def refuse_the_second(shelf):
        if shelf.service:
            raise RuleError("refused")
        shelf.service["a"] = {}

    with pytest.raises(RuleError) as caught:
        _resource.run(FakeHost(), lambda host: Shelf({}, {"a": {}, "b": {}}, refuse_the_second))
    assert caught.value.changed is True


def test_drift_of_what_somebody_else_created_meanwhile():
    def taken(shelf):
        shelf.service["a"] = {"colour": "red"}
        raise AlreadyExists("it exists")

    with pytest.raises(Drift):
        _resource.run(FakeHost(on_drift="fail"), lambda host: Shelf({}, {"a": {"colour": "blue"}}, taken))


def test_drift_of_what_somebody_else_created_meanwhile_is_returned():
    def taken(shelf):
        shelf.service["a"] = {"colour": "red"}
        raise AlreadyExists("it exists")

    host = FakeHost(on_drift="warn")
    result = _resource.run(host, lambda _: Shelf({}, {"a": {"colour": "blue"}}, taken))
    assert result["changed"] is False
    assert result["drift"] == {"a": {"colour": {"present": "red", "wanted": "blue"}}}
    assert len(host.warnings) == 1


def test_much_drift_is_told_in_few_words():
    service = {str(number): {"colour": "red"} for number in range(500)}
    wish = {key: {"colour": "blue"} for key in service}
    host = FakeHost(on_drift="warn")
    result = _resource.run(host, lambda _: Shelf(service, wish))
    assert len(result["drift"]) == 500
    assert len(host.warnings) == 11
    assert host.warnings[-1].startswith("490 more differ")
    with pytest.raises(Drift, match="and 490 more"):
        _resource.run(FakeHost(on_drift="fail"), lambda _: Shelf(service, wish))


# --- resources that do several changes at once -----------------------------------------------------------------------


class Tray(Shelf):
    """Goes on after a failure; C(accidents) says what the first writes of a key meet, and C(lost) which were done."""

    def __init__(self, service, wish, accidents, lost=(), others=()):
        super().__init__(service, wish)
        self.accidents, self.lost, self.others = dict(accidents), lost, others
        self.sent = []
        self.told = None

    def apply(self, plan):
        for change in plan.changes:
            if change.action == "none":
                continue
            self.sent.append(change.key)
            error = self.accidents.pop(change.key, None)
            if error is None or change.key in self.lost:
                self.service[change.key] = dict(change.after)
            if change.key in self.others:
                self.service[change.key] = {"colour": "red"}
            yield change.key if error is None else _resource.Failed(change.key, error)

    def unfinished(self, error, plan, done, failed):
        self.told = (sorted(plan.pending), sorted(done), {key: type(fault) for key, fault in failed.items()})


WISH = {key: {"colour": "red"} for key in "abcd"}


def fails(tray):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is for the caller to check
        _resource.run(FakeHost(), lambda host: tray)
    return caught.value


def test_a_lost_answer_among_others_is_settled_by_reading():
    tray = Tray({}, WISH, {"b": UnknownOutcome("lost")}, lost="b")
    result = _resource.run(FakeHost(), lambda host: tray)
    assert result["changed"] is True
    assert result["diff"] == {"before": {}, "after": WISH, **ABOUT}
    assert tray.sent == ["a", "b", "c", "d"]


def test_what_reading_shows_to_be_undone_is_done_then():
    tray = Tray({}, WISH, {"b": UnknownOutcome("lost")})
    assert _resource.run(FakeHost(), lambda host: tray)["changed"] is True
    assert tray.sent == ["a", "b", "c", "d", "b"]


def test_what_others_created_is_unchanged_and_the_rest_is_ours():
    tray = Tray({}, WISH, {"b": AlreadyExists("there")}, others="b")
    result = _resource.run(FakeHost(), lambda host: tray)
    assert result["diff"] == {"before": {"b": {"colour": "red"}}, "after": WISH, **ABOUT}


def test_a_lost_answer_does_not_claim_what_others_did():
    accidents = {"a": UnknownOutcome("lost"), "b": AlreadyExists("there")}
    tray = Tray({}, WISH, accidents, lost="a", others="b")
    result = _resource.run(FakeHost(), lambda host: tray)
    assert set(result["diff"]["before"]) == {"b"}


def test_a_final_failure_tells_what_became_of_each():
    accidents = {"a": UnknownOutcome("lost"), "b": AlreadyExists("there"), "c": RuleError("refused")}
    tray = Tray({}, WISH, accidents, lost="a", others="b")
    error = fails(tray)
    assert isinstance(error, RuleError)
    assert error.changed is True
    assert tray.told == (["a", "c", "d"], ["a", "d"], {"c": RuleError})
    assert tray.sent == ["a", "b", "c", "d"]


def test_a_failure_that_is_told_although_reading_back_fails_too():
    accidents = {"a": UnknownOutcome("lost"), "c": RuleError("refused")}

    class Blind(Tray):
        def read(self):
            if self.sent:
                raise NotFound("the shelf is gone")
            return super().read()

    tray = Blind({}, WISH, accidents)
    assert isinstance(fails(tray), RuleError)
    assert tray.told == (["a", "b", "c", "d"], ["b", "d"], {"a": UnknownOutcome, "c": RuleError})


def test_a_defect_says_that_something_was_changed():
    error = fails(Tray({}, WISH, {"b": ZeroDivisionError("a defect")}))
    assert isinstance(error, ZeroDivisionError)
    assert error.changed is True


def test_what_others_undo_meanwhile_is_not_ours_to_do_again():
    class Robbed(Tray):
        def apply(self, plan):
            yield from super().apply(plan)
            self.service.pop("z", None)

    tray = Robbed({"z": {"colour": "red"}}, {**WISH, "z": {"colour": "red"}}, {"b": AlreadyExists("there")}, others="b")
    assert isinstance(fails(tray), NotApplied)
    assert tray.sent == ["a", "b", "c", "d"]
