# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The login of one task to one registry, which outlives the token that it began with.

This module util is private to the collection.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import LoginRefused
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import Session
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import Token

T = t.TypeVar("T")


class RegistryLogin:
    """The token is come by when it is first needed. One that dies on the way is replaced, once for all who ask.

    The new one is a cached one or an issue that the ledger allows; several threads may ask for it.
    """

    def __init__(self, session: Session, registry: str) -> None:
        self._session = session
        self._registry = registry
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renewed = False

    @property
    def token(self) -> Token:
        with self._lock:
            if self._token is None:
                self._token = self._session.token(self._registry)
            return self._token

    def renew(self) -> Secret:
        """The password of the token that is good now."""
        with self._lock:
            if not self._renewed:
                self._token, self._renewed = self._session.token(self._registry), True
            return self._token.password

    def through(self, transfer: t.Callable[[Token], T]) -> T:
        """What a transfer gives; it is begun anew with the next token if the first one is refused on the way."""
        try:
            return transfer(self.token)
        except LoginRefused:
            if self._renewed:
                raise
        self.renew()
        return transfer(self.token)
