# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins in config.json and in credential stores: nothing foreign is lost, by nobody, at no moment."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentialstore import CredentialStore
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import (
    DockerConfig,
    config_path,
    default_config_path,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, FileError, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.support.fake_clock import FakeClock

HOST = "myregistry-cn-north-1.jcr.service.jdcloud.com"
PASSWORD = Secret("0123456789abcdef")
LOGIN = {HOST: ("jdcloud", PASSWORD)}
SUMMARY = {"username": "jdcloud", "fingerprint": PASSWORD.fingerprint()}
NO_PASSWORD = {"username": None, "fingerprint": None}
ENTRY = {"auth": base64.b64encode(b"jdcloud:0123456789abcdef").decode()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".docker" / "config.json"


@pytest.fixture
def config(path):
    return DockerConfig(str(path), clock=FakeClock())


def put(path, document, mode=0o600):
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(mode)


def mode_of(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def unread(path):
    """What is known of a file, but for when it was read last."""
    found = os.stat(path)
    return found.st_ino, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


# --- the file --------------------------------------------------------------------------------------------------------


def test_reading_and_erasing_nothing_makes_nothing(config, path):
    assert config.read([HOST]) == {HOST: None}
    assert not config.erase([HOST])
    assert not path.parent.exists()


def test_a_login_is_written_as_docker_writes_it(config, path):
    assert config.write(LOGIN)
    assert json.loads(path.read_text()) == {"auths": {HOST: ENTRY}}
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert config.read([HOST, "other.example"]) == {HOST: SUMMARY, "other.example": None}


def test_the_same_login_is_not_written_again(config, path):
    config.write(LOGIN)
    before = unread(path)
    assert config.is_current(LOGIN)
    assert not config.write(LOGIN)
    assert unread(path) == before


@pytest.mark.parametrize("login", [("jdcloud", Secret("another")), ("somebody", PASSWORD)])
def test_another_user_or_password_is_a_change(config, login):
    config.write(LOGIN)
    assert not config.is_current({HOST: login})
    assert config.write({HOST: login})
    assert config.read([HOST]) == {HOST: {"username": login[0], "fingerprint": login[1].fingerprint()}}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666])
def test_a_wider_file_is_tightened_even_if_the_login_is_there(config, path, mode):
    put(path, {"auths": {HOST: ENTRY}}, mode)
    assert not config.is_current(LOGIN)
    assert config.write(LOGIN)
    assert mode_of(path) == 0o600
    assert not config.write(LOGIN)


FOREIGN = {
    "psFormat": "table {{.ID}}\t名",
    "HttpHeaders": {"X": "1"},
    "auths": {
        "z.example": {"auth": "Zm9vOmJhcg==", "email": "a@b"},
        "https://index.docker.io/v1/": {},
        "a.example": {"identitytoken": "t"},
    },
    "plugins": {"scan": {"depth": 12345678901234567890, "ratio": 1.5, "null": None}},
    "aliases": {"b": "buildx"},
}


def test_foreign_keys_and_entries_are_kept_in_their_order(config, path):
    put(path, FOREIGN)
    assert config.write(LOGIN)
    written = json.loads(path.read_text())
    assert list(written) == list(FOREIGN)
    assert list(written["auths"]) == [*FOREIGN["auths"], HOST]
    assert "名" in path.read_text()
    assert config.erase([HOST])
    assert json.loads(path.read_text()) == FOREIGN


def test_a_lone_surrogate_is_kept(config, path):
    put(path, '{"psFormat": "\\ud800 x"}')
    assert config.write(LOGIN)
    assert json.loads(path.read_text())["psFormat"] == "\ud800 x"


@pytest.mark.parametrize("content", ["", " \n", "{}", '{"auths": null}', '{"auths": {}, "credsStore": ""}'])
def test_a_file_without_logins_takes_one(config, path, content):
    put(path, content)
    assert config.read([HOST]) == {HOST: None}
    assert config.write(LOGIN)
    assert config.read([HOST]) == {HOST: SUMMARY}


BROKEN = {
    "cut": b'{"auths": {"h": {"auth": "Zm9vOmJhcg=="}',
    "trailing comma": b'{"auths": {},}',
    "comment": b'{\n  // mine\n  "auths": {}\n}',
    "single quotes": b"{'auths': {}}",
    "two documents": b'{"auths": {}}\n{"auths": {}}',
    "key twice": b'{"auths": {"a": {}}, "auths": {"b": {}}}',
    "list": b"[]",
    "text": b'"auths"',
    "null": b"null",
    "auths is a list": b'{"auths": []}',
    "entry is a text": b'{"auths": {"h": "Zm9vOmJhcg=="}}',
    "credHelpers is a text": b'{"credHelpers": "pass"}',
    "credsStore is a number": b'{"credsStore": 1}',
    "not UTF-8": b'{"auths": {}, "x": "\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"auths": {}}',
    "UTF-16": '{"auths": {}}'.encode("utf-16"),
    "NaN": b'{"x": NaN}',
    "huge number": b'{"x": 1e999}',
    "deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nul": b"\0\0\0\0",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_and_left_byte_for_byte(config, path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o644)
    before = unread(path)
    for act in (
        lambda: config.read([HOST]),
        lambda: config.is_current(LOGIN),
        lambda: config.write(LOGIN),
        lambda: config.erase([HOST]),
    ):
        with pytest.raises(FileError) as caught:
            act()
        assert f"Cannot read '{path}'" in caught.value.message
        assert "not replaced" in caught.value.message
        assert "Zm9v" not in caught.value.message
    assert path.read_bytes() == content
    assert unread(path) == before
    assert os.listdir(path.parent) == ["config.json"]


def test_the_place_of_a_mistake_is_told(config, path):
    put(path, '{\n\t"auths": {},\n}')
    with pytest.raises(FileError, match=r"line 3, column 1|line 2, column 13"):
        config.read([HOST])


# --- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "summary"),
    [
        (ENTRY, SUMMARY),
        ({**ENTRY, "email": "a@b"}, SUMMARY),
        ({"username": "jdcloud", "password": "0123456789abcdef"}, SUMMARY),
        ({}, NO_PASSWORD),
        ({"auth": ""}, NO_PASSWORD),
        ({"auth": "not base64"}, NO_PASSWORD),
        ({"auth": 5}, NO_PASSWORD),
        ({"auth": base64.b64encode(b"nocolon").decode()}, NO_PASSWORD),
        ({"auth": base64.b64encode(b"jdcloud:\xff").decode()}, NO_PASSWORD),
        ({"auth": base64.b64encode("jdcloud:ü".encode()).decode() + "é"}, NO_PASSWORD),
        ({**ENTRY, "identitytoken": "t"}, NO_PASSWORD),
        ({"registrytoken": "t"}, NO_PASSWORD),
    ],
)
def test_an_entry_is_read_as_docker_reads_it(config, path, entry, summary):
    put(path, {"auths": {HOST: entry}})
    assert config.read([HOST]) == {HOST: summary}
    assert config.write(LOGIN) == (entry != ENTRY)
    assert json.loads(path.read_text()) == {"auths": {HOST: ENTRY}}


@pytest.mark.parametrize("key", [f"https://{HOST}", f"http://{HOST}/v1/", f"{HOST}/v2/"])
def test_an_entry_under_an_address_is_found_and_erased(config, path, key):
    put(path, {"auths": {key: ENTRY, f"{HOST}.example": {}, f"https://x{HOST}": {}}})
    assert config.read([HOST]) == {HOST: SUMMARY}
    assert config.erase([HOST])
    assert list(json.loads(path.read_text())["auths"]) == [f"{HOST}.example", f"https://x{HOST}"]


def test_the_plain_name_wins_over_an_address(config, path):
    put(path, {"auths": {f"https://{HOST}": {"auth": "eDp5"}, HOST: ENTRY}})
    assert config.read([HOST]) == {HOST: SUMMARY}


def test_several_logins_are_one_write(config, path):
    hosts = ["a.example", "b.example:5000", "[::1]:5000"]
    assert config.write(dict.fromkeys(hosts, ("jdcloud", PASSWORD)))
    assert config.read(hosts) == dict.fromkeys(hosts, SUMMARY)
    assert config.erase(hosts[:2])
    assert config.read(hosts) == {hosts[0]: None, hosts[1]: None, hosts[2]: SUMMARY}
    assert not config.erase(hosts[:2])


@pytest.mark.parametrize("host", ["", "a\nb", "a/b", "https://a", "a b", "-a", "a.", "a:", "a:b", "ä", "a.example\n"])
def test_what_is_no_host_is_refused(config, path, host):
    for act in (lambda: config.read([host]), lambda: config.write({host: LOGIN[HOST]}), lambda: config.erase([host])):
        with pytest.raises(RuleError):
            act()
    assert not path.exists()


# --- links -----------------------------------------------------------------------------------------------------------


def test_a_link_to_a_file_of_our_own_is_followed(config, path, tmp_path):
    real = tmp_path / "dotfiles" / "docker.json"
    put(real, {"auths": {"a.example": {}}}, 0o644)
    path.parent.mkdir()
    path.symlink_to(real)
    assert config.write(LOGIN)
    assert path.is_symlink()
    assert json.loads(real.read_text()) == {"auths": {"a.example": {}, HOST: ENTRY}}
    assert mode_of(real) == 0o600
    assert not config.write(LOGIN)


def test_a_link_to_a_file_of_somebody_else_is_refused(config, path, tmp_path, monkeypatch):
    real = tmp_path / "foreign.json"
    put(real, {})
    path.parent.mkdir()
    path.symlink_to(real)
    real_stat = os.stat

    def stat_as_root(name, *rest, **more):
        found = list(real_stat(name, *rest, **more))
        if name == str(real):
            found[4] = os.geteuid() + 1
        return os.stat_result(found)

    monkeypatch.setattr(os, "stat", stat_as_root)
    with pytest.raises(FileError, match="do not both belong"):
        config.write(LOGIN)
    assert real.read_text() == "{}"


def test_a_link_that_leads_nowhere_is_refused(config, path):
    path.parent.mkdir()
    path.symlink_to("absent.json")
    with pytest.raises(FileError, match="leads nowhere"):
        config.write(LOGIN)
    assert not (path.parent / "absent.json").exists()


@pytest.mark.parametrize(("make", "kind"), [(os.mkdir, "directory"), (os.mkfifo, "named pipe")])
def test_what_is_no_file_is_refused(config, path, make, kind):
    path.parent.mkdir()
    make(path)
    with pytest.raises(FileError, match=kind):
        config.write(LOGIN)


def test_an_existing_directory_keeps_its_mode(config, path):
    path.parent.mkdir(mode=0o755)
    config.write(LOGIN)
    assert mode_of(path.parent) == 0o755


def test_the_default_path_follows_docker():
    assert default_config_path({}, "/home/a") == "/home/a/.docker/config.json"
    assert default_config_path({"DOCKER_CONFIG": "/etc/d"}, "/home/a") == "/etc/d/config.json"
    assert default_config_path({"DOCKER_CONFIG": ""}, "/home/a") == "/home/a/.docker/config.json"


# --- credential stores -----------------------------------------------------------------------------------------------

HELPER = """#!{python}
import json, os, pathlib, sys
vault = pathlib.Path({vault!r})
action, question = sys.argv[1:], sys.stdin.read()
with open({log!r}, "a") as log:
    log.write(json.dumps(action) + "\\n")
logins = json.loads(vault.read_text()) if vault.exists() else {{}}
if action == ["store"]:
    login = json.loads(question)
    logins[login["ServerURL"]] = login
elif question not in logins:
    print("credentials not found in native keychain")
    sys.exit(1)
elif action == ["get"]:
    print(json.dumps(logins[question]))
elif action == ["erase"]:
    del logins[question]
vault.write_text(json.dumps(logins))
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A directory on PATH, in front of all others."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return directory


def install(programs, name, text):
    program = programs / f"docker-credential-{name}"
    program.write_text(text)
    program.chmod(0o755)


class Vault:
    """What the helper of this test keeps, and how it was called."""

    def __init__(self, programs, name="vault"):
        self.path, self.log = programs / "vault.json", programs / "log"
        install(programs, name, HELPER.format(python=sys.executable, vault=str(self.path), log=str(self.log)))

    @property
    def logins(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    @property
    def calls(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def vault(programs):
    return Vault(programs)


@pytest.mark.parametrize("setting", [{"credsStore": "vault"}, {"credHelpers": {HOST: "vault"}, "credsStore": "absent"}])
def test_a_login_goes_to_the_store_and_leaves_an_empty_entry(config, path, vault, setting):
    put(path, setting)
    assert config.write(LOGIN)
    assert vault.logins == {HOST: {"ServerURL": HOST, "Username": "jdcloud", "Secret": "0123456789abcdef"}}
    assert json.loads(path.read_text()) == {**setting, "auths": {HOST: {}}}
    assert config.read([HOST]) == {HOST: SUMMARY}
    assert ["store"] in vault.calls


def test_a_login_that_is_in_the_store_is_not_stored_again(config, path, vault):
    put(path, {"credsStore": "vault"})
    config.write(LOGIN)
    vault.log.unlink()
    assert not config.write(LOGIN)
    assert ["store"] not in vault.calls


def test_a_plain_password_beside_a_store_is_taken_out_of_the_file(config, path, vault):
    """docker would not read it there any more."""
    put(path, {"credsStore": "vault", "auths": {HOST: ENTRY}})
    assert config.read([HOST]) == {HOST: NO_PASSWORD}
    assert config.write(LOGIN)
    assert json.loads(path.read_text())["auths"] == {HOST: {}}
    assert config.read([HOST]) == {HOST: SUMMARY}


def test_a_login_is_erased_from_store_and_file(config, path, vault):
    put(path, {"credsStore": "vault"})
    config.write({**LOGIN, "a.example": ("somebody", Secret("x"))})
    assert config.erase([HOST])
    assert list(vault.logins) == ["a.example"]
    assert json.loads(path.read_text())["auths"] == {"a.example": {}}
    assert not config.erase([HOST])


def test_an_empty_helper_of_a_host_means_the_file(config, path, vault):
    put(path, {"credsStore": "vault", "credHelpers": {HOST: ""}})
    assert config.write(LOGIN)
    assert json.loads(path.read_text())["auths"] == {HOST: ENTRY}
    assert vault.logins == {}


def test_a_store_for_another_host_does_not_matter(config, path):
    put(path, {"credHelpers": {"a.example": "absent"}})
    assert config.write(LOGIN)
    assert json.loads(path.read_text())["auths"] == {HOST: ENTRY}


def test_no_secret_is_on_a_command_line(config, path, vault):
    put(path, {"credsStore": "vault"})
    config.write(LOGIN)
    config.erase([HOST])
    assert {len(call) for call in vault.calls} == {1}
    assert not any("0123456789abcdef" in word for call in vault.calls for word in call)


@pytest.mark.parametrize("name", ["absent", "../../bin/sh", "a b", "a\n", "-x", "$(id)"])
def test_a_store_whose_program_is_not_there_is_refused(config, path, programs, name):
    put(path, {"credsStore": name})
    before = path.read_bytes()
    for act in (lambda: config.read([HOST]), lambda: config.write(LOGIN), lambda: config.erase([HOST])):
        with pytest.raises(ConfigurationError, match="credential store") as caught:
            act()
        assert "credsStore" in caught.value.cure
    assert path.read_bytes() == before


def test_a_program_in_the_present_directory_is_never_run(config, path, tmp_path, monkeypatch):
    Vault(tmp_path, "planted")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    put(path, {"credsStore": "planted"})
    with pytest.raises(ConfigurationError):
        config.read([HOST])
    assert not (tmp_path / "log").exists()


FAILING_HELPERS = {
    "locked": ("echo 'the keychain is locked'; exit 1", "status 1: the keychain is locked"),
    "signal": ("kill -9 $$", "status -9"),
    "repeats the secret": ('read -r question; echo "cannot store: $question"; exit 1', "status 1"),
    "long": ("head -c 70000 /dev/zero", "longer than"),
    "hangs": ("exec sleep 600", "did not answer within 0.2 seconds"),
}


@pytest.mark.parametrize("behaviour", FAILING_HELPERS)
@pytest.mark.parametrize("action", ["get", "store", "erase"])
def test_a_failing_helper_is_told_without_the_secret(programs, behaviour, action):
    script, cause = FAILING_HELPERS[behaviour]
    install(programs, "bad", f"#!/bin/sh\n{script}\n")
    store = CredentialStore("bad", clock=Clock(), timeout=0.2 if behaviour == "hangs" else 60)
    arguments = (HOST, "jdcloud", PASSWORD) if action == "store" else (HOST,)
    with pytest.raises(FileError) as caught:
        getattr(store, action)(*arguments)
    assert cause in caught.value.message
    assert f"Cannot {action} the login of '{HOST}' by docker-credential-bad" in caught.value.message
    assert PASSWORD.reveal() not in caught.value.message


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", "{}", '{"Username": "u"}', '{"Username": "u", "Secret": 5}'])
def test_an_answer_that_is_no_login_is_refused(programs, answer):
    install(programs, "odd", f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    with pytest.raises(FileError, match="not a login"):
        CredentialStore("odd", clock=Clock()).get(HOST)


# --- a store that the task chooses -----------------------------------------------------------------------------------


def chosen(path, store):
    return DockerConfig(str(path), clock=FakeClock(), store=store)


def auths_of(path):
    return json.loads(path.read_text())["auths"]


CONFIGURED = {
    # what the file says before; what it says of stores with the login in the file, and after that has gone again
    "nothing": ({}, {}, {}),
    "a helper for this host": ({"credHelpers": {HOST: "absent"}}, {}, {}),
    "helpers": (
        {"credHelpers": {HOST: "absent", "a.example": "other"}},
        {"credHelpers": {"a.example": "other"}},
        {"credHelpers": {"a.example": "other"}},
    ),
    "a store for all": (
        {"credsStore": "absent"},
        {"credsStore": "absent", "credHelpers": {HOST: ""}},
        {"credsStore": "absent"},
    ),
    "a store for all, and a helper": (
        {"credsStore": "absent", "credHelpers": {HOST: "absent"}},
        {"credsStore": "absent", "credHelpers": {HOST: ""}},
        {"credsStore": "absent"},
    ),
}


@pytest.mark.parametrize("configured", CONFIGURED)
def test_the_file_is_the_store_though_another_one_is_configured(path, configured):
    """Whose program need not even be there."""
    before, with_login, without = CONFIGURED[configured]
    put(path, before)
    config = chosen(path, "file")
    assert config.read([HOST]) == {HOST: None}
    assert config.write(LOGIN)
    assert json.loads(path.read_text()) == {**with_login, "auths": {HOST: ENTRY}}
    assert config.read([HOST]) == {HOST: SUMMARY}
    assert config.stores([HOST]) == {HOST: "file"}
    assert not config.write(LOGIN)
    assert config.erase([HOST])
    assert json.loads(path.read_text()) == {**without, "auths": {}}
    assert not config.erase([HOST])


@pytest.mark.parametrize(
    "before", [{}, {"credsStore": "absent"}, {"credHelpers": {HOST: ""}}, {"credHelpers": {HOST: "absent"}}]
)
def test_a_helper_is_the_store_for_its_hosts(path, vault, before):
    put(path, {**before, "auths": {"a.example": ENTRY}})
    config = chosen(path, "vault")
    assert config.read([HOST]) == {HOST: None}
    assert config.write(LOGIN)
    assert vault.logins[HOST]["Secret"] == PASSWORD.reveal()
    written = json.loads(path.read_text())
    assert written == {**before, "credHelpers": {HOST: "vault"}, "auths": {"a.example": ENTRY, HOST: {}}}
    assert PASSWORD.reveal() not in path.read_text() and ENTRY["auth"] not in json.dumps(written["auths"][HOST])
    assert config.stores([HOST]) == {HOST: "vault"}
    assert not config.write(LOGIN)
    assert config.erase([HOST])
    after = json.loads(path.read_text())
    assert (after["auths"], after.get("credHelpers"), vault.logins) == ({"a.example": ENTRY}, None, {})
    assert not config.erase([HOST])


def test_a_helper_that_is_the_store_for_all_needs_no_entry_of_its_own(path, vault):
    put(path, {"credsStore": "vault"})
    config = chosen(path, "vault")
    assert config.write(LOGIN)
    assert json.loads(path.read_text()) == {"credsStore": "vault", "auths": {HOST: {}}}
    assert config.erase([HOST])
    assert json.loads(path.read_text()) == {"credsStore": "vault", "auths": {}}


def test_a_plain_password_makes_room_for_the_helper(path, vault):
    put(path, {"auths": {HOST: ENTRY}})
    assert chosen(path, "vault").read([HOST]) == {HOST: None}
    assert chosen(path, "vault").write(LOGIN)
    assert auths_of(path) == {HOST: {}}
    assert chosen(path, "file").read([HOST]) == {HOST: None}, "the empty entry is the helper's"
    assert not chosen(path, "file").erase([HOST])
    assert auths_of(path) == {HOST: {}}


def test_a_login_in_another_store_is_left_there(path, vault):
    put(path, {"credHelpers": {HOST: "vault"}})
    chosen(path, "auto").write(LOGIN)
    assert chosen(path, "file").write(LOGIN)
    assert auths_of(path) == {HOST: ENTRY}
    assert HOST in vault.logins
    assert chosen(path, "vault").read([HOST]) == {HOST: SUMMARY}
    assert chosen(path, "vault").erase([HOST])
    assert (auths_of(path), vault.logins) == ({HOST: ENTRY}, {}), "the login in the file was not meant"


def test_a_login_in_the_file_beside_a_store_is_found_and_put_in_force(path):
    put(path, {"credsStore": "absent", "auths": {HOST: ENTRY}})
    config = chosen(path, "file")
    assert config.read([HOST]) == {HOST: SUMMARY}
    assert config.stores([HOST]) == {HOST: "absent"}
    assert not config.is_current(LOGIN)
    assert config.write(LOGIN)
    assert config.is_current(LOGIN)


def test_a_chosen_helper_that_is_not_installed(path):
    put(path, {})
    config = chosen(path, "absent")
    for act in (lambda: config.read([HOST]), lambda: config.write(LOGIN), lambda: config.erase([HOST])):
        with pytest.raises(ConfigurationError, match="there is no program docker-credential-absent") as caught:
            act()
        assert "choose another store" in caught.value.cure
    assert path.read_text() == "{}"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, "/home/a/.docker/config.json"),
        ("", "/home/a/.docker/config.json"),
        ("~/d/c.json", "/home/a/d/c.json"),
        ("~", "/home/a"),
        ("/etc/d/c.json", "/etc/d/c.json"),
    ],
)
def test_the_home_in_a_path_is_that_of_the_user_whose_login_it_is(given, wanted):
    assert config_path(given, {}, "/home/a") == wanted


def test_a_relative_path_begins_where_the_task_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_path("d/c.json", {}, "/home/a") == str(tmp_path / "d" / "c.json")


# --- many at once ----------------------------------------------------------------------------------------------------

WRITER = """
import sys
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import DockerConfig
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
path, number, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
config = DockerConfig(path, clock=Clock(), lock_wait=300)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(count):
    host = f"w{number}-{turn}.example"
    config.write({host: ("jdcloud", Secret(host))})
    print(host, flush=True)
"""


class Writers:
    """Processes that log in to many hosts each, all released at once; what they print has been acknowledged."""

    def __init__(self, path, writers, count):
        command = [sys.executable, "-c", WRITER, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.children = [subprocess.Popen([*command, str(n), str(count)], **pipes) for n in range(writers)]
        for child in self.children:
            child.stdout.readline()

    def release(self):
        for child in self.children:
            child.stdin.write("go\n")
            child.stdin.flush()

    def finish(self) -> list[str]:
        return [host for child in self.children for host in child.communicate()[0].split()]


def test_parallel_writers_lose_nothing(path):
    put(path, FOREIGN)
    writers = Writers(path, 8, 12)
    writers.release()
    acknowledged = writers.finish()
    assert len(acknowledged) == 8 * 12
    found = DockerConfig(str(path), clock=FakeClock()).read(acknowledged)
    assert [host for host in acknowledged if found[host]["fingerprint"] != Secret(host).fingerprint()] == []
    written = json.loads(path.read_text())
    assert {host: written["auths"][host] for host in FOREIGN["auths"]} == FOREIGN["auths"]
    assert sorted(os.listdir(path.parent)) == ["config.json", "config.json.lock"]


def test_killed_writers_neither_break_the_file_nor_lose_what_was_acknowledged(path):
    put(path, FOREIGN)
    writers = Writers(path, 8, 12)
    writers.release()
    heard = []
    for child in writers.children[::2]:  # each is killed in the middle of its work, while the others go on
        heard.append(child.stdout.readline().strip())
        child.send_signal(signal.SIGKILL)
    acknowledged = heard + writers.finish()
    assert len(acknowledged) >= 4 + 4 * 12
    config = DockerConfig(str(path), clock=FakeClock())
    found = config.read(acknowledged)
    assert [host for host in acknowledged if found[host] is None] == []
    config.write(LOGIN)  # the next writer removes what killed ones left behind
    assert sorted(os.listdir(path.parent)) == ["config.json", "config.json.lock"]
    assert mode_of(path) == 0o600


def test_a_writer_waits_for_the_lock_only_so_long(config, path):
    put(path, {})
    program = (
        "import fcntl, os, sys\n"
        "handle = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o600)\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "os.write(handle, str(os.getpid()).encode())\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holder = subprocess.Popen([sys.executable, "-c", program, f"{path}.lock"], **pipes)
    try:
        holder.stdout.readline()
        with pytest.raises(FileError, match=f"pid {holder.pid}"):
            config.write(LOGIN)
    finally:
        holder.communicate()
    assert pathlib.Path(path).read_text() == "{}"
