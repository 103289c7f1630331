# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The book of tokens: whose they are and when they were issued, as far as it can be known from outside.

The emulator tells what is valid, and each run what was issued meanwhile. After a fault it is not certain which tokens
the cache knows: those are C(maybe) ours until a task without faults shows it.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

LIMIT = 5
HOUR = datetime.timedelta(hours=1)
# A ledger may note an issue a little later than the service, where a task waited in between.
_BLUR = datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True)
class Listed:
    """A token that the service would accept."""

    password: str
    authorization_token: str
    expires_at: datetime.datetime


Listing = dict[str, Listed]  # by password
Valid = dict[str, Listing]  # by registry


def valid_tokens(state: t.Mapping[str, t.Any]) -> Valid:
    """Those that are neither expired nor released."""
    now = moment(state["now"])
    return {
        registry["name"]: {
            token["password"]: Listed(token["password"], token["authorization_token"], moment(token["expires_at"]))
            for token in registry["tokens"]
            if token["released_at"] is None and moment(token["expires_at"]) > now
        }
        for registry in state["registries"]
    }


def moment(text: str) -> datetime.datetime:
    """A time as the emulator writes it."""
    return datetime.datetime.fromisoformat(text)


class Book:
    """By registry: passwords that are C(ours) or C(maybe) ours, and times of issues by us, perhaps by us, by others.

    C(begun) are those that a run got which did not come to its end, so that a rotation may go on with one of them.
    C(unheard) are those whose answer may have been lost: whoever finds one again uses it, but does not release it.
    """

    def __init__(self) -> None:
        self.ours: dict[str, set[str]] = collections.defaultdict(set)
        self.maybe: dict[str, set[str]] = collections.defaultdict(set)
        self.begun: dict[str, set[str]] = collections.defaultdict(set)
        self.unheard: dict[str, set[str]] = collections.defaultdict(set)
        self.issued: dict[str, list[datetime.datetime]] = collections.defaultdict(list)
        self.tried: dict[str, list[datetime.datetime]] = collections.defaultdict(list)
        self.foreign: dict[str, list[datetime.datetime]] = collections.defaultdict(list)

    def known(self, registry: str, valid: Valid) -> Listing:
        """The valid tokens that are surely ours."""
        return {key: token for key, token in valid.get(registry, {}).items() if key in self.ours[registry]}

    def possible(self, registry: str, valid: Valid) -> Listing:
        """The valid tokens that may be ours."""
        both = self.ours[registry] | self.maybe[registry]
        return {key: token for key, token in valid.get(registry, {}).items() if key in both}

    def foreigners(self, registry: str, valid: Valid) -> Listing:
        """The valid tokens that are surely of others."""
        possible = self.possible(registry, valid)
        return {key: token for key, token in valid.get(registry, {}).items() if key not in possible}

    def owner(self, registry: str, password: str) -> str:
        """Whose a token is, as far as it is known."""
        if password in self.ours[registry]:
            return "ours"
        return "perhaps ours" if password in self.maybe[registry] else "others'"

    def doubt(self, registry: str) -> None:
        """A fault struck a task: what was certain is not any more."""
        self.maybe[registry] |= self.ours.pop(registry, set())

    def least(self, registry: str, now: datetime.datetime) -> int:
        """How many issues of the last hour a ledger has to tell of."""
        return _since(self.issued[registry], now - HOUR + _BLUR)

    def most(self, registry: str, now: datetime.datetime) -> int:
        """How many it may tell of: all that were asked for, and those of others that it can deduce."""
        since = now - HOUR - _BLUR
        return sum(_since(times[registry], since) for times in (self.issued, self.tried, self.foreign))

    def assert_limit(self) -> None:
        """We never issued more than 5 tokens of a registry in any rolling hour."""
        for registry, times in self.issued.items():
            for first, sixth in zip(times, times[LIMIT:], strict=False):
                assert sixth - first >= HOUR, f"{LIMIT + 1} tokens of {registry} within {sixth - first}"


def _since(times: t.Iterable[datetime.datetime], start: datetime.datetime) -> int:
    return sum(time > start for time in times)
