# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image in every state of a tag: the prediction, the run and the second run, with skopeo as the witness.

Real Docker Engine, real data plane. Some rows are the measured failures of other modules: a tag that is new in the
registry although its layers are there (M1), a tag that moves (M2), predictions of a push and of a pull (M3 to M5), and
the missing digest (M6).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import typing as t
from pathlib import Path

import docker
import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine
from tests.emulator_tests.registry import OCI_INDEX, RegistryClient, digest_of, index_manifest
from tests.support import images
from tests.support.archives import Store, write_folder
from tests.support.builds import oci_image
from tests.support.contents import push_index, push_platforms
from tests.support.emulator import RunningEmulator
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY, REPOSITORY = "myregistry", "shop/web_app"
ONE, OTHER = "states:one", "states:other"
PULLED = "what was pulled"  # stands for the name that it has in the engine


class World:
    """A registry with one repository, an engine with two images, and tasks about them."""

    def __init__(self, account: Account, docker_host: str, run: Run) -> None:
        self.account, self.docker_host, self.run = account, docker_host, run
        self.client = docker.APIClient(docker_host)
        self.ok("jcr_registry", {"name": REGISTRY}, run_here)
        self.ok("jcr_repository", {"registry": REGISTRY, "name": REPOSITORY}, run_here)
        (registry,) = account.emulator.state()["registries"]
        self.name = f"{registry['uri']}/{REPOSITORY}"

    def ok(self, module: str, options: dict[str, t.Any], run: Run | None = None, **more: t.Any) -> dict[str, t.Any]:
        result = (run or self.run)(self.account, module, options, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def image(self, options: dict[str, t.Any], run: Run | None = None, **more: t.Any) -> dict[str, t.Any]:
        shared = {"registry": REGISTRY, "repository": REPOSITORY, "docker_host": self.docker_host}
        return self.ok("jcr_image", {**shared, **options}, run, **more)

    def push(self, source: str, *tags: str) -> dict[str, t.Any]:
        return self.image({"source": source, "tags": list(tags)}, run_here)["image"]["tags"]

    def names(self) -> dict[str, list[str]]:
        """What the engine has: all names by the id of the image."""
        images = self.client.images()
        return {image["Id"]: [*(image["RepoTags"] or []), *(image["RepoDigests"] or [])] for image in images}

    def pull(self, tag: str = "latest") -> dict[str, t.Any]:
        return self.image({"state": "pulled", "tag": tag}, run_here)

    def pull_index(self, tag: str) -> None:
        """Have an index for two platforms in the repository, and the image of this one in the engine."""
        store = Store()
        entries = [
            oci_image(store, images.runnable("x", f"on {machine}", machine), f"linux/{platform}")
            for machine, platform in (("x86_64", "amd64"), ("aarch64", "arm64"))
        ]
        layout = write_folder(self.account.home / "index", store.layout(store.index(*entries)))
        self.image({"archive": str(layout), "tag": tag}, run_here)
        self.pull(tag)

    def forget(self) -> None:
        """Let the engine have the two sources and nothing of the repository."""
        for image in self.client.images():
            for name in [*(image["RepoTags"] or []), *(image["RepoDigests"] or [])]:
                if name.startswith(self.name):
                    with contextlib.suppress(docker.errors.ImageNotFound):  # gone with its last tag
                        self.client.remove_image(name, force=True, noprune=True)

    def pusher(self) -> RegistryClient:
        """Somebody who pushes without an engine."""
        token = self.ok("jcr_token", {"registry": REGISTRY, "return_secret": True}, run_here)["token"]
        return RegistryClient(f"http://{self.name.partition('/')[0]}", token["password"])

    def copies(self, reference: str) -> bool:
        """Whether skopeo can copy the image, an index with all that it points at."""
        token = self.ok("jcr_token", {"registry": REGISTRY, "return_secret": True}, run_here)["token"]
        name = self.name + (reference if reference.startswith("@") else f":{reference}")
        with tempfile.TemporaryDirectory() as folder:
            line = ["skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false"]
            line += [f"--src-creds={token['username']}:{token['password']}", f"docker://{name}", f"dir:{folder}"]
            return subprocess.run(line, capture_output=True, check=False).returncode == 0

    def log(self) -> list[dict[str, t.Any]]:
        return self.account.emulator.requests()

    def remote(self) -> dict[str, str]:
        """{tag: digest} as skopeo finds it, which nobody here wrote."""
        (registry,) = self.account.emulator.state(secrets=True)["registries"]
        token = self.ok("jcr_token", {"registry": REGISTRY, "return_secret": True}, run_here)["token"]
        access = ["--tls-verify=false", f"--creds={token['username']}:{token['password']}"]
        tags = _skopeo("list-tags", *access, f"docker://{self.name}")["Tags"] or []
        assert registry["uri"] == self.name.partition("/")[0]
        return {tag: _skopeo("inspect", *access, f"docker://{self.name}:{tag}")["Digest"] for tag in tags}


def _skopeo(*arguments: str) -> dict[str, t.Any]:
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# How the task runs, and where the engine keeps its images; what is asked of an engine does not depend on the former.
WORLDS = {
    "controller": ("controller", "docker_engine"),
    "module": ("module", "docker_engine"),
    "containerd": ("controller", "containerd_engine"),
}


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, emulator: RunningEmulator, tmp_path: Path) -> t.Iterator[World]:
    way, fixture = WORLDS[request.param]
    engine = request.getfixturevalue(fixture)
    images.load(engine.docker_host, images.runnable(ONE, "one"))
    images.load(engine.docker_host, images.runnable(OTHER, "other"))
    world = World(Account(emulator, tmp_path), engine.docker_host, WAYS[way])
    yield world
    world.forget()
    world.client.close()


