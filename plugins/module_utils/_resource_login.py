# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_login: logins of docker clients to registries, in the docker configurations of users.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentialstore import NAME
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import ping
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import AUTO
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, STATE, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryhost import registry_host, split_registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str"},
        "registries": {"type": "list", "elements": "str"},
        "users": {"type": "list", "elements": "str"},
        # Not a path: ~ is the home of each user, and not of the one that this process belongs to.
        "config_path": {"type": "str"},
        "store": {"type": "str", "default": AUTO},
        "inner": {"type": "bool", "default": False},
        "verify": {"type": "bool", "default": True},
    },
    mutually_exclusive=(("registry", "registries"),),
    required_one_of=(("registry", "registries"),),
).merge(STATE, TOKEN, CONNECTION)


INNER = " inside the VPC"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One login: to which host of which registry, and for whom; C(user) is None for the task's own user."""

    registry: str
    host: str
    user: str | None
    owner: str
    path: str
    store: str


class LoginResource(TokenResource):
    """The keys of the state are registries, C(REGISTRY inside the VPC) for their inner hosts, and C(... for USER).

    A login is C(usable) while its token is known, valid and long-lived, and C(private) if only its owner can read it.
    Its C(store) is managed only where the task names one.
    """

    shown = ("username", "usable", "private", "store")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registries: list[str] = list(dict.fromkeys(self.params["registries"] or [self.params["registry"]]))
        self.store: str = self.params["store"]
        self.hosts: dict[str, str] = {}  # of a registry, and of REGISTRY inside the VPC
        self.entries: dict[str, Entry] = {}
        self.expires_at: dict[str, str | None] = {}
        self.usable: dict[str, list[Token]] = {}

    def purpose(self) -> tuple[str, str]:
        act = "log in to" if self.params["state"] == "present" else "log out of"
        return act, f"registry {', '.join(map(repr, self.registries))}{self.place}"

    def check(self) -> None:
        for option, cure in (("registries", "Name at least one registry."), ("users", "Name a user, or leave it out.")):
            if self.params[option] is not None and not self.params[option]:
                raise ConfigurationError(f"{option} is an empty list", cure=cure)
        if not NAME.fullmatch(self.store):
            raise ConfigurationError(
                f"store is {self.store!r}, which cannot be a credential helper's name",
                cure="Choose auto, file, or NAME for the program docker-credential-NAME.",
            )
        for name in self.registries:
            _rules.registry_name(name)
        self.session.check_token_options()

    def read(self) -> State:
        registry_of = {}
        for registry in self.registries:
            for place, host in self._hosts(registry).items():
                self.hosts[place], registry_of[place] = host, registry
        state: dict[str, t.Any] = {}
        self.usable = {}
        found = self.host.docker_logins().read(list(self.hosts.values()))
        _refuse_one_file_for_several(found)
        for config in found:
            for place, host in self.hosts.items():
                key = place if config["user"] is None else f"{place} for {config['user']}"
                told = config["stores"][host]
                store = told if self.store == AUTO else self.store
                entry = Entry(registry_of[place], host, config["user"], config["owner"], config["path"], store)
                self.entries[key] = entry
                state[key] = self._fields(key, config["logins"][host], told, config["private"])
        return state

    def _hosts(self, registry: str) -> dict[str, str]:
        if self.params["state"] == "absent":
            public = self.session.foreseen_host(registry)
        else:
            public = self.session.trusted_host(registry)
        hosts = {registry: public}
        if self.params["inner"] and split_registry_host(public):
            hosts[registry + INNER] = registry_host(registry, self.session.region, inner=True)
        return hosts

    def _fields(self, key: str, login: dict[str, t.Any] | None, store: str, private: bool) -> dict[str, t.Any] | None:
        """A login as the plan sees it; whether it is usable is asked only where a usable one is wanted."""
        if login is None:
            return None
        fields = {"username": login["username"], "private": private}
        if self.store != AUTO:
            fields["store"] = store
        if self.params["state"] == "present":
            usable = self._usable_tokens(self.entries[key].registry)
            token = next((token for token in usable if token.password.fingerprint() == login["fingerprint"]), None)
            self.expires_at[key] = moment(token.expires_at) if token else None
            fields["usable"] = token is not None
        return fields

    def _usable_tokens(self, registry: str) -> list[Token]:
        """Asked once for all hosts and users of a registry."""
        if registry not in self.usable:
            self.usable[registry] = self.session.usable_tokens(registry)
        return self.usable[registry]

    def want(self, before: State) -> State:
        if self.params["state"] == "absent":
            return dict.fromkeys(before)
        wanted = {"username": TOKEN_USER, "usable": True, "private": True}
        if self.store != AUTO:
            wanted["store"] = self.store
        return {key: dict(wanted) for key in before}

    def foresee(self, plan: Plan) -> None:
        if self.params["state"] == "present":
            for registry in self._registries(plan):
                self.session.foresee_token(registry)

    def _registries(self, plan: Plan) -> list[str]:
        """The registries whose logins change."""
        return list(dict.fromkeys(entry.registry for key, entry in self.entries.items() if key in plan.pending))

    def apply(self, plan: Plan) -> t.Iterator[str]:
        logins = self.host.docker_logins()
        tokens = self._tokens(plan) if self.params["state"] == "present" else {}
        for user in dict.fromkeys(entry.user for entry in self.entries.values()):
            mine = {key: entry for key, entry in self.entries.items() if entry.user == user and key in plan.pending}
            if not mine:
                continue
            if self.params["state"] == "absent":
                logins.erase(user, [entry.host for entry in mine.values()])
            else:
                owned = [(entry.host, tokens[entry.registry]) for entry in mine.values()]
                logins.write(user, {host: (token.username, token.password) for host, token in owned})
            yield from mine

    def _tokens(self, plan: Plan) -> dict[str, Token]:
        """A token for each registry whose logins change; tried at the registry, if that is wanted."""
        tokens = {registry: self.session.token(registry) for registry in self._registries(plan)}
        if self.params["verify"]:
            for registry, token in tokens.items():  # at the public host: the one inside the VPC is seldom reachable
                self._verify(self.hosts[registry], token)
        return tokens

    def _verify(self, host: str, token: Token) -> None:
        ping(
            host,
            token.username,
            token.password,
            insecure=is_loopback(host),
            clock=self.session.clock,
            deadline=self.session.deadline,
            timeout=self.params["timeout"],
            verify=self.session.verify,
        )

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        return {
            "logins": [
                {
                    "host": self.entries[change.key].host,
                    "path": self.entries[change.key].path,
                    "owner": self.entries[change.key].owner,
                    "store": self.entries[change.key].store,
                    "user": TOKEN_USER if change.after else None,
                    "changed": change.action != NONE,
                    "expires_at": self.expires_at.get(change.key),
                }
                for change in plan.changes
            ]
        }


def _refuse_one_file_for_several(found: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    paths = [config["path"] for config in found]
    shared = next((path for path in paths if paths.count(path) > 1), None)
    if shared:
        users = ", ".join(repr(config["user"]) for config in found if config["path"] == shared)
        raise ConfigurationError(
            f"{shared!r} would be the docker configuration of several users ({users})",
            cure="Begin config_path with ~/, which is the home of each user, or leave it out.",
        )
