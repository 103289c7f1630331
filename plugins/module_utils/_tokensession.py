# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task needs that also works with tokens: a session that gets them as the task's options say.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import functools
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import token_hours
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, Session

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
    from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens, Token
    from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
    from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker


class TokenSession(Session):
    """A session with the tokens of the account."""

    def __init__(
        self, host: Host, usual_deadline: float | None, clock: Clock | None = None, region: str | None = None
    ) -> None:
        super().__init__(host, usual_deadline, clock, region)
        self._unkept: dict[str, Token] = {}

    @functools.cached_property
    def known_tokens(self) -> KnownTokens:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens
        from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import cache_dir

        cache = cache_dir(self._params.get("cache"), self._host.environ, self._host.home)
        return KnownTokens(self.client, cache)

    @functools.cached_property
    def broker(self) -> TokenBroker:
        """What gets new tokens: most tasks find theirs among those that are known."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker

        return TokenBroker(self.known_tokens, clock=self.clock)

    @property
    def min_remaining(self) -> datetime.timedelta:
        return datetime.timedelta(minutes=self._params["min_remaining"])

    def check_token_options(self) -> None:
        """Refuse hours and min_remaining that can never be met."""
        hours = token_hours(self._params["hours"])
        if not 0 <= self._params["min_remaining"] < hours * 60:
            raise RuleError(
                f"min_remaining is {self._params['min_remaining']} minutes, but a token of {hours} h must outlive it",
                cure=f"Choose min_remaining from 0 to {hours * 60 - 1} minutes, or more hours.",
            )

    def token(self, registry: str) -> Token:
        """A token of C(registry) that lives long enough: from the cache, or issued now."""
        token = self.broker.acquire(
            registry,
            hours=self._params["hours"],
            min_remaining=self.min_remaining,
            on_rate_limit=self._policy,
        )
        self.keep_token(token)
        if token.expires_at is None:  # the broker does not keep it, so that this task is the only one to know it
            self._unkept[registry] = token
        return token

    def token_to_look_with(self, registry: str) -> Token | None:
        """As token(); in check mode, which must not issue one, a token that is held, or None."""
        if not self._host.check_mode:
            return self.token(registry)
        return next(iter(self.usable_tokens(registry)), None)

    def renewed_token(self, registry: str, replacing: t.Collection[Secret]) -> Token:
        """A token to put in the place of others; the broker's hand_over() does that."""
        token = self.broker.renew(
            registry, hours=self._params["hours"], replacing=replacing, on_rate_limit=self._policy
        )
        self.keep_token(token)
        return token

    def foresee_renewal(self, registry: str, replacing: t.Collection[Secret]) -> None:
        """Fail as renewed_token() would, for want of a free slot or of a usable cache. Issues and writes nothing."""
        self.broker.foresee_renewal(registry, replacing=replacing, on_rate_limit=self._policy)

    def foresee_keeping(self, registry: str) -> None:
        """Fail as it would fail to put a token into the cache, as far as it can be foreseen. Writes nothing."""
        self.broker.foresee_writing(registry)

    @property
    def _policy(self) -> str:
        return self._params["on_rate_limit"]

    def foresee_token(self, registry: str) -> None:
        """Fail as token() would, for want of a free slot or of a usable cache. Issues and writes nothing."""
        self.broker.foresee(registry, min_remaining=self.min_remaining, on_rate_limit=self._policy)

    def usable_tokens(self, registry: str) -> list[Token]:
        """The cached tokens that token() would be content with now, the longest living first. Issues, writes nothing.

        Where the hour's tokens are used up and O(on_rate_limit=reuse), those are all that are valid.
        """
        if registry in self._unkept:
            return [self._unkept[registry]]
        held = self.held_tokens(registry)
        long_enough = [token for token in held if token.expires_at - self.client.now() > self.min_remaining]
        if not long_enough and self._policy == "reuse":
            return held if self.known_tokens.ledger(registry)["next_slot_at"] else []
        return long_enough

    def held_tokens(self, registry: str) -> list[Token]:
        """The cached tokens of C(registry) that the service lists as valid, the longest living first."""
        return self._kept_secret(self.known_tokens.held(registry))

    def owned_tokens(self, registry: str) -> list[Token]:
        """As held_tokens(), with those that a rotation has replaced and not released yet."""
        return self._kept_secret(self.known_tokens.owned(registry))

    def _kept_secret(self, tokens: list[Token]) -> list[Token]:
        for token in tokens:
            self.keep_token(token)
        return tokens

    def keep_token(self, token: Token) -> None:
        self._host.keep_secret(token.password)
        self._host.keep_secret(token.authorization_token)

    def transfer_options(self) -> dict[str, t.Any]:
        """How a registry itself is to be spoken to, as _target.Target takes it."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import IDLE_SECONDS

        return {
            "timeout": self._params["timeout"],
            "idle": self._seconds("idle_timeout", IDLE_SECONDS),
            "retries": self.retries,
            "verify": self.verify,
            "allowed_hosts": tuple(self._params["allowed_registry_hosts"]),
        }

    def close(self) -> None:
        """Hand warnings about tokens on, and let go of the connections."""
        if "known_tokens" in self.__dict__:
            for text in self.known_tokens.warnings:
                self._host.warn(text)
        super().close()


class TokenResource(ServiceResource):
    """A resource that works with tokens, through a session of its own."""

    session_type = TokenSession
    session: TokenSession
