# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input and trouble, as whole tasks, as a module and in the controller's process.

Every failure has to tell act, object, cause, request id and cure. What needs a Docker Engine is in
tests/integration/test_trouble_docker.py.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import os
import pathlib
import re
import socket
import tempfile
import typing as t

import pytest

from tests.support import archives
from tests.support.emulator import RunningEmulator
from tests.support.failures import assert_failure
from tests.support.forked import as_nobody, give_to_nobody
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY = {"name": "myregistry"}
REPOSITORY = {"registry": "myregistry", "name": "shop/web"}
TOKEN = {"registry": "myregistry"}
IMAGE = {"registry": "myregistry", "repository": "shop/web", "source": "shop:1.0"}
ONE_TASK_EACH = [
    ("jcr_registry", REGISTRY),
    ("jcr_repository", REPOSITORY),
    ("jcr_token", TOKEN),
    ("jcr_login", TOKEN),
    ("jcr_image", IMAGE),
]
# A client that gives up after one try and a moment; a server that hangs is slower than any machine.
IMPATIENT = {"timeout": 0.5, "retries": 0}
CANNOT_READ = "read registry 'myregistry' in cn-north-1"
CHECK_ENDPOINT = "Check the endpoint, and whether a proxy or a portal stands before it."


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    return Account(emulator, tmp_path)


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


@pytest.fixture
def registry(account: Account) -> Account:
    """The account, with a registry."""
    return prepared(account, ("jcr_registry", REGISTRY))


def prepared(account: Account, *tasks: tuple[str, dict[str, t.Any]]) -> Account:
    for name, options in tasks:
        result = run_here(account, name, options)
        assert not result.get("failed"), result["msg"]
    return account


def other(account: Account, **variables: str | None) -> Account:
    """The same account in another environment; None takes a variable away."""
    return dataclasses.replace(account, overrides={**account.overrides, **variables})


def calls(account: Account, operation: str) -> int:
    """How often an operation has been called."""
    return sum(entry["operation"] == operation for entry in account.emulator.requests())


def issued(account: Account) -> int:
    return sum(entry["token_issued"] for entry in account.emulator.requests())


def strike(account: Account, action: t.Any, operation: str | None = None, times: int | None = None) -> None:
    match = {"plane": "control"} | ({"operation": operation} if operation else {})
    account.emulator.faults([{"match": match, "times": times, "action": action}])


# --- bad names: nothing is sent --------------------------------------------------------------------------------------

NAMES_OF_REGISTRIES = [
    # what is wrong with the name of any registry, and with that of a new one
    ("", "is empty"),
    ("My-Registry", "contains 'M'"),
    ("my_registry", "contains '_'"),
    ("-registry", "has '-' at the beginning"),
    ("registry-", "has '-' at the end"),
    ("registry\n", r"contains '\n'"),
    ("registry١", "contains '١'"),
    ("r" * 33, "has 33 characters, which is more than 32"),
    ("../registries/other", "contains '.'"),
    ("other?x=1#", "contains '?'"),
    ("shop/web", "contains '/'"),
]
NAMES_OF_REPOSITORIES = [
    ("", "is empty"),
    ("shop/Web", "contains 'W'"),
    ("shop//web", "has an empty stage"),
    ("/shop", "has an empty stage"),
    ("shop/", "has an empty stage"),
    ("shop/-web", "has '-' at the beginning of a stage"),
    ("shop/web_", "has '_' at the end of a stage"),
    ("shop/web\n", r"contains '\n'"),
    ("shop/../web", "contains '.'"),
    ("shop/web:1.0", "contains ':'"),
    ("a" * 257, "has 257 characters, which is more than"),
]
TAGS = [
    ("", "tag '' is not a tag"),
    ("-1", "tag '-1' is not a tag"),
    ("1.0\n", r"tag '1.0\n' is not a tag"),
    ("a b", "tag 'a b' is not a tag"),
    ("a" * 129, "tag 'aaa"),
]
DIGESTS = [
    ("sha256:12", "digest 'sha256:12' is not a digest"),
    ("sha512:" + "0" * 128, "digest 'sha512:"),
    ("sha256:" + "0" * 64 + "\n", "digest 'sha256:"),
    ("sha256:" + "A" * 64, "digest 'sha256:"),
]


def bad_names() -> t.Iterator[tuple[str, dict[str, t.Any], str, str, str]]:
    """Module, options, what the message is about, the cause, and the cure."""
    for name, cause in [*NAMES_OF_REGISTRIES, ("abc", "has 3 characters, which is fewer than 4")]:
        yield "jcr_registry", {"name": name}, f"manage registry '{name}'", cause, "4 to 32 characters"
    for name, cause in NAMES_OF_REGISTRIES:
        place = f"'shop/web' of registry '{name}'"
        rule = "at most 32 characters"
        yield "jcr_registry", {"name": name, "state": "absent"}, f"delete registry '{name}'", cause, rule
        yield "jcr_repository", {**REPOSITORY, "registry": name}, f"manage repository {place}", cause, rule
        yield "jcr_token", {"registry": name}, f"get a token of registry '{name}'", cause, rule
        yield "jcr_token", {"registry": name, "state": "absent"}, f"release tokens of registry '{name}'", cause, rule
        yield "jcr_image", {**IMAGE, "registry": name}, f"push image 'shop:1.0' to {place}", cause, rule
        yield "jcr_login", {"registries": ["good", name]}, f"log in to registry 'good', {name!r}", cause, rule
    new = [
        ("abc", "has 3 characters, which is fewer than 4"),
        ("a___b", "contains '___', so that no Docker client"),
    ]
    for name, cause in [*NAMES_OF_REPOSITORIES, *new]:
        about = f"manage repository '{name}' of registry 'myregistry'"
        yield "jcr_repository", {**REPOSITORY, "name": name}, about, cause, "4 to 255 characters"
    for name, cause in NAMES_OF_REPOSITORIES:
        about = f"delete repository '{name}' of registry 'myregistry'"
        yield "jcr_repository", {**REPOSITORY, "name": name, "state": "absent"}, about, cause, "at most 256 characters"
        about = f"pull latest from '{name}' of registry 'myregistry'"
        options = {**TOKEN, "repository": name, "state": "pulled"}
        yield "jcr_image", options, about, cause, "at most 256 characters"
    for tag, cause in TAGS:
        tags = ", ".join([tag, "good"])
        about = f"delete {tags} from 'shop/web' of registry 'myregistry'"
        options = {**TOKEN, "repository": "shop/web", "tags": [tag, "good"], "state": "absent"}
        yield "jcr_image", options, about, cause, "A tag has 1 to 128 characters"
    for digest, cause in DIGESTS:
        about = f"pull {digest} from 'shop/web' of registry 'myregistry'"
        options = {**TOKEN, "repository": "shop/web", "digest": digest, "state": "pulled"}
        yield "jcr_image", options, about, cause, "A digest is 'sha256:' followed by 64 digits"


