# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo plays on: an emulator with an empty account, a Docker Engine with a small image, a user's empty place.

Everything is kept in one temporary directory, with records that let another process take it down.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import tempfile
import typing as t
from pathlib import Path

import docker

from tests.demo import signals
from tests.demo.screen import Screen
from tests.support import emulator, engine, images
from tests.support.playbooks import Playbooks, playbooks

PREFIX = "jcr-demo-"
RECORD = "demo.json"
SOURCE = "jcr-demo-hello"

_PROBE_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Record:
    """What has to be known to leave somebody's Docker Engine as it was."""

    docker_host: str
    own_engine: bool  # a private one, whose images vanish with it
    source: str
    images_before: list[str]

    @classmethod
    def read(cls, directory: Path) -> Record | None:
        """The record in a demo's directory; None if no Docker Engine had been found or started."""
        text = (directory / RECORD).read_text(encoding="utf-8")
        return cls(**json.loads(text)) if text else None

    def write(self, directory: Path) -> None:
        """Keep it in the demo's directory."""
        (directory / RECORD).write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Stage:
    """A demo's surroundings."""

    directory: Path
    emulator: emulator.RunningEmulator
    docker_host: str
    own_engine: bool
    source: str  # the image to push, as the Docker Engine calls it
    user: Playbooks

    @property
    def work(self) -> Path:
        """Where the user works: an empty directory at first."""
        return self.user.place / "work"

    @property
    def ansible_config(self) -> Path:
        """A configuration of Ansible without any setting, so that none of this machine's has a say."""
        return self.work / "ansible.cfg"


def make_directory() -> Path:
    """A private directory for everything that the demo writes."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    (directory / RECORD).write_text("", encoding="utf-8")
    return directory


def set_up(directory: Path, screen: Screen, *, private_engine: bool, faults: list[dict[str, t.Any]]) -> Stage:
    """Start what is needed. Raises EngineUnavailable with one sentence when there can be no Docker Engine."""
    with signals.postponed():
        service = emulator.start(directory)
    service.faults(faults)
    screen.fact("Emulator", f"{service.endpoint}, with an empty account")

    screen.fact("Docker Engine", "looking for one, or starting it; if it has to be installed, that takes a while")
    found = _engine(directory, service, screen, private=private_engine)
    source = f"{SOURCE}:{secrets.token_hex(3)}"
    _record(directory, found, source)
    screen.fact("", _description(found))

    images.load(found.docker_host, images.runnable(source, "Hello from an image that came by way of JCR."))
    screen.fact("Image", f"{source}, made here without a network")
    user = directory / "user"
    user.mkdir()
    stage = Stage(
        directory, service, found.docker_host, found.started, source, playbooks(user, service, found.docker_host)
    )
    stage.work.mkdir()
    stage.ansible_config.touch()
    return stage


def _engine(
    directory: Path, service: emulator.RunningEmulator, screen: Screen, *, private: bool
) -> engine.RunningEngine:
    """This machine's Docker Engine, or a private one if there is none that can reach the emulator."""
    found = engine.find_or_start(directory, reuse=not private)
    if found.started or _reaches(found.docker_host, service):
        return found
    screen.fact("", f"not the one at {found.docker_host}, which cannot reach the emulator")
    try:
        return engine.find_or_start(directory, reuse=False)
    except engine.EngineUnavailable as error:
        raise engine.EngineUnavailable(
            f"The Docker Engine at {found.docker_host} cannot reach an emulator on 127.0.0.1 (is it rootless, or in "
            f"another machine?), and a private one cannot be started: {error}"
        ) from error


def _reaches(docker_host: str, service: emulator.RunningEmulator) -> bool:
    """Whether the engine's requests arrive at the emulator, tried with an image that nobody has."""
    before = len(service.requests())
    client = docker.APIClient(docker_host, timeout=_PROBE_SECONDS)
    try:
        client.pull(f"{service.endpoint.partition('://')[2].partition('/')[0]}/{PREFIX}probe/probe", tag="latest")
    except Exception:  # it never succeeds; the SDK and what it is built on have errors of many kinds
        return any(entry["plane"] == "data" for entry in service.requests(before))
    finally:
        client.close()
    return True


def _record(directory: Path, found: engine.RunningEngine, source: str) -> None:
    fields = {name: getattr(found, name) for name in ("docker_host", "started", "pid", "directory")}
    (directory / engine.RECORD).write_text(json.dumps(fields), encoding="utf-8")
    before = [] if found.started else image_names(found.docker_host)
    Record(found.docker_host, found.started, source, before).write(directory)


def image_names(docker_host: str) -> list[str]:
    """All names of images in a Docker Engine."""
    client = docker.APIClient(docker_host)
    try:
        return sorted(name for image in client.images() for name in image["RepoTags"] or [])
    finally:
        client.close()


def _description(found: engine.RunningEngine) -> str:
    client = docker.APIClient(found.docker_host)
    try:
        version = client.version()["Version"]
    finally:
        client.close()
    origin = "a private one, started for the demo" if found.started else f"the one at {found.docker_host}"
    return f"{version}, {origin}"
