# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_token with source_xlsx: a token that somebody got in the console is used by all tasks, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import pathlib
import typing as t
import zipfile

import openpyxl
import pytest

from tests.support.emulator import RunningEmulator
from tests.support.failures import assert_failure
from tests.support.tasks import WAYS, Account, Run, run_here

TOKEN = {"registry": "myregistry"}
HOST = "myregistry-cn-north-1.jcr.service.jdcloud.com"


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    account = Account(emulator, tmp_path / "mine")
    account.home.mkdir()
    for name in ("myregistry", "another"):
        ok(run_here(account, "jcr_registry", {"name": name}))
    return account


@pytest.fixture
def console(account: Account, tmp_path: pathlib.Path) -> Account:
    """The same account, as somebody uses it without our cache."""
    return Account(account.emulator, tmp_path / "console")


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def issued(console: Account, registry: str = "myregistry", **options: t.Any) -> dict[str, t.Any]:
    wish = {"registry": registry, "return_secret": True, **options}
    return ok(run_here(console, "jcr_token", wish))["token"]


def issues(account: Account) -> int:
    return sum(entry["token_issued"] for entry in account.emulator.requests())


def save(path: pathlib.Path, *lines: t.Sequence[t.Any]) -> str:
    workbook = openpyxl.Workbook()
    for line in lines:
        workbook.active.append(line)
    path.parent.mkdir(exist_ok=True)
    workbook.save(path)
    return str(path)


def login(token: dict[str, t.Any], host: str | None = None) -> str:
    return f"docker login -u jdcloud -p {token['password']} {host or token['host']}"


# The vendor shows what the file has to hold, the token or the login command, but no layout.
LAYOUTS = {
    "a line for each field": lambda token: [
        ["Registry", "myregistry"],
        ["Token", token["authorization_token"]],
        ["Expires at", "2026-01-02 08:34:56"],
    ],
    "a heading for each field": lambda token: [
        ["Registry name", "Temporary token", "Valid until", "Docker client login command"],
        ["myregistry", token["authorization_token"], "2026-01-02 08:34:56", login(token)],
    ],
    "the login command": lambda token: [[login(token)]],
    "all in one cell": lambda token: [[f"Token: {token['authorization_token']}\nLog in to {token['host']} with it"]],
    "further down and right": lambda token: [[]] * 9 + [[None, None, None, 7, token["authorization_token"]]],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_file_of_the_console(account: Account, console: Account, run: Run, tmp_path, layout: t.Any) -> None:
    token = issued(console)
    path = save(tmp_path / "myregistry-token.xlsx", *layout(token))
    wish = {**TOKEN, "source_xlsx": path}
    predicted = ok(run(account, "jcr_token", wish, check=True))
    assert not (account.home / "cache").exists()
    done = ok(run(account, "jcr_token", wish))
    for result in (predicted, done):
        assert result["changed"] is True
        result["token"].pop("expires_in")
    assert {**predicted, "token": None} == {**done, "token": None}
    assert predicted["token"] == done["token"]
    assert (done["token"]["source"], done["token"]["issued"]) == ("xlsx", False)
    assert done["token"]["expires_at"] == token["expires_at"]
    again = ok(run(account, "jcr_token", wish))
    assert (again["changed"], again["token"]["source"]) == (False, "cache")
    assert issued(account)["password"] == token["password"]
    assert issues(account) == 1


def test_a_file_that_dest_wrote(account: Account, console: Account, run: Run, tmp_path: pathlib.Path) -> None:
    """From one controller to the other, and on."""
    path, copy = str(tmp_path / "myregistry-token.xlsx"), str(tmp_path / "copy.xlsx")
    token = issued(console, dest=path)
    wish = {**TOKEN, "source_xlsx": path, "dest": copy}
    predicted = ok(run(account, "jcr_token", wish, check=True))
    done = ok(run(account, "jcr_token", wish))
    assert predicted["diff"] == done["diff"]
    assert ok(run(account, "jcr_token", wish))["changed"] is False
    third = Account(account.emulator, tmp_path / "third")
    assert issued(third, source_xlsx=copy)["password"] == token["password"]
    assert issues(account) == 1


def test_the_file_wins_over_what_the_cache_holds(account: Account, console: Account, run: Run, tmp_path) -> None:
    ours, theirs = issued(account, hours=2), issued(console)
    path = save(tmp_path / "token.xlsx", [theirs["authorization_token"]])
    wish = {**TOKEN, "source_xlsx": path, "return_secret": True}
    assert ok(run(account, "jcr_token", wish))["token"]["password"] == theirs["password"] != ours["password"]
    assert ok(run(account, "jcr_token", {**TOKEN, "state": "absent"}))["released"] == 2


def test_a_rotation_takes_the_place_of_an_imported_token(
    account: Account, console: Account, run: Run, tmp_path
) -> None:
    path = save(tmp_path / "token.xlsx", [issued(console)["authorization_token"]])
    ok(run(account, "jcr_token", {**TOKEN, "source_xlsx": path}))
    assert ok(run(account, "jcr_token", {**TOKEN, "state": "rotated"}))["released"] == 1
    assert "the service does not list it as valid" in run(account, "jcr_token", {**TOKEN, "source_xlsx": path})["msg"]


# --- refused before anything is sent ---------------------------------------------------------------------------------

FOREIGN = {
    "authorization_token": base64.b64encode(b"jdcloud:0123456789abcdef").decode(),
    "password": "0123456789abcdef",
}
OTHER = {"authorization_token": base64.b64encode(b"jdcloud:fedcba9876543210").decode()}


def encrypted(path: pathlib.Path) -> None:
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 4096)