def other_bad_input() -> t.Iterator[tuple[str, dict[str, t.Any], str, str, str]]:
    about = "manage registry 'myregistry'"
    long = {"description": "d" * 257}
    yield "jcr_registry", {**REGISTRY, **long}, about, "has 257 characters", "at most 256 characters"
    about = "get a token of registry 'myregistry'"
    for hours, cause in [(0, "is 0, which is out of"), (25, "is 25, which is out of"), (-1, "is -1, which is out of")]:
        yield "jcr_token", {**TOKEN, "hours": hours}, about, f"hours {cause} range", "A token lives 1 to 24 hours"
    cause = "min_remaining is 60 minutes, but a token of 1 h must outlive it"
    yield "jcr_token", {**TOKEN, "hours": 1, "min_remaining": 60}, about, cause, "Choose min_remaining from 0 to 59"
    yield "jcr_login", {**TOKEN, "hours": 25}, "log in to registry 'myregistry'", "hours is 25", "1 to 24 hours"


def as_id(row: t.Any) -> str:
    return ascii(row)[:40].strip("'\"")


@pytest.mark.parametrize(("name", "options", "about", "cause", "cure"), [*bad_names(), *other_bad_input()], ids=as_id)
def test_bad_input_is_refused_before_anything_is_sent(
    account: Account, name: str, options: dict[str, t.Any], about: str, cause: str, cure: str
) -> None:
    for check in (False, True):
        result = run_here(account, name, options, check=check)
        assert_failure(result, "rule", f"{about} in cn-north-1", cause, cure)
    assert account.emulator.requests() == []


def test_bad_input_is_refused_by_the_module_as_well(account: Account) -> None:
    """One of each kind, since each is a process; names pass through JSON and Ansible's own conversions."""
    seen: set[tuple[str, str]] = set()
    for name, options, about, cause, cure in (*bad_names(), *other_bad_input()):
        if (name, cure) not in seen:
            seen.add((name, cure))
            result = WAYS["module"](account, name, options)
            assert_failure(result, "rule", f"{about} in cn-north-1", cause, cure)
    assert len(seen) > 12
    assert account.emulator.requests() == []


def test_a_corrected_name_is_proposed(account: Account, run: Run) -> None:
    result = run(account, "jcr_repository", {**REPOSITORY, "name": "Shop/Web App"})
    assert result["msg"].endswith("Did you mean 'shop/web-app'?")


def test_a_short_name_is_good_enough_for_what_exists(account: Account, run: Run) -> None:
    """Old registries have them; only new ones may not."""
    result = run(account, "jcr_registry", {"name": "abc", "state": "absent"})
    assert not result.get("failed") and result["changed"] is False


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("jcr_registry", {"name": "abcd", "stat": "present"}, "stat"),
        ("jcr_registry", {"name": "abcd", "state": "here"}, "value of state must be one of: present, absent"),
        ("jcr_registry", {}, "missing required arguments: name"),
        ("jcr_token", {"registry": "abcd", "hours": "many"}, "hours"),
        ("jcr_login", {"registry": "abcd", "registries": ["abcd"]}, "mutually exclusive: registry|registries"),
        ("jcr_image", {"registry": "abcd", "repository": "abcd"}, "missing: source"),
    ],
)
def test_bad_options(account: Account, run: Run, name: str, options: dict[str, t.Any], complaint: str) -> None:
    """Ansible finds these; what is told for programs is told of these, too."""
    result = run(account, name, options)
    assert result["failed"] is True and result["changed"] is False
    assert complaint.lower() in result["msg"].lower()
    assert result["msg"].endswith("See the module's documentation.")
    assert result["error"]["kind"] == "configuration"
    assert account.emulator.requests() == []


@pytest.mark.parametrize(
    ("options", "cause", "cure"),
    [
        (
            {"endpoint": "http://jcr.example.com"},
            "'http://jcr.example.com' is not safe",
            "http:// is accepted for",
        ),
        ({"endpoint": "https://key:word@jcr.example.com"}, "holds a user name or a password", "https://HOST[:PORT]"),
        ({"endpoint": "https://jcr.example.com/v1"}, "is more than a scheme, a host and a port", "https://HOST[:PORT]"),
        ({"timeout": 0}, "timeout is 0 seconds", "or leave it out"),
        ({"timeout": 1e10}, "timeout is 1e+10 seconds", "at most 2000000"),
        ({"deadline": -1}, "deadline is -1 seconds", "or leave it out"),
        ({"retries": -1}, "retries is -1", "0 or more"),
        ({"max_delete": -1}, "max_delete is -1", "0 or more"),
        ({"wait_timeout": 0}, "wait_timeout is 0 seconds", "or set wait: false"),
        ({"wait_timeout": "nan"}, "wait_timeout is nan seconds", "or set wait: false"),
    ],
)
def test_options_that_cannot_work(account: Account, run: Run, options: dict[str, t.Any], cause: str, cure: str) -> None:
    result = run(account, "jcr_registry", {**REGISTRY, **options})
    assert_failure(result, "configuration", "manage registry 'myregistry' in cn-north-1", cause, cure)
    assert "word" not in result["msg"].replace("password", "")


# --- who asks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), ONE_TASK_EACH, ids=[row[0] for row in ONE_TASK_EACH])
def test_no_credentials(account: Account, run: Run, name: str, options: dict[str, t.Any]) -> None:
    """The message lists all that was tried."""
    result = run(other(account, JDCLOUD_ACCESS_KEY=None, JDCLOUD_SECRET_KEY=None), name, options)
    verb = {
        "jcr_token": "get a token of",
        "jcr_login": "log in to",
        "jcr_image": "push image 'shop:1.0' to 'shop/web' of",
    }
    verb["jcr_repository"] = "manage repository 'shop/web' of"
    about = f"{verb.get(name, 'manage')} registry 'myregistry'"
    assert_failure(result, "credentials", about, "no access key was found", "Set access_key and secret_key")
    for place in (
        "the options access_key and secret_key (not set)",
        "the environment variables JDCLOUD_ACCESS_KEY and JDCLOUD_SECRET_KEY (not set)",
        f"profile 'default' in {account.home}/.jdc/config (does not exist)",
    ):
        assert place in result["msg"]
    assert account.emulator.requests() == []


def test_half_of_the_credentials(account: Account, run: Run) -> None:
    result = run(other(account, JDCLOUD_SECRET_KEY=None), "jcr_token", TOKEN)
    about = "get a token of registry 'myregistry'"
    assert_failure(result, "credentials", about, "only JDCLOUD_ACCESS_KEY is given, without", "Give both in one place")
    assert account.emulator.requests() == []


