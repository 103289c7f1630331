# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_login for several users and with a chosen store, as a module and in the controller's process."""

from __future__ import annotations

import functools
import json
import os
import pwd
import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _userlogins
from tests.support.emulator import RunningEmulator
from tests.support.examples import install_helper
from tests.support.failures import assert_failure
from tests.support.forked import as_nobody
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY = "myregistry"
ABOUT = f"log in to registry '{REGISTRY}' in cn-north-1"
ROOT = os.geteuid() == 0
ME = pwd.getpwuid(os.geteuid())
SOMEBODY = pwd.getpwnam("daemon")  # a user that every machine has, with a home that it does not own


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with a registry, and a credential helper called vault on its PATH."""
    programs = tmp_path / "bin"
    install_helper(programs, "vault")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    account = Account(emulator, tmp_path)
    ok(run_here(account, "jcr_registry", {"name": REGISTRY}))
    return account


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


@pytest.fixture
def place() -> t.Iterator[Path]:
    """A directory of SOMEBODY, if that can be had; else one's own. pytest's directories are the runner's alone."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    if ROOT:
        os.chown(path, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    yield path
    shutil.rmtree(path)


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def host_of(account: Account) -> str:
    return t.cast(str, account.emulator.state()["registries"][0]["uri"])


def issued(account: Account) -> int:
    return sum(entry["token_issued"] for entry in account.emulator.requests())


def ritual(
    account: Account, run: Run, config: Path, options: dict[str, t.Any], text: str = "{}"
) -> list[dict[str, t.Any]]:
    """Predicted, done, nothing left to do; there and away again. Returns what each state left in the file."""
    config.write_text(text)
    left = []
    for state in ("present", "absent"):
        wish = {"registry": REGISTRY, "config_path": str(config), "state": state, **options}
        before = config.read_text()
        predicted = ok(run(account, "jcr_login", wish, check=True))
        assert config.read_text() == before
        done, again = ok(run(account, "jcr_login", wish)), ok(run(account, "jcr_login", wish))
        assert [predicted["changed"], done["changed"], again["changed"]] == [True, True, False]
        assert predicted["diff"] == done["diff"]
        assert [entry["host"] for entry in done["logins"]] == [host_of(account)]
        told, guessed = done["logins"][0], predicted["logins"][0]
        assert {**told, "expires_at": None} == {**guessed, "expires_at": None}
        left.append(json.loads(config.read_text()))
    return left


# --- stores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "configured", [{}, {"credsStore": "not-installed"}, {"credsStore": "not-installed", "psFormat": "table"}], ids=str
)
def test_into_the_file(account: Account, run: Run, configured: dict[str, str]) -> None:
    config = account.home / "config.json"
    there, gone = ritual(account, run, config, {"store": "file"}, json.dumps(configured))
    assert there.pop("auths").keys() == {host_of(account)}
    assert there == {**configured, **({"credHelpers": {host_of(account): ""}} if configured else {})}
    assert gone == {**configured, "auths": {}}


def test_into_the_file_instead_of_a_helper(account: Account, run: Run) -> None:
    """A login that is there already, but where docker would not look, is put in force."""
    config, host = account.home / "config.json", host_of(account)
    wish = {"registry": REGISTRY, "config_path": str(config), "store": "file"}
    ok(run_here(account, "jcr_login", wish))
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "credHelpers": {host: "vault"}}))
    predicted, done, again = (run(account, "jcr_login", wish, check=check) for check in (True, False, False))
    assert [ok(result)["changed"] for result in (predicted, done, again)] == [True, True, False]
    assert predicted["diff"] == done["diff"]
    assert done["diff"]["before"][REGISTRY]["store"] == "vault"
    assert done["diff"]["after"][REGISTRY]["store"] == done["logins"][0]["store"] == "file"
    assert json.loads(config.read_text()) == document
    assert issued(account) == 1


def test_into_a_helper(account: Account, run: Run) -> None:
    config, host = account.home / "config.json", host_of(account)
    there, gone = ritual(account, run, config, {"store": "vault"}, '{"credHelpers": {"a.example": "other"}}')
    assert there == {"credHelpers": {"a.example": "other", host: "vault"}, "auths": {host: {}}}
    assert gone == {"credHelpers": {"a.example": "other"}, "auths": {}}
    assert list((account.home / "bin" / "vault").iterdir()) == []