def with_entities(path: pathlib.Path) -> None:
    save(path, [FOREIGN["authorization_token"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data.replace(b"<worksheet", bomb + b"<worksheet"))


def in_wide_characters(path: pathlib.Path) -> None:
    save(path, [FOREIGN["authorization_token"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data.decode().encode("utf-16") if name.endswith("sheet1.xml") else data)


BAD_FILES: dict[str, tuple[t.Callable[[pathlib.Path], t.Any], str]] = {
    "missing": (lambda path: None, "there is no such file"),
    "directory": (lambda path: path.mkdir(), "it is a directory"),
    "link": (lambda path: path.symlink_to("elsewhere"), "it is a symbolic link"),
    "empty": (lambda path: path.write_bytes(b""), "not a workbook"),
    "text": (lambda path: path.write_text("token"), "not a workbook"),
    "encrypted": (encrypted, "it has a password, or it is of the old format .xls"),
    "too large": (lambda path: path.write_bytes(b"PK" * 1024 * 1024), "it is larger than"),
    "entities": (with_entities, "not a workbook"),
    "wide": (in_wide_characters, "not a workbook"),
    "no token": (lambda path: save(path, ["Sales", 7], ["jdcloud", "0123456789abcdef"]), "holds no token"),
    "a formula": (lambda path: save(path, [f'="{FOREIGN["authorization_token"]}"&A2']), "holds no token"),
    "two tokens": (
        lambda path: save(path, [FOREIGN["authorization_token"]], [OTHER["authorization_token"]]),
        "holds 2 different tokens",
    ),
    "another command": (
        lambda path: save(path, ["docker login -u me -p secretsecret " + HOST]),
        "not one of the service",
    ),
    "an open quote": (lambda path: save(path, [f"docker login -u jdcloud -p 'x {HOST}"]), "not one of the service"),
    "of another registry": (
        lambda path: save(path, [login(FOREIGN, HOST.replace("myregistry", "theirs"))]),
        "it is a token of registry 'theirs' in cn-north-1",
    ),
    "of another region": (
        lambda path: save(path, [FOREIGN["authorization_token"]], [HOST.replace("cn-north-1", "cn-east-2")]),
        "it is a token of registry 'myregistry' in cn-east-2",
    ),
}


@pytest.mark.parametrize(("plant", "cause"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_not_ours(account: Account, run: Run, tmp_path, plant: t.Any, cause: str) -> None:
    path = tmp_path / "token.xlsx"
    plant(path)
    before = len(account.emulator.requests())
    for check in (True, False):
        result = run(account, "jcr_token", {**TOKEN, "source_xlsx": str(path)}, check=check)
        assert (result["failed"], result["changed"], result["error"]["kind"]) == (True, False, "file")
        assert cause in result["msg"]
        assert str(path) in result["msg"]
        assert result["error"]["cure"]
        assert FOREIGN["password"] not in str(result) and FOREIGN["authorization_token"] not in str(result)
    assert len(account.emulator.requests()) == before
    assert not (account.home / "cache").exists()


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"source_xlsx": ""}, "source_xlsx is empty"),
        ({"source_xlsx": "token.xlsx", "state": "absent"}, "are for a token to be had"),
        ({"source_xlsx": "/tmp/token.xlsx", "dest": "/tmp/token.xlsx"}, "are the same file"),
    ],
    ids=str,
)
def test_options_that_contradict_each_other(account: Account, run: Run, options: dict[str, t.Any], cause: str) -> None:
    assert cause in run(account, "jcr_token", {**TOKEN, **options})["msg"]


# --- refused by what the service says --------------------------------------------------------------------------------


def assert_refused(account: Account, run: Run, path: str, cause: str, **options: t.Any) -> None:
    about = f"take over the token in '{path}' for registry 'myregistry' in cn-north-1"
    for check in (True, False):
        result = run(account, "jcr_token", {**TOKEN, "source_xlsx": path, **options}, check=check)
        assert_failure(result, "file", about, cause, "a" if options else "Have a token issued in the console")
    assert not (account.home / "cache").exists()


def test_a_token_that_was_released(account: Account, console: Account, run: Run, tmp_path: pathlib.Path) -> None:
    path = save(tmp_path / "token.xlsx", [issued(console)["authorization_token"]])
    ok(run_here(console, "jcr_token", {**TOKEN, "state": "absent"}))
    assert_refused(account, run, path, "the service does not list it as valid")


def test_a_token_that_expired(account: Account, console: Account, run: Run, tmp_path: pathlib.Path) -> None:
    path = save(tmp_path / "token.xlsx", [issued(console, hours=1)["authorization_token"]])
    account.emulator.clock(advance_seconds=3601)
    assert_refused(account, run, path, "the service does not list it as valid")


def test_a_token_that_lives_too_short(account: Account, console: Account, run: Run, tmp_path: pathlib.Path) -> None:
    path = save(tmp_path / "token.xlsx", [issued(console, hours=1)["authorization_token"]])
    assert_refused(account, run, path, "minutes more, and min_remaining is 100", min_remaining=100)


def test_a_token_of_another_registry(account: Account, console: Account, run: Run, tmp_path: pathlib.Path) -> None:
    token = issued(console, "another")
    assert_refused(
        account, run, save(tmp_path / "bare.xlsx", [token["authorization_token"]]), "does not list it as valid"
    )
    assert_refused(
        account, run, save(tmp_path / "told.xlsx", [login(token)]), f"it is a token for {token['host']}, not"
    )


# --- releasing a token by its id -------------------------------------------------------------------------------------


def test_the_id_of_a_token_names_it(account: Account, console: Account, run: Run) -> None:
    listed = {"registry": "myregistry"}
    for hours in (1, 2):
        issued(console, hours=hours, min_remaining=hours * 60 - 5)
    shorter, longer = ok(run(account, "jcr_token_info", {**listed, "sort": "expires_at"}))["tokens"]
    wish = {**listed, "state": "absent", "token": shorter["id"]}
    assert [ok(run(account, "jcr_token", wish, check=check))["released"] for check in (True, False)] == [1, 1]
    assert [token["id"] for token in ok(run(account, "jcr_token_info", listed))["tokens"]] == [longer["id"]]
    assert ok(run(account, "jcr_token", wish))["changed"] is False


@pytest.mark.parametrize("form", ["password", "authorization_token", "id"])
@pytest.mark.parametrize("registry", ["myregistry", "missing"])
def test_a_token_of_another_registry_is_not_released(
    account: Account, console: Account, run: Run, form: str, registry: str
) -> None:
    token = issued(console, "another")
    token["id"] = hashlib.sha256(token["authorization_token"].encode()).hexdigest()[:16]
    wish = {"registry": registry, "state": "absent", "token": token[form]}
    for check in (True, False):
        result = run(account, "jcr_token", wish, check=check)
        about = f"release tokens of registry '{registry}' in cn-north-1"
        assert_failure(result, "configuration", about, "it is a token of registry 'another'", "Nothing was released")
        assert token["password"] not in str(result)
    assert ok(run(account, "jcr_token", {**wish, "registry": "another"}))["released"] == 1
    assert ok(run(account, "jcr_token", wish))["changed"] is False  # gone is gone, whose ever it was


def test_where_other_registries_cannot_be_seen_a_strange_token_counts_as_gone(account: Account, run: Run) -> None:
    match = {"operation": "describeRegistries"}
    account.emulator.faults([{"match": match, "times": None, "action": {"status": {"http": 403}}}])
    assert ok(run(account, "jcr_token", {**TOKEN, "state": "absent", "token": "0123456789abcdef"}))["changed"] is False


def test_what_is_no_token_is_not_looked_for(account: Account, run: Run) -> None:
    before = len(account.emulator.requests())
    result = run(account, "jcr_token", {**TOKEN, "state": "absent", "token": "two words"})
    assert "token is not one" in result["msg"] and "two words" not in result["msg"]
    assert len(account.emulator.requests()) == before
