# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight against the emulator, as a module and in the controller's process: every check in every verdict.

What needs a Docker Engine is in tests/integration/test_preflight.py.
"""

from __future__ import annotations

import dataclasses
import pathlib
import socket
import typing as t

import pytest

from tests.support.contents import fill
from tests.support.emulator import RunningEmulator
from tests.support.failures import ERROR_KEYS
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.tasks import WAYS, Account, Run, run_here

MODULE = "jcr_preflight"
HERE, EAST = "cn-north-1", "cn-east-2"
SHOP = {"name": "myshop", "repositories": [{"name": "shop/web"}, {"name": "shop/worker", "description": "By night"}]}
OK, WARN, FAIL = "ok", "warn", "fail"
NOT_CHECKED = "not checked, because "


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    return Account(emulator, tmp_path)


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def other(account: Account, **variables: str | None) -> Account:
    return dataclasses.replace(account, overrides={**account.overrides, **variables})


def made(account: Account, *registries: dict[str, t.Any]) -> None:
    """Have registries and their repositories at the emulator."""
    for registry in registries:
        place = {"region": registry["region"]} if "region" in registry else {}
        ok(run_here(account, "jcr_registry", {"name": registry["name"], **place}))
        for repository in registry.get("repositories", ()):
            options = {"registry": registry["name"], "name": repository["name"], **place}
            ok(run_here(account, "jcr_repository", options))


def named(*names: str) -> list[dict[str, t.Any]]:
    """Repositories as they are declared by nothing but their names."""
    return [{"name": name} for name in names]


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def last_index(account: Account) -> int:
    return max((entry["index"] for entry in account.emulator.requests()), default=0)


class Look:
    """One preflight, with what has to be true of every one: it writes nothing, and says the same in all its places."""

    def __init__(self, account: Account, run: Run, *, check: bool = False, **options: t.Any) -> None:
        before, files = last_index(account), sorted(account.home.rglob("*"))
        self.result = run(account, MODULE, options, check=check)
        self.requests = account.emulator.requests(before)
        assert [entry for entry in self.requests if entry["write"] or entry["token_issued"]] == []
        assert sorted(account.home.rglob("*")) == files
        self._agrees_with_itself(options.get("on_failure", FAIL))

    def _agrees_with_itself(self, on_failure: str) -> None:
        result = self.result
        rows = result["checks"]
        assert result["changed"] is False
        assert "diff" not in result
        assert all(row.keys() == {"check", "object", "verdict", "message", "cure"} for row in rows)
        assert result["summary"] == {
            verdict: sum(row["verdict"] == verdict for row in rows) for verdict in (OK, WARN, FAIL)
        }
        # Nothing but ok does without a cure, unless it is another row that has it.
        assert all((row["cure"] is None) is (row["verdict"] == OK) or NOT_CHECKED in row["message"] for row in rows)
        failed = bool(result["summary"][FAIL]) and on_failure == FAIL
        assert bool(result.get("failed")) is failed
        told = result["msg"].splitlines() if failed else list(map(str, result.get("warnings", [])))
        for row in rows:
            words = (row["check"], row["object"], row["message"].rstrip("."))
            assert any(all(word in line for word in words) for line in told) is (row["verdict"] != OK), row
            assert row["cure"] is None or any(row["cure"] in line for line in told)
        if failed:
            assert result["error"].keys() == ERROR_KEYS
            assert result["error"]["kind"] == "preflight_failed"
            assert result["error"]["message"] == f"{result['summary'][FAIL]} of {len(rows)} checks failed"

    def rows(self, check: str) -> dict[str, dict[str, t.Any]]:
        """The rows of one check by their objects."""
        return {row["object"]: row for row in self.result["checks"] if row["check"] == check}

    def verdicts(self) -> dict[str, str]:
        """The worst verdict of each check."""
        worst: dict[str, str] = {}
        for row in self.result["checks"]:
            worst[row["check"]] = max(worst.get(row["check"], OK), row["verdict"], key=(OK, WARN, FAIL).index)
        return worst

    def but(self, verdict: str) -> set[str]:
        """The checks whose worst verdict is another one."""
        return {check for check, found in self.verdicts().items() if found != verdict}

    def one(self, check: str, obj: str | None = None) -> tuple[str, str, str]:
        """Verdict, message and cure of a check, of this object or the only one."""
        rows = self.rows(check)
        row = rows[obj] if obj else next(iter(rows.values()))
        assert obj or len(rows) == 1, rows
        return row["verdict"], row["message"], row["cure"] or ""


# --- when all is well ------------------------------------------------------------------------------------------------


def test_an_empty_account(account: Account, run: Run) -> None:
    look = Look(account, run, registries=[SHOP])
    assert look.but(OK) == set()
    assert look.one("endpoint")[1] == "answers"
    source = "the environment variables JDCLOUD_ACCESS_KEY and JDCLOUD_SECRET_KEY"
    assert look.one("credentials")[1] == f"accepted, by {source}"
    assert look.one("registry_name", f"myshop in {HERE}")[1] == "is free"
    assert look.one("repository_names")[1] == "0 exist, 2 can be created"
    told = f"the registry does not exist yet; by the documents it will be myshop-{HERE}.jcr.service.jdcloud.com"
    assert look.one("registry_host")[1] == told
    assert look.one("quota", f"registries in {HERE}")[1] == "0 of 5 are used, 1 more is needed"
    assert look.one("quota", f"repositories of myshop in {HERE}")[1] == "0 of 10000 are used, 2 more are needed"


def test_everything_is_there_already(account: Account, run: Run) -> None:
    made(account, SHOP)
    look = Look(account, run, registries=[SHOP])
    assert look.but(OK) == set()
    assert look.one("registry_name")[1] == "exists in this account"
    assert look.one("repository_names")[1] == "2 exist, 0 can be created"
    (registry,) = account.emulator.state()["registries"]
    assert look.one("registry_host")[1] == f"{registry['uri']} answers"
    assert look.one("quota", f"registries in {HERE}")[1] == "1 of 5 are used, 0 more are needed"


def test_nothing_is_declared(account: Account, run: Run) -> None:
    look = Look(account, run)
    assert look.verdicts() == dict.fromkeys(("endpoint", "credentials", "clock", "region"), OK)
    assert [entry["operation"] for entry in look.requests] == ["describeQuotas"]


def test_several_regions_in_one_table(account: Account, run: Run) -> None:
    made(account, {"name": "myshop-east", "region": EAST})
    look = Look(account, run, registries=[SHOP, {"name": "myshop-east", "region": EAST}])
    assert look.but(OK) == set()
    assert look.rows("region").keys() == {HERE, EAST}
    assert look.one("quota", f"registries in {EAST}")[1] == "1 of 5 are used, 0 more are needed"
    assert len(look.rows("endpoint")) == len(look.rows("credentials")) == len(look.rows("clock")) == 1


@pytest.mark.parametrize("there", [True, False])
def test_the_same_in_check_mode_and_in_both_ways(account: Account, there: bool) -> None:
    if there:
        made(account, SHOP)
    options = {"registries": [{**SHOP, "tokens_needed": 1}, {"name": "Bad"}], "images": ["web:build"]}
    account = other(account, DOCKER_HOST=f"unix://{account.home}/docker.sock")
    results = [Look(account, way, check=check, **options).result for way in WAYS.values() for check in (False, True)]
    assert results[0]["summary"][FAIL] == 2
    assert results == [results[0]] * 4


@pytest.mark.parametrize("check", [False, True])
def test_on_failure_warn(account: Account, run: Run, check: bool) -> None:
    failed = Look(account, run, registries=[{"name": "Bad"}], check=check).result
    warned = Look(account, run, registries=[{"name": "Bad"}], check=check, on_failure="warn").result
    assert failed["checks"] == warned["checks"]
    assert failed["summary"] == warned["summary"]
    assert any("registry name 'Bad' contains 'B'" in str(text) for text in warned["warnings"])


# --- endpoint, access key, clock, region -----------------------------------------------------------------------------

BLOCKED = {"credentials", "clock", "registry_name", "repository_names", "registry_host", "quota"}


def unanswered(look: Look) -> None:
    """All but the endpoint was not checked, but for what can be told without it."""
    assert look.but(OK) == BLOCKED | {"endpoint"}
    for check in BLOCKED:
        assert all(row["message"].startswith(NOT_CHECKED) for row in look.rows(check).values())


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("https://containerregistry.invalid", "the name containerregistry.invalid cannot be resolved"),
        ("https://127.0.0.1:{closed}", "127.0.0.1:{closed} refuses the connection"),
        ("https://127.0.0.1:{plain}", "no TLS with 127.0.0.1:{plain}"),
        ("http://example.com", "is not safe: secrets travel over https only"),
    ],
    ids=["name", "connection", "TLS", "not sent"],
)
def test_no_endpoint(account: Account, run: Run, endpoint: str, message: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # not listening, and nobody else's
        ports = {"closed": closed.getsockname()[1], "plain": account.emulator.endpoint.rpartition(":")[2]}
        look = Look(account, run, registries=[SHOP], endpoint=endpoint.format(**ports), retries=0)
    verdict, told, cure = look.one("endpoint", endpoint.format(**ports))
    assert verdict == FAIL
    assert message.format(**ports) in told
    assert cure
    unanswered(look)


def test_a_portal_in_the_place_of_the_endpoint(account: Account, run: Run) -> None:
    page = reply(302, b"<html>", location="https://login.example.com/")
    with ScriptedServer(page) as server:
        look = Look(account, run, registries=[SHOP], endpoint=server.url, retries=0)
    verdict, told, cure = look.one("endpoint")
    assert (verdict, "redirect" in told, "portal" in cure) == (FAIL, True, True)
    assert look.but(OK) >= BLOCKED - {"clock"}


def test_a_service_that_is_down(account: Account, run: Run) -> None:
    account.emulator.faults([{"times": None, "action": {"status": {"http": 503}}}])
    look = Look(account, run, registries=[SHOP], retries=0)
    verdict, told, _cure = look.one("endpoint")
    assert (verdict, "503" in told) == (FAIL, True)


@pytest.mark.parametrize("variable", ["JDCLOUD_SECRET_KEY", "JDCLOUD_ACCESS_KEY"])
def test_a_wrong_key(account: Account, run: Run, variable: str) -> None:
    look = Look(other(account, **{variable: "w" * 32}), run, registries=[SHOP, {"name": "Bad"}])
    verdict, message, cure = look.one("credentials")
    assert (verdict, "the service answered 401" in message, "request id" in message) == (FAIL, True, True)
    assert "Check the access key" in cure
    assert look.verdicts()["endpoint"] == look.verdicts()["clock"] == look.verdicts()["region"] == OK
    assert look.one("registry_name", f"myshop in {HERE}")[1] == f"{NOT_CHECKED}the access key is not accepted"
    assert look.one("registry_name", f"Bad in {HERE}")[0] == FAIL, "what can be told without the service is told"
    assert len(look.requests) == 1


@pytest.mark.parametrize("missing", [("JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY"), ("JDCLOUD_SECRET_KEY",)])
def test_no_key(account: Account, run: Run, missing: tuple[str, ...]) -> None:
    """The endpoint and the clock are told all the same."""
    look = Look(other(account, **dict.fromkeys(missing)), run, registries=[SHOP])
    verdict, message, cure = look.one("credentials")
    assert verdict == FAIL
    assert "no access key was found" in message or "without JDCLOUD_SECRET_KEY" in message
    assert "JDCLOUD_SECRET_KEY" in cure
    assert look.but(OK) == BLOCKED - {"clock"}
    assert look.one("registry_name")[1] == f"{NOT_CHECKED}there is no access key"


def test_a_profile_that_does_not_exist(account: Account, run: Run) -> None:
    look = Look(account, run, registries=[SHOP], profile="nowhere")
    assert look.one("credentials")[0] == FAIL
    assert look.one("endpoint")[:2] == (WARN, f"{NOT_CHECKED}it cannot be told without the account")
    assert look.requests == []


def test_a_profile_that_others_can_read(account: Account, run: Run) -> None:
    (account.home / ".jdc").mkdir()
    profile = account.home / ".jdc" / "config"
    emulator = account.emulator
    profile.write_text(f"[default]\naccess_key = {emulator.access_key}\nsecret_key = {emulator.secret_key}\n")
    profile.chmod(0o644)
    look = Look(other(account, JDCLOUD_ACCESS_KEY=None, JDCLOUD_SECRET_KEY=None), run)
    verdict, message, cure = look.one("credentials")
    assert verdict == WARN
    assert "accepted, by " in message
    assert str(profile) in message
    assert emulator.secret_key not in str(look.result)


def test_a_policy_that_forbids_to_look(account: Account, run: Run) -> None:
    """The key is good, and the run itself may need less: no failure."""
    made(account, SHOP)
    account.emulator.faults(
        [
            {"match": {"operation": name}, "times": None, "action": {"status": {"http": 403}}}
            for name in ("describeQuotas", "describeRepositories")
        ]
    )
    look = Look(account, run, registries=[SHOP])
    assert look.but(OK) == {"quota", "repository_names"}
    assert look.verdicts()["credentials"] == OK
    assert look.one("quota", f"registries in {HERE}")[:2] == (WARN, f"{NOT_CHECKED}the service does not tell it")
    verdict, message, cure = look.one("repository_names")
    assert (verdict, "403" in message, "policy" in cure) == (WARN, True, True)


def test_too_many_calls(account: Account, run: Run) -> None:
    account.emulator.faults([{"times": None, "action": {"status": {"http": 429}}}])
    look = Look(account, run, registries=[SHOP], retries=0)
    assert look.one("credentials")[0] == FAIL
    assert "429" in look.one("registry_name")[1]


@pytest.mark.parametrize(
    ("ahead", "verdict"), [(0, OK), (30, OK), (-120, WARN), (120, WARN), (840, WARN), (960, WARN), (-86400, WARN)]
)
def test_the_clock(account: Account, run: Run, ahead: int, verdict: str) -> None:
    """The service's clock is moved; however far, requests are signed by its time, so that all else goes on."""
    account.emulator.clock(advance_seconds=ahead)
    look = Look(account, run, registries=[SHOP])
    assert look.one("clock", "local clock")[0] == verdict
    assert look.but(OK) == (set() if verdict == OK else {"clock"})


