# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many repositories in one task: bulk, purge and partial failure, as a module and in the controller's process."""

from __future__ import annotations

import datetime
import importlib
import pathlib
import re
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from tests.support.emulator import RunningEmulator
from tests.support.failures import ERROR_KEYS
from tests.support.fake_clock import FakeClock
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY = {"name": "myshop"}
FIELDS = {"registry", "region", "name", "uri", "description", "size_mb", "created_at", "updated_at"}
CREATE, DELETE, LIST = "createRepository", "deleteRepository", "describeRepositories"
NOBODY_WAITS = {"retries": 0}


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    """An account with an empty registry."""
    account = Account(emulator, tmp_path)
    ok(run_here(account, "jcr_registry", REGISTRY))
    return account


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def names(count: int, prefix: str = "shop") -> list[str]:
    return [f"{prefix}/part-{number:04}" for number in range(count)]


def wish(*repositories: str | dict[str, str], **options: t.Any) -> dict[str, t.Any]:
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in repositories]
    return {"registry": REGISTRY["name"], "repositories": entries, **options}


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def have(account: Account, *repositories: str | dict[str, str]) -> None:
    ok(run_here(account, "jcr_repository", wish(*repositories)))


def there(account: Account) -> list[str]:
    """The repositories that the service has."""
    (registry,) = account.emulator.state()["registries"]
    return sorted(repository["name"] for repository in registry["repositories"])


def last(account: Account) -> int:
    return max((entry["index"] for entry in account.emulator.requests()), default=0)


def sent(account: Account, since: int, operation: str | None = None) -> list[str]:
    """The operations since then, or the paths of one of them."""
    entries = account.emulator.requests(since)
    if operation is None:
        return [entry["operation"] for entry in entries]
    return [entry["path"] for entry in entries if entry["operation"] == operation]


def writes(account: Account, since: int) -> int:
    return sum(entry["write"] for entry in account.emulator.requests(since))


def strike(account: Account, operation: str, action: t.Any, nth: int = 1, times: int | None = 1) -> None:
    match = {"plane": "control", "operation": operation, "nth": nth}
    account.emulator.faults([{"match": match, "times": times, "action": action}])


def calm(account: Account) -> None:
    account.emulator.faults([])


def by_outcome(result: dict[str, t.Any]) -> dict[str, list[str]]:
    """Names by what became of them, of a failed result; checks that it is complete and consistent."""
    assert result["failed"] is True
    assert result["error"].keys() == ERROR_KEYS
    found: dict[str, list[str]] = {"done": [], "unchanged": [], "failed": [], "not_tried": []}
    for entry in result["repositories"]:
        assert entry.keys() == FIELDS | {"action", "outcome", "error"}
        assert (entry["outcome"] == "unchanged") is (entry["action"] == "none")
        assert (entry["error"] is None) is (entry["outcome"] != "failed")
        found[entry["outcome"]].append(entry["name"])
    summary = result["summary"]
    told = (summary["created"] + summary["deleted"], *(summary[key] for key in ("unchanged", "failed", "not_tried")))
    assert told == tuple(map(len, found.values()))
    assert result["changed"] is bool(found["done"])
    return found


def run_here_with(account: Account, deed: t.Callable[[], t.Any], after: str) -> t.Callable[..., dict[str, t.Any]]:
    """run_here() during which C(deed) is done once, right after the first call of the operation."""
    method = {CREATE: "create_repository", DELETE: "delete_repository", LIST: "repositories"}[after]
    original = getattr(Client, method)
    waiting = [deed]

    def watched(client: Client, *arguments: t.Any, **options: t.Any) -> t.Any:
        try:
            return original(client, *arguments, **options)
        finally:
            if waiting:
                waiting.pop()()

    def act(options: dict[str, t.Any]) -> dict[str, t.Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, method, watched)
            return run_here(account, "jcr_repository", options)

    return act


def summary(**numbers: int) -> dict[str, int]:
    return {"unchanged": 0, "created": 0, "deleted": 0, "failed": 0, "not_tried": 0, **numbers}


# --- the plan and the result -----------------------------------------------------------------------------------------


