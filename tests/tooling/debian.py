# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs from Debian's or Ubuntu's packages that the tests drive."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.tooling.process import Log, StepFailed

# In this order: where docker.io does not bring the docker command, the package docker-cli does.
PACKAGE_OF = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "podman": "podman",
    "shellcheck": "shellcheck",
}
SYSTEM_FOLDERS = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


def missing_programs() -> list[str]:
    """The programs of PACKAGE_OF that are not on this machine."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_FOLDERS))
    return [program for program in PACKAGE_OF if shutil.which(program, path=path) is None]


def install_programs(log: Log) -> None:
    """Install the missing programs.

    Raises:
        StepFailed: not root, no apt-get, or apt-get failed; says what to install.
    """
    missing = missing_programs()
    if "dockerd" in missing:
        without_client = [program for program in missing if program != "docker"]
        install_packages([PACKAGE_OF[program] for program in without_client], log)
        missing = missing_programs()
    if missing:
        install_packages([PACKAGE_OF[program] for program in missing], log)


def install_packages(packages: Sequence[str], log: Log) -> None:
    """Install packages by apt-get; the services among them are not started.

    Raises:
        StepFailed: not root, no apt-get, or apt-get failed; says what to install.
    """
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise StepFailed(f"install what Debian calls: {wanted}")
    if os.geteuid() != 0:
        raise StepFailed(f"run: sudo apt-get install {wanted}")
    variables = {"DEBIAN_FRONTEND": "noninteractive"}
    patient = ("-q", "-o", "DPkg::Lock::Timeout=300")
    with services_not_started():
        log.run("apt-get", *patient, "update", variables=variables)
        log.run("apt-get", *patient, "install", "-y", "--no-install-recommends", *packages, variables=variables)


@contextmanager
def services_not_started() -> Iterator[None]:
    """Debian asks this policy before a package starts its service; the tests start what they need themselves."""
    if SERVICE_POLICY.exists():
        yield
        return
    SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink()
