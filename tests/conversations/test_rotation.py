# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_token with state rotated: whatever stops it, a valid token is in the cache, and the next run comes to the end."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _xlsx
from ansible_collections.jdcloud.jcr.plugins.module_utils._rotatedtoken import RotatedToken
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker
from tests.support.emulator import RunningEmulator
from tests.support.failures import assert_failure
from tests.support.tasks import WAYS, Account, Run, run_here

TOKEN = {"registry": "myregistry"}
ROTATED = {**TOKEN, "state": "rotated"}
ISSUE, RELEASE = "getAuthorizationToken", "releaseAuthorizationToken"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    account = Account(emulator, tmp_path)
    ok(run_here(account, "jcr_registry", {"name": "myregistry"}))
    return account


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def valid(account: Account) -> list[str]:
    """The passwords that the service accepts."""
    state = account.emulator.state(secrets=True)
    (registry,) = state["registries"]
    alive = [token for token in registry["tokens"] if token["expires_at"] > state["now"] and not token["released_at"]]
    return [token["password"] for token in alive]


def password(account: Account, **options: t.Any) -> str:
    """The password that all other tasks get."""
    return ok(run_here(account, "jcr_token", {**TOKEN, **options, "return_secret": True}))["token"]["password"]


def issues(account: Account) -> int:
    return sum(entry["token_issued"] for entry in account.emulator.requests())


def writes(account: Account) -> int:
    return sum(entry["write"] for entry in account.emulator.requests())


def strike(account: Account, operation: str, action: t.Any, plane: str = "control", **rule: t.Any) -> None:
    match = {"plane": plane, "operation": operation}
    account.emulator.faults([{"match": match, "times": None, "action": action, **rule}])


def kept(account: Account) -> list[dict[str, t.Any]]:
    (path,) = (account.home / "cache").glob("*.json")
    return json.loads(path.read_text())["tokens"]


def assert_converged(account: Account, run: Run, *, issued: int) -> None:
    """The next rotation ends well: one token of ours is valid, and it is the one in the cache."""
    account.emulator.faults([])
    old = password(account)
    assert old in valid(account)
    result = ok(run(account, "jcr_token", ROTATED))
    assert result["changed"] is True
    assert issues(account) == issued
    assert password(account) in valid(account)
    assert [entry["password"] for entry in kept(account)] == [password(account)]
    assert not {"renewed_at", "replaced_at"} & kept(account)[0].keys()


def test_a_rotation_is_predicted_and_done(account: Account, run: Run, tmp_path: pathlib.Path) -> None:
    dest = str(tmp_path / "token.xlsx")
    old = password(account, dest=dest)
    made = ok(run(account, "jcr_token", TOKEN))
    (listed,) = ok(run(account, "jcr_token_info", TOKEN))["tokens"]
    before = writes(account)
    predicted = ok(run(account, "jcr_token", {**ROTATED, "dest": dest}, check=True))
    assert (writes(account), valid(account)) == (before, [old])
    done = ok(run(account, "jcr_token", {**ROTATED, "dest": dest}))
    assert predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == done["diff"]
    expiry = made["token"]["expires_at"]
    what = {"before_header": done["diff"]["before_header"], "after_header": done["diff"]["after_header"]}
    new_one = "a new token, valid for 12 hours"
    assert done["diff"] == {
        **what,
        "before": {
            "myregistry": {"username": "jdcloud", "token": f"valid until {expiry}"},
            dest: {"token": "another token"},
            f"old token {listed['id']}": {"expires_at": expiry},
        },
        "after": {"myregistry": {"username": "jdcloud", "token": new_one}, dest: {"token": new_one}},
    }
    assert predicted["released"] == done["released"] == 1
    assert predicted["token"].keys() == done["token"].keys()
    assert (done["token"]["issued"], done["token"]["source"]) == (True, "api")
    assert (predicted["token"]["issued"], predicted["token"]["source"]) == (True, "api")
    assert done["token"]["issued_last_hour"] == 2
    new = password(account)
    assert valid(account) == [new] != [old]
    assert _xlsx.read_token(dest)["password"].reveal() == new
    again = ok(run(account, "jcr_token", {**TOKEN, "dest": dest}))
    assert (again["changed"], again["token"]["expires_at"]) == (False, done["token"]["expires_at"])


