# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocol of the data plane: manifests, tags, referrers, and what the control plane then knows of an image."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.emulator_tests.registry import (
    DOCKER_CONFIG,
    DOCKER_IMAGE,
    DOCKER_LAYER,
    DOCKER_LIST,
    OCI_CONFIG,
    OCI_IMAGE,
    OCI_INDEX,
    OCI_LAYER,
    Account,
    RegistryClient,
    descriptor,
    digest_of,
    encode,
    image_manifest,
    index_manifest,
)
from tests.support.emulator import RunningEmulator

REGISTRY = "dataplane"
REPOSITORY = "team-a/web"
CONFIG = b'{"os": "linux"}'
LAYER = b"a layer"
ABSENT = digest_of(b"never uploaded")


@pytest.fixture
def account(emulator: RunningEmulator) -> Account:
    return Account(emulator)


@pytest.fixture
def registry(account: Account) -> RegistryClient:
    client = account.declare(REGISTRY, REPOSITORY)
    client.push_blob(REPOSITORY, CONFIG)
    client.push_blob(REPOSITORY, LAYER)
    return client


def code(answer: t.Any) -> str:
    return t.cast(str, answer.json()["errors"][0]["code"])


def docker_manifest() -> bytes:
    layers = [descriptor(LAYER, DOCKER_LAYER)]
    config = descriptor(CONFIG, DOCKER_CONFIG)
    return encode({"schemaVersion": 2, "mediaType": DOCKER_IMAGE, "config": config, "layers": layers})


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (docker_manifest(), DOCKER_IMAGE),
        (image_manifest(CONFIG, [LAYER]), OCI_IMAGE),
        # The bytes are the image: other white space is another image, and comes back as it went.
        (b"\n " + image_manifest(CONFIG, [LAYER]) + b"  \n", OCI_IMAGE),
    ],
)
def test_image_comes_back_byte_for_byte(registry: RegistryClient, content: bytes, media_type: str) -> None:
    pushed = registry.put_manifest(REPOSITORY, "v1", content, media_type)
    digest = digest_of(content)
    assert (pushed.status_code, pushed.headers["Docker-Content-Digest"]) == (201, digest)
    assert pushed.headers["Location"] == f"/v2/{REPOSITORY}/manifests/{digest}"
    for reference in ("v1", digest):
        got = registry.get_manifest(REPOSITORY, reference)
        assert (got.content, got.headers["Content-Type"]) == (content, media_type)
        head = registry.get_manifest(REPOSITORY, reference, "HEAD")
        assert (head.headers["Content-Length"], head.headers["Docker-Content-Digest"]) == (str(len(content)), digest)


@pytest.mark.parametrize(
    ("media_type", "of"), [(OCI_INDEX, (OCI_IMAGE, OCI_CONFIG, OCI_LAYER)), (DOCKER_LIST, (DOCKER_IMAGE, "", ""))]
)
def test_index_of_images(registry: RegistryClient, media_type: str, of: tuple[str, ...]) -> None:
    images = [image_manifest(CONFIG, [LAYER]), docker_manifest()]
    for image, kind in zip(images, (OCI_IMAGE, DOCKER_IMAGE), strict=True):
        assert registry.put_manifest(REPOSITORY, digest_of(image), image, kind).status_code == 201
    index = encode(
        {"schemaVersion": 2, "mediaType": media_type, "manifests": [descriptor(image, of[0]) for image in images]}
    )
    assert registry.put_manifest(REPOSITORY, "all", index, media_type).status_code == 201
    assert registry.get_manifest(REPOSITORY, "all").content == index


def test_index_before_its_images_is_refused(registry: RegistryClient) -> None:
    answer = registry.put_manifest(REPOSITORY, "all", index_manifest([image_manifest(CONFIG, [LAYER])]), OCI_INDEX)
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_manifest_before_its_blobs_is_refused(registry: RegistryClient) -> None:
    answer = registry.put_manifest(REPOSITORY, "v1", image_manifest(CONFIG, [LAYER, b"missing"]))
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == {"digest": digest_of(b"missing")}
    assert registry.tags(REPOSITORY) == []


def test_layer_that_is_elsewhere_may_be_missing(registry: RegistryClient) -> None:
    document = json.loads(image_manifest(CONFIG, [LAYER, b"foreign"]))
    document["layers"][1]["urls"] = ["https://example.com/layer"]
    assert registry.put_manifest(REPOSITORY, "v1", encode(document)).status_code == 201


def broken(**changes: t.Any) -> bytes:
    """An image manifest with other or without (None) some members."""
    document = {**json.loads(image_manifest(CONFIG, [LAYER])), **changes}
    return encode({key: value for key, value in document.items() if value is not None})


