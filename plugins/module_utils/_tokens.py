# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token broker: one place that issues tokens, keeps them, and never asks for a sixth within an hour.

This module util is private to the collection.

The service issues at most 5 tokens an hour for a registry and shows each one once (vendor's guide). So a token is kept
in a cache file of the user until it expires, and every issue is written to a ledger in the same file I(before) it is
asked for: a killed process or a lost answer counts as an issue. All of it happens under one lock for each account,
region and registry, so that parallel tasks share one token.

A rotation is renew(), hand_over() and release() of what was replaced. Each step leaves in the cache what the next one
needs, so that a rotation that ended in the middle is taken up again by the next, without another issue.
"""

from __future__ import annotations

import contextlib
import datetime
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
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import MAY_BE_FOREIGN, KnownTokens, Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import ISSUES_AN_HOUR, LONGEST_LIFE
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import TokenCache
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenrefusal import Refusal
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenstate import (
    CacheState,
    KeptToken,
    Request,
    as_listed,
    longest,
    usable,
)

Change = t.Callable[[CacheState], CacheState]

LOCK_WAIT = 300.0  # seconds; more than a holder takes that uses up all its attempts, to list and to issue
_LATEST_EXPIRY = LONGEST_LIFE + datetime.timedelta(hours=1)  # from now; an expiry beyond that was misread


class _Wish(t.NamedTuple):
    """What a caller asks for; a token in the cache that meets it is taken."""

    registry: str
    hours: int
    on_rate_limit: str
    is_met_by: t.Callable[[KeptToken], bool]
    rotates: bool = False


class TokenBroker:
    """Hands out tokens, and adds to what is known of them.

    The cache's directory is made when first written to (0700). Another process that speaks to the service for the same
    registry is waited for until the client's deadline; lock_wait is how many seconds that is where there is none.
    """

    def __init__(self, known: KnownTokens, *, clock: Clock, lock_wait: float = LOCK_WAIT) -> None:
        self.known = known
        self._client = known.client
        self._clock = clock
        self._lock_wait = lock_wait

    # --- foreseeing --------------------------------------------------------------------------------------------------

    def foresee(self, registry: str, *, min_remaining: datetime.timedelta, on_rate_limit: str = "fail") -> None:
        """Raise the TokenBudgetExceeded or FileError of acquire(), as far as cache and listing can tell.

        Issues, locks and writes nothing.
        """
        self._foresee(registry, lambda kept: self._outlives(kept, min_remaining), on_rate_limit)

    def foresee_renewal(self, registry: str, *, replacing: t.Collection[Secret], on_rate_limit: str = "fail") -> None:
        """The same for renew()."""
        policy = _renewal_policy(on_rate_limit)
        self._foresee(registry, lambda kept: kept.authorization_token not in replacing, policy, rotates=True)

    def foresee_writing(self, registry: str) -> None:
        """Raise the FileError of whatever puts a token into the cache, as far as it can be foreseen. Writes nothing."""
        self.known.cache(registry).check_writable()

    def _foresee(
        self, registry: str, is_enough: t.Callable[[KeptToken], bool], on_rate_limit: str, rotates: bool = False
    ) -> None:
        self.foresee_writing(registry)
        state = self.known.read(registry)
        if not self.known.has_looked(registry):
            with contextlib.suppress(NotFound):  # of a registry that an earlier task of the real run may create
                self.known.look(registry, state)
        seen = as_listed(state, self.known.last_listing(registry), self._client.now())
        refusal = self._used_up(registry, seen, rotates)
        if refusal is None or any(map(is_enough, usable(seen.tokens))):
            return
        if on_rate_limit == "wait":
            self._pause(refusal, 0.0)
        elif on_rate_limit != "reuse" or refusal.shorter is None:
            raise refusal.error()

    # --- issuing -----------------------------------------------------------------------------------------------------

    def acquire(
        self, registry: str, *, hours: int, min_remaining: datetime.timedelta, on_rate_limit: str = "fail"
    ) -> Token:
        """A token that lives longer than min_remaining: a cached one that the service still lists, or a new one.

        on_rate_limit says what to do when the hour's 5 tokens are used up: C(fail), C(wait) until a slot opens (within
        the task's deadline), or C(reuse) any cached token that is valid, however short it lives.
        Raises TokenBudgetExceeded; UnknownOutcome when the answer to an issue was lost and the service lists no new
        token (it counts, and is never asked for again); FileError when the cache cannot be used; and what the client
        raises.
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
        cache = self.known.cache(wish.registry)
        waited = 0.0
        while True:
            with self._locked(wish.registry, cache) as state:
                outcome = self._cached_or_new(wish, cache, state)
            if isinstance(outcome, Token):
                return outcome
            if wish.on_rate_limit == "reuse" and outcome.shorter is not None:
                return self.known.token(wish.registry, outcome.shorter)
            if wish.on_rate_limit != "wait":
                raise outcome.error()
            pause = self._pause(outcome, waited)
            self._clock.sleep(pause)  # the lock is not held meanwhile
            waited += pause

    def _cached_or_new(self, wish: _Wish, cache: TokenCache, state: CacheState) -> Token | Refusal:
        seen = self.known.look(wish.registry, state)
        found = next(filter(wish.is_met_by, usable(seen.tokens)), None)
        if found:
            return self.known.token(wish.registry, found)
        refusal = self._used_up(wish.registry, seen, wish.rotates)
        if refusal is None:
            return self._issue(wish, cache, seen)
        if seen != state:
            cache.write(seen)
        return refusal

    def _used_up(self, registry: str, state: CacheState, rotates: bool) -> Refusal | None:
        """Why the ledger forbids an issue; None if it allows one."""
        ledger = self.known.budget(registry, state)
        if ledger.next_slot_at is None:
            return None
        cause = f"{ledger.told()}, and the service allows {ISSUES_AN_HOUR} an hour"
        return self._refusal(registry, state, cause, rotates)

    def _refusal(self, registry: str, state: CacheState, cause: str, rotates: bool) -> Refusal:
        where = f"of registry '{registry}' in {self._client.region}"
        shorter = None if rotates else longest(state.tokens)  # a rotation is about a token that is not there yet
        return Refusal(where, cause, self.known.budget(registry, state).next_slot_at, shorter)

    def _pause(self, refusal: Refusal, waited: float) -> float:
        return refusal.pause(self._client.now(), waited, self._client.deadline.left())

    def _issue(self, wish: _Wish, cache: TokenCache, before: CacheState) -> Token | Refusal:
        listed = frozenset(
            entry["authorization_token"].fingerprint() for entry in self.known.last_listing(wish.registry)
        )
        asked = before.asking(Request(self._client.now(), wish.hours, wish.rotates, listed))
        cache.write(asked)  # first the ledger: if this process dies now, the issue has been counted
        try:
            issued = self._client.issue_token(wish.registry, wish.hours)
        except JcrError as error:
            if not _surely_not_issued(error):
                return self._find_again(wish.registry, cache, asked, error)
            cache.write(before)
            if not isinstance(error, (QuotaExceeded, RateLimited)):
                raise
            known = f"{len(before.issues)} issues of the last hour are known here"
            cause = f"the service refused ({error.cause}); {known}"
            return self._refusal(wish.registry, before, cause, wish.rotates)
        return self._keep(wish, cache, before, issued)

    def _find_again(self, registry: str, cache: TokenCache, asked: CacheState, error: JcrError) -> Token:
        """The token of an issue whose answer was lost, as the service lists it; raises C(error) if it does not."""
        with contextlib.suppress(JcrError):
            seen = self.known.look(registry, asked)
            found = [kept for kept in seen.tokens if not asked.knows(kept.authorization_token)]
            if found:
                cache.write(seen)
                return self.known.token(registry, found[0])._replace(issued=True, source="api")
        raise error

    def _keep(self, wish: _Wish, cache: TokenCache, before: CacheState, issued: t.Mapping[str, t.Any]) -> Token:
        """Save a token that was issued just now, then return it."""
        now = self._client.now()
        expires_at = issued["expires_at"]
        if expires_at is not None and not now < expires_at <= now + _LATEST_EXPIRY:
            expires_at = None
        token, password = issued["authorization_token"], issued["password"]
        # The service's own count starts no later than its answer.
        after = before._replace(issues=(*before.issues, now))
        problem: JcrError | None = None
        if expires_at is not None:
            after = after.with_token(KeptToken(token, password, expires_at, renewed_at=now if wish.rotates else None))
        else:
            cause = f"the expiry of the new token of registry '{wish.registry}' could not be read"
            problem = ProtocolError(cause, cure="The service writes times in an unknown way: please report it.")
        try:
            cache.write(after)
        except FileError as error:  # the token is good, and the service will not show it again
            problem = problem or error
        if problem and wish.rotates:
            self._give_back(wish.registry, token, problem)
        if problem:
            self.known.warn(f"The new token is used once and not kept: {problem.message}")
        return Token(wish.registry, self._client.region, token, password, expires_at, issued=True, source="api")

    def _give_back(self, registry: str, token: Secret, problem: JcrError) -> t.NoReturn:
        """End a rotation whose new token cannot be used: it is released, and the old ones stay as they are."""
        problem.cause += "; the old tokens stay as they are, the new one was given back"
        try:
            self.release(registry, token)
        except JcrError as error:
            problem.cause += f" in vain ({error.cause})"
        raise problem

    # --- taking over -------------------------------------------------------------------------------------------------

    def adopt(
        self, registry: str, authorization_token: Secret, password: Secret, expires_at: datetime.datetime
    ) -> Token:
        """Keep a token that somebody else had issued, so that all tasks use it; the ledger stays as it is."""
        self._refuse_in_check_mode("keep a token")
        adopted = KeptToken(authorization_token, password, expires_at)
        self._update(registry, lambda state: state.with_token(adopted), {authorization_token})
        return self.known.token(registry, adopted)._replace(source="xlsx")

    def hand_over(
        self, registry: str, token: Token, replacing: t.Collection[Secret], forgetting: t.Collection[Secret] = ()
    ) -> None:
        """From here on all tasks use C(token), which renew() gave, and none of C(replacing); all of them stay valid.

        Those of C(forgetting) leave the cache at once, since they will not be released.
        """
        self._refuse_in_check_mode("put a token in the place of another")
        new = KeptToken(token.authorization_token, token.password, token.expires_at, found=token.found)
        now = self._client.now()
        self._update(
            registry,
            lambda state: state.without(forgetting).replaced(replacing, now).with_token(new),
            {token.authorization_token, *forgetting},
        )

    def reject(self, registry: str, token: Token, problem: JcrError) -> t.NoReturn:
        """Release a token that renew() gave and that turned out to be no good; raises C(problem).

        One that may be somebody else's is forgotten, and stays valid.
        """
        self._refuse_in_check_mode("release a token")
        if token.found:
            rejected = {token.authorization_token}
            self._forget(registry, lambda state: state.without(rejected), rejected)
            problem.cause += f"; the old tokens stay as they are, the new one {MAY_BE_FOREIGN}: it was not released"
            raise problem
        self._give_back(registry, token.authorization_token, problem)

    # --- releasing ---------------------------------------------------------------------------------------------------

    def release(self, registry: str, token: Secret) -> None:
        """Make one token (its authorization token) invalid and forget it; one that is gone already is no error."""
        self._refuse_in_check_mode("release a token")
        with contextlib.suppress(NotFound):
            self._client.release_token(registry, token)
        self._forget(registry, lambda state: state.without({token}), {token})

    def release_all(self, registry: str) -> None:
        """Make all tokens of the registry invalid, whoever issued them, and forget ours. The ledger stays."""
        self._refuse_in_check_mode("release all tokens")
        with contextlib.suppress(NotFound):
            self._client.release_all_tokens(registry)
        self._forget(registry, lambda state: CacheState(issues=state.issues))

    def _forget(self, registry: str, change: Change, about: t.Collection[Secret] = ()) -> None:
        """Take released tokens out of the cache."""
        state = self.known.read(registry)
        if change(state) == state and not state.unanswered:
            return
        try:
            self._update(registry, change, about)
        except FileError as error:  # harmless: a token that the service no longer lists is never handed out
            self.known.warn(f"A released token stays in the cache until it expires: {error.message}")

    def _refuse_in_check_mode(self, act: str) -> None:
        if self._client.read_only:
            raise CheckModeViolation("the client is read-only", act=act)

    # --- the cache ---------------------------------------------------------------------------------------------------

    def _outlives(self, kept: KeptToken, min_remaining: datetime.timedelta) -> bool:
        return kept.expires_at - self._client.now() > min_remaining

    @contextlib.contextmanager
    def _locked(self, registry: str, cache: TokenCache) -> t.Iterator[CacheState]:
        """Hold the lock of a cache; gives what is in it."""
        left = self._client.deadline.left()
        with cache.locked(self._clock, self._lock_wait if left is None else left):
            state, warning = cache.read_or_repair()
            self.known.note_broken(registry, warning)
            yield state

    def _update(self, registry: str, change: Change, about: t.Collection[Secret]) -> None:
        """Change what is in a registry's cache, and leave out what is dead.

        A request is followed no more if a token of C(about) is its lost answer.
        """
        expiries = {entry["authorization_token"]: entry["expires_at"] for entry in self.known.last_listing(registry)}
        cache = self.known.cache(registry)
        with self._locked(registry, cache) as state:
            changed = change(state)
            left = (
                request
                for request in changed.unanswered
                if not any(request.may_have_made(token, expiries.get(token)) for token in about)
            )
            changed = changed._replace(unanswered=tuple(left))
            cache.write(changed.alive(self._client.now()))


def _surely_not_issued(error: JcrError) -> bool:
    """Whether the service has said no, or was never asked. Everything else may have cost one of the 5."""
    if isinstance(error, (Unreachable, DeadlineExceeded)):
        return not error.sent
    # A ConfigurationError is a gateway's answer that there is no such service, or a refusal to send.
    return isinstance(error, (ApiError, ConfigurationError)) and not isinstance(error, ServerError)


def _renewal_policy(on_rate_limit: str) -> str:
    """A token that is there already is no new one."""
    return "fail" if on_rate_limit == "reuse" else on_rate_limit