PUSHES = {
    "absent": (lambda world: None, {"source": ONE}, {"latest"}),
    "same": (lambda world: world.push(ONE, "latest"), {"source": ONE}, set()),
    "M1: same layers, new tag": (lambda world: world.push(ONE, "1.0"), {"source": ONE, "tag": "2.0"}, {"2.0"}),
    "M2: moved tag": (lambda world: world.push(OTHER, "latest"), {"source": ONE}, {"latest"}),
    "untagged": (lambda world: (world.push(ONE, "a"), world.push(OTHER, "a")), {"source": ONE, "tag": "b"}, {"b"}),
    "index": (lambda world: push_index(world.pusher(), REPOSITORY, "latest"), {"source": ONE}, {"latest"}),
    "pulled, but moved since": (
        lambda world: (world.push(ONE, "latest"), world.forget(), world.pull(), _move(world)),
        {"source": ONE},
        {"latest"},
    ),
    "the index that it was pulled from": (lambda world: world.pull_index("latest"), {"source": PULLED}, set()),
    "a tag beside the index that it was pulled from": (
        lambda world: world.pull_index("latest"),
        {"source": PULLED, "tag": "b"},
        {"b"},
    ),
    "several tags, one of them there": (
        lambda world: world.push(ONE, "a"),
        {"source": ONE, "tags": ["a", "b", "c"]},
        {"b", "c"},
    ),
    "several tags, all there": (lambda world: world.push(ONE, "a", "b"), {"source": ONE, "tags": ["a", "b"]}, set()),
    "same content, pushed by another machine": (
        lambda world: (world.push(ONE, "latest"), world.forget()),
        {"source": ONE},
        set(),
    ),
}


@pytest.mark.parametrize("state", PUSHES)
def test_push(world: World, state: str) -> None:
    prepare, options, moved = PUSHES[state]
    prepare(world)
    if options["source"] == PULLED:
        options = {**options, "source": f"{world.name}:latest"}
    local = world.client.inspect_image(options["source"])["Id"]
    present, names = world.remote(), world.names()
    start = len(world.log())

    predicted = world.image(options, check=True)  # M3, M4
    assert not [e for e in world.log()[start:] if e["write"] or e["plane"] == "data" or e["token_issued"]]
    assert world.names() == names, "a prediction writes nothing into the engine either"
    done = world.image(options)
    assert predicted["changed"] is done["changed"] is bool(moved)
    assert predicted["diff"] == done["diff"]
    assert predicted.keys() == done.keys()

    remote = world.remote()
    for tag, fate in done["image"]["tags"].items():
        assert fate["changed"] is (tag in moved)
        assert fate["previous_digest"] == present.get(tag)
        assert fate["digest"] == remote[tag]  # M6
    assert remote.keys() == present.keys() | moved
    assert all(remote[tag] == digest for tag, digest in present.items() if tag not in moved)
    assert done["image"]["uris"] == [f"{world.name}:{tag}" for tag in done["image"]["tags"]]
    assert world.client.inspect_image(options["source"])["Id"] == local

    start = len(world.log())
    again = world.image(options)
    assert again["changed"] is False
    assert again["transfer"]["bytes_sent"] == 0
    assert again["image"]["tags"].keys() == done["image"]["tags"].keys()
    log = world.log()[start:]
    assert not [entry for entry in log if entry["write"] or entry["plane"] == "data" or entry["token_issued"]]