@pytest.mark.parametrize("option", ["access_key", "secret_key", "profile"])
def test_an_empty_variable_for_who_asks(account: Account, run: Run, option: str) -> None:
    """The account of the environment is not the one that was meant."""
    result = run(account, "jcr_token", {**TOKEN, option: ""})
    about, cause = "get a token of registry 'myregistry'", f"the option {option} is empty"
    assert_failure(result, "credentials", about, cause, "Is a variable empty?")
    assert account.emulator.requests() == []


@pytest.mark.parametrize("check", [True, False])
def test_the_home_as_the_token_cache(registry: Account, run: Run, check: bool) -> None:
    before = registry.home.stat().st_mode, sorted(os.listdir(registry.home))
    home = str(registry.home)
    for path, asked, options in ((home, registry, {"cache": home}), ("~", other(registry, JCR_TOKEN_CACHE="~"), {})):
        result = run(asked, "jcr_token", {**TOKEN, **options}, check=check)
        about, cause = f"keep tokens in '{path}'", "it is the home directory"
        assert_failure(result, "file", about, cause, "Name a directory of their own")
    assert (registry.home.stat().st_mode, sorted(os.listdir(registry.home))) == before
    assert issued(registry) == 0


@pytest.mark.parametrize("by", ["option", "environment"])
@pytest.mark.parametrize("there", [True, False], ids=["others exist", "no file"])
def test_unknown_profile(account: Account, run: Run, by: str, there: bool) -> None:
    if there:
        (account.home / ".jdc").mkdir()
        (account.home / ".jdc" / "config").write_text("[shop]\naccess_key = a\nsecret_key = hidden\n")
    asked = other(account, JDCLOUD_PROFILE="nowhere") if by == "environment" else account
    result = run(asked, "jcr_registry", {**REGISTRY, **({"profile": "nowhere"} if by == "option" else {})})
    cause = "there is no profile 'nowhere'" if there else "profile 'nowhere' was asked for, but"
    assert_failure(result, "credentials", "manage registry 'myregistry'", cause, "'jdc configure add'")
    assert ("there are: shop" in result["msg"]) is there
    assert "hidden" not in str(result)
    assert account.emulator.requests() == []


@pytest.mark.parametrize("variable", ["JDCLOUD_SECRET_KEY", "JDCLOUD_ACCESS_KEY"])
def test_wrong_key(account: Account, run: Run, variable: str) -> None:
    result = run(other(account, **{variable: "w" * 32}), "jcr_registry", REGISTRY)
    cure = "Check the access key and the secret key"
    assert_failure(result, "authentication", CANNOT_READ, "the service answered 401", cure, answered=True)
    assert result["error"]["http_status"] == 401
    assert len(account.emulator.requests()) == 1, "a refusal for good is not tried again"


def test_region_that_cannot_be_one(account: Account, run: Run) -> None:
    result = run(account, "jcr_registry", {**REGISTRY, "region": "Beijing"})
    cause = "region 'Beijing' is not of the form cn-north-1"
    assert_failure(result, "rule", "manage registry 'myregistry'", cause, "The documented regions are cn-north-1, ")
    assert account.emulator.requests() == []


def test_region_that_is_not_known(account: Account, run: Run) -> None:
    """The list of regions is not closed: such a one is tried, with a warning."""
    result = run(account, "jcr_registry", {**REGISTRY, "region": "cn-west-9"})
    about = "read registry 'myregistry' in cn-west-9"
    assert_failure(result, "configuration", about, "answered 404", "Check endpoint and region", answered=True)
    assert "'cn-west-9' is not a documented region" in str(result["warnings"])


# --- what the service refuses ----------------------------------------------------------------------------------------


def test_quota_full(account: Account, run: Run) -> None:
    prepared(account, *(("jcr_registry", {"name": f"registry-{number}"}) for number in range(5)))
    result = run(account, "jcr_registry", REGISTRY)
    about = "manage registry 'myregistry' in cn-north-1"
    assert_failure(result, "quota_exceeded", about, "no room for 1 more: 5 of 5 are used", "raise the quota")
    assert run(account, "jcr_registry", REGISTRY, check=True) == result
    assert calls(account, "createRegistry") == 5, "the sixth was not asked for"
    existing = run(account, "jcr_registry", {"name": "registry-4"})
    assert existing["changed"] is False, "what exists needs no quota"


@pytest.mark.parametrize(
    "action",
    [
        {"status": {"http": 403}},
        {"status": {"http": 404, "message": "no route and no API found with those values"}},
        {"wrong_type": {"member": "result.quotas", "value": "none"}},
        {"wrong_type": {"member": "result.quotas", "value": []}},
        {"wrong_type": {"member": "result.quotas.0.limit", "value": -1}},
        {"wrong_type": {"member": "result.quotas.0.limit", "value": None}},
    ],
    ids=as_id,
)
def test_quota_that_cannot_be_told(account: Account, run: Run, action: t.Any) -> None:
    """It is the service's to judge then: it creates the registry, or refuses it in its own words."""
    prepared(account, *(("jcr_registry", {"name": f"registry-{number}"}) for number in range(4)))
    account.emulator.faults([{"match": {"operation": "describeQuotas"}, "times": 3, "action": action}])
    assert run(account, "jcr_registry", {**REGISTRY, "retries": 0}, check=True)["changed"] is True
    assert run(account, "jcr_registry", {**REGISTRY, "retries": 0})["changed"] is True
    result = run(account, "jcr_registry", {"name": "registry-6", "retries": 0})
    about = "create registry 'registry-6' in cn-north-1"
    assert_failure(result, "quota_exceeded", about, "5 of 5 are used", "raise the quota", answered=True)
    assert calls(account, "createRegistry") == 6, "a quota is not waited for"


def test_quota_of_repositories_full(registry: Account, run: Run) -> None:
    registry.emulator.settings({"repository_quota": 1})
    prepared(registry, ("jcr_repository", REPOSITORY))
    result = run(registry, "jcr_repository", {**REPOSITORY, "name": "shop/second"})
    about = "create repository 'shop/second' in registry 'myregistry' in cn-north-1"
    assert_failure(result, "quota_exceeded", about, "1 of 1 are used", "Delete what is not needed", answered=True)