def test_a_region_that_is_not_served(account: Account, run: Run) -> None:
    look = Look(account, run, registries=[{**SHOP, "region": "cn-west-9"}, {"name": "myshop-north"}])
    verdict, message, cure = look.one("region", "cn-west-9")
    assert (verdict, "404" in message, "Check endpoint and region" in cure) == (FAIL, True, True)
    assert look.one("region", HERE)[0] == OK
    assert look.verdicts()["credentials"] == OK
    assert look.one("registry_name", "myshop in cn-west-9")[1] == f"{NOT_CHECKED}the region is not served"
    assert look.one("registry_name", f"myshop-north in {HERE}")[1] == "is free"


def test_a_region_that_cannot_be_one(account: Account, run: Run) -> None:
    look = Look(account, run, registries=[{**SHOP, "region": "Beijing"}, {"name": "myshop-north"}])
    verdict, message, cure = look.one("region", "Beijing")
    assert (verdict, message) == (FAIL, "region 'Beijing' is not of the form cn-north-1")
    assert look.one("region", HERE)[0] == OK
    assert look.one("registry_host", "myshop in Beijing")[1] == f"{NOT_CHECKED}there is no such region"
    assert Look(account, run, region="Beijing").one("region")[0] == FAIL


def test_a_region_that_the_documents_do_not_name(account: Account, run: Run) -> None:
    served = Look(account, run, region="cn-east-1")
    assert served.one("region") == (OK, "is served, though not documented", "")
    unknown = Look(account, run, region="cn-east-1", endpoint="https://containerregistry.invalid", retries=0)
    assert unknown.one("region")[0] == WARN
    assert unknown.one("region")[1].startswith(NOT_CHECKED)


