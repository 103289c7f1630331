# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocol of the data plane: blobs and uploads, one request at a time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import http.client
import os
import typing as t

import pytest
import requests

from tests.emulator_tests.registry import Account, RegistryClient, digest_of, image_manifest
from tests.support.emulator import RunningEmulator

REPOSITORY = "team-a/web"
BLOB = b"0123456789"
DIGEST = digest_of(BLOB)
ABSENT = digest_of(b"never uploaded")


@pytest.fixture
def registry(emulator: RunningEmulator) -> RegistryClient:
    return Account(emulator).declare("dataplane", REPOSITORY, "team-b/web")


def code(answer: t.Any) -> str:
    return t.cast(str, answer.json()["errors"][0]["code"])


def test_upload_in_one_put(registry: RegistryClient) -> None:
    answer = registry.finish_upload(registry.start_upload(REPOSITORY), DIGEST, BLOB)
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == DIGEST
    assert registry.call("GET", answer.headers["Location"]).content == BLOB


def test_upload_in_one_post(registry: RegistryClient) -> None:
    answer = registry.call("POST", f"{REPOSITORY}/blobs/uploads/?digest={DIGEST}", data=BLOB)
    assert answer.status_code == 201
    assert registry.call("GET", answer.headers["Location"]).content == BLOB


def test_upload_as_one_stream_of_unknown_length(registry: RegistryClient) -> None:
    pieces = [os.urandom(700_000) for _number in range(5)]
    answer = registry.call("PATCH", registry.start_upload(REPOSITORY), data=iter(pieces))
    assert (answer.status_code, answer.headers["Range"]) == (202, "0-3499999")
    content = b"".join(pieces)
    assert registry.finish_upload(answer.headers["Location"], digest_of(content)).status_code == 201
    assert registry.call("GET", f"{REPOSITORY}/blobs/{digest_of(content)}").content == content


def test_upload_in_chunks_and_its_status(registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY)
    for start in (0, 4):
        chunk = BLOB[start : start + 4]
        answer = registry.call("PATCH", location, data=chunk, headers={"Content-Range": f"{start}-{start + 3}"})
        assert answer.status_code == 202
        location = answer.headers["Location"]
    status = registry.call("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-7")
    assert status.headers["Docker-Upload-UUID"] in status.headers["Location"]
    last = registry.finish_upload(location, DIGEST, BLOB[8:], **{"Content-Range": "8-9"})
    assert last.status_code == 201


@pytest.mark.parametrize("content_range", ["5-9", "3-7"])
def test_chunk_out_of_order_is_refused_and_the_upload_goes_on(registry: RegistryClient, content_range: str) -> None:
    location = registry.start_upload(REPOSITORY)
    registry.call("PATCH", location, data=BLOB[:4], headers={"Content-Range": "0-3"})
    wrong = registry.call("PATCH", location, data=b"xxxxx", headers={"Content-Range": content_range})
    assert (wrong.status_code, code(wrong), wrong.headers["Range"]) == (416, "RANGE_INVALID", "0-3")
    registry.call("PATCH", location, data=BLOB[4:], headers={"Content-Range": "4-9"})
    assert registry.finish_upload(location, DIGEST).status_code == 201


@pytest.mark.parametrize(
    ("content_range", "refusal"),
    [("0-3", "SIZE_INVALID"), ("nonsense", "BLOB_UPLOAD_INVALID"), ("9-0", "BLOB_UPLOAD_INVALID")],
)
def test_chunk_that_is_not_what_its_range_says_leaves_no_trace(
    registry: RegistryClient, content_range: str, refusal: str
) -> None:
    location = registry.start_upload(REPOSITORY)
    wrong = registry.call("PATCH", location, data=b"five!", headers={"Content-Range": content_range})
    assert (wrong.status_code, code(wrong)) == (400, refusal)
    assert registry.finish_upload(location, DIGEST, BLOB).status_code == 201


def test_wrong_digest_drops_the_upload(registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY)
    answer = registry.finish_upload(location, ABSENT, BLOB)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert DIGEST in answer.json()["errors"][0]["message"]
    assert registry.call("GET", location).status_code == 404
    assert registry.call("HEAD", f"{REPOSITORY}/blobs/{ABSENT}").status_code == 404