def test_push_counts_what_was_sent(world: World) -> None:
    first = world.image({"source": ONE, "tags": ["a", "b"]})["transfer"]
    assert (first["layers_total"], first["layers_pushed"], first["layers_existing"]) == (1, 1, 0)
    (held,) = world.pusher().get_manifest(REPOSITORY, "a").json()["layers"]
    (layer,) = first["layers"]
    assert (layer["digest"], layer["bytes"], layer["state"]) == (held["digest"], held["size"], "pushed")
    assert first["bytes_sent"] == held["size"]
    second = world.image({"source": ONE, "tag": "c"})["transfer"]
    assert (second["layers_total"], second["layers_pushed"], second["bytes_sent"]) == (1, 0, 0)


def test_progress_file_tells_of_an_engine_s_layers(world: World, tmp_path: Path) -> None:
    progress = tmp_path / "progress.jsonl"
    world.image({"source": ONE, "progress_file": str(progress)})
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    assert [event["event"] for event in events if event["event"] != "layer"] == ["begin", "tag", "end"]
    layers = [event for event in events if event["event"] == "layer"]
    assert layers[-1]["state"] == "pushed" and layers[-1].keys() >= {"layer", "bytes", "total"}


@pytest.mark.parametrize("keep", [True, False])
def test_local_name_of_a_push(world: World, keep: bool) -> None:
    world.image({"source": ONE, "tag": "1.0", "keep_local_tag": keep})
    assert (f"{world.name}:1.0" in world.client.inspect_image(ONE)["RepoTags"]) is keep
    assert ONE in world.client.inspect_image(ONE)["RepoTags"]


PULLS = {
    "absent": (lambda world: world.forget(), {"tag": "latest"}, True),
    "M5: there already": (lambda world: world.image({"tag": "latest", "state": "pulled"}, run_here), {}, False),
    "moved since": (
        lambda world: (world.image({"tag": "latest", "state": "pulled"}, run_here), _move(world)),
        {"tag": "latest"},
        True,
    ),
    "there by another tag": (
        lambda world: (world.push(ONE, "other"), world.image({"tag": "other", "state": "pulled"}, run_here)),
        {},
        True,
    ),
    "the name stands for an image from elsewhere": (
        lambda world: world.client.tag(OTHER, world.name, "latest"),
        {},
        True,
    ),
    "an index": (lambda world: push_platforms(world.pusher(), REPOSITORY, "latest"), {}, True),
    "pushed from here": (lambda world: (world.push(OTHER, "latest"), world.push(ONE, "latest")), {}, False),
}


def _move(world: World) -> None:
    """Move the tag in the registry, but leave the engine's own name for it as it was."""
    reference = f"{world.name}:latest"
    before = world.client.inspect_image(reference)["Id"]
    world.push(OTHER, "latest")
    world.client.tag(before, world.name, "latest", force=True)


@pytest.mark.parametrize("state", PULLS)
def test_pull(world: World, state: str) -> None:
    world.push(ONE, "latest")
    world.forget()
    prepare, options, changes = PULLS[state]
    prepare(world)
    wish = {**options, "state": "pulled"}
    start = len(world.log())
    predicted = world.image(wish, check=True)
    assert not [entry for entry in world.log()[start:] if entry["write"] or entry["plane"] == "data"]
    done = world.image(wish)
    assert predicted["changed"] is done["changed"] is changes
    assert predicted["diff"] == done["diff"]
    local = world.client.inspect_image(f"{world.name}:latest")
    assert done["image"]["pulled_id"] == local["Id"]
    assert f"{world.name}@{world.remote()['latest']}" in local["RepoDigests"]
    start = len(world.log())
    assert world.image(wish)["changed"] is False
    assert not [entry for entry in world.log()[start:] if entry["plane"] == "data" or entry["token_issued"]]


