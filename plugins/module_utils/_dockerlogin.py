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
import binascii
import dataclasses
import json
import math
import os
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentialstore import CredentialStore
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import (
    is_private,
    locked,
    private_directory,
    read_bytes,
    write_private,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

Logins = t.Mapping[str, tuple[str, Secret]]

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_REPAIR = "Correct the file by hand: it is not replaced, because it may hold other logins."


@dataclasses.dataclass(frozen=True)
class _Login:
    """What is kept for a host; both are None for an entry without a password of its own."""

    username: str | None
    password: Secret | None


class DockerConfig:
    """The logins of one config.json.

    Nothing is read or made before a method is called. Every method raises FileError when the file is broken, not to be
    trusted, or a credential store fails, and RuleError for a host that is none.
    """

    def __init__(self, path: str, *, clock: Clock, lock_wait: float = 30.0) -> None:
        self.path = path
        self._clock = clock
        self._lock_wait = lock_wait

    def read(self, hosts: t.Iterable[str]) -> dict[str, dict[str, str | None] | None]:
        """For each host None, or {username, fingerprint} of its login; both are None for an entry without a password.

        fingerprint is that of the password. A host with a credential store is looked up there, as docker does.
        """
        document = self._load(self._file())
        return {host: _summary(self._login(document, host)) for host in hosts}

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
        """Remove the logins of these hosts, in all spellings docker knows; returns whether there were any."""
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
                for key in _keys_of(document, host):
                    del _auths(document)[key]
            self._save(path, document)
        return True

    # --- one login ---------------------------------------------------------------------------------------------------

    def _login(self, document: dict[str, t.Any], host: str) -> _Login | None:
        store = self._store(document, host)
        keys = _keys_of(document, host)
        if store is not None:
            found = store.get(host)
            return _Login(*found) if found else (_Login(None, None) if keys else None)
        return _decode_entry(_auths(document)[keys[0]]) if keys else None

    def _is_there(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> bool:
        if self._login(document, host) != _Login(username, password):
            return False
        return _auths(document).get(host) == self._entry(document, host, username, password)

    def _put(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> None:
        store = self._store(document, host)
        if store is not None and store.get(host) != (username, password):
            store.store(host, username, password)
        _auths(document)[host] = self._entry(document, host, username, password)

    def _entry(self, document: dict[str, t.Any], host: str, username: str, password: Secret) -> dict[str, str]:
        """What stands in C(auths): with a credential store an empty entry, as docker login leaves it."""
        if self._store(document, host) is not None:
            return {}
        login = f"{username}:{password.reveal()}".encode("utf-8", "surrogatepass")
        return {"auth": base64.b64encode(login).decode("ascii")}

    def _store(self, document: dict[str, t.Any], host: str) -> CredentialStore | None:
        """The credential store that docker would ask for this host, if any."""
        if not _HOST.fullmatch(host):
            raise RuleError(f"{host!r} is not a registry host", cure="Use a host name, with :port if it needs one.")
        helper = (document.get("credHelpers") or {}).get(host, document.get("credsStore"))
        return CredentialStore(helper, clock=self._clock) if helper else None

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
            return _parse(content)
        except FileError as error:
            error.about("read", f"'{path}'")
            raise

    def _save(self, path: str, document: dict[str, t.Any]) -> None:
        text = json.dumps(document, indent="\t", ensure_ascii=False)
        try:
            content = text.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate: only its escape can stand in a file
            content = json.dumps(document, indent="\t").encode("ascii")
        write_private(path, content)


def default_config_path(environ: t.Mapping[str, str], home: str) -> str:
    """Where the docker CLI has its config.json: in DOCKER_CONFIG, or in C(.docker) in the home directory."""
    return os.path.join(environ.get("DOCKER_CONFIG") or os.path.join(home, ".docker"), "config.json")


def _auths(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """The C(auths) of a parsed file, put in if there are none."""
    if document.get("auths") is None:
        document["auths"] = {}
    return document["auths"]


def _keys_of(document: dict[str, t.Any], host: str) -> list[str]:
    """The keys of C(auths) that docker takes for this host: its name first, then as an address (C(https://HOST/v1/))."""
    keys = [key for key in _auths(document) if re.sub("^https?://", "", key).split("/", 1)[0] == host]
    return sorted(keys, key=lambda key: key != host)


def _summary(login: _Login | None) -> dict[str, str | None] | None:
    if login is None:
        return None
    return {"username": login.username, "fingerprint": login.password.fingerprint() if login.password else None}


def _decode_entry(entry: t.Mapping[str, t.Any]) -> _Login:
    """The login of an entry of C(auths), as docker reads it. One that docker cannot use either has no password."""
    if entry.get("identitytoken") or entry.get("registrytoken"):
        return _Login(None, None)
    if not entry.get("auth"):
        username, password = entry.get("username"), entry.get("password")
    else:
        try:
            decoded = base64.b64decode(entry["auth"], validate=True).decode("utf-8")
        except (binascii.Error, ValueError, TypeError):
            return _Login(None, None)
        username, _colon, password = decoded.partition(":")
    if not isinstance(username, str) or not isinstance(password, str) or not password:
        return _Login(None, None)
    return _Login(username, Secret(password))


def _parse(content: bytes) -> dict[str, t.Any]:
    """The document of a config.json. Raises FileError for what writing it back could lose or docker would refuse."""
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object_without_doubles,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise FileError(
            f"it is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}", cure=_REPAIR
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(f"it is not UTF-8 text: byte {error.start}, in line {line}", cure=_REPAIR) from error
    except ValueError as error:
        raise FileError(f"it is not valid JSON: {error}", cure=_REPAIR) from error
    except RecursionError as error:
        raise FileError("it is nested too deeply", cure=_REPAIR) from error
    _check_shape(document)
    return document


def _check_shape(document: t.Any) -> None:
    """Refuse a document in which the parts that we handle are not what docker has there; null is as good as absent."""
    if not isinstance(document, dict):
        raise FileError("it is not a JSON object", cure=_REPAIR)
    for name, kind in (("auths", dict), ("credHelpers", str)):
        part = document.get(name)
        if part is None:
            continue
        if not isinstance(part, dict) or not all(isinstance(value, kind) for value in part.values()):
            raise FileError(f"its '{name}' is not an object of {kind.__name__} values", cure=_REPAIR)
    if not isinstance(document.get("credsStore"), (str, type(None))):
        raise FileError("its 'credsStore' is not a text", cure=_REPAIR)


def _object_without_doubles(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_number(text: str) -> t.NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