def test_registry_that_is_not_empty(registry: Account, run: Run) -> None:
    prepared(registry, ("jcr_repository", REPOSITORY))
    gone = {**REGISTRY, "state": "absent"}
    result = run(registry, "jcr_registry", gone)
    cure = "delete its repositories first, or set force: true"
    about = "delete registry 'myregistry' in cn-north-1"
    assert_failure(result, "precondition", about, "still has 1 repository: 'shop/web'", cure)
    predicted = run(registry, "jcr_registry", gone, check=True)
    assert predicted["changed"], "an earlier task of the real run may delete what is in it"
    assert "still has 1 repository: 'shop/web', and force is not set" in str(predicted["warnings"])
    assert calls(registry, "deleteRegistry") == 0, "it was not asked for"
    assert [held["name"] for held in registry.emulator.state()["registries"]] == ["myregistry"]


def test_name_that_another_account_has(account: Account, run: Run) -> None:
    account.emulator.settings({"taken_names": ["myregistry"]})
    result = run(account, "jcr_registry", REGISTRY)
    cure = "Choose another name, or, if it is yours, give its region"
    about = "create registry 'myregistry' in cn-north-1"
    cause = "409 ALREADY_EXISTS: registry myregistry already exists; this account has none of that name in cn-north-1"
    assert_failure(result, "already_exists", about, cause, cure, answered=True)
    predicted = run(account, "jcr_registry", {"name": "myregistry"}, check=True)
    assert "The name 'myregistry' is taken" in str(predicted["warnings"])


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_name_that_another_account_has_judged_by_the_service(account: Account, run: Run, check: bool) -> None:
    account.emulator.settings({"taken_names": ["myregistry"]})
    result = run(account, "jcr_registry", {**REGISTRY, "validate_names": "server"}, check=check)
    about = "manage registry 'myregistry' in cn-north-1"
    cure = "Choose another name, or, if it is yours, give its region"
    assert_failure(result, "already_exists", about, "taken already: registry myregistry already exists", cure)
    assert calls(account, "createRegistry") == 0


def test_registry_of_another_region(account: Account, run: Run) -> None:
    """It is this account's own, but not here."""
    prepared(account, ("jcr_registry", {**REGISTRY, "region": "cn-east-2"}))
    result = run(account, "jcr_registry", REGISTRY)
    about = "create registry 'myregistry' in cn-north-1"
    cause = "taken by another account or in another region"
    assert_failure(result, "already_exists", about, cause, "if it is yours, give its region", answered=True)


@pytest.mark.parametrize("name", ["jcr_registry", "jcr_repository"])
def test_operation_protection(registry: Account, run: Run, name: str) -> None:
    """MFA: refused without a security token, done with one."""
    prepared(registry, ("jcr_repository", REPOSITORY))
    options, about = {
        "jcr_registry": (REGISTRY, "delete registry 'myregistry' in cn-north-1"),
        "jcr_repository": (REPOSITORY, "delete repository 'shop/web' in registry 'myregistry' in cn-north-1"),
    }[name]
    if name == "jcr_registry":
        prepared(registry, ("jcr_repository", {**REPOSITORY, "state": "absent"}))
    registry.emulator.settings({"mfa": True, "mfa_tokens": ["123456"]})
    gone = {**options, "state": "absent"}
    cure = "get a security token and pass it as security_token"
    assert_failure(run(registry, name, gone), "mfa_required", about, "403", cure, answered=True)
    refused = run(registry, name, {**gone, "security_token": "654321"})
    assert_failure(refused, "mfa_required", about, "403", "perhaps it has expired: get a new one", answered=True)
    assert run(registry, name, {**gone, "security_token": "123456"})["changed"] is True


@pytest.mark.parametrize(
    ("switch", "kind", "cause", "cure"),
    [
        (
            {"real_name": "missing"},
            "forbidden",
            "real-name verification",
            "JD Cloud console (Account Management)",
        ),
        ({"balance": "low"}, "precondition", "balance is less than RMB 50", "in the JD Cloud console (Billing)"),
    ],
    ids=["real name", "balance"],
)
def test_account_that_is_not_ready(
    account: Account, run: Run, switch: dict[str, str], kind: str, cause: str, cure: str
) -> None:
    account.emulator.settings(switch)
    result = run(account, "jcr_registry", REGISTRY)
    assert_failure(result, kind, "create registry 'myregistry' in cn-north-1", cause, cure, answered=True)


def test_no_token_without_real_name(registry: Account, run: Run) -> None:
    registry.emulator.settings({"real_name": "missing"})
    result = run(registry, "jcr_token", TOKEN)
    cure = "Complete real-name verification in the JD Cloud console"
    about = "issue a token for registry 'myregistry' in cn-north-1"
    assert_failure(result, "forbidden", about, "403", cure, answered=True)


@pytest.mark.parametrize(
    ("name", "options", "about"),
    [
        ("jcr_repository", REPOSITORY, "manage repository 'shop/web' of registry 'myregistry'"),
        ("jcr_token", TOKEN, "get a token of registry 'myregistry'"),
        ("jcr_login", TOKEN, "log in to registry 'myregistry'"),
        ("jcr_image", IMAGE, "push image 'shop:1.0' to 'shop/web' of registry 'myregistry'"),
    ],
)
def test_registry_that_does_not_exist(
    account: Account, run: Run, name: str, options: dict[str, t.Any], about: str
) -> None:
    cause = "registry 'myregistry' does not exist in cn-north-1"
    cure = "Create it with jcr_registry, or check the name and the region"
    assert_failure(run(account, name, options), "not_found", f"{about} in cn-north-1", cause, cure)


# --- five tokens an hour ---------------------------------------------------------------------------------------------

# Each of these outlives the one before, so that none can be used for the other.
FIVE_TOKENS = [{**TOKEN, "hours": hours, "min_remaining": hours * 60 - 30} for hours in range(1, 6)]
SIXTH = {"hours": 6, "min_remaining": 330}
CANNOT_ISSUE = "issue a token of registry 'myregistry' in cn-north-1"


@pytest.fixture
def used_up(registry: Account) -> Account:
    """The account, with a registry whose five tokens of this hour have been issued."""
    prepared(registry, *(("jcr_token", options) for options in FIVE_TOKENS))
    assert issued(registry) == 5
    return registry


@pytest.mark.parametrize("name", ["jcr_token", "jcr_login"])
def test_sixth_token(used_up: Account, run: Run, name: str) -> None:
    """It is not asked for, the failure says when the next one can be had, and a prediction says the same."""
    result = run(used_up, name, {**TOKEN, **SIXTH})
    cause = "5 were issued within the last hour, and the service allows 5 an hour"
    assert_failure(result, "token_budget", CANNOT_ISSUE, cause, "Run again then, or set on_rate_limit")
    assert result["error"]["retryable"] is True
    told = re.search(r"The next one can be issued at (\S+Z)\.", result["msg"])
    assert told, result["msg"]
    now = datetime.datetime.fromisoformat(used_up.emulator.clock())
    wait = datetime.datetime.fromisoformat(told[1]) - now
    longest = datetime.timedelta(hours=1, seconds=3)  # two for the blur of the clock, one since whole seconds are told
    assert datetime.timedelta(0) < wait <= longest

    predicted = run(used_up, name, {**TOKEN, **SIXTH}, check=True)
    assert (predicted["msg"], predicted["error"]) == (result["msg"], result["error"])
    assert calls(used_up, "getAuthorizationToken") == 5
    used_up.emulator.clock(advance_seconds=wait.total_seconds())
    assert run(used_up, name, {**TOKEN, **SIXTH})["changed"] is True


