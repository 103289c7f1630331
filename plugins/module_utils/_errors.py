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
        # Whether the task changed something before it failed.
        self.changed = False
        # Return values that the failed task gives besides msg and error: how far it came.
        self.result: dict[str, t.Any] = {}

    def suggest(self, cure: str) -> None:
        """Put a more helpful cure in the place of the class's own; one that was given with the cause stays."""
        if self.cure == type(self).cure:
            self.cure = cure

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
                "act": self.act,
                "object": self.obj,
                "message": self.cause,
                "cure": self.cure,
                "code": self.code,
                "status": self.status,
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
    cure = "Correct the value."


class CredentialsError(JcrError):
    """No usable access key was found, or a profile cannot be read."""

    kind = "credentials"
    cure = "Give an access key and its secret key."


class ConfigurationError(JcrError):
    """Options contradict each other or name something that is not there (a CA file, an endpoint without https)."""

    kind = "configuration"
    cure = "Correct the options."


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
    cure = "Install it there."


# --- the service answered with a refusal -----------------------------------------------------------------------------


class ApiError(JcrError):
    """The service answered with an error that has no class of its own below."""

    kind = "api"
    cure = "If it stays so, JD Cloud's support finds the request by its id."


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
    cure = "Check the name and the region."


class AlreadyExists(ApiError):
    """409: an object of this name exists, not necessarily in this account: registry names are global."""

    kind = "already_exists"
    cure = "Choose another name, or take what exists as it is."


class PreconditionFailed(ApiError):
    """400 FAILED_PRECONDITION: the object or the account is not in the state the operation needs."""

    kind = "precondition"
    cure = "Bring it into the state that the service asks for, and run the task again."


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

    C(sent) is False where the request surely has not reached the service, C(reached) where no other one has before.
    """

    kind = "unreachable"
    sent = True
    reached = True
    cure = "Check the address, the network and proxies."


class ProtocolError(JcrError):
    """An answer came that is not the service's: HTML, cut JSON, missing fields, wrong types, a redirect."""

    kind = "protocol"
    cure = "Check the endpoint, and whether a proxy or a portal stands before it."


class UnknownOutcome(JcrError):
    """A write was sent and its answer was lost: it may have been done or not. Reading settles it, never resending."""

    kind = "unknown_outcome"
    cure = "Run the task again: it reads first, and does only what is left to do."


class DeadlineExceeded(JcrError):
    """The task's own deadline passed; C(sent) as in Unreachable."""

    kind = "deadline"
    sent = True
    cure = "Raise deadline if the service is just slow."


# --- the collection's own objects ------------------------------------------------------------------------------------


class TokenBudgetExceeded(JcrError):
    """A sixth token within one hour: refused by the local ledger or by the service."""

    kind = "token_budget"
    cure = "Run the task again later, or set on_rate_limit."


class Drift(JcrError):
    """A field that the service cannot change differs from what is wanted, and O(on_drift=fail)."""

    kind = "drift"
    cure = "Take the present value into the task, or set on_drift to warn or ignore."


class DeleteCapExceeded(JcrError):
    """More would be deleted than C(max_delete) allows; nothing was deleted."""

    kind = "delete_cap"
    cure = "Nothing was deleted. Raise max_delete if all of that shall go."


class TagProtected(JcrError):
    """A tag that overwrite, expected_digest or immutable_tags forbid to move or to delete."""

    kind = "tag_protected"
    cure = "No protected tag was touched. Choose another tag, or change the option that protects this one."


class ImageInUse(JcrError):
    """An image that was to be deleted is needed by one that stays."""

    kind = "image_in_use"
    cure = "Delete first what needs it."


class PreflightFailed(JcrError):
    """Checks that were made before anything is written have failed; C(table) shows them to people."""

    kind = "preflight_failed"
    cure = (
        "Mend what the table says. To go on all the same, set on_failure to warn; with role provision, "
        "provision_preflight to false."
    )
    table = ""

    @property
    def message(self) -> str:
        return f"{super().message}\n{self.table}".rstrip()


class NotApplied(JcrError):
    """After a write, reading back shows something else than was planned."""

    kind = "not_applied"
    cure = "Run the task again; if it stays so, something else changes the same objects."


class FileError(JcrError):
    """A local file cannot be read or written safely."""

    kind = "file"
    cure = "Check the path, its owner and its mode."


class ArchiveInvalid(FileError):
    """A file or a directory is not an archive of images, is damaged, or is of a form that is not read here."""

    kind = "archive_invalid"
    cure = "Write it again with docker save, or with skopeo copy as oci: or oci-archive:."


class ImageInvalid(RuleError):
    """The documents of an image break the image specification or a limit, or are of a kind that is not taken."""

    kind = "image_invalid"
    cure = "Build or save the image again."


class ContentMismatch(JcrError):
    """Bytes of an image are not those that their digest or size says."""

    kind = "content_mismatch"
    cure = "The data is damaged: get or save the image again."


class EngineError(JcrError):
    """The Docker Engine is not running, not reachable, or failed on its own account."""

    kind = "engine"
    cure = "Look into the Docker Engine's log."


class ImageNotFound(JcrError):
    """A local image or a remote tag that the task needs does not exist."""

    kind = "image_not_found"
    cure = "Check its name, tag or digest."


# What a registry's answer calls for, whoever has asked: this collection or a Docker Engine.
NO_REPOSITORY_CURE = "Create the repository first (jcr_repository); JCR does not create it on a push."
NO_ROOM_CURE = "The registry has no room left: free some, or raise its quota."


class TransferRefused(JcrError):
    """A registry refused a push or a pull."""

    kind = "transfer_refused"
    cure = "Check that the repository exists and that the token is of this registry."


class LoginRefused(TransferRefused):
    """A registry does not accept the login of a push or a pull, or not any more: another token may help."""

    kind = "login_refused"
    cure = "The token may have expired or been released: run the task again, which gets another one."


class TransferFailed(JcrError):
    """A push or a pull began and did not come to a proven end."""

    kind = "transfer_failed"
    cure = "Run the task again: what was sent already is not sent twice."


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
    """The error that a helper module's failed result tells of: so it travels from a host to the controller.

    A result that was not made by failure() (Ansible's own) becomes an error with its C(msg) as the cause.
    """
    error = failure.get("error")
    if not isinstance(error, t.Mapping):
        return JcrError(str(failure.get("msg") or "the module failed without a message"))
    cls = kinds().get(str(error.get("kind")), JcrError)
    names = ("act", "cure", "code", "status", "request_id", "http_status", "attempts")
    rebuilt = cls(str(error.get("message")), obj=error.get("object") or "", **{name: error.get(name) for name in names})
    rebuilt.act = rebuilt.act or ""
    rebuilt.retryable = bool(error.get("retryable"))
    rebuilt.changed = bool(failure.get("changed"))
    return rebuilt
