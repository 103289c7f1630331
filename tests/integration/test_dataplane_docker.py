# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane as the docker CLI and a real dockerd use it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import typing as t
from pathlib import Path

import docker
import pytest

from tests.emulator_tests.registry import Account, RegistryClient
from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine

REGISTRY = "dataplane"
REPOSITORY = "team-a/web"
_TIMEOUT = 300
_numbers = itertools.count()


class Docker:
    """Runs the docker CLI with a configuration of its own, against one registry."""

    def __init__(self, engine: RunningEngine, home: Path, registry: RegistryClient) -> None:
        self.registry = registry
        self.engine = docker.APIClient(engine.docker_host, timeout=_TIMEOUT)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DOCKER_CONFIG": str(home),
            "DOCKER_HOST": engine.docker_host,
        }

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        line = ["docker", *arguments]
        return subprocess.run(
            line, input=stdin, env=self.environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that has to work; returns what it writes."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def login(self, password: str | None = None) -> subprocess.CompletedProcess[str]:
        """Log in, with the registry's own password unless another one is given."""
        arguments = ("login", "--username", "jdcloud", "--password-stdin", self.registry.host)
        return self.run(*arguments, stdin=password or self.registry.password)

    def name(self, repository: str = REPOSITORY, tag: str = "v1") -> str:
        """What docker calls an image of the registry."""
        return f"{self.registry.host}/{repository}:{tag}"

    def image(self, name: str, layers: int = 3) -> str:
        """Load an image that is like no other; returns its id."""
        return images.load(self.engine, images.layered(name, layers, 20_000, seed=next(_numbers)))


@pytest.fixture
def account(emulator: RunningEmulator) -> Account:
    return Account(emulator)


@pytest.fixture
def cli(docker_engine: RunningEngine, account: Account, tmp_path: Path) -> t.Iterator[Docker]:
    registry = account.declare(REGISTRY, REPOSITORY, "team-b/web")
    client = Docker(docker_engine, tmp_path, registry)
    yield client
    for image in client.engine.images():
        if any(tag.startswith(registry.host) for tag in image["RepoTags"] or []):
            client.engine.remove_image(image["Id"], force=True)
    client.engine.close()


def writes(emulator: RunningEmulator) -> list[str]:
    """The writing requests that the registry got."""
    return [entry["operation"] for entry in emulator.requests() if entry["plane"] == "data" and entry["write"]]


def test_login_push_pull(account: Account, cli: Docker) -> None:
    image_id = cli.image(cli.name())
    assert cli.login().returncode == 0
    pushed = cli.ok("push", cli.name())
    digest = re.search(r"sha256:[0-9a-f]{64}", pushed)
    (stored,) = account.images(REGISTRY, REPOSITORY)
    assert digest is not None
    assert (stored["digest"], stored["tags"], stored["pulls"]) == (digest[0], ["v1"], 0)
    cli.ok("rmi", cli.name())
    cli.ok("pull", cli.name())
    assert cli.engine.inspect_image(cli.name())["Id"] == image_id
    assert account.images(REGISTRY, REPOSITORY)[0]["pulls"] == 1


def test_unchanged_push_uploads_nothing(emulator: RunningEmulator, cli: Docker) -> None:
    cli.image(cli.name())
    cli.login()
    cli.ok("push", cli.name())
    before = len(writes(emulator))
    cli.ok("push", cli.name())
    assert writes(emulator)[before:] == ["putManifest"]


def test_push_to_another_repository_mounts(emulator: RunningEmulator, cli: Docker) -> None:
    cli.image(cli.name())
    cli.login()
    cli.ok("push", cli.name())
    cli.ok("tag", cli.name(), cli.name("team-b/web"))
    before = len(writes(emulator))
    assert "Mounted from team-a/web" in cli.ok("push", cli.name("team-b/web"))
    # The config is not a layer: docker uploads it always.
    assert writes(emulator)[before:].count("patchUpload") == 1


def test_manifest_list(account: Account, cli: Docker) -> None:
    cli.login()
    for tag in ("one", "two"):
        cli.image(cli.name(tag=tag))
        cli.ok("push", cli.name(tag=tag))
    names = [cli.name(tag=tag) for tag in ("one", "two")]
    cli.ok("manifest", "create", "--insecure", cli.name(tag="all"), *names)
    cli.ok("manifest", "push", "--insecure", cli.name(tag="all"))
    tags = [tag for image in account.images(REGISTRY, REPOSITORY) for tag in image["tags"]]
    assert sorted(tags) == ["all", "one", "two"]


def test_refusals_can_be_read(emulator: RunningEmulator, account: Account, cli: Docker) -> None:
    assert "user name or password is wrong" in cli.login("wrong").stderr
    cli.image(cli.name())
    assert "authentication required" in cli.run("push", cli.name()).stderr
    cli.login()
    cli.ok("tag", cli.name(), cli.name("not/declared"))
    undeclared = "name unknown: repository 'not/declared' does not exist in registry 'dataplane'; create the repository"
    assert undeclared in cli.run("push", cli.name("not/declared")).stderr
    assert undeclared in cli.run("pull", cli.name("not/declared")).stderr
    assert "tag 'v9' is not in the repository" in cli.run("pull", cli.name(tag="v9")).stderr
    account.release(REGISTRY)
    for command in ("push", "pull"):
        assert "unauthorized: registry 'dataplane': the authorization token was released" in (
            cli.run(command, cli.name()).stderr
        )
    cli.registry.password = account.issue(REGISTRY, hours=1)
    assert cli.login().returncode == 0
    emulator.clock(advance_seconds=3601)
    assert "the authorization token has expired" in cli.run("push", cli.name()).stderr


def test_basic_challenge(emulator: RunningEmulator, cli: Docker) -> None:
    emulator.settings({"challenge": "basic"})
    cli.image(cli.name())
    assert cli.login().returncode == 0
    cli.ok("push", cli.name())
    cli.ok("pull", cli.name())
    assert cli.login("wrong").returncode != 0


def test_token_released_in_the_middle_of_a_push(
    emulator: RunningEmulator, account: Account, cli: Docker, docker_engine: RunningEngine
) -> None:
    """The engine has the bearer and has begun; its next request is refused all the same."""
    cli.login()
    push = begin_push_and_stop_the_engine(emulator, cli, docker_engine)
    try:
        account.release(REGISTRY)
    finally:
        os.kill(docker_engine.pid, signal.SIGCONT)
    output, _nothing = push.communicate(timeout=_TIMEOUT)
    assert b"unauthorized: registry 'dataplane': the authorization token was released" in output
    assert [image for image in account.images(REGISTRY, REPOSITORY) if "stopped" in image["tags"]] == []


def begin_push_and_stop_the_engine(
    emulator: RunningEmulator, cli: Docker, engine: RunningEngine
) -> subprocess.Popen[bytes]:
    """Let the engine's process stand still after its first upload and before its last request.

    A push that is over before that is repeated with another image.
    """
    name = cli.name(tag="stopped")
    while True:
        cli.image(name, layers=8)
        before = len(writes(emulator))
        push = subprocess.Popen(
            ["docker", "push", name], env=cli.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        while "startUpload" not in writes(emulator)[before:] and push.poll() is None:
            pass
        os.kill(engine.pid, signal.SIGSTOP)
        if push.poll() is None and "putManifest" not in writes(emulator)[before:]:
            return push
        os.kill(engine.pid, signal.SIGCONT)
        push.communicate(timeout=_TIMEOUT)
        cli.engine.remove_image(name, force=True)
