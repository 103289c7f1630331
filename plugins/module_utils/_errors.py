# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, and how each failure tells its own story.

This module util is private to the collection.

A failure is told in one sentence with up to five parts: the act ("create registry"), the object
("'myregistry' in cn-north-1"), the cause, the request id, and the cure. An error is raised where its cause is known;
whoever knows the act and the object adds them with about(). Only the runner turns an error into a module result.
"""

from __future__ import annotations

import typing as t


class JcrError(Exception):
    """A failure a user can read and act on; the root of every error the collection raises on purpose."""

    kind = "error"
    cure = ""

    def __init__(
        self,
        cause: str,
        *,
        act: str = "",
        obj: str = "",
        cure: str | None = None,
        code: int | None = None,
        status: str | None = None,
        request_id: str | None = None,
        http_status: int | None = None,
        retryable: bool = False,
        attempts: int | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.act = act
        self.obj = obj
        if cure is not None:
            self.cure = cure
        self.code = code
        self.status = status
        self.request_id = request_id
        self.http_status = http_status
        self.retryable = retryable
        self.attempts = attempts

    def about(self, act: str, obj: str = "") -> JcrError:
        """Say what was being done to what, unless a deeper layer has said so already; returns the error itself."""
        if not self.act:
            self.act, self.obj = act, obj
        return self

    @property
    def message(self) -> str:
        """Act, object, cause, request id and cure as one text, as the user reads it in C(msg)."""
        subject = " ".join(part for part in (self.act, self.obj) if part)
        cause = self.cause.rstrip(".")
        told = f"Cannot {subject}: {cause}" if subject else cause[:1].upper() + cause[1:]
        if self.request_id:
            told += f" (request id {self.request_id})"
        return f"{told}. {self.cure}".rstrip() if self.cure else f"{told}."

    def failure(self) -> dict[str, t.Any]:
        """The keys of a failed module result: C(msg), and C(error) for programs."""
        return {
            "msg": self.message,
            "error": {
                "kind": self.kind,
                "code": self.code,
                "status": self.status,
                "message": self.cause,
                "request_id": self.request_id,
                "http_status": self.http_status,
                "retryable": self.retryable,
                "attempts": self.attempts,
            },
        }


# --- refused here, before anything is sent ---------------------------------------------------------------------------


class RuleError(JcrError):
    """A value breaks a rule of names, descriptions, tags, digests or hours."""

    kind = "rule"


class CredentialsError(JcrError):
    """No usable access key was found, or a profile cannot be read."""

    kind = "credentials"


class ConfigurationError(JcrError):
    """Options contradict each other or name something that is not there (a CA file, an endpoint without https)."""

    kind = "configuration"


class HostNotAllowed(JcrError):
    """A registry host is not the expected one, so no secret is sent to it."""

    kind = "host_not_allowed"
    cure = "If this host is right, add it to allowed_registry_hosts."


class CheckModeViolation(JcrError):
    """A write was attempted in check mode: a defect of the collection, never of the user."""

    kind = "check_mode"
    cure = "This is a defect of the collection: please report it with this text."


class MissingLibrary(JcrError):
    """A Python library that the task needs is not installed where the task runs."""

    kind = "missing_library"


# --- the service answered with a refusal -----------------------------------------------------------------------------


class ApiError(JcrError):
    """The service answered with an error that has no class of its own below."""

    kind = "api"


class AuthenticationFailed(ApiError):
    """401: the access key or its signature was not accepted."""

    kind = "authentication"
    cure = "Check the access key and the secret key, and that both belong to the same account."


class Forbidden(ApiError):
    """403: the account may not do this (IAM policy, real-name verification)."""

    kind = "forbidden"
    cure = (
        "Ask the account's owner for a policy that allows this operation, or complete real-name verification in the "
        "console."
    )


class MfaRequired(ApiError):
    """403 on a delete: operation protection is on and no valid security token came with the request."""

    kind = "mfa_required"
    cure = (
        "Operation protection is on for this account: get a security token and pass it as security_token "
        "(or JDCLOUD_SECURITY_TOKEN)."
    )


class NotFound(ApiError):
    """404: the object does not exist (or does not exist any more)."""

    kind = "not_found"


class AlreadyExists(ApiError):
    """409: an object of this name exists, not necessarily in this account: registry names are global."""

    kind = "already_exists"


class PreconditionFailed(ApiError):
    """400 FAILED_PRECONDITION: the object or the account is not in the state the operation needs."""

    kind = "precondition"


class InvalidArgument(ApiError):
    """400: the service refused a value that the local rules let through."""

    kind = "invalid_argument"
    cure = "Correct the value that the service names."


class QuotaExceeded(ApiError):
    """429 QUOTA_EXCEEDED: a quota is used up; waiting a moment does not help."""

    kind = "quota_exceeded"
    cure = "Delete what is not needed, or raise the quota by a ticket in the console."


class RateLimited(ApiError):
    """429 of any other status: too many calls; worth waiting for."""

    kind = "rate_limited"
    cure = "Run the task again a little later, and fewer at once."


class ServerError(ApiError):
    """5xx: the service or a gateway before it failed."""

    kind = "server"
    cure = "Run the task again a little later; if it stays so, give the request id to the service's support."


# --- no answer, or none that can be trusted --------------------------------------------------------------------------


class Unreachable(JcrError):
    """No connection, no name, no TLS, or no answer within the time-out.

    C(sent) is False where the request surely has not reached the service.
    """

    kind = "unreachable"
    sent = True


class ProtocolError(JcrError):
    """An answer came that is not the service's: HTML, cut JSON, missing fields, wrong types, a redirect."""

    kind = "protocol"
    cure = "Check the endpoint, and whether a proxy or a portal stands before it."


