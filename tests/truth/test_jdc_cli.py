# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's command line jdc: it completes all operations, and the profiles that it writes are all that we need."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import (
    DEFAULT_ENDPOINT,
    Account,
    resolve,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import CredentialsError
from ansible_collections.jdcloud.jcr.plugins.module_utils._operations import OPERATIONS
from tests.emulator_tests.api import password_of
from tests.emulator_tests.registry import RegistryClient
from tests.support import tasks
from tests.support.emulator import RunningEmulator, start
from tests.tooling.truth_clients import CLIENTS

REGISTRY = "myregistry"
REPOSITORY = "project-a/web_app"
IN_REGISTRY = ("--registry-name", REGISTRY)
IN_REPOSITORY = (*IN_REGISTRY, "--repository-name", REPOSITORY)


@dataclasses.dataclass(frozen=True)
class Jdc:
    """Runs jdc for a user whose home is a directory of the test."""

    home: Path

    def run(self, *arguments: str) -> str:
        """What a command prints; its exit status is 0 whatever the service said."""
        # Without LANGUAGE and COLUMNS it spends a third of its time on looking for a translation and a terminal.
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "C",
            "COLUMNS": "80",
        }
        command = [CLIENTS.path / "bin" / "jdc", *arguments]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def result(self, operation: str, *arguments: str) -> t.Any:
        """The result of an operation that has to work."""
        answer = json.loads(self.run("containerregistry", operation, *arguments))
        assert answer["error"] is None
        return answer["result"]

    def results(self, *commands: tuple[str, ...]) -> list[t.Any]:
        """The results of operations that have to work, and that may run at the same time."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(lambda command: self.result(*command), commands))

    def add_profile(self, name: str, emulator: RunningEmulator) -> None:
        """Add a profile for the emulator as a user would; it is the current one then."""
        keys = ("--access-key", emulator.access_key, "--secret-key", emulator.secret_key.replace("%", "%%"))
        scheme, endpoint = emulator.endpoint.split("://")
        address = ("--endpoint", endpoint, "--scheme", scheme, "--region-id", emulator.region)
        assert "successfully" in self.run("configure", "add", "--profile", name, *keys, *address)

    def account(self, options: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> Account:
        """What our code makes of the files in this home."""
        return resolve(options or {}, environ or {}, str(self.home))


@pytest.fixture(scope="module")
def configured_home(tmp_path_factory: pytest.TempPathFactory, emulator_process: RunningEmulator) -> Path:
    """A home in which jdc has written a profile for the emulator; tests work on copies."""
    home = tmp_path_factory.mktemp("home")
    Jdc(home).add_profile("emulator", emulator_process)
    return home


@pytest.fixture
def jdc(configured_home: Path, tmp_path: Path) -> Jdc:
    """jdc with a profile for the emulator."""
    return Jdc(shutil.copytree(configured_home, tmp_path / "home"))


def test_all_operations(jdc: Jdc, emulator: RunningEmulator, connect: t.Callable[[Account], Client]) -> None:
    client = connect(jdc.account())
    made = jdc.result("create-registry", *IN_REGISTRY, "--description", "测试 描述")["registry"]
    assert client.registry(REGISTRY)["description"] == made["description"] == "测试 描述"

    there, listed, taken, free, quotas, token = jdc.results(
        ("describe-registry", *IN_REGISTRY),
        ("describe-registries",),
        ("check-registry-name", *IN_REGISTRY),
        ("check-repository-name", *IN_REPOSITORY),
        ("describe-quotas",),
        ("get-authorization-token", *IN_REGISTRY, "--expired-after-hours", "2"),
    )
    assert [there["registry"]] == listed["registries"] == [made]
    assert (taken["code"], free["code"]) == (client.check_registry_name(REGISTRY)[0], 0) == (3, 0)
    used = {quota["resource_type"]: quota["used"] for quota in client.quotas()}
    assert {quota["resourceType"]: quota["used"] for quota in quotas["quotas"]} == used

    jdc.result("create-repository", *IN_REPOSITORY)
    pusher = RegistryClient(f"http://{made['registryUri']}", password_of(token["authorizationToken"]))
    digests = [pusher.push_image(REPOSITORY, tag, tag.encode()) for tag in ("v1", "v2")]
    filters = [{"name": "registryName", "values": [REGISTRY]}, {"name": "imageTag", "values": ["v2"]}]
    repositories, images, tokens = jdc.results(
        ("describe-repositories", *IN_REGISTRY, "--page-size", "10"),
        ("describe-images", "--filters", json.dumps(filters)),
        ("describe-authorization-tokens", *IN_REGISTRY),
    )
    assert [one["repositoryName"] for one in repositories["repositories"]] == [REPOSITORY]
    assert [(one["imageDigest"], one["imageTags"]) for one in images["imageDetails"]] == [(digests[1], ["v2"])]
    assert tokens["authorizationTokens"][0]["authorizationToken"] == token["authorizationToken"]

    emulator.settings({"mfa": True, "mfa_tokens": ["mfa-token-123"]})
    protection = ("--headers", json.dumps({"x-jdcloud-security-token": "mfa-token-123"}))
    jdc.results(
        ("delete-image", *IN_REPOSITORY, "--image-tag", "v1", *protection),
        ("release-authorization-token", *IN_REGISTRY, "--authorization-token", token["authorizationToken"]),
    )
    assert [image["digest"] for image in client.images(REGISTRY, REPOSITORY)] == digests[1:]
    assert client.tokens(REGISTRY) == []
    jdc.result("delete-repository", *IN_REPOSITORY, "--force", "true", *protection)
    jdc.result("delete-registry", *IN_REGISTRY, *protection)
    assert client.registries() == []
    calls = [entry for entry in emulator.requests() if entry["user_agent"].startswith("JdcloudSdkPython")]
    assert {entry["operation"] for entry in calls} == set(OPERATIONS)
    assert {entry["status"] for entry in calls} == {200}


def test_profiles_that_jdc_writes_are_read(jdc: Jdc, emulator: RunningEmulator) -> None:
    current = jdc.account()
    assert current.credential.access_key == emulator.access_key
    assert current.credential.secret_key.reveal() == emulator.secret_key
    assert "'emulator'" in current.credential.source
    assert (current.region, current.endpoint) == (emulator.region, emulator.endpoint)

    keys = ("--access-key", "AK2", "--secret-key", "SK2", "--region-id", "cn-east-2")
    jdc.run("configure", "add", "--profile", "shanghai", *keys)
    current = jdc.account()
    assert (current.credential.access_key, current.region) == ("AK2", "cn-east-2")
    # The endpoint that jdc writes for everything is not one of this service.
    assert "endpoint = www.jdcloud-api.com" in (jdc.home / ".jdc" / "config").read_text(encoding="utf-8")
    assert current.endpoint == DEFAULT_ENDPOINT
    assert jdc.account({"profile": "emulator"}).endpoint == emulator.endpoint
    assert jdc.account(environ={"JDCLOUD_PROFILE": "emulator"}).region == emulator.region
    assert jdc.account({"region": "cn-south-1"}).region == "cn-south-1"

    jdc.run("configure", "use", "--profile", "emulator")
    assert jdc.account().credential.access_key == emulator.access_key
    jdc.run("configure", "delete", "--profile", "shanghai")
    with pytest.raises(CredentialsError, match="there are: emulator"):
        jdc.account({"profile": "shanghai"})


def test_a_percent_sign_in_a_key(tmp_path: Path, connect: t.Callable[[Account], Client]) -> None:
    """jdc has to be told %% for it and writes that; both sign with %."""
    jdc = Jdc(tmp_path)
    with start(tmp_path, keys=("AK", "50%secret")) as emulator:
        jdc.add_profile("emulator", emulator)
        assert jdc.result("describe-registries") == {"registries": []}
        assert connect(jdc.account()).registries() == []


class ProfileOnly(tasks.Account):
    """A user who has nothing but the home that jdc has written to."""

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": os.environ["PATH"]}


def test_our_modules_work_with_the_profile_alone(jdc: Jdc, emulator: RunningEmulator) -> None:
    user = ProfileOnly(emulator, jdc.home)
    made = tasks.run_module(user, "jcr_registry", {"name": REGISTRY})
    assert made["changed"] is True, made
    assert jdc.result("describe-registry", *IN_REGISTRY)["registry"]["registryUri"] == made["registry"]["uri"]
    assert tasks.run_here(user, "jcr_registry", {"name": REGISTRY})["changed"] is False
