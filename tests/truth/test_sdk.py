# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The official Python SDK and our client on one emulator: each sees and undoes what the other has done."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    JcrError,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._operations import OPERATIONS
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import parse_time
from tests.emulator_tests.registry import RegistryClient
from tests.support.emulator import RunningEmulator
from tests.truth.conftest import account_of
from tests.truth.sdk import Sdk, filters

REGISTRY = "myregistry"
REPOSITORY = "project-a/web_app"  # two levels: its slash stands in paths as it is
PLACE = {"registryName": REGISTRY, "repositoryName": REPOSITORY}
DESCRIPTION = "测试 描述 🐳"

# Our name of each field of an object of the API. Times are compared as moments.
REGISTRY_FIELDS = {
    "name": "name",
    "uri": "registryUri",
    "description": "description",
    "size_mb": "totalSpaceUsedMB",
    "created_at": "createTime",
}
REPOSITORY_FIELDS = {
    "registry": "registryName",
    "name": "repositoryName",
    "uri": "repositoryUri",
    "description": "description",
    "size_mb": "totalSpaceUsedMB",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
}
IMAGE_FIELDS = {
    "registry": "registryName",
    "repository": "repositoryName",
    "digest": "imageDigest",
    "pushed_at": "imagePushedAt",
    "pulls": "totalPullTimes",
}
QUOTA_FIELDS = {"resource_type": "resourceType", "limit": "limit", "used": "used"}


@pytest.fixture
def sdk(emulator: RunningEmulator) -> Sdk:
    return Sdk(emulator)


@pytest.fixture
def pusher(client: Client) -> RegistryClient:
    """A registry with one repository, and who may push to it."""
    made = client.create_registry(REGISTRY, DESCRIPTION)
    client.create_repository(REGISTRY, REPOSITORY)
    return RegistryClient(f"http://{made['uri']}", client.issue_token(REGISTRY, 1)["password"].reveal())


def same(ours: list[dict[str, t.Any]], theirs: list[dict[str, t.Any]], fields: dict[str, str]) -> bool:
    """Whether both tell the same of the same objects in the same order, and at least of one."""
    assert [{name: one[name] for name in fields} for one in ours] == [
        {name: theirs_of(name, one.get(field)) for name, field in fields.items()} for one in theirs
    ]
    return bool(ours)


def theirs_of(name: str, value: t.Any) -> t.Any:
    """A value of the API as we tell it: an empty text is none."""
    if name.endswith("_at") and value:
        return parse_time(value).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None if value == "" else value


# --- all operations --------------------------------------------------------------------------------------------------


def test_all_operations_of_the_sdk(sdk: Sdk, client: Client, emulator: RunningEmulator) -> None:
    name, place = {"registryName": REGISTRY}, dict(PLACE)
    free, made, there, listed, free_inside, _made_inside, inside, quotas, token, tokens = sdk.results(
        ("checkRegistryName", name),
        ("createRegistry", {**name, "description": DESCRIPTION}),
        ("describeRegistry", name),
        ("describeRegistries", {}),
        ("checkRepositoryName", place),
        ("createRepository", {**place, "description": DESCRIPTION}),
        ("describeRepositories", name),
        ("describeQuotas", {}),
        ("getAuthorizationToken", {**name, "expiredAfterHours": 2}),
        ("describeAuthorizationTokens", name),
    )
    assert free["code"] == free_inside["code"] == 0
    assert made["registry"] == there["registry"] == listed["registries"][0]
    assert there["registry"]["description"] == DESCRIPTION
    assert same(client.registries(), listed["registries"], REGISTRY_FIELDS)
    assert same(client.repositories(REGISTRY), inside["repositories"], REPOSITORY_FIELDS)
    assert inside["repositories"][0]["repositoryUri"] == f"{made['registry']['registryUri']}/{REPOSITORY}"
    assert same(client.quotas(), quotas["quotas"], QUOTA_FIELDS)
    (ours,) = client.tokens(REGISTRY)
    assert ours["authorization_token"].reveal() == token["authorizationToken"]
    assert ours["expires_at"] == parse_time(token["expiresAt"])
    assert tokens["authorizationTokens"][0]["authorizationToken"] == token["authorizationToken"]

    push_with(made["registry"]["registryUri"], token)
    images, _deleted, left, _released, no_tokens, *_gone = sdk.results(
        ("describeImages", {"filters": filters(**PLACE)}),
        ("deleteImage", {**place, "imageTag": "v1"}),
        ("describeImages", {"filters": filters(**PLACE)}),
        ("releaseAuthorizationToken", {**name, "authorizationToken": token["authorizationToken"]}),
        ("describeAuthorizationTokens", name),
        ("deleteRepository", {**place, "force": True}),
        ("deleteRegistry", name),
    )
    assert sorted(image["imageTags"] for image in images["imageDetails"]) == [["v1"], ["v2"]]
    assert [image["imageTags"] for image in left["imageDetails"]] == [["v2"]]
    assert no_tokens["totalCount"] == 0
    assert client.registries() == []
    calls = [entry for entry in emulator.requests() if entry["user_agent"].startswith("JdcloudSdkPython")]
    assert {entry["operation"] for entry in calls} == set(OPERATIONS)
    assert {entry["status"] for entry in calls} == {200}


