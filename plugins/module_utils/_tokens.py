# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token broker: one place that issues tokens, keeps them, and never asks for a sixth within an hour.

This module util is private to the collection.

The service issues at most 5 tokens an hour for a registry and shows each one once (vendor's guide). So a token is kept
in a cache file of the user until it expires, and every issue is written to a ledger in the same file I(before) it is
asked for: a killed process or a lost answer counts as an issue. All of it happens under one lock for each account,
region and registry, so that parallel tasks share one token.

The listing of the service also holds tokens that others issued. They are credentials of those others: they only serve
to see whether a token of our own is still valid, and are never returned or kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ApiError,
    CheckModeViolation,
    ConfigurationError,
    DeadlineExceeded,
    FileError,
    JcrError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TokenBudgetExceeded,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import CacheState, KeptToken, TokenCache

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client

ISSUES_AN_HOUR = 5
WINDOW = datetime.timedelta(hours=1)
LONGEST_LIFE = datetime.timedelta(hours=25)  # 24 by the rules; an expiry beyond that was misread
_POLL = 60.0  # seconds between two tries when the service refuses and the ledger cannot tell until when
_LONGEST_WAIT = 2 * 3600.0  # seconds of waiting after which even a task without a deadline gives up


@dataclasses.dataclass(frozen=True)
class Token:
    """A login for one registry.

    expires_at is None if the service's answer could not be read: such a token is good for the run that issued it.
    issued tells whether this very call made it; source is C(cache), C(api) or C(xlsx). The broker does not know the
    registry's host: whoever has read and checked it may fill it in.
    """

    registry: str
    region: str
    authorization_token: Secret
    password: Secret
    expires_at: datetime.datetime | None
    issued: bool
    source: str
    host: str | None = None
    username: t.ClassVar[str] = TOKEN_USER


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """Why no token can be issued now. next_slot_at is None if only the service knows."""

    cause: str
    next_slot_at: datetime.datetime | None
    shorter: KeptToken | None  # the longest living token that is there, though too short for the caller


class TokenBroker:
    """Hands out tokens of the client's account and region.

    cache_dir is made when first written to (0700). lock_wait is how many seconds to wait for another process that
    speaks to the service for the same registry. warnings collects what the user should be told.
    """

    def __init__(self, client: Client, cache_dir: str, *, clock: Clock, lock_wait: float = 60.0) -> None:
        self._client = client
        self._directory = cache_dir
        self._clock = clock
        self._lock_wait = lock_wait
        self.warnings: list[str] = []

    # --- reading -----------------------------------------------------------------------------------------------------

    def held(self, registry: str) -> list[Token]:
        """The cached tokens that the service lists as valid, the longest living first; none of a missing registry.

        Issues, locks and writes nothing.
        """
        try:
            return [self._token(registry, kept) for kept in self._usable(registry, self._cache(registry).read())]
        except NotFound:
            return []

    def peek(self, registry: str, min_remaining: datetime.timedelta) -> Token | None:
        """The token that acquire() would take from the cache now; None if it would have to issue one.

        Issues, locks and writes nothing.
        """
        held = self.held(registry)
        return held[0] if held and self._outlives(held[0], min_remaining) else None

    def ledger(self, registry: str) -> dict[str, t.Any]:
        """issued_last_hour, as far as this cache knows, and next_slot_at: None when a token can be issued now."""
        recent = _recent(self._cache(registry).read().issues, self._client.now())
        return {"issued_last_hour": len(recent), "next_slot_at": _next_slot(recent)}

    def foresee(self, registry: str, *, min_remaining: datetime.timedelta, on_rate_limit: str = "fail") -> None:
        """Raise the TokenBudgetExceeded of acquire(), as far as the cache can tell.

        Issues, locks and writes nothing.
        """
        state = self._cache(registry).read()
        usable: list[KeptToken] = []
        with contextlib.suppress(NotFound):  # of a registry that an earlier task of the real run may create
            usable = self._usable(registry, state)
        refusal = self._used_up(CacheState(usable, state.issues))
        if refusal is None or (usable and self._outlives(usable[0], min_remaining)):
            return
        if on_rate_limit == "wait":
            self._pause(registry, refusal, 0.0)
        elif on_rate_limit != "reuse" or refusal.shorter is None:
            raise self._budget_error(registry, refusal)

    # --- issuing -----------------------------------------------------------------------------------------------------

    def acquire(
        self, registry: str, *, hours: int, min_remaining: datetime.timedelta, on_rate_limit: str = "fail"
    ) -> Token:
        """A token that lives longer than min_remaining: a cached one that the service still lists, or a new one.

        on_rate_limit says what to do when the hour's 5 tokens are used up: C(fail), C(wait) until a slot opens (within
        the task's deadline), or C(reuse) any cached token that is valid, however short it lives.
        Raises TokenBudgetExceeded; UnknownOutcome when the answer to an issue was lost (it counts, and is never asked
        for again); FileError when the cache cannot be used; and whatever the client raises.
        """
        self._refuse_in_check_mode("issue a token")
        cache = self._cache(registry)
        waited = 0.0
        while True:
            with self._locked(cache) as state:
                outcome = self._cached_or_new(registry, hours, min_remaining, cache, state)
            if isinstance(outcome, Token):
                return outcome
            if on_rate_limit == "reuse" and outcome.shorter is not None:
                return self._token(registry, outcome.shorter)
            if on_rate_limit != "wait":
                raise self._budget_error(registry, outcome)
            waited += self._wait(registry, outcome, waited)

    def _cached_or_new(
        self, registry: str, hours: int, min_remaining: datetime.timedelta, cache: TokenCache, state: CacheState
    ) -> Token | _Refusal:
        usable = self._usable(registry, state)  # asks the service first: now() knows the service's time from here on
        if usable and self._outlives(usable[0], min_remaining):
            return self._token(registry, usable[0])
        fresh = CacheState(usable, _recent(state.issues, self._client.now()))
        refusal = self._used_up(fresh)
        if refusal is None:
            return self._issue(registry, hours, cache, fresh)
        if fresh != state:
            cache.write(fresh)
        return refusal

    def _used_up(self, state: CacheState) -> _Refusal | None:
        """Why the ledger forbids an issue; None if it allows one."""
        recent = _recent(state.issues, self._client.now())
        if len(recent) < ISSUES_AN_HOUR:
            return None
        cause = f"{len(recent)} were issued within the last hour, and the service allows {ISSUES_AN_HOUR} an hour"
        return _Refusal(cause, _next_slot(recent), state.tokens[0] if state.tokens else None)

    def _issue(self, registry: str, hours: int, cache: TokenCache, state: CacheState) -> Token | _Refusal:
        before = list(state.issues)
        state.issues.append(self._client.now())
        cache.write(state)  # first the ledger: if this process dies now, the issue has been counted
        try:
            issued = self._client.issue_token(registry, hours)
        except JcrError as error:
            if _surely_not_issued(error):
                cache.write(CacheState(state.tokens, before))
            if not isinstance(error, (QuotaExceeded, RateLimited)):
                raise
            cause = f"the service refused ({error.cause}); {len(before)} issues of the last hour are known here"
            return _Refusal(cause, _next_slot(before), state.tokens[0] if state.tokens else None)
        return self._keep(registry, cache, state, issued)

    def _keep(self, registry: str, cache: TokenCache, state: CacheState, issued: t.Mapping[str, t.Any]) -> Token:
        """Save a token that was issued just now, then return it."""
        now = self._client.now()
        expires_at = issued["expires_at"]
        if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
            expires_at = None
        state.issues[-1] = now  # the service's own count starts no later than its answer
        if expires_at is not None:
            state.tokens.append(KeptToken(issued["authorization_token"], issued["password"], expires_at))
        else:
            self.warnings.append(
                f"The expiry of the new token of registry '{registry}' could not be read: it is used once and not kept."
            )
        try:
            cache.write(state)
        except FileError as error:  # the token is good, and the service will not show it again
            self.warnings.append(f"The new token is used once and not kept: {error.message}")
        return Token(
            registry=registry,
            region=self._client.region,
            authorization_token=issued["authorization_token"],
            password=issued["password"],
            expires_at=expires_at,
            issued=True,
            source="api",
        )

    def _wait(self, registry: str, refusal: _Refusal, waited: float) -> float:
        """Sleep until the next try; returns the seconds slept. The lock is not held meanwhile."""
        pause = self._pause(registry, refusal, waited)
        self._clock.sleep(pause)
        return pause

    def _pause(self, registry: str, refusal: _Refusal, waited: float) -> float:
        """Seconds until the next try; raises TokenBudgetExceeded where waiting cannot help in time."""
        pause = _POLL
        if refusal.next_slot_at is not None:
            pause = max((refusal.next_slot_at - self._client.now()).total_seconds(), 1.0)
        left = self._client.deadline.left()
        if left is not None and pause >= left:
            raise self._budget_error(registry, refusal, "The task's deadline ends before that: raise deadline.")
        if waited + pause > _LONGEST_WAIT:
            raise self._budget_error(registry, refusal, "Waited in vain: see in the console who issues tokens.")
        return pause

    def _budget_error(self, registry: str, refusal: _Refusal, cure: str | None = None) -> TokenBudgetExceeded:
        when = "The service does not say when the next one can be issued, at the latest it is in an hour."
        if refusal.next_slot_at is not None:
            when = f"The next one can be issued at {format_time(_whole_second_after(refusal.next_slot_at))}."
        how = cure or "Run again then, or set on_rate_limit to wait, or to reuse a token that lives shorter."
        error = TokenBudgetExceeded(refusal.cause, cure=f"{when} {how}", retryable=True)
        error.about("issue a token", f"of registry '{registry}' in {self._client.region}")
        return error

    # --- releasing ---------------------------------------------------------------------------------------------------

    def release(self, registry: str, token: Secret) -> None:
        """Make one token (its authorization token) invalid and forget it; one that is gone already is no error."""
        self._refuse_in_check_mode("release a token")
        with contextlib.suppress(NotFound):
            self._client.release_token(registry, token)
        self._forget(registry, lambda kept: kept.authorization_token == token)

    def release_all(self, registry: str) -> None:
        """Make all tokens of the registry invalid, whoever issued them, and forget ours. The ledger stays."""
        self._refuse_in_check_mode("release all tokens")
        with contextlib.suppress(NotFound):
            self._client.release_all_tokens(registry)
        self._forget(registry, lambda kept: True)

    def _forget(self, registry: str, is_released: t.Callable[[KeptToken], bool]) -> None:
        cache = self._cache(registry)
        if not any(is_released(kept) for kept in cache.read().tokens):
            return
        try:
            with self._locked(cache) as state:
                state.tokens = [kept for kept in state.tokens if not is_released(kept)]
                cache.write(state)
        except FileError as error:  # harmless: a token that the service no longer lists is never handed out
            self.warnings.append(f"A released token stays in the cache until it expires: {error.message}")

    def _refuse_in_check_mode(self, act: str) -> None:
        if self._client.read_only:
            raise CheckModeViolation("the client is read-only", act=act)

    # --- choosing ----------------------------------------------------------------------------------------------------

    def _usable(self, registry: str, state: CacheState) -> list[KeptToken]:
        """The cached tokens that the service lists and that have not expired by its time, the longest living first."""
        listed = {entry["authorization_token"]: entry["expires_at"] for entry in self._client.tokens(registry)}
        now = self._client.now()
        usable = [
            dataclasses.replace(kept, expires_at=listed[kept.authorization_token] or kept.expires_at)
            for kept in state.tokens
            if kept.authorization_token in listed
        ]
        alive = [kept for kept in usable if kept.expires_at > now]
        return sorted(alive, key=lambda kept: kept.expires_at, reverse=True)

    def _outlives(self, token: Token | KeptToken, min_remaining: datetime.timedelta) -> bool:
        return token.expires_at is not None and token.expires_at - self._client.now() > min_remaining

    def _token(self, registry: str, kept: KeptToken) -> Token:
        return Token(
            registry=registry,
            region=self._client.region,
            authorization_token=kept.authorization_token,
            password=kept.password,
            expires_at=kept.expires_at,
            issued=False,
            source="cache",
        )

    def _cache(self, registry: str) -> TokenCache:
        return TokenCache(self._directory, self._client.account, registry)

    @contextlib.contextmanager
    def _locked(self, cache: TokenCache) -> t.Iterator[CacheState]:
        """Hold the lock of a cache; gives what is in it."""
        left = self._client.deadline.left()
        wait = self._lock_wait if left is None else min(self._lock_wait, left)
        with cache.locked(self._clock, wait):
            state, warning = cache.read_or_repair()
            if warning:
                self.warnings.append(warning)
            yield state


def default_cache_dir(environ: t.Mapping[str, str], home: str) -> str:
    """Where tokens are kept: JCR_TOKEN_CACHE, or C(jdcloud-jcr) in the user's cache directory (XDG)."""
    chosen = environ.get("JCR_TOKEN_CACHE")
    if chosen:
        return os.path.join(home, chosen[2:]) if chosen.startswith("~/") else chosen
    base = environ.get("XDG_CACHE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".cache"), "jdcloud-jcr")


def _surely_not_issued(error: JcrError) -> bool:
    """Whether the service has said no, or was never asked. Everything else may have cost one of the 5."""
    if isinstance(error, (Unreachable, DeadlineExceeded)):
        return not error.sent
    # A ConfigurationError is a gateway's answer that there is no such service, or a refusal to send.
    return isinstance(error, (ApiError, ConfigurationError)) and not isinstance(error, ServerError)


def _recent(issues: t.Iterable[datetime.datetime], now: datetime.datetime) -> list[datetime.datetime]:
    """The issues that count, oldest first. One from the future was written by a wrong clock: it counts as made now."""
    return sorted(min(issue, now) for issue in issues if now - issue < WINDOW)


def _next_slot(recent: list[datetime.datetime]) -> datetime.datetime | None:
    """When the next token can be issued; None if one can be now."""
    return recent[-ISSUES_AN_HOUR] + WINDOW if len(recent) >= ISSUES_AN_HOUR else None


def _whole_second_after(moment: datetime.datetime) -> datetime.datetime:
    return moment if not moment.microsecond else moment.replace(microsecond=0) + datetime.timedelta(seconds=1)
