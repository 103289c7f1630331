# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API can refuse: one class for each case, with its message in one place.

The HTTP code and the status of most cases are not documented; where a class names a switch of settings.py, that
switch decides.
"""

from __future__ import annotations

from tests.emulator.settings import Settings


class ApiError(Exception):
    """A refusal that the API answers with an error envelope."""

    http = 400
    status = "INVALID_ARGUMENT"
    switch = ""

    def answer(self, settings: Settings) -> tuple[int, str]:
        """The HTTP code and the status to answer with."""
        if not self.switch:
            return self.http, self.status
        http, _colon, status = settings[self.switch].partition(":")
        return int(http), status


class Malformed(ApiError):
    """A request that is not even HTTP with JSON as the API wants it."""

    status = "HTTP_BAD_REQUEST"


class InvalidArgument(ApiError):
    """A parameter that is missing, of the wrong type or out of its range."""


class NoRoute(ApiError):
    """No operation has this method and path."""

    http, status = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no route and no API found with those values")


class BodyTooLarge(ApiError):
    """A body that the gateway does not take."""

    http, status = 413, "HTTP_REQUEST_ENTITY_TOO_LARGE"

    def __init__(self) -> None:
        super().__init__("request entity too large")


class UriTooLong(ApiError):
    """A request line of more than 8 KiB."""

    http, status = 414, "HTTP_URI_TOO_LONG"

    def __init__(self) -> None:
        super().__init__("request URI too long")


class Internal(ApiError):
    """The emulator itself failed; its standard error says how."""

    http, status = 500, "INTERNAL"

    def __init__(self) -> None:
        super().__init__("internal server error")


class AccessError(ApiError):
    """A request that is not signed, or not signed well."""

    switch = "error_signature"


class BadName(ApiError):
    """A name to create that breaks a rule."""

    switch = "error_bad_name"


class AlreadyExists(ApiError):
    """A name that is in use."""

    switch = "error_exists"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"{noun} {name} already exists")


class NotFound(ApiError):
    """An object that is named but not there."""

    switch = "error_not_found"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"{noun} {name} not found")


class RegistryNotEmpty(ApiError):
    """A registry to delete that has repositories."""

    switch = "error_not_empty"

    def __init__(self, name: str, repositories: int) -> None:
        super().__init__(f"registry {name} still has {repositories} repositories, delete them first")


class RepositoryNotEmpty(ApiError):
    """A repository to delete that has images, without force."""

    switch = "error_not_empty"

    def __init__(self, name: str, images: int) -> None:
        super().__init__(f"repository {name} still has {images} images, delete them first or use force")


class QuotaExceeded(ApiError):
    """A quota of registries or repositories that is used up."""

    switch = "error_quota"

    def __init__(self, noun: str, limit: int) -> None:
        super().__init__(f"Out of resource quota: at most {limit} {noun}")


class TokenLimit(ApiError):
    """One token too many within an hour."""

    switch = "error_token_limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Out of resource quota: at most {limit} tokens can be applied for within one hour")


class RateLimit(ApiError):
    """One call too many within a minute."""

    switch = "error_rate_limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"API rate limit exceeded: at most {limit} calls within one minute")


class RealNameMissing(ApiError):
    """The account has not passed real-name verification."""

    switch = "error_real_name"

    def __init__(self) -> None:
        super().__init__("the account has not passed real-name verification")


class BalanceLow(ApiError):
    """The account has not enough money to create anything."""

    switch = "error_balance"

    def __init__(self) -> None:
        super().__init__("the account balance is less than RMB 50, please recharge")


class SecurityTokenNeeded(ApiError):
    """Operation protection is on and the request brings no valid security token."""

    switch = "error_mfa"

    def __init__(self, operation: str) -> None:
        super().__init__(f"operation protection is enabled: {operation} needs a valid x-jdcloud-security-token")