def test_what_is_returned(account: Account, run: Run) -> None:
    have(account, {"name": "shop/web", "description": "Front"}, "tools")
    result = ok(run(account, "jcr_repository", wish("shop/cart", "shop/web", "shop/search")))
    assert result["changed"] is True
    assert [(entry["name"], entry["action"]) for entry in result["repositories"]] == [
        ("shop/cart", "create"),
        ("shop/web", "none"),
        ("shop/search", "create"),
    ]
    assert result["summary"] == summary(unchanged=1, created=2)
    for entry in result["repositories"]:
        single = run_here(account, "jcr_repository", {"registry": "myshop", "name": entry["name"]})["repository"]
        assert {key: value for key, value in entry.items() if key != "action"} == single


def test_one_listing_however_many(account: Account, run: Run) -> None:
    have(account, *names(250))
    before = last(account)
    result = ok(run(account, "jcr_repository", wish(*names(250))))
    assert result["changed"] is False
    assert result["summary"] == summary(unchanged=250)
    assert sent(account, before) == ["describeRegistry", *[LIST] * 3]


def test_a_list_of_one_is_looked_up_like_a_single_name(account: Account, run: Run) -> None:
    have(account, *names(120))
    traces = []
    for options in ({"registry": "myshop", "name": "shop/part-0007"}, wish("shop/part-0007")):
        before = last(account)
        ok(run(account, "jcr_repository", options))
        traces.append(sent(account, before))
    assert traces[0] == traces[1] == ["describeRegistry", LIST]


def test_an_empty_list(account: Account, run: Run) -> None:
    have(account, "tools")
    for state in ("present", "absent"):
        result = ok(run(account, "jcr_repository", wish(state=state)))
        assert (result["changed"], result["repositories"], result["summary"]) == (False, [], summary())
    assert there(account) == ["tools"]


def test_absent_list(account: Account, run: Run) -> None:
    have(account, *names(12), "tools")
    options = wish(*names(12), "never/been", state="absent")
    predicted = ok(run(account, "jcr_repository", options, check=True))
    done = ok(run(account, "jcr_repository", options))
    assert predicted == done
    assert done["summary"] == summary(unchanged=1, deleted=12)
    assert there(account) == ["tools"]
    assert ok(run(account, "jcr_repository", options))["changed"] is False


def test_absent_list_of_a_registry_that_is_not_there(account: Account, run: Run) -> None:
    result = ok(run(account, "jcr_repository", {**wish("shop/web", "shop/cart", state="absent"), "registry": "other"}))
    assert result["changed"] is False
    assert result["repositories"][0]["uri"] == "other-cn-north-1.jcr.service.jdcloud.com/shop/web"


@pytest.mark.parametrize("policy", ["warn", "fail", "ignore"])
def test_drift_in_a_list(account: Account, run: Run, policy: str) -> None:
    have(account, {"name": "shop/web", "description": "Front"}, "shop/cart")
    wanted = wish({"name": "shop/web", "description": "Back"}, "shop/cart", "shop/new", on_drift=policy)
    for check in (True, False):
        before = last(account)
        result = run(account, "jcr_repository", wanted, check=check)
        if policy == "fail":
            assert result["error"]["kind"] == "drift"
            assert writes(account, before) == 0
        else:
            assert ok(result)["drift"] == {"shop/web": {"description": {"present": "Front", "wanted": "Back"}}}
            assert len(result.get("warnings", [])) == (policy == "warn")
            assert writes(account, before) == (not check)


def test_names_that_the_service_judges(account: Account, run: Run) -> None:
    options = wish("shop/web", "Shop", "abc", "shop/cart", validate_names="server")
    result = run(
        account, "jcr_repository", {**options, "repositories": [{"name": "abc"}, *options["repositories"][:1]]}
    )
    assert result["error"]["kind"] == "rule"
    assert "'abc'" in result["msg"] and "'shop/web'" not in result["msg"]
    account.emulator.settings({"names": "addressable"})
    assert ok(run(account, "jcr_repository", wish("abc", "shop/web", validate_names="server")))["changed"] is True