@pytest.mark.parametrize("digest", ["", "sha256:short", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def test_digest_that_is_none_leaves_the_upload_open(registry: RegistryClient, digest: str) -> None:
    location = registry.start_upload(REPOSITORY)
    answer = registry.finish_upload(location, digest, BLOB)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert registry.finish_upload(location, DIGEST, BLOB).status_code == 201


def test_sha512(registry: RegistryClient) -> None:
    digest = f"sha512:{hashlib.sha512(BLOB).hexdigest()}"
    assert registry.finish_upload(registry.start_upload(REPOSITORY), digest, BLOB).status_code == 201
    assert registry.call("GET", f"{REPOSITORY}/blobs/{digest}").content == BLOB


def test_empty_blob(registry: RegistryClient) -> None:
    digest = registry.push_blob(REPOSITORY, b"")
    answer = registry.call("GET", f"{REPOSITORY}/blobs/{digest}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_cancelled_upload_is_gone(registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY)
    assert registry.call("DELETE", location).status_code == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = registry.call(method, f"{location}?digest={DIGEST}")
        assert (answer.status_code, code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_upload_belongs_to_its_repository(registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY).replace(REPOSITORY, "team-b/web")
    assert registry.call("GET", location).status_code == 404


@pytest.mark.parametrize("upload", ["..", "%2e%2e", "nope", "00000000-0000-0000-0000-000000000000"])
def test_unknown_upload(registry: RegistryClient, upload: str) -> None:
    connection = http.client.HTTPConnection(registry.host)
    path = f"/v2/{REPOSITORY}/blobs/uploads/{upload}"
    connection.request("GET", path, headers={"Authorization": registry.authorization})
    assert connection.getresponse().status == 404
    connection.close()


def test_mount(registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    answer = registry.call("POST", f"team-b/web/blobs/uploads/?mount={DIGEST}&from={REPOSITORY}")
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v2/team-b/web/blobs/{DIGEST}")
    assert registry.call("GET", f"team-b/web/blobs/{DIGEST}").content == BLOB


@pytest.mark.parametrize(
    "query",
    [f"mount={ABSENT}&from={REPOSITORY}", f"mount={DIGEST}&from=not/there", f"mount={DIGEST}", "mount=x&from=y"],
)
def test_mount_of_what_is_not_there_becomes_an_upload(registry: RegistryClient, query: str) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    answer = registry.call("POST", f"team-b/web/blobs/uploads/?{query}")
    assert answer.status_code == 202
    assert registry.finish_upload(answer.headers["Location"], DIGEST, BLOB).status_code == 201


def test_blob_is_read_only_where_it_was_pushed(registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    answer = registry.call("GET", f"team-b/web/blobs/{DIGEST}")
    assert (answer.status_code, code(answer)) == (404, "BLOB_UNKNOWN")


def test_head_of_a_blob(registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    answer = registry.call("HEAD", f"{REPOSITORY}/blobs/{DIGEST}")
    wanted = {"Content-Length": "10", "Docker-Content-Digest": DIGEST, "Accept-Ranges": "bytes"}
    assert (answer.status_code, {key: answer.headers.get(key) for key in wanted}) == (200, wanted)


@pytest.mark.parametrize(
    ("wanted", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-9", 206, BLOB, "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, BLOB, None),
        ("bytes=0-1,3-4", 200, BLOB, None),
        ("lines=1-2", 200, BLOB, None),
        ("bytes=-", 200, BLOB, None),
    ],
)
def test_part_of_a_blob(
    registry: RegistryClient, wanted: str, status: int, content: bytes | None, content_range: str | None
) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    answer = registry.call("GET", f"{REPOSITORY}/blobs/{DIGEST}", headers={"Range": wanted})
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range)
    assert content is None or answer.content == content


def test_conditional_reads_of_a_blob(registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    path = f"{REPOSITORY}/blobs/{DIGEST}"
    assert registry.call("GET", path, headers={"If-None-Match": f'"{DIGEST}"'}).status_code == 304
    other_version = {"Range": "bytes=0-1", "If-Range": f'"{ABSENT}"'}
    assert registry.call("GET", path, headers=other_version).content == BLOB


def test_blob_that_no_image_needs_can_be_deleted(registry: RegistryClient) -> None:
    registry.push_blob(REPOSITORY, BLOB)
    path = f"{REPOSITORY}/blobs/{DIGEST}"
    assert registry.call("DELETE", path).status_code == 202
    assert registry.call("GET", path).status_code == 404
    assert code(registry.call("DELETE", path)) == "BLOB_UNKNOWN"


def test_blob_of_an_image_cannot_be_deleted(registry: RegistryClient) -> None:
    image = registry.push_image(REPOSITORY, "v1", BLOB)
    answer = registry.call("DELETE", f"{REPOSITORY}/blobs/{DIGEST}")
    assert (answer.status_code, code(answer)) == (405, "UNSUPPORTED")
    assert image in answer.json()["errors"][0]["message"]
    assert registry.call("GET", f"{REPOSITORY}/blobs/{DIGEST}").content == BLOB


def test_blob_of_a_deleted_image_is_gone_but_not_what_another_one_needs(registry: RegistryClient) -> None:
    own = b"only in the first image"
    first = registry.push_image(REPOSITORY, "v1", BLOB, own)
    registry.push_image(REPOSITORY, "v2", BLOB)
    assert registry.call("DELETE", f"{REPOSITORY}/manifests/{first}").status_code == 202
    assert registry.call("GET", f"{REPOSITORY}/blobs/{digest_of(own)}").status_code == 404
    assert registry.call("GET", f"{REPOSITORY}/blobs/{DIGEST}").content == BLOB
    # What is gone can come again.
    registry.push_blob(REPOSITORY, own)
    assert registry.put_manifest(REPOSITORY, "v1", image_manifest(b"{}", (BLOB, own))).status_code == 201


def begin_patch(registry: RegistryClient, location: str, length: int) -> http.client.HTTPConnection:
    """Announce a PATCH and wait until the server asks for the body: then the request has the upload for itself."""
    connection = http.client.HTTPConnection(registry.host)
    connection.putrequest("PATCH", location)
    connection.putheader("Authorization", registry.authorization)
    connection.putheader("Content-Length", str(length))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(25).startswith(b"HTTP/1.1 100")
    return connection


def test_two_requests_on_one_upload_take_turns(registry: RegistryClient) -> None:
    location = registry.start_upload(REPOSITORY)
    slow = begin_patch(registry, location, 6)
    hasty = http.client.HTTPConnection(registry.host)
    hasty.request("PATCH", location, BLOB[:6], {"Authorization": registry.authorization, "Content-Range": "0-5"})
    slow.sock.sendall(BLOB[:6])
    assert hasty.getresponse().status == 416
    assert registry.finish_upload(location, DIGEST, BLOB[6:]).status_code == 201
    slow.close()
    hasty.close()


def test_uploads_at_the_same_time_keep_their_bytes_apart(registry: RegistryClient) -> None:
    contents = [os.urandom(3_000_000 + number) for number in range(6)]

    def upload(content: bytes) -> int:
        with requests.Session() as session:
            client = dataclasses.replace(registry, session=session)
            return client.finish_upload(client.start_upload(REPOSITORY), digest_of(content), content).status_code

    with concurrent.futures.ThreadPoolExecutor(len(contents)) as pool:
        assert set(pool.map(upload, contents)) == {201}
    for content in contents:
        assert registry.call("GET", f"{REPOSITORY}/blobs/{digest_of(content)}").content == content


def test_cut_connection_loses_no_more_than_it_has_to(registry: RegistryClient) -> None:
    content = os.urandom(3_000_000)
    location = registry.start_upload(REPOSITORY)
    cut = begin_patch(registry, location, len(content))
    cut.sock.sendall(content[:2_500_000])
    cut.close()
    reached = int(registry.call("GET", location).headers["Range"].partition("-")[2])
    received = reached + 1 if reached else 0
    # All but what the server had read and not yet handed over when it saw the end of the connection.
    assert 2_000_000 <= received <= 2_500_000
    the_rest = {"Content-Range": f"{received}-{len(content) - 1}"}
    answer = registry.call("PATCH", location, data=content[received:], headers=the_rest)
    assert answer.status_code == 202, answer.text
    assert registry.finish_upload(location, digest_of(content)).status_code == 201