def test_pull_by_digest(world: World) -> None:
    digest = world.push(ONE, "latest")["latest"]["digest"]
    world.forget()
    wish = {"digest": digest, "state": "pulled"}
    predicted, done, again = world.image(wish, check=True), world.image(wish), world.image(wish)
    assert [predicted["changed"], done["changed"], again["changed"]] == [True, True, False]
    assert predicted["diff"] == done["diff"]
    assert done["image"]["digest"] == digest
    assert done["image"]["pulled_id"] == world.client.inspect_image(f"{world.name}@{digest}")["Id"]


def _digest(world: World, tag: str) -> str:
    return world.remote()[tag]


# What is done before with a repository that has ONE as a and b, OTHER as c; the wish; the tags that go; images that go.
DELETES = {
    "a tag that is not there": (lambda world: None, lambda world: {"tag": "none"}, set(), 0),
    "the only tag": (lambda world: None, lambda world: {"tag": "c"}, {"c"}, 1),
    "one tag of two": (lambda world: None, lambda world: {"tag": "a"}, {"a"}, 0),
    "all tags": (lambda world: None, lambda world: {"tags": ["a", "b"]}, {"a", "b"}, 1),
    "a tag that has moved": (lambda world: world.push(OTHER, "a"), lambda world: {"tag": "a"}, {"a"}, 0),
    "a digest with two tags": (lambda world: None, lambda world: {"digest": _digest(world, "a")}, {"a", "b"}, 1),
    "a digest that is not there": (lambda world: None, lambda world: {"digest": "sha256:" + "0" * 64}, set(), 0),
    "untagged": (lambda world: world.push(ONE, "c"), lambda world: {"tag_status": "untagged"}, set(), 1),
    "nothing is untagged": (lambda world: None, lambda world: {"tag_status": "untagged"}, set(), 0),
    "a pattern": (lambda world: None, lambda world: {"pattern": "[bc]"}, {"b", "c"}, 1),
    "young images only": (lambda world: None, lambda world: {"pattern": "*", "older_than": "1d"}, set(), 0),
    "a child of an index that goes": (
        lambda world: push_index(world.pusher(), REPOSITORY, "i"),
        lambda world: {"tag": "i"},
        {"i"},
        3,
    ),
}


@pytest.mark.parametrize("state", DELETES)
def test_delete(world: World, state: str) -> None:
    world.push(ONE, "a", "b")
    world.push(OTHER, "c")
    prepare, wish, gone, images_gone = DELETES[state]
    prepare(world)
    present = world.remote()
    options = {"state": "absent", **wish(world)}
    start = len(world.log())
    predicted = world.image(options, check=True)
    assert not [entry for entry in world.log()[start:] if entry["write"] or entry["plane"] == "data"]
    done = world.image(options)
    assert predicted == done
    assert done["changed"] is bool(gone or images_gone)
    assert {tag for entry in done["deleted"] for tag in entry["tags"]} == gone
    assert sum(entry["image_deleted"] for entry in done["deleted"]) == images_gone
    assert world.remote() == {tag: digest for tag, digest in present.items() if tag not in gone}
    assert all(world.copies(tag) for tag in world.remote())
    assert world.image(options)["changed"] is False


@pytest.mark.parametrize("service", ["untag", "delete_digest"])
def test_delete_of_one_tag_keeps_its_siblings(world: World, service: str) -> None:
    """What the service does with them is not documented; with both, what is left can be pulled."""
    world.account.emulator.settings({"delete_by_tag": service})
    digest = world.push(ONE, "a", "b", "c")["a"]["digest"]
    world.forget()
    wish = {"state": "absent", "tags": ["a", "c"]}
    start = len(world.log())
    predicted = world.image(wish, check=True)
    assert not [entry for entry in world.log()[start:] if entry["write"] or entry["plane"] == "data"]
    done = world.image(wish)
    assert predicted == done and done["changed"] is True
    assert [(entry["tags"], entry["image_deleted"]) for entry in done["deleted"]] == [(["a", "c"], False)]
    assert world.remote() == {"b": digest}
    assert world.image({"state": "pulled", "tag": "b"})["changed"] is True
    assert world.image(wish)["changed"] is False


