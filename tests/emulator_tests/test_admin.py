# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin API, the clock and the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.emulator.clock import http_date, parse
from tests.emulator.settings import SWITCHES, BadSetting, Settings, parse_pairs
from tests.emulator_tests.api import Api, login_status, password_of, push
from tests.support.emulator import RunningEmulator


def refused(emulator: RunningEmulator, path: str, content: object) -> str:
    """What the admin API says against a request."""
    response = requests.post(emulator.admin + path, json=content, timeout=60)
    assert response.status_code == 400, response.text
    return response.json()["error"]


def test_clock(emulator: RunningEmulator) -> None:
    assert emulator.clock(now="20260101T123456Z", frozen=True) == "2026-01-01T12:34:56Z"
    assert emulator.clock(advance_seconds=3600.5) == "2026-01-01T13:34:56Z"
    assert emulator.clock() == "2026-01-01T13:34:56Z"
    assert emulator.clock(now="2026-06-01T00:00:00+08:00") == "2026-05-31T16:00:00Z"
    assert emulator.clock(frozen=False) >= "2026-05-31T16:00:00Z"
    emulator.reset()
    assert abs((parse(emulator.clock()) - datetime.now(UTC)).total_seconds()) < 3600
    for bad in ({"now": "yesterday"}, {"now": "2026-01-01T00:00:00"}, {"advance_seconds": "x"}, {"later": 1}, []):
        assert refused(emulator, "/clock", bad)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("20240229T235959Z", "Thu, 29 Feb 2024 23:59:59 GMT"),
        ("1767268800", "Thu, 01 Jan 2026 12:00:00 GMT"),
        ("2026-11-22T07:08:09+08:00", "Sat, 21 Nov 2026 23:08:09 GMT"),
    ],
)
def test_dates(text: str, date: str) -> None:
    assert http_date(parse(text)) == date


def test_settings(emulator: RunningEmulator) -> None:
    assert set(emulator.settings({})) == {switch.key for switch in SWITCHES}
    changed = emulator.settings({"registry_quota": 7, "mfa": True, "taken_names": ["a", "b"]})
    assert (changed["registry_quota"], changed["mfa"], changed["taken_names"]) == (7, True, ["a", "b"])
    assert "no setting colour" in refused(emulator, "/settings", {"colour": "red", "registry_quota": 8})
    assert emulator.settings({})["registry_quota"] == 7
    emulator.reset()
    assert emulator.settings({})["registry_quota"] == 5


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.key)
def test_every_switch_takes_its_default_and_its_choices_as_text(switch) -> None:
    default = switch.default
    text = ",".join(default) if isinstance(default, list) else str(default)
    assert switch.parse(text) == default
    assert all(switch.parse(choice) == choice for choice in switch.choices)
    assert switch.default in (switch.choices or [switch.default])
    assert switch.meaning


@pytest.mark.parametrize(
    "pair",
    [
        "mfa=maybe",
        "registry_quota=-1",
        "registry_quota=1.5",
        "hostnames=odd",
        "error_mfa=403",
        "error_mfa=200:OK",
        "nothing=1",
        "mfa",
    ],
)
def test_bad_settings(pair: str) -> None:
    with pytest.raises(BadSetting):
        Settings(parse_pairs([pair]))


def test_request_log(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    password = password_of(api.issue()["authorizationToken"])
    push(uri, "myrepo", ["v1"], password, b"x" * 1000)
    api.result("POST", "listRepositories", {})
    entries = api.emulator.requests()
    assert [entry["index"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [(entry["operation"], entry["write"]) for entry in entries if entry["plane"] == "control"] == [
        ("createRegistry", True),
        ("createRepository", True),
        ("getAuthorizationToken", True),
        ("describeRepositories", False),
    ]
    data = [entry for entry in entries if entry["plane"] == "data"]
    assert {entry["operation"] for entry in data} == {"startUpload", "finishUpload", "putManifest"}
    assert {(entry["registry"], entry["write"]) for entry in data} == {("myregistry", True)}
    assert sum(entry["bytes_received"] for entry in data if entry["operation"] == "finishUpload") > 1000
    assert api.emulator.requests(since=entries[-2]["index"]) == entries[-1:]
    response = api.send("GET", "quotas")
    last = api.emulator.requests()[-1]
    assert (last["request_id"], last["bytes_sent"]) == (response.json()["requestId"], len(response.content))
    api.emulator.reset()
    assert api.emulator.requests() == []


def test_the_log_and_the_state_hold_no_secret_unless_asked(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    token = api.issue()["authorizationToken"]
    password = password_of(token)
    login_status(uri, password)
    api.result("POST", "registries/myregistry:releaseAuthorizationToken", {"authorizationToken": token})
    emulator = api.emulator
    told = str(emulator.requests()) + str(emulator.state())
    for secret in (token, password, emulator.secret_key):
        assert secret not in told
    kept = emulator.state(secrets=True)["registries"][0]["tokens"][0]
    assert (kept["authorization_token"], kept["password"]) == (token, password)
    assert kept["released_at"] is not None


def test_state(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    digest = push(uri, "myrepo", ["v1"], password_of(api.issue()["authorizationToken"]))
    (registry,) = api.emulator.state()["registries"]
    assert (registry["name"], registry["region"], registry["uri"]) == ("myregistry", "cn-north-1", uri)
    (repository,) = registry["repositories"]
    (image,) = repository["images"]
    assert (repository["name"], image["digest"], image["tags"], image["pulls"]) == ("myrepo", digest, ["v1"], 0)


def test_reset(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    password = password_of(api.issue()["authorizationToken"])
    push(uri, "myrepo", ["v1"], password)
    api.emulator.reset()
    assert api.emulator.state()["registries"] == []
    with pytest.raises(requests.ConnectionError):
        login_status(uri, password)
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    assert api.images()["totalCount"] == 0
    push(uri, "myrepo", ["v1"], password_of(api.issue()["authorizationToken"]))


def test_unknown_paths(emulator: RunningEmulator) -> None:
    response = requests.get(f"{emulator.admin}/nothing", timeout=60)
    assert response.status_code == 404
    assert "POST /_emulator/reset" in response.json()["error"]
    assert requests.get(f"{emulator.admin}/requests?since=x", timeout=60).status_code == 400
    assert requests.post(f"{emulator.admin}/clock", data=b"{", timeout=60).status_code == 400


def test_the_readme_lists_every_switch() -> None:
    readme = (Path(__file__).parents[1] / "emulator" / "README.md").read_text(encoding="utf-8")
    table = [line.split(" | ")[0].strip("| `") for line in readme.splitlines() if line.startswith("| `")]
    assert [switch.key for switch in SWITCHES] == [key for key in table if key in Settings()]
    for switch in SWITCHES:
        assert switch.meaning in readme, switch.key
