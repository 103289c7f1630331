# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What leaves the checkout for Ansible Galaxy: the tarball, and the changelog that is in it."""

from __future__ import annotations

import tarfile
from pathlib import Path

from tests.tooling.process import CHECKOUT, VENV, Log, StepFailed

DIST = CHECKOUT / "dist"
NEEDED = {
    "FILES.json",
    "MANIFEST.json",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "changelogs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
SHIPPED = NEEDED | {"docs"}
LARGEST_TARBALL = 20 * 1024 * 1024  # bytes; Ansible Galaxy's limit


def build(log: Log, temporary: Path) -> None:
    """Build the tarball into dist/, install it elsewhere, and check that it is whole there and holds nothing else.

    Raises:
        StepFailed: a file too many, an installation that differs, or wrong execution-environment metadata.
    """
    galaxy, built, installed = VENV / "bin" / "ansible-galaxy", temporary / "built", temporary / "installed"
    log.run(galaxy, "collection", "build", "--output-path", built)
    [tarball] = built.iterdir()
    check_contents(tarball)
    log.run(galaxy, "collection", "install", "--force", "--offline", "--collections-path", installed, tarball)
    log.run(galaxy, "collection", "verify", "--offline", "--collections-path", installed, "jdcloud.jcr")
    log.run(VENV / "bin" / "ansible-builder", "introspect", installed)
    DIST.mkdir(exist_ok=True)
    tarball.replace(DIST / tarball.name)


def check_contents(tarball: Path) -> None:
    """Fail for a tarball that is too large, lacks a part, or holds one that users do not need."""
    with tarfile.open(tarball) as archive:
        parts = {name.split("/")[0] for name in archive.getnames()}
    if parts - SHIPPED:
        raise StepFailed(f"the tarball holds {', '.join(sorted(parts - SHIPPED))}: extend build_ignore in galaxy.yml")
    if NEEDED - parts:
        raise StepFailed(f"the tarball lacks {', '.join(sorted(NEEDED - parts))}")
    size = tarball.stat().st_size
    if size > LARGEST_TARBALL:
        raise StepFailed(f"the tarball has {size} bytes, Ansible Galaxy takes {LARGEST_TARBALL}")


def changelog(log: Log, temporary: Path) -> None:
    """Bring CHANGELOG.md up to date with the fragments and the plugins of the version in galaxy.yml."""
    log.run(
        VENV / "bin" / "antsibull-changelog",
        "release",
        "--update-existing",
        "--reload-plugins",
        "--refresh-plugins",
        "--refresh-fragments",
    )