@pytest.mark.parametrize(
    "wish", [{}, {"state": "rotated"}, {"state": "absent"}, {"source_xlsx": "token.xlsx"}], ids=str
)
def test_tokens_are_listed_once_before_anything_is_done(
    account: Account, run: Run, tmp_path: pathlib.Path, wish: dict[str, t.Any]
) -> None:
    file = str(tmp_path / "token.xlsx")
    password(account, dest=file)
    options = {**TOKEN, **wish, **({"source_xlsx": file} if "source_xlsx" in wish else {})}
    before = len(account.emulator.requests())
    ok(run(account, "jcr_token", options, check=True))
    operations = [entry["operation"] for entry in account.emulator.requests(before)]
    assert operations == ["describeRegistry", "describeAuthorizationTokens"]


def test_the_new_password_is_returned_on_request(account: Account, run: Run) -> None:
    result = ok(run(account, "jcr_token", {**ROTATED, "return_secret": True}))
    assert valid(account) == [result["token"]["password"]]


def test_the_first_rotation_issues_and_has_nothing_to_release(account: Account, run: Run) -> None:
    predicted = ok(run(account, "jcr_token", ROTATED, check=True))
    done = ok(run(account, "jcr_token", ROTATED))
    assert predicted["diff"] == done["diff"]
    assert (done["changed"], done["released"], issues(account)) == (True, 0, 1)


def test_every_run_rotates(account: Account, run: Run) -> None:
    seen = set()
    for _number in range(3):
        ok(run(account, "jcr_token", ROTATED))
        assert len(valid(account)) == 1
        seen.update(valid(account))
    assert len(seen) == 3


def test_all_that_the_cache_held_go_and_those_of_others_stay(account: Account, run: Run, tmp_path) -> None:
    stranger = Account(account.emulator, tmp_path / "stranger")
    foreign = password(stranger)
    for hours in (1, 2):
        ok(run_here(account, "jcr_token", {**TOKEN, "hours": hours, "min_remaining": hours * 60 - 30}))
    assert ok(run(account, "jcr_token", ROTATED))["released"] == 2
    assert sorted(valid(account)) == sorted([foreign, password(account)])


def test_a_rotation_needs_a_registry(account: Account, run: Run) -> None:
    wish = {"registry": "another", "state": "rotated"}
    about = "rotate the token of registry 'another' in cn-north-1"
    result = run(account, "jcr_token", wish)
    assert_failure(result, "not_found", about, "does not exist in cn-north-1", "Create it with jcr_registry")
    assert ok(run(account, "jcr_token", wish, check=True))["changed"] is True


# --- no slot ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["fail", "reuse"])
def test_without_a_free_slot_the_old_one_stays(account: Account, run: Run, policy: str) -> None:
    for _number in range(5):
        ok(run_here(account, "jcr_token", ROTATED))
    old = password(account)
    wish = {**ROTATED, "on_rate_limit": policy}
    result = run(account, "jcr_token", wish)
    about, cause = "issue a token of registry 'myregistry' in cn-north-1", "5 were issued within the last hour"
    assert_failure(result, "token_budget", about, cause, "The next one can be issued at")
    assert run(account, "jcr_token", wish, check=True)["msg"] == result["msg"]
    assert (valid(account), issues(account)) == ([old], 5)


def test_waiting_for_a_slot_is_bounded_by_the_deadline(account: Account, run: Run) -> None:
    for _number in range(5):
        ok(run_here(account, "jcr_token", ROTATED))
    wish = {**ROTATED, "on_rate_limit": "wait", "deadline": 60}
    for check in (True, False):
        assert "deadline ends before that" in run(account, "jcr_token", wish, check=check)["msg"]


# --- stopped at every step -------------------------------------------------------------------------------------------