@pytest.mark.parametrize("name", ["jcr_token", "jcr_login"])
def test_reuse_instead_of_a_sixth_token(used_up: Account, run: Run, name: str) -> None:
    wish = {**TOKEN, **SIXTH, "on_rate_limit": "reuse"}
    predicted = run(used_up, name, wish, check=True)
    done = run(used_up, name, wish)
    assert predicted["changed"] is done["changed"] is (name == "jcr_login")
    again = run(used_up, name, wish)
    assert again["changed"] is False, "what was reused is good enough the next time, too"
    if name == "jcr_token":
        assert (done["token"]["issued"], done["token"]["source"]) == (False, "cache")
        assert done["token"]["expires_at"] == predicted["token"]["expires_at"]
    assert calls(used_up, "getAuthorizationToken") == 5


def test_nothing_to_reuse(used_up: Account, run: Run) -> None:
    """The tokens were released, but they count all the same."""
    prepared(used_up, ("jcr_token", {**TOKEN, "state": "absent", "all": True}))
    wish = {**TOKEN, "on_rate_limit": "reuse"}
    result = run(used_up, "jcr_token", wish)
    assert_failure(result, "token_budget", CANNOT_ISSUE, "5 were issued within the last hour", "Run again then")
    assert run(used_up, "jcr_token", wish, check=True)["msg"] == result["msg"]


def test_waiting_is_limited_by_the_deadline(used_up: Account, run: Run) -> None:
    wish = {**TOKEN, **SIXTH, "on_rate_limit": "wait", "deadline": 60}
    result = run(used_up, "jcr_token", wish)
    assert_failure(result, "token_budget", CANNOT_ISSUE, "5 were issued", "raise deadline")
    assert run(used_up, "jcr_token", wish, check=True)["msg"] == result["msg"]


def test_sixth_token_that_only_the_service_knows_of(used_up: Account, run: Run) -> None:
    """Another user has issued them."""
    somebody = other(used_up, JCR_TOKEN_CACHE=str(used_up.home / "another-cache"))
    result = run(somebody, "jcr_token", TOKEN)
    cause = "the service refused (the service answered 429 QUOTA_EXCEEDED"
    assert_failure(result, "token_budget", CANNOT_ISSUE, cause, "Run again then")
    assert "The service does not say when the next one can be issued, at the latest it is in an hour" in result["msg"]
    assert issued(used_up) == 5


# --- the way to the service ------------------------------------------------------------------------------------------


