# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer of a registry → the error that it tells of. Pure.

This module util is private to the collection.

Registries tell a refusal by its HTTP status and, most of them, by a code in a JSON body (OCI distribution 1.1). What
stands before a registry tells it by the status alone.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    NO_REPOSITORY_CURE,
    NO_ROOM_CURE,
    AuthenticationFailed,
    ImageNotFound,
    JcrError,
    ProtocolError,
    RateLimited,
    ServerError,
    TransferFailed,
    TransferRefused,
)

_LONGEST = 300  # characters of a text that somebody else wrote

_LOGIN = "Check that the token is still valid: issue a new one, or see the tokens of the registry in the console."
_PERMISSION = "Check that the login belongs to this registry and that its account may do this."
_FOREIGN = "Check the registry host, and whether a proxy or a portal stands before it."

# The registry's code, what that is, and its cure; first of all, since the same status stands for different things.
_CODES: t.Mapping[str, tuple[type[JcrError], str | None]] = {
    "NAME_UNKNOWN": (TransferRefused, NO_REPOSITORY_CURE),
    "NAME_INVALID": (TransferRefused, "Correct the name of the repository."),
    "MANIFEST_UNKNOWN": (ImageNotFound, None),
    "BLOB_UNKNOWN": (ImageNotFound, "The registry does not have all of the image: push it again."),
    "MANIFEST_BLOB_UNKNOWN": (TransferFailed, None),
    "BLOB_UPLOAD_UNKNOWN": (TransferFailed, None),
    "BLOB_UPLOAD_INVALID": (TransferFailed, None),
    "DIGEST_INVALID": (TransferFailed, None),
    "SIZE_INVALID": (TransferFailed, None),
}
_STATUSES: t.Mapping[int, tuple[type[JcrError], str | None]] = {
    401: (AuthenticationFailed, _LOGIN),
    403: (TransferRefused, _PERMISSION),
    404: (ImageNotFound, None),
    413: (TransferRefused, "The registry, or a proxy before it, takes nothing that large: raise its limit."),
    429: (RateLimited, None),
    507: (TransferRefused, NO_ROOM_CURE),
}


def refusal(status: int, body: bytes, scrub: t.Callable[[str], str]) -> JcrError:
    """The error for an answer that is not the one hoped for; C(status) attribute: the registry's own code, if any.

    C(scrub) takes secrets out of texts.
    """
    code, message = _told(body)
    message = _one_line(scrub(message))
    kind, cure = _CODES.get(code, (None, None)) if 400 <= status < 500 else (None, None)
    if kind is None:
        kind, cure = _STATUSES.get(status, (None, None))
    if kind is None:
        kind = ServerError if status >= 500 else TransferRefused if code else ProtocolError
        cure = None if code or status >= 500 else _FOREIGN
    told = f"the registry answered {' '.join(part for part in (str(status), _one_line(scrub(code))) if part)}"
    return kind(
        f"{told}: {message}" if message else told,
        cure=cure,
        status=code or None,
        http_status=status,
        retryable=kind in (RateLimited, ServerError) and status != 501,
    )


def _told(body: bytes) -> tuple[str, str]:
    """Code and message of the first error in the body; empty texts if it has none."""
    try:
        first = json.loads(body)["errors"][0]
        code, message = first.get("code"), first.get("message")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "", ""
    code = code if isinstance(code, str) else ""
    return (code if re.fullmatch(r"[A-Z_]{1,40}", code) else ""), message if isinstance(message, str) else ""


def _one_line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