def push_with(uri: str, token: dict[str, t.Any]) -> None:
    """Push two images as the token's loginCmdLine would let docker do."""
    password = token["loginCmdLine"].split(" -p ")[1].split(" ")[0]
    registry = RegistryClient(f"http://{uri}", password)
    assert registry.bearer == token["authorizationToken"]
    for tag in ("v1", "v2"):
        registry.push_image(REPOSITORY, tag, tag.encode())


def test_our_requests_are_those_of_the_sdk(sdk: Sdk, client: Client, emulator: RunningEmulator) -> None:
    """All 15 operations: same method and same path. The objects need not exist for that."""
    digest = f"sha256:{'0' * 64}"
    token = Secret("amRjbG91ZDpub25lbm9uZW5vbmVub25l")
    name, place = {"registryName": REGISTRY}, dict(PLACE)
    sdk.answers(
        ("describeRegistries", {}),
        ("describeRegistry", name),
        ("createRegistry", name),
        ("createRepository", place),
        ("checkRegistryName", name),
        ("checkRepositoryName", place),
        ("describeRepositories", name),
        ("describeImages", {"filters": filters(**PLACE)}),
        ("deleteImage", {**place, "imageDigest": digest}),
        ("describeQuotas", {}),
        ("getAuthorizationToken", name),
        ("describeAuthorizationTokens", name),
        ("releaseAuthorizationToken", {**name, "authorizationToken": token.reveal()}),
        ("deleteRepository", {**place, "force": True}),
        ("deleteRegistry", name),
    )
    theirs = emulator.requests()
    client.registries()
    client.registry(REGISTRY)
    client.create_registry(REGISTRY)
    client.create_repository(REGISTRY, REPOSITORY)
    client.check_registry_name(REGISTRY)
    client.check_repository_name(REGISTRY, REPOSITORY)
    client.repositories(REGISTRY)
    client.images(REGISTRY, REPOSITORY)
    with pytest.raises(NotFound):
        client.delete_image(REGISTRY, REPOSITORY, digest=digest)
    client.quotas()
    client.issue_token(REGISTRY, 1)
    client.tokens(REGISTRY)
    with pytest.raises(NotFound):
        client.release_token(REGISTRY, token)
    client.delete_repository(REGISTRY, REPOSITORY, force=True)
    client.delete_registry(REGISTRY)
    ours = emulator.requests()[len(theirs) :]
    told = ("operation", "method", "path", "status")
    assert [[entry[key] for key in told] for entry in ours] == [[entry[key] for key in told] for entry in theirs]
    assert {entry["operation"] for entry in ours} == set(OPERATIONS)


# --- filters and pages -----------------------------------------------------------------------------------------------


