# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work for another user: with that user's rights and nothing else, or a clear refusal.

As root these tests work for user id 65534 with a home of their own; as anybody else for themselves.
"""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import shutil
import signal
import tempfile

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._asuser import as_user, own_name
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import DockerConfig
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, FileError, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

ROOT = os.geteuid() == 0
UID = 65534 if ROOT else os.geteuid()
GID = 65534 if ROOT else os.getegid()
NAME = "builder"
LOGIN = {"registry.example": ("jdcloud", Secret("0123456789abcdef"))}


@pytest.fixture
def home():
    """A home that its user can reach; pytest's own directories are the runner's alone."""
    path = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(path, UID, GID)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def lookup(home):
    """The system's users, and one more."""

    def find(name):
        return (
            pwd.struct_passwd((NAME, "x", UID, GID, "", str(home), "/bin/sh")) if name == NAME else pwd.getpwnam(name)
        )

    return find


def write(home):
    return DockerConfig(f"{home}/.docker/config.json", clock=Clock()).write(LOGIN)


def surroundings(home):
    umask = os.umask(0)
    os.umask(umask)
    return {"home": home, "place": os.getcwd(), "umask": oct(umask), "environment": dict(os.environ)}


def test_the_child_is_that_user_and_nobody_else(home, lookup, monkeypatch):
    monkeypatch.setenv("JDCLOUD_SECRET_KEY", "a-secret-of-the-task")
    before = surroundings("")
    seen = as_user(
        NAME,
        lambda home: {**surroundings(home), "ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups()},
        lookup=lookup,
    )
    assert seen["ids"] == [UID] * 3 + [GID] * 3
    assert not ROOT or 0 not in seen["groups"]
    assert seen["environment"].keys() <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "USER", "LOGNAME"}
    assert seen["environment"]["HOME"] == seen["home"] == seen["place"] == str(home)
    assert seen["umask"] == "0o77"
    assert surroundings("") == before, "of this process nothing has changed"


def test_there_is_no_way_back(lookup):
    def try_it(_home):
        try:
            os.setuid(0)
        except PermissionError:
            return "refused"
        return "root again"

    assert as_user(NAME, try_it, lookup=lookup) == "refused"


def test_files_belong_to_the_user_and_are_private(home, lookup):
    assert as_user(NAME, write, lookup=lookup) is True
    file = home / ".docker" / "config.json"
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (UID, GID, 0o600)
    assert (file.parent.stat().st_uid, file.parent.stat().st_mode & 0o777) == (UID, 0o700)
    assert as_user(NAME, write, lookup=lookup) is False


def linked_file(home, target):
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").symlink_to(target)


def linked_directory(home, target):
    (home / ".docker").symlink_to(target.parent)


def linked_lock(home, target):
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json.lock").symlink_to(target)


@pytest.mark.parametrize("trap", [linked_file, linked_directory, linked_lock])
def test_a_link_in_a_home_leads_nowhere_that_its_user_could_not_go(home, lookup, tmp_path, trap):
    """To a file that the user may not even read: for root it would be easy to follow."""
    target = tmp_path / "private" / "config.json"
    target.parent.mkdir(mode=0o700)
    target.write_text("{}")
    trap(home, target)
    if not ROOT:
        target.parent.chmod(0)
    for path in home.rglob("*"):
        os.chown(path, UID, GID, follow_symlinks=False)
    with pytest.raises(FileError):
        as_user(NAME, write, lookup=lookup)
    target.parent.chmod(0o700)
    assert target.read_text() == "{}"
    assert os.listdir(target.parent) == ["config.json"]


def test_a_home_that_its_user_may_not_write(home, lookup):
    home.chmod(0o500)
    with pytest.raises(FileError, match="Permission denied") as caught:
        as_user(NAME, write, lookup=lookup)
    assert caught.value.cure


def test_failures_come_back_as_they_are(lookup):
    def fail(_home):
        error = FileError("it is too full", act="write", obj="'x'", cure="Free some.")
        error.changed = True
        raise error

    with pytest.raises(FileError) as caught:
        as_user(NAME, fail, lookup=lookup)
    assert caught.value.message == "Cannot write 'x': it is too full. Free some."
    assert caught.value.changed is True


def test_a_defect_is_told_as_one(lookup):
    with pytest.raises(JcrError, match="internal error while working for user 'builder': ZeroDivisionError"):
        as_user(NAME, lambda home: 1 // 0, lookup=lookup)


def test_a_child_that_dies_is_told(lookup):
    with pytest.raises(JcrError, match=f"ended without an answer \\(status {int(signal.SIGKILL)}\\)"):
        as_user(NAME, lambda home: os.kill(os.getpid(), signal.SIGKILL), lookup=lookup)


def test_an_answer_may_be_longer_than_a_pipe_holds_and_its_child_is_gone(lookup):
    pid, *answer = as_user(NAME, lambda home: [os.getpid(), *["x"] * 100_000], lookup=lookup)
    assert answer == ["x"] * 100_000
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("name", ["nobody-of-this-name", "", "0", "a/b", "a\0b"])
def test_a_user_that_does_not_exist_is_named(name):
    with pytest.raises(ConfigurationError) as caught:
        as_user(name, lambda home: None)
    assert f"there is no user {name!r} on the machine" in caught.value.cause
    assert caught.value.cure


def test_a_user_without_a_home_is_named(home, lookup):
    def homeless(name):
        return pwd.struct_passwd((*lookup(name)[:5], "/nonexistent", "/bin/sh"))

    with pytest.raises(ConfigurationError, match="user 'builder' has no home directory: there is no '/nonexistent'"):
        as_user(NAME, lambda home: None, lookup=homeless)


def test_only_root_works_for_others(lookup):
    """Root has to give its rights up for this; anybody else has none to begin with."""

    def ask_for_root(_home):
        try:
            return as_user("root", lambda home: "done")
        except ConfigurationError as error:
            return error.message

    told = as_user(NAME, ask_for_root, lookup=lookup)
    assert told.startswith("Only root may work for user 'root', and the task runs as ")
    assert told.endswith("Set become: true.")


def test_oneself_needs_no_rights(lookup):
    """Also without root, and in a home that the environment does not name."""

    def again(home):
        return as_user(NAME, lambda home: [home, os.getuid()], lookup=lookup)

    assert as_user(NAME, again, lookup=lookup) == [lookup(NAME).pw_dir, UID]


def test_own_name():
    assert own_name() == pwd.getpwuid(os.geteuid()).pw_name
    assert json.dumps(own_name())
