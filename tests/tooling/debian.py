# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs from Debian's or Ubuntu's packages that the tests drive."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
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


def unpack_packages(packages: Sequence[str], release: str, folder: Path) -> None:
    """Unpack packages of another Debian release below `folder`, installing nothing; does nothing if they are there.

    They come from where this machine has its own packages from, and apt proves their signatures.

    Raises:
        StepFailed: this is not Debian, or apt failed; says how.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock, tempfile.TemporaryDirectory(dir=folder.parent) as name:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if folder.exists():
            return
        place = Path(name)
        apt = ("apt-get", "-q", *private_apt(place, release))
        run_here(place, *apt, "update")
        run_here(place, *apt, "download", *packages)
        for package in place.glob("*.deb"):
            run_here(place, "dpkg-deb", "-x", str(package), str(place / "unpacked"))
        (place / "unpacked").replace(folder)


def private_apt(place: Path, release: str) -> list[str]:
    """Options that let apt know one release of Debian only, and keep all it writes in `place`."""
    keys = ("--format", "$(REPO_URI)", "Origin: Debian", "Component: main", "Created-By: Packages")
    mirrors = run_here(place, "apt-get", "indextargets", *keys).split()
    if not mirrors:
        raise StepFailed(f"apt knows no source of Debian's packages, and so none of its release {release}")
    (place / "sources.list").write_text(f"deb {mirrors[0]} {release} main\n", encoding="ascii")
    for name in ("lists/partial", "cache/archives/partial"):
        (place / name).mkdir(parents=True)
    options = {
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": place / "lists",
        "Dir::Cache": place / "cache",
        "APT::Sandbox::User": "root",
    }
    return [text for name, value in options.items() for text in ("-o", f"{name}={value}")]


def run_here(place: Path, *command: str) -> str:
    """What a command prints that works in `place`.

    Raises:
        StepFailed: it is not there, or failed.
    """
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise StepFailed(f"there is no program {command[0]}") from None
    if done.returncode:
        raise StepFailed(f"{' '.join(command)} ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


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
