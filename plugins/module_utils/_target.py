# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository of a registry, and how it is to be spoken to.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret


@dataclasses.dataclass(frozen=True)
class Target:
    """JSON values without a secret, so that it can be sent to another host.

    C(username=None) is anonymous. The rest is as Conversation has it.
    """

    host: str
    repository: str
    username: str | None
    timeout: float
    idle: float
    retries: int
    verify: bool | str
    allowed_hosts: t.Sequence[str] = ()

    @contextlib.contextmanager
    def opened(
        self,
        password: Secret | None,
        *,
        clock: Clock,
        deadline: Deadline,
        renew: t.Callable[[], Secret] | None = None,
    ) -> t.Iterator[Repository]:
        """The repository, to be spoken to for a while. Nothing is sent before it is asked for something."""
        conversation = Conversation(
            self.host,
            (self.username, password) if self.username is not None and password is not None else None,
            clock=clock,
            deadline=deadline,
            timeout=self.timeout,
            idle=self.idle,
            retries=self.retries,
            verify=self.verify,
            renew=renew,
            allowed_hosts=self.allowed_hosts,
        )
        with contextlib.closing(conversation):
            yield Repository(conversation, self.repository)
