# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_token_info: the valid tokens of registries, without what is secret of them.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _quantities, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotFound, ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import token_password
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, ORDER, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_info import Models, SelectingResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import Shape
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "list", "elements": "str", "aliases": ["registries"]},
        "held": {"type": "bool"},
        "expiring_within": {"type": "str"},
        "sort": {"type": "str", "choices": ["registry", "expires_at"]},
        "cache": {"type": "path"},
    },
).merge(ORDER, CONNECTION)


class TokensInfo(TokenResource, SelectingResource):
    """Options C(registry), C(held), C(expiring_within), C(sort), C(cache), and those of the part ORDER."""

    what = "tokens"
    paged = False
    shape = Shape(
        labels="registry",
        exact="registry",
        moment="expires_at",
        size="",
        unit=1,
        home=(),
        order=(("registry", False), ("expires_at", False), ("id", False)),
    )

    def check(self) -> None:
        for registry in self.params["registry"] or ():
            _rules.registry_name(registry)
        within = self.params["expiring_within"]
        self.within = None if within is None else _quantities.age("expiring_within", within)
        super().check()

    def look_up(self) -> dict[str, t.Any]:
        self.ledgers: Models = []
        return {**super().look_up(), "ledgers": self.ledgers}

    def candidates(self) -> tuple[Models, list[str]]:
        names = self.params["registry"]
        if names is None:
            names = sorted(registry["name"] for registry in self.session.client.registries())
        tokens: Models = []
        missing: list[str] = []
        for registry in dict.fromkeys(names):
            try:
                tokens += filter(self._is_wanted, self._tokens(registry))
            except NotFound:
                missing.append(registry)
        return tokens, missing

    def _tokens(self, registry: str) -> Models:
        """All valid tokens of a registry; notes on the way how many more can be issued."""
        listed = self.session.known_tokens.listed(registry)
        for entry, _held in listed:
            self._keep(entry["authorization_token"])
        ledger = self.session.known_tokens.ledger(registry)
        self.ledgers.append(
            {
                "registry": registry,
                "valid": len(listed),
                "issued_last_hour": ledger["issued_last_hour"],
                "next_slot_at": moment(ledger["next_slot_at"]),
            }
        )
        return [
            {
                "registry": registry,
                "region": self.session.region,
                "id": entry["authorization_token"].fingerprint(),
                "expires_at": moment(entry["expires_at"]),
                "expires_in": self._seconds_until(entry["expires_at"]),
                "held": held,
            }
            for entry, held in listed
        ]

    def _keep(self, token: Secret) -> None:
        """Never show a listed token: also one that others had issued is good for a login."""
        self.host.keep_secret(token)
        with contextlib.suppress(ProtocolError):  # of another make
            self.host.keep_secret(Secret(token_password(token.reveal())))

    def _seconds_until(self, expires_at: datetime.datetime | None) -> int | None:
        if expires_at is None:
            return None
        return max(0, int((expires_at - self.session.client.now()).total_seconds()))

    def _is_wanted(self, token: t.Mapping[str, t.Any]) -> bool:
        if self.params["held"] not in (None, token["held"]):
            return False
        if self.within is None:
            return True
        return token["expires_in"] is not None and token["expires_in"] <= self.within.total_seconds()
