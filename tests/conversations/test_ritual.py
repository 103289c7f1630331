# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ritual of every resource, as a module and in the controller's process.

Check, run, run again, drift, check absent, absent, absent again: a prediction equals the run, writes nothing, and a
second run finds nothing to do.
"""

from __future__ import annotations

import typing as t

import pytest

from tests.support.contents import fill
from tests.support.emulator import RunningEmulator
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY = {"name": "myregistry", "description": "Images of the shop"}
REPOSITORY = {"registry": "myregistry", "name": "shop/web_app", "description": "The front end"}
REPOSITORIES = {
    "registry": "myregistry",
    "repositories": [{"name": "shop/web", "description": "The front end"}, {"name": "shop/cart"}, {"name": "tools"}],
}

# module, options of the present state, what has to be there first
OBJECTS = [
    ("jcr_registry", REGISTRY, []),
    ("jcr_repository", REPOSITORY, [("jcr_registry", REGISTRY)]),
    ("jcr_repository", REPOSITORIES, [("jcr_registry", REGISTRY)]),
    ("jcr_token", {"registry": "myregistry"}, [("jcr_registry", REGISTRY)]),
    ("jcr_login", {"registry": "myregistry"}, [("jcr_registry", REGISTRY)]),
]
# What changes something each time it runs.
EVERY_TIME = [("jcr_token", {"registry": "myregistry", "state": "rotated"}, [("jcr_registry", REGISTRY)])]


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path) -> Account:
    return Account(emulator, tmp_path)


@pytest.fixture(params=sorted(WAYS))
def run(request) -> Run:
    return WAYS[request.param]


def writes(account: Account, since: int = 0) -> list[str]:
    return [entry["operation"] or entry["path"] for entry in account.emulator.requests(since) if entry["write"]]


def last_index(account: Account) -> int:
    return max((entry["index"] for entry in account.emulator.requests()), default=0)


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def assert_prediction(predicted: dict[str, t.Any], done: dict[str, t.Any]) -> None:
    assert predicted["changed"] is done["changed"]
    assert predicted["diff"] == done["diff"]
    assert predicted.keys() - {"warnings"} == done.keys() - {"warnings"}


@pytest.mark.parametrize(("name", "options", "first"), OBJECTS, ids=[row[0] for row in OBJECTS])
def test_ritual(account: Account, run: Run, name: str, options: dict, first: list) -> None:
    for needed, needed_options in first:
        ok(run_here(account, needed, needed_options))

    for state, changes_something in (("present", True), ("absent", True)):
        wish = {**options, "state": state}
        before = last_index(account)
        predicted = ok(run(account, name, wish, check=True))
        assert writes(account, before) == []
        done = ok(run(account, name, wish))
        assert done["changed"] is changes_something
        assert_prediction(predicted, done)

        before = last_index(account)
        again = ok(run(account, name, wish))
        assert again["changed"] is False
        assert writes(account, before) == []
        assert again.keys() == done.keys()


def test_ritual_of_a_cascade(account: Account, run: Run) -> None:
    """A registry with all that is in it: what a prediction tells as deleted is what is deleted."""
    fill(account.emulator, "myregistry", {"shop/web": ["1.0", "2.0"], "shop/empty": []})
    wish = {"name": "myregistry", "state": "absent", "force": True}
    for changed, images in ((True, 2), (False, 0)):
        before = last_index(account)
        predicted = ok(run(account, "jcr_registry", wish, check=True))
        assert writes(account, before) == []
        done = ok(run(account, "jcr_registry", wish))
        assert (done["changed"], done["deleted"]["images"]) == (changed, images)
        assert done == predicted
        assert done.keys() == {"changed", "registry", "region", "deleted", "drift", "diff"}


@pytest.mark.parametrize(("name", "options", "first"), OBJECTS, ids=[row[0] for row in OBJECTS])
def test_both_ways_give_the_same_result(account: Account, name: str, options: dict, first: list) -> None:
    for needed, needed_options in first:
        ok(run_here(account, needed, needed_options))
    ok(run_here(account, name, options))
    results = [ok(way(account, name, options)) for way in WAYS.values()]
    for result in results:
        if name == "jcr_token":
            result["token"].pop("expires_in")  # counts down between the two
    assert results[0] == results[1]


@pytest.mark.parametrize(("name", "options", "first"), EVERY_TIME, ids=[row[0] for row in EVERY_TIME])
def test_every_run_is_predicted_and_changes(account: Account, run: Run, name: str, options: dict, first: list) -> None:
    for needed, needed_options in first:
        ok(run_here(account, needed, needed_options))
    for _time in range(2):
        before = last_index(account)
        predicted = ok(run(account, name, options, check=True))
        assert writes(account, before) == []
        done = ok(run(account, name, options))
        assert done["changed"] is True
        assert_prediction(predicted, done)


@pytest.mark.parametrize(
    ("name", "options", "first"), OBJECTS + EVERY_TIME, ids=[row[0] for row in OBJECTS + EVERY_TIME]
)
def test_prediction_on_an_empty_account(account: Account, run: Run, name: str, options: dict, first: list) -> None:
    predicted = ok(run(account, name, options, check=True))
    assert predicted["changed"] is True
    assert writes(account) == []
    for needed, needed_options in first:
        ok(run_here(account, needed, needed_options))
    done = ok(run(account, name, options))
    assert predicted["changed"] is done["changed"]
    assert predicted.keys() - {"warnings"} == done.keys()


@pytest.mark.parametrize("row", [("jcr_registry", REGISTRY), ("jcr_repository", REPOSITORY)], ids=lambda row: row[0])
@pytest.mark.parametrize("policy", ["warn", "fail", "ignore"])
def test_drift(account: Account, run: Run, row: tuple, policy: str) -> None:
    name, options = row
    ok(run_here(account, "jcr_registry", REGISTRY))
    ok(run_here(account, name, options))
    before = last_index(account)
    result = run(account, name, {**options, "description": "Another text", "on_drift": policy})
    assert writes(account, before) == []
    assert result["changed"] is False
    if policy == "fail":
        assert result["error"]["kind"] == "drift"
        assert "Another text" in result["msg"]
    else:
        assert bool(result.get("warnings")) is (policy == "warn")
        assert result["drift"] == {
            options["name"]: {"description": {"present": options["description"], "wanted": "Another text"}}
        }


def test_disappears_behind_our_back(account: Account, run: Run) -> None:
    ok(run_here(account, "jcr_registry", REGISTRY))
    ok(run_here(account, "jcr_repository", REPOSITORY))
    ok(run_here(account, "jcr_repository", {**REPOSITORY, "state": "absent"}))
    assert ok(run(account, "jcr_repository", REPOSITORY))["changed"] is True


def test_in_another_region(account: Account, run: Run) -> None:
    result = ok(run(account, "jcr_registry", {**REGISTRY, "region_id": "cn-east-2"}))
    assert result["registry"]["region"] == "cn-east-2"
    assert account.emulator.state()["registries"][0]["region"] == "cn-east-2"