# --- names and quotas ------------------------------------------------------------------------------------------------


def test_illegal_names_are_told_all_at_once(account: Account, run: Run) -> None:
    names = ["shop/web", "shop/Web", "abc", "a___b", "/x"]
    look = Look(
        account, run, registries=[{"name": "myshop", "repositories": named(*names)}, {"name": "abc"}, {"name": "-x"}]
    )
    assert look.rows("repository_name").keys() == {f"myshop/{name} in {HERE}" for name in names[1:]}
    assert look.one("repository_names")[1] == "0 exist, 1 can be created"
    assert look.one("registry_name", f"myshop in {HERE}")[0] == OK
    for name, cause in (("abc", "fewer than 4"), ("-x", "'-' at the beginning")):
        verdict, message, cure = look.one("registry_name", f"{name} in {HERE}")
        assert (verdict, cause in message, "characters of a-z" in cure) == (FAIL, True, True)


def test_short_names_that_exist_or_that_the_service_accepts(account: Account, run: Run) -> None:
    account.emulator.settings({"names": "addressable"})
    short = {"name": "abc", "repositories": named("x")}
    assert Look(account, run, registries=[short]).one("registry_name")[0] == FAIL
    assert Look(account, run, registries=[short], validate_names="server").but(OK) == set()
    for module, options in (("jcr_registry", {"name": "abc"}), ("jcr_repository", {"registry": "abc", "name": "x"})):
        ok(run_here(account, module, {**options, "validate_names": "server"}))
    assert Look(account, run, registries=[short]).but(OK) == set()


