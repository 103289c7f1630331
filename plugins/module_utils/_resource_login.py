# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_login: logins of docker clients to registries, in one docker configuration.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import ping
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, STATE, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import registry_host, split_registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import is_loopback

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str"},
        "registries": {"type": "list", "elements": "str"},
        "config_path": {"type": "path"},
        "inner": {"type": "bool", "default": False},
        "verify": {"type": "bool", "default": True},
    },
    mutually_exclusive=(("registry", "registries"),),
    required_one_of=(("registry", "registries"),),
).merge(STATE, TOKEN, CONNECTION)


INNER = " inside the VPC"


class LoginResource(ServiceResource):
    """The keys of the state are registries, and C(REGISTRY inside the VPC) for their inner hosts.

    A login is C(usable) while its token is known, valid and long-lived, and C(private) if only its owner can read it.
    """

    shown = ("username", "usable", "private")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registries: list[str] = list(dict.fromkeys(self.params["registries"] or [self.params["registry"]]))
        self.hosts: dict[str, str] = {}
        self.registry_of: dict[str, str] = {}
        self.expires_at: dict[str, str | None] = {}
        self.path = ""
        self.private = True

    def purpose(self) -> tuple[str, str]:
        act = "log in to" if self.params["state"] == "present" else "log out of"
        return act, f"registry {', '.join(map(repr, self.registries))}{self.place}"

    def check(self) -> None:
        if self.params["registries"] is not None and not self.params["registries"]:
            raise ConfigurationError("registries is an empty list", cure="Name at least one registry.")
        for name in self.registries:
            _rules.registry_name(name)
        self.session.check_token_options()

    def read(self) -> State:
        for registry in self.registries:
            for key, host in self._hosts(registry).items():
                self.hosts[key], self.registry_of[key] = host, registry
        logins = self.host.docker_config()
        found = logins.read(list(self.hosts.values()))
        self.path, self.private = logins.path, logins.is_private()
        return {key: self._fields(key, found[host]) for key, host in self.hosts.items()}

    def _hosts(self, registry: str) -> dict[str, str]:
        if self.params["state"] == "absent":
            public = self.session.foreseen_host(registry)
        else:
            public = self.session.trusted_host(registry)
        hosts = {registry: public}
        if self.params["inner"] and split_registry_host(public):
            hosts[registry + INNER] = registry_host(registry, self.session.region, inner=True)
        return hosts

    def _fields(self, key: str, login: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
        """A login as the plan sees it; whether it is usable is asked only where a usable one is wanted."""
        if login is None:
            return None
        fields = {"username": login["username"], "private": self.private}
        if self.params["state"] == "present":
            usable = self.session.usable_tokens(self.registry_of[key])
            token = next((token for token in usable if token.password.fingerprint() == login["fingerprint"]), None)
            self.expires_at[key] = moment(token.expires_at) if token else None
            fields["usable"] = token is not None
        return fields

    def want(self, before: State) -> State:
        if self.params["state"] == "absent":
            return dict.fromkeys(before)
        return {key: {"username": TOKEN_USER, "usable": True, "private": True} for key in before}

    def foresee(self, plan: Plan) -> None:
        if self.params["state"] == "present":
            for registry in self._registries(plan):
                self.session.foresee_token(registry)

    def _registries(self, plan: Plan) -> list[str]:
        """The registries whose logins change."""
        return list(dict.fromkeys(self.registry_of[key] for key in self.registry_of if key in plan.pending))

    def apply(self, plan: Plan) -> t.Iterator[str]:
        logins = self.host.docker_config()
        keys = [key for key in self.hosts if key in plan.pending]
        if self.params["state"] == "absent":
            logins.erase([self.hosts[key] for key in keys])
        else:
            tokens = {registry: self.session.token(registry) for registry in self._registries(plan)}
            if self.params["verify"]:
                for registry, token in tokens.items():  # at the public host: the one inside the VPC is seldom reachable
                    self._verify(self.hosts[registry], token)
            owned = {key: tokens[self.registry_of[key]] for key in keys}
            logins.write({self.hosts[key]: (token.username, token.password) for key, token in owned.items()})
        yield from keys

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
                    "host": self.hosts[change.key],
                    "path": self.path,
                    "user": TOKEN_USER if change.after else None,
                    "changed": change.action != NONE,
                    "expires_at": self.expires_at.get(change.key),
                }
                for change in plan.changes
            ]
        }