@pytest.mark.parametrize("siblings", ["keep", "refuse", "trust"])
def test_delete_of_an_index(world: World, siblings: str) -> None:
    """It goes with its images; those that another index needs stay, and skopeo can copy that one."""
    client = world.pusher()
    index, *children = push_index(client, REPOSITORY, "1.0")
    entries = [client.get_manifest(REPOSITORY, child).content for child in children[:1]]
    other = index_manifest(entries)
    assert client.put_manifest(REPOSITORY, "2.0", other, OCI_INDEX).status_code == 201
    assert world.image({"state": "absent", "tag_status": "untagged", "siblings": siblings})["changed"] is False
    done = world.image({"state": "absent", "tag": "1.0", "siblings": siblings})
    assert [entry["digest"] for entry in done["deleted"]] == [index, children[1]]
    assert world.remote() == {"2.0": digest_of(other)}
    assert world.copies("2.0") and not world.copies(f"@{children[1]}")


def test_clean_up_with_a_cap(world: World) -> None:
    world.push(ONE, "nightly-1", "stable")
    world.push(OTHER, "nightly-2")
    before = world.remote()
    shared = {"registry": REGISTRY, "repository": REPOSITORY, "state": "absent", "pattern": "nightly-*"}
    refused = world.run(world.account, "jcr_image", {**shared, "max_delete": 1})
    assert refused["error"]["kind"] == "delete_cap" and world.remote() == before
    done = world.image({**shared, "max_delete": 2})
    assert {tag for entry in done["deleted"] for tag in entry["tags"]} == {"nightly-1", "nightly-2"}
    assert world.remote() == {"stable": before["stable"]}


@pytest.mark.parametrize("missing", ["registry", "repository"])
def test_delete_where_nothing_is(world: World, missing: str) -> None:
    nowhere = {"registry": {"registry": "otherregistry"}, "repository": {"repository": "no/such"}}[missing]
    assert world.image({"state": "absent", "tag": "latest", **nowhere})["changed"] is False


def test_empty_selectors_delete_nothing(world: World) -> None:
    world.push(ONE, "latest")
    before = world.remote()
    shared = {"registry": REGISTRY, "repository": REPOSITORY, "state": "absent"}
    for selector in ({}, {"tag": ""}, {"digest": ""}, {"tags": []}, {"tags": [""]}):
        assert world.run(world.account, "jcr_image", {**shared, **selector}).get("failed") is True
    assert world.remote() == before


def test_own_source_survives_a_push_without_a_local_name(world: World) -> None:
    source = f"{world.name}:latest"
    world.client.tag(ONE, world.name, "latest")
    world.image({"source": source, "keep_local_tag": False})
    assert source in world.client.inspect_image(ONE)["RepoTags"]


# --- a push through the engine, besides the states -------------------------------------------------------------------


def test_several_tags_are_one_push(world: World) -> None:
    """The engine pushes once; the other tags are its manifest, put again."""
    start = len(world.log())
    done = world.image({"source": ONE, "tags": ["a", "b", "c"]})
    writes = [entry["operation"] for entry in world.log()[start:] if entry["plane"] == "data" and entry["write"]]
    assert writes.count("putManifest") == 3
    assert [e["operation"] for e in world.log()[start:]].count("getManifest") == 1
    assert len(set(world.remote().values())) == 1
    assert {f"{world.name}:{tag}" for tag in "abc"} <= set(world.client.inspect_image(ONE)["RepoTags"])
    told = [f"linux/{world.client.inspect_image(ONE)['Architecture']}"]
    assert done["image"]["platforms"] == told
    assert [done["diff"]["after"][tag]["platforms"] for tag in "abc"] == [told] * 3


@pytest.mark.parametrize("state", ["another tag", "no tag any more"])
def test_content_that_is_there_is_not_pushed(world: World, state: str) -> None:
    """Only a manifest is put, and the digest is predicted."""
    digest = world.push(ONE, "a")["a"]["digest"]
    if state == "no tag any more":
        world.push(OTHER, "a")
    start = len(world.log())
    predicted = world.image({"source": ONE, "tag": "b"}, check=True)
    done = world.image({"source": ONE, "tag": "b"})
    assert predicted["image"] == done["image"]
    assert (done["image"]["digest"], predicted["diff"]) == (digest, done["diff"])
    writes = [entry["operation"] for entry in world.log()[start:] if entry["write"]]
    assert writes == ["putManifest"]


