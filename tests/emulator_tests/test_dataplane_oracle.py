# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane against Docker's own registry 2.8: the same requests, the same answers, save for a list of reasons."""

from __future__ import annotations

import inspect
import sys
import typing as t

import pytest
import requests

from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import (
    DOCKER_CONFIG,
    DOCKER_IMAGE,
    DOCKER_LAYER,
    DOCKER_LIST,
    OCI_IMAGE,
    OCI_INDEX,
    Account,
    RegistryClient,
    descriptor,
    digest_of,
    encode,
    image_manifest,
    index_manifest,
)
from tests.support.emulator import RunningEmulator, start

CONFIG = b'{"os": "linux"}'
LAYER = b"0123456789"
LAYER_DIGEST = digest_of(LAYER)
ABSENT = digest_of(b"never uploaded")
IMAGE = image_manifest(CONFIG, [LAYER])


class Probe:
    """A registry and a repository in it that belongs to one probe alone."""

    def __init__(self, client: RegistryClient, name: str) -> None:
        self.client = client
        self.repository = f"probes/{name.replace('_', '-')}"

    def call(self, method: str, path: str, **options: t.Any) -> requests.Response:
        """A request below the repository, or to a Location."""
        return self.client.call(method, path if "/v2/" in path else f"{self.repository}/{path}", **options)

    def upload(self) -> str:
        """The Location of a new upload."""
        return self.client.start_upload(self.repository)

    def put(self, location: str, digest: str, data: bytes = b"") -> requests.Response:
        """Finish an upload."""
        return self.client.finish_upload(location, digest, data)

    def blobs(self) -> None:
        """Push what the image needs."""
        self.client.push_blob(self.repository, CONFIG)
        self.client.push_blob(self.repository, LAYER)

    def image(self, reference: str = "v1", content: bytes = IMAGE, kind: str = OCI_IMAGE) -> requests.Response:
        """Push the image's manifest."""
        return self.client.put_manifest(self.repository, reference, content, kind)

    def pushed(self) -> None:
        """Push the whole image."""
        self.blobs()
        assert self.image().status_code == 201

    def manifest(self, reference: str, method: str = "GET", **headers: str) -> requests.Response:
        """Ask for a manifest."""
        return self.client.get_manifest(self.repository, reference, method, **headers)


# One function a probe: what it returns is what has to be alike. Their names are the names of the probes.


def probe_ping(probe: Probe) -> requests.Response:
    return probe.client.call("GET", "")


def probe_blob_head_unknown(probe: Probe) -> requests.Response:
    return probe.call("HEAD", f"blobs/{ABSENT}")


def probe_blob_get_unknown(probe: Probe) -> requests.Response:
    return probe.call("GET", f"blobs/{ABSENT}")


def probe_blob_get_bad_digest(probe: Probe) -> requests.Response:
    return probe.call("GET", "blobs/sha256:short")


def probe_blob_delete_unknown(probe: Probe) -> requests.Response:
    return probe.call("DELETE", f"blobs/{ABSENT}")


