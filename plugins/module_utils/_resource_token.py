# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of jcr_token: a valid token of one registry with the .xlsx file that carries it; tokens released.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules, _xlsx
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import token_password
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, STATE, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import registry_host, split_registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import Token

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "dest": {"type": "path"},
        "return_secret": {"type": "bool", "default": False, "no_log": False},
        "token": {"type": "str", "no_log": True},
        "all": {"type": "bool", "default": False},
    },
).merge(STATE, TOKEN, CONNECTION)


def build(host: Host) -> Resource:
    """The resource for the wanted C(state)."""
    return {"present": ValidToken, "absent": ReleasedTokens}[host.params["state"]](host)


class ValidToken(ServiceResource):
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
            _xlsx.check_target(self.dest)

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
        state: dict[str, t.Any] = {self.registry: {"username": TOKEN_USER} if self.token else None}
        if self.dest:
            current = self.token is not None and _xlsx.is_current(self.dest, **self._row())
            present = {"token": self._content() if current else "another token"}
            state[self.dest] = present if os.path.lexists(self.dest) else None
        return state

    def want(self, before: State) -> State:
        wanted: dict[str, t.Any] = {self.registry: {"username": TOKEN_USER}}
        if self.token is None:
            wanted[self.registry]["hours"] = self.params["hours"]
        if self.dest:
            wanted[self.dest] = {"token": self._content()}
        return wanted

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
        if self.dest and _xlsx.write_token(self.dest, **self._row()):
            yield self.dest

    def _row(self) -> dict[str, t.Any]:
        """What the .xlsx file says."""
        return {
            "registry": self.registry,
            "region": self.session.region,
            "host": self.registry_host,
            "username": self.token.username,
            "password": self.token.password,
            "authorization_token": self.token.authorization_token,
            "expires_at": self.token.expires_at,
        }

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        issue = any(change.key == self.registry and change.action == CREATE for change in plan.changes)
        expires_at = self.token.expires_at if self.token else None
        ledger = self.session.broker.ledger(self.registry)
        token = {
            "registry": self.registry,
            "host": self.registry_host,
            "hosts": self._hosts(),
            "username": TOKEN_USER,
            "expires_at": moment(expires_at),
            "expires_in": int((expires_at - self.session.client.now()).total_seconds()) if expires_at else None,
            "issued": issue,
            "source": "api" if issue else self.token.source,
            "issued_last_hour": ledger["issued_last_hour"],
            "next_slot_at": moment(ledger["next_slot_at"]),
        }
        return {"token": token, "dest": self.dest, "released": 0}

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


class ReleasedTokens(ServiceResource):
    """C(state=absent). The keys of the state are the fingerprints of the tokens that are to go."""

    shown = ("expires_at",)

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registry: str = self.params["registry"]
        self.doomed: dict[str, Secret] = {}

    def purpose(self) -> tuple[str, str]:
        return "release tokens", f"of registry '{self.registry}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.registry)
        if self.params["token"] == "":
            raise ConfigurationError("token is empty", cure="Name the token to release, or leave token out.")
        if self.params["token"] and self.params["all"]:
            raise ConfigurationError("token names one token, but all asks for every one", cure="Leave one of them out.")
        if self.params["token"]:
            self.host.keep_secret(Secret(self.params["token"]))
        if self.params["dest"] or self.params["return_secret"]:
            raise ConfigurationError(
                "dest and return_secret are for a token to be had", cure="Leave them out with state: absent."
            )

    def read(self) -> State:
        if self.session.registry_host(self.registry) is None:
            return {}
        ours = {token.authorization_token for token in self.session.held_tokens(self.registry)}
        state = {}
        for listed in self.session.client.tokens(self.registry):
            token = listed["authorization_token"]
            if self._is_doomed(token, ours):
                self.host.keep_secret(token)
                self.doomed[token.fingerprint()] = token
                state[token.fingerprint()] = {"expires_at": moment(listed["expires_at"])}
        return state

    def _is_doomed(self, token: Secret, ours: t.Collection[Secret]) -> bool:
        if self.params["all"]:
            return True
        if self.params["token"]:
            return self.params["token"] in (token.reveal(), _password(token))
        return token in ours

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        doomed = [change.key for change in plan.to_do(DELETE)]
        if self.params["all"]:
            self.session.broker.release_all(self.registry)
            yield from doomed
            return
        for fingerprint in doomed:
            self.session.broker.release(self.registry, self.doomed[fingerprint])
            yield fingerprint

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        released = sum(change.action != NONE for change in plan.changes)
        return {"token": None, "dest": None, "released": released}


def _password(token: Secret) -> str | None:
    """The password that a listed token holds; None for one of another make, which nobody can have asked for by it."""
    try:
        return token_password(token.reveal())
    except ProtocolError:
        return None