def test_guards_of_a_push(world: World) -> None:
    other = world.push(OTHER, "v1")["v1"]["digest"]
    shared = {"source": ONE, "tags": ["v1", "v2"], "registry": REGISTRY, "repository": REPOSITORY}
    start = len(world.log())
    for guard in (
        {"overwrite": "never"},
        {"immutable_tags": ["v*"]},
        {"overwrite": "if_digest", "expected_digest": "sha256:" + "0" * 64},
    ):
        for check in (True, False):
            wish = {**shared, **guard, "docker_host": world.docker_host}
            result = world.run(world.account, "jcr_image", wish, check=check)
            assert (result["error"]["kind"], result["changed"]) == ("tag_protected", False)
    assert not [entry for entry in world.log()[start:] if entry["write"] or entry["plane"] == "data"]
    moved = world.image({**shared, "overwrite": "if_digest", "expected_digest": other})
    assert moved["image"]["tags"]["v1"]["changed"] is True
    assert world.image({**shared, "overwrite": "never"})["changed"] is False


def test_a_tag_that_somebody_makes_before_the_push_stays(world: World) -> None:
    """The service does not tell of it when the plan is made; the registry does."""
    other = world.push(OTHER, "v1")["v1"]["digest"]
    nothing = {"body": {"text": json.dumps({"requestId": "x", "result": {"images": [], "totalCount": 0}})}}
    world.account.emulator.faults([{"match": {"operation": "describeImages"}, "times": 1, "action": nothing}])
    wish = {"source": ONE, "tag": "v1", "overwrite": "never", "registry": REGISTRY, "repository": REPOSITORY}
    result = world.run(world.account, "jcr_image", {**wish, "docker_host": world.docker_host})
    assert (result["error"]["kind"], result["changed"]) == ("tag_protected", False)
    assert world.remote() == {"v1": other}


def test_token_that_is_refused_while_the_engine_pushes(world: World) -> None:
    refusal = {"status": {"http": 401, "status": "UNAUTHORIZED", "message": "the token has expired"}}
    rule = {"match": {"operation": "startUpload"}, "times": 1, "action": refusal}
    world.account.emulator.faults([rule])
    done = world.image({"source": ONE})
    assert world.remote() == {"latest": done["image"]["digest"]}


def test_token_that_is_refused_while_the_engine_pulls(world: World) -> None:
    world.push(ONE, "latest")
    world.forget()
    world.client.remove_image(ONE, force=True)
    refusal = {"status": {"http": 401, "status": "UNAUTHORIZED", "message": "the token has expired"}}
    rule = {"match": {"operation": "getBlob"}, "times": 1, "action": refusal}
    world.account.emulator.faults([rule])
    assert world.image({"state": "pulled"})["changed"] is True


def test_local_source_that_is_removed(world: World) -> None:
    wish = {"source": ONE, "tags": ["a", "b"], "remove_local_source": True, "keep_local_tag": False}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == done["diff"]
    assert set(done["image"]["tags"]) == {"a", "b"}
    assert not [image for image in world.client.images() if ONE in (image["RepoTags"] or [])]
    for check in (True, False):
        again = world.image(wish, check=check)
        assert again["changed"] is False and again["image"]["digest"] == done["image"]["digest"]
    result = world.run(
        world.account,
        "jcr_image",
        {**wish, "tags": ["a", "c"], "registry": REGISTRY, "repository": REPOSITORY, "docker_host": world.docker_host},
    )
    assert result["error"]["kind"] == "image_not_found"


def test_local_source_is_removed_although_the_tags_are_there(world: World) -> None:
    world.push(ONE, "a")
    wish = {"source": ONE, "tag": "a", "remove_local_source": True}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["changed"] is done["changed"] is True
    assert [fate["changed"] for fate in done["image"]["tags"].values()] == [False]
    assert predicted["diff"] == done["diff"]


