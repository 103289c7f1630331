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
to see whether a token of our own is still valid and how many were surely issued (_ledger), and are never returned or
kept.

A rotation is renew(), hand_over() and release() of what was replaced. Each step leaves in the cache what the next one
needs, so that a rotation that ended in the middle is taken up again by the next, without another issue.
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
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TokenBudgetExceeded,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import (
    ISSUES_AN_HOUR,
    LONGEST_LIFE,
    WINDOW,
    Ledger,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import CacheState, KeptToken, TokenCache

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client

_LATEST_EXPIRY = LONGEST_LIFE + datetime.timedelta(hours=1)  # from now; an expiry beyond that was misread
_POLL = 60.0  # seconds between two tries when the service refuses and the ledger cannot tell until when
_LONGEST_WAIT = 2 * 3600.0  # seconds of waiting after which even a task without a deadline gives up


@dataclasses.dataclass(frozen=True)
class Token:
    """A login for one registry.

    expires_at is None if the service's answer could not be read: such a token is good for the run that issued it.
    issued tells whether this very call made it; source is C(cache), C(api) or C(xlsx). unfinished: a rotation of the
    last hour got it and did not come to its end. The broker does not know the registry's host: whoever has read and
    checked it may fill it in.
    """

    registry: str
    region: str
    authorization_token: Secret
    password: Secret
    expires_at: datetime.datetime | None
    issued: bool
    source: str
    unfinished: bool = False
    host: str | None = None
    username: t.ClassVar[str] = TOKEN_USER


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """Why no token can be issued now. next_slot_at is None if only the service knows."""

    cause: str
    next_slot_at: datetime.datetime | None
    shorter: KeptToken | None  # the longest living token that is there, though too short for the caller


@dataclasses.dataclass(frozen=True)
class _Wish:
    """What a caller asks for; a token in the cache that meets it is taken."""

    registry: str
    hours: int
    on_rate_limit: str
    is_met_by: t.Callable[[KeptToken], bool]
    rotates: bool = False


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
        self._expiries: dict[str, list[datetime.datetime]] = {}  # what the service listed last, by registry

    # --- reading -----------------------------------------------------------------------------------------------------

    def held(self, registry: str) -> list[Token]:
        """The cached tokens that the service lists as valid, the longest living first; none of a missing registry.

        One that a rotation has not handed over yet comes last, one that it has replaced is left out. Issues, locks and
        writes nothing.
        """
        return [self._token(registry, kept) for kept in _usable(self._kept(registry))]

    def owned(self, registry: str) -> list[Token]:
        """As held(), with those that a rotation has replaced and not released yet."""
        kept = self._kept(registry)
        unfinished = _unfinished(kept, self._client.now())
        return [dataclasses.replace(self._token(registry, one), unfinished=one is unfinished) for one in kept]

    def _kept(self, registry: str) -> list[KeptToken]:
        try:
            return self._owned(registry, self._cache(registry).read())
        except NotFound:
            return []

    def ledger(self, registry: str) -> dict[str, t.Any]:
        """issued_last_hour and next_slot_at: None when a token can be issued now.

        As far as this cache knows, and the listing tells if this broker has read it.
        """
        ledger = self._ledger(registry, self._cache(registry).read())
        return {"issued_last_hour": len(ledger.issues), "next_slot_at": ledger.next_slot_at}

    def _ledger(self, registry: str, state: CacheState) -> Ledger:
        return Ledger.of(state.issues, self._expiries.get(registry, ()), self._client.now())

    def foresee(self, registry: str, *, min_remaining: datetime.timedelta, on_rate_limit: str = "fail") -> None:
        """Raise the TokenBudgetExceeded of acquire(), as far as cache and listing can tell.

        Issues, locks and writes nothing.
        """
        self._foresee(registry, lambda kept: self._outlives(kept, min_remaining), on_rate_limit)

    def foresee_renewal(self, registry: str, *, replacing: t.Collection[Secret], on_rate_limit: str = "fail") -> None:
        """The same for renew()."""
        policy = _renewal_policy(on_rate_limit)
        self._foresee(registry, lambda kept: kept.authorization_token not in replacing, policy)

    def _foresee(self, registry: str, is_enough: t.Callable[[KeptToken], bool], on_rate_limit: str) -> None:
        state = self._cache(registry).read()
        owned: list[KeptToken] = []
        with contextlib.suppress(NotFound):  # of a registry that an earlier task of the real run may create
            owned = self._owned(registry, state)
        refusal = self._used_up(registry, CacheState(owned, state.issues))
        if refusal is None or any(is_enough(kept) for kept in _usable(owned)):
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
        wish = _Wish(registry, hours, on_rate_limit, lambda kept: self._outlives(kept, min_remaining))
        return self._get(wish)

    def renew(
        self, registry: str, *, hours: int, replacing: t.Collection[Secret], on_rate_limit: str = "fail"
    ) -> Token:
        """A token to put in the place of C(replacing) (authorization tokens), as acquire() gives one.

        A cached one that is not among them is taken: another process, or a rotation that did not come to its end, had
        it issued. Others go on with the old ones until hand_over(). Of on_rate_limit, C(reuse) is as C(fail).
        Raises also ProtocolError or FileError for a new token that cannot be kept; it is released again.
        """
        policy = _renewal_policy(on_rate_limit)
        wish = _Wish(registry, hours, policy, lambda kept: kept.authorization_token not in replacing, rotates=True)
        return self._get(wish)

    def _get(self, wish: _Wish) -> Token:
        self._refuse_in_check_mode("issue a token")
        cache = self._cache(wish.registry)
        waited = 0.0
        while True:
            with self._locked(cache) as state:
                outcome = self._cached_or_new(wish, cache, state)
            if isinstance(outcome, Token):
                return outcome
            if wish.on_rate_limit == "reuse" and outcome.shorter is not None:
                return self._token(wish.registry, outcome.shorter)
            if wish.on_rate_limit != "wait":
                raise self._budget_error(wish.registry, outcome)
            waited += self._wait(wish.registry, outcome, waited)

    def _cached_or_new(self, wish: _Wish, cache: TokenCache, state: CacheState) -> Token | _Refusal:
        # Asks the service first: now() knows the service's time from here on.
        owned = self._owned(wish.registry, state)
        found = next(filter(wish.is_met_by, _usable(owned)), None)
        if found:
            return self._token(wish.registry, found)
        fresh = CacheState(owned, list(self._ledger(wish.registry, state).known))
        refusal = self._used_up(wish.registry, fresh)
        if refusal is None:
            return self._issue(wish, cache, fresh)
        if fresh != state:
            cache.write(fresh)
        return refusal

    def _used_up(self, registry: str, state: CacheState) -> _Refusal | None:
        """Why the ledger forbids an issue; None if it allows one."""
        ledger = self._ledger(registry, state)
        if ledger.next_slot_at is None:
            return None
        cause = f"{ledger.told()}, and the service allows {ISSUES_AN_HOUR} an hour"
        return _Refusal(cause, ledger.next_slot_at, _longest(state))

    def _issue(self, wish: _Wish, cache: TokenCache, state: CacheState) -> Token | _Refusal:
        before = list(state.issues)
        state.issues.append(self._client.now())
        cache.write(state)  # first the ledger: if this process dies now, the issue has been counted
        try:
            issued = self._client.issue_token(wish.registry, wish.hours)
        except JcrError as error:
            known = CacheState(state.tokens, before)
            if _surely_not_issued(error):
                cache.write(known)
            if not isinstance(error, (QuotaExceeded, RateLimited)):
                raise
            cause = f"the service refused ({error.cause}); {len(before)} issues of the last hour are known here"
            return _Refusal(cause, self._ledger(wish.registry, known).next_slot_at, _longest(state))
        return self._keep(wish, cache, state, issued)

    def _keep(self, wish: _Wish, cache: TokenCache, state: CacheState, issued: t.Mapping[str, t.Any]) -> Token:
        """Save a token that was issued just now, then return it."""
        now = self._client.now()
        expires_at = issued["expires_at"]
        if expires_at is not None and not now < expires_at <= now + _LATEST_EXPIRY:
            expires_at = None
        token, password = issued["authorization_token"], issued["password"]
        state.issues[-1] = now  # the service's own count starts no later than its answer
        problem: JcrError | None = None
        if expires_at is not None:
            state.tokens.append(KeptToken(token, password, expires_at, renewed_at=now if wish.rotates else None))
        else:
            cause = f"the expiry of the new token of registry '{wish.registry}' could not be read"
            problem = ProtocolError(cause, cure="The service writes times in an unknown way: please report it.")
        try:
            cache.write(state)
        except FileError as error:  # the token is good, and the service will not show it again
            problem = problem or error
        if problem and wish.rotates:
            self._give_back(wish.registry, token, problem)
        if problem:
            self.warnings.append(f"The new token is used once and not kept: {problem.message}")
        return Token(wish.registry, self._client.region, token, password, expires_at, issued=True, source="api")

    def _give_back(self, registry: str, token: Secret, problem: JcrError) -> t.NoReturn:
        """End a rotation whose new token cannot be used: it is released, and the old ones stay as they are."""
        problem.cause += "; the old tokens stay as they are, the new one was given back"
        try:
            self.release(registry, token)
        except JcrError as error:
            problem.cause += f" in vain ({error.cause})"
        raise problem

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

    # --- taking over -------------------------------------------------------------------------------------------------

    def adopt(
        self, registry: str, authorization_token: Secret, password: Secret, expires_at: datetime.datetime
    ) -> Token:
        """Keep a token that somebody else had issued, so that all tasks use it; the ledger stays as it is."""
        self._refuse_in_check_mode("keep a token")
        with self._updated(registry) as state:
            others = [kept for kept in state.tokens if kept.authorization_token != authorization_token]
            adopted = KeptToken(authorization_token, password, expires_at)
            state.tokens = [*others, adopted]
        return dataclasses.replace(self._token(registry, adopted), source="xlsx")

    def hand_over(self, registry: str, token: Token, replacing: t.Collection[Secret]) -> None:
        """From here on all tasks use C(token), which renew() gave, and none of C(replacing); all of them stay valid."""
        self._refuse_in_check_mode("put a token in the place of another")
        now = self._client.now()
        with self._updated(registry) as state:
            others = [kept for kept in state.tokens if kept.authorization_token != token.authorization_token]
            state.tokens = [
                dataclasses.replace(kept, replaced_at=kept.replaced_at or now)
                if kept.authorization_token in replacing
                else kept
                for kept in others
            ]
            state.tokens.append(KeptToken(token.authorization_token, token.password, token.expires_at))

    def reject(self, registry: str, token: Token, problem: JcrError) -> t.NoReturn:
        """Release a token that renew() gave and that turned out to be no good; raises C(problem)."""
        self._refuse_in_check_mode("release a token")
        self._give_back(registry, token.authorization_token, problem)

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
            with self._updated(registry) as state:
                state.tokens = [kept for kept in state.tokens if not is_released(kept)]
        except FileError as error:  # harmless: a token that the service no longer lists is never handed out
            self.warnings.append(f"A released token stays in the cache until it expires: {error.message}")

    def _refuse_in_check_mode(self, act: str) -> None:
        if self._client.read_only:
            raise CheckModeViolation("the client is read-only", act=act)

    # --- choosing ----------------------------------------------------------------------------------------------------

    def _owned(self, registry: str, state: CacheState) -> list[KeptToken]:
        """The cached tokens that the service lists and that have not expired by its time.

        The longest living first; after them what a rotation has not handed over, and then what it has replaced.
        """
        entries = self._client.tokens(registry)
        listed = {entry["authorization_token"]: entry["expires_at"] for entry in entries}
        self._expiries[registry] = [expires_at for expires_at in listed.values() if expires_at is not None]
        now = self._client.now()
        owned = [
            dataclasses.replace(kept, expires_at=listed[kept.authorization_token] or kept.expires_at)
            for kept in state.tokens
            if kept.authorization_token in listed
        ]
        alive = [kept for kept in owned if kept.expires_at > now]
        alive.sort(key=lambda kept: kept.expires_at, reverse=True)
        return sorted(alive, key=lambda kept: (kept.replaced_at is not None, kept.renewed_at is not None))

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

    @contextlib.contextmanager
    def _updated(self, registry: str) -> t.Iterator[CacheState]:
        """What is in a registry's cache, to be changed; it is written in the end, without what is dead."""
        cache = self._cache(registry)
        with self._locked(cache) as state:
            yield state
            now = self._client.now()
            state.tokens = [kept for kept in state.tokens if kept.expires_at > now]
            state.issues = [issue for issue in state.issues if now - issue < WINDOW]
            cache.write(state)


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


def _renewal_policy(on_rate_limit: str) -> str:
    """A token that is there already is no new one."""
    return "fail" if on_rate_limit == "reuse" else on_rate_limit


def _usable(owned: t.Iterable[KeptToken]) -> list[KeptToken]:
    """Without those that a rotation has replaced."""
    return [kept for kept in owned if kept.replaced_at is None]


def _longest(state: CacheState) -> KeptToken | None:
    return max(_usable(state.tokens), key=lambda kept: kept.expires_at, default=None)


def _unfinished(owned: t.Sequence[KeptToken], now: datetime.datetime) -> KeptToken | None:
    """The new token of a rotation that was begun within the last hour and did not come to its end.

    Either it has not been handed over, or it has, and what it replaced is not released. An older one does not count:
    who asks for a rotation then means a newer token.
    """
    usable = _usable(owned)
    for kept in usable:
        if kept.renewed_at is not None and now - kept.renewed_at < WINDOW:
            return kept
    handed_over = any(kept.replaced_at is not None and now - kept.replaced_at < WINDOW for kept in owned)
    return usable[0] if usable and handed_over else None


def _whole_second_after(moment: datetime.datetime) -> datetime.datetime:
    return moment if not moment.microsecond else moment.replace(microsecond=0) + datetime.timedelta(seconds=1)