@pytest.mark.parametrize("concurrency", [1, 8, 32])
def test_concurrency_does_not_show(account: Account, concurrency: int) -> None:
    have(account, *names(3), "old/one", "old/two")
    options = wish(*names(40), purge=True, concurrency=concurrency)
    predicted = ok(run_here(account, "jcr_repository", options, check=True))
    done = ok(run_here(account, "jcr_repository", options))
    assert predicted["diff"] == done["diff"]
    assert [(entry["name"], entry["action"]) for entry in done["repositories"]] == [
        *((name, "none" if place < 3 else "create") for place, name in enumerate(names(40))),
        ("old/one", "delete"),
        ("old/two", "delete"),
    ]
    assert there(account) == names(40)


def test_a_thousand_repositories(account: Account, run: Run) -> None:
    options = wish(*names(1000))
    predicted = ok(run(account, "jcr_repository", options, check=True))
    assert there(account) == []
    done = ok(run(account, "jcr_repository", options))
    assert predicted["diff"] == done["diff"]
    assert predicted["summary"] == done["summary"] == summary(created=1000)
    assert there(account) == names(1000)
    before = last(account)
    assert ok(run(account, "jcr_repository", options))["summary"] == summary(unchanged=1000)
    assert sent(account, before) == ["describeRegistry", *[LIST] * 10]


# --- bad input: nothing is sent --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "parts"),
    [
        (
            wish("shop/web", "Shop", "shop//x", {"name": "shop/cart", "description": "d" * 257}),
            "rule",
            ["3 mistakes", "'Shop' contains 'S'", "'shop//x' has an empty stage", "257 characters"],
        ),
        (wish("shop/web", "shop/web"), "rule", ["'shop/web' is declared 2 times", "Declare each name once."]),
        (
            wish({"name": "shop/web", "description": "a"}, {"name": "shop/web", "description": "b"}, "shop/cart"),
            "rule",
            ["'shop/web' is declared 2 times with different descriptions"],
        ),
        (wish("shop/web", "shop//web", state="absent"), "rule", ["'shop//web' has an empty stage"]),
        (wish(purge=True), "configuration", ["repositories is empty", "allow_empty: true"]),
        (wish("shop/web", purge=True, state="absent"), "configuration", ["purge goes with state present only"]),
        (wish("shop/web", purge=True, purge_patterns=[]), "configuration", ["purge_patterns is empty"]),
        (wish("shop/web", purge=True, purge_patterns=["a", ""]), "configuration", ["purge_patterns is empty"]),
        (wish("shop/web", purge_patterns=["a"]), "configuration", ["purge_patterns is given, but purge is not"]),
        (wish("shop/web", purge=True, purge_exclude=[""]), "configuration", ["purge_exclude is empty"]),
        (wish("shop/web", purge_exclude=["a"]), "configuration", ["purge_exclude is given, but purge is not"]),
        (wish("shop/web", purge=True, max_delete=-1), "configuration", ["max_delete is -1"]),
        ({"registry": "myshop", "name": "shop/web", "max_delete": -1}, "configuration", ["max_delete is -1"]),
        (wish("shop/web", concurrency=0), "configuration", ["concurrency is 0", "1 to 32"]),
        (wish("shop/web", concurrency=33), "configuration", ["concurrency is 33", "1 to 32"]),
        ({"registry": "myshop"}, "configuration", ["following", "required", "name, repositories"]),
        ({**wish("shop/web"), "name": "x"}, "configuration", ["mutually exclusive: name|repositories"]),
        ({**wish("shop/web"), "description": "x"}, "configuration", ["mutually exclusive: description|repositories"]),
        ({"registry": "myshop", "name": "shop/web", "purge": True}, "configuration", ["missing: repositories"]),
        ({"registry": "myshop", "repositories": [{"description": "x"}]}, "configuration", ["name"]),
        ({"registry": "myshop", "repositories": [{"name": "shop/web", "size": 1}]}, "configuration", ["size"]),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    account: Account, run: Run, options: dict[str, t.Any], kind: str, parts: list[str]
) -> None:
    before = last(account)
    for check in (True, False):
        result = run(account, "jcr_repository", options, check=check)
        assert result["failed"] is True and result["changed"] is False
        assert result["error"]["kind"] == kind
        for part in parts:
            assert part in result["msg"]
    assert sent(account, before) == []


# --- purge -----------------------------------------------------------------------------------------------------------


