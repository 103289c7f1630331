# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docker, skopeo and podman with tokens of our broker: what they push is what our client sees, digest by digest.

The fine print of the protocol is tested in tests/emulator_tests; here the whole chain counts.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
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
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import OCI_INDEX, descriptor, digest_of, encode
from tests.support import images
from tests.support.engine import RunningEngine

REGISTRY = "clients"
REPOSITORY = "team-a/web"
OTHER = "team-b/web"
LOCAL = "hello:v1"
MESSAGE = "hello from the truth tests"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PLATFORMS = {"x86_64": "amd64", "aarch64": "arm64"}  # what this machine may be: its name and that of its images


@dataclasses.dataclass(frozen=True)
class Program:
    """A container tool that knows only what is in directories of the test; C(login_file) is where it keeps logins."""

    command: tuple[str, ...]
    environment: dict[str, str]
    login_file: Path
    plain_http: tuple[str, ...] = ()

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        command, environment = [*self.command, *arguments], {"PATH": os.environ["PATH"], **self.environment}
        return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that has to work; returns what it writes."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def login(self, host: str, password: Secret | str) -> subprocess.CompletedProcess[str]:
        """Log user jdcloud in."""
        word = password.reveal() if isinstance(password, Secret) else password
        return self.run("login", *self.plain_http, "--username", "jdcloud", "--password-stdin", host, stdin=word)


@dataclasses.dataclass(frozen=True)
class Team:
    """A registry with two repositories and a token, all through our own code."""

    client: Client
    host: str
    password: Secret

    def name(self, repository: str = REPOSITORY, tag: str = "v1") -> str:
        return f"{self.host}/{repository}:{tag}"

    def images(self, repository: str = REPOSITORY) -> dict[str, list[str]]:
        """Tags by digest, as describeImages tells them."""
        return {image["digest"]: image["tags"] for image in self.client.images(REGISTRY, repository)}


@pytest.fixture
def team(client: Client, tmp_path: Path) -> Team:
    host = client.create_registry(REGISTRY)["uri"]
    for repository in (REPOSITORY, OTHER):
        client.create_repository(REGISTRY, repository)
    broker = TokenBroker(KnownTokens(client, str(tmp_path / "tokens")), clock=Clock())
    token = broker.acquire(REGISTRY, hours=1, min_remaining=datetime.timedelta(minutes=30))
    return Team(client, host, token.password)


@pytest.fixture
def docker(docker_engine: RunningEngine, tmp_path: Path) -> t.Iterator[Program]:
    """The docker command with an engine that has one small image that runs."""
    home = directory(tmp_path / "docker")
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "DOCKER_HOST": docker_engine.docker_host}
    program = Program(("docker",), environment, home / "config.json")
    images.load(docker_engine.docker_host, images.runnable(LOCAL, MESSAGE))
    yield program
    for image in set(program.ok("image", "ls", "--quiet", "--no-trunc").split()):
        program.ok("image", "rm", "--force", image)


@pytest.fixture
def skopeo(tmp_path: Path) -> Program:
    home = directory(tmp_path / "skopeo")
    (home / "registries.conf").write_text("unqualified-search-registries = []\n", encoding="utf-8")
    options = ("--insecure-policy", "--tmpdir", str(home), "--registries-conf", str(home / "registries.conf"))
    return Program(("skopeo", *options), container_environment(home), home / "auth.json", ("--tls-verify=false",))