def test_where_the_configuration_says(account: Account, run: Run) -> None:
    """That is what happens without the option; the result tells where it is."""
    config, host = account.home / "config.json", host_of(account)
    there, gone = ritual(account, run, config, {}, '{"credsStore": "vault"}')
    assert there == {"credsStore": "vault", "auths": {host: {}}}
    assert gone == {"credsStore": "vault", "auths": {}}
    wish = {"registry": REGISTRY, "config_path": str(config)}
    assert ok(run(account, "jcr_login", wish))["logins"][0]["store"] == "vault"


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check", [True, False])
def test_a_helper_that_is_not_installed(account: Account, run: Run, state: str, check: bool) -> None:
    config = account.home / "config.json"
    wish = {"registry": REGISTRY, "config_path": str(config), "store": "not-installed", "state": state}
    result = run(account, "jcr_login", wish, check=check)
    about = ABOUT if state == "present" else ABOUT.replace("log in to", "log out of")
    cause = "store is 'not-installed', but there is no program docker-credential-not-installed"
    assert_failure(result, "configuration", about, cause, "or choose another store")
    assert not config.exists()
    assert issued(account) == 0


@pytest.mark.parametrize("store", ["", "../vault", "a b", "-x"])
def test_what_is_no_store(account: Account, run: Run, store: str) -> None:
    result = run(account, "jcr_login", {"registry": REGISTRY, "store": store})
    assert_failure(result, "configuration", ABOUT, f"store is {store!r}", "Choose auto, file, or NAME")


def test_a_configured_store_that_does_not_work_tells_the_way_out(account: Account, run: Run) -> None:
    config = account.home / "config.json"
    config.write_text('{"credsStore": "not-installed"}')
    result = run(account, "jcr_login", {"registry": REGISTRY, "config_path": str(config)})
    assert_failure(result, "configuration", ABOUT, "names a credential store", "or set store to file")


# --- users -----------------------------------------------------------------------------------------------------------


def test_oneself_by_name(account: Account, run: Run) -> None:
    """The same login as without the name, but for the keys of the diff."""
    config = account.home / "config.json"
    there, gone = ritual(account, run, config, {"users": [ME.pw_name]})
    assert (there["auths"].keys(), gone["auths"]) == ({host_of(account)}, {})
    wish = {"registry": REGISTRY, "config_path": str(config)}
    named = ok(run(account, "jcr_login", {**wish, "users": [ME.pw_name, ME.pw_name]}))
    unnamed = ok(run(account, "jcr_login", wish))
    assert (named["changed"], unnamed["changed"]) == (True, False)
    assert list(named["diff"]["after"]) == [f"{REGISTRY} for {ME.pw_name}"]
    assert {**named["logins"][0], "changed": False} == unnamed["logins"][0]
    assert named["logins"][0]["owner"] == ME.pw_name
    assert config.stat().st_uid == os.geteuid()
    assert issued(account) == 1


def test_somebody_else(account: Account, run: Run, place: Path) -> None:
    """Root may; the file is that user's. Anybody else is told how to become root."""
    config = place / "config.json"
    wish = {"registry": REGISTRY, "users": [SOMEBODY.pw_name], "config_path": str(config)}
    if not ROOT:
        result = run(account, "jcr_login", wish)
        assert_failure(result, "configuration", ABOUT, "only root may work for user 'daemon'", "Set become: true.")
        return
    predicted, done, again = (run(account, "jcr_login", wish, check=check) for check in (True, False, False))
    assert [ok(result)["changed"] for result in (predicted, done, again)] == [True, True, False]
    assert predicted["diff"] == done["diff"]
    assert (config.stat().st_uid, config.stat().st_mode & 0o777) == (SOMEBODY.pw_uid, 0o600)
    assert done["logins"][0]["owner"] == SOMEBODY.pw_name
    assert ok(run(account, "jcr_login", {**wish, "state": "absent"}))["changed"] is True
    assert json.loads(config.read_text())["auths"] == {}


def test_a_link_of_somebody_else_leads_root_nowhere(account: Account, run: Run, place: Path) -> None:
    """Not to a file of root; without root there is nothing to lead astray, and the task fails before."""
    config, target = place / "config.json", account.home / "config.json"
    target.write_text("{}")
    config.symlink_to(target)
    os.chown(config, place.stat().st_uid, place.stat().st_gid, follow_symlinks=False)
    result = run(account, "jcr_login", {"registry": REGISTRY, "users": ["daemon"], "config_path": str(config)})
    assert result["failed"] and result["changed"] is False
    assert result["error"]["kind"] == ("file" if ROOT else "configuration")
    assert target.read_text() == "{}"
    assert issued(account) == 0


def test_without_root_nobody_else(account: Account) -> None:
    """Whoever runs the tests: the task is one of user nobody."""
    account.overrides["JCR_TOKEN_CACHE"] = str(account.home / "cache")
    result = as_nobody(lambda: run_here(account, "jcr_login", {"registry": REGISTRY, "users": ["root"]}))
    assert_failure(result, "configuration", ABOUT, "only root may work for user 'root'", "Set become: true.")


