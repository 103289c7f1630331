# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads and copies without a daemon, to the emulator and to Docker's own registry, on good days and on bad ones."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import subprocess
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContentMismatch,
    DeadlineExceeded,
    ImageNotFound,
    JcrError,
    ProtocolError,
    RateLimited,
    ServerError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support import images
from tests.support.cutting_proxy import CuttingProxy
from tests.support.fake_clock import FakeClock
from tests.support.sources import HastyClock, MemorySource, converse, image, index, write_layout

MINE, OTHER, THIRD = "team/web", "team/other", "team/third"
CHUNK = 200_000
SIZES = (700_000, 150_000, 30_000, 30)
TOTAL = sum(SIZES)
OVERHEAD = 60_000  # bytes of all headers, manifests and configs of one upload, and more


@dataclasses.dataclass
class Place:
    """A registry to push to; without a password it lets everybody in."""

    host: str
    password: str | None
    name: str

    def repository(self, name: str = MINE, *, host: str | None = None, **options: t.Any) -> Repository:
        return Repository(converse(host or self.host, self.password, **options), name, chunk=CHUNK)

    def skopeo(self, home: t.Any, command: str, reference: str, *options: str) -> bytes:
        """What skopeo, which nobody here wrote, sees."""
        login = [f"--creds=jdcloud:{self.password}"] if self.password else []
        line = ["skopeo", "--insecure-policy", command, "--tls-verify=false", *login, *options]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        return subprocess.run(
            [*line, f"docker://{self.host}/{reference}"], env=environment, capture_output=True, check=True
        ).stdout

    def tags(self, home: t.Any, name: str = MINE) -> set[str]:
        return set(json.loads(self.skopeo(home, "list-tags", name))["Tags"])


