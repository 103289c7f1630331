# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_token's C(state=rotated): a new token in the place of those that the cache held.

This module util is private to the collection.

Issue, verify at the registry, hand over, release the old ones. Until a step is done, nothing is taken away that the
steps before it did not replace: whenever a rotation ends, a valid token is in the cache, and the next rotation goes on.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import ping
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ConfigurationError,
    JcrError,
    UnknownOutcome,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import MAY_BE_FOREIGN, Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._validtoken import ValidToken


class RotatedToken(ValidToken):
    """The keys of the state are the registry, the C(dest) file if one is wanted, and the old tokens by their ids."""

    shown = ("username", "token", "expires_at")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.old: dict[str, Token] | None = None  # as they were when the task began, by what the diff calls them
        self.spared: list[Token] = []  # old ones, too, but perhaps somebody else's: replaced, and not released
        self.is_handed_over = False
        self._new = ""  # what the diff says of the token that all tasks will use

    def purpose(self) -> tuple[str, str]:
        return "rotate the token", f"of registry '{self.registry}'{self.place}"

    def check(self) -> None:
        super().check()
        if self.params["source_xlsx"] is not None:
            raise ConfigurationError("source_xlsx takes over a token that is there", cure="Set state: present.")

    def read(self) -> State:
        self.registry_host = self.session.trusted_host(self.registry)
        if self.old is None:
            owned = self.session.owned_tokens(self.registry)
            self.token = next((token for token in owned if token.unfinished), None)
            old = [token for token in owned if not token.unfinished and not token.found]
            self.spared = [token for token in owned if not token.unfinished and token.found]
            self._tell_of_spared()
            # The id is that of jcr_token_info.
            self.old = {f"old token {token.authorization_token.fingerprint()}": token for token in old}
            self._new = self._expected()
            listed = {token.authorization_token for token in owned}
        else:
            listed = {entry["authorization_token"] for entry in self.session.client.tokens(self.registry)}
            self._follow(listed)
        return {self.registry: self._current(listed), **self._new_file_state(), **self._old_states(listed)}

    def _expected(self) -> str:
        if self.token is None:
            return f"a new token, valid for {self.params['hours']} hours"
        return f"the new token of a rotation that did not end, valid until {moment(self.token.expires_at)}"

    def _tell_of_spared(self) -> None:
        for token in self.spared:
            self.host.warn(
                f"An old token of registry '{self.registry}' is replaced, but not released: it {MAY_BE_FOREIGN}. It "
                f"stays valid until {moment(token.expires_at)}."
            )

    def _follow(self, listed: set[Secret]) -> None:
        """Where another rotation has replaced the new token meanwhile, take that one's."""
        if not self.is_handed_over or self.token.authorization_token in listed:
            return
        for token in self.session.held_tokens(self.registry):
            if token.authorization_token not in self._replacing:
                self.token = token
                listed.add(token.authorization_token)
                return

    def _current(self, listed: t.Collection[Secret]) -> dict[str, t.Any] | None:
        """The token that other tasks use now."""
        if self.is_handed_over:
            return {"username": TOKEN_USER, "token": self._new} if self.token.authorization_token in listed else None
        replaced = [*self.old.values(), *self.spared]
        if not replaced:
            return None
        until = moment(replaced[0].expires_at)
        return {"username": TOKEN_USER, "token": f"valid until {until}"}

    def _new_file_state(self) -> dict[str, t.Any]:
        return self._file_state(self.token if self.is_handed_over else None)

    def _old_states(self, listed: t.Collection[Secret]) -> dict[str, t.Any]:
        return {
            key: {"expires_at": moment(token.expires_at)} if token.authorization_token in listed else None
            for key, token in self.old.items()
        }

    def want(self, before: State) -> State:
        wanted = {self.registry: {"username": TOKEN_USER, "token": self._new}, **self._wanted_file()}
        return {**wanted, **dict.fromkeys(self.old)}

    def _content(self) -> str:
        return self._new

    @property
    def _replacing(self) -> set[Secret]:
        return {token.authorization_token for token in (*self.old.values(), *self.spared)}

    def foresee(self, plan: Plan) -> None:
        if self.token is None:
            self.session.foresee_renewal(self.registry, self._replacing)
        else:
            self.session.foresee_keeping(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        if not self.is_handed_over:
            if self.token is None:
                self.token = self.session.renewed_token(self.registry, self._replacing)
            self._verify(self.token)
            yield from self._write_file(self.token)
            forgotten = {token.authorization_token for token in self.spared}
            self.session.broker.hand_over(self.registry, self.token, self._replacing, forgotten)
            self.is_handed_over = True
            yield self.registry
        yield from self._release([change.key for change in plan.to_do(DELETE)])

    def _verify(self, token: Token) -> None:
        try:
            ping(
                self.registry_host,
                token.username,
                token.password,
                insecure=is_loopback(self.registry_host),
                clock=self.session.clock,
                deadline=self.session.deadline,
                timeout=self.params["timeout"],
                verify=self.session.verify,
            )
        except AuthenticationFailed as error:
            self.session.broker.reject(self.registry, token, error)
        except JcrError as error:
            error.cause += "; the old tokens stay as they are, and the next rotation goes on with the new one"
            raise

    def _release(self, doomed: list[str]) -> t.Iterator[str]:
        """Release the old tokens, each one that can be; raises the first failure in the end."""
        failures: dict[str, JcrError] = {}
        for key in doomed:
            try:
                self.session.broker.release(self.registry, self.old[key].authorization_token)
            except UnknownOutcome:  # reading settles it, and the runner comes back for the others
                raise
            except JcrError as error:
                failures[key] = error
            else:
                yield key
        if failures:
            raise self._unreleased(failures)

    def _unreleased(self, failures: t.Mapping[str, JcrError]) -> JcrError:
        expiries = ", ".join(str(moment(self.old[key].expires_at)) for key in failures)
        error = next(iter(failures.values()))
        error.cause += (
            f"; the new token is in use, but {len(failures)} of {len(self.old)} old ones could not be released and "
            f"stay valid until {expiries}. The next rotation within an hour releases them without a new issue"
        )
        return error

    def _source(self, plan: Plan) -> str:
        if self.token is None or self.token.issued:
            return "api"
        return "cache"
