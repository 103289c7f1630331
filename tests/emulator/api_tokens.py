# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on tokens."""

from __future__ import annotations

import typing as t

from tests.emulator import tokens
from tests.emulator.api_registries import check_account
from tests.emulator.call import Call
from tests.emulator.errors import InvalidArgument, NotFound, TokenLimit
from tests.emulator.state import Registry, Token

_DEFAULT_HOURS = 12
_MOST_HOURS = 24


def get_authorization_token(call: Call) -> dict[str, t.Any]:
    """Issue a token; the password is inside it and in the login command."""
    hours = call.arguments.get("expiredAfterHours")
    if hours is None:
        hours = _DEFAULT_HOURS
    if isinstance(hours, bool) or not isinstance(hours, int):
        raise InvalidArgument("expiredAfterHours is not an integer")
    if not 1 <= hours <= _MOST_HOURS:
        raise InvalidArgument(f"expiredAfterHours is {hours}, allowed are 1 to {_MOST_HOURS}")
    registry = call.registry()
    check_account(call, creates=False)
    state, settings = call.emulator.state, call.emulator.settings
    scope = registry.id if settings["token_scope"] == "registry" else None
    if state.tokens_of_last_hour(scope) >= settings["tokens_per_hour"]:
        raise TokenLimit(settings["tokens_per_hour"])
    call.token_issued = True
    return _model(call, registry, state.issue_token(registry.id, hours), with_login=True)


def describe_authorization_tokens(call: Call) -> dict[str, t.Any]:
    """The tokens that are valid now, the oldest first; pages and filters are documented as not supported yet."""
    registry = call.registry()
    settings = call.emulator.settings
    valid = call.emulator.state.valid_tokens(registry.id)
    found = [_model(call, registry, token, with_login=settings["list_login_command"]) for token in valid]
    total = len(found)
    if settings["token_filters"] == "honour":
        first, size = call.page()
        wanted = call.filters(token=100).get("token")
        found = [model for model in found if wanted is None or model["authorizationToken"] in wanted]
        total = len(found)
        found = found[first : first + size]
    return {"authorizationTokens": found, "totalCount": total}


def release_authorization_token(call: Call) -> None:
    """Release the token that is given, or all of them; forceAll true wins over a token."""
    registry = call.registry()
    token, everything = call.text("authorizationToken"), call.flag("forceAll")
    state = call.emulator.state
    if token is not None and not everything:
        password = tokens.decode(token)
        if password is None or not state.release_tokens(registry.id, password):
            # What was sent may be a secret of another registry: it is not repeated.
            raise NotFound("token", "of the request")
        return
    if not everything and call.emulator.settings["release_without_choice"] == "refuse":
        raise InvalidArgument("one of authorizationToken and forceAll is required")
    state.release_tokens(registry.id)


def _model(call: Call, registry: Registry, token: Token, *, with_login: bool) -> dict[str, t.Any]:
    model = {
        "authorizationToken": tokens.encode(token.password),
        "expiresAt": tokens.write_time(token.expires_at, call.emulator.settings["expires_format"]),
    }
    if with_login:
        model["loginCmdLine"] = tokens.login_command(token.password, registry.uri)
    return model