@pytest.fixture(scope="module")
def docker_registry_url(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    with docker_registry.serve(tmp_path_factory.mktemp("registry")) as url:
        yield url


@pytest.fixture
def jcr(emulator) -> Place:
    client = Account(emulator).declare("team", MINE, OTHER, THIRD)
    return Place(client.host, client.password, "emulator")


@pytest.fixture(params=["emulator", "docker-registry"])
def place(request, tmp_path) -> Place:
    if request.param == "emulator":
        return request.getfixturevalue("jcr")
    return Place(request.getfixturevalue("docker_registry_url").removeprefix("http://"), None, "docker-registry")


@pytest.fixture
def seed(request) -> str:
    """Images of one test are not known to the registry from another one."""
    return request.node.name


def states(transfer) -> dict[str, int]:
    found = transfer.result()
    return {key: found[f"layers_{key}"] for key in ("pushed", "existing", "mounted") if found[f"layers_{key}"]}


def operations(emulator) -> list[str]:
    return [entry["operation"] for entry in emulator.requests() if entry["plane"] == "data"]


def assert_whole(repository: Repository, reference: str, source: MemorySource) -> None:
    """Everything that the reference stands for is there, byte for byte."""
    assert repository.manifest(reference).content == source.contents[source.root.digest]
    for digest, content in source.contents.items():
        if content.startswith(b"{") and b'"schemaVersion"' in content:
            assert repository.manifest(digest).content == content
        else:
            with repository.open_blob(Descriptor("", digest, len(content))) as reader:
                assert reader.read() == content


# --- good days -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seekable", [True, False])
def test_push_again_and_under_more_tags(place: Place, tmp_path, seed, seekable) -> None:
    source, repository, told = image(SIZES, seed=seed, seekable=seekable), place.repository(f"{MINE}"), []
    first = upload(source, repository, ["v1", "v2"], progress=told.append)
    assert states(first) == {"pushed": len(SIZES) + 1}
    assert first.result()["bytes_sent"] == sum(layer.bytes for layer in first.layers) > TOTAL
    assert sorted(told, key=str) == sorted(first.layers, key=str)
    assert states(upload(source, repository, ["v3"])) == {"existing": len(SIZES) + 1}
    assert len(source.opened) == len(SIZES) + 1
    assert place.tags(tmp_path) >= {"v1", "v2", "v3"}
    assert_whole(repository, "v2", source)
    raw = place.skopeo(tmp_path, "inspect", f"{MINE}:v1", "--raw")
    assert raw == source.contents[source.root.digest]
    shown = json.loads(place.skopeo(tmp_path, "inspect", f"{MINE}:v3"))
    assert shown["Digest"] == source.root.digest and len(shown["Layers"]) == len(SIZES)


def test_push_an_oci_layout(place: Place, tmp_path, seed) -> None:
    source = image(SIZES, seed=seed)
    layout = open_archive(str(write_layout(source, tmp_path / "layout")))
    with contextlib.closing(layout):
        assert states(upload(layout, place.repository(), ["layout"])) == {"pushed": len(SIZES) + 1}
    assert_whole(place.repository(), "layout", source)


def test_push_what_docker_save_writes(place: Place, tmp_path) -> None:
    """skopeo reads the same archive: to it, what was pushed has the same image id."""
    path = tmp_path / "image.tar"
    path.write_bytes(images.layered("shop/web:1", 3, 300_000, seed=5).data())
    with contextlib.closing(open_archive(str(path))) as archive:
        done = upload(archive, place.repository(OTHER), ["saved"])
        assert states(done) == {"pushed": 4} and states(upload(archive, place.repository(OTHER), ["saved"])) == {
            "existing": 4
        }
    manifest = json.loads(place.skopeo(tmp_path, "inspect", f"{OTHER}:saved", "--raw"))
    line = ["skopeo", "inspect", "--config", "--raw", f"docker-archive:{path}"]
    config = subprocess.run(line, capture_output=True, check=True).stdout
    assert manifest["config"]["digest"] == f"sha256:{hashlib.sha256(config).hexdigest()}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    login = [f"--src-creds=jdcloud:{place.password}"] if place.password else []
    copy = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", *login]
    name = f"docker://{place.host}/{OTHER}:saved"
    # skopeo compares every layer with its digest and its diff id.
    subprocess.run([*copy, name, f"docker-archive:{tmp_path / 'back.tar'}"], env=environment, check=True)


def test_an_empty_layer(place: Place, seed) -> None:
    source = image((0, 10), seed=seed)
    upload(source, place.repository(), ["empty"])
    assert_whole(place.repository(), "empty", source)


def test_several_tags_are_one_upload(jcr: Place, emulator, seed) -> None:
    upload(image((1000,), seed=seed), jcr.repository(), [f"v{number}" for number in range(10)])
    log = operations(emulator)
    assert log.count("finishUpload") == 2 and log.count("putManifest") == 10


def test_without_tags_it_is_there_by_its_digest(place: Place, tmp_path, seed) -> None:
    source, repository = image((1000,), seed=seed), place.repository(OTHER)
    upload(image((10,), seed=f"{seed} tagged"), repository, ["other"])
    tags = place.tags(tmp_path, OTHER)
    upload(source, repository, [])
    assert_whole(repository, source.root.digest, source)
    assert place.tags(tmp_path, OTHER) == tags


@pytest.mark.parametrize("platforms", [None, ["linux/arm64"], ["linux/amd64", "linux/s390x"]])
def test_an_index_whole_or_in_part(place: Place, tmp_path, platforms) -> None:
    source, repository = index(["amd64", "arm64", "s390x"], (5000,)), place.repository(THIRD)
    done = upload(source, repository, ["all"], platforms=platforms)
    assert (done.root == source.root) is (platforms is None)
    assert hashlib.sha256(place.skopeo(tmp_path, "inspect", f"{THIRD}:all", "--raw")).hexdigest() in done.root.digest
    if platforms is None:
        assert_whole(repository, "all", source)


def test_promote_mounts_and_retag_moves_nothing(place: Place, emulator, seed) -> None:
    source, mine, other = image(SIZES, seed=seed), place.repository(), place.repository(f"{OTHER}")
    upload(source, mine, ["v1"])
    before = len(operations(emulator))
    remote = RemoteSource(mine, "v1")
    assert states(upload(remote, other, ["p1"])) == {"mounted": len(SIZES) + 1}
    assert states(upload(remote, other, ["p2"])) == {"existing": len(SIZES) + 1}
    assert_whole(other, "p2", source)
    if place.name == "emulator":
        assert not {"finishUpload", "patchUpload", "getBlob"} & set(operations(emulator)[before : -len(SIZES) - 4])
    before = len(operations(emulator))
    assert states(upload(remote, mine, ["stable", "v1"])) == {"existing": len(SIZES) + 1}
    assert operations(emulator)[before:] == (["putManifest"] * 2 if place.name == "emulator" else [])
    assert mine.head_manifest("stable").digest == source.root.digest


def test_copy_to_another_registry(jcr: Place, docker_registry_url, seed, emulator, tmp_path) -> None:
    theirs = Place(docker_registry_url.removeprefix("http://"), None, "docker-registry")
    source = image(SIZES, seed=seed)
    for origin, target, name in ((jcr, theirs, f"copies/{MINE}"), (theirs, jcr, OTHER)):
        upload(source, origin.repository(), ["v1"])
        remote = RemoteSource(origin.repository(), "v1")
        assert remote.config_digest == json.loads(source.contents[source.root.digest])["config"]["digest"]
        assert states(upload(remote, target.repository(name), ["v1"])) == {"pushed": len(SIZES) + 1}
        assert_whole(target.repository(name), "v1", source)
        assert target.skopeo(tmp_path, "inspect", f"{name}:v1", "--raw") == source.contents[source.root.digest]


def test_what_is_not_there(place: Place) -> None:
    repository = place.repository()
    assert repository.head_manifest("no-such-tag") is None
    with pytest.raises(ImageNotFound) as caught:
        RemoteSource(repository, "no-such-tag")
    assert caught.value.message.startswith(f"Cannot read image {place.host}/{MINE}:no-such-tag: ")


# --- cuts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(12))
def test_cut_anywhere_it_completes_with_one_chunk_again(jcr: Place, seed, number) -> None:
    chance = random.Random(f"cuts {number}")
    cuts = [chance.randrange(TOTAL // 2) for _cut in range(chance.randrange(1, 4))]
    source = image(SIZES, seed=seed, seekable=bool(number % 2))
    with CuttingProxy(jcr.host, cuts) as proxy:
        upload(source, jcr.repository(host=proxy.host, retries=20), ["v1"], workers=1 + number % 3)
        assert proxy.sent <= TOTAL + proxy.broken * CHUNK + OVERHEAD
    assert proxy.broken
    assert_whole(jcr.repository(), "v1", source)


@pytest.mark.parametrize("number", range(6))
def test_cut_anywhere_dockers_registry_gets_it_whole_too(docker_registry_url, seed, number) -> None:
    """It forgets an upload that is cut within a chunk, so only blobs of one chunk are sold by the same bound."""
    theirs = Place(docker_registry_url.removeprefix("http://"), None, "docker-registry")
    chance = random.Random(f"cuts {number}")
    sizes = (CHUNK, CHUNK // 2, CHUNK // 3)
    source = image(sizes, seed=seed)
    with CuttingProxy(theirs.host, [chance.randrange(sum(sizes)) for _cut in range(2)]) as proxy:
        upload(source, theirs.repository(host=proxy.host), ["v1"], workers=1 + number % 3)
        assert proxy.sent <= sum(sizes) + proxy.broken * CHUNK + OVERHEAD
    assert proxy.broken
    assert_whole(theirs.repository(), "v1", source)


def test_cut_within_a_later_chunk_dockers_registry_gets_it_whole_too(docker_registry_url, seed) -> None:
    theirs = Place(docker_registry_url.removeprefix("http://"), None, "docker-registry")
    source = image((5 * CHUNK,), seed=seed)
    with CuttingProxy(theirs.host, [3 * CHUNK + CHUNK // 2]) as proxy:
        upload(source, theirs.repository(host=proxy.host), ["v1"], workers=1)
    assert proxy.broken == 1
    assert_whole(theirs.repository(), "v1", source)


@pytest.mark.parametrize("number", range(6))
def test_the_source_of_a_copy_is_cut_and_goes_on(place: Place, jcr: Place, seed, number) -> None:
    chance = random.Random(f"source cuts {number}")
    source = image(SIZES, seed=seed)
    upload(source, place.repository(OTHER), ["v1"])
    cuts = [chance.randrange(TOTAL // 2) for _cut in range(3)]
    with CuttingProxy(place.host, cuts, way="down") as proxy:
        remote = RemoteSource(place.repository(OTHER, host=proxy.host, retries=20), "v1")
        upload(remote, jcr.repository(THIRD), ["v1"])
        # What is under way in the sockets when the way breaks is lost; it is never the whole blob.
        assert proxy.received <= TOTAL + OVERHEAD
    assert proxy.broken
    assert_whole(jcr.repository(THIRD), "v1", source)


def test_always_cut_it_fails_clean(place: Place, seed) -> None:
    with CuttingProxy(place.host, [300] * 500) as proxy:
        with pytest.raises(Unreachable) as caught:
            upload(image((CHUNK,), seed=seed), place.repository(THIRD, host=proxy.host, retries=2), [seed[:20]])
    assert caught.value.message.startswith(f"Cannot push an image to {proxy.host}/{THIRD}: blob sha256:")
    assert caught.value.changed is False
    assert place.repository(THIRD).head_manifest(seed[:20]) is None


# --- faults ----------------------------------------------------------------------------------------------------------

STATUS = {"plane": "data"}
PASSING = [
    ("startUpload", {"status": {"http": 503}}, 3),
    ("startUpload", {"status": {"http": 429, "retry_after": 7}}, 2),
    ("startUpload", "reset", 2),
    ("startUpload", "lost_answer", 2),
    ("headBlob", {"status": {"http": 500, "html": True}}, 2),
    ("headBlob", "reset", 2),
    ("patchUpload", {"status": {"http": 502, "html": True}}, 2),
    ("patchUpload", {"status": {"http": 429}}, 2),
    ("patchUpload", "reset", 3),
    ("patchUpload", "lost_answer", 3),
    ("patchUpload", {"status": {"http": 404, "status": "BLOB_UPLOAD_UNKNOWN"}}, 2),
    ("patchUpload", {"status": {"http": 416, "status": "RANGE_INVALID"}}, 1),
    ("finishUpload", {"status": {"http": 500}}, 2),
    ("finishUpload", "reset", 2),
    ("finishUpload", "lost_answer", 3),
    ("finishUpload", {"status": {"http": 404, "status": "BLOB_UPLOAD_UNKNOWN"}}, 2),
    ("putManifest", {"status": {"http": 503}}, 3),
    ("putManifest", "lost_answer", 2),
    ("putManifest", "reset", 2),
    ("ping", {"status": {"http": 503}}, 1),
    ("login", {"status": {"http": 503}}, 1),
    ("login", "lost_answer", 1),
]


@pytest.mark.parametrize(("operation", "action", "times"), PASSING)
def test_a_fault_that_passes(jcr: Place, emulator, seed, operation, action, times) -> None:
    clock, source = HastyClock(), image(SIZES, seed=seed)
    emulator.faults([{"match": {"plane": "data", "operation": operation}, "times": times, "action": action}])
    upload(source, jcr.repository(clock=clock), ["v1"])
    assert len(clock.slept) >= times
    if "retry_after" in str(action):
        assert max(clock.slept) >= 7
    assert [entry["fault"] for entry in emulator.requests() if entry["fault"]]
    assert_whole(jcr.repository(), "v1", source)


LASTING = [
    ("headBlob", {"status": {"http": 403}}, TransferRefused),
    ("startUpload", {"status": {"http": 403, "status": "DENIED", "message": "no"}}, TransferRefused),
    ("startUpload", {"status": {"http": 507}}, TransferRefused),
    ("startUpload", {"status": {"http": 500}}, ServerError),
    ("startUpload", {"status": {"http": 429}}, RateLimited),
    ("startUpload", {"body": {"text": "<html>Welcome</html>", "content_type": "text/html"}}, ProtocolError),
    ("startUpload", {"redirect": {"location": "https://elsewhere.example/"}}, ProtocolError),
    ("patchUpload", {"status": {"http": 403, "status": "DENIED"}}, TransferRefused),
    ("patchUpload", {"status": {"http": 507, "empty": True}}, TransferRefused),
    ("patchUpload", "reset", Unreachable),
    ("patchUpload", {"body": {"http": 202, "text": "<html>"}}, JcrError),
    ("finishUpload", {"status": {"http": 400, "status": "DIGEST_INVALID"}}, TransferFailed),
    ("finishUpload", {"status": {"http": 500}}, ServerError),
    ("finishUpload", {"body": {"http": 200, "text": "<html>"}}, ProtocolError),
    ("finishUpload", "reset", Unreachable),
    ("putManifest", {"status": {"http": 413, "html": True}}, TransferRefused),
    ("putManifest", {"status": {"http": 400, "status": "MANIFEST_BLOB_UNKNOWN"}}, TransferFailed),
    ("putManifest", {"body": {"http": 200, "text": "<html>"}}, ProtocolError),
    ("putManifest", "reset", Unreachable),
    ("ping", {"body": {"http": 404, "text": "<html>"}}, JcrError),
    ("login", {"body": {"text": "<html>"}}, ProtocolError),
]


@pytest.mark.parametrize(("operation", "action", "kind"), LASTING)
def test_a_fault_that_lasts_leaves_no_tag(jcr: Place, emulator, tmp_path, seed, operation, action, kind) -> None:
    emulator.faults([{"match": {"plane": "data", "operation": operation}, "times": None, "action": action}])
    with pytest.raises(kind) as caught:
        upload(image(SIZES, seed=seed), jcr.repository(retries=2), ["v1"])
    assert caught.value.message.startswith(f"Cannot push an image to {jcr.host}/{MINE}: ")
    assert caught.value.cure and caught.value.changed is False
    assert jcr.password not in caught.value.message
    emulator.faults([])
    assert jcr.tags(tmp_path) == set()


def test_the_second_tag_fails_and_the_first_is_told(jcr: Place, emulator, seed) -> None:
    refusal = {"status": {"http": 403, "status": "DENIED"}}
    emulator.faults([{"match": {"plane": "data", "operation": "putManifest", "nth": 2}, "action": refusal}])
    with pytest.raises(TransferRefused) as caught:
        upload(image((10,), seed=seed), jcr.repository(), ["v1", "v2"])
    assert "done are the tags v1." in caught.value.message and caught.value.changed is True


def test_a_mount_that_is_refused_becomes_an_upload(jcr: Place, emulator, seed) -> None:
    source = image(SIZES, seed=seed)
    upload(source, jcr.repository(), ["v1"])
    rule = {"match": {"plane": "data", "operation": "startUpload"}, "action": {"status": {"http": 403}}}
    emulator.faults([rule])
    assert states(upload(RemoteSource(jcr.repository(), "v1"), jcr.repository(OTHER), ["v1"], workers=1)) == {
        "pushed": 1,
        "mounted": len(SIZES),
    }
    assert_whole(jcr.repository(OTHER), "v1", source)


def test_a_repository_that_does_not_exist(jcr: Place, seed) -> None:
    with pytest.raises(TransferRefused, match="NAME_UNKNOWN") as caught:
        upload(image((10,), seed=seed), jcr.repository("not/declared"), ["v1"])
    assert "jcr_repository" in caught.value.cure


# --- logins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_a_token_that_dies_midway_is_renewed_once(jcr: Place, emulator, seed, challenge) -> None:
    emulator.settings({"challenge": challenge})
    account, renewed, dead = Account(emulator), [], []

    def renew() -> Secret:
        renewed.append(account.issue("team"))
        return Secret(renewed[-1])

    def die(_layer) -> None:
        if not dead:
            dead.append(account.release("team"))

    source = image([90_000] * 6, seed=seed)
    conversation = converse(jcr.host, jcr.password, renew=renew)
    done = upload(source, Repository(conversation, MINE, chunk=CHUNK), ["v1"], progress=die)
    assert len(renewed) == 1 and states(done) == {"pushed": 7}
    assert_whole(Repository(converse(jcr.host, renewed[0]), MINE), "v1", source)
    account.release("team")
    with pytest.raises(AuthenticationFailed):
        upload(image((10,), seed=seed + "again"), Repository(conversation, MINE), ["v2"])
    assert len(renewed) == 1


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_a_good_login(jcr: Place, emulator, seed, challenge, password) -> None:
    emulator.settings({"challenge": challenge})
    with pytest.raises(AuthenticationFailed):
        upload(image((10,), seed=seed), Repository(converse(jcr.host, password), MINE), ["v1"])


def test_a_bearer_of_the_realm_that_ends_is_fetched_anew(jcr: Place, emulator, seed) -> None:
    """Nothing is renewed for that: the login is as good as before."""
    emulator.faults([{"match": {"plane": "data", "operation": "patchUpload"}, "action": {"status": {"http": 401}}}])
    source = image(SIZES, seed=seed)
    upload(source, jcr.repository(), ["v1"])
    assert operations(emulator).count("login") >= 2
    assert_whole(jcr.repository(), "v1", source)


# --- time ------------------------------------------------------------------------------------------------------------


def test_the_deadline_ends_it(jcr: Place, emulator, seed) -> None:
    emulator.faults([{"match": {"plane": "data", "operation": "patchUpload"}, "times": None, "action": "hang"}])
    clock = HastyClock()
    repository = jcr.repository(clock=clock, deadline=Deadline(clock, 0.5))
    with pytest.raises(DeadlineExceeded):
        upload(image(SIZES, seed=seed), repository, ["v1"])


def test_standing_still_is_a_failure(jcr: Place, emulator, seed) -> None:
    emulator.faults([{"match": {"plane": "data", "operation": "patchUpload"}, "times": None, "action": "hang"}])
    with pytest.raises(Unreachable, match="did not answer within 0.2 seconds"):
        upload(image(SIZES, seed=seed), jcr.repository(idle=0.2, retries=0), ["v1"])


def test_waiting_ends_with_the_deadline(jcr: Place, emulator, seed) -> None:
    action = {"status": {"http": 503, "retry_after": 100}}
    emulator.faults([{"match": {"plane": "data", "operation": "startUpload"}, "times": None, "action": action}])
    clock = FakeClock()
    with pytest.raises(ServerError):
        upload(image((10,), seed=seed), jcr.repository(clock=clock, deadline=Deadline(clock, 150)), ["v1"], workers=1)
    assert sum(clock.slept) < 150


# --- sources that are not what they say ------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda data: b"x" + data[1:], lambda data: data[:-1]])
@pytest.mark.parametrize("size", [150_000, 700_000])
def test_a_wrong_source_is_never_completed(place: Place, seed, change, size, emulator) -> None:
    source = image((size,), seed=seed)
    layer = next(digest for digest, content in source.contents.items() if len(content) == size)
    source.contents[layer] = change(source.contents[layer])
    tag = hashlib.sha256(seed.encode()).hexdigest()
    with pytest.raises(ContentMismatch, match=layer):
        upload(source, place.repository(), [tag])
    assert place.repository().head_manifest(tag) is None
    if place.name == "emulator":
        assert "cancelUpload" in operations(emulator)


def test_secrets_stay_out_of_messages(jcr: Place, emulator, seed) -> None:
    action = {"status": {"http": 403, "status": "DENIED", "message": f"{jcr.password} is not welcome"}}
    emulator.faults([{"match": {"plane": "data", "operation": "startUpload"}, "times": None, "action": action}])
    with pytest.raises(TransferRefused) as caught:
        upload(image((10,), seed=seed), jcr.repository(), ["v1"])
    assert jcr.password not in caught.value.message and "is not welcome" in caught.value.message


def test_a_conversation_is_for_a_safe_host_only() -> None:
    with pytest.raises(ConfigurationError):
        converse("registry.example/path")
