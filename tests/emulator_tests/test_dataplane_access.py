# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may use the data plane, and in which words the others are refused."""

from __future__ import annotations

import re
import typing as t

import pytest
import requests

from tests.emulator_tests.registry import Account, RegistryClient, digest_of, image_manifest
from tests.support.emulator import RunningEmulator

REGISTRY = "dataplane"
REPOSITORY = "team-a/web"
BLOB = b"0123456789"


@pytest.fixture
def account(emulator: RunningEmulator) -> Account:
    return Account(emulator)


@pytest.fixture
def registry(account: Account) -> RegistryClient:
    return account.declare(REGISTRY, REPOSITORY)


def as_somebody_else(registry: RegistryClient, password: str | None, user: str = "jdcloud") -> RegistryClient:
    return RegistryClient(registry.base, password, user)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def message(answer: requests.Response) -> str:
    return t.cast(str, answer.json()["errors"][0]["message"])


def test_bearer_challenge_leads_to_a_bearer_that_is_the_token(registry: RegistryClient) -> None:
    nobody = as_somebody_else(registry, None)
    challenge = nobody.call("GET", "")
    assert refusal(challenge) == (401, "UNAUTHORIZED")
    assert challenge.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge.headers["WWW-Authenticate"]))
    assert parts == {"realm": f"{registry.base}/v2/token", "service": registry.host}
    scope = f"repository:{REPOSITORY}:pull"
    answer = registry.call("GET", parts["realm"], params={"service": parts["service"], "scope": scope})
    assert answer.json()["token"] == answer.json()["access_token"] == registry.bearer
    assert "refresh_token" not in answer.json()
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert nobody.call("GET", "", headers=bearer).status_code == 200
    assert nobody.call("GET", f"{REPOSITORY}/tags/list", headers=bearer).status_code == 200


def test_challenge_of_a_repository_names_the_scope(registry: RegistryClient) -> None:
    nobody = as_somebody_else(registry, None)
    reading = nobody.call("GET", f"{REPOSITORY}/tags/list").headers["WWW-Authenticate"]
    assert f'scope="repository:{REPOSITORY}:pull"' in reading
    writing = nobody.call("POST", f"{REPOSITORY}/blobs/uploads/").headers["WWW-Authenticate"]
    assert f'scope="repository:{REPOSITORY}:pull,push"' in writing


def test_bearer_by_a_form(registry: RegistryClient) -> None:
    form = {"grant_type": "password", "username": "jdcloud", "password": registry.password, "service": registry.host}
    answer = as_somebody_else(registry, None).call("POST", "token", data=form)
    assert answer.json()["access_token"] == registry.bearer
    form["password"] = "wrong"
    assert refusal(as_somebody_else(registry, None).call("POST", "token", data=form)) == (401, "UNAUTHORIZED")


def test_basic_challenge(emulator: RunningEmulator, registry: RegistryClient) -> None:
    emulator.settings({"challenge": "basic"})
    challenge = as_somebody_else(registry, None).call("GET", "").headers["WWW-Authenticate"]
    assert challenge == f'Basic realm="{registry.host}"'
    assert registry.call("GET", "").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer bm9jb2xvbg==", "Digest x", "Bearer ", "Basic /////w=="],
)
@pytest.mark.parametrize("path", ["", "token", f"{REPOSITORY}/tags/list"])
def test_nonsense_is_no_login(registry: RegistryClient, authorization: str, path: str) -> None:
    nobody = as_somebody_else(registry, None)
    answer = nobody.call("GET", path, headers={"Authorization": authorization})
    assert refusal(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["", "token", f"{REPOSITORY}/tags/list", "not/declared/tags/list"])
def test_wrong_password_and_wrong_user(registry: RegistryClient, path: str) -> None:
    for somebody in (as_somebody_else(registry, "wrong"), as_somebody_else(registry, registry.password, "root")):
        answer = somebody.call("GET", path)
        assert refusal(answer) == (401, "UNAUTHORIZED")
        assert "user name or password is wrong" in message(answer)


def test_password_of_another_registry_is_refused(account: Account, registry: RegistryClient) -> None:
    other = account.declare("another", REPOSITORY)
    assert refusal(as_somebody_else(registry, other.password).call("GET", "")) == (401, "UNAUTHORIZED")


