# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the docker client looks for a login is where C(store) puts it: told by pushes of the real client.

What skopeo and podman make of an empty helper is recorded here as well: it is why none is written without need.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import DockerConfig
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker
from tests.support import images
from tests.support.engine import RunningEngine
from tests.support.examples import install_helper

REGISTRY, REPOSITORY = "stores", "shop/web"
WRONG = ("jdcloud", Secret("a-wrong-password"))


@dataclasses.dataclass
class Desk:
    """A docker configuration, the programs that read it, and a registry with one image that is to be pushed."""

    config: Path
    environment: dict[str, str]
    host: str
    login: tuple[str, Secret]

    def store(self, name: str, login: tuple[str, Secret] | None = None) -> bool:
        return DockerConfig(str(self.config), clock=Clock(), store=name).write({self.host: login or self.login})

    def says(self) -> dict[str, t.Any]:
        """What the configuration says of stores."""
        document = json.loads(self.config.read_text(encoding="utf-8"))
        return {name: document[name] for name in ("credsStore", "credHelpers") if name in document}

    def docker(self, *arguments: str) -> bool:
        return self._run("docker", *arguments)

    def pushes(self) -> bool:
        return self.docker("push", f"{self.host}/{REPOSITORY}:1")

    def skopeo_sees(self) -> bool:
        return self._run("skopeo", "list-tags", "--tls-verify=false", f"docker://{self.host}/{REPOSITORY}")

    def _run(self, *command: str) -> bool:
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0


@pytest.fixture
def desk(
    client: Client, docker_engine: RunningEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> t.Iterator[Desk]:
    host = client.create_registry(REGISTRY)["uri"]
    client.create_repository(REGISTRY, REPOSITORY)
    broker = TokenBroker(KnownTokens(client, str(tmp_path / "tokens")), clock=Clock())
    token = broker.acquire(REGISTRY, hours=1, min_remaining=datetime.timedelta(minutes=30))
    (tmp_path / "home").mkdir(mode=0o700)
    for name in ("vault", "other"):
        install_helper(tmp_path / name, name)
    monkeypatch.setenv("PATH", f"{tmp_path}/vault:{tmp_path}/other:{os.environ['PATH']}")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "DOCKER_CONFIG": str(tmp_path / "home"),
        "DOCKER_HOST": docker_engine.docker_host,
        "REGISTRY_AUTH_FILE": str(tmp_path / "home" / "config.json"),
        "XDG_RUNTIME_DIR": str(tmp_path / "home"),
    }
    made = Desk(tmp_path / "home" / "config.json", environment, host, (token.username, token.password))
    name = f"{host}/{REPOSITORY}:1"
    images.load(docker_engine.docker_host, images.runnable(name, "stores"))
    yield made
    assert made.docker("image", "rm", name)


BEFORE = {
    "nothing": {},
    "a store for all that is not installed": {"credsStore": "not-installed"},
    "a store for all with a wrong login": {"credsStore": "other"},
    "a helper of this host with a wrong login": {"credHelpers": {"HOST": "other"}},
}


def put(desk: Desk, configured: dict[str, t.Any]) -> None:
    text = json.dumps(configured).replace("HOST", desk.host)
    desk.config.write_text(text)
    desk.config.chmod(0o600)
    if "other" in text:
        desk.store("auto", WRONG)
        assert not desk.pushes()


@pytest.mark.parametrize("configured", BEFORE)
def test_docker_finds_the_login_in_the_file(desk: Desk, configured: str) -> None:
    put(desk, BEFORE[configured])
    assert desk.store("file")
    assert desk.pushes()
    assert desk.docker("logout", desk.host) or "not-installed" in configured
    needed = {desk.host: ""} if "credsStore" in BEFORE[configured] else None
    assert desk.says().get("credHelpers") == needed


@pytest.mark.parametrize("configured", BEFORE)
def test_docker_finds_the_login_in_the_helper(desk: Desk, configured: str) -> None:
    put(desk, BEFORE[configured])
    assert desk.store("vault")
    assert desk.pushes()
    assert desk.skopeo_sees()
    assert DockerConfig(str(desk.config), clock=Clock(), store="vault").erase([desk.host])
    assert desk.host not in desk.says().get("credHelpers", {})


def test_docker_login_goes_where_we_said(desk: Desk) -> None:
    """So our entry is one that docker itself would go by."""
    desk.config.write_text('{"credsStore": "other"}')
    desk.store("file", WRONG)
    command = ["docker", "login", "--username", "jdcloud", "--password-stdin", desk.host]
    done = subprocess.run(
        command, input=desk.login[1].reveal(), env=desk.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert DockerConfig(str(desk.config), clock=Clock(), store="file").is_current({desk.host: desk.login})


def test_why_an_empty_helper_is_written_only_where_it_has_to_be(desk: Desk) -> None:
    """skopeo, and podman with it, looks for a program of that name, which is none."""
    assert desk.store("file")
    assert desk.pushes() and desk.skopeo_sees()
    document = json.loads(desk.config.read_text())
    desk.config.write_text(json.dumps({**document, "credHelpers": {desk.host: ""}}))
    assert desk.pushes()
    assert not desk.skopeo_sees()