@pytest.mark.parametrize(
    ("content", "media_type", "status", "refusal"),
    [
        (b"", OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (b"not JSON", OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (b"\xff\xfe", OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (b"[" * 100_000, OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (b"[]", OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (b"{}", OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(schemaVersion=1), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(config=None), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers=None), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers={}), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers=["x"]), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(manifests=[]), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(mediaType=DOCKER_IMAGE), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(mediaType=None), "", 400, "MANIFEST_INVALID"),
        (broken(mediaType=None), "application/json", 400, "MANIFEST_INVALID"),
        (broken(subject={"digest": "x"}), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers=[{**descriptor(LAYER, OCI_LAYER), "digest": "sha256:x"}]), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers=[{**descriptor(LAYER, OCI_LAYER), "size": True}]), OCI_IMAGE, 400, "MANIFEST_INVALID"),
        (broken(layers=[{**descriptor(LAYER, OCI_LAYER), "size": 1}]), OCI_IMAGE, 400, "SIZE_INVALID"),
        (image_manifest(CONFIG, [LAYER]) + b" " * (4 << 20), OCI_IMAGE, 413, "MANIFEST_INVALID"),
    ],
)
def test_what_is_no_manifest_is_refused(
    registry: RegistryClient, content: bytes, media_type: str, status: int, refusal: str
) -> None:
    answer = registry.put_manifest(REPOSITORY, "v1", content, media_type)
    assert (answer.status_code, code(answer)) == (status, refusal)
    assert registry.tags(REPOSITORY) == []


@pytest.mark.parametrize("tag", ["v1", "V1.0-rc_2", "_x", "1", "a" * 128])
def test_legal_tag(registry: RegistryClient, tag: str) -> None:
    assert registry.put_manifest(REPOSITORY, tag, image_manifest(CONFIG, [LAYER])).status_code == 201
    assert registry.tags(REPOSITORY) == [tag]


@pytest.mark.parametrize(
    ("reference", "refusal"),
    [(".x", "TAG_INVALID"), ("-x", "TAG_INVALID"), ("a" * 129, "TAG_INVALID"), ("a%0A", "TAG_INVALID"),
     ("sha256:x", "DIGEST_INVALID"), (ABSENT, "DIGEST_INVALID")],
)  # fmt: skip
def test_illegal_reference(registry: RegistryClient, reference: str, refusal: str) -> None:
    answer = registry.put_manifest(REPOSITORY, reference, image_manifest(CONFIG, [LAYER]))
    assert (answer.status_code, code(answer)) == (400, refusal)


