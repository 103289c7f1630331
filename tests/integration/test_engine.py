# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine port with real Docker Engines and the emulator's registry.

Everything is tried with the classic image store and with containerd's: they speak to registries in other ways, and tell
of it in other words.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    DeadlineExceeded,
    EngineError,
    ImageNotFound,
    JcrError,
    LoginRefused,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import LayerEvent, layers_of_manifest
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.emulator_tests.registry import Account, RegistryClient
from tests.support import images
from tests.support.contents import push_platforms
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine

REGISTRY = "myregistry"
REPOSITORY = "app/web"
DOCKER = shutil.which("docker")
_numbers = itertools.count()


def limit(seconds: float = 300.0) -> Deadline:
    return Deadline(Clock(), seconds)


class Bench:
    """An engine, and a registry with two declared repositories."""

    def __init__(self, engine: RunningEngine, emulator: RunningEmulator, store: str) -> None:
        self.store = store
        self.uploads = {"classic": "PATCH", "containerd": "PUT"}[store]  # how the bytes of a layer are sent
        self.docker_host = engine.docker_host
        self.emulator = emulator
        self.account = Account(emulator)
        self.registry: RegistryClient = self.account.declare(REGISTRY, REPOSITORY, "app/other")
        self.password = Secret(self.registry.password or "")
        self.engine = Engine(engine.docker_host)

    def name(self, tag: str = "1", repository: str = REPOSITORY) -> str:
        return f"{self.registry.host}/{repository}:{tag}"

    def load(self, tag: str = "1", repository: str = REPOSITORY, layers: int = 0, size: int = 5000) -> str:
        """A local image of this name, which is like no other; returns its id."""
        number = next(_numbers)
        name = self.name(tag, repository)
        made = images.layered(name, layers, size, seed=number) if layers else images.runnable(name, f"hello {number}")
        return images.load(self.docker_host, made)

    def push(self, tag: str = "1", repository: str = REPOSITORY, **options: t.Any) -> dict[str, t.Any]:
        return self._transfer(self.engine.push, self.name(tag, repository), **options)

    def pull(self, tag: str = "1", repository: str = REPOSITORY, **options: t.Any) -> dict[str, t.Any]:
        return self._transfer(self.engine.pull, self.name(tag, repository), **options)

    def _transfer(self, work: t.Callable[..., t.Any], name: str, **options: t.Any) -> dict[str, t.Any]:
        options = {"password": self.password, "deadline": limit(), **options}
        return t.cast(dict[str, t.Any], work(name, "jdcloud", **options))

    def fault(self, action: t.Any, method: str, path: str, times: int | None = None, nth: int = 1) -> None:
        match = {"plane": "data", "method": method, "path_regex": path, "nth": nth}
        self.emulator.faults([{"match": match, "times": times, "action": action}])

    def tags(self) -> dict[str, str]:
        """What the registry holds: tag to digest."""
        held = self.account.images(REGISTRY, REPOSITORY)
        return {tag: image["digest"] for image in held for tag in image["tags"]}


ENGINES = {"classic": "docker_engine", "containerd": "containerd_engine"}


@pytest.fixture(params=sorted(ENGINES))
def bench(request: pytest.FixtureRequest, emulator: RunningEmulator) -> t.Iterator[Bench]:
    made = Bench(request.getfixturevalue(ENGINES[request.param]), emulator, request.param)
    yield made
    made.engine.close()


# --- what should work ------------------------------------------------------------------------------------------------


def test_push_and_push_again(bench: Bench) -> None:
    bench.load(layers=3, size=100_000)
    first = bench.push()
    assert bench.tags() == {"1": first["digest"]}
    assert (first["layers_total"], first["layers_pushed"]) == (3, 3)
    if bench.store == "classic":  # containerd's store tells of no bytes where a layer is quickly through
        assert first["bytes_sent"] == 300_000
    again = bench.push()
    assert again["digest"] == first["digest"]
    assert (again["layers_total"], again["layers_existing"], again["bytes_sent"]) == (3, 3, 0)


def test_layers_of_another_repository_are_mounted(bench: Bench) -> None:
    bench.load(layers=2)
    digest = bench.push()["digest"]
    bench.engine.tag(bench.name(), bench.name(repository="app/other"))
    mounted = bench.push(repository="app/other")
    assert (mounted["digest"], mounted["layers_mounted"]) == (digest, 2)