@pytest.mark.parametrize("check", [True, False])
def test_a_user_that_does_not_exist(account: Account, run: Run, check: bool) -> None:
    """Also beside one that does: nothing is issued and nothing written."""
    config = account.home / "config.json"
    wish = {"registry": REGISTRY, "users": [ME.pw_name, "no-such-user"], "config_path": str(config)}
    result = run(account, "jcr_login", wish, check=check)
    cause = "there is no user 'no-such-user' on the machine"
    assert_failure(result, "configuration", ABOUT, cause, "Create the user first, or correct its name.")
    assert not config.exists()


@pytest.mark.parametrize("check", [True, False])
def test_the_home_of_a_user_that_does_not_exist(
    account: Account, run: Run, check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder of that name is made where the task happens to be."""
    monkeypatch.chdir(account.home)
    before = os.listdir(account.home)
    result = run(account, "jcr_login", {"registry": REGISTRY, "config_path": "~no-such-user/config.json"}, check=check)
    cause = "config_path '~no-such-user/config.json' begins with the home of a user that is not on the machine"
    assert_failure(result, "configuration", ABOUT, cause, "Correct the user's name, or give a path without '~'.")
    assert os.listdir(account.home) == before
    assert issued(account) == 0
    assert issued(account) == 0


def test_no_user_at_all(account: Account, run: Run) -> None:
    result = run(account, "jcr_login", {"registry": REGISTRY, "users": []})
    assert_failure(result, "configuration", ABOUT, "users is an empty list", "Name a user, or leave it out.")


def test_one_file_for_two_users(account: Account, run: Run, place: Path) -> None:
    """It could only be right for one of them."""
    wish = {"registry": REGISTRY, "users": [ME.pw_name, SOMEBODY.pw_name], "config_path": str(place / "config.json")}
    result = run(account, "jcr_login", wish)
    if ROOT:
        cause = f"would be the docker configuration of several users ('{ME.pw_name}', 'daemon')"
        assert_failure(result, "configuration", ABOUT, cause, "Begin config_path with ~/")
    else:
        assert_failure(result, "configuration", ABOUT, "only root may work for user 'daemon'", "Set become: true.")
    assert list(place.iterdir()) == []


# --- several users, with homes of their own --------------------------------------------------------------------------


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[dict[str, Path]]:
    """Users that this machine does not have: under root with an id of nobody else's, otherwise with one's own."""
    base = Path(tempfile.mkdtemp(dir="/tmp"))
    base.chmod(0o755)
    ids = (65534, 65534) if ROOT else (ME.pw_uid, ME.pw_gid)
    made = {name: base / name for name in ("builder", "release")}
    for home in made.values():
        home.mkdir(mode=0o700)
        os.chown(home, *ids)

    def lookup(name: str) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", *ids, "", str(made[name]), "/bin/sh"))

    monkeypatch.setattr(_userlogins, "as_user", functools.partial(_userlogins.as_user, lookup=lookup))
    yield made
    shutil.rmtree(base)


def test_one_token_for_all_users(account: Account, homes: dict[str, Path]) -> None:
    wish = {"registry": REGISTRY, "users": list(homes), "config_path": "~/.config/docker.json"}
    for home in homes.values():
        (home / ".config").mkdir()
        os.chown(home / ".config", home.stat().st_uid, home.stat().st_gid)
    for options, path in ((wish, ".config/docker.json"), ({**wish, "config_path": None}, ".docker/config.json")):
        predicted, done, again = (
            run_here(account, "jcr_login", options, check=check) for check in (True, False, False)
        )
        assert [ok(result)["changed"] for result in (predicted, done, again)] == [True, True, False]
        assert predicted["diff"] == done["diff"]
        assert [(login["owner"], login["path"]) for login in done["logins"]] == [
            (name, str(home / path)) for name, home in homes.items()
        ]
        for home in homes.values():
            assert json.loads((home / path).read_text())["auths"].keys() == {host_of(account)}
            assert (home / path).stat().st_uid == home.stat().st_uid
    assert issued(account) == 1


def test_what_was_done_before_a_failure_is_told(account: Account, homes: dict[str, Path]) -> None:
    """The first user is logged in; the other one's lock is none. The next run does the rest."""
    wish = {"registry": REGISTRY, "users": list(homes)}
    lock = homes["release"] / ".docker" / "config.json.lock"
    lock.mkdir(parents=True)
    result = run_here(account, "jcr_login", wish)
    assert result["failed"] and result["changed"] is True
    assert result["error"]["kind"] == "file" and str(lock.with_suffix("")) in result["msg"]
    assert (homes["builder"] / ".docker" / "config.json").exists()
    lock.rmdir()
    os.chown(lock.parent, lock.parent.parent.stat().st_uid, lock.parent.parent.stat().st_gid)
    rest = ok(run_here(account, "jcr_login", wish))
    assert [login["changed"] for login in rest["logins"]] == [False, True]
    assert issued(account) == 1
