# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with archives and images of registries, in every state of a tag: prediction, run and second run.

No daemon has a part in it. What the registry holds is told by skopeo, which nobody here wrote.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._progressfile import ProgressFile
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotecontent import RemoteContent
from tests.emulator_tests import docker_registry
from tests.support import archives, sources
from tests.support.emulator import RunningEmulator
from tests.support.tasks import WAYS, Account, Run, run_here, start_module

REGISTRY, OTHER_REGISTRY = "myregistry", "otherregistry"
REPOSITORY, STAGING = "shop/web", "shop/staging"
FAR = {"registry": "far-registry", "region": "cn-south-1"}
SIZES = (200_000, 5_000)
PLATFORM = "linux/arm64"
RESULT_KEYS = {"changed", "image", "transfer", "created_repository", "diff"}


def skopeo(home: Path, password: str | None, command: str, reference: str, *options: str) -> bytes:
    login = [f"--creds=jdcloud:{password}"] if password else []
    line = ["skopeo", "--insecure-policy", command, "--tls-verify=false", *login, *options, f"docker://{reference}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    return subprocess.run(line, env=environment, capture_output=True, check=True).stdout


def fill(home: Path, layout: str | Path, reference: str, *options: str) -> None:
    """Put an image, all of it, into a registry that is not of the service."""
    line = ["skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", *options, f"oci:{layout}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    subprocess.run([*line, f"docker://{reference}"], env=environment, capture_output=True, check=True)


class World:
    """Two registries with a repository to push to and one to copy from, and archives of two images and of an index."""

    def __init__(self, account: Account, run: Run, foreign: str) -> None:
        self.account, self.run, self.foreign = account, run, foreign
        self.place = account.home
        self.foreign_child = foreign_child(foreign, self.place)
        for registry in (REGISTRY, OTHER_REGISTRY):
            self.ok("jcr_registry", {"name": registry}, run_here)
            for name in (REPOSITORY, STAGING):
                self.ok("jcr_repository", {"registry": registry, "name": name}, run_here)
        self.hosts = {entry["name"]: entry["uri"] for entry in account.emulator.state()["registries"]}
        self.images = {
            "one": sources.image(SIZES, seed=1),
            "two": sources.image(SIZES, seed=2),
            "both": sources.index(["amd64", "arm64"], SIZES),
            "others": sources.index(["s390x", "arm64"], SIZES),
        }
        self.archives = {
            name: str(sources.write_layout(source, self.place / name)) for name, source in self.images.items()
        }
        saved = archives.docker_files(archives.plain_tar(("file", b"saved")))
        self.archives["saved"] = str(archives.write_tar(self.place / "saved.tar", saved))

    def ok(self, module: str, options: dict[str, t.Any], run: Run | None = None, **more: t.Any) -> dict[str, t.Any]:
        result = (run or self.run)(self.account, module, options, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def task(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        return {"registry": REGISTRY, "repository": REPOSITORY, **options}

    def image(self, options: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        return self.ok("jcr_image", self.task(options), **more)

    def fails(self, options: dict[str, t.Any], kind: str, **more: t.Any) -> dict[str, t.Any]:
        result = self.run(self.account, "jcr_image", self.task(options), **more)
        assert result.get("failed") is True
        assert result["error"]["kind"] == kind, result["msg"]
        return result

    def put(self, name: str, *tags: str, **where: str) -> str:
        """Have a tag stand for one of the archives; returns the digest."""
        options = self.task({"archive": self.archives[name], "tags": list(tags), **where})
        return self.ok("jcr_image", options, run_here)["image"]["digest"]

    def password(self, registry: str = REGISTRY) -> str:
        wish = {"registry": registry, "return_secret": True}
        return self.ok("jcr_token", wish, run_here)["token"]["password"]

    def remote(self, repository: str = REPOSITORY, registry: str = REGISTRY) -> dict[str, str]:
        """{tag: digest} as skopeo finds it."""
        password, name = self.password(registry), f"{self.hosts[registry]}/{repository}"
        tags = json.loads(skopeo(self.place, password, "list-tags", name))["Tags"] or []
        raw = {tag: skopeo(self.place, password, "inspect", f"{name}:{tag}", "--raw") for tag in tags}
        return {tag: archives.digest_of(content) for tag, content in raw.items()}

    def requests(self, since: int) -> list[dict[str, t.Any]]:
        return self.account.emulator.requests(since)

    def last(self) -> int:
        return max((entry["index"] for entry in self.requests(0)), default=0)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """Docker's own registry, with an index in it; its host."""
    place = tmp_path_factory.mktemp("foreign")
    layout = sources.write_layout(sources.index(["amd64", "arm64"], SIZES), place / "both")
    with docker_registry.serve(place) as url:
        host = url.removeprefix("http://")
        fill(place, layout, f"{host}/base/both:1")
        yield host


@pytest.fixture(params=sorted(WAYS))
def world(request, emulator: RunningEmulator, foreign: str, tmp_path: Path) -> World:
    return World(Account(emulator, tmp_path), WAYS[request.param], foreign)


# --- sources and states ----------------------------------------------------------------------------------------------


def foreign_child(host: str, home: Path) -> str:
    """The digest that skopeo has given to a platform of the index in the foreign registry."""
    entries = json.loads(skopeo(home, None, "inspect", f"{host}/base/both:1", "--raw"))["manifests"]
    return next(e["digest"] for e in entries if e["platform"]["architecture"] == PLATFORM.partition("/")[2])


def child(world: World, platform: str = PLATFORM) -> str:
    """The digest of one platform of the index."""
    source = world.images["both"]
    entries = json.loads(source.contents[source.root.digest])["manifests"]
    name = platform.partition("/")[2]
    return next(entry["digest"] for entry in entries if entry["platform"]["architecture"] == name)


def copied(world: World, name: str, **where: str) -> str:
    """Put an archive where an image is copied from; its name there."""
    world.put(name, "src", **{"repository": STAGING, **where})
    place = {"registry": REGISTRY, "repository": STAGING, **where}
    host = f"{world.hosts[place['registry']]}/" if place["registry"] != REGISTRY else ""
    return f"{host}{place['repository']}:src"


# what is pushed: options, and the digest that it has (None: it is told by the push)
SOURCES: dict[str, t.Callable[[World], tuple[dict[str, t.Any], str | None]]] = {
    "layout": lambda world: ({"archive": world.archives["one"]}, world.images["one"].root.digest),
    "index": lambda world: ({"archive": world.archives["both"]}, world.images["both"].root.digest),
    "platform": lambda world: ({"archive": world.archives["both"], "platforms": [PLATFORM]}, child(world)),
    "docker save": lambda world: ({"archive": world.archives["saved"]}, None),
    "repository": lambda world: ({"from_image": copied(world, "one")}, world.images["one"].root.digest),
    "registry": lambda world: (
        {"from_image": copied(world, "one", registry=OTHER_REGISTRY)},
        world.images["one"].root.digest,
    ),
    "digest": lambda world: (
        {"from_image": copied(world, "both").replace(":src", f"@{world.images['both'].root.digest}")},
        world.images["both"].root.digest,
    ),
    "platform of a registry": lambda world: (
        {"from_image": copied(world, "both", registry=OTHER_REGISTRY), "platforms": [PLATFORM]},
        child(world),
    ),
    "foreign": lambda world: (
        {"from_image": f"{world.foreign}/base/both:1", "platforms": [PLATFORM]},
        world.foreign_child,
    ),
}


def again(world: World, options: dict[str, t.Any], *tags: str) -> None:
    """Have the source under these tags already."""
    world.ok("jcr_image", world.task({**options, "tags": list(tags)}), run_here)


# what is there before, the tags that are wanted, and those of them that change
STATES: dict[str, tuple[t.Callable[[World, dict[str, t.Any]], t.Any], list[str], set[str]]] = {
    "absent": (lambda world, options: None, ["1.0", "latest"], {"1.0", "latest"}),
    "same": (lambda world, options: again(world, options, "1.0", "latest"), ["1.0", "latest"], set()),
    "moved": (lambda world, options: world.put("two", "latest"), ["latest"], {"latest"}),
    "index": (lambda world, options: world.put("others", "latest"), ["latest"], {"latest"}),
    "same digest, other tag": (lambda world, options: again(world, options, "1.0"), ["latest"], {"latest"}),
    "some of the tags": (
        lambda world, options: (again(world, options, "a"), world.put("two", "b")),
        ["a", "b", "c"],
        {"b", "c"},
    ),
    "untagged": (
        lambda world, options: (again(world, options, "a"), world.put("two", "a")),
        ["b"],
        {"b"},
    ),
}
KNOWN_THERE = ("same digest, other tag", "untagged")  # where nothing but a manifest is put


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("source", SOURCES)
def test_push(world: World, source: str, state: str) -> None:
    options, digest = SOURCES[source](world)
    prepare, tags, moved = STATES[state]
    prepare(world, options)
    before, start = world.remote(), world.last()
    wish = {**options, "tags": tags}

    predicted = world.image(wish, check=True)
    assert not [e for e in world.requests(start) if e["write"] or e["plane"] == "data" or e["token_issued"]]
    done = world.image(wish)
    writes = [e["operation"] for e in world.requests(start) if e["plane"] == "data" and e["write"]]

    assert predicted["changed"] is done["changed"] is bool(moved)
    assert predicted["diff"] == done["diff"]
    assert predicted.keys() - {"warnings"} == done.keys() == RESULT_KEYS
    assert predicted["image"].keys() == done["image"].keys()
    if digest or state not in (
        "absent",
        "moved",
        "index",
        "untagged",
    ):  # otherwise the digest is not known before the push
        assert predicted["image"] == done["image"]
    after = world.remote()
    assert after == {**before, **dict.fromkeys(tags, done["image"]["digest"])}
    assert done["image"]["digest"] == (digest or done["image"]["digest"])
    for tag, fate in done["image"]["tags"].items():
        expected = {"digest": after[tag], "previous_digest": before.get(tag), "changed": tag in moved}
        assert fate == expected
    assert done["transfer"].keys() == {*predicted["transfer"]}
    assert done["transfer"]["layers_total"] == len(done["transfer"]["layers"])
    if state in KNOWN_THERE and source != "docker save":
        assert writes == ["putManifest"]
        assert done["transfer"]["bytes_sent"] == 0

    start = world.last()
    same = world.image(wish)
    assert same["changed"] is False
    assert same["image"]["digest"] == done["image"]["digest"]
    assert same.keys() == RESULT_KEYS and same["transfer"].keys() == done["transfer"].keys()
    assert not [e for e in world.requests(start) if e["write"] or e["plane"] == "data" or e["token_issued"]]


def test_the_diff_tells_what_is_known(world: World) -> None:
    world.put("two", "latest")
    one, two, both = (world.images[name].root for name in ("one", "two", "both"))
    diff = world.image({"archive": world.archives["one"]}, check=True)["diff"]
    assert diff["before"]["latest"].keys() == {"digest", "media_type", "size"}, "its config would cost a token"
    assert diff["after"]["latest"].keys() == {"digest", "media_type", "size", "platforms"}
    assert diff["after"]["latest"]["platforms"] == ["linux/amd64"], "its config is at hand"
    assert (diff["before"]["latest"]["digest"], diff["after"]["latest"]["digest"]) == (two.digest, one.digest)
    assert diff["after"]["latest"]["size"] > sum(SIZES)
    after = world.image({"archive": world.archives["both"]}, check=True)["diff"]["after"]["latest"]
    assert (after["digest"], after["media_type"]) == (both.digest, both.media_type)
    assert after["platforms"] == ["linux/amd64", "linux/arm64"]


def test_the_diff_tells_of_a_digest_elsewhere(world: World) -> None:
    """It is read there only where a tag does not stand for it yet."""
    raw = skopeo(world.place, None, "inspect", f"{world.foreign}/base/both:1", "--raw")
    wish = {"from_image": f"{world.foreign}/base/both@{archives.digest_of(raw)}"}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    after = predicted["diff"]["after"]["latest"]
    assert after["platforms"] == ["linux/amd64", "linux/arm64"] and after["size"] > 2 * sum(SIZES)
    unread = {"from_image": wish["from_image"].replace(world.foreign, "127.0.0.1:1"), "retries": 0}
    assert world.image(unread)["changed"] is False
    assert world.image({**unread, "tag": "again"})["changed"] is True, "only its manifest is put"


def platforms_told(world: World, options: dict[str, t.Any]) -> list[str]:
    """The platforms that a push tells of: the prediction, the run, and their diffs."""
    predicted, done = world.image(options, check=True), world.image(options)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    platforms = done["image"]["platforms"]
    assert done["diff"]["after"][options["tag"]].get("platforms", []) == platforms
    return platforms


def test_platforms_are_told_where_that_costs_no_token(world: World) -> None:
    index = f"{world.foreign}/base/both"
    for tag, options, platforms in (
        ("a", {"archive": world.archives["one"]}, ["linux/amd64"]),
        ("b", {"archive": world.archives["both"], "platforms": [PLATFORM]}, [PLATFORM]),
        ("c", {"from_image": f"{index}@{world.foreign_child}"}, [PLATFORM]),
        ("d", {"from_image": f"{index}:1", "platforms": ["linux/amd64"]}, ["linux/amd64"]),
    ):
        assert platforms_told(world, {**options, "tag": tag}) == platforms, tag
    both = copied(world, "both")
    assert platforms_told(world, {"from_image": both, "tag": "e"}) == ["linux/amd64", PLATFORM]
    assert platforms_told(world, {"from_image": both, "platforms": [PLATFORM], "tag": "f"}) == [PLATFORM]
    assert platforms_told(world, {"from_image": copied(world, "two"), "tag": "g"}) == []


def test_platforms_of_an_index_in_an_index(world: World) -> None:
    """The service tells those of its direct children only, an archive all of them."""
    store = archives.Store()
    inner = store.index(store.image("one"), store.image("two", "linux/arm64/v8"))
    root = store.index(inner, store.image("three", "linux/s390x"))
    layout = archives.write_folder(world.place / "nested", store.layout(root))
    everything = ["linux/amd64", "linux/arm64/v8", "linux/s390x"]
    assert platforms_told(world, {"archive": str(layout), "tag": "nested"}) == everything
    assert platforms_told(world, {"archive": str(layout), "tag": "again"}) == everything
    assert platforms_told(world, {"from_image": f"{REPOSITORY}:nested", "tag": "copied"}) == ["linux/s390x"]


# --- platforms of images in registries of the account -----------------------------------------------------------------


def test_platform_of_an_image_that_is_for_one(world: World) -> None:
    """Its config tells the platform, which takes a token: so it is looked at only if something is to be done."""
    wish = {"from_image": copied(world, "one"), "platforms": ["linux/amd64"]}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    assert done["image"]["digest"] == world.images["one"].root.digest
    start = world.last()
    for check in (True, False):
        assert world.image(wish, check=check)["changed"] is False
    assert not [e for e in world.requests(start) if e["plane"] == "data" or e["token_issued"]]


@pytest.mark.parametrize("place", ["other repository", "same repository"])
def test_wrong_platform_of_an_image_that_is_for_one(world: World, place: str) -> None:
    world.put("one", "src", repository=STAGING if place == "other repository" else REPOSITORY)
    name = STAGING if place == "other repository" else REPOSITORY
    before = world.remote()  # a token is held from here on
    for check in (True, False):
        failed = world.fails({"from_image": f"{name}:src", "platforms": [PLATFORM]}, "image_not_found", check=check)
        assert "it has no platform linux/arm64; there is: linux/amd64" in failed["msg"]
    assert world.remote() == before


@pytest.mark.parametrize("held", [True, False])
def test_platforms_where_the_service_tells_no_manifest(world: World, held: bool) -> None:
    """Then the registry is asked; without a token a prediction says that it cannot know."""
    wish = {"from_image": put_far_away(world, "both"), "platforms": [PLATFORM]}
    untold = {"wrong_type": {"member": "result.imageDetails.0.imageManifest", "value": ""}}
    match = {"operation": "describeImages", "path_regex": f"/regions/{FAR['region']}/"}
    world.account.emulator.faults([{"match": match, "times": None, "action": untold}])
    if not held:
        world.ok("jcr_token", {**FAR, "state": "absent"}, run_here)
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["changed"] is done["changed"] is True
    assert done["image"]["digest"] == child(world)
    assert predicted["image"]["digest"] == (child(world) if held else None)
    assert ("takes a token to choose platforms" in str(predicted.get("warnings"))) is not held
    assert world.image(wish, check=True)["changed"] is world.image(wish)["changed"] is False


def put_far_away(world: World, name: str) -> str:
    """Have an archive in a registry of another region, too; its name there."""
    world.ok("jcr_registry", {"name": FAR["registry"], "region": FAR["region"]}, run_here)
    world.ok("jcr_repository", {"name": STAGING, **FAR}, run_here)
    world.put(name, "src", repository=STAGING, **FAR)
    return f"{FAR['registry']}-{FAR['region']}.jcr.service.jdcloud.com/{STAGING}:src"


# --- without moving data ---------------------------------------------------------------------------------------------


def test_within_one_repository_a_tag_is_one_request(world: World) -> None:
    """Promote by tag, bytes as they are; the blobs are not even looked at."""
    digest = world.put("both", "candidate")
    start = world.last()
    done = world.image({"from_image": f"{REPOSITORY}:candidate", "tag": "stable"})
    assert done["image"]["digest"] == digest
    data = [
        e["operation"] for e in world.requests(start) if e["plane"] == "data" and "anifest" in (e["operation"] or "")
    ]
    assert data == ["getManifest", "putManifest"]
    assert not [e for e in world.requests(start) if e["token_issued"]]
    assert world.remote() == {"candidate": digest, "stable": digest}


def test_within_one_registry_blobs_are_mounted(world: World) -> None:
    world.put("one", "src", repository=STAGING)
    transfer = world.image({"from_image": f"{STAGING}:src"})["transfer"]
    assert (transfer["layers_mounted"], transfer["layers_pushed"], transfer["bytes_sent"]) == (3, 0, 0)
    assert {layer["state"] for layer in transfer["layers"]} == {"mounted"}
    assert all(layer.keys() == {"digest", "state", "bytes", "seconds"} for layer in transfer["layers"])


@pytest.mark.parametrize("inner", ["", "-inner"])
def test_the_own_registry_is_known_by_any_of_its_hosts(world: World, inner: str) -> None:
    """It is spoken to by one of them, so that blobs are mounted."""
    world.put("one", "src", repository=STAGING)
    host = f"{REGISTRY}-{world.account.emulator.region}{inner}.jcr.service.jdcloud.com"
    wish = {"from_image": f"{host}/{STAGING}:src"}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["diff"] == done["diff"]
    assert (done["transfer"]["layers_mounted"], done["transfer"]["bytes_sent"]) == (3, 0)


def test_an_image_that_is_where_it_shall_be(world: World) -> None:
    """from_image is the target itself, and tags are named twice."""
    world.put("one", "a")
    start = world.last()
    assert world.image({"from_image": f"{REPOSITORY}:a", "tags": ["a", "a"]})["changed"] is False
    assert not [e for e in world.requests(start) if e["plane"] == "data"]
    done = world.image({"from_image": f"{REPOSITORY}:a", "tags": ["a", "b", "b", "a"]})
    assert [(tag, fate["changed"]) for tag, fate in done["image"]["tags"].items()] == [("a", False), ("b", True)]
    assert [e["operation"] for e in world.requests(start)].count("putManifest") == 1


def test_ten_tags_are_one_upload(world: World) -> None:
    start = world.last()
    world.image({"archive": world.archives["one"], "tags": [f"v{number}" for number in range(10)]})
    operations = [e["operation"] for e in world.requests(start) if e["plane"] == "data"]
    assert operations.count("putManifest") == 10
    assert operations.count("startUpload") == 3


def test_copy_from_another_region(world: World) -> None:
    wish = {"from_image": put_far_away(world, "both"), "tags": ["a", "b"]}
    start = world.last()
    predicted = world.image(wish, check=True)
    assert not [e for e in world.requests(start) if e["plane"] == "data" or e["write"] or e["token_issued"]]
    done = world.image(wish)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    assert world.remote() == dict.fromkeys("ab", world.images["both"].root.digest)
    start = world.last()
    assert world.image(wish)["changed"] is False
    assert not [e for e in world.requests(start) if e["plane"] == "data"]


def test_registry_of_another_region_is_known_by_its_host(world: World) -> None:
    """Predicted only: the real hosts cannot be reached from here."""
    emulator = world.account.emulator
    world.ok("jcr_registry", {"name": FAR["registry"], "region": FAR["region"]}, run_here)
    world.ok("jcr_repository", {**FAR, "name": STAGING}, run_here)
    host = "far-registry-cn-south-1.jcr.service.jdcloud.com"
    real = {"wrong_type": {"member": "result.registry.registryUri", "value": host}}
    match = {"operation": "describeRegistry", "path_regex": ".*/far-registry"}
    emulator.faults([{"match": match, "times": None, "action": real}])
    for name in (host, host.replace("cn-south-1", "cn-south-1-inner")):
        result = world.image({"from_image": f"{name}/{STAGING}:1.0"}, check=True)
        assert f"There is no image '{name}/{STAGING}:1.0'" in str(result["warnings"])
    asked = [e["path"] for e in emulator.requests() if e["operation"] == "describeImages"]
    assert any("/regions/cn-south-1/" in path for path in asked)


def test_an_emulated_registry_of_another_region_is_known_by_its_host(world: World) -> None:
    """It is told by jcr_registry as C(uri), and does not say which registry of which region it is of."""
    put_far_away(world, "one")
    told = world.ok("jcr_registry_info", {"region": FAR["region"]})
    (host,) = [entry["uri"] for entry in told["registries"] if entry["name"] == FAR["registry"]]
    wish = {"from_image": f"{host}/{STAGING}:src"}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    assert world.remote() == {"latest": world.images["one"].root.digest}


def test_a_host_that_does_not_answer(world: World) -> None:
    """The cure is about that host, not about the service's endpoint."""
    for check in (True, False):
        failed = world.fails({"from_image": "127.0.0.1:1/base/image:1", "retries": 0}, "unreachable", check=check)
        assert failed["msg"] == (
            "Cannot read image 127.0.0.1:1/base/image:1: 127.0.0.1:1 refuses the connection. "
            "Check the registry host: nothing listens there."
        )


@pytest.mark.parametrize("choice", [{}, {"platforms": [PLATFORM]}], ids=["all", "chosen"])
def test_a_foreign_tag_is_what_it_was_when_the_task_began(
    world: World, monkeypatch: pytest.MonkeyPatch, choice: dict[str, t.Any]
) -> None:
    name, send = f"{world.foreign}/base/moving:1", RemoteContent.send

    def send_later(*args: t.Any) -> t.Iterator[str]:
        fill(world.place, world.archives["one"], name)
        return send(*args)

    fill(world.place, world.archives["both"], name)
    wish = world.task({"from_image": name, **choice})
    predicted = world.ok("jcr_image", wish, run_here, check=True)
    monkeypatch.setattr(RemoteContent, "send", send_later)
    done = world.ok("jcr_image", wish, run_here)
    assert done["changed"] is True and predicted["diff"] == done["diff"]
    assert world.remote() == {"latest": predicted["image"]["digest"]}


# --- registries with a login of their own ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """Docker's own registry with an image in it that only a login may read; its host."""
    place = tmp_path_factory.mktemp("guarded")
    layout = sources.write_layout(sources.image(SIZES, seed=9), place / "image")
    with docker_registry.serve(place, login=True) as url:
        host = url.removeprefix("http://")
        login = f"--dest-authfile={docker_registry.auth_file(place, host)}"
        fill(place, layout, f"{host}/base/image:1", login)
        yield host


def test_copy_with_a_login(world: World, guarded: str) -> None:
    """Neither login goes to the other registry."""
    login = {"from_username": docker_registry.USER, "from_password": docker_registry.PASSWORD}
    wish = {"from_image": f"{guarded}/base/image:1", **login}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert predicted["diff"] == done["diff"] and predicted["image"] == done["image"]
    login_file = f"--authfile={docker_registry.auth_file(world.place, guarded)}"
    raw = skopeo(world.place, None, "inspect", f"{guarded}/base/image:1", "--raw", login_file)
    assert world.remote() == {"latest": archives.digest_of(raw)}
    assert world.image(wish)["changed"] is False
    assert docker_registry.PASSWORD not in json.dumps([predicted, done])


@pytest.mark.parametrize("login", [{}, {"from_username": "reader", "from_password": "wrong-pass"}])
def test_copy_without_a_good_login(world: World, guarded: str, login: dict[str, str]) -> None:
    for check in (True, False):
        failed = world.fails({"from_image": f"{guarded}/base/image:1", **login}, "authentication", check=check)
        assert "from_username" in failed["error"]["cure"] and "wrong-pass" not in json.dumps(failed)
        assert failed["changed"] is False
    assert world.remote() == {}


# --- what is refused -------------------------------------------------------------------------------------------------

GUARDS = {
    # options, what holds before, the kind of the failure (None: the tag is moved)
    "always": ({}, None),
    "never": ({"overwrite": "never"}, "tag_protected"),
    "expected": ({"overwrite": "if_digest", "expected_digest": "two"}, None),
    "not expected": ({"overwrite": "if_digest", "expected_digest": "both"}, "tag_protected"),
    "immutable": ({"immutable_tags": ["v*"]}, "tag_protected"),
    "immutable and expected": (
        {"immutable_tags": ["v?"], "overwrite": "if_digest", "expected_digest": "two"},
        "tag_protected",
    ),
    "others are immutable": ({"immutable_tags": ["r*"]}, None),
}


@pytest.mark.parametrize("way", ["archive", "from_image", "retag"])
@pytest.mark.parametrize("guard", GUARDS)
def test_guards(world: World, guard: str, way: str) -> None:
    """On every way to write a tag; decided for all tags before anything is sent."""
    options, kind = GUARDS[guard]
    if "expected_digest" in options:
        options = {**options, "expected_digest": world.images[options["expected_digest"]].root.digest}
    world.put("two", "v1")
    if way == "archive":
        source = {"archive": world.archives["one"]}
    else:
        world.put("one", "src", repository=STAGING if way == "from_image" else REPOSITORY)
        source = {"from_image": f"{STAGING if way == 'from_image' else REPOSITORY}:src"}
    before, start = world.remote(), world.last()
    wish = {**source, **options, "tags": ["new", "v1"]}
    for check in (True, False):
        if kind:
            failed = world.fails(wish, kind, check=check)
            assert failed["changed"] is False and "tag 'v1' points at sha256:" in failed["msg"]
        else:
            assert world.image(wish, check=check)["changed"] is True
    if kind:
        assert not [e for e in world.requests(start) if e["write"] or e["plane"] == "data"]
        assert world.remote() == before
    same = {**options, "tags": ["v1"], "archive": world.archives["two" if kind else "one"]}
    assert world.image(same)["changed"] is False, "the wanted content is never refused"


@pytest.mark.parametrize("guard", ["never", "immutable"])
@pytest.mark.parametrize("way", ["archive", "retag"])
def test_a_tag_that_somebody_makes_meanwhile_stays(world: World, guard: str, way: str) -> None:
    """The service has not told of it when the plan was made; the registry does, right before the write."""
    options = {"never": {"overwrite": "never"}, "immutable": {"immutable_tags": ["v*"]}}[guard]
    world.put("two", "v1")
    if way == "retag":
        world.put("one", "src")
    before = world.remote()
    empty = {"body": {"text": json.dumps({"requestId": "x", "result": {"images": [], "totalCount": 0}})}}
    match = {"operation": "describeImages", "path_regex": ".*"}
    world.account.emulator.faults([{"match": {**match, "nth": 1}, "times": 1, "action": empty}])
    result = world.fails({"archive": world.archives["one"], "tag": "v1", **options}, "tag_protected")
    assert result["changed"] is False
    world.account.emulator.faults([])
    assert world.remote() == before


BAD_OPTIONS = {
    "no source": ({}, "are missing: source, archive, from_image", "configuration"),
    "two sources": ({"source": "a", "archive": "b"}, "mutually exclusive", "configuration"),
    "digest of an archive": ({"archive": "b", "digest": "sha256:" + "0" * 64}, "mutually exclusive", "configuration"),
    "if_digest without a digest": ({"archive": "b", "overwrite": "if_digest"}, "expected_digest", "configuration"),
    "a digest without if_digest": (
        {"archive": "b", "expected_digest": "sha256:" + "0" * 64},
        "if_digest",
        "configuration",
    ),
    "a digest that is none": ({"archive": "b", "overwrite": "if_digest", "expected_digest": "x"}, "digest", "rule"),
    "an empty glob": ({"archive": "b", "immutable_tags": [""]}, "immutable_tags", "rule"),
    "platforms of an engine": ({"source": "a", "platforms": ["linux/amd64"]}, "an engine pushes", "configuration"),
    "a choice without an archive": ({"source": "a", "archive_image": "x"}, "goes with archive", "configuration"),
    "a login without a registry": (
        {"source": "a", "from_username": "u", "from_password": "p"},
        "from_image",
        "configuration",
    ),
    "removing an archive": ({"archive": "b", "remove_local_source": True}, "goes with source", "configuration"),
    "no platform": ({"archive": "b", "platforms": ["linux/amd64", "ARM"]}, "'ARM' is not a platform", "rule"),
    "no source's name": ({"source": ""}, "source is empty", "configuration"),
    "a source that is no name": ({"source": "web:TWO!"}, "not the name of an image: 'TWO!' is not a tag", "rule"),
    "no archive's path": ({"archive": " "}, "archive is empty", "configuration"),
    "no image's name at all": ({"from_image": ""}, "from_image is empty", "configuration"),
    "a login to no registry": (
        {"from_image": "shop/web:1", "from_username": "u", "from_password": "p"},
        "names no registry",
        "configuration",
    ),
    "no image's name": ({"from_image": "Shop:1"}, "not the name of an image", "rule"),
    "a name that cannot be created": (
        {"archive": "b", "create_repository": True, "repository": "abc"},
        "4 to 255",
        "rule",
    ),
    "an archive to pull": (
        {"archive": "b", "create_repository": True, "overwrite": "never", "state": "pulled"},
        "State pulled takes no archive (which goes with present), no create_repository (which goes with present), "
        "no overwrite (which goes with present or absent)",
        "configuration",
    ),
    "a copy to delete": (
        {"from_image": "shop/web:1", "tag": "1", "pull_policy": "missing", "state": "absent"},
        "no from_image (which goes with present), no pull_policy (which goes with pulled)",
        "configuration",
    ),
    "a selection to push": (
        {"archive": "b", "older_than": "1d", "max_delete": 20},
        "no max_delete (which goes with absent), no older_than (which goes with absent)",
        "configuration",
    ),
    "no time at all": ({"archive": "b", "idle_timeout": 0}, "idle_timeout is 0", "configuration"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_are_refused_before_anything_is_sent(world: World, case: str) -> None:
    options, said, kind = BAD_OPTIONS[case]
    start = world.last()
    for check in (True, False):
        assert said in world.fails(options, kind, check=check)["msg"]
    assert world.requests(start) == []


def test_options_of_other_states_at_their_defaults_are_none(world: World) -> None:
    defaults = {"overwrite": "always", "keep_local_tag": True, "create_repository": False, "source": None}
    assert world.image({**defaults, "tag": "none", "state": "absent"})["changed"] is False
    wish = {"archive": world.archives["one"], "max_delete": 10, "siblings": "keep", "pull_policy": "always"}
    assert world.image(wish)["changed"] is True


def test_what_is_not_there(world: World) -> None:
    for options, said in (
        ({"archive": str(world.place / "nothing")}, "there is no archive"),
        ({"from_image": f"{STAGING}:none"}, f"there is no image '{STAGING}:none' to copy"),
        ({"from_image": f"{world.foreign}/base/both:none"}, "404"),
        ({"from_image": f"{world.foreign}/base/both@sha256:{'0' * 64}"}, "404"),
    ):
        failed = world.fails(options, "image_not_found")
        assert failed["changed"] is False and said in failed["msg"]
        if "404" in said:
            world.fails(options, "image_not_found", check=True)
        else:
            predicted = world.image(options, check=True)
            assert predicted["changed"] is True and said[3:] in str(predicted["warnings"])


def damaged(files: dict[str, bytes], digest: str, content: bytes | None) -> dict[str, bytes]:
    """The files of a layout in which a blob is another one, or is missing."""
    files = {**files, f"blobs/sha256/{digest[7:]}": content}
    return {name: content for name, content in files.items() if content is not None}


def damaged_archives() -> dict[str, tuple[dict[str, bytes], str, str]]:
    """{what is wrong: (files, the kind of the error, what its message says)}."""
    store = archives.Store()
    image, other = store.image("one"), store.image("two", "linux/arm64")
    both = store.index(image, other)
    document = json.loads(store.blobs[image["digest"]])
    layer, config = document["layers"][0]["digest"], document["config"]["digest"]
    single, index = store.layout(image), store.layout(both)
    saved = archives.docker_files(archives.plain_tar(("file", b"saved")))
    packed = next(name for name in saved if name.endswith("layer.tar"))
    named = next(name for name in saved if name.endswith(".json") and name != "manifest.json")
    return {
        "layer is missing": (damaged(single, layer, None), "image_not_found", f"{layer} is not in it. Save the image"),
        "layer is cut": (damaged(single, layer, b"x"), "content_mismatch", f"{layer[7:]}' has 1 byte instead of"),
        "config is missing": (damaged(single, config, None), "image_not_found", f"{config} is not in it"),
        "manifest is missing": (damaged(single, image["digest"], None), "image_not_found", "is not in it"),
        "manifest is another one": (
            damaged(single, image["digest"], store.blobs[other["digest"]]),
            "content_mismatch",
            f"manifest {image['digest']} is not what its digest says. The data is damaged",
        ),
        "index is another one": (damaged(index, both["digest"], b"{}"), "content_mismatch", "not what its digest says"),
        "child is missing": (
            damaged(index, other["digest"], None),
            "image_not_found",
            "its platform linux/arm64 is not",
        ),
        "layer of a child is missing": (damaged(index, layer, None), "image_not_found", f"{layer} is not in it"),
        "layer of docker save is missing": (
            {name: content for name, content in saved.items() if name != packed},
            "archive_invalid",
            f"there is no '{packed}' in it",
        ),
        "config of docker save is missing": (
            {name: content for name, content in saved.items() if name != named},
            "archive_invalid",
            f"there is no '{named}' in it",
        ),
        "layer of docker save is of zstd": (
            {**saved, packed: b"\x28\xb5\x2f\xfd"},
            "archive_invalid",
            f"layer '{packed}' is compressed by zstd. Save the image with plain layers",
        ),
    }


DAMAGED = damaged_archives()


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_archive_is_refused_before_anything_is_sent(world: World, damage: str) -> None:
    files, kind, said = DAMAGED[damage]
    paths = [archives.write_tar(world.place / "damaged.tar", files)]
    if "docker save" not in damage:
        paths.append(archives.write_folder(world.place / "damaged", files))
    for path in paths:
        start = world.last()
        predicted, failed = (world.fails({"archive": str(path)}, kind, check=check) for check in (True, False))
        assert predicted["msg"] == failed["msg"] and predicted["error"] == failed["error"]
        assert said in failed["msg"]
        assert failed["msg"].startswith(f"Cannot read '{path}': ") and failed["error"]["cure"]
        assert not [e for e in world.requests(start) if e["write"] or e["plane"] == "data" or e["token_issued"]]


def test_a_layer_with_other_bytes_is_found_out_when_it_is_sent(world: World) -> None:
    """Nobody reads it all to predict a push. No tag stands for it; it is named once."""
    store = archives.Store()
    image = store.image("one")
    layer = json.loads(store.blobs[image["digest"]])["layers"][0]["digest"]
    other = store.blobs[layer][::-1]
    path = archives.write_folder(world.place / "other", damaged(store.layout(image), layer, other))
    failed = world.fails({"archive": str(path)}, "content_mismatch")
    assert failed["msg"].count(layer) == 1 and failed["error"]["cure"] and failed["changed"] is False
    assert world.remote() == {}


# --- the repository --------------------------------------------------------------------------------------------------


def test_repository_is_created(world: World) -> None:
    wish = {"repository": "shop/new", "archive": world.archives["one"], "create_repository": True}
    predicted, done, again_ = world.image(wish, check=True), world.image(wish), world.image(wish)
    assert [r["created_repository"] for r in (predicted, done, again_)] == [True, True, False]
    assert [r["changed"] for r in (predicted, done, again_)] == [True, True, False]
    assert predicted["diff"] == done["diff"]
    assert predicted["image"] == done["image"]
    assert world.remote("shop/new") == {"latest": done["image"]["digest"]}
    world.fails({"repository": "shop/newer", "archive": world.archives["one"]}, "not_found")


def test_quota_of_repositories_is_looked_at_first(world: World) -> None:
    world.account.emulator.settings({"repository_quota": 2})
    start = world.last()
    wish = {"repository": "shop/new", "archive": world.archives["one"], "create_repository": True}
    for check in (True, False):
        assert "2 of 2" in world.fails(wish, "quota_exceeded", check=check)["msg"]
    assert not [e for e in world.requests(start) if e["write"]]


def test_repositories_are_counted_without_reading_them_all(world: World) -> None:
    many = {"registry": REGISTRY, "repositories": [{"name": f"many/r{number}"} for number in range(150)]}
    world.ok("jcr_repository", many, run_here)
    start = world.last()
    world.image({"repository": "shop/new", "archive": world.archives["one"], "create_repository": True}, check=True)
    assert [e["operation"] for e in world.requests(start)].count("describeRepositories") == 2  # is it there; how many


def test_a_repository_that_was_created_is_told_where_the_push_fails(world: World) -> None:
    world.password()
    fault = {"match": {"plane": "data", "operation": "startUpload"}, "times": None, "action": {"status": {"http": 403}}}
    world.account.emulator.faults([fault])
    wish = {"repository": "shop/new", "archive": world.archives["one"], "create_repository": True}
    assert world.fails(wish, "transfer_refused")["changed"] is True
    world.account.emulator.faults([])
    done = world.image(wish)
    assert (done["changed"], done["created_repository"]) == (True, False)


# --- on the way ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["archive", "from_image"])
def test_a_token_that_is_refused_on_the_way_is_replaced(world: World, way: str) -> None:
    """Whatever the reason: the broker is asked once more, and what it gives is tried."""
    source = {"archive": world.archives["one"]}
    if way == "from_image":
        source = {"from_image": copied(world, "one", registry=OTHER_REGISTRY)}
    start = world.last()
    refusal = {"status": {"http": 401, "status": "UNAUTHORIZED", "message": "the token has expired"}}
    rule = {"match": {"plane": "data", "operation": "finishUpload"}, "times": 1, "action": refusal}
    world.account.emulator.faults([rule])
    done = world.image(source)
    assert done["changed"] is True and world.remote()["latest"] == done["image"]["digest"]
    asked = [e for e in world.requests(start) if e["operation"] == "describeAuthorizationTokens"]
    assert len(asked) >= 2


@pytest.mark.parametrize("death", ["released", "expired"])
@pytest.mark.parametrize("way", ["archive", "from_image"])
def test_a_token_that_dies_on_the_way(world: World, monkeypatch: pytest.MonkeyPatch, death: str, way: str) -> None:
    """It really dies, with the first layer that is through: one other is issued, and the transfer goes on."""
    source = {"archive": world.archives["one"]}
    if way == "from_image":
        source = {"from_image": copied(world, "one")}
    emulator = world.account.emulator
    world.password()
    deaths: list[str] = []

    def tell(progress: ProgressFile, event: str, **fields: t.Any) -> None:
        if event == "layer" and not deaths:
            deaths.append(death)
            if death == "expired":
                emulator.clock(advance_seconds=24 * 3600)
            else:
                world.ok("jcr_token", {"registry": REGISTRY, "state": "absent"}, run_here)

    monkeypatch.setattr(ProgressFile, "tell", tell)
    start = world.last()
    done = world.ok("jcr_image", world.task({**source, "progress_file": str(world.place / "progress.jsonl")}), run_here)
    assert deaths == [death]
    assert [e["token_issued"] for e in world.requests(start)].count(True) == 1
    assert world.remote()["latest"] == done["image"]["digest"]


def test_several_tags_and_the_second_one_fails(world: World) -> None:
    """What was done is told, and the next run does the rest."""
    refusal = {"status": {"http": 403, "status": "DENIED", "message": "no"}}
    rule = {"match": {"operation": "putManifest", "path_regex": ".*/manifests/b$"}, "times": None, "action": refusal}
    world.account.emulator.faults([rule])
    failed = world.fails({"archive": world.archives["one"], "tags": ["a", "b"]}, "transfer_refused")
    assert failed["changed"] is True and "done are the tags a" in failed["msg"]
    world.account.emulator.faults([])
    assert list(world.remote()) == ["a"]
    done = world.image({"archive": world.archives["one"], "tags": ["a", "b"]})
    assert [fate["changed"] for fate in done["image"]["tags"].values()] == [False, True]


@pytest.mark.parametrize("operation", ["startUpload", "patchUpload", "finishUpload", "putManifest"])
@pytest.mark.parametrize("action", ["reset", "lost_answer", {"status": {"http": 503}}])
def test_a_fault_in_the_middle_does_no_harm(world: World, operation: str, action: t.Any) -> None:
    world.account.emulator.faults([{"match": {"plane": "data", "operation": operation}, "times": 1, "action": action}])
    done = world.image({"archive": world.archives["both"], "tags": ["a", "b"]})
    assert world.remote() == dict.fromkeys(["a", "b"], done["image"]["digest"])


@pytest.mark.parametrize("step", ["startUpload", "finishUpload", "putManifest"])
def test_a_task_that_is_killed_leaves_no_tag(world: World, step: str) -> None:
    """The next one sends only what is not there yet."""
    emulator, path = world.account.emulator, world.place / "progress.jsonl"
    match = {"plane": "data", "operation": step, "nth": 1 if step == "putManifest" else 2}
    emulator.faults([{"match": match, "times": None, "action": "hang"}])
    wish = {"archive": world.archives["one"], "tags": ["a", "b"]}
    process = start_module(world.account, "jcr_image", world.task({**wish, "progress_file": str(path)}))
    try:
        layers = 3 if step == "putManifest" else 1
        while process.poll() is None and not (path.exists() and path.read_text().count('"layer"') >= layers):
            time.sleep(0.02)
        assert process.poll() is None, process.stdout.read()
    finally:
        process.kill()
        process.communicate()
    emulator.faults([])
    assert world.remote() == {}
    done = world.image(wish)
    assert world.remote() == dict.fromkeys("ab", world.images["one"].root.digest)
    assert done["transfer"]["layers_existing"] >= layers


def test_an_archive_that_changes_is_not_pushed_by_mistake(world: World) -> None:
    wish = {"archive": world.archives["one"], "archive_image": world.images["two"].root.digest}
    world.fails(wish, "image_not_found")
    assert world.remote() == {}


# --- telling how it gets on ------------------------------------------------------------------------------------------


def test_progress_file(world: World) -> None:
    path = world.place / "progress.jsonl"
    path.write_text('{"event": "of another push"}\n')
    wish = {"archive": world.archives["one"], "tags": ["a", "b"], "progress_file": str(path)}
    world.image(wish, check=True)
    assert len(path.read_text().splitlines()) == 1, "a prediction writes nothing"
    done = world.image(wish)
    other, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert other == {"event": "of another push"}
    assert {line["push"] for line in lines} == {done["image"]["uris"][0]}
    assert [line["event"] for line in lines] == ["begin", "layer", "layer", "layer", "tag", "tag", "end"]
    assert lines[0]["uris"] == done["image"]["uris"]
    found = [{key: line[key] for key in ("digest", "state", "bytes", "seconds")} for line in lines if "state" in line]
    assert sorted(found, key=str) == sorted(done["transfer"]["layers"], key=str)
    assert [line["tag"] for line in lines[4:6]] == ["a", "b"]
    assert lines[-1]["digest"] == done["image"]["digest"]
    held = world.account.emulator.state(secrets=True)["registries"][0]["tokens"]
    assert not any(token["password"] in path.read_text() for token in held)


@pytest.mark.parametrize("option", ["tags", "platforms"])
def test_an_empty_list_is_not_taken_for_all_or_for_a_default(world: World, option: str) -> None:
    start = len(world.account.emulator.requests())
    for check in (True, False):
        failed = world.fails({"archive": world.archives["both"], option: []}, "configuration", check=check)
        assert f"{option} is an empty list. Name a {option[:-1]}, or leave {option} out." in failed["msg"]
    assert len(world.account.emulator.requests()) == start


def test_progress_file_is_written_safely(world: World) -> None:
    target, link, pipe = (world.place / name for name in ("target", "link", "pipe"))
    target.write_text("precious")
    link.symlink_to(target)
    os.mkfifo(pipe)
    for path, why in (
        (link, "it is a symbolic link. Name the file itself"),
        (pipe, "Name a regular file."),
        (world.place, "Is a directory. Name a file."),
        (world.place / "no" / "file", "Create its directory first."),
    ):
        wish = {"archive": world.archives["one"], "progress_file": str(path)}
        wish.update(repository="shop/new", create_repository=True)
        for check in (True, False):
            failed = world.fails(wish, "file", check=check)
            assert str(path) in failed["msg"] and why in failed["msg"] and failed["changed"] is False
    assert target.read_text() == "precious"
    [registry] = [entry for entry in world.account.emulator.state()["registries"] if entry["name"] == REGISTRY]
    assert "shop/new" not in [repository["name"] for repository in registry["repositories"]]


def test_progress_file_tells_why_it_ended(world: World) -> None:
    refusal = {"status": {"http": 403, "status": "DENIED", "message": "no room"}}
    world.account.emulator.faults([{"match": {"operation": "putManifest"}, "times": None, "action": refusal}])
    path = world.place / "progress.jsonl"
    world.fails({"archive": world.archives["one"], "progress_file": str(path)}, "transfer_refused")
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["event"] == "failed" and "no room" in last["why"]


def test_progress_file_has_no_secret_that_a_registry_quotes(world: World) -> None:
    password = world.password()
    refusal = {"status": {"http": 403, "status": "DENIED", "message": f"not with {password}"}}
    world.account.emulator.faults([{"match": {"operation": "putManifest"}, "times": None, "action": refusal}])
    path = world.place / "progress.jsonl"
    world.fails({"archive": world.archives["one"], "progress_file": str(path)}, "transfer_refused")
    assert "not with ****" in path.read_text() and password not in path.read_text()


def test_showing_the_progress_changes_no_result(world: World) -> None:
    """Nor does a module write anything but its result, which run_module would not have."""
    wish = {"archive": world.archives["one"], "tags": ["a", "b"], "show_progress": True}
    predicted, done = world.image(wish, check=True), world.image(wish)
    assert done.keys() == RESULT_KEYS and predicted["diff"] == done["diff"]