def blobs(bench: Bench, tag: str = "1") -> list[dict[str, t.Any]]:
    """The layers of an image as the registry has them, the lowest first."""
    return t.cast(list[dict[str, t.Any]], bench.registry.get_manifest(REPOSITORY, tag).json()["layers"])


def test_layers_are_told_by_the_digests_of_the_registry(bench: Bench) -> None:
    """The engine calls them otherwise, and in its own order; the bytes are those that the registry holds."""
    bench.load(layers=3, size=100_000)
    local = bench.engine.inspect(bench.name())
    told: list[LayerEvent] = []
    pushed = bench.push(progress=told.append)
    found = layers_of_manifest(pushed["layers"], blobs(bench), local["diff_ids"])
    assert [(layer["digest"], layer["bytes"], layer["state"]) for layer in found] == [
        (blob["digest"], blob["size"], "pushed") for blob in blobs(bench)
    ]
    assert {event.layer for event in told} == {layer["id"] for layer in pushed["layers"]}
    if bench.store == "classic":
        assert [event.bytes for event in told if event.state == "pushed"] == [100_000] * 3
    bench.engine.remove(bench.name())
    pulled = bench.pull()
    found = layers_of_manifest(pulled["layers"], blobs(bench), [])
    assert [(layer["digest"], layer["state"]) for layer in found] == [
        (blob["digest"], "pulled") for blob in blobs(bench)
    ]
    assert (pulled["layers_total"], pulled["layers_pulled"], pulled["layers_existing"]) == (3, 3, 0)
    again = bench.push()
    assert [layer["state"] for layer in again["layers"]] == ["existing"] * 3


def test_pull(bench: Bench) -> None:
    image_id = bench.load(layers=2)
    digest = bench.push()["digest"]
    bench.engine.remove(bench.name())
    assert bench.engine.inspect(bench.name()) is None
    repository = bench.name().rpartition(":")[0]
    wanted = {"id": image_id, "digest": digest, "repo_digests": [f"{repository}@{digest}"]}
    assert wanted.items() <= bench.pull().items()
    assert wanted.items() <= bench.pull().items(), "up to date"
    bench.engine.remove(bench.name())
    by_digest = bench.engine.pull(f"{repository}@{digest}", "jdcloud", bench.password, deadline=limit())
    assert wanted.items() <= by_digest.items()


def test_pull_of_a_tag_that_moved(bench: Bench) -> None:
    bench.load()
    bench.push()
    old_id = bench.engine.inspect(bench.name())["id"]
    bench.engine.tag(bench.name(), bench.name("kept"))
    new_id = bench.load()
    new = bench.push()["digest"]
    bench.engine.tag(bench.name("kept"), bench.name())  # this host missed the new version
    assert bench.engine.inspect(bench.name())["id"] == old_id
    pulled = bench.pull()
    assert (pulled["id"], pulled["digest"]) == (new_id, new)
    assert new_id not in ("", old_id)


@pytest.mark.parametrize("message", ["hello from here", "and again: 你好"])
def test_the_tiny_image_runs(bench: Bench, message: str) -> None:
    name = bench.name("run")
    image_id = images.load(bench.docker_host, images.runnable(name, message))
    pushed = bench.push("run")
    assert image_id == (images.runnable(name, message).id if bench.store == "classic" else pushed["digest"])
    bench.engine.remove(name)
    bench.pull("run")
    assert DOCKER, "the docker CLI belongs to the engine's package"
    command = [DOCKER, "--host", bench.docker_host, "run", "--rm", "--network", "none", name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, message + "\n", "")


def test_an_image_that_a_container_needs_stays(bench: Bench) -> None:
    name = bench.name("needed")
    images.load(bench.docker_host, images.runnable(name, "needed"))
    assert DOCKER, "the docker CLI belongs to the engine's package"
    docker = [DOCKER, "--host", bench.docker_host]
    created = subprocess.run([*docker, "create", "--network", "none", name], capture_output=True, check=True)
    try:
        with pytest.raises(EngineError, match="container") as refused:
            bench.engine.remove(name)
    finally:
        subprocess.run([*docker, "rm", created.stdout.decode().strip()], capture_output=True, check=True)
    assert "Remove the container" in refused.value.cure
    assert bench.engine.remove(name)


# --- what should be refused ------------------------------------------------------------------------------------------