@pytest.mark.parametrize("names", ["its own", "another one"])
def test_local_source_that_is_removed_by_its_id(world: World, names: str) -> None:
    """An engine refuses that for an image of several names, which is told before anything is sent."""
    local = world.client.inspect_image(ONE)["Id"]
    digits = local.removeprefix("sha256:")
    if names == "another one":
        world.client.tag(ONE, "states", "more")
    shared = {"registry": REGISTRY, "repository": REPOSITORY, "docker_host": world.docker_host}
    for source in (local, digits, digits[:12]):
        for keep in (True, False):
            if names == "its own" and not keep:
                continue
            wish = {**shared, "source": source, "remove_local_source": True, "keep_local_tag": keep}
            for check in (True, False):
                result = world.run(world.account, "jcr_image", wish, check=check)
                assert (result["error"]["kind"], result["changed"]) == ("configuration", False)
                assert ONE in result["msg"] and "Give the name" in result["msg"]
    assert world.remote() == {}


@pytest.mark.parametrize("world", ["controller", "containerd"], indirect=True)
def test_local_source_that_is_another_one_by_now_is_not_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that gave the name to its own result while the push ran must not lose it."""
    world.client.tag(ONE, "states", "build")
    push = Engine.push

    def push_slowly(engine: Engine, *arguments: t.Any, **options: t.Any) -> dict[str, t.Any]:
        done = push(engine, *arguments, **options)
        world.client.tag(OTHER, "states", "build", force=True)
        return done

    monkeypatch.setattr(Engine, "push", push_slowly)
    wish = {"source": "states:build", "remove_local_source": True, "docker_host": world.docker_host}
    result = world.run(world.account, "jcr_image", {"registry": REGISTRY, "repository": REPOSITORY, **wish})
    assert (result["error"]["kind"], result["changed"]) == ("content_mismatch", True)
    assert "states:build" in world.client.inspect_image(OTHER)["RepoTags"]
    monkeypatch.undo()
    again = world.image(wish)
    assert again["image"]["tags"]["latest"]["changed"] is True
    assert "states:build" not in world.client.inspect_image(OTHER)["RepoTags"]


# what the engine has, what the registry has; the policy; whether it changes something (None: it fails)
POLICIES = [
    ("nothing", "missing", True),
    ("nothing", "never", None),
    ("same", "missing", False),
    ("same", "never", False),
    ("other", "missing", False),
    ("other", "never", False),
    ("other", "always", True),
]


@pytest.mark.parametrize(("local", "policy", "changes"), POLICIES)
def test_pull_policy(world: World, local: str, policy: str, changes: bool | None) -> None:
    world.push(ONE, "latest")
    world.forget()
    if local != "nothing":
        world.image({"state": "pulled"}, run_here)
    if local == "other":
        _move(world)
    wish = {"state": "pulled", "pull_policy": policy}
    if changes is None:
        shared = {"registry": REGISTRY, "repository": REPOSITORY, "docker_host": world.docker_host}
        result = world.run(world.account, "jcr_image", {**shared, **wish})
        assert result["error"]["kind"] == "image_not_found" and "pull_policy is never" in result["msg"]
        assert world.image(wish, check=True)["warnings"]
        return
    start = len(world.log())
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["changed"] is done["changed"] is changes
    assert predicted["diff"] == done["diff"]
    assert done["image"]["pulled_id"] == world.client.inspect_image(f"{world.name}:latest")["Id"]
    if not changes:
        assert not [e for e in world.log()[start:] if e["plane"] == "data" or e["token_issued"]]


def test_pull_policy_missing_lives_without_the_registry(world: World) -> None:
    """What is deleted there is still good here; always says so."""
    world.push(ONE, "latest")
    world.image({"state": "absent", "tag": "latest"})
    assert world.image({"state": "pulled", "pull_policy": "missing"})["changed"] is False
    shared = {"registry": REGISTRY, "repository": REPOSITORY, "docker_host": world.docker_host}
    assert world.run(world.account, "jcr_image", {**shared, "state": "pulled"}).get("failed") is True


def test_several_tags_are_pulled(world: World) -> None:
    world.push(ONE, "a")
    world.push(OTHER, "b")
    world.forget()
    done = world.image({"state": "pulled", "tags": ["a", "b"]})
    assert [fate["changed"] for fate in done["image"]["tags"].values()] == [True, True]
    assert world.image({"state": "pulled", "tags": ["a", "b"]})["changed"] is False