def test_endpoint_down(account: Account, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    down = {**REGISTRY, **IMPATIENT, "endpoint": f"http://127.0.0.1:{free}"}
    result = run(account, "jcr_registry", down)
    assert_failure(result, "unreachable", CANNOT_READ, f"127.0.0.1:{free} refuses the connection", "nothing listens")
    assert result["error"]["retryable"] is True


@pytest.mark.parametrize("action", ["hang", {"slow": {"seconds": 60}}], ids=["hangs", "slow"])
def test_endpoint_that_does_not_answer_in_time(account: Account, run: Run, action: t.Any) -> None:
    strike(account, action)
    result = run(account, "jcr_registry", {**REGISTRY, **IMPATIENT})
    assert_failure(result, "unreachable", CANNOT_READ, "did not answer within 0.5 seconds", "the network and the proxy")


def test_deadline(account: Account, run: Run) -> None:
    """However often and long each request may be tried, the task ends in time."""
    strike(account, "hang")
    result = run(account, "jcr_registry", {**REGISTRY, "timeout": 3600, "retries": 100, "deadline": 1})
    assert_failure(result, "deadline", CANNOT_READ, "the task's deadline of 1 seconds passed", "Raise deadline")


ANSWERS_OF_OTHERS = [
    # action, kind, cause, cure, whether there is a request id
    ({"status": {"http": 502, "html": True}}, "server", "HTTP status 502 (text/html", "a little later", False),
    (
        {"status": {"http": 200, "html": True}},
        "protocol",
        "it is not JSON; it begins with '<html>",
        CHECK_ENDPOINT,
        False,
    ),
    ({"status": {"http": 500, "empty": True}}, "server", "it is empty", "a little later", False),
    ({"status": {"http": 404, "request_id": False}}, "protocol", "it has no requestId", CHECK_ENDPOINT, False),
    ({"status": {"http": 500, "request_id": False}}, "server", "500 INTERNAL", "a little later", False),
    ({"status": {"http": 503}}, "server", "503 UNAVAILABLE", "a little later", True),
    ({"status": {"http": 429}}, "rate_limited", "429 RATE_LIMIT", "a little later", True),
    ({"status": {"http": 429, "retry_after": 30}}, "rate_limited", "429 RATE_LIMIT", "asks to wait 30 seconds", True),
    ({"body": {"text": '{"result": {"registry": {}}}'}}, "protocol", "it has no requestId", CHECK_ENDPOINT, False),
    ({"wrong_type": {"member": "result.registry", "value": 7}}, "protocol", "of a wrong type", CHECK_ENDPOINT, True),
    ({"wrong_type": {"member": "result.registry.name", "value": 7}}, "protocol", "registry whose name", "Check", True),
    ({"wrong_type": {"member": "result", "value": None}}, "protocol", "its result has no registry", "Check", True),
    ({"cut": {"after_bytes": 9}}, "unreachable", "cut the connection before its answer was complete", "Check", False),
    ("reset", "unreachable", "cut the connection before its answer was complete", "Check", False),
    ({"redirect": {"location": "https://evil.example.com/x"}}, "protocol", "to 'evil.example.com'", "portal", False),
]


@pytest.mark.parametrize(
    ("action", "kind", "cause", "cure", "answered"), ANSWERS_OF_OTHERS, ids=[as_id(row[0]) for row in ANSWERS_OF_OTHERS]
)
def test_answer_that_is_none(
    registry: Account, run: Run, action: t.Any, kind: str, cause: str, cure: str, answered: bool
) -> None:
    strike(registry, action)
    result = run(registry, "jcr_registry", {**REGISTRY, "retries": 0})
    assert_failure(result, kind, CANNOT_READ, cause, cure, answered=answered)
    assert "http://" not in result["msg"], "a redirect's target is told by its host only"


def test_trouble_that_passes(registry: Account, run: Run) -> None:
    """A page of HTML, and a lost answer to a read: tried again."""
    faults = [{"status": {"http": 502, "html": True}}, "reset"]
    registry.emulator.faults([{"match": {"operation": "describeRegistry"}, "action": action} for action in faults])
    result = run(registry, "jcr_registry", REGISTRY)
    assert not result.get("failed") and result["changed"] is False


# --- lost answers of writes ------------------------------------------------------------------------------------------

DONE_UNHEARD = ["lost_answer", {"body": {"text": "<html>Bad gateway</html>", "http": 502, "commit": True}}]
NOT_DONE = ["reset", {"status": {"http": 502, "html": True}}]
WRITES = [
    # operation, module, options, what has to be there, act and object
    ("createRegistry", "jcr_registry", REGISTRY, [], "create registry 'myregistry' in cn-north-1"),
    (
        "deleteRegistry",
        "jcr_registry",
        {**REGISTRY, "state": "absent"},
        [("jcr_registry", REGISTRY)],
        "delete registry 'myregistry' in cn-north-1",
    ),
    (
        "createRepository",
        "jcr_repository",
        REPOSITORY,
        [("jcr_registry", REGISTRY)],
        "create repository 'shop/web' in registry 'myregistry' in cn-north-1",
    ),
    (
        "deleteRepository",
        "jcr_repository",
        {**REPOSITORY, "state": "absent"},
        [("jcr_registry", REGISTRY), ("jcr_repository", REPOSITORY)],
        "delete repository 'shop/web' in registry 'myregistry' in cn-north-1",
    ),
    (
        "releaseAuthorizationToken",
        "jcr_token",
        {**TOKEN, "state": "absent"},
        [("jcr_registry", REGISTRY), ("jcr_token", TOKEN)],
        "release",
    ),
]
Write = tuple[str, str, dict[str, t.Any], list[t.Any], str]


@pytest.mark.parametrize("action", DONE_UNHEARD, ids=as_id)
@pytest.mark.parametrize("write", WRITES, ids=[row[0] for row in WRITES])
def test_lost_answer_is_settled_by_reading(account: Account, run: Run, write: Write, action: t.Any) -> None:
    """The write was done: the task changed something, and sent it once."""
    operation, name, options, first, _about = write
    prepared(account, *first)
    strike(account, action, operation)
    result = run(account, name, options)
    assert not result.get("failed"), result
    assert result["changed"] is True
    assert calls(account, operation) == 1
    account.emulator.faults([])
    assert run(account, name, options)["changed"] is False


@pytest.mark.parametrize("action", NOT_DONE, ids=as_id)
@pytest.mark.parametrize("write", WRITES[:4], ids=[row[0] for row in WRITES[:4]])
def test_write_of_which_nobody_knows(account: Account, run: Run, write: Write, action: t.Any) -> None:
    """It was not done, and is not sent again by this task; the next run does it."""
    operation, name, options, first, about = write
    prepared(account, *first)
    strike(account, action, operation)
    result = run(account, name, options)
    cause = "the request was sent, but no answer came that tells whether it was done"
    assert_failure(result, "unknown_outcome", about, cause, "Run the task again: it reads the present state first")
    assert calls(account, operation) == 1
    account.emulator.faults([])
    assert run(account, name, options)["changed"] is True


@pytest.mark.parametrize("action", DONE_UNHEARD, ids=as_id)
def test_lost_answer_to_an_issue(registry: Account, run: Run, action: t.Any) -> None:
    """The service lists the new token, so that it is found there, and used as if the answer had come."""
    strike(registry, action, "getAuthorizationToken", times=1)
    result = run(registry, "jcr_token", TOKEN)
    assert not result.get("failed"), result["msg"]
    assert (result["changed"], result["token"]["issued"], result["token"]["source"]) == (True, True, "api")
    after = run(registry, "jcr_token", TOKEN)
    assert (after["changed"], after["token"]["source"], after["token"]["issued_last_hour"]) == (False, "cache", 1)
    assert calls(registry, "getAuthorizationToken") == 1


@pytest.mark.parametrize("action", NOT_DONE, ids=as_id)
def test_lost_issue(registry: Account, run: Run, action: t.Any) -> None:
    """Whether it was done is not known: it counts as one of the five, and is not asked for again by this task."""
    strike(registry, action, "getAuthorizationToken", times=1)
    result = run(registry, "jcr_token", TOKEN)
    about = "issue a token for registry 'myregistry' in cn-north-1"
    cure = "it counts as one of the 5 of this hour. Run again: if it was, it is used."
    assert_failure(result, "unknown_outcome", about, "the request was sent, but no answer came", cure)
    assert calls(registry, "getAuthorizationToken") == 1
    after = run(registry, "jcr_token", TOKEN)
    assert (after["token"]["issued"], after["token"]["issued_last_hour"]) == (True, 2)


# --- the registry's host ---------------------------------------------------------------------------------------------

FOREIGN = [
    # what the service says the registry's host is
    "evil.example.com",
    "myregistry-cn-north-1.jcr.service.jdcloud.com.evil.example.com",
    "myregistry-cn-north-1.jcr.service.jdcloud.com:8443",
    "other-cn-north-1.jcr.service.jdcloud.com",
    "10.0.0.1:5000",
]
NO_HOSTS = ["myregistry-cn-north-1.jcr.service.jdcloud.com@evil.example.com", "evil.example.com/", "evil.example.com\n"]
ASKING_A_HOST = [row for row in ONE_TASK_EACH if row[0] in ("jcr_token", "jcr_login", "jcr_image")]


@pytest.fixture
def everything_else_goes_to(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[Account, ScriptedServer], Account]:
    """Make a server the proxy to all hosts but this machine: it sees whatever is sent to a foreign host."""

    def use(account: Account, sink: ScriptedServer) -> Account:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        for name in names:
            monkeypatch.setenv(name, sink.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        return other(account, **dict.fromkeys(names, sink.url))

    return use


@pytest.mark.parametrize("uri", [*FOREIGN, *NO_HOSTS])
def test_foreign_registry_host(
    registry: Account, run: Run, everything_else_goes_to: t.Callable[..., Account], uri: str
) -> None:
    """Nothing at all is sent there, and no token is issued for it."""
    prepared(registry, ("jcr_repository", REPOSITORY))
    strike(registry, {"wrong_type": {"member": "result.registry.registryUri", "value": uri}}, "describeRegistry")
    with ScriptedServer() as sink:
        account = everything_else_goes_to(registry, sink)
        for name, options in ASKING_A_HOST:
            result = run(account, name, options)
            about = {
                "jcr_token": "get a token of registry 'myregistry' in cn-north-1",
                "jcr_login": "log in to registry 'myregistry' in cn-north-1",
                "jcr_image": "push image 'shop:1.0' to 'shop/web' of registry 'myregistry' in cn-north-1",
            }[name]
            cause, cure = ("the registry host is", "to allowed_registry_hosts")
            if uri in NO_HOSTS:
                cause, cure = ("is not a registry host", "Nothing was sent there")
            assert_failure(result, "host_not_allowed", about, cause, cure)
        assert sink.connections == 0
    assert issued(registry) == 0


def test_foreign_registry_host_that_the_user_allows(
    registry: Account, run: Run, everything_else_goes_to: t.Callable[..., Account]
) -> None:
    """The proof that the sink above would see something."""
    strike(registry, {"wrong_type": {"member": "result.registry.registryUri", "value": FOREIGN[0]}}, "describeRegistry")
    options = {**TOKEN, "allowed_registry_hosts": [FOREIGN[0]], "retries": 0}
    with ScriptedServer(reply(403)) as sink:
        result = run(everything_else_goes_to(registry, sink), "jcr_login", options)
        assert result["failed"] is True
        assert [(request.method, request.target) for request in sink.requests] == [("CONNECT", f"{FOREIGN[0]}:443")]


# --- the .xlsx file --------------------------------------------------------------------------------------------------


def make_directory(place: pathlib.Path) -> pathlib.Path:
    (place / "myregistry-token.xlsx").mkdir()
    return place  # a directory gets a file of this name


def make_link(place: pathlib.Path) -> pathlib.Path:
    (place / "other").write_text("kept")
    (place / "token.xlsx").symlink_to(place / "other")
    return place / "token.xlsx"


def make_dead_link(place: pathlib.Path) -> pathlib.Path:
    (place / "token.xlsx").symlink_to(place / "nowhere")
    return place / "token.xlsx"


def make_pipe(place: pathlib.Path) -> pathlib.Path:
    os.mkfifo(place / "token.xlsx")
    return place / "token.xlsx"


def make_file(place: pathlib.Path) -> pathlib.Path:
    (place / "file").write_text("kept")
    return place / "file" / "token.xlsx"


BAD_TARGETS = [
    (make_directory, "it is a directory", "Name a file"),
    (make_link, "it is a symbolic link", "Name the file itself, or remove the link"),
    (make_dead_link, "it is a symbolic link", "Name the file itself, or remove the link"),
    (make_pipe, "it is a named pipe", "Name a regular file"),
    (make_file, "Not a directory", "A part of its path is a file"),
    (lambda place: place / "no" / "token.xlsx", "No such file or directory", "Create its directory first"),
]


@pytest.mark.parametrize(("make", "cause", "cure"), BAD_TARGETS, ids=[row[1] for row in BAD_TARGETS])
def test_xlsx_target_that_cannot_be_written(
    registry: Account, run: Run, make: t.Callable[[pathlib.Path], pathlib.Path], cause: str, cure: str
) -> None:
    """A token that cannot be written down is not issued."""
    place = registry.home / "files"
    place.mkdir()
    dest = make(place)
    before = sorted((path, path.lstat().st_size) for path in place.rglob("*"))
    written = dest / "myregistry-token.xlsx" if dest.is_dir() else dest
    for check in (False, True):
        result = run(registry, "jcr_token", {**TOKEN, "dest": str(dest)}, check=check)
        assert_failure(result, "file", f"write '{written}'", cause, cure)
    assert calls(registry, "getAuthorizationToken") == 0
    assert sorted((path, path.lstat().st_size) for path in place.rglob("*")) == before


def test_xlsx_target_without_permission(registry: Account) -> None:
    """As root nothing is forbidden; so somebody else tries."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o555)
        dest = f"{place}/token.xlsx"
        for options in ({"check": True}, {}):
            wish = functools.partial(run_here, registry, "jcr_token", {**TOKEN, "dest": dest}, **options)
            cure = "Run the task as a user who may do that"
            assert_failure(as_nobody(wish), "file", f"write '{dest}'", "Permission denied", cure)
        assert os.listdir(place) == []
    assert calls(registry, "getAuthorizationToken") == 0


def test_login_file_in_a_folder_that_may_not_be_looked_into(registry: Account) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        closed, cache = f"{place}/closed", f"{place}/cache"
        os.mkdir(closed, 0o700 if os.geteuid() == 0 else 0)
        os.mkdir(cache)
        give_to_nobody(place, cache)
        options = {**TOKEN, "config_path": f"{closed}/config.json", "cache": cache}
        for check in (True, False):
            result = as_nobody(functools.partial(run_here, registry, "jcr_login", options, check=check))
            assert result["failed"] is True
            assert f"{closed}/config.json" in result["msg"]
            assert "Permission denied" in result["msg"] and "defect" not in result["msg"]
        os.chmod(closed, 0o700)
    assert calls(registry, "getAuthorizationToken") == 0


UNWRITABLE = {
    "read-only": lambda cache: os.chmod(cache, 0o500),
    "missing": lambda cache: os.rmdir(cache) or os.chmod(os.path.dirname(cache), 0o555),
}


@pytest.mark.parametrize("make", UNWRITABLE.values(), ids=UNWRITABLE)
@pytest.mark.parametrize("module", ["jcr_token", "jcr_login", "jcr_preflight"])
def test_token_cache_without_permission(registry: Account, make: t.Callable[[str], t.Any], module: str) -> None:
    """Foreseen by check mode and preflight, in the same words; nothing is issued that could not be kept."""
    # Where user nobody gets to: the suite's own folder for temporary files is closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        options = {
            "jcr_token": TOKEN,
            "jcr_login": {**TOKEN, "config_path": f"{place}/config.json"},
            "jcr_preflight": {"registries": [{**REGISTRY, "tokens_needed": 1}]},
        }[module]
        cache = f"{place}/cache"
        os.mkdir(cache)
        give_to_nobody(place, cache)
        make(cache)
        before = os.stat(place).st_mode, sorted(os.listdir(place))
        wish = functools.partial(run_here, registry, module, {**options, "cache": cache})
        told = [as_nobody(functools.partial(wish, check=check)) for check in (True, False)]
        assert (os.stat(place).st_mode, sorted(os.listdir(place))) == before
        os.chmod(place, 0o700)
    for result in told:
        assert result["failed"] is True
        assert f"annot use the directory '{cache}': Permission denied" in result["msg"]
        assert "named by JCR_TOKEN_CACHE" in result["msg"]
    assert told[0]["msg"] == told[1]["msg"]
    assert calls(registry, "getAuthorizationToken") == 0


# --- the Docker Engine -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["present", "pulled"])
def test_docker_engine_is_not_running(registry: Account, run: Run, state: str) -> None:
    prepared(registry, ("jcr_repository", REPOSITORY))
    missing = registry.home / "docker.sock"
    options = {**IMAGE, "state": state, "docker_host": f"unix://{missing}"}
    if state == "pulled":
        del options["source"]
    result = run(registry, "jcr_image", options)
    if state == "pulled":  # there is no image yet, which is found out without an engine
        about = "pull latest from 'shop/web' of registry 'myregistry' in cn-north-1"
        assert_failure(result, "image_not_found", about, "there is no image", "Push it first, or check the tag")
        return
    about = "push image 'shop:1.0' to 'shop/web' of registry 'myregistry' in cn-north-1"
    cause = f"the Docker Engine at unix://{missing} cannot be reached: there is no such socket"
    assert_failure(result, "engine", about, cause, "Start it (systemctl start docker)")
    with socket.socket(socket.AF_UNIX) as dead:  # its socket file stays when a daemon is killed
        dead.bind(str(missing))
    result = run(registry, "jcr_image", options)
    assert_failure(result, "engine", about, "nobody listens there: the engine is not running any more", "Start it")
    assert issued(registry) == 0


def test_docker_engine_without_permission(registry: Account) -> None:
    prepared(registry, ("jcr_repository", REPOSITORY))
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as engine:
        os.chmod(place, 0o755)
        engine.bind(f"{place}/docker.sock")
        engine.listen()
        os.chmod(f"{place}/docker.sock", 0o600)
        options = {**IMAGE, "docker_host": f"unix://{place}/docker.sock"}
        result = as_nobody(lambda: run_here(registry, "jcr_image", options))
    about = "push image 'shop:1.0' to 'shop/web' of registry 'myregistry' in cn-north-1"
    assert_failure(result, "engine", about, "permission denied", "Use become, or put the user into the group docker")
    assert issued(registry) == 0


def unreadable_file(place: pathlib.Path) -> pathlib.Path:
    path = archives.write_tar(place / "image.tar", archives.docker_files(b""))
    path.chmod(0)
    return path


def unreadable_layer(place: pathlib.Path) -> pathlib.Path:
    store = archives.Store()
    root = store.image("one")
    path = archives.write_folder(place / "layout", store.layout(root))
    layer = json.loads(store.blobs[root["digest"]])["layers"][0]["digest"]
    (path / "blobs" / "sha256" / layer[7:]).chmod(0)
    return path


def unreachable_file(place: pathlib.Path) -> pathlib.Path:
    place.chmod(0)
    return place / "image.tar"


@pytest.mark.parametrize("make", [unreadable_file, unreadable_layer, unreachable_file])
def test_archive_without_permission(registry: Account, make: t.Callable[[pathlib.Path], pathlib.Path]) -> None:
    """Foreseen by check mode, in the same words; a layer that cannot be read, too."""
    prepared(registry, ("jcr_repository", REPOSITORY))
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = str(make(pathlib.Path(folder)))
        options = {"registry": "myregistry", "repository": "shop/web", "archive": path}
        wish = functools.partial(run_here, registry, "jcr_image", options)
        for check in (True, False):
            result = as_nobody(functools.partial(wish, check=check))
            assert result["failed"] and result["error"]["kind"] == "file", result.get("msg")
            assert result["msg"].startswith(f"Cannot read '{path}") and "': Permission denied. Check" in result["msg"]
        os.chmod(folder, 0o755)
    assert issued(registry) == 0


def unwritable_file(place: pathlib.Path) -> pathlib.Path:
    path = place / "progress.jsonl"
    path.touch(0o644)
    return path


@pytest.mark.parametrize("make", [unwritable_file, lambda place: place / "new.jsonl"], ids=["file", "directory"])
def test_progress_file_without_permission(registry: Account, make: t.Callable[[pathlib.Path], pathlib.Path]) -> None:
    """Foreseen before anything is asked."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        path = str(make(pathlib.Path(folder)))
        start = len(registry.emulator.requests())
        wish = functools.partial(run_here, registry, "jcr_image", {**IMAGE, "progress_file": path})
        for check in (True, False):
            about, cure = f"write the progress to '{path}'", "Run the task as a user who may do that"
            assert_failure(as_nobody(functools.partial(wish, check=check)), "file", about, "Permission denied", cure)
        assert len(registry.emulator.requests()) == start
        assert os.listdir(folder) == [os.path.basename(path)] * os.path.exists(path)


def test_undeclared_repository(registry: Account, run: Run) -> None:
    """Known before the engine is asked."""
    result = run(registry, "jcr_image", {**IMAGE, "docker_host": "unix:///nonexistent/docker.sock"})
    about = "push image 'shop:1.0' to 'shop/web' of registry 'myregistry' in cn-north-1"
    cause = "repository 'shop/web' does not exist in registry 'myregistry'"
    assert_failure(result, "not_found", about, cause, "Create it with jcr_repository first, or check its name")


# --- the clock -------------------------------------------------------------------------------------------------------

DAY = 86400


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_clock_is_wrong(account: Account, run: Run, seconds: int) -> None:
    """The service tells its time with its refusal; the second try goes by that."""
    account.emulator.clock(advance_seconds=seconds)
    result = run(account, "jcr_registry", REGISTRY)
    assert not result.get("failed") and result["changed"] is True
    assert calls(account, "createRegistry") == 1
    assert [entry["status"] for entry in account.emulator.requests()].count(401) == 1


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_tokens_are_kept_by_the_service_time(registry: Account, run: Run, seconds: int) -> None:
    """A token of the future is neither taken for an expired one nor thrown away."""
    registry.emulator.clock(advance_seconds=seconds)
    first = run(registry, "jcr_token", TOKEN)
    assert first["changed"] is True
    assert 11.9 * 3600 < first["token"]["expires_in"] <= 12 * 3600
    assert run(registry, "jcr_token", TOKEN)["changed"] is False


@pytest.mark.parametrize(("seconds", "direction"), [(DAY, "behind"), (-DAY, "ahead of")])
def test_clock_is_wrong_and_that_is_not_all(account: Account, run: Run, seconds: int, direction: str) -> None:
    """The corrected time did not help, so that the message tells both."""
    account.emulator.clock(advance_seconds=seconds)
    result = run(other(account, JDCLOUD_SECRET_KEY="w" * 32), "jcr_registry", REGISTRY)
    cause = f" {direction} the service's"
    assert_failure(result, "authentication", CANNOT_READ, cause, "Set the clock of this machine", answered=True)
    assert re.search(rf"the local clock is (1 day, 0:0|23:59:).* {direction}", result["msg"])
    assert len(account.emulator.requests()) == 2