def test_push_to_an_undeclared_repository(bench: Bench) -> None:
    bench.load(repository="app/undeclared")
    with pytest.raises(TransferRefused, match="name unknown|404 Not Found") as caught:
        bench.push(repository="app/undeclared")
    assert "jcr_repository" in caught.value.cure


def test_pull_from_an_undeclared_repository(bench: Bench) -> None:
    """With containerd's store the engine does not say whether the repository or the tag is missing."""
    error = {"classic": TransferRefused, "containerd": ImageNotFound}[bench.store]
    with pytest.raises(error, match="name unknown|not found"):
        bench.pull(repository="app/undeclared")


def test_pull_of_a_tag_that_does_not_exist(bench: Bench) -> None:
    with pytest.raises(ImageNotFound):
        bench.pull("none")


def test_push_of_an_image_that_does_not_exist(bench: Bench) -> None:
    with pytest.raises(ImageNotFound) as caught:
        bench.push("none")
    assert caught.value.message.startswith(f"Cannot push '{bench.name('none')}'")


@pytest.mark.parametrize("act", ["push", "pull"])
def test_wrong_password(bench: Bench, act: str) -> None:
    bench.load()
    with pytest.raises(LoginRefused, match="unauthorized|401 Unauthorized") as caught:
        getattr(bench, act)(password=Secret("a-wrong-password"))
    assert "a-wrong-password" not in caught.value.message


def test_a_token_released_before_the_push(bench: Bench) -> None:
    bench.load()
    bench.account.release(REGISTRY)
    with pytest.raises(LoginRefused, match="unauthorized|401 Unauthorized"):
        bench.push()
    assert bench.tags() == {}


def test_a_token_that_is_refused_in_the_middle(bench: Bench) -> None:
    bench.load(layers=2)
    refusal = {"status": {"http": 401, "status": "UNAUTHORIZED", "message": "the token has expired"}}
    bench.fault(refusal, bench.uploads, "/uploads/")
    with pytest.raises(LoginRefused, match="the token has expired|401 Unauthorized"):
        bench.push()
    assert bench.tags() == {}


UNKNOWN_CODES = [
    # dockerd (classic) knows neither: it would try for 50 seconds, and say no more than "unknown: no entry" in the end
    ({"http": 403, "status": "FORBIDDEN", "message": "no entry"}, TransferRefused, "403 FORBIDDEN: no entry"),
    ({"http": 401, "status": "TOKEN_EXPIRED", "message": "no entry"}, LoginRefused, "401 TOKEN_EXPIRED: no entry"),
]


@pytest.mark.parametrize("when", ["at the beginning", "in the middle"])
@pytest.mark.parametrize(("status", "error", "cause"), UNKNOWN_CODES, ids=["403", "401"])
def test_a_refusal_that_dockerd_does_not_know_ends_the_push_at_the_first_wait(
    bench: Bench, when: str, status: dict[str, t.Any], error: type[JcrError], cause: str
) -> None:
    bench.load(layers=1)
    bench.fault({"status": status}, "POST" if when == "at the beginning" else bench.uploads, "/uploads/")
    with pytest.raises(error) as caught:
        bench.push()
    if bench.store == "classic":
        assert cause in caught.value.cause
        assert "had put the push off 1 times" in caught.value.cause
    assert caught.value.kind == error.kind
    assert bench.tags() == {}
    bench.emulator.faults([])
    assert bench.push()["digest"] == bench.tags()["1"]


def test_too_many_requests(bench: Bench) -> None:
    bench.load()
    bench.fault({"status": {"http": 429, "message": "slow down"}}, "POST", "/uploads/")
    with pytest.raises(TransferRefused, match="toomanyrequests: slow down|429 Too Many Requests") as caught:
        bench.push()
    assert (caught.value.retryable, caught.value.attempts) == (True, 1)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_the_manifest_is_not_taken(bench: Bench) -> None:
    """All layers arrive, and yet nothing is pushed."""
    bench.load(layers=2)
    bench.fault({"status": {"http": 500}}, "PUT", "/manifests/")
    with pytest.raises(TransferFailed, match="500"):
        bench.push()
    assert bench.tags() == {}