def test_pages_and_the_fuzzy_filter_of_repositories(sdk: Sdk, client: Client) -> None:
    client.create_registry(REGISTRY)
    client.create_registry("another")
    names = [f"project-{number % 3}/web-{number:02}" for number in range(23)]
    for name in names:
        client.create_repository(REGISTRY, name)
    client.create_repository("another", "project-0/web-00")
    pages = sdk.results(
        *(
            ("describeRepositories", {"registryName": REGISTRY, "pageNumber": number, "pageSize": 10})
            for number in (1, 2, 3, 4)
        )
    )
    assert [len(page["repositories"]) for page in pages] == [10, 10, 3, 0]
    assert {page["totalCount"] for page in pages} == {23}
    theirs = [repository for page in pages for repository in page["repositories"]]
    assert same(client.repositories(REGISTRY), theirs, REPOSITORY_FIELDS)
    everywhere, fuzzy = sdk.results(
        ("describeRepositories", {"pageSize": 100}),
        ("describeRepositories", {"registryName": REGISTRY, "filters": filters(name="web-0"), "pageSize": 100}),
    )
    assert same(client.repositories(), everywhere["repositories"], REPOSITORY_FIELDS)
    assert sorted(one["repositoryName"] for one in fuzzy["repositories"]) == sorted(n for n in names if "web-0" in n)
    assert client.repository(REGISTRY, "web-0") is None


def test_filters_of_images(sdk: Sdk, client: Client, pusher: RegistryClient) -> None:
    two = pusher.push_image(REPOSITORY, "v1", b"one")
    pusher.push_image(REPOSITORY, "v2", b"one")
    untagged = pusher.push_image(REPOSITORY, "v3", b"three")
    last = pusher.push_image(REPOSITORY, "v3", b"four")
    questions = {
        (): {},
        (("imageTag", "v2"),): {"tag": "v2"},
        (("imageDigest", untagged),): {"digest": untagged},
        (("tagStatus", "TAGGED"),): {"tag_status": "tagged"},
        (("tagStatus", "UNTAGGED"),): {"tag_status": "untagged"},
        (("imageDigest", last), ("imageTag", "v3"), ("tagStatus", "TAGGED")): {"digest": last, "tag": "v3"},
    }
    answers = sdk.results(*(("describeImages", {"filters": filters(**PLACE, **dict(one))}) for one in questions))
    for options, answer in zip(questions.values(), answers, strict=True):
        ours = client.images(REGISTRY, REPOSITORY, **options)
        assert same(ours, answer["imageDetails"], IMAGE_FIELDS)
        assert [image["tags"] for image in ours] == [sorted(image["imageTags"]) for image in answer["imageDetails"]]
        assert answer["totalCount"] == len(ours)
    tags = {image["digest"]: image["tags"] for image in client.images(REGISTRY, REPOSITORY)}
    assert tags == {two: ["v1", "v2"], untagged: [], last: ["v3"]}


def test_every_way_to_delete_images(sdk: Sdk, client: Client, pusher: RegistryClient) -> None:
    digests = [pusher.push_image(REPOSITORY, f"v{number}", b"%d" % number) for number in range(4)]
    pusher.push_image(REPOSITORY, "v0", b"another")
    left = []
    for selector in ({"imageTagStatus": "untagged"}, {"imageDigest": digests[1]}, {"imageTag": "v2"}):
        sdk.result("deleteImage", **PLACE, **selector)
        left.append(sorted(tag for image in client.images(REGISTRY, REPOSITORY) for tag in image["tags"]))
    assert left == [["v0", "v1", "v2", "v3"], ["v0", "v2", "v3"], ["v0", "v3"]]
    code, status, _message = sdk.refusal("deleteImage", **PLACE, imageTag="v0", imageDigest=digests[3])
    assert (code, status) == (400, "INVALID_ARGUMENT")
    sdk.result("deleteImage", **PLACE, imageTagStatus="tagged")
    assert client.images(REGISTRY, REPOSITORY) == []