def test_the_service_does_not_accept_a_name(account: Account, run: Run) -> None:
    made(account, {"name": "myshop"})
    look = Look(
        account,
        run,
        registries=[{"name": "abc"}, {"name": "myshop", "repositories": named("x")}],
        validate_names="server",
    )
    assert look.one("registry_name", f"abc in {HERE}")[0] == FAIL
    verdict, message, _cure = look.one("repository_name", f"myshop/x in {HERE}")
    assert (verdict, "the service does not accept repository 'x'" in message) == (FAIL, True)


def test_a_name_that_another_account_has(account: Account, run: Run) -> None:
    account.emulator.settings({"taken_names": ["myshop"]})
    look = Look(account, run, registries=[SHOP])
    verdict, message, cure = look.one("registry_name")
    assert (verdict, cure) == (FAIL, "Choose another name.")
    assert "registry 'myshop' is taken already" in message


def test_a_name_that_becomes_free(account: Account, run: Run) -> None:
    made(account, {"name": "myshop"})
    moved = [{"name": "myshop", "state": "absent"}, {"name": "myshop", "region": EAST}]
    verdict, message, cure = Look(account, run, registries=moved).one("registry_name", f"myshop in {EAST}")
    assert (verdict, "declared absent" in message, "first" in cure) == (WARN, True, True)


