# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all benchmarks run on: an emulator, a Docker Engine of their own, and ansible-playbook with a private home."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sys
import typing as t
from pathlib import Path

import yaml

from tests.benchmarks import measuring
from tests.benchmarks.figures import Cost
from tests.support.emulator import RunningEmulator
from tests.support.emulator import start as start_emulator
from tests.support.engine import find_or_start

CHECKOUT = Path(__file__).resolve().parents[2]
REGISTRY, REPOSITORY = "bench", "shop/web"
REGISTRY_TASK = {"jdcloud.jcr.jcr_registry": {"name": REGISTRY}}
REPOSITORY_TASK = {"jdcloud.jcr.jcr_repository": {"registry": REGISTRY, "name": REPOSITORY}}
LOGIN_TASK = {"jdcloud.jcr.jcr_login": {"registry": REGISTRY}}
PING_TASK: dict[str, t.Any] = {"ansible.builtin.ping": {}}
# More than any real account has: what is measured is the collection, not the account's limits.
_SETTINGS = {"registry_quota": 1000, "repository_quota": 100_000}

Play = t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass
class Stage:
    """Running parts, and the folder that all files of the run are in."""

    emulator: RunningEmulator
    directory: Path
    parts: contextlib.ExitStack
    collections: Path | None = None
    configuration: Path | None = None  # of Ansible

    @functools.cached_property
    def docker_host(self) -> str:
        """The Docker Engine, started when it is first asked for."""
        engine = find_or_start(self.directory / "engine", reuse=False)
        self.parts.callback(engine.stop)
        return engine.docker_host

    def environment(self) -> dict[str, str]:
        environment = {
            "HOME": str(self.directory),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "JDCLOUD_ENDPOINT": self.emulator.endpoint,
            "JDCLOUD_ACCESS_KEY": self.emulator.access_key,
            "JDCLOUD_SECRET_KEY": self.emulator.secret_key,
            "JCR_TOKEN_CACHE": str(self.directory / "tokens"),
            "DOCKER_CONFIG": str(self.directory / "docker"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }
        if "docker_host" in self.__dict__:
            environment["DOCKER_HOST"] = self.docker_host
        if self.collections:
            environment["ANSIBLE_COLLECTIONS_PATH"] = str(self.collections)
        if self.configuration:
            environment["ANSIBLE_CONFIG"] = str(self.configuration)
        return environment

    @contextlib.contextmanager
    def configured(self, setting: str) -> t.Iterator[None]:
        """Let Ansible run with a setting that only its configuration file can give."""
        self.configuration = self.directory / "ansible.cfg"
        self.configuration.write_text(f"[defaults]\n{setting}\n", encoding="utf-8")
        try:
            yield
        finally:
            self.configuration = None

    def play(self, tasks: Play, variables: t.Mapping[str, t.Any] | None = None) -> Cost:
        """What ansible-playbook takes for these tasks on localhost."""
        # As JSON: reading thousands of entries in YAML would take longer than the task that gets them.
        (self.directory / "variables.json").write_text(json.dumps(dict(variables or {})), encoding="utf-8")
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars_files": ["variables.json"],
            "tasks": list(tasks),
        }
        path = self.directory / "play.yml"
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return self.run(["ansible-playbook", str(path)])

    def run(self, command: t.Sequence[str | os.PathLike[str]]) -> Cost:
        """What a command takes that has to succeed."""
        return self.output(command)[0]

    def output(self, command: t.Sequence[str | os.PathLike[str]]) -> tuple[Cost, bytes]:
        """What a command takes that has to succeed, and what it wrote to standard output."""
        return measuring.run(command, cwd=self.directory, env=self.environment())


@contextlib.contextmanager
def stage(directory: Path) -> t.Iterator[Stage]:
    """Start the emulator and have a registry with a repository in it; everything is stopped in the end."""
    with contextlib.ExitStack() as parts:
        emulator = parts.enter_context(start_emulator(directory, settings=_SETTINGS))
        place = Stage(emulator, directory, parts)
        place.play([REGISTRY_TASK, REPOSITORY_TASK])
        yield place