def test_filters_of_quotas(sdk: Sdk, client: Client, pusher: RegistryClient) -> None:
    one, both = sdk.results(
        ("describeQuotas", {"filters": filters(resourceTypes="registry")}),
        ("describeQuotas", {"filters": filters(resourceTypes=["registry", "repository"])}),
    )
    assert [quota["resourceType"] for quota in one["quotas"]] == ["registry"]
    assert same(client.quotas(), both["quotas"], QUOTA_FIELDS)


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_each_lists_and_releases_the_tokens_of_the_other(sdk: Sdk, client: Client, emulator: RunningEmulator) -> None:
    emulator.settings({"token_filters": "honour"})
    client.create_registry(REGISTRY)
    ours = client.issue_token(REGISTRY, 1)["authorization_token"]
    theirs, listed, filtered = sdk.results(
        ("getAuthorizationToken", {"registryName": REGISTRY}),
        ("describeAuthorizationTokens", {"registryName": REGISTRY}),
        ("describeAuthorizationTokens", {"registryName": REGISTRY, "filters": filters(token=ours.reveal())}),
    )
    both = [ours.reveal(), theirs["authorizationToken"]]
    assert [token["authorizationToken"] for token in listed["authorizationTokens"]] == both
    assert [token["authorizationToken"] for token in filtered["authorizationTokens"]] == both[:1]
    client.release_token(REGISTRY, Secret(both[1]))
    sdk.result("releaseAuthorizationToken", registryName=REGISTRY, authorizationToken=both[0])
    assert client.tokens(REGISTRY) == []
    client.issue_token(REGISTRY, 1)
    sdk.result("releaseAuthorizationToken", registryName=REGISTRY, forceAll=True)
    assert client.tokens(REGISTRY) == []


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(call: t.Callable[[], object], kind: type[JcrError]) -> tuple[int, str]:
    """Code and status of a refusal as our client tells it."""
    with pytest.raises(kind) as caught:
        call()
    return caught.value.code, caught.value.status


def test_wrong_keys(sdk: Sdk, emulator: RunningEmulator, connect: t.Callable[..., Client], tmp_path) -> None:
    code, status, message = Sdk(emulator, secret_key="wrong").refusal("describeRegistries")
    stranger = connect(account_of(emulator, tmp_path, secret_key="wrong"))
    assert refusal(stranger.registries, AuthenticationFailed) == (code, status) == (401, "ACCESS_ERROR")
    assert "sign" in message
    assert sdk.result("describeRegistries")["registries"] == []


def test_a_sixth_token(sdk: Sdk, client: Client) -> None:
    client.create_registry(REGISTRY)
    sdk.results(*[("getAuthorizationToken", {"registryName": REGISTRY})] * 4)
    client.issue_token(REGISTRY, 1)
    code, status, message = sdk.refusal("getAuthorizationToken", registryName=REGISTRY)
    assert refusal(lambda: client.issue_token(REGISTRY, 1), QuotaExceeded) == (code, status)
    assert code == 429
    assert "5 tokens" in message


def test_what_is_not_there_or_not_empty(sdk: Sdk, client: Client, pusher: RegistryClient) -> None:
    pusher.push_image(REPOSITORY, "v1", b"layer")
    code, status, _message = sdk.refusal("describeRegistry", registryName="nowhere")
    assert refusal(lambda: client.delete_registry("nowhere"), NotFound) == (code, status)
    code, status, _message = sdk.refusal("deleteRegistry", registryName=REGISTRY)
    assert refusal(lambda: client.delete_registry(REGISTRY), PreconditionFailed) == (code, status)
    code, status, _message = sdk.refusal("deleteRepository", **PLACE)
    assert refusal(lambda: client.delete_repository(REGISTRY, REPOSITORY), PreconditionFailed) == (code, status)
    client.delete_repository(REGISTRY, REPOSITORY, force=True)
    assert sdk.result("describeRepositories", registryName=REGISTRY)["repositories"] == []


def test_operation_protection(
    sdk: Sdk, client: Client, emulator: RunningEmulator, connect: t.Callable[..., Client], tmp_path
) -> None:
    emulator.settings({"mfa": True, "mfa_tokens": ["mfa-token-123"]})
    for number in (1, 2):
        client.create_registry(f"registry-{number}")
        client.create_repository(f"registry-{number}", REPOSITORY)
    code, status, _message = sdk.refusal("deleteRegistry", registryName="registry-1")
    assert refusal(lambda: client.delete_registry("registry-1"), MfaRequired) == (code, status)
    assert code == 403
    sdk.results(
        ("deleteImage", {"registryName": "registry-1", "repositoryName": REPOSITORY, "imageTagStatus": "tagged"}),
        ("deleteRepository", {"registryName": "registry-1", "repositoryName": REPOSITORY}),
        ("deleteRegistry", {"registryName": "registry-1"}),
        headers={"x-jdcloud-security-token": "mfa-token-123"},
    )
    protected = connect(account_of(emulator, tmp_path, security_token="mfa-token-123"))
    protected.delete_image("registry-2", REPOSITORY, tag_status="tagged")
    protected.delete_repository("registry-2", REPOSITORY)
    protected.delete_registry("registry-2")
    assert client.registries() == []
