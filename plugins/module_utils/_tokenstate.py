# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the token cache knows of one registry, and what the service's listing makes of it. Pure.

This module util is private to the collection.

A token whose answer was lost (a cut connection, a killed process) is valid all the same, and the service lists it. The
listing does not say who had a token issued. One is taken for the lost one if it was not listed before the request, was
issued within seconds of it for as many hours, and is the only such one: two cannot be told apart, and then none is
taken. It may be somebody else's all the same, so that it is used, but not released unasked. Every other token that the
service lists is of others, and no business of ours.
"""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import WINDOW, Ledger
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import token_password
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

# A lost issue was asked for by a clock that follows the service's whole seconds, and was done this soon.
_DONE_WITHIN = datetime.timedelta(seconds=15)
_FOLLOWED_FOR = datetime.timedelta(minutes=2)  # after that, a request that nothing answers has not been done

Listing = t.Sequence[t.Mapping[str, t.Any]]  # as _client.Client.tokens() gives it


class KeptToken(t.NamedTuple):
    """A token in the cache; its expiry is always known.

    renewed_at: when a rotation had this one issued that has not handed it over yet. replaced_at: when a rotation put
    another one in its place; it is there only until it is released. found: it was taken for one whose answer was lost,
    so that it may be somebody else's.
    """

    authorization_token: Secret
    password: Secret
    expires_at: datetime.datetime
    renewed_at: datetime.datetime | None = None
    replaced_at: datetime.datetime | None = None
    found: bool = False


class Request(t.NamedTuple):
    """An issue that was asked for, and whose answer is not there (yet).

    listed are the fingerprints of the tokens that were valid before. rotates: a rotation asked.
    """

    asked_at: datetime.datetime
    hours: int
    rotates: bool
    listed: frozenset[str]

    def may_have_made(self, token: Secret, expires_at: datetime.datetime | None) -> bool:
        """Whether a listed token can be the one that was asked for."""
        if expires_at is None or token.fingerprint() in self.listed:
            return False
        issued_at = expires_at - datetime.timedelta(hours=self.hours)
        return abs(issued_at - self.asked_at) <= _DONE_WITHIN


class CacheState(t.NamedTuple):
    """The content of one cache file: tokens, times of issues, and requests without an answer."""

    tokens: tuple[KeptToken, ...] = ()
    issues: tuple[datetime.datetime, ...] = ()
    unanswered: tuple[Request, ...] = ()

    def alive(self, now: datetime.datetime) -> CacheState:
        """Without what is dead: expired tokens, and issues that count no more."""
        tokens = tuple(kept for kept in self.tokens if kept.expires_at > now)
        return CacheState(tokens, Ledger.of(self.issues, (), now).known, self.unanswered)

    def asking(self, request: Request) -> CacheState:
        """With an issue that is asked for now."""
        return CacheState(self.tokens, (*self.issues, request.asked_at), (*self.unanswered, request))

    def knows(self, token: Secret) -> bool:
        return any(kept.authorization_token == token for kept in self.tokens)

    def with_token(self, token: KeptToken) -> CacheState:
        """With this token, in the place of an older entry of it."""
        others = self.without({token.authorization_token})
        return others._replace(tokens=(*others.tokens, token))

    def replaced(self, tokens: t.Collection[Secret], now: datetime.datetime) -> CacheState:
        """With these tokens marked: a rotation put another one in their place, unless an earlier one did."""
        marked = (
            kept._replace(replaced_at=kept.replaced_at or now) if kept.authorization_token in tokens else kept
            for kept in self.tokens
        )
        return self._replace(tokens=tuple(marked))

    def without(self, tokens: t.Collection[Secret]) -> CacheState:
        return self._replace(tokens=tuple(kept for kept in self.tokens if kept.authorization_token not in tokens))


def as_listed(state: CacheState, listing: Listing, now: datetime.datetime) -> CacheState:
    """The state as the service's listing shows it: what it does not list or has expired is left out, what was lost is
    found again.

    The longest living token first; after them what a rotation has not handed over, and then what it has replaced.
    """
    expiries = {entry["authorization_token"]: entry["expires_at"] for entry in listing}
    tokens = [
        kept._replace(expires_at=expiries[kept.authorization_token] or kept.expires_at)
        for kept in state.tokens
        if kept.authorization_token in expiries
    ]
    unanswered = []
    for request in state.unanswered:
        found = _found_again(request, expiries, {kept.authorization_token for kept in (*state.tokens, *tokens)})
        if found:
            tokens.append(found)
        elif now - request.asked_at < _FOLLOWED_FOR:
            unanswered.append(request)
    tokens.sort(key=lambda kept: kept.expires_at, reverse=True)
    tokens.sort(key=lambda kept: (kept.replaced_at is not None, kept.renewed_at is not None))
    return CacheState(tuple(tokens), state.issues, tuple(unanswered)).alive(now)


def _found_again(
    request: Request, expiries: t.Mapping[Secret, datetime.datetime | None], known: t.Collection[Secret]
) -> KeptToken | None:
    """The token that a request without an answer had issued, if it can be told."""
    made = [
        token
        for token, expires_at in expiries.items()
        if token not in known and request.may_have_made(token, expires_at)
    ]
    if len(made) == 1:
        with contextlib.suppress(ProtocolError):  # one of another make is none that we could log in with
            password = Secret(token_password(made[0].reveal()))
            renewed_at = request.asked_at if request.rotates else None
            return KeptToken(made[0], password, t.cast(datetime.datetime, expiries[made[0]]), renewed_at, found=True)
    return None


def usable(tokens: t.Iterable[KeptToken]) -> list[KeptToken]:
    """Without those that a rotation has replaced."""
    return [kept for kept in tokens if kept.replaced_at is None]


def longest(tokens: t.Iterable[KeptToken]) -> KeptToken | None:
    """The usable token that lives longest."""
    return max(usable(tokens), key=lambda kept: kept.expires_at, default=None)


def unfinished(tokens: t.Sequence[KeptToken], now: datetime.datetime) -> KeptToken | None:
    """The new token of a rotation that was begun within the last hour and did not come to its end.

    Either it has not been handed over, or it has, and what it replaced is not released. An older one does not count:
    who asks for a rotation then means a newer token.
    """
    for kept in usable(tokens):
        if kept.renewed_at is not None and now - kept.renewed_at < WINDOW:
            return kept
    handed_over = any(kept.replaced_at is not None and now - kept.replaced_at < WINDOW for kept in tokens)
    return next(iter(usable(tokens)), None) if handed_over else None