def test_registries_know_nothing_of_each_other(account: Account, registry: RegistryClient) -> None:
    digest = registry.push_image(REPOSITORY, "v1", BLOB)
    other = account.declare("another", REPOSITORY)
    assert other.tags(REPOSITORY) == []
    assert refusal(other.get_manifest(REPOSITORY, digest)) == (404, "MANIFEST_UNKNOWN")
    assert other.call("HEAD", f"{REPOSITORY}/blobs/{digest_of(BLOB)}").status_code == 404
    # A mount finds the other registry's repository of the same name no more than a manifest finds its blobs.
    mount = other.call("POST", f"{REPOSITORY}/blobs/uploads/?mount={digest_of(BLOB)}&from={REPOSITORY}")
    assert mount.status_code == 202
    answer = other.put_manifest(REPOSITORY, "v1", image_manifest(b"{}", [BLOB]))
    assert refusal(answer) == (400, "MANIFEST_BLOB_UNKNOWN")
    # An upload of one registry is not one of the other.
    location = registry.start_upload(REPOSITORY)
    assert refusal(other.call("PATCH", location, data=BLOB)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_what_one_registry_deletes_the_other_keeps(account: Account, registry: RegistryClient) -> None:
    digest = registry.push_image(REPOSITORY, "v1", BLOB)
    other = account.declare("another", REPOSITORY)
    other.push_image(REPOSITORY, "v1", BLOB)
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/{digest}").status_code == 202
    assert other.call("GET", f"{REPOSITORY}/blobs/{digest_of(BLOB)}").content == BLOB


def test_released_token_is_refused_on_the_next_request_of_a_push(account: Account, registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY)
    assert registry.call("PATCH", location, data=BLOB).status_code == 202
    account.release(REGISTRY)
    answer = registry.finish_upload(location, digest_of(BLOB))
    assert refusal(answer) == (401, "UNAUTHORIZED")
    assert "released" in message(answer)
    bearer = {"Authorization": f"Bearer {registry.bearer}"}
    assert "released" in message(as_somebody_else(registry, None).call("GET", location, headers=bearer))
    assert "released" in message(registry.call("GET", "token"))
    # The upload waits for somebody with a valid token.
    renewed = as_somebody_else(registry, account.issue(REGISTRY))
    assert renewed.finish_upload(location, digest_of(BLOB)).status_code == 201


def test_expired_token_is_refused(emulator: RunningEmulator, account: Account) -> None:
    registry = account.declare(REGISTRY, REPOSITORY)
    short = as_somebody_else(registry, account.issue(REGISTRY, hours=1))
    emulator.clock(advance_seconds=3599)
    assert short.call("GET", "").status_code == 200
    emulator.clock(advance_seconds=2)
    assert refusal(short.call("GET", "")) == (401, "UNAUTHORIZED")
    assert "expired" in message(short.call("GET", ""))
    assert registry.call("GET", "").status_code == 200


UNDECLARED = (
    ("GET", "tags/list"),
    ("GET", "manifests/v1"),
    ("PUT", "manifests/v1"),
    ("DELETE", "manifests/v1"),
    ("POST", "blobs/uploads/"),
    ("GET", f"blobs/{digest_of(BLOB)}"),
    ("GET", f"referrers/{digest_of(BLOB)}"),
)


@pytest.mark.parametrize(("method", "path"), UNDECLARED)
def test_undeclared_repository_is_refused_and_says_what_to_do(registry: RegistryClient, method: str, path: str) -> None:
    answer = registry.call(method, f"not/declared/{path}")
    assert refusal(answer) == (404, "NAME_UNKNOWN")
    assert (
        message(answer)
        == "repository 'not/declared' does not exist in registry 'dataplane'; create the repository first"
    )


@pytest.mark.parametrize("name", ["Upper/case", "a//b", "-a", "a" * 300, "a/../b"])
def test_what_is_no_name_is_refused(registry: RegistryClient, name: str) -> None:
    path = name.replace("..", "%2e%2e")
    answer = registry.session.get(f"{registry.base}/v2/{path}/tags/list")
    assert refusal(answer) in ((400, "NAME_INVALID"), (404, "NAME_UNKNOWN"))


def test_deleted_repository_is_gone_at_once(account: Account, registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    location = registry.start_upload(REPOSITORY)
    account.delete_repository(REGISTRY, REPOSITORY)
    assert refusal(registry.call("PATCH", location, data=BLOB)) == (404, "NAME_UNKNOWN")
    # A repository of the same name begins empty.
    account.api.create_repository(REPOSITORY, REGISTRY)
    assert refusal(registry.call("PATCH", location, data=BLOB)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert registry.call("HEAD", f"{REPOSITORY}/blobs/{digest_of(BLOB)}").status_code == 404


def test_push_creates_the_repository_if_told_to(emulator: RunningEmulator, registry: RegistryClient) -> None:
    emulator.settings({"auto_create": True})
    assert refusal(registry.call("GET", "team-b/new/tags/list")) == (404, "NAME_UNKNOWN")
    registry.push_image("team-b/new", "v1", BLOB)
    assert registry.tags("team-b/new") == ["v1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing/of/the/kind", 404),
        ("POST", f"{REPOSITORY}/tags/list", 405),
        ("GET", f"{REPOSITORY}/blobs/uploads/", 405),
        ("DELETE", "token", 405),
        ("PUT", "", 405),
    ],
)
def test_what_the_protocol_does_not_have(registry: RegistryClient, method: str, path: str, status: int) -> None:
    assert refusal(registry.call(method, path)) == (status, "UNSUPPORTED")


def test_early_refusal_keeps_the_connection(account: Account, registry: RegistryClient) -> None:
    """A client that is still sending gets the answer, not a broken pipe."""
    location = registry.start_upload(REPOSITORY)
    account.release(REGISTRY)
    for _attempt in range(2):
        assert refusal(registry.call("PATCH", location, data=b"x" * 20_000_000)) == (401, "UNAUTHORIZED")


def test_real_host_names_tell_registries_apart(emulator: RunningEmulator, account: Account) -> None:
    emulator.settings({"hostnames": "real"})
    port = emulator.endpoint.rpartition(":")[2]
    passwords = {}
    for name in ("first-one", "second-one"):
        account.api.create_registry(name)
        passwords[name] = account.issue(name)
    for name, password in passwords.items():
        host = f"{name}-cn-north-1.jcr.service.jdcloud.com:{port}"
        client = RegistryClient(emulator.endpoint, password)
        for header in (host, host.replace("-cn-north-1.", "-cn-north-1-inner.")):
            assert client.call("GET", "", headers={"Host": header}).status_code == 200
        challenge = RegistryClient(emulator.endpoint, None).call("GET", "", headers={"Host": host})
        assert f'realm="http://{host}/v2/token"' in challenge.headers["WWW-Authenticate"]
        other = RegistryClient(emulator.endpoint, passwords[min(set(passwords) - {name})])
        assert refusal(other.call("GET", "", headers={"Host": host})) == (401, "UNAUTHORIZED")
    nowhere = RegistryClient(emulator.endpoint, "x").call("GET", "", headers={"Host": "elsewhere.example:1"})
    assert refusal(nowhere) == (404, "NAME_UNKNOWN")