def test_an_issue_that_was_not_done(account: Account, run: Run) -> None:
    old = password(account)
    strike(account, ISSUE, "reset")
    result = run(account, "jcr_token", ROTATED)
    assert (result["failed"], result["changed"]) == (True, False)
    assert (valid(account), password(account)) == ([old], old)
    assert_converged(account, run, issued=2)


def test_a_lost_answer_to_an_issue(account: Account, run: Run) -> None:
    """The service lists the new token, and the rotation goes on with it."""
    old = password(account)
    strike(account, ISSUE, "lost_answer")
    result = ok(run(account, "jcr_token", ROTATED))
    assert (result["changed"], result["token"]["issued"], result["released"]) == (True, True, 1)
    assert valid(account) == [password(account)] != [old]
    assert_converged(account, run, issued=3)


@pytest.fixture
def mistaken(account: Account, tmp_path: pathlib.Path) -> str:
    """A token that somebody else had issued in the very moment in which a request of ours got lost."""
    strike(account, ISSUE, {"status": {"http": 500}})
    assert run_here(account, "jcr_token", TOKEN)["error"]["kind"] == "unknown_outcome"
    account.emulator.faults([])
    foreign = password(Account(account.emulator, tmp_path / "stranger"))
    assert password(account) == foreign, "nobody can tell them apart"
    return foreign


def test_a_token_that_may_be_of_others_is_replaced_but_not_released(account: Account, run: Run, mistaken: str) -> None:
    predicted = ok(run(account, "jcr_token", ROTATED, check=True))
    done = ok(run(account, "jcr_token", ROTATED))
    for result in (predicted, done):
        assert (result["changed"], result["released"]) == (True, 0)
        assert "An old token of registry 'myregistry' is replaced, but not released" in str(result["warnings"])
        assert mistaken not in str(result)
    assert predicted["diff"] == done["diff"]
    new = password(account)
    assert valid(account) == [mistaken, new] and new != mistaken
    assert_converged(account, run, issued=3)
    assert valid(account) == [mistaken, password(account)], "it is none of ours any more"
    assert "warnings" not in ok(run(account, "jcr_token", ROTATED))


def test_a_token_that_may_be_of_others_is_released_by_name_only(account: Account, run: Run, mistaken: str) -> None:
    absent = {**TOKEN, "state": "absent"}
    for check in (True, False):
        kept_back = ok(run(account, "jcr_token", absent, check=check))
        assert (kept_back["changed"], kept_back["released"]) == (False, 0)
        assert "A token of registry 'myregistry' is not released" in str(kept_back["warnings"])
    assert valid(account) == [mistaken] == [password(account)]
    released = ok(run(account, "jcr_token", {**absent, "token": mistaken}))
    assert (released["released"], released.get("warnings")) == (1, None)
    assert valid(account) == []


def test_a_token_that_may_be_of_others_is_not_given_back(account: Account, run: Run) -> None:
    old = password(account)
    login = {"match": {"plane": "data", "operation": "login"}, "times": None, "action": {"status": {"http": 401}}}
    lost = {"match": {"plane": "control", "operation": ISSUE}, "times": 1, "action": "lost_answer"}
    account.emulator.faults([login, lost])
    result = run(account, "jcr_token", ROTATED)
    assert result["error"]["kind"] == "authentication"
    assert "may be somebody else's: it was not released" in result["msg"]
    assert len(valid(account)) == 2
    assert [entry["password"] for entry in kept(account)] == [old] == [password(account)]
    assert_converged(account, run, issued=3)


def test_a_refused_issue(account: Account, run: Run) -> None:
    old = password(account)
    strike(account, ISSUE, {"status": {"http": 403, "status": "HTTP_FORBIDDEN"}})
    assert run(account, "jcr_token", ROTATED)["error"]["kind"] == "forbidden"
    assert valid(account) == [old]
    assert_converged(account, run, issued=2)


