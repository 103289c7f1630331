# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plain docker command, logged in by the playbook: it pulls the image and runs it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from tests.demo.checks import DemoFailed
from tests.demo.screen import Screen
from tests.demo.stage import Stage
from tests.tooling.debian import PACKAGE_OF, install_packages
from tests.tooling.process import Log, StepFailed

CONTAINER = "jcr-demo-{}"

_LONGEST = 120.0  # seconds


def available(stage: Stage, screen: Screen) -> bool:
    """Whether there is a docker command. Where the demo had to start an engine, it is installed if that can be done."""
    if shutil.which("docker"):
        return True
    package = PACKAGE_OF["docker"]
    if stage.own_engine:
        screen.line(f"  installing the package {package} for the docker command …")
        try:
            install_packages([package], Log("demo"))
        except StepFailed as failure:
            screen.line(f"  There is no docker command ({failure}).")
    return shutil.which("docker") is not None


def pull(stage: Stage, screen: Screen, uris: Sequence[str], digest: str) -> None:
    """Forget all names of the image and pull it again; the digest has to be the one pushed."""
    _docker(stage, screen, "image", "rm", *uris)
    for uri in uris:
        told = _docker(stage, screen, "pull", uri)
        if digest not in told:
            raise DemoFailed(f"docker pull {uri} did not bring {digest}")


def run(stage: Stage, screen: Screen, uri: str) -> None:
    """Run the image; a container needs neither a network nor anything else of this machine."""
    name = CONTAINER.format(stage.source.partition(":")[2])
    told = _docker(stage, screen, "run", "--rm", "--name", name, "--network", "none", uri)
    if not told.strip():
        raise DemoFailed(f"docker run {uri} printed nothing")


def _docker(stage: Stage, screen: Screen, *words: str) -> str:
    """Run a docker command and show what it says; returns that."""
    screen.line(f"  $ docker {' '.join(words)}")
    done = subprocess.run(
        ["docker", *words],
        env=stage.user.environment,
        cwd=stage.work,
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LONGEST,
        check=False,
    )
    for line in done.stdout.splitlines():
        screen.line(f"    {line}".rstrip())
    if done.returncode:
        raise DemoFailed(f"docker {words[0]} ended with code {done.returncode}: {done.stdout.strip()}")
    return done.stdout