def test_purge(account: Account, run: Run) -> None:
    have(account, "shop/web", "old/one", {"name": "old/two", "description": "Second"}, "tools")
    options = wish("shop/web", "shop/cart", purge=True)
    predicted = ok(run(account, "jcr_repository", options, check=True))
    done = ok(run(account, "jcr_repository", options))
    assert predicted["diff"] == done["diff"]
    assert predicted["summary"] == done["summary"] == summary(unchanged=1, created=1, deleted=3)
    gone = {entry["name"]: entry for entry in done["repositories"] if entry["action"] == "delete"}
    assert gone.keys() == {"old/one", "old/two", "tools"}
    assert gone["old/two"]["description"] == "Second"
    assert there(account) == ["shop/cart", "shop/web"]
    assert ok(run(account, "jcr_repository", options))["changed"] is False


def test_purge_within_patterns(account: Account, run: Run) -> None:
    have(account, "shop/web", "shop/old", "try/one", "tools")
    done = ok(run(account, "jcr_repository", wish("shop/web", purge=True, purge_patterns=["shop/*", "t?y/*"])))
    assert done["summary"] == summary(unchanged=1, deleted=2)
    assert there(account) == ["shop/web", "tools"]


def test_purge_leaves_alone_what_is_excluded(account: Account, run: Run) -> None:
    """It does not count for the cap either."""
    have(account, "shop/web", "shop/base/one", "shop/old", "base/two")
    options = wish("shop/web", purge=True, purge_exclude=["base/*", "*/base/*"], max_delete=1)
    assert ok(run(account, "jcr_repository", options))["summary"] == summary(unchanged=1, deleted=1)
    assert there(account) == ["base/two", "shop/base/one", "shop/web"]


def test_purge_of_everything_has_to_be_said(account: Account, run: Run) -> None:
    have(account, *names(3))
    assert run(account, "jcr_repository", wish(purge=True))["failed"] is True
    assert ok(run(account, "jcr_repository", wish(purge=True, allow_empty=True)))["summary"] == summary(deleted=3)
    assert there(account) == []


@pytest.mark.parametrize(("cap", "spared"), [(0, 2), (1, 2), (2, 0), (3, 0)])
def test_the_cap_holds_for_everything(account: Account, run: Run, cap: int, spared: int) -> None:
    have(account, "shop/web", "old/one", "old/two")
    for check in (True, False):
        before = last(account)
        result = run(account, "jcr_repository", wish("shop/web", "shop/new", purge=True, max_delete=cap), check=check)
        if spared:
            assert result["error"]["kind"] == "delete_cap"
            assert f"2 repositories would be deleted, max_delete is {cap}: 'old/one', 'old/two'" in result["msg"]
            assert result["changed"] is False
            assert writes(account, before) == 0
        else:
            assert ok(result)["summary"] == summary(unchanged=1, created=1, deleted=2)


def test_the_usual_cap_is_ten(account: Account, run: Run) -> None:
    have(account, "shop/web", *names(11, "old"))
    assert run(account, "jcr_repository", wish("shop/web", purge=True))["error"]["kind"] == "delete_cap"
    ok(run(account, "jcr_repository", wish("shop/web", "old/part-0000", purge=True)))
    assert there(account) == ["old/part-0000", "shop/web"]


def test_what_others_create_while_purge_runs_is_left_alone(account: Account) -> None:
    """Two lost answers: the registry is read anew in between, and then has one more that is not declared."""
    have(account, "old/one", "old/two")
    strike(account, DELETE, "lost_answer")
    action = run_here_with(account, lambda: have(account, "new/one"), after=DELETE)
    done = ok(action(wish("shop/web", purge=True, max_delete=2, concurrency=1)))
    assert done["summary"] == summary(created=1, deleted=2)
    assert there(account) == ["new/one", "shop/web"]


def test_purge_makes_room_first(account: Account, run: Run) -> None:
    account.emulator.settings({"repository_quota": 3})
    have(account, *names(3, "old"))
    ok(run(account, "jcr_repository", wish(*names(3), purge=True)))
    assert there(account) == names(3)


# --- partial failure -------------------------------------------------------------------------------------------------