def test_a_new_token_that_the_registry_does_not_accept_is_given_back(account: Account, run: Run) -> None:
    old = password(account)
    strike(account, "login", {"status": {"http": 401}}, "data")
    result = run(account, "jcr_token", ROTATED)
    assert result["error"]["kind"] == "authentication"
    assert "the old tokens stay as they are, the new one was given back" in result["msg"]
    assert valid(account) == [old] == [entry["password"] for entry in kept(account)]
    assert_converged(account, run, issued=3)


def test_a_new_token_that_can_neither_be_used_nor_given_back_is_told(account: Account, run: Run) -> None:
    old = password(account)
    account.emulator.faults(
        [
            {"match": {"plane": "data", "operation": "login"}, "times": None, "action": {"status": {"http": 401}}},
            {"match": {"operation": RELEASE}, "times": None, "action": {"status": {"http": 403}}},
        ]
    )
    assert "given back in vain" in run(account, "jcr_token", ROTATED)["msg"]
    assert old in valid(account)
    assert_converged(account, run, issued=2)


@pytest.mark.parametrize("action", [{"status": {"http": 500}}, "reset"], ids=str)
def test_a_registry_in_trouble(account: Account, run: Run, action: t.Any) -> None:
    """The new token is kept for the next rotation, and nobody else uses it meanwhile."""
    old = password(account)
    strike(account, "ping", action, "data")
    result = run(account, "jcr_token", ROTATED)
    assert "the old tokens stay as they are, and the next rotation goes on with the new one" in result["msg"]
    assert (len(valid(account)), password(account)) == (2, old)
    predicted = run(account, "jcr_token", ROTATED, check=True)
    assert (predicted["token"]["issued"], predicted["released"]) == (False, 1)
    assert_converged(account, run, issued=2)


def test_a_file_that_cannot_be_written(account: Account, monkeypatch, tmp_path: pathlib.Path) -> None:
    old = password(account)
    dest = tmp_path / "files" / "token.xlsx"
    dest.parent.mkdir()
    verify = RotatedToken._verify

    def verify_and_remove(resource, token):
        verify(resource, token)
        dest.parent.rmdir()

    monkeypatch.setattr(RotatedToken, "_verify", verify_and_remove)
    assert run_here(account, "jcr_token", {**ROTATED, "dest": str(dest)})["error"]["kind"] == "file"
    assert (len(valid(account)), password(account)) == (2, old)
    monkeypatch.undo()
    assert_converged(account, run_here, issued=2)


def test_a_refused_release_is_told_and_the_next_run_releases(account: Account, run: Run) -> None:
    for hours in (1, 2):
        ok(run_here(account, "jcr_token", {**TOKEN, "hours": hours, "min_remaining": hours * 60 - 30}))
    strike(account, RELEASE, {"status": {"http": 403, "status": "HTTP_FORBIDDEN"}}, times=1)
    result = run(account, "jcr_token", ROTATED)
    assert (result["failed"], result["changed"], result["error"]["kind"]) == (True, True, "forbidden")
    assert "the new token is in use, but 1 of 2 old ones could not be released and stay valid until 2" in result["msg"]
    assert len(valid(account)) == 2
    predicted = ok(run(account, "jcr_token", ROTATED, check=True))
    assert (predicted["token"]["issued"], predicted["token"]["source"], predicted["released"]) == (False, "cache", 1)
    assert_converged(account, run, issued=3)


@pytest.mark.parametrize(
    "action", ["lost_answer", {"body": {"text": "<html>Bad gateway</html>", "http": 502, "commit": True}}], ids=str
)
def test_a_lost_answer_to_a_release_is_settled(account: Account, run: Run, action: t.Any) -> None:
    old = password(account)
    strike(account, RELEASE, action)
    result = ok(run(account, "jcr_token", ROTATED))
    assert (result["changed"], result["released"]) == (True, 1)
    account.emulator.faults([])
    assert valid(account) == [password(account)] != [old]
    assert_converged(account, run, issued=3)