def test_one_name_in_two_regions(account: Account, run: Run) -> None:
    look = Look(account, run, registries=[{"name": "myshop"}, {"name": "myshop", "region": EAST}])
    for region in (HERE, EAST):
        verdict, message, _cure = look.one("registry_name", f"myshop in {region}")
        assert (verdict, message) == (WARN, "is free, but declared in another region as well")
    made(account, {"name": "myshop"})
    look = Look(account, run, registries=[{"name": "myshop"}, {"name": "myshop", "region": EAST}])
    assert look.one("registry_name", f"myshop in {HERE}")[0] == OK
    assert look.one("registry_name", f"myshop in {EAST}")[0] == FAIL


def test_descriptions(account: Account, run: Run) -> None:
    assert Look(account, run, registries=[SHOP]).rows("description") == {}
    long = "d" * 257
    look = Look(
        account,
        run,
        registries=[
            {"name": "myshop", "description": long, "repositories": [{"name": "shop/web", "description": long}]}
        ],
    )
    assert look.rows("description").keys() == {f"myshop in {HERE}", f"myshop/shop/web in {HERE}"}
    assert look.but(OK) == {"description"}


def test_the_quota_of_registries(account: Account, run: Run) -> None:
    made(account, {"name": "first"}, {"name": "second"})
    account.emulator.settings({"registry_quota": 3})
    some = [{"name": name} for name in ("first", "third")]
    assert Look(account, run, registries=some).one("quota") == (OK, "2 of 3 are used, 1 more is needed", "")
    look = Look(account, run, registries=[*some, {"name": "fourth"}])
    verdict, message, cure = look.one("quota")
    assert (verdict, message) == (FAIL, "2 of 3 are used, 2 more are needed")
    assert "Delete what is not needed" in cure
    gone = {"name": "second", "state": "absent"}
    look = Look(account, run, registries=[*some, {"name": "fourth"}, gone])
    assert look.one("quota") == (OK, "2 of 3 are used, 1 will go, 2 more are needed", "")


def test_names_that_cannot_be_had_need_no_room(account: Account, run: Run) -> None:
    made(account, SHOP)
    account.emulator.settings({"registry_quota": 2, "repository_quota": 3, "taken_names": ["stolen"]})
    shop = {**SHOP, "repositories": [*SHOP["repositories"], *named("shop/new", "shop/New", "x")]}
    look = Look(account, run, registries=[shop, *({"name": name} for name in ("new-one", "Illegal", "x", "stolen"))])
    assert look.but(OK) == {"registry_name", "repository_name", "registry_host"}
    assert look.one("quota", f"registries in {HERE}")[1] == "1 of 2 are used, 1 more is needed"
    assert look.one("quota", f"repositories of myshop in {HERE}")[1] == "2 of 3 are used, 1 more is needed"