def test_no_room_for_all_of_them(account: Account, run: Run) -> None:
    """Told with used and limit before the first write, in a prediction as in a run; what is purged makes room."""
    account.emulator.settings({"repository_quota": 25})
    have(account, *names(20), "old/one")
    for check in (True, False):
        before = last(account)
        result = run(account, "jcr_repository", wish(*names(26)), check=check)
        assert result["error"]["kind"] == "quota_exceeded"
        assert "the quota has no room for 6 more: 21 of 25 are used" in result["msg"]
        assert result["changed"] is False and "repositories" not in result
        assert sent(account, before) == ["describeRegistry", LIST, "describeQuotas"]
    assert ok(run(account, "jcr_repository", wish(*names(25), purge=True)))["summary"]["created"] == 5
    before = last(account)
    assert ok(run(account, "jcr_repository", wish(*names(25))))["changed"] is False
    assert "describeQuotas" not in sent(account, before), "what exists needs no quota"


def test_the_room_of_a_registry_to_be_created(account: Account, run: Run) -> None:
    account.emulator.settings({"repository_quota": 3})
    wishes = {**wish(*names(4)), "registry": "myshop-new"}
    result = run(account, "jcr_repository", wishes, check=True)
    assert "no room for 4 more: 0 of 3 are used" in result["msg"]
    assert ok(run(account, "jcr_repository", {**wish(*names(3)), "registry": "myshop-new"}, check=True))["changed"]


def test_no_room_for_a_single_one(account: Account, run: Run) -> None:
    """A run sends it and is refused; a prediction has to count what is there, by one request more."""
    account.emulator.settings({"repository_quota": 120})
    have(account, *names(120))
    one = {"registry": "myshop", "name": "shop/web"}
    before = last(account)
    predicted, done = run(account, "jcr_repository", one, check=True), run(account, "jcr_repository", one)
    assert predicted["error"]["kind"] == done["error"]["kind"] == "quota_exceeded"
    assert "no room for 1 more: 120 of 120 are used" in predicted["msg"] and "120 of 120 are used" in done["msg"]
    looked = ["describeRegistry", LIST]
    assert sent(account, before) == [*looked, LIST, "describeQuotas", *looked, CREATE, "describeQuotas"]
    late = {**one, "validate_quota": False}
    assert ok(run(account, "jcr_repository", late, check=True))["changed"] is True
    ok(run(account, "jcr_repository", wish("shop/part-0000", state="absent")))
    assert ok(run(account, "jcr_repository", one, check=True))["changed"] is True
    assert ok(run(account, "jcr_repository", one))["changed"] is True


