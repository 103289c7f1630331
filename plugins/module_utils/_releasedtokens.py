# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_token's C(state=absent): tokens that are released.

This module util is private to the collection.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    Forbidden,
    NotFound,
    ProtocolError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import MAY_BE_FOREIGN, Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import token_password
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource


class ReleasedTokens(TokenResource):
    """C(state=absent). The keys of the state are the ids of the tokens that are to go, as jcr_token_info tells them."""

    shown = ("expires_at",)

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registry: str = self.params["registry"]
        self.doomed: dict[str, Secret] = {}
        self.spared: list[Token] | None = None  # of the cache, but perhaps somebody else's

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
        if self.params["token"] and not re.fullmatch(r"[!-~]+", self.params["token"]):
            raise ConfigurationError("token is not one", cure="Give its id, its authorization token or its password.")
        if self.params["dest"] or self.params["return_secret"] or self.params["source_xlsx"] is not None:
            cause = "dest, source_xlsx and return_secret are for a token to be had"
            raise ConfigurationError(cause, cure="Leave them out with state: absent.")

    def read(self) -> State:
        if self.session.registry_host(self.registry) is None:
            self._look_elsewhere()
            return {}
        owned = self.session.owned_tokens(self.registry)
        ours = {token.authorization_token for token in owned if not token.found}
        if self.spared is None:
            self.spared = [token for token in owned if token.found]
            self._tell_of_spared()
        state = {}
        for listed in self.session.known_tokens.last_listing(self.registry):
            token = listed["authorization_token"]
            if self._is_doomed(token, ours):
                self.host.keep_secret(token)
                key = f"token {token.fingerprint()}"
                self.doomed[key] = token
                state[key] = {"expires_at": moment(listed["expires_at"])}
        if not self.doomed:
            self._look_elsewhere()
        return state

    def _tell_of_spared(self) -> None:
        if self.params["token"] or self.params["all"]:
            return
        for token in self.spared or ():
            self.host.warn(
                f"A token of registry '{self.registry}' is not released: it {MAY_BE_FOREIGN}. It stays in the cache, "
                f"and valid until {moment(token.expires_at)}; all: true releases it, too, with every other one."
            )

    def _look_elsewhere(self) -> None:
        """Refuse a token of another registry: it is valid, so not absent, and this task cannot release it."""
        if not self.params["token"]:
            return
        for other in self._allowed(self.session.client.registries):
            if other["name"] == self.registry:
                continue
            listed = self._allowed(functools.partial(self.session.client.tokens, other["name"]))
            if any(self._is_doomed(entry["authorization_token"], ()) for entry in listed):
                raise ConfigurationError(
                    f"it is a token of registry '{other['name']}'", cure="Nothing was released. Name that registry."
                )

    def _allowed(self, listing: t.Callable[[], list[dict[str, t.Any]]]) -> list[dict[str, t.Any]]:
        """A listing that only serves to be helpful: nothing where the account may not see it."""
        try:
            return listing()
        except (Forbidden, NotFound):
            return []

    def _is_doomed(self, token: Secret, ours: t.Collection[Secret]) -> bool:
        if self.params["all"]:
            return True
        if self.params["token"]:
            return self.params["token"] in (token.reveal(), _password(token), token.fingerprint())
        return token in ours

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        doomed = [change.key for change in plan.to_do(DELETE)]
        if self.params["all"]:
            self.session.broker.release_all(self.registry)
            yield from doomed
            return
        for key in doomed:
            self.session.broker.release(self.registry, self.doomed[key])
            yield key

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        released = sum(change.action != NONE for change in plan.changes)
        return {"token": None, "dest": None, "released": released}


def _password(token: Secret) -> str | None:
    """The password that a listed token holds; None for one of another make, which nobody can have asked for by it."""
    try:
        return token_password(token.reveal())
    except ProtocolError:
        return None
