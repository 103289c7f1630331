# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The login of one task to one registry, which outlives the token that it began with.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _retry
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    JcrError,
    LoginRefused,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import Token
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession

T = t.TypeVar("T")


class RegistryLogin:
    """The token is come by when it is first needed. One that dies on the way is replaced, once for all who ask.

    The new one is a cached one or an issue that the ledger allows; several threads may ask for it.
    """

    def __init__(self, session: TokenSession, registry: str) -> None:
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
        """What a transfer through an engine gives.

        It is begun anew with the next token if the first one is refused on the way, and after a pause if the registry
        was busy or failed and the engine did not try again itself: none does after a 429, and dockerd with containerd's
        image store does after nothing else either. What has arrived is not sent twice.
        """
        for attempt in itertools.count(1):
            try:
                return transfer(self.token)
            except LoginRefused:
                if self._renewed:
                    raise
                self.renew()
            except (TransferFailed, TransferRefused, Unreachable) as error:
                if not (error.retryable and error.attempts == 1):
                    raise
                self._pause(attempt, error)
        raise RuntimeError("unreachable: the loop has no end of its own")

    def _pause(self, attempt: int, failure: JcrError) -> None:
        """Wait before the next attempt, or raise the failure if there have been enough."""
        failure.attempts = attempt
        decision = _retry.decide(
            _retry.Safe(),
            attempt,
            _retry.Outcome(sent=True),
            retries=self._session.retries,
            time_left=self._session.deadline.left(),
            jitter=random.random(),
        )
        if not isinstance(decision, _retry.Wait):
            raise failure
        self._session.clock.sleep(decision.seconds)


@contextlib.contextmanager
def conversation(session: TokenSession, registry: str, token: Token) -> t.Iterator[Conversation]:
    """What speaks the registry's own protocol with the login of this token, for a while.

    Raises HostNotAllowed as TokenSession.trusted_host() does.
    """
    opened = Conversation(
        session.trusted_host(registry),
        (token.username, token.password),
        clock=session.clock,
        deadline=session.deadline,
        **session.transfer_options(),
    )
    with contextlib.closing(opened):
        yield opened