@pytest.mark.parametrize("concurrency", [1, 8])
def test_quota_in_the_middle(account: Account, run: Run, concurrency: int) -> None:
    """Where the service does not tell the quota beforehand."""
    account.emulator.settings({"repository_quota": 25})
    strike(account, "describeQuotas", {"status": {"http": 403}})
    options = wish(*names(60), concurrency=concurrency, **NOBODY_WAITS)
    result = run(account, "jcr_repository", options)
    assert result["error"]["kind"] == "quota_exceeded"
    outcomes = by_outcome(result)
    assert sorted(outcomes["done"]) == there(account) and len(outcomes["done"]) == 25
    assert 1 <= len(outcomes["failed"]) <= concurrency
    assert "of 60 changes 25 are done" in result["msg"]
    assert "25 of 25 are used" in result["msg"]
    account.emulator.settings({"repository_quota": 10000})
    assert ok(run(account, "jcr_repository", options))["summary"] == summary(unchanged=25, created=35)
    assert there(account) == names(60)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ({"status": {"http": 403}}, "forbidden"),
        ({"status": {"http": 401}}, "authentication"),
        ({"status": {"http": 429}}, "rate_limited"),
        ({"status": {"http": 400, "status": "FAILED_PRECONDITION"}}, "precondition"),
        ({"status": {"http": 404}}, "not_found"),
    ],
)
def test_what_all_would_meet_stops_the_rest(account: Account, concurrency: int, action: dict, kind: str) -> None:
    strike(account, CREATE, action, nth=11, times=None)
    options = wish(*names(60), concurrency=concurrency, **NOBODY_WAITS)
    before = last(account)
    result = run_here(account, "jcr_repository", options)
    assert result["error"]["kind"] == kind
    assert result["error"]["act"] == "create repository"
    assert result["error"]["request_id"]
    outcomes = by_outcome(result)
    assert sorted(outcomes["done"]) == there(account) and len(outcomes["done"]) == 10
    # not_found is read back; as 10 were done, that is progress, and the rest is tried once more
    assert len(sent(account, before, CREATE)) <= 10 + 2 * concurrency
    assert len(outcomes["not_tried"]) >= 50 - concurrency
    calm(account)
    assert ok(run_here(account, "jcr_repository", options))["summary"] == summary(unchanged=10, created=50)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_one_that_cannot_be_deleted_does_not_hide_the_others(account: Account, run: Run, concurrency: int) -> None:
    have(account, *names(12, "old"))
    refusal = {"status": {"http": 400, "status": "FAILED_PRECONDITION", "message": "it has images"}}
    match = {"operation": DELETE, "path_regex": "part-000[47]"}
    account.emulator.faults([{"match": match, "times": None, "action": refusal}])
    options = wish("shop/web", purge=True, max_delete=12, concurrency=concurrency)
    result = run(account, "jcr_repository", options)
    assert result["error"]["kind"] == "precondition"
    assert result["error"]["object"] == "'old/part-0004' in registry 'myshop' in cn-north-1"
    assert "set force: true" in result["msg"]
    assert "2 failed ('old/part-0004', 'old/part-0007')" in result["msg"]
    outcomes = by_outcome(result)
    assert outcomes["failed"] == ["old/part-0004", "old/part-0007"]
    assert outcomes["not_tried"] == []
    assert there(account) == ["old/part-0004", "old/part-0007", "shop/web"]
    faults = [entry["error"] for entry in result["repositories"] if entry["error"]]
    assert all(fault.keys() == ERROR_KEYS and fault["kind"] == "precondition" for fault in faults)
    calm(account)
    assert ok(run(account, "jcr_repository", options))["summary"] == summary(unchanged=1, deleted=2)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(
    "action", ["lost_answer", "reset", {"status": {"http": 500}}, {"cut": {"after_bytes": 5}}], ids=str
)
@pytest.mark.parametrize("operation", [CREATE, DELETE])
def test_accidents_in_the_middle_are_settled(account: Account, concurrency: int, action: t.Any, operation: str) -> None:
    have(account, *names(20, "old"))
    strike(account, operation, action, nth=6, times=3)
    options = wish(*names(20), purge=True, max_delete=20, concurrency=concurrency)
    done = ok(run_here(account, "jcr_repository", options))
    assert done["summary"] == summary(created=20, deleted=20)
    assert there(account) == names(20)
    assert ok(run_here(account, "jcr_repository", options))["changed"] is False


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_service_that_loses_every_answer_is_not_stormed(account: Account, concurrency: int) -> None:
    strike(account, CREATE, "reset", times=None)
    before = last(account)
    result = run_here(account, "jcr_repository", wish(*names(200), concurrency=concurrency))
    assert result["error"]["kind"] == "unknown_outcome"
    outcomes = by_outcome(result)
    assert outcomes["done"] == [] and there(account) == []
    assert len(sent(account, before, CREATE)) < 10 + concurrency
    assert len(outcomes["not_tried"]) > 180
    calm(account)
    ok(run_here(account, "jcr_repository", wish(*names(200))))
    assert there(account) == names(200)


def test_a_call_that_comes_too_often_is_waited_for(account: Account, run: Run) -> None:
    strike(account, CREATE, {"status": {"http": 429, "retry_after": 0}}, nth=4, times=4)
    assert ok(run(account, "jcr_repository", wish(*names(20))))["summary"] == summary(created=20)
    assert there(account) == names(20)


def test_a_lost_answer_beside_a_final_failure_is_told_as_done(account: Account) -> None:
    account.emulator.faults(
        [
            {"match": {"operation": CREATE, "nth": 3}, "action": "lost_answer"},
            {"match": {"operation": CREATE, "nth": 5}, "times": None, "action": {"status": {"http": 403}}},
        ]
    )
    outcomes = by_outcome(run_here(account, "jcr_repository", wish(*names(10), concurrency=1)))
    assert outcomes["done"] == there(account)
    assert "shop/part-0002" in outcomes["done"]