STEPS = [
    # where the process ends: class, method, after it instead of before; valid tokens then, issues in the end
    (TokenBroker, "_keep", False, 2, 2),  # what was issued is found in the service's list
    (TokenBroker, "_keep", True, 2, 2),
    (RotatedToken, "_verify", False, 2, 2),
    (RotatedToken, "_verify", True, 2, 2),
    (TokenBroker, "hand_over", False, 2, 2),
    (TokenBroker, "hand_over", True, 2, 2),
    (TokenBroker, "release", False, 2, 2),
    (TokenBroker, "_forget", False, 1, 3),  # all was done but the book-keeping
    (TokenBroker, "release", True, 1, 3),
]


@pytest.mark.parametrize(
    ("owner", "step", "after", "alive", "issued"),
    STEPS,
    ids=[f"{row[1]}-{'after' if row[2] else 'before'}" for row in STEPS],
)
def test_killed_at_any_step(account: Account, monkeypatch, owner, step, after: bool, alive: int, issued: int) -> None:
    password(account)
    work = getattr(owner, step)

    def dying(*arguments, **options):
        if after:
            work(*arguments, **options)
        raise Killed

    monkeypatch.setattr(owner, step, dying)
    with pytest.raises(Killed):
        run_here(account, "jcr_token", ROTATED)
    monkeypatch.undo()
    assert len(valid(account)) == alive
    assert password(account) in valid(account)
    assert_converged(account, run_here, issued=issued)


def test_a_rotation_that_stopped_long_ago_is_begun_anew(account: Account, run: Run) -> None:
    password(account)
    strike(account, "ping", {"status": {"http": 500}}, "data")
    run(account, "jcr_token", ROTATED)
    account.emulator.faults([])
    account.emulator.clock(advance_seconds=3601)
    result = ok(run(account, "jcr_token", ROTATED))
    assert (result["token"]["issued"], result["released"], issues(account)) == (True, 2, 3)
    assert len(valid(account)) == 1


def test_absent_also_releases_what_a_stopped_rotation_left(account: Account, run: Run) -> None:
    password(account)
    strike(account, RELEASE, {"status": {"http": 403}})
    run(account, "jcr_token", ROTATED)
    account.emulator.faults([])
    assert len(valid(account)) == 2
    assert ok(run(account, "jcr_token", {**TOKEN, "state": "absent"}))["released"] == 2
    assert valid(account) == []


def test_a_rotation_that_another_one_overtakes_is_done(account: Account, monkeypatch) -> None:
    password(account)
    release = RotatedToken._release

    def overtaken(resource, doomed):
        monkeypatch.undo()
        ok(run_here(account, "jcr_token", ROTATED))  # goes on with the same token
        ok(run_here(account, "jcr_token", ROTATED))  # has another one issued
        yield from release(resource, doomed)

    monkeypatch.setattr(RotatedToken, "_release", overtaken)
    result = ok(run_here(account, "jcr_token", {**ROTATED, "return_secret": True}))
    assert valid(account) == [result["token"]["password"]] == [password(account)]
    assert issues(account) == 3


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"token": "x"}, "name what is to be released"),
        ({"all": True}, "name what is to be released"),
        ({"source_xlsx": "token.xlsx"}, "takes over a token that is there"),
        ({"hours": 0}, "out of range"),
        ({"hours": 25}, "out of range"),
        ({"hours": 1.5}, "1.5"),
        ({"hours": "1.5"}, "1.5"),
        ({"hours": "true"}, "true"),
    ],
    ids=str,
)
def test_bad_input_sends_nothing(account: Account, run: Run, options: dict[str, t.Any], cause: str) -> None:
    before = len(account.emulator.requests())
    result = run(account, "jcr_token", {**ROTATED, **options})
    assert result["failed"] is True
    assert cause in result["msg"]
    assert len(account.emulator.requests()) == before


def test_hours_as_a_template_gives_them(account: Account, run: Run) -> None:
    """A text that is a whole number counts as the number, as for every option of Ansible."""
    assert 2 * 3600 - 60 < ok(run(account, "jcr_token", {**ROTATED, "hours": "2"}))["token"]["expires_in"] <= 2 * 3600