@pytest.mark.parametrize("reference", ["v9", ABSENT, "sha256:x", "a:b"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_manifest(registry: RegistryClient, method: str, reference: str) -> None:
    answer = registry.get_manifest(REPOSITORY, reference, method)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")


def test_manifest_that_the_client_has(registry: RegistryClient) -> None:
    digest = registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    assert registry.get_manifest(REPOSITORY, "v1", **{"If-None-Match": f'"{digest}"'}).status_code == 304
    assert registry.get_manifest(REPOSITORY, "v1", **{"If-None-Match": f'"{ABSENT}"'}).status_code == 200


def test_tag_moves_and_the_image_before_stays_untagged(account: Account, registry: RegistryClient) -> None:
    first = registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    second = registry.push_image(REPOSITORY, "v1", b"another layer", config=CONFIG)
    tags = {image["digest"]: image["tags"] for image in account.images(REGISTRY, REPOSITORY)}
    assert tags == {first: [], second: ["v1"]}


def test_tags_come_in_pages(registry: RegistryClient) -> None:
    for tag in ("b", "a", "B", "c10", "c9"):
        registry.push_image(REPOSITORY, tag, LAYER, config=CONFIG)
    everything = ["B", "a", "b", "c10", "c9"]
    assert registry.tags(REPOSITORY) == everything
    seen: list[str] = []
    path: str | None = f"{REPOSITORY}/tags/list?n=2"
    while path:
        answer = registry.call("GET", path)
        seen += answer.json()["tags"]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == everything
    assert registry.call("GET", f"{REPOSITORY}/tags/list?n=0").json()["tags"] == []
    assert registry.call("GET", f"{REPOSITORY}/tags/list?last=b").json()["tags"] == ["c10", "c9"]


@pytest.mark.parametrize("number", ["-1", "x", "", "1.5", "٣"])
def test_page_of_nonsense(registry: RegistryClient, number: str) -> None:
    answer = registry.call("GET", f"{REPOSITORY}/tags/list", params={"n": number})
    assert (answer.status_code, code(answer)) == (400, "PAGINATION_NUMBER_INVALID")


def test_catalog_is_that_of_the_registry(account: Account, registry: RegistryClient) -> None:
    account.declare("another", "other/repository")
    account.api.create_repository("team-a/api", REGISTRY)
    assert registry.call("GET", "_catalog").json() == {"repositories": ["team-a/api", REPOSITORY]}
    page = registry.call("GET", "_catalog?n=1")
    assert page.json() == {"repositories": ["team-a/api"]}
    assert registry.call("GET", page.links["next"]["url"]).json() == {"repositories": [REPOSITORY]}


def test_referrers(registry: RegistryClient) -> None:
    subject = image_manifest(CONFIG, [LAYER])
    # What refers to an image may come before it.
    signature = image_manifest(
        CONFIG, [], subject=descriptor(subject, OCI_IMAGE), artifactType="text/signature", annotations={"by": "me"}
    )
    report = image_manifest(CONFIG, [LAYER], subject=descriptor(subject, OCI_IMAGE))
    for artifact in (signature, report):
        pushed = registry.put_manifest(REPOSITORY, digest_of(artifact), artifact)
        assert (pushed.status_code, pushed.headers["OCI-Subject"]) == (201, digest_of(subject))
    answer = registry.call("GET", f"{REPOSITORY}/referrers/{digest_of(subject)}")
    assert answer.headers["Content-Type"] == OCI_INDEX
    entries = {entry["digest"]: entry for entry in answer.json()["manifests"]}
    assert entries[digest_of(signature)]["annotations"] == {"by": "me"}
    assert entries[digest_of(report)]["artifactType"] == OCI_CONFIG
    some = registry.call("GET", f"{REPOSITORY}/referrers/{digest_of(subject)}?artifactType=text/signature")
    assert [entry["digest"] for entry in some.json()["manifests"]] == [digest_of(signature)]
    assert some.headers["OCI-Filters-Applied"] == "artifactType"
    assert registry.call("GET", f"{REPOSITORY}/referrers/{ABSENT}").json()["manifests"] == []


def test_delete_by_digest_takes_all_tags(account: Account, registry: RegistryClient) -> None:
    digest = registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    registry.push_image(REPOSITORY, "v2", LAYER, config=CONFIG)
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/{digest}").status_code == 202
    assert registry.tags(REPOSITORY) == []
    assert account.images(REGISTRY, REPOSITORY) == []


def test_delete_by_tag_leaves_the_other_tags(account: Account, registry: RegistryClient) -> None:
    digest = registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    registry.push_image(REPOSITORY, "v2", LAYER, config=CONFIG)
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/v1").status_code == 202
    assert registry.tags(REPOSITORY) == ["v2"]
    assert registry.get_manifest(REPOSITORY, digest).status_code == 200
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/v2").status_code == 202
    assert account.images(REGISTRY, REPOSITORY) == []


def test_delete_by_tag_of_the_whole_image(
    emulator: RunningEmulator, account: Account, registry: RegistryClient
) -> None:
    emulator.settings({"delete_by_tag": "delete_digest"})
    registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    registry.push_image(REPOSITORY, "v2", LAYER, config=CONFIG)
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/v1").status_code == 202
    assert account.images(REGISTRY, REPOSITORY) == []


@pytest.mark.parametrize(("setting", "pulls"), [(False, 2), (True, 3)])
def test_pulls_are_counted(emulator: RunningEmulator, account: Account, setting: bool, pulls: int) -> None:
    emulator.settings({"count_head_pulls": setting})
    registry = account.declare(REGISTRY, REPOSITORY)
    digest = registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    assert describe(account)["totalPullTimes"] == 0
    assert "lastPullAt" not in describe(account)
    emulator.clock(now="2031-05-04T03:02:01Z", frozen=True)
    registry = RegistryClient(registry.base, account.issue(REGISTRY))
    registry.get_manifest(REPOSITORY, "v1", "HEAD")
    registry.get_manifest(REPOSITORY, "v1")
    registry.get_manifest(REPOSITORY, digest)
    registry.get_manifest(REPOSITORY, "v1", **{"If-None-Match": f'"{digest}"'})
    assert describe(account)["totalPullTimes"] == pulls
    assert describe(account)["lastPullAt"] == "2031-05-04T03:02:01Z"


def test_pushing_again_moves_the_time_of_the_push(emulator: RunningEmulator, account: Account) -> None:
    emulator.clock(now="2031-05-04T03:00:00Z", frozen=True)
    registry = account.declare(REGISTRY, REPOSITORY)
    registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    emulator.clock(advance_seconds=60)
    registry.push_image(REPOSITORY, "v1", LAYER, config=CONFIG)
    assert describe(account)["imagePushedAt"] == "2031-05-04T03:01:00Z"


def test_size_of_an_image_and_of_an_index(account: Account, registry: RegistryClient) -> None:
    images = [image_manifest(CONFIG, [LAYER]), image_manifest(CONFIG, [LAYER], annotations={"second": "yes"})]
    for image in images:
        registry.put_manifest(REPOSITORY, digest_of(image), image)
    index = index_manifest(images)
    registry.put_manifest(REPOSITORY, "all", index, OCI_INDEX)
    sizes = {image["digest"]: image["size"] for image in account.images(REGISTRY, REPOSITORY)}
    one = len(CONFIG) + len(LAYER)
    assert sizes == {digest_of(images[0]): one, digest_of(images[1]): one, digest_of(index): 2 * one}


def describe(account: Account) -> dict[str, t.Any]:
    """The only image, as the API describes it."""
    (image,) = account.api.images(registryName=REGISTRY)["imageDetails"]
    return t.cast(dict[str, t.Any], image)
