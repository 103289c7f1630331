# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all benchmarks run on: an emulator, a Docker Engine of their own, and ansible-playbook with a private home."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import yaml

from tests.support.emulator import RunningEmulator
from tests.support.emulator import start as start_emulator
from tests.support.engine import find_or_start

REGISTRY, REPOSITORY = "bench", "shop/web"
Play = t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass
class Stage:
    """Running parts, and the folder that all files of the run are in."""

    emulator: RunningEmulator
    docker_host: str
    directory: Path
    collections: Path | None = None

    def environment(self) -> dict[str, str]:
        environment = {
            "HOME": str(self.directory),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "JDCLOUD_ENDPOINT": self.emulator.endpoint,
            "JDCLOUD_ACCESS_KEY": self.emulator.access_key,
            "JDCLOUD_SECRET_KEY": self.emulator.secret_key,
            "JCR_TOKEN_CACHE": str(self.directory / "tokens"),
            "DOCKER_HOST": self.docker_host,
            "DOCKER_CONFIG": str(self.directory / "docker"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }
        if self.collections:
            environment["ANSIBLE_COLLECTIONS_PATH"] = str(self.collections)
        return environment

    def play(self, tasks: Play, variables: t.Mapping[str, t.Any] | None = None) -> float:
        """Run the tasks on localhost; returns the seconds that ansible-playbook took."""
        play = {"hosts": "localhost", "gather_facts": False, "vars": dict(variables or {}), "tasks": list(tasks)}
        path = self.directory / "play.yml"
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return self.run(["ansible-playbook", str(path)])

    def run(self, command: t.Sequence[str]) -> float:
        """Run a command that has to succeed; returns the seconds it took."""
        started = time.perf_counter()
        done = subprocess.run(command, cwd=self.directory, env=self.environment(), capture_output=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            output = (done.stdout + done.stderr).decode("utf-8", "replace")
            raise RuntimeError(f"{' '.join(command)} failed:\n{output[-3000:]}")
        return seconds


@contextlib.contextmanager
def stage(directory: Path) -> t.Iterator[Stage]:
    """Start emulator and engine; both are stopped in the end."""
    engine = find_or_start(directory / "engine", reuse=False)
    try:
        with start_emulator(directory) as emulator:
            yield Stage(emulator, engine.docker_host, directory)
    finally:
        engine.stop()


def median(measure: t.Callable[[], float], times: int = 3) -> float:
    """The median of several measurements, in seconds."""
    return sorted(measure() for _time in range(times))[times // 2]
