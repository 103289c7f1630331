# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of jcr_token's C(state=present): a valid token of one registry, and the .xlsx file that carries it.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryhost import registry_host, split_registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource

_OF_FILE = "that of the file"
_OTHER_FILE = "Have a token issued in the console, and name the file that it offers then."

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._xlsx import FoundToken


class ValidToken(TokenResource):
    """C(state=present). The keys of the state are the registry, and the C(dest) file if one is wanted."""

    shown = ("username", "hours", "token")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registry: str = self.params["registry"]
        self.token: Token | None = None
        self.registry_host = ""

    def purpose(self) -> tuple[str, str]:
        return "get a token", f"of registry '{self.registry}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.registry)
        self.session.check_token_options()
        if self.params["token"] is not None or self.params["all"]:
            raise ConfigurationError("token and all name what is to be released", cure="Set state: absent.")
        if self.dest == "":
            raise ConfigurationError("dest is empty", cure="Name a file or a directory, or leave dest out.")
        if self.dest:
            _files().check_target(self.dest)

    @property
    def dest(self) -> str | None:
        """The .xlsx file to write; a directory gets a file of the console's name."""
        dest = self.params["dest"]
        if dest and os.path.isdir(dest):
            return os.path.join(dest, f"{self.registry}-token.xlsx")
        return dest

    def read(self) -> State:
        self.registry_host = self.session.trusted_host(self.registry)
        if self.token is None and self.session.registry_host(self.registry):
            self.token = next(iter(self.session.usable_tokens(self.registry)), None)
        return {self.registry: {"username": TOKEN_USER} if self.token else None, **self._file_state(self.token)}

    def _file_state(self, token: Token | None) -> dict[str, t.Any]:
        """What stands in C(dest) now, where one is wanted: C(token) or another one."""
        if not self.dest:
            return {}
        current = token is not None and _files().is_current(self.dest, **self._row(token))
        present = {"token": self._content() if current else "another token"}
        return {self.dest: present if os.path.lexists(self.dest) else None}

    def _wanted_file(self) -> dict[str, t.Any]:
        return {self.dest: {"token": self._content()}} if self.dest else {}

    def want(self, before: State) -> State:
        wanted: dict[str, t.Any] = {self.registry: {"username": TOKEN_USER}}
        if self.token is None:
            wanted[self.registry]["hours"] = self.params["hours"]
        return {**wanted, **self._wanted_file()}

    def _content(self) -> str:
        return f"valid until {moment(self.token.expires_at)}" if self.token else "the new token"

    def foresee(self, plan: Plan) -> None:
        if self.token is None:
            self.session.foresee_token(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        if self.token is None:
            self.token = self.session.token(self.registry)
            if self.token.issued:  # otherwise another process had it issued meanwhile
                yield self.registry
        yield from self._write_file(self.token)

    def _write_file(self, token: Token) -> t.Iterator[str]:
        if self.dest and _files().write_token(self.dest, **self._row(token)):
            yield self.dest

    def _row(self, token: Token) -> dict[str, t.Any]:
        """What the .xlsx file says."""
        return {
            "registry": self.registry,
            "region": self.session.region,
            "host": self.registry_host,
            "username": token.username,
            "password": token.password,
            "authorization_token": token.authorization_token,
            "expires_at": token.expires_at,
        }

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        source = self._source(plan)
        expires_at = self._expires_at()
        ledger = self.session.known_tokens.ledger(self.registry)
        token = {
            "registry": self.registry,
            "host": self.registry_host,
            "hosts": self._hosts(),
            "username": TOKEN_USER,
            "expires_at": moment(expires_at),
            "expires_in": int((expires_at - self.session.client.now()).total_seconds()) if expires_at else None,
            "issued": source == "api",
            "source": source,
            "issued_last_hour": ledger["issued_last_hour"],
            "next_slot_at": moment(ledger["next_slot_at"]),
        }
        return {"token": token, "dest": self.dest, "released": len(plan.to_do(DELETE))}

    def _source(self, plan: Plan) -> str:
        return "api" if self.registry in plan.pending else self.token.source

    def _expires_at(self) -> datetime.datetime | None:
        return self.token.expires_at if self.token else None

    def _hosts(self) -> list[str]:
        inner = split_registry_host(self.registry_host) is not None
        return [self.registry_host] + ([registry_host(self.registry, self.session.region, inner=True)] if inner else [])

    def secret_result(self) -> dict[str, dict[str, t.Any]]:
        if not self.params["return_secret"] or self.token is None:
            return {}
        return {
            "token": {
                "password": self.token.password.reveal(),
                "authorization_token": self.token.authorization_token.reveal(),
            }
        }


class ImportedToken(ValidToken):
    """C(source_xlsx): the token of that file is in the cache."""

    shown = ("username", "token")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.source_path: str = self.params["source_xlsx"]
        self.found: FoundToken | None = None
        self.expires_at: datetime.datetime | None = None

    def purpose(self) -> tuple[str, str]:
        return "take over the token", f"in '{self.source_path}' for registry '{self.registry}'{self.place}"

    def check(self) -> None:
        super().check()
        if not self.source_path:
            raise ConfigurationError("source_xlsx is empty", cure="Name a file, or leave source_xlsx out.")
        if self.dest and os.path.realpath(self.dest) == os.path.realpath(self.source_path):
            raise ConfigurationError("dest and source_xlsx are the same file", cure="Leave dest out.")
        self.found = _files().read_console_token(self.source_path)
        self.host.keep_secret(self.found.authorization_token)
        self.host.keep_secret(self.found.password)
        for host in sorted(self.found.hosts):
            named = split_registry_host(host)
            if named and named[:2] != (self.registry, self.session.region):
                raise FileError(f"it is a token of registry '{named[0]}' in {named[1]}", cure=_OTHER_FILE)

    def read(self) -> State:
        self.registry_host = self.session.trusted_host(self.registry)
        strange = sorted(self.found.hosts - set(self._hosts()))
        if strange:
            raise FileError(f"it is a token for {strange[0]}, not for {self.registry_host}", cure=_OTHER_FILE)
        held = self.session.held_tokens(self.registry)
        self.expires_at = self._listed_expiry()
        ours = self.found.authorization_token
        self.token = next((token for token in held if token.authorization_token == ours), self.token)
        present = {"username": TOKEN_USER, "token": _OF_FILE if self.token else "another token"}
        return {self.registry: present if self.token or held else None, **self._file_state(self.token)}

    def _listed_expiry(self) -> datetime.datetime:
        """When the service says that the token expires; raises FileError for one that is no good."""
        listed = self.session.known_tokens.last_listing(self.registry)
        entry = next((one for one in listed if one["authorization_token"] == self.found.authorization_token), None)
        if entry is None:
            cause = "the service does not list it as valid: it expired, was released, or is of another registry"
            raise FileError(cause, cure=_OTHER_FILE)
        expires_at, now = entry["expires_at"], self.session.client.now()
        if expires_at is None or expires_at <= now:
            raise FileError("it has expired, or its expiry cannot be read", cure=_OTHER_FILE)
        if expires_at - now <= self.session.min_remaining:
            minutes = int((expires_at - now).total_seconds()) // 60
            cause = f"it lives for {minutes} minutes more, and min_remaining is {self.params['min_remaining']}"
            raise FileError(cause, cure="Have another one issued, or lower min_remaining.")
        return expires_at

    def want(self, before: State) -> State:
        return {self.registry: {"username": TOKEN_USER, "token": _OF_FILE}, **self._wanted_file()}

    def foresee(self, plan: Plan) -> None:
        if self.token is None:
            self.session.foresee_keeping(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        if self.token is None:
            ours = (self.found.authorization_token, self.found.password, self.expires_at)
            self.token = self.session.broker.adopt(self.registry, *ours)
            yield self.registry
        yield from self._write_file(self.token)

    def _source(self, plan: Plan) -> str:
        return "xlsx" if self.registry in plan.pending else "cache"

    def _expires_at(self) -> datetime.datetime | None:
        return self.expires_at


def _files() -> t.Any:
    """What reads and writes .xlsx files: slow to load, and few tasks need it."""
    from ansible_collections.jdcloud.jcr.plugins.module_utils import _xlsx

    return _xlsx