def test_service_that_cannot_be_read_afterwards(account: Account) -> None:
    account.emulator.faults(
        [
            {"match": {"operation": CREATE, "nth": 3}, "action": "lost_answer"},
            {"match": {"operation": LIST, "nth": 2}, "times": None, "action": {"status": {"http": 403}}},
        ]
    )
    result = run_here(account, "jcr_repository", wish(*names(10), concurrency=1))
    assert result["error"]["kind"] == "forbidden"
    outcomes = by_outcome(result)
    assert outcomes["failed"] == ["shop/part-0002"]
    assert len(outcomes["done"]) == 9


def test_the_deadline_passes_in_the_middle(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(datetime.datetime.now(datetime.UTC))
    session = importlib.import_module("ansible_collections.jdcloud.jcr.plugins.module_utils._session")
    monkeypatch.setattr(session, "Clock", lambda: clock)
    act = run_here_with(account, lambda: clock.advance(1000), after=CREATE)
    result = act(wish(*names(30), concurrency=1, deadline=60.0))
    assert result["error"]["kind"] == "deadline"
    outcomes = by_outcome(result)
    assert outcomes["done"] == there(account) == names(1)
    assert outcomes["failed"] == ["shop/part-0001"]
    monkeypatch.undo()
    ok(run_here(account, "jcr_repository", wish(*names(30))))
    assert there(account) == names(30)


# --- others ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 8])
def test_somebody_else_creates_some_in_between(account: Account, concurrency: int) -> None:
    theirs = [{"name": "shop/part-0003", "description": "Theirs"}, {"name": "shop/part-0005"}]
    act = run_here_with(account, lambda: have(account, *theirs), after=LIST)
    ours = [{"name": name, "description": "Ours"} for name in names(10)]
    done = ok(act(wish(*ours, concurrency=concurrency)))
    actions = {entry["name"]: entry["action"] for entry in done["repositories"]}
    assert [name for name, action in actions.items() if action == "none"] == ["shop/part-0003", "shop/part-0005"]
    assert done["summary"] == summary(unchanged=2, created=8)
    assert done["drift"] == {
        "shop/part-0003": {"description": {"present": "Theirs", "wanted": "Ours"}},
        "shop/part-0005": {"description": {"present": None, "wanted": "Ours"}},
    }
    assert len(done["warnings"]) == 2
    assert done["diff"]["before"].keys() == {"shop/part-0003", "shop/part-0005"}


def test_somebody_else_creates_all_in_between(account: Account) -> None:
    act = run_here_with(account, lambda: have(account, *names(10)), after=LIST)
    done = ok(act(wish(*names(10))))
    assert done["changed"] is False
    assert done["summary"] == summary(unchanged=10)


def test_somebody_else_deletes_some_in_between(account: Account) -> None:
    have(account, *names(10))
    theirs = wish(*names(3), state="absent")
    act = run_here_with(account, lambda: ok(run_here(account, "jcr_repository", theirs)), after=LIST)
    done = ok(act(wish(*names(10), state="absent")))
    assert done["summary"] == summary(unchanged=3, deleted=7)


def test_the_registry_goes_in_between(account: Account) -> None:
    act = run_here_with(account, lambda: ok(run_here(account, "jcr_registry", {**REGISTRY, "state": "absent"})), LIST)
    result = act(wish(*names(30), concurrency=2))
    assert result["error"]["kind"] == "not_found"
    outcomes = by_outcome(result)
    assert outcomes["done"] == []
    assert len(outcomes["not_tried"]) >= 28


def test_images_in_the_way_are_foreseen(account: Account, run: Run) -> None:
    """Only as a warning: an earlier task of the real run may delete them."""
    have(account, "shop/web", "shop/cart")
    member = {"member": "result.repositories.0.totalSpaceUsedMB", "value": 12.5}
    account.emulator.faults([{"match": {"operation": LIST}, "times": None, "action": {"wrong_type": member}}])
    gone = wish("shop/web", "shop/cart", state="absent")
    (warning,) = ok(run(account, "jcr_repository", gone, check=True))["warnings"]
    assert re.search("There are images in 'shop/(web|cart)', and force is not set", str(warning))
    assert "warnings" not in ok(run(account, "jcr_repository", {**gone, "force": True}, check=True))
