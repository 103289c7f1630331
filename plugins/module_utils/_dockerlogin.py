# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins in a docker C(config.json) or in the credential store that it names.

This module util is private to the collection.

A config.json belongs to its user: what we do not know in it is kept, in its order, and a file that cannot be parsed is
refused, never replaced. Parallel writers share a lock; programs that do not take it (C(docker login)) may still lose
their own entries to a parallel write, ours are written whole (measured: 120 of 160 parallel docker logins were lost).

A symbolic link (dotfiles managers) is followed, as the docker CLI does, but only to a file of the task's own user.
"""

from __future__ import annotations

import base64
import os
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._configjson import (
    Login,
    auths,
    decode_entry,
    dump,
    keys_of,
    parse,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentialstore import CredentialStore
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, FileError, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._filelock import locked
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import is_private, read_bytes
from ansible_collections.jdcloud.jcr.plugins.module_utils._filewriting import write_private
from ansible_collections.jdcloud.jcr.plugins.module_utils._privatedirectory import private_directory
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

Logins = t.Mapping[str, tuple[str, Secret]]

AUTO, FILE = "auto", "file"  # every other store is the name of a credential helper

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class DockerConfig:
    """The logins of one config.json.

    C(store) says where they are to be: AUTO is where the file itself says that docker looks for a host, FILE is the
    file, and anything else the credential helper of that name; for the latter two the file is made to say so.
    Nothing is read or made before a method is called. Every method raises FileError when the file is broken, not to be
    trusted, or a credential store fails, ConfigurationError when the program of a credential store is not installed,
    and RuleError for a host that is none.
    """

    def __init__(self, path: str, *, clock: Clock, store: str = AUTO, lock_wait: float = 30.0) -> None:
        self.path = path
        self._clock = clock
        self._wanted = store
        self._lock_wait = lock_wait

    def read(self, hosts: t.Iterable[str]) -> dict[str, dict[str, str | None] | None]:
        """For each host None, or {username, fingerprint} of its login; both are None for an entry without a password.

        fingerprint is that of the password. A host with a credential store is looked up there, as docker does.
        """
        document = self._load(self._file())
        return {host: _summary(self._login(document, host)) for host in hosts}

    def stores(self, hosts: t.Iterable[str]) -> dict[str, str]:
        """For each host where docker itself looks for its login: FILE, or the name of a credential helper."""
        document = self._load(self._file())
        return {host: _told_to_docker(document, host) or FILE for host in hosts}

    def is_private(self) -> bool:
        """Whether nobody but its owner can read the file; also if there is none yet."""
        path = self._file()
        return is_private(path) or not os.path.lexists(path)

    def is_current(self, logins: Logins) -> bool:
        """Whether write(logins) would change nothing: the logins are there and nobody else can read the file."""
        path = self._file()
        document = self._load(path)
        return is_private(path) and all(self._is_there(document, host, *login) for host, login in logins.items())

    def write(self, logins: Logins) -> bool:
        """Make these logins the present ones, {host: (user name, password)}; returns whether anything changed.

        Other entries stay as they are, and the file has mode 0600 afterwards.
        """
        if self.is_current(logins):
            return False
        path = self._file()
        directory = os.path.dirname(path)
        if not os.path.isdir(directory):
            private_directory(directory)
        with locked(path, clock=self._clock, wait=self._lock_wait):
            document = self._load(path)
            for host, (username, password) in logins.items():
                self._put(document, host, username, password)
            self._save(path, document)
        return True

    def erase(self, hosts: t.Iterable[str]) -> bool:
        """Remove the logins of these hosts, in all spellings docker knows; returns whether there were any.

        What write() says about the store of a host is taken back as well.
        """
        hosts = list(hosts)
        if not any(self.read(hosts).values()):
            return False
        path = self._file()
        with locked(path, clock=self._clock, wait=self._lock_wait):
            document = self._load(path)
            for host in hosts:
                store = self._store(document, host)
                if store is not None:
                    store.erase(host)
                for key in self._own_keys(document, host):
                    del auths(document)[key]
                if self._wanted != AUTO and (document.get("credHelpers") or {}).get(host) == self._helper(
                    document, host
                ):
                    _leave_to_default(document, host)
            self._save(path, document)
        return True

    # --- one login ---------------------------------------------------------------------------------------------------

    def _login(self, document: dict[str, t.Any], host: str) -> Login | None:
        store = self._store(document, host)
        keys = self._own_keys(document, host)
        if store is not None:
            found = store.get(host)
            return Login(*found) if found else (Login(None, None) if keys else None)
        return decode_entry(auths(document)[keys[0]]) if keys else None

    def _own_keys(self, document: dict[str, t.Any], host: str) -> list[str]:
        """The keys of C(auths) for this host in our store. docker leaves an empty entry for a login in a helper."""
        keys = keys_of(document, host)
        told, ours = _told_to_docker(document, host), self._helper(document, host)
        if told == ours:
            return keys
        return [key for key in keys if not ours and decode_entry(auths(document)[key]).password]

    def _is_there(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> bool:
        if self._login(document, host) != Login(username, password):
            return False
        if _told_to_docker(document, host) != self._helper(document, host):
            return False
        return auths(document).get(host) == self._entry(document, host, username, password)

    def _put(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> None:
        store = self._store(document, host)
        if store is not None and store.get(host) != (username, password):
            store.store(host, username, password)
        auths(document)[host] = self._entry(document, host, username, password)
        if self._wanted != AUTO:
            _tell_docker(document, host, self._helper(document, host))

    def _entry(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> dict[str, str]:
        """What stands in C(auths): with a credential store an empty entry, as docker login leaves it."""
        if self._helper(document, host):
            return {}
        login = f"{username}:{password.reveal()}".encode("utf-8", "surrogatepass")
        return {"auth": base64.b64encode(login).decode("ascii")}

    def _helper(self, document: dict[str, t.Any], host: str) -> str:
        """The credential helper that the login of this host is to be in; the empty text for the file."""
        if self._wanted == AUTO:
            return _told_to_docker(document, host)
        return "" if self._wanted == FILE else self._wanted

    def _store(self, document: dict[str, t.Any], host: str) -> CredentialStore | None:
        """The credential store of this host, if any."""
        if not _HOST.fullmatch(host):
            raise RuleError(f"{host!r} is not a registry host", cure="Use a host name, with :port if it needs one.")
        helper = self._helper(document, host)
        return CredentialStore(helper, clock=self._clock, chosen=self._wanted != AUTO) if helper else None

    # --- the file ----------------------------------------------------------------------------------------------------

    def _file(self) -> str:
        """The file itself, behind a link if there is one."""
        path = os.path.abspath(self.path)
        if not os.path.islink(path):
            return path
        try:
            real = os.path.realpath(path)
            owners = {os.lstat(path).st_uid, os.stat(real).st_uid}
        except OSError as error:
            raise FileError(
                f"it is a symbolic link that leads nowhere ({os.strerror(error.errno or 0)})",
                act="read",
                obj=f"'{path}'",
                cure="Remove the link, or create the file it points to.",
            ) from error
        if owners != {os.geteuid()}:
            raise FileError(
                "it is a symbolic link, and link and file do not both belong to the user the task runs as",
                act="read",
                obj=f"'{path}'",
                cure="Name the file itself, or run the task as its owner (become_user).",
            )
        return real

    def _load(self, path: str) -> dict[str, t.Any]:
        content = read_bytes(path)
        if not content or not content.strip():
            return {}  # docker takes an empty file for a configuration without logins too (measured, docker CLI 28.2.2)
        try:
            return parse(content)
        except FileError as error:
            error.about("read", f"'{path}'")
            raise

    def _save(self, path: str, document: dict[str, t.Any]) -> None:
        write_private(path, dump(document))


def default_config_path(environ: t.Mapping[str, str], home: str) -> str:
    """Where the docker CLI has its config.json: in DOCKER_CONFIG, or in C(.docker) in the home directory."""
    return os.path.join(environ.get("DOCKER_CONFIG") or os.path.join(home, ".docker"), "config.json")


def config_path(given: str | None, environ: t.Mapping[str, str], home: str) -> str:
    """The whole path of a docker configuration: C(given), in which C(~) is the home directory, or the default one.

    Raises ConfigurationError for C(~NAME) where there is no such user: it would be a folder of that name, here.
    """
    if not given:
        return default_config_path(environ, home)
    if given == "~" or given.startswith("~/"):
        given = home + given[1:]
    path = os.path.expanduser(os.path.expandvars(given))
    if path.startswith("~"):
        raise ConfigurationError(
            f"config_path {given!r} begins with the home of a user that is not on the machine",
            cure="Correct the user's name, or give a path without '~'.",
        )
    return os.path.abspath(path)


def _told_to_docker(document: dict[str, t.Any], host: str) -> str:
    """The credential helper that docker asks for a host, by C(credHelpers) and then C(credsStore); empty for the file.

    An empty helper of a host means the file, whatever C(credsStore) says (measured with docker CLI 28.2.2).
    """
    return (document.get("credHelpers") or {}).get(host, document.get("credsStore")) or ""


def _tell_docker(document: dict[str, t.Any], host: str, helper: str) -> None:
    """Make docker look for a host in this helper, or in the file if that is the empty text.

    The empty helper is written only where C(credsStore) makes it necessary: skopeo and podman take it for a program.
    """
    if _told_to_docker(document, host) == helper:
        return
    if helper or document.get("credsStore"):
        document["credHelpers"] = {**(document.get("credHelpers") or {}), host: helper}
    else:
        _leave_to_default(document, host)


def _leave_to_default(document: dict[str, t.Any], host: str) -> None:
    helpers = document["credHelpers"]
    del helpers[host]
    if not helpers:
        del document["credHelpers"]


def _summary(login: Login | None) -> dict[str, str | None] | None:
    if login is None:
        return None
    return {"username": login.username, "fingerprint": login.password.fingerprint() if login.password else None}