@pytest.fixture
def podman(tmp_path: Path) -> Program:
    """podman with an image store of its own."""
    home = directory(tmp_path / "podman")
    storage = f'[storage]\ndriver = "vfs"\nrunroot = "{home}/run"\ngraphroot = "{home}/root"\n'
    engine = f'[engine]\nlock_type = "file"\nevents_logger = "none"\ntmp_dir = "{home}/tmp"\n'
    (home / "storage.conf").write_text(storage, encoding="utf-8")
    (home / "containers.conf").write_text(engine, encoding="utf-8")
    environment = container_environment(home) | {
        "CONTAINERS_CONF": str(home / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
    }
    return Program(("podman",), environment, home / "auth.json", ("--tls-verify=false",))


@pytest.fixture
def programs(docker: Program, skopeo: Program, podman: Program) -> dict[str, Program]:
    return {"docker": docker, "skopeo": skopeo, "podman": podman}


def directory(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def container_environment(home: Path) -> dict[str, str]:
    """What keeps skopeo and podman below one directory: without the last one root shares a cache in /var."""
    names = ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")
    logins = {"REGISTRY_AUTH_FILE": str(home / "auth.json")}
    return {**dict.fromkeys(names, str(home)), **logins, "_CONTAINERS_ROOTLESS_UID": "1"}


# --- each client -----------------------------------------------------------------------------------------------------


def test_docker(team: Team, docker: Program) -> None:
    assert docker.login(team.host, team.password).returncode == 0
    docker.ok("tag", LOCAL, team.name())
    (digest,) = set(DIGEST.findall(docker.ok("push", team.name())))
    assert team.images() == {digest: ["v1"]}
    docker.ok("image", "rm", LOCAL, team.name())
    assert digest in docker.ok("pull", team.name())
    known_as = docker.ok("image", "inspect", "--format", "{{index .RepoDigests 0}}", team.name()).strip()
    assert known_as == f"{team.host}/{REPOSITORY}@{digest}"
    assert docker.ok("run", "--rm", "--network=none", team.name()) == MESSAGE + "\n"
    assert [image["pulls"] for image in team.client.images(REGISTRY, REPOSITORY)] == [1]


def test_podman(team: Team, podman: Program, tmp_path: Path) -> None:
    assert podman.login(team.host, team.password).returncode == 0
    podman.ok("load", "--input", str(archive(tmp_path, "x86_64")))
    podman.ok("tag", f"localhost/{LOCAL}", team.name())
    podman.ok("push", "--tls-verify=false", "--digestfile", str(tmp_path / "digest"), team.name())
    digest = (tmp_path / "digest").read_text(encoding="ascii")
    assert team.images() == {digest: ["v1"]}
    podman.ok("rmi", "--all", "--force")
    podman.ok("pull", "--tls-verify=false", "--arch=amd64", team.name())
    assert podman.ok("image", "inspect", "--format", "{{.Digest}}", team.name()).strip() == digest


def archive(place: Path, machine: str) -> Path:
    """A docker-archive of an image for a kind of machine; named :v1 always."""
    path = place / f"{machine}.tar"
    path.write_bytes(images.runnable(LOCAL, MESSAGE, machine).data())
    return path


# --- skopeo, and Docker's own registry beside us ----------------------------------------------------------------------


@dataclasses.dataclass
class Session:
    """What a session with skopeo saw."""

    tags: list[str] = dataclasses.field(default_factory=list)
    digests: dict[str, str] = dataclasses.field(default_factory=dict)
    platform_digests: dict[str, str] = dataclasses.field(default_factory=dict)
    pulled: set[str] = dataclasses.field(default_factory=set)
    copied: str = ""
    tags_after_delete: list[str] = dataclasses.field(default_factory=list)
    error_after_delete: bool = False


@pytest.fixture
def layout(skopeo: Program, tmp_path: Path) -> Path:
    """An OCI layout with an image for each of two platforms, and an index of both that is tagged all."""
    path = tmp_path / "layout"
    for machine, architecture in PLATFORMS.items():
        skopeo.ok("copy", f"docker-archive:{archive(tmp_path, machine)}", f"oci:{path}:{architecture}")
    document = json.loads((path / "index.json").read_text(encoding="utf-8"))
    entries = [
        {
            **{key: entry[key] for key in ("mediaType", "digest", "size")},
            "platform": {"os": "linux", "architecture": entry["annotations"]["org.opencontainers.image.ref.name"]},
        }
        for entry in document["manifests"]
    ]
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    (path / "blobs" / digest_of(index).replace(":", "/")).write_bytes(index)
    tag = {"annotations": {"org.opencontainers.image.ref.name": "all"}}
    document["manifests"].append({**descriptor(index, OCI_INDEX), **tag})
    (path / "index.json").write_bytes(encode(document))
    return path


def push_and_look(skopeo: Program, host: str, layout: Path, place: Path) -> Session:
    """Push from an OCI layout and a directory, list, inspect, copy, pull."""
    session = Session()
    remote = f"docker://{host}/{REPOSITORY}"
    from_layout, plain = ("--dest-tls-verify=false",), ("--tls-verify=false",)
    both = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo.ok("copy", f"oci:{layout}:arm64", f"dir:{place}/source")
    skopeo.ok("copy", *from_layout, f"dir:{place}/source", f"{remote}:v1")
    skopeo.ok("copy", *from_layout, f"docker-archive:{layout.parent}/x86_64.tar", f"{remote}:v2")
    skopeo.ok("copy", *from_layout, "--all", "--preserve-digests", f"oci:{layout}:all", f"{remote}:all")
    skopeo.ok("copy", *both, "--preserve-digests", f"{remote}:v2", f"docker://{host}/{OTHER}:promoted")
    session.tags = list_tags(skopeo, remote)
    for tag in session.tags:
        raw = skopeo.ok("inspect", *plain, "--raw", f"{remote}:{tag}")
        session.digests[tag] = digest_of(raw.encode())
    for architecture in PLATFORMS.values():
        chosen = dataclasses.replace(skopeo, command=(*skopeo.command, f"--override-arch={architecture}"))
        shown = json.loads(chosen.ok("inspect", *plain, f"{remote}:all"))
        session.platform_digests[shown["Architecture"]] = shown["Digest"]
    skopeo.ok("copy", "--src-tls-verify=false", "--all", f"{remote}:all", f"dir:{place}/pulled")
    session.pulled = {path.name for path in (place / "pulled").iterdir()}
    session.copied = json.loads(skopeo.ok("inspect", *plain, f"docker://{host}/{OTHER}:promoted"))["Digest"]
    return session


def delete_and_look(skopeo: Program, host: str, session: Session) -> None:
    """Delete one tag's image and see what is left."""
    remote = f"docker://{host}/{REPOSITORY}"
    skopeo.ok("delete", "--tls-verify=false", f"{remote}:v2")
    session.tags_after_delete = list_tags(skopeo, remote)
    session.error_after_delete = skopeo.run("inspect", "--tls-verify=false", f"{remote}:v2").returncode != 0


def list_tags(skopeo: Program, remote: str) -> list[str]:
    """The tags, in order: Docker's registry lists them in none."""
    return sorted(json.loads(skopeo.ok("list-tags", "--tls-verify=false", remote))["Tags"])


def test_skopeo_sees_what_it_sees_at_dockers_own_registry(
    team: Team, skopeo: Program, layout: Path, tmp_path: Path
) -> None:
    assert skopeo.login(team.host, team.password).returncode == 0
    ours = push_and_look(skopeo, team.host, layout, directory(tmp_path / "ours"))
    described = team.images()
    assert {tag: digest for digest, tags in described.items() for tag in tags} == ours.digests
    assert team.images(OTHER) == {ours.copied: ["promoted"]}
    assert ours.copied == ours.digests["v2"]
    (index,) = team.client.images(REGISTRY, REPOSITORY, tag="all")
    assert index["media_type"] == OCI_INDEX
    assert sorted(index["platforms"]) == ["linux/amd64", "linux/arm64"]
    assert all(digest in described for digest in ours.platform_digests.values())
    delete_and_look(skopeo, team.host, ours)
    assert team.images() == {digest: tags for digest, tags in described.items() if tags != ["v2"]}
    assert ours.error_after_delete

    with docker_registry.serve(directory(tmp_path / "oracle")) as url:
        host = url.removeprefix("http://")
        theirs = push_and_look(skopeo, host, layout, directory(tmp_path / "theirs"))
        delete_and_look(skopeo, host, theirs)
    assert ours == theirs


# --- logins ----------------------------------------------------------------------------------------------------------


SAID_OF_A_WRONG_PASSWORD = {
    "docker": "user name or password is wrong",
    "skopeo": "invalid username/password",
    "podman": "invalid username/password",
}


@pytest.mark.parametrize("name", SAID_OF_A_WRONG_PASSWORD)
def test_a_login_of_theirs_is_read_by_us_and_ends_with_the_token(
    team: Team, programs: dict[str, Program], name: str
) -> None:
    program = programs[name]
    wrong = program.login(team.host, "wrong")
    assert wrong.returncode != 0
    assert SAID_OF_A_WRONG_PASSWORD[name] in wrong.stderr
    assert not program.login_file.exists() or team.host not in program.login_file.read_text(encoding="utf-8")
    assert program.login(team.host, team.password).returncode == 0
    config = DockerConfig(str(program.login_file), clock=Clock())
    expected = {"username": "jdcloud", "fingerprint": team.password.fingerprint()}
    assert config.read([team.host]) == {team.host: expected}
    assert config.is_current({team.host: ("jdcloud", team.password)})
    team.client.release_all_tokens(REGISTRY)
    assert program.login(team.host, team.password).returncode != 0


def test_a_login_of_ours_serves_all_clients(team: Team, docker: Program, skopeo: Program, podman: Program) -> None:
    """docker pushes an image; skopeo copies it; podman pulls the copy: one digest all the way."""
    for program in (docker, skopeo, podman):
        config = DockerConfig(str(program.login_file), clock=Clock())
        assert config.write({team.host: ("jdcloud", team.password)}) is True
    docker.ok("tag", LOCAL, team.name())
    docker.ok("push", team.name())
    ((digest, tags),) = team.images().items()
    assert tags == ["v1"]
    insecure = ("--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests")
    skopeo.ok("copy", *insecure, f"docker://{team.name()}", f"docker://{team.name(OTHER)}")
    assert team.images(OTHER) == {digest: ["v1"]}
    podman.ok("pull", "--tls-verify=false", team.name(OTHER))
    assert podman.ok("image", "inspect", "--format", "{{.Digest}}", team.name(OTHER)).strip() == digest
    for program in (docker, skopeo, podman):
        program.ok("logout", team.host)
        assert DockerConfig(str(program.login_file), clock=Clock()).read([team.host]) == {team.host: None}