def probe_blob_delete(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("DELETE", f"blobs/{LAYER_DIGEST}")


def probe_blob_get_after_delete(probe: Probe) -> requests.Response:
    probe.blobs()
    probe.call("DELETE", f"blobs/{LAYER_DIGEST}")
    return probe.call("GET", f"blobs/{LAYER_DIGEST}")


def probe_blob_delete_of_an_image(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.call("DELETE", f"blobs/{LAYER_DIGEST}")


def probe_blob_head(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("HEAD", f"blobs/{LAYER_DIGEST}")


def probe_blob_get(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("GET", f"blobs/{LAYER_DIGEST}")


def probe_blob_range(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("GET", f"blobs/{LAYER_DIGEST}", headers={"Range": "bytes=3-5"})


def probe_blob_range_open(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("GET", f"blobs/{LAYER_DIGEST}", headers={"Range": "bytes=3-"})


def probe_blob_range_last(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("GET", f"blobs/{LAYER_DIGEST}", headers={"Range": "bytes=-3"})


def probe_blob_range_beyond(probe: Probe) -> requests.Response:
    probe.blobs()
    # Docker's registry announces a body here and sends none, so nobody may try to read it.
    return probe.call("GET", f"blobs/{LAYER_DIGEST}", headers={"Range": "bytes=99-"}, stream=True)


def probe_blob_if_none_match(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.call("GET", f"blobs/{LAYER_DIGEST}", headers={"If-None-Match": f'"{LAYER_DIGEST}"'})


def probe_upload_start(probe: Probe) -> requests.Response:
    return probe.call("POST", "blobs/uploads/")


def probe_upload_put(probe: Probe) -> requests.Response:
    return probe.put(probe.upload(), LAYER_DIGEST, LAYER)


def probe_upload_patch(probe: Probe) -> requests.Response:
    return probe.call("PATCH", probe.upload(), data=LAYER)


def probe_upload_patch_then_put(probe: Probe) -> requests.Response:
    location = probe.call("PATCH", probe.upload(), data=LAYER).headers["Location"]
    return probe.put(location, LAYER_DIGEST)


def probe_upload_patch_patch_put(probe: Probe) -> requests.Response:
    location = probe.call("PATCH", probe.upload(), data=LAYER[:4]).headers["Location"]
    location = probe.call("PATCH", location, data=LAYER[4:8]).headers["Location"]
    return probe.put(location, LAYER_DIGEST, LAYER[8:])


def probe_upload_chunk(probe: Probe) -> requests.Response:
    return probe.call("PATCH", probe.upload(), data=LAYER[:4], headers={"Content-Range": "0-3"})


def probe_upload_chunk_out_of_order(probe: Probe) -> requests.Response:
    return probe.call("PATCH", probe.upload(), data=LAYER[4:], headers={"Content-Range": "4-9"})


def probe_upload_status(probe: Probe) -> requests.Response:
    location = probe.call("PATCH", probe.upload(), data=LAYER).headers["Location"]
    return probe.call("GET", location)


def probe_upload_status_of_nothing(probe: Probe) -> requests.Response:
    return probe.call("GET", probe.upload())


def probe_upload_cancel(probe: Probe) -> requests.Response:
    return probe.call("DELETE", probe.upload())


def probe_upload_after_cancel(probe: Probe) -> requests.Response:
    location = probe.upload()
    probe.call("DELETE", location)
    return probe.call("PATCH", location, data=LAYER)


def probe_upload_unknown_patch(probe: Probe) -> requests.Response:
    return probe.call("PATCH", "blobs/uploads/00000000-0000-4000-8000-000000000000", data=LAYER)


def probe_upload_unknown_put(probe: Probe) -> requests.Response:
    path = f"blobs/uploads/00000000-0000-4000-8000-000000000000?digest={LAYER_DIGEST}"
    return probe.call("PUT", path, data=LAYER)


def probe_upload_wrong_digest(probe: Probe) -> requests.Response:
    return probe.put(probe.upload(), ABSENT, LAYER)


def probe_upload_after_wrong_digest(probe: Probe) -> requests.Response:
    location = probe.upload()
    probe.put(location, ABSENT, LAYER)
    return probe.call("GET", location)


def probe_upload_bad_digest(probe: Probe) -> requests.Response:
    return probe.put(probe.upload(), "sha256:short", LAYER)


def probe_upload_no_digest(probe: Probe) -> requests.Response:
    return probe.call("PUT", probe.upload(), data=LAYER)


def probe_upload_again(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.put(probe.upload(), LAYER_DIGEST, LAYER)


def probe_upload_empty(probe: Probe) -> requests.Response:
    return probe.put(probe.upload(), digest_of(b""))


def probe_upload_monolithic_post(probe: Probe) -> requests.Response:
    return probe.call("POST", f"blobs/uploads/?digest={LAYER_DIGEST}", data=LAYER)


def probe_mount(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.client.call("POST", f"probes/target/blobs/uploads/?mount={LAYER_DIGEST}&from={probe.repository}")


def probe_mount_unknown(probe: Probe) -> requests.Response:
    return probe.client.call("POST", f"probes/target/blobs/uploads/?mount={ABSENT}&from={probe.repository}")


def probe_mount_bad_digest(probe: Probe) -> requests.Response:
    return probe.client.call("POST", f"probes/target/blobs/uploads/?mount=sha256:x&from={probe.repository}")


def probe_manifest_put(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image()


def probe_manifest_put_docker(probe: Probe) -> requests.Response:
    probe.blobs()
    document = {"schemaVersion": 2, "mediaType": DOCKER_IMAGE}
    document |= {"config": descriptor(CONFIG, DOCKER_CONFIG), "layers": [descriptor(LAYER, DOCKER_LAYER)]}
    return probe.image(content=encode(document), kind=DOCKER_IMAGE)


def probe_manifest_put_by_digest(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image(digest_of(IMAGE))


def probe_manifest_put_again(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.image()


def probe_manifest_put_wrong_digest(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image(ABSENT)


def probe_manifest_put_bad_tag(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image("-bad")


def probe_manifest_put_missing_blob(probe: Probe) -> requests.Response:
    return probe.image()


def probe_manifest_put_garbage(probe: Probe) -> requests.Response:
    return probe.image(content=b"garbage")


def probe_manifest_put_unknown_type(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image(kind="text/plain")


def probe_manifest_put_other_type(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image(kind=DOCKER_IMAGE)


def probe_manifest_put_too_long(probe: Probe) -> requests.Response:
    probe.blobs()
    return probe.image(content=IMAGE + b" " * (4 << 20))


def probe_index_put(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.image("all", index_manifest([IMAGE]), OCI_INDEX)


def probe_index_put_docker(probe: Probe) -> requests.Response:
    probe.pushed()
    entry = {**descriptor(IMAGE, OCI_IMAGE), "platform": {"os": "linux", "architecture": "amd64"}}
    document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry]}
    return probe.image("all", encode(document), DOCKER_LIST)


def probe_index_put_missing_image(probe: Probe) -> requests.Response:
    return probe.image("all", index_manifest([IMAGE]), OCI_INDEX)


def probe_index_get(probe: Probe) -> requests.Response:
    probe.pushed()
    probe.image("all", index_manifest([IMAGE]), OCI_INDEX)
    return probe.manifest("all")


def probe_manifest_get_tag(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v1")


def probe_manifest_get_digest(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest(digest_of(IMAGE))


def probe_manifest_head(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v1", "HEAD")


def probe_manifest_get_without_accept(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.call("GET", "manifests/v1")


def probe_manifest_get_if_none_match(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v1", **{"If-None-Match": f'"{digest_of(IMAGE)}"'})


def probe_manifest_get_unknown_tag(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v9")


def probe_manifest_get_unknown_digest(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest(ABSENT)


def probe_manifest_head_unknown(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v9", "HEAD")


def probe_manifest_delete_digest(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest(digest_of(IMAGE), "DELETE")


def probe_manifest_delete_unknown_digest(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest(ABSENT, "DELETE")


def probe_manifest_delete_tag(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.manifest("v1", "DELETE")


def probe_manifest_get_after_delete(probe: Probe) -> requests.Response:
    probe.pushed()
    probe.manifest(digest_of(IMAGE), "DELETE")
    return probe.manifest("v1")


def probe_tags(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.call("GET", "tags/list")


def probe_tags_of_an_empty_repository(probe: Probe) -> requests.Response:
    return probe.call("GET", "tags/list")


def probe_tags_bad_number(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.call("GET", "tags/list?n=x")


def probe_tags_post(probe: Probe) -> requests.Response:
    return probe.call("POST", "tags/list")


def probe_referrers(probe: Probe) -> requests.Response:
    probe.pushed()
    return probe.call("GET", f"referrers/{digest_of(IMAGE)}")


def probe_catalog(probe: Probe) -> requests.Response:
    return probe.client.call("GET", "_catalog")


def probe_bad_name(probe: Probe) -> requests.Response:
    return probe.client.call("GET", "Upper/case/tags/list")


def probe_nothing_there(probe: Probe) -> requests.Response:
    return probe.client.call("GET", f"{probe.repository}/nothing")


PROBES = {
    name.removeprefix("probe_"): function
    for name, function in inspect.getmembers(sys.modules[__name__], inspect.isfunction)
    if name.startswith("probe_")
}

# Probe -> (answer of Docker's registry 2.8, answer of the emulator, why). OCI is the distribution specification 1.1.
KNOWN_DIFFERENCES = {
    "bad_name": ("404 NAME_UNKNOWN", "400 NAME_INVALID", "theirs takes a domain with capitals for part of a name"),
    "blob_delete_of_an_image": ("202", "405 UNSUPPORTED", "theirs breaks the image; OCI allows to refuse"),
    "manifest_delete_tag": ("400 DIGEST_INVALID", "202", "OCI: a tag can be deleted"),
    "manifest_get_without_accept": ("404 MANIFEST_UNKNOWN", "200", "OCI: the manifest is what it is"),
    "manifest_put_bad_tag": ("404", "400 TAG_INVALID", "theirs has no route for it and says nothing"),
    "manifest_put_too_long": ("400 MANIFEST_INVALID", "413 MANIFEST_INVALID", "OCI: 413"),
    "referrers": ("404", "200", "OCI 1.1 has referrers, theirs is older"),
    "tags_bad_number": ("200", "400 PAGINATION_NUMBER_INVALID", "theirs ignores pages of tags"),
    "tags_of_an_empty_repository": ("404 NAME_UNKNOWN", "200", "ours is declared, theirs begins with the first push"),
    "upload_after_wrong_digest": ("404 BLOB_UPLOAD_INVALID", "404 BLOB_UPLOAD_UNKNOWN", "OCI: unknown"),
    "upload_chunk_out_of_order": ("202", "416 RANGE_INVALID", "OCI: 416; theirs takes the chunk for the first one"),
    "upload_monolithic_post": ("202", "201", "theirs ignores the digest, which OCI allows: it waits for a PUT"),
    "upload_unknown_patch": ("404 BLOB_UPLOAD_INVALID", "404 BLOB_UPLOAD_UNKNOWN", "theirs misses a token of its own"),
    "upload_unknown_put": ("404 BLOB_UPLOAD_INVALID", "404 BLOB_UPLOAD_UNKNOWN", "theirs misses a token of its own"),
}


def outcome(answer: requests.Response) -> str:
    """What is compared: the status and, of a refusal in the form of the protocol, its code."""
    try:
        return f"{answer.status_code} {answer.json()['errors'][0]['code']}"
    except (requests.RequestException, KeyError, TypeError):
        return str(answer.status_code)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[tuple[RegistryClient, RegistryClient]]:
    """Docker's registry and one of an emulator of its own, which has a repository for each probe."""
    emulator: RunningEmulator
    directory = tmp_path_factory.mktemp("docker-registry")
    with docker_registry.serve(directory) as base, start(tmp_path_factory.mktemp("emulator")) as emulator:
        repositories = [Probe(RegistryClient(base, None), name).repository for name in PROBES]
        client = Account(emulator).declare("dataplane", "probes/target", *repositories)
        yield RegistryClient(base, None), client


@pytest.mark.parametrize("name", PROBES)
def test_same_answer(both: tuple[RegistryClient, RegistryClient], name: str) -> None:
    theirs, ours = (outcome(PROBES[name](Probe(client, name))) for client in both)
    if name in KNOWN_DIFFERENCES:
        assert (theirs, ours) == KNOWN_DIFFERENCES[name][:2]
    elif theirs.isdecimal():
        # No code to compare: a success, or a refusal of theirs that is no more than a status.
        assert ours.split()[0] == theirs
    else:
        assert ours == theirs


HEADERS = ("Docker-Content-Digest", "Content-Type", "Content-Length", "Content-Range", "Range", "ETag")


@pytest.mark.parametrize(
    "name",
    [
        "blob_head",
        "blob_get",
        "blob_range",
        "upload_start",
        "upload_patch",
        "upload_put",
        "upload_status",
        "manifest_put",
        "manifest_get_tag",
        "manifest_head",
        "index_get",
    ],
)
def test_same_headers(both: tuple[RegistryClient, RegistryClient], name: str) -> None:
    theirs, ours = (PROBES[name](Probe(client, name)).headers for client in both)
    compared = {key: theirs[key].partition(";")[0] for key in HEADERS if key in theirs}
    assert {key: ours.get(key, "").partition(";")[0] for key in compared} == compared
    for key in ("Location", "Docker-Upload-UUID", "Docker-Distribution-Api-Version"):
        assert (key in ours) == (key in theirs)