def test_the_quota_of_repositories(account: Account, run: Run) -> None:
    """It counts for each registry, whatever others use."""
    made(account, SHOP, {"name": "other"})
    account.emulator.settings({"repository_quota": 2})
    another = {"name": "other", "repositories": named("shop/web")}
    full = {**SHOP, "repositories": [*SHOP["repositories"], *named("shop/cron")]}
    look = Look(account, run, registries=[full, another])
    assert look.one("quota", f"repositories of other in {HERE}")[1] == "0 of 2 are used, 1 more is needed"
    verdict, message, _cure = look.one("quota", f"repositories of myshop in {HERE}")
    assert (verdict, message) == (FAIL, "2 of 2 are used, 1 more is needed")
    full["repositories"][0] = {"name": "shop/web", "state": "absent"}
    assert Look(account, run, registries=[full]).but(OK) == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "3 of 4 are used, 2 more are needed"),
        ({"purge": True}, "3 of 4 are used, 2 will go, 2 more are needed"),
        ({"purge": True, "purge_patterns": ["*/web", "other"]}, "3 of 4 are used, 1 will go, 2 more are needed"),
        ({"purge": True, "purge_exclude": ["shop/*"]}, "3 of 4 are used, 2 more are needed"),
    ],
)
def test_a_purge_makes_room(account: Account, run: Run, options: dict[str, t.Any], message: str) -> None:
    made(account, {"name": "myshop", "repositories": named("shop/web", "shop/worker", "shop/cart")})
    account.emulator.settings({"repository_quota": 4})
    wanted = {"name": "myshop", "repositories": named("shop/cart", "shop/new", "shop/newer"), **options}
    verdict, told, _cure = Look(account, run, registries=[wanted]).one("quota", f"repositories of myshop in {HERE}")
    assert (verdict, told) == (OK if "will go" in message else FAIL, message)


def test_what_shall_go(account: Account, run: Run) -> None:
    made(account, SHOP)
    gone = [{**SHOP, "state": "absent"}, {"name": "never", "state": "absent"}]
    look = Look(account, run, registries=gone)
    assert look.but(OK) == set()
    assert look.one("registry_name", f"never in {HERE}")[1] == "is not there"
    assert look.verdicts().keys() == {"endpoint", "credentials", "clock", "region", "registry_name", "deletes", "quota"}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            {"repositories": named("shop/web"), "state": "absent"},
            "it cannot go with 1 repository in it that is not declared",
        ),
        ({"repositories": named("shop/web", "shop/cart"), "state": "absent"}, "there are images in 'shop/cart'"),
        ({"state": "absent", "force": True, "max_delete": 2}, "2 repositories and 1 image in it, 3 in all, but max_"),
        (
            {"repositories": named("shop/cart"), "purge": True, "max_delete": 0},
            "1 repository would be purged, but max_del",
        ),
        ({"repositories": named("shop/web"), "purge": True}, "there are images in 'shop/cart', and force is not set"),
    ],
)
def test_what_cannot_go(account: Account, run: Run, wanted: dict[str, t.Any], told: str) -> None:
    fill(account.emulator, "myshop", {"shop/web": [], "shop/cart": ["1.0"]})
    look = Look(account, run, registries=[{"name": "myshop", **wanted}])
    assert look.but(OK) == {"deletes"}
    verdict, message, cure = look.one("deletes")
    assert (verdict, bool(cure)) == (FAIL, True)
    assert told in message


def test_nothing_is_listed_for_deletes_where_nothing_goes(account: Account, run: Run) -> None:
    made(account, {"name": "myshop"})
    look = Look(account, run, registries=[{"name": "myshop"}])
    assert "deletes" not in look.verdicts()
    assert "describeRepositories" not in [entry["operation"] for entry in look.requests]


def test_a_policy_that_forbids_to_list_what_goes(account: Account, run: Run) -> None:
    made(account, {"name": "myshop"})
    refused = {"match": {"operation": "describeRepositories"}, "times": None, "action": {"status": {"http": 403}}}
    account.emulator.faults([refused])
    verdict, message, _cure = Look(account, run, registries=[{"name": "myshop", "state": "absent"}]).one("deletes")
    assert (verdict, NOT_CHECKED in message) == (WARN, True)


def test_many_new_repositories(account: Account) -> None:
    """The listing tells that they are free; the service is asked about the first hundred."""
    made(account, {"name": "myshop"})
    names = [f"shop/{number:04}" for number in range(150)]
    look = Look(account, run_here, registries=[{"name": "myshop", "repositories": named(*names)}])
    assert look.but(OK) == set()
    asked = [entry["operation"] for entry in look.requests]
    assert asked.count("checkRepositoryName") == 100
    assert asked.count("describeRepositories") == 1