class UnknownOutcome(JcrError):
    """A write was sent and its answer was lost: it may have been done or not. Reading settles it, never resending."""

    kind = "unknown_outcome"


class DeadlineExceeded(JcrError):
    """The task's own deadline passed; C(sent) as in Unreachable."""

    kind = "deadline"
    sent = True
    cure = "Raise deadline if the service is just slow."


# --- the collection's own objects ------------------------------------------------------------------------------------


class TokenBudgetExceeded(JcrError):
    """A sixth token within one hour: refused by the local ledger or by the service."""

    kind = "token_budget"


class Drift(JcrError):
    """A field that the service cannot change differs from what is wanted, and O(on_drift=fail)."""

    kind = "drift"


class NotApplied(JcrError):
    """After a write, reading back shows something else than was planned."""

    kind = "not_applied"


class FileError(JcrError):
    """A local file cannot be read or written safely."""

    kind = "file"


class EngineError(JcrError):
    """The Docker Engine is not running, not reachable, or failed on its own account."""

    kind = "engine"


class ImageNotFound(JcrError):
    """A local image or a remote tag that the task needs does not exist."""

    kind = "image_not_found"


class TransferRefused(JcrError):
    """A registry refused a push or a pull."""

    kind = "transfer_refused"


class TransferFailed(JcrError):
    """A push or a pull began and did not come to a proven end."""

    kind = "transfer_failed"


def kinds() -> dict[str, type[JcrError]]:
    """Every error class by its C(kind)."""
    found: dict[str, type[JcrError]] = {}
    todo: list[type[JcrError]] = [JcrError]
    while todo:
        cls = todo.pop()
        found.setdefault(cls.kind, cls)
        todo.extend(cls.__subclasses__())
    return found


def from_failure(failure: t.Mapping[str, t.Any]) -> JcrError:
    """The error that a helper module's failed result tells of, so that it can travel from a host to the controller.

    C(msg) is kept as the cause: act, request id and cure are in its text already.
    """
    error = dict(failure.get("error") or {})
    cls = kinds().get(error.get("kind"), JcrError)
    fields = {key: error.get(key) for key in ("code", "status", "request_id", "http_status", "attempts")}
    request_id = fields.pop("request_id")
    rebuilt = cls(str(failure.get("msg") or "the module failed without a message"), cure="", **fields)
    rebuilt.retryable = bool(error.get("retryable"))
    if request_id and request_id not in rebuilt.cause:
        rebuilt.request_id = request_id
    return rebuilt
