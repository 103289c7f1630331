# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may call: signatures over the wire, operation protection, replays, the rate limit."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest

from tests.emulator_tests.api import Api


def encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


def test_keys(api: Api) -> None:
    emulator = api.emulator
    assert api.refusal("GET", "registries", key=(emulator.access_key, "wrong")) == (401, "ACCESS_ERROR")
    assert api.refusal("GET", "registries", key=("wrong", emulator.secret_key)) == (401, "ACCESS_ERROR")
    emulator.settings({"error_signature": "401:UNAUTHENTICATED"})
    assert api.refusal("GET", "registries", key=("wrong", "wrong")) == (401, "UNAUTHENTICATED")
    assert [entry["status"] for entry in emulator.requests()] == [401, 401, 401]


def test_a_wrong_clock_is_told_by_the_date_header(api: Api) -> None:
    api.emulator.clock(now="2026-01-01T00:00:00Z", frozen=True)
    late = datetime.fromisoformat("2026-01-01T00:20:00Z")
    response = api.send("GET", "registries", now=late)
    assert (response.status_code, response.headers["date"]) == (401, "Thu, 01 Jan 2026 00:00:00 GMT")
    api.emulator.settings({"clock_window": 1200})
    assert api.send("GET", "registries", now=late).status_code == 200


@pytest.mark.parametrize(
    ("sent", "accepted", "code"),
    [
        (None, [], 403),
        ("", [], 403),
        ("anything", [], 404),
        ("mfa-token-123", ["mfa-token-123"], 404),
        (encoded("mfa-token-123"), ["other", "mfa-token-123"], 404),
        ("wrong", ["mfa-token-123"], 403),
        (encoded("wrong"), ["mfa-token-123"], 403),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "registries/nothing", None),
        ("DELETE", "registries/nothing/repositories/nothing", None),
        ("POST", "registries/nothing/repositories/nothing:deleteImage", {"imageTag": "x"}),
    ],
)
def test_operation_protection(
    api: Api, method: str, path: str, body: object, sent: str | None, accepted: list[str], code: int
) -> None:
    api.emulator.settings({"mfa": True, "mfa_tokens": accepted})
    headers = {} if sent is None else {"x-jdcloud-security-token": sent}
    assert api.refusal(method, path, body, headers=headers)[0] == code


def test_other_operations_are_not_protected(api: Api) -> None:
    api.emulator.settings({"mfa": True})
    api.create_registry()
    api.create_repository("myrepo")
    api.issue()
    api.result("POST", "registries/myregistry:releaseAuthorizationToken", {"forceAll": True})


def test_replays(api: Api) -> None:
    assert [api.send("GET", "quotas", nonce="one").status_code for _time in range(2)] == [200, 200]
    api.emulator.settings({"nonce_replay": "refuse"})
    assert [api.send("GET", "quotas", nonce="two").status_code for _time in range(2)] == [200, 401]
    api.emulator.clock(advance_seconds=900)
    assert api.send("GET", "quotas", nonce="two").status_code == 200


def test_rate_limit(api: Api) -> None:
    api.emulator.clock(frozen=True)
    api.emulator.settings({"calls_per_minute": 3})
    assert [api.send("GET", "quotas").status_code for _time in range(4)] == [200, 200, 200, 429]
    assert api.refusal("GET", "quotas") == (429, "RATE_LIMIT")
    api.emulator.clock(advance_seconds=60)
    api.result("GET", "quotas")


def test_scope_of_another_region(api: Api) -> None:
    assert api.refusal("GET", "quotas", scope_region="cn-south-1") == (401, "ACCESS_ERROR")
    api.emulator.settings({"scope_region": "any"})
    api.result("GET", "quotas", scope_region="cn-south-1")