def test_trouble_while_names_are_asked_for(account: Account, run: Run) -> None:
    """It is told once, and the other checks go on."""
    made(account, {"name": "myshop"})
    match = {"operation": "checkRepositoryName"}
    account.emulator.faults([{"match": match, "times": None, "action": {"status": {"http": 500}}}])
    look = Look(
        account, run, registries=[{"name": "myshop", "repositories": named("shop/a", "shop/b", "B")}], retries=0
    )
    assert look.rows("repository_name").keys() == {f"myshop/shop/a in {HERE}", f"myshop/B in {HERE}"}
    assert "500" in look.one("repository_name", f"myshop/shop/a in {HERE}")[1]
    assert look.but(OK) == {"repository_name"}
    account.emulator.faults([{"match": {"operation": "describeRepositories"}, "times": None, "action": "reset"}])
    look = Look(account, run, registries=[{"name": "myshop", "repositories": named("shop/a", "B")}], retries=0)
    assert look.but(OK) == {"repository_name", "repository_names"}


# --- registry hosts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("needed", [0, 1])
def test_a_registry_host_that_does_not_answer(account: Account, run: Run, needed: int) -> None:
    made(account, SHOP)
    account.emulator.faults([{"match": {"plane": "data"}, "times": None, "action": "reset"}])
    look = Look(account, run, registries=[{**SHOP, "tokens_needed": needed}])
    assert look.but(OK) == {"registry_host"}
    verdict, message, _cure = look.one("registry_host")
    assert verdict == (FAIL if needed else WARN)
    assert "cut the connection" in message


def test_a_registry_host_that_is_none(account: Account, run: Run) -> None:
    made(account, SHOP)
    account.emulator.faults([{"match": {"plane": "data"}, "times": None, "action": {"status": {"http": 404}}}])
    look = Look(account, run, registries=[{**SHOP, "tokens_needed": 1}])
    verdict, message, _cure = look.one("registry_host")
    assert (verdict, "answers 404 where a registry answers 200 or 401" in message) == (FAIL, True)


def test_a_registry_host_that_must_not_get_a_token(account: Account, run: Run) -> None:
    made(account, SHOP)
    uri = {"wrong_type": {"member": "result.registry.registryUri", "value": "registry.example.com"}}
    account.emulator.faults([{"match": {"operation": "describeRegistry"}, "times": None, "action": uri}])
    look = Look(account, run, registries=[SHOP])
    verdict, message, cure = look.one("registry_host")
    assert (verdict, "registry.example.com" in message, "allowed_registry_hosts" in cure) == (WARN, True, True)
    assert [entry for entry in look.requests if entry["plane"] == "data"] == []


# --- tokens ----------------------------------------------------------------------------------------------------------


SHORT = {"hours": 1, "min_remaining": 59}  # of such a token, another one is needed after a minute


def issue(account: Account, times: int) -> None:
    """Issue so many tokens, each because the one before does not live long enough any more."""
    for _time in range(times):
        assert ok(run_here(account, "jcr_token", {"registry": "myshop", **SHORT}))["token"]["issued"]
        account.emulator.clock(advance_seconds=61)


def test_tokens_that_can_be_had(account: Account, run: Run) -> None:
    made(account, SHOP)
    look = Look(account, run, registries=[{**SHOP, "tokens_needed": 5}])
    assert [entry["operation"] for entry in look.requests].count("describeAuthorizationTokens") == 1
    told = "0 of the 5 that an hour allows are known to be issued, 5 more are needed"
    assert look.one("token_budget", f"myshop in {HERE}")[:2] == (OK, told)
    assert not (account.home / "cache").exists()


def test_tokens_are_not_counted_where_none_is_needed(account: Account, run: Run) -> None:
    made(account, SHOP)
    look = Look(account, run, registries=[SHOP])
    assert look.rows("token_budget") == {}
    assert "describeAuthorizationTokens" not in [entry["operation"] for entry in look.requests]


def test_a_token_in_the_cache_counts_as_one(account: Account, run: Run) -> None:
    made(account, SHOP)
    issue(account, 1)
    look = Look(account, run, registries=[SHOP], tokens_needed=1)
    assert look.one("token_budget")[1].endswith("0 more are needed")
    secret = account.emulator.state(secrets=True)["registries"][0]["tokens"][0]["password"]
    assert secret not in str(look.result)
    look = Look(account, run, registries=[SHOP], tokens_needed=1, **SHORT)
    assert look.one("token_budget")[1].endswith("1 more is needed"), "it does not live long enough"


