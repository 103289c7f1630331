# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens: what they look like, how many there may be, when they end."""

from __future__ import annotations

import re

import pytest

from tests.emulator_tests.api import Api, login_status, password_of

ISSUE = "registries/myregistry:getAuthorizationToken"
RELEASE = "registries/myregistry:releaseAuthorizationToken"
LIST = "registries/myregistry/tokens"


@pytest.fixture
def uri(api: Api) -> str:
    """The URI of myregistry; the time stands at the first second of 2026."""
    api.emulator.clock(now="2026-01-01T00:00:00Z", frozen=True)
    return api.create_registry()["registryUri"]


def listed(api: Api) -> list[str]:
    """The tokens that are listed; checks the count on the way."""
    answer = api.result("GET", LIST)
    assert answer["totalCount"] == len(answer["authorizationTokens"])
    return [token["authorizationToken"] for token in answer["authorizationTokens"]]


def test_issue(api: Api, uri: str) -> None:
    token = api.issue()
    password = password_of(token["authorizationToken"])
    assert re.fullmatch("[A-Za-z0-9]{16}", password)
    # The eleventh character depends on the password: p before a letter, o before a digit.
    assert re.fullmatch("amRjbG91ZD[po][A-Za-z0-9+/]{21}", token["authorizationToken"])
    assert token["loginCmdLine"] == f"docker login -u jdcloud -p {password} {uri}"
    assert token["expiresAt"] == "1767268800"
    assert login_status(uri, password) == 200
    assert login_status(uri, token["authorizationToken"]) == 401
    assert api.emulator.requests()[-3]["token_issued"] is True


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("epoch", "1767229200"),
        ("epoch_ms", "1767229200000"),
        ("rfc3339", "2026-01-01T01:00:00Z"),
        ("local", "2026-01-01 09:00:00"),
    ],
)
def test_forms_of_the_expiry(api: Api, uri: str, form: str, written: str) -> None:
    api.emulator.settings({"expires_format": form})
    assert api.issue(hours=1)["expiresAt"] == written


@pytest.mark.parametrize("hours", [1, 24])
def test_expiry(api: Api, uri: str, hours: int) -> None:
    token = api.issue(hours=hours)["authorizationToken"]
    api.emulator.clock(advance_seconds=hours * 3600 - 1)
    assert (listed(api), login_status(uri, password_of(token))) == ([token], 200)
    api.emulator.clock(advance_seconds=1)
    assert (listed(api), login_status(uri, password_of(token))) == ([], 401)
    assert api.refusal("POST", RELEASE, {"authorizationToken": token}) == (404, "NOT_FOUND")


@pytest.mark.parametrize("hours", [0, 25, -1, 1.5, 12.0, "12", True, [12]])
def test_bad_hours(api: Api, uri: str, hours: object) -> None:
    assert api.refusal("POST", ISSUE, {"expiredAfterHours": hours}) == (400, "INVALID_ARGUMENT")
    assert listed(api) == []


def test_the_sixth_token_of_an_hour(api: Api, uri: str) -> None:
    for _number in range(5):
        api.issue()
        api.emulator.clock(advance_seconds=60)
    assert api.refusal("POST", ISSUE, {}) == (429, "QUOTA_EXCEEDED")
    assert [
        entry["token_issued"] for entry in api.emulator.requests() if entry["operation"] == "getAuthorizationToken"
    ] == [
        True,
        True,
        True,
        True,
        True,
        False,
    ]
    api.result("POST", RELEASE, {"forceAll": True})
    assert api.refusal("POST", ISSUE, {}) == (429, "QUOTA_EXCEEDED")
    api.emulator.clock(advance_seconds=3600 - 300 - 1)
    assert api.refusal("POST", ISSUE, {}) == (429, "QUOTA_EXCEEDED")
    api.emulator.clock(advance_seconds=1)
    api.issue()
    assert api.refusal("POST", ISSUE, {}) == (429, "QUOTA_EXCEEDED")


def test_tokens_are_counted_by_registry_or_by_account(api: Api, uri: str) -> None:
    api.create_registry("second-one")
    for _number in range(5):
        api.issue()
    api.issue("second-one")
    api.emulator.settings({"token_scope": "account", "error_token_limit": "429:RATE_LIMIT"})
    assert api.refusal("POST", "registries/second-one:getAuthorizationToken", {}) == (429, "RATE_LIMIT")


def test_list(api: Api, uri: str) -> None:
    first, second = api.issue(hours=1), api.issue(hours=2)
    assert api.result("GET", LIST) == {"authorizationTokens": [first, second], "totalCount": 2}
    only = f"{LIST}?filters.1.name=token&filters.1.values.1={second['authorizationToken']}&pageSize=5"
    assert api.result("GET", only)["totalCount"] == 2
    api.emulator.settings({"token_filters": "honour", "list_login_command": False})
    assert api.refusal("GET", only) == (400, "INVALID_ARGUMENT")
    del second["loginCmdLine"]
    assert api.result("GET", only.replace("pageSize=5", "pageSize=10"))["authorizationTokens"] == [second]


def test_release_one(api: Api, uri: str) -> None:
    first, second = api.issue()["authorizationToken"], api.issue()["authorizationToken"]
    assert api.result("POST", RELEASE, {"authorizationToken": first, "forceAll": None}) is None
    assert listed(api) == [second]
    assert login_status(uri, password_of(first)) == 401
    assert login_status(uri, password_of(second)) == 200
    assert api.refusal("POST", RELEASE, {"authorizationToken": first}) == (404, "NOT_FOUND")


def test_release_is_for_tokens_of_this_registry(api: Api, uri: str) -> None:
    api.create_registry("second-one")
    foreign = api.issue("second-one")["authorizationToken"]
    response = api.send("POST", RELEASE, {"authorizationToken": foreign})
    assert response.status_code == 404
    assert foreign not in response.text
    assert api.refusal("POST", RELEASE, {"authorizationToken": "no token"}) == (404, "NOT_FOUND")
    assert len(api.result("GET", "registries/second-one/tokens")["authorizationTokens"]) == 1


@pytest.mark.parametrize("body", [{"forceAll": True}, {"forceAll": False}, {}, None])
def test_release_all(api: Api, uri: str, body: dict | None) -> None:
    api.issue(), api.issue()
    api.result("POST", RELEASE, body)
    assert listed(api) == []


def test_force_all_wins_over_a_token(api: Api, uri: str) -> None:
    token, _other = api.issue()["authorizationToken"], api.issue()
    api.result("POST", RELEASE, {"authorizationToken": token, "forceAll": True})
    assert listed(api) == []


def test_release_without_a_choice_can_be_refused(api: Api, uri: str) -> None:
    api.issue()
    api.emulator.settings({"release_without_choice": "refuse"})
    assert api.refusal("POST", RELEASE, {"forceAll": False}) == (400, "INVALID_ARGUMENT")
    assert len(listed(api)) == 1


def test_tokens_end_with_their_registry(api: Api, uri: str) -> None:
    password = password_of(api.issue()["authorizationToken"])
    api.result("DELETE", "registries/myregistry")
    assert login_status(api.create_registry()["registryUri"], password) == 401
    assert listed(api) == []


def test_unknown_registry(api: Api) -> None:
    for method, path in (("POST", ISSUE), ("GET", LIST), ("POST", RELEASE)):
        assert api.refusal(method, path) == (404, "NOT_FOUND")
