# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a registry's tokens: those in the user's cache, as the service lists them. Nothing is changed here.

This module util is private to the collection.

The listing of the service also holds tokens that others issued. They are credentials of those others: they only serve
to see how many were surely issued (_ledger), and are never returned or kept. A token of our own whose answer was lost
is found again there (_tokenstate), so that it is used and no other one is issued for it.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import Ledger
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import TokenCache
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenstate import (
    CacheState,
    KeptToken,
    Listing,
    as_listed,
    unfinished,
    usable,
)

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client

MAY_BE_FOREIGN = "was found in the service's list after its answer was lost, and may be somebody else's"


class Token(t.NamedTuple):
    """A login for one registry.

    expires_at is None if the service's answer could not be read: such a token is good for the run that issued it.
    issued tells whether this very call made it; source is C(cache), C(api) or C(xlsx). unfinished: a rotation of the
    last hour got it and did not come to its end. found: its answer was lost, and it was taken from the service's list;
    it may be somebody else's, and is not to be released unasked. host is not known here: whoever has read and
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
    found: bool = False
    host: str | None = None
    username = TOKEN_USER


class KnownTokens:
    """The tokens of the client's account and region, with those of C(cache_dir). Issues, locks and writes nothing."""

    def __init__(self, client: Client, cache_dir: str) -> None:
        self._client = client
        self._directory = cache_dir
        self._warnings: list[str] = []
        self._broken_caches: dict[str, str] = {}  # what to tell of them, by registry
        self._listings: dict[str, Listing] = {}  # what the service listed last, by registry

    @property
    def client(self) -> Client:
        return self._client

    @property
    def warnings(self) -> list[str]:
        """What the user should be told."""
        return [*self._broken_caches.values(), *self._warnings]

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def held(self, registry: str) -> list[Token]:
        """The cached tokens that the service lists as valid, the longest living first; none of a missing registry.

        One that a rotation has not handed over yet comes last, one that it has replaced is left out.
        """
        return [self.token(registry, kept) for kept in usable(self._kept(registry))]

    def listed(self, registry: str) -> list[tuple[dict[str, t.Any], bool]]:
        """Every token that the service lists as valid, with whether it is one of held().

        Raises NotFound for a missing registry.
        """
        kept = {one.authorization_token for one in usable(self.look(registry, self.read(registry)).tokens)}
        return [(entry, entry["authorization_token"] in kept) for entry in self.last_listing(registry)]

    def last_listing(self, registry: str) -> Listing:
        """What the service listed at the last look; nothing where there was none, or there is no registry."""
        return self._listings.get(registry, [])

    def has_looked(self, registry: str) -> bool:
        """Whether last_listing() is the service's."""
        return registry in self._listings

    def owned(self, registry: str) -> list[Token]:
        """As held(), with those that a rotation has replaced and not released yet."""
        kept = self._kept(registry)
        new = unfinished(kept, self._client.now())
        return [self.token(registry, one)._replace(unfinished=one is new) for one in kept]

    def _kept(self, registry: str) -> t.Sequence[KeptToken]:
        try:
            return self.look(registry, self.read(registry)).tokens
        except NotFound:
            return ()

    def ledger(self, registry: str) -> dict[str, t.Any]:
        """issued_last_hour and next_slot_at: None when a token can be issued now.

        As far as this cache knows, and the listing tells if it has been read.
        """
        ledger = self.budget(registry, self.read(registry))
        return {"issued_last_hour": len(ledger.issues), "next_slot_at": ledger.next_slot_at}

    def budget(self, registry: str, state: CacheState) -> Ledger:
        """How many were issued, as far as C(state) knows and the last listing tells."""
        expiries = (entry["expires_at"] for entry in self.last_listing(registry))
        return Ledger.of(state.issues, (expiry for expiry in expiries if expiry is not None), self._client.now())

    def look(self, registry: str, state: CacheState) -> CacheState:
        """The state as the service lists it now; from here on now() knows the service's time."""
        self._listings.pop(registry, None)
        self._listings[registry] = listing = self._client.tokens(registry)
        return as_listed(state, listing, self._client.now())

    def token(self, registry: str, kept: KeptToken) -> Token:
        """A token of the cache, as it is handed out."""
        return Token(
            registry=registry,
            region=self._client.region,
            authorization_token=kept.authorization_token,
            password=kept.password,
            expires_at=kept.expires_at,
            issued=False,
            source="cache",
            found=kept.found,
        )

    def cache(self, registry: str) -> TokenCache:
        return TokenCache(self._directory, self._client.account, registry)

    def read(self, registry: str) -> CacheState:
        """What is in a cache, without its lock."""
        state, warning = self.cache(registry).read()
        self.note_broken(registry, warning)
        return state

    def note_broken(self, registry: str, warning: str | None) -> None:
        """Have the user told what a look at a cache found wrong with it, in the place of what an earlier one found."""
        if warning:
            self._broken_caches[registry] = warning