@pytest.mark.parametrize(("policy", "verdict"), [("fail", FAIL), ("wait", WARN), ("reuse", OK)])
def test_tokens_that_are_used_up(account: Account, run: Run, policy: str, verdict: str) -> None:
    made(account, SHOP)
    account.emulator.clock(frozen=True)
    issue(account, 5)
    cache = {file: file.read_bytes() for file in (account.home / "cache").iterdir()}
    options = {"registries": [SHOP], "tokens_needed": 1, **SHORT, "on_rate_limit": policy}
    look = Look(account, run, **options)
    found, message, cure = look.one("token_budget")
    assert (found, message[:8]) == (verdict, "5 of the")
    assert ("The next one can be issued at" in cure) is (policy != "reuse")
    assert {file: file.read_bytes() for file in (account.home / "cache").iterdir()} == cache
    account.emulator.clock(advance_seconds=3600)
    assert Look(account, run, **options).one("token_budget")[0] == OK


def test_tokens_that_others_issued(account: Account, run: Run) -> None:
    made(account, SHOP)
    issue(other(account, JCR_TOKEN_CACHE=str(account.home / "theirs")), 5)
    look = Look(account, run, registries=[SHOP], tokens_needed=1)
    verdict, message, _cure = look.one("token_budget")
    assert (verdict, "5 are valid" in message) == (WARN, True)


def test_token_options_that_cannot_work(account: Account, run: Run) -> None:
    made(account, SHOP)
    look = Look(account, run, registries=[SHOP], tokens_needed=1, hours=25)
    assert look.one("token_budget")[:2] == (FAIL, "hours is 25, which is out of range")


def test_a_token_cache_that_cannot_be_used(account: Account, run: Run) -> None:
    made(account, SHOP)
    (account.home / "cache").write_text("not a directory")
    look = Look(account, run, registries=[SHOP], tokens_needed=1)
    verdict, message, cure = look.one("token_budget")
    assert (verdict, str(account.home / "cache") in message, "JCR_TOKEN_CACHE" in cure) == (FAIL, True, True)


# --- the Docker Engine -----------------------------------------------------------------------------------------------


def test_no_docker_engine(account: Account, run: Run) -> None:
    look = Look(
        account,
        run,
        docker_host=f"unix://{account.home}/docker.sock",
        images=["web:build", "web:build"],
        registries=[{**SHOP, "images": ["worker:build"]}],
    )
    verdict, message, cure = look.one("engine")
    assert (verdict, "no such socket" in message, "Start it" in cure) == (FAIL, True, True)
    assert look.rows("image").keys() == {"web:build", "worker:build"}
    assert look.but(OK) == {"engine", "image"}


def test_the_engine_is_not_asked_without_images(account: Account, run: Run) -> None:
    look = Look(account, run, docker_host=f"unix://{account.home}/docker.sock", registries=[SHOP])
    assert look.but(OK) == set()


# --- what is refused at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"registries": [{"name": "myshop"}, {"name": "myshop", "region": HERE}]}, "is declared twice"),
        ({"registries": [{"name": "myshop", "repositories": named("a/b", "a/b")}]}, "is declared twice"),
        ({"registries": [{"name": "myshop", "repositories": [{}]}]}, "issing required arguments: name"),
        (
            {"registries": [{"name": "myshop", "repositories": ["shop/web"]}]},
            "Elements value for option 'repositories' found in 'registries' is of type",
        ),
        ({"registries": [{"name": "myshop", "repositories": [{"name": "shop/web", "stat": "absent"}]}]}, "stat"),
        ({"registries": [{"region": HERE}]}, "issing required arguments: name"),
        ({"registries": [{"name": "myshop", "prune": True}]}, "prune"),
        ({"tokens_needed": -1}, "tokens_needed is -1"),
        ({"registries": [{"name": "myshop", "tokens_needed": -1}]}, "tokens_needed of registry 'myshop' is -1"),
        ({"deadline": 0}, "deadline is 0 seconds"),
    ],
)
def test_what_contradicts_itself(account: Account, run: Run, options: dict[str, t.Any], cause: str) -> None:
    result = run(account, MODULE, options)
    assert result["failed"] is True
    assert result["error"]["kind"] == "configuration"
    assert cause in result["msg"]
    assert account.emulator.requests() == []
