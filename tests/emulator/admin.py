# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin API of tests and users: clock, faults, settings, request log, state. Not signed, main port only."""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import parse_qsl

from tests.emulator import clock, tokens
from tests.emulator.emulator import Emulator
from tests.emulator.envelope import Send, send_json
from tests.emulator.faults import BadScript
from tests.emulator.settings import BadSetting
from tests.emulator.state import Registry, Repository, Token

PREFIX = "/_emulator"

Receive: t.TypeAlias = t.Callable[[], t.Awaitable[dict[str, t.Any]]]


class BadRequest(ValueError):
    """A request to the admin API that makes no sense; the message says why."""


class Admin:
    """Answers everything below /_emulator/."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._actions: dict[tuple[str, str], t.Callable[[t.Any, dict[str, str]], t.Any]] = {
            ("POST", "/reset"): self._reset,
            ("POST", "/clock"): self._clock,
            ("POST", "/faults"): self._faults,
            ("POST", "/settings"): self._change_settings,
            ("GET", "/settings"): self._settings,
            ("GET", "/requests"): self._requests,
            ("GET", "/state"): self._state,
        }

    async def __call__(self, scope: t.Mapping[str, t.Any], receive: Receive, send: Send) -> None:
        """Answer one request with JSON; 400 says what is wrong with it."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        action = self._actions.get((scope["method"], scope["path"].removeprefix(PREFIX)))
        if action is None:
            known = ", ".join(f"{method} {PREFIX}{path}" for method, path in self._actions)
            await send_json(send, 404, {"error": f"there are {known}"})
            return
        try:
            argument = json.loads(bytes(body) or b"{}")
            answer = action(argument, dict(parse_qsl(scope["query_string"].decode("latin-1"))))
        except (BadRequest, BadScript, BadSetting, json.JSONDecodeError) as error:
            await send_json(send, 400, {"error": str(error)})
        else:
            await send_json(send, 200, answer)

    def _reset(self, _argument: t.Any, _query: dict[str, str]) -> t.Any:
        self._emulator.reset()
        return {}

    def _clock(self, argument: t.Any, _query: dict[str, str]) -> t.Any:
        known = {"now", "advance_seconds", "frozen"}
        if not isinstance(argument, dict) or not set(argument) <= known:
            raise BadRequest(f"a clock is set with {', '.join(sorted(known))}")
        present = self._emulator.clock
        try:
            if "now" in argument:
                present.set(clock.parse(str(argument["now"])))
            if "advance_seconds" in argument:
                present.advance(float(argument["advance_seconds"]))
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRequest(str(error)) from error
        if "frozen" in argument:
            present.freeze(bool(argument["frozen"]))
        return {"now": clock.rfc3339(present.now())}

    def _faults(self, argument: t.Any, _query: dict[str, str]) -> t.Any:
        return {"faults": self._emulator.faults.load(argument)}

    def _change_settings(self, argument: t.Any, query: dict[str, str]) -> t.Any:
        if not isinstance(argument, dict):
            raise BadRequest("settings are an object")
        self._emulator.settings.update(argument)
        return self._settings(argument, query)

    def _settings(self, _argument: t.Any, _query: dict[str, str]) -> t.Any:
        return dict(self._emulator.settings)

    def _requests(self, _argument: t.Any, query: dict[str, str]) -> t.Any:
        since = query.get("since", "0")
        if not re.fullmatch("[0-9]+", since):
            raise BadRequest("since is the index of a request")
        return {"requests": self._emulator.log.since(int(since))}

    def _state(self, _argument: t.Any, query: dict[str, str]) -> t.Any:
        """Everything there is; passwords of tokens only with secrets=1."""
        with self._emulator.database.transaction():
            registries = [
                self._registry(registry, query.get("secrets") == "1") for registry in self._emulator.state.registries()
            ]
        return {"now": clock.rfc3339(self._emulator.clock.now()), "registries": registries}

    def _registry(self, registry: Registry, secrets: bool) -> dict[str, t.Any]:
        state = self._emulator.state
        return {
            "name": registry.name,
            "region": registry.region,
            "uri": registry.uri,
            "description": registry.description,
            "created_at": clock.rfc3339(registry.created_at),
            "repositories": [self._repository(repository) for repository in state.repositories(registry.id)],
            "tokens": [_token(token, secrets) for token in state.tokens(registry.id)],
        }

    def _repository(self, repository: Repository) -> dict[str, t.Any]:
        images = self._emulator.images.list_images(repository.id)
        return {
            "name": repository.name,
            "description": repository.description,
            "created_at": clock.rfc3339(repository.created_at),
            "images": [
                {key: image[key] for key in ("digest", "media_type", "size", "tags", "pulls")} for image in images
            ],
        }


def _token(token: Token, secrets: bool) -> dict[str, t.Any]:
    told = {
        "issued_at": clock.rfc3339(token.issued_at),
        "expires_at": clock.rfc3339(token.expires_at),
        "released_at": clock.rfc3339(token.released_at) if token.released_at else None,
    }
    if secrets:
        told["password"] = token.password
        told["authorization_token"] = tokens.encode(token.password)
    return told
