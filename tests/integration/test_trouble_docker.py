# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trouble with images, as whole tasks with a real Docker Engine, as a module and in the controller's process.

The rest of it is in tests/conversations/test_trouble.py.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import typing as t

import docker
import pytest

from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.failures import assert_failure
from tests.support.tasks import WAYS, Account, Run, run_here

REGISTRY = "myregistry"
REPOSITORY = "shop/web"
PLACE = f"'{REPOSITORY}' of registry '{REGISTRY}' in cn-north-1"


class Bench:
    """An account with a declared repository, and a local image that no other test has."""

    def __init__(self, emulator: RunningEmulator, engine: RunningEngine, home: pathlib.Path) -> None:
        self.emulator = emulator
        self.account = Account(emulator, home, {"DOCKER_HOST": engine.docker_host})
        self.source = f"source-{secrets.token_hex(4)}:latest"
        self.image_id = images.load(engine.docker_host, images.runnable(self.source, message=self.source))
        self.do("jcr_registry", name=REGISTRY)
        self.uri = self.do("jcr_repository", registry=REGISTRY, name=REPOSITORY)["repository"]["uri"]

    def do(self, module: str, **options: t.Any) -> dict[str, t.Any]:
        result = run_here(self.account, module, options)
        assert not result.get("failed"), result["msg"]
        return result

    def image(self, run: Run, *, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        source = {} if options.get("state") == "pulled" else {"source": self.source}
        wish = {"registry": REGISTRY, "repository": REPOSITORY, "tag": "1.0", **source, **options}
        return run(self.account, "jcr_image", wish, check=check)

    def fault(self, action: t.Any, method: str, path: str) -> None:
        match = {"plane": "data", "method": method, "path_regex": path}
        self.emulator.faults([{"match": match, "times": None, "action": action}])

    def tags(self) -> list[str]:
        """What the repository holds."""
        (registry,) = self.emulator.state()["registries"]
        return [tag for held in registry["repositories"] for image in held["images"] for tag in image["tags"]]

    def written(self) -> list[str]:
        return [entry["operation"] for entry in self.emulator.requests() if entry["write"] or entry["token_issued"]]


@pytest.fixture
def bench(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: pathlib.Path) -> t.Iterator[Bench]:
    made = Bench(emulator, docker_engine, tmp_path)
    yield made
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        client.remove_image(made.image_id, force=True)


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def test_no_such_local_image(bench: Bench, run: Run) -> None:
    """A prediction may come before the task that builds the image, so that it goes on with a warning."""
    before = bench.written()
    missing = "shop-that-nobody-built:1.0"
    result = bench.image(run, source=missing)
    cause = f"Docker Engine has no image '{missing}'"
    assert_failure(result, "image_not_found", f"push image '{missing}' to {PLACE}", cause, "Build, load or pull it")
    predicted = bench.image(run, source=missing, check=True)
    assert predicted["changed"] is True and cause in str(predicted["warnings"])
    assert bench.written() == before, "no token, no upload"


def test_no_such_image_in_the_registry(bench: Bench, run: Run) -> None:
    result = bench.image(run, state="pulled")
    cause = f"there is no image '{bench.uri}:1.0' in the registry"
    assert_failure(result, "image_not_found", f"pull 1.0 from {PLACE}", cause, "Push it first, or check the tag")


REFUSALS = [
    # what the registry says, kind, cause, cure
    (
        {"http": 401, "status": "UNAUTHORIZED", "message": "the token was released"},
        "login_refused",
        "unauthorized",
        "run the task again",
    ),
    (
        {"http": 403, "status": "DENIED", "message": "requested access is denied"},
        "transfer_refused",
        "denied",
        "may push and pull",
    ),
    ({"http": 429, "message": "slow down"}, "transfer_refused", "toomanyrequests: slow down", "try again later"),
]


@pytest.mark.parametrize(("status", "kind", "cause", "cure"), REFUSALS, ids=[str(row[0]["http"]) for row in REFUSALS])
def test_push_refused(bench: Bench, run: Run, status: dict[str, t.Any], kind: str, cause: str, cure: str) -> None:
    bench.fault({"status": status}, "POST", "/uploads/")
    result = bench.image(run, retries=1)
    assert_failure(result, kind, f"push '{bench.uri}:1.0'", cause, cure)
    busy = status["http"] == 429
    assert (result["error"]["retryable"], result["error"]["attempts"]) == (busy, 2 if busy else 1)
    assert bench.tags() == []
    bench.emulator.faults([])
    assert bench.image(run)["changed"] is True
    assert bench.tags() == ["1.0"]


@pytest.mark.parametrize("state", ["present", "pulled"])
def test_registry_that_is_busy_for_a_while(bench: Bench, run: Run, state: str) -> None:
    """No Docker Engine waits after a 429; the task does."""
    busy = {"status": {"http": 429, "message": "slow down"}}
    if state == "pulled":
        bench.image(run, keep_local_tag=False)
        with contextlib.closing(docker.APIClient(bench.account.environment()["DOCKER_HOST"])) as client:
            client.remove_image(bench.image_id, force=True)
    match = {"plane": "data", "method": "POST" if state == "present" else "GET", "path_regex": "/uploads/|/manifests/"}
    bench.emulator.faults([{"match": match, "times": 2, "action": busy}])
    result = bench.image(run, state=state)
    assert result["changed"] is True, result
    assert bench.tags() == ["1.0"]


def test_pull_refused(bench: Bench, run: Run) -> None:
    """The engine has never heard of what it is to pull."""
    bench.image(run, keep_local_tag=False)
    with contextlib.closing(docker.APIClient(bench.account.environment()["DOCKER_HOST"])) as client:
        client.remove_image(bench.image_id, force=True)
    refusal = {"http": 403, "status": "DENIED", "message": "requested access is denied"}
    bench.fault({"status": refusal}, "GET", "/manifests/")
    result = bench.image(run, state="pulled")
    assert_failure(result, "transfer_refused", f"pull '{bench.uri}:1.0'", "denied", "Check that the token belongs to")
    bench.emulator.faults([])
    assert bench.image(run, state="pulled")["image"]["pulled_id"] == bench.image_id


def test_push_cut_in_the_middle(bench: Bench, run: Run) -> None:
    """dockerd begins again and again; the deadline is the end of it."""
    bench.fault("reset", "PATCH", "/uploads/")
    result = bench.image(run, deadline=3)
    cause = "the task's deadline of 3 seconds passed"
    assert_failure(result, "deadline", f"push '{bench.uri}:1.0'", cause, "Raise deadline")
    assert bench.tags() == []


@pytest.mark.parametrize(
    ("code", "kind", "cure", "attempts"),
    [
        (500, "transfer_failed", "The registry failed: try again later", 2),
        (507, "transfer_refused", "The registry has no room left", 1),
        (501, "transfer_failed", "Something else answers in the registry's place", 1),
    ],
)
def test_push_whose_manifest_is_not_taken(
    bench: Bench, run: Run, code: int, kind: str, cure: str, attempts: int
) -> None:
    """All layers have arrived, and the engine's last word is an error. What stays is not tried again."""
    bench.fault({"status": {"http": code}}, "PUT", "/manifests/")
    result = bench.image(run, retries=1)
    assert (result["error"]["retryable"], result["error"]["attempts"]) == (attempts > 1, attempts)
    assert_failure(result, kind, f"push '{bench.uri}:1.0'", f"received unexpected HTTP status: {code}", cure)
    assert bench.tags() == []
    bench.emulator.faults([])
    assert bench.image(run)["changed"] is True


def test_push_that_is_not_there_afterwards(bench: Bench, run: Run) -> None:
    """Whatever was said: what counts is what the registry holds."""
    nothing = {"requestId": "r-1", "result": {"totalCount": 0}}
    match = {"operation": "describeImages"}
    bench.emulator.faults([{"match": match, "times": None, "action": {"body": {"text": json.dumps(nothing)}}}])
    result = bench.image(run)
    cause = "reading back still shows the old state, or another one (to do: create '1.0')"
    about = f"push image '{bench.source}' to {PLACE}"
    assert_failure(result, "not_applied", about, cause, "Run the task again", changed=True)


def test_repository_that_disappears_before_the_push(bench: Bench, run: Run) -> None:
    """Deleted by somebody else after it was looked for: this task still believes that it is there."""
    there = {"repositoryName": REPOSITORY, "registryName": REGISTRY, "repositoryUri": bench.uri}
    listing = {"requestId": "r-1", "result": {"repositories": [there], "totalCount": 1}}
    bench.do("jcr_repository", registry=REGISTRY, name=REPOSITORY, state="absent")
    match = {"operation": "describeRepositories"}
    bench.emulator.faults([{"match": match, "times": None, "action": {"body": {"text": json.dumps(listing)}}}])
    result = bench.image(run)
    cure = "Create the repository first (jcr_repository)"
    assert_failure(result, "transfer_refused", f"push '{bench.uri}:1.0'", "name unknown", cure)


def test_sixth_token(bench: Bench, run: Run) -> None:
    """Predicted as it comes, and nothing is given a name or uploaded on the way there."""
    for hours in range(1, 6):
        bench.do("jcr_token", registry=REGISTRY, hours=hours, min_remaining=hours * 60 - 30)
    before = bench.written()
    wish = {"hours": 6, "min_remaining": 330}
    result = bench.image(run, **wish)
    about = f"issue a token of registry '{REGISTRY}' in cn-north-1"
    assert_failure(result, "token_budget", about, "5 were issued within the last hour", "Run again then")
    assert bench.image(run, check=True, **wish)["msg"] == result["msg"]
    assert bench.written() == before
    assert bench.image(run, **wish, on_rate_limit="reuse")["changed"] is True
    assert bench.image(run, **wish)["changed"] is False, "what is done needs no token"


def test_docker_host_in_clear(bench: Bench, run: Run) -> None:
    """The engine would get the token in a header."""
    result = bench.image(run, docker_host="tcp://192.0.2.1:2375")
    about = f"push image '{bench.source}' to {PLACE}"
    assert_failure(result, "configuration", about, "is not encrypted", "Set tls_verify")
