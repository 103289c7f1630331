# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer comes to that has no result: the error that it tells of, or that it is not the service's. Pure.

This module util is private to the collection.

A refusal is told apart by HTTP status and by the API's own word (the tables of the API's error pages and of its
gateway). Anything else is not the service speaking.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _models, _operations
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    ApiError,
    AuthenticationFailed,
    ConfigurationError,
    Forbidden,
    InvalidArgument,
    JcrError,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
)

Scrub = t.Callable[[str], str]

# HTTP status → {the API's word: error}; the word "" stands for all others. What is not here is an ApiError, or a
# ServerError from 500 up. The gateway has three words for "too many calls" and two for "not signed well".
ERRORS: t.Mapping[int, t.Mapping[str, type[ApiError]]] = {
    400: {"FAILED_PRECONDITION": PreconditionFailed, "": InvalidArgument},
    401: {"": AuthenticationFailed},
    403: {"": Forbidden},
    404: {"": NotFound},
    408: {"": ServerError},
    409: {"ALREADY_EXISTS": AlreadyExists},
    429: {"QUOTA_EXCEEDED": QuotaExceeded, "": RateLimited},
}
# Sensitive operations in the sense of the account's operation protection (API pages).
PROTECTED = (_operations.DELETE_REGISTRY, _operations.DELETE_REPOSITORY, _operations.DELETE_IMAGE)
# Whose answers hold tokens: of these not even a broken answer is quoted.
_CONFIDENTIAL = (_operations.ISSUE_TOKEN, _operations.DESCRIBE_TOKENS)

_QUOTED = 200  # bytes of a broken answer that a message shows
_LONGEST_MESSAGE = 500

_REAL_NAME = re.compile(r"real[- ]?name|实名|identity verification", re.IGNORECASE)
_BALANCE = re.compile(r"\bbalance\b|余额|欠费|\barrears\b|\boverdue\b|充值", re.IGNORECASE)
_PROTECTION = re.compile(r"\bmfa\b|security[- ]?token|operation protection|操作保护|二次验证", re.IGNORECASE)
_NO_ROUTE = re.compile(r"\bno route\b", re.IGNORECASE)

_REAL_NAME_CURE = (
    "Complete real-name verification in the JD Cloud console (Account Management), then run the task again."
)
_BALANCE_CURE = (
    "Recharge the account in the JD Cloud console (Billing), then run the task again: what is paid by configuration "
    "needs a balance above RMB 50."
)
_MFA_OR_POLICY_CURE = (
    "If operation protection is on for this account, get a security token and pass it as security_token (or "
    "JDCLOUD_SECURITY_TOKEN); otherwise ask the account's owner for a policy that allows this operation."
)
_MFA_RENEW_CURE = (
    "The security token was not accepted, perhaps it has expired: get a new one and pass it as security_token."
)
_TOKENS_CURE = "At most 5 tokens can be issued within an hour: use one that exists, or run again later."


class HttpAnswer(t.Protocol):
    """What came back, as _transport.Answer has it."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


def refusal(
    operation: _operations.Operation,
    answer: HttpAnswer,
    request_id: str | None,
    error: _models.Raw,
    scrub: Scrub,
    protected: bool,
) -> JcrError:
    """The error that the service states itself; C(request_id) is that of the answer's body."""
    request_id = request_id or _models.request_id_of(answer.headers)
    code, word = error["code"], error["status"] or ""
    # An error inside a 2xx answer is an error all the same; then only its own code says of which kind.
    http = code if answer.status < 300 and code in range(400, 600) else answer.status
    message = _one_line(scrub(error["message"]))
    if http == 404 and request_id is None:
        return foreign(operation, answer, "it has no requestId", scrub)
    kind = _kind(http, word)
    cure = _account_cure(message) if kind in (Forbidden, PreconditionFailed, InvalidArgument) else None
    if http == 404 and _NO_ROUTE.search(message):
        kind, cure = ConfigurationError, "Check endpoint and region: nothing there serves this operation."
    elif kind is Forbidden and cure is None and operation in PROTECTED:
        about_protection = _PROTECTION.search(message)
        if about_protection or not protected:
            kind = MfaRequired
            cure = (_MFA_RENEW_CURE if protected else None) if about_protection else _MFA_OR_POLICY_CURE
    elif kind is QuotaExceeded and operation is _operations.ISSUE_TOKEN:
        cure = _TOKENS_CURE
    return kind(
        f"the service answered {' '.join(part for part in (str(http), word) if part)}: {message or 'no message'}",
        cure=cure,
        code=code,
        status=word or None,
        request_id=request_id,
        http_status=http,
        retryable=_is_retryable(kind, http),
    )


def foreign(
    operation: _operations.Operation, answer: HttpAnswer, fault: str, scrub: Scrub, request_id: str | None = None
) -> JcrError:
    """The error for an answer that is not the service's: by its status if that says enough, else a ProtocolError."""
    kind = _kind(answer.status, "") if answer.status in (408, 429) or answer.status >= 500 else ProtocolError
    content_type = _one_line(scrub(answer.headers.get("Content-Type", "no type")))
    shown = ""
    if operation not in _CONFIDENTIAL and answer.body.strip():
        # Scrubbed before it is cut: half a secret would not be recognised any more.
        text = scrub(answer.body[: 16 * _QUOTED].decode("utf-8", "replace"))
        shown = f"; it begins with {text[:_QUOTED]!r}"
    return kind(
        f"the answer with HTTP status {answer.status} ({content_type}) is not one of the service: {fault}{shown}",
        request_id=request_id or _models.request_id_of(answer.headers),
        http_status=answer.status,
        retryable=_is_retryable(kind, answer.status),
    )


def _kind(http: int, word: str) -> type[ApiError]:
    words = ERRORS.get(http, {})
    return words.get(word) or words.get("") or (ServerError if http >= 500 else ApiError)


def _is_retryable(kind: type[JcrError], http: int) -> bool:
    return kind in (RateLimited, ServerError) and http != 501


def _account_cure(message: str) -> str | None:
    """What to do in the console when the account is not ready, which no status tells reliably."""
    if _REAL_NAME.search(message):
        return _REAL_NAME_CURE
    return _BALANCE_CURE if _BALANCE.search(message) else None


def _one_line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."
