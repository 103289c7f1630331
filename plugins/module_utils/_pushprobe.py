# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a registry would take a push at all: what an engine does not say while it tries again and again.

This module util is private to the collection.

dockerd puts an upload off for 50 seconds in all when the registry refuses it by a code that dockerd does not know
(measured: 403 and 401, at the beginning of an upload and within it), and by what it asks the registry for on request it
only reads. So an upload of one byte is begun here and taken back again.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    JcrError,
    LoginRefused,
    TransferRefused,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

_PATIENCE = 10.0  # seconds for the two or three requests; a registry that is slow just now has not refused


def push_refusal(
    image: ImageReference,
    username: str,
    password: Secret,
    *,
    clock: Clock,
    deadline: Deadline,
    verify: bool | str = True,
    allowed_hosts: t.Collection[str] = (),
) -> JcrError | None:
    """Why the registry of C(image) takes no upload into its repository; None if it does, or if that cannot be known.

    A LoginRefused or another TransferRefused that will stay. What this machine cannot reach is no refusal: the engine
    may reach it all the same. C(verify) and C(allowed_hosts) as Conversation has them.
    """
    left = deadline.left()
    try:
        conversation = Conversation(
            image.host or "",
            (username, password),
            clock=clock,
            deadline=Deadline(clock, _PATIENCE if left is None else min(left, _PATIENCE)),
            timeout=_PATIENCE,
            idle=_PATIENCE,
            retries=0,
            verify=verify,
            allowed_hosts=allowed_hosts,
        )
        with contextlib.closing(conversation):
            _begin_and_take_back(conversation, image.repository)
    except AuthenticationFailed as error:
        return LoginRefused(error.cause, http_status=error.http_status, status=error.status)
    except TransferRefused as error:
        return error
    except JcrError:
        return None
    return None


def _begin_and_take_back(conversation: Conversation, repository: str) -> None:
    scopes = (f"repository:{repository}:pull,push",)
    uploads = f"/v2/{repository}/blobs/uploads/"
    begun = conversation.send("POST", uploads, scopes, expect=(202,))
    place = conversation.target_of(begun.headers.get("Location", ""), uploads)
    headers = {"Content-Type": "application/octet-stream", "Content-Range": "0-0"}
    try:
        sent = conversation.send("PATCH", place, scopes, expect=(202,), headers=headers, body=b"\0")
        place = conversation.target_of(sent.headers.get("Location", ""), place)
    finally:
        with contextlib.suppress(JcrError):  # registries forget uploads that nobody finishes
            conversation.send("DELETE", place, scopes, expect=(202, 204, 404))