def test_a_push_that_is_put_off_once_gets_through(bench: Bench) -> None:
    """dockerd tries again after 5 seconds; our asking the registry meanwhile counts as no pull.

    With containerd's store it does not, and says so.
    """
    bench.load(layers=1)
    bench.fault({"status": {"http": 503}}, bench.uploads, "/uploads/", times=1)
    if bench.store == "containerd":
        with pytest.raises(TransferFailed, match="503 Service Unavailable") as caught:
            bench.push()
        assert (caught.value.retryable, caught.value.attempts) == (True, 1)
        return
    digest = bench.push()["digest"]
    assert bench.tags() == {"1": digest}
    asked = [entry["path"] for entry in bench.emulator.requests() if "/manifests/sha256:000" in entry["path"]]
    assert asked, "the registry was asked"
    assert [image["pulls"] for image in bench.account.images(REGISTRY, REPOSITORY)] == [0]


def test_a_push_that_is_cut_over_and_over_ends_with_the_deadline(bench: Bench) -> None:
    """dockerd goes on and on; with containerd's store the first cut is the end."""
    bench.load(layers=1)
    bench.fault("reset", bench.uploads, "/uploads/")
    if bench.store == "containerd":
        with pytest.raises(TransferFailed) as failed:
            bench.push()
        assert (failed.value.retryable, failed.value.attempts, bench.tags()) == (True, 1, {})
        return
    with pytest.raises(DeadlineExceeded) as caught:
        bench.push(deadline=limit(2))
    assert "deadline of 2 seconds passed; 0 of 1 layers were through" in caught.value.cause
    assert "was put off 1 time, as engines do when the registry fails" in caught.value.cause
    assert bench.tags() == {}


@pytest.mark.parametrize("act", ["push", "pull"])
def test_a_registry_that_falls_silent_in_the_middle(bench: Bench, act: str) -> None:
    """The deadline closes the stream, upon which the engine gives up: nothing is half done."""
    bench.load(layers=1)
    if act == "pull":
        bench.push()
        bench.engine.remove(bench.name())
    bench.fault("hang", *((bench.uploads, "/uploads/") if act == "push" else ("GET", "/blobs/")))
    with pytest.raises(DeadlineExceeded) as caught:
        getattr(bench, act)(deadline=limit(2))
    assert re.search("deadline of 2 seconds passed; (0 of 1 layers|the engine had not)", caught.value.cause)
    assert bench.tags().keys() == ({"1"} if act == "pull" else set())
    bench.emulator.faults([])
    assert getattr(bench, act)()["digest"] == bench.tags()["1"]


def test_a_push_to_a_registry_that_is_not_there(bench: Bench) -> None:
    bench.load()
    name = "127.0.0.1:1/app/web:1"
    bench.engine.tag(bench.name(), name)
    with pytest.raises(Unreachable, match="connection refused"):
        bench.engine.push(name, "jdcloud", bench.password, deadline=limit())


@pytest.mark.parametrize(
    "damage",
    [{"body": {"text": "not the config", "content_type": "application/octet-stream"}}, {"status": {"http": 500}}],
    ids=["other bytes", "500"],
)
def test_the_older_image_is_not_taken_for_the_one_that_could_not_be_pulled(
    bench: Bench, damage: dict[str, t.Any]
) -> None:
    """The SDK's images.pull() returns the older image as success here."""
    old_id = bench.load()
    old = bench.push()["digest"]
    bench.load()
    new = bench.push()["digest"]
    repository = bench.name().rpartition(":")[0]
    bench.engine.remove(f"{repository}@{new}")
    bench.engine.remove(bench.name())
    bench.engine.pull(f"{repository}@{old}", "jdcloud", bench.password, deadline=limit())
    bench.engine.tag(f"{repository}@{old}", bench.name())
    bench.fault(damage, "GET", "/blobs/")
    with pytest.raises(TransferFailed):
        bench.pull()
    assert bench.engine.inspect(bench.name())["id"] == old_id


def test_what_an_engine_has_of_an_image_for_several_platforms(bench: Bench) -> None:
    """dockerd 26 pushes an index as a whole or not at all; later ones push the image that they have."""
    index, *children = push_platforms(bench.registry, REPOSITORY, "1")
    bench.pull()
    if bench.store == "classic":
        assert bench.engine.inspect(bench.name())["id"] not in (index, *children)
        return
    assert bench.engine.inspect(bench.name())["id"] == index
    bench.engine.tag(bench.name(), bench.name(repository="app/other"))
    try:
        pushed = bench.push(repository="app/other")["digest"]
    except EngineError as error:
        assert "missing content" in error.cause and "from_image" in error.cure
    else:
        assert pushed == bench.engine.inspect(bench.name())["pushed_as"]
        assert pushed in children
